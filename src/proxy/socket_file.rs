//! The file of a Unix socket that is listened on: how it appears, what it replaces, and how it goes.
//!
//! It is made under another name, gets its mode and its owner, listens, and is then renamed: who sees it can use it. What
//! stands in its place is replaced where it is a socket that nobody listens on, and stays in every other case.

use crate::config::Access;
use crate::config::listen::name_until_ready;
use rustix::fs::{FlockOperation, Mode, flock};
use rustix::process::umask;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, lchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// How often, and in which steps, it is tried to have the folder to ourselves: another proxy that starts there needs less.
const LOCK_TRIES: usize = 50;

/// The pause between two of these tries.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A socket file of ours. It goes with this value, if it is still the same file.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Which file it is, whatever its name: device and inode.
type Identity = (u64, u64);

impl SocketFile {
    /// Listens on a file with this access, with room for so many clients that wait.
    ///
    /// # Errors
    /// The system's, and whatever stands in the way.
    pub fn listen(path: &Path, access: Access, backlog: i32) -> io::Result<(Socket, Self)> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        // Two proxies that start at once would both find the same stale file, and the second would take the first one's place.
        let _locked = lock(folder)?;
        let new = name_until_ready(path);
        for name in [path, &new] {
            refuse_unless_stale(name)?;
        }
        remove_if_there(&new)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
        bind(&socket, &new, access.mode)?;
        let listening = give(&new, access)
            .and_then(|()| socket.listen(backlog))
            .and_then(|()| fs::rename(&new, path))
            .and_then(|()| identify(path));
        match listening {
            Ok(identity) => Ok((socket, Self { path: path.to_owned(), identity })),
            Err(error) => {
                let _ = fs::remove_file(&new);
                Err(error)
            }
        }
    }

    /// Its name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identify(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Has the folder to ourselves until the value is dropped. Whoever may open the folder could hold it for ever, so that this is not
/// waited for.
fn lock(folder: &Path) -> io::Result<File> {
    let file =
        File::open(folder).map_err(|error| explain(error, &format!("its folder {}", folder.display())))?;
    for _ in 0..LOCK_TRIES {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => thread::sleep(LOCK_PAUSE),
            // Some file systems have no locks.
            Ok(()) | Err(_) => return Ok(file),
        }
    }
    Err(io::Error::new(ErrorKind::WouldBlock, "another program holds a lock on its folder"))
}

/// Refuses whatever stands at a path, but for a socket that nobody listens on. A link is not followed.
fn refuse_unless_stale(path: &Path) -> io::Result<()> {
    let refused = |why: &str| Err(io::Error::new(ErrorKind::AddrInUse, format!("{} {why}", path.display())));
    match fs::symlink_metadata(path) {
        Ok(file) if !file.file_type().is_socket() => {
            return refused("is a file, and no socket: move it away, or take another name");
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    // Where the backlog of who listens is full, this would wait if it could.
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(()),
        _ => refused("is in use: another program listens on it, or may do so"),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(explain(error, "its folder")),
        _ => Ok(()),
    }
}

/// Makes the file, with its mode from the first moment on. A change of the mode later would go by the name, behind which another file
/// could stand by then. No other thread makes files meanwhile.
fn bind(socket: &Socket, path: &Path, mode: u32) -> io::Result<()> {
    let address = SockAddr::unix(path)?;
    let before = umask(Mode::from_raw_mode(!mode & 0o777));
    let bound = socket.bind(&address);
    umask(before);
    bound.map_err(|error| explain(error, "its folder"))
}

/// Gives the file to its owner. A link is not followed.
fn give(path: &Path, access: Access) -> io::Result<()> {
    if access.uid.is_none() && access.gid.is_none() {
        return Ok(());
    }
    lchown(path, access.uid, access.gid).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => io::Error::new(
            ErrorKind::PermissionDenied,
            "it cannot be given to LISTEN_OWNER: that takes root with the capability CHOWN, or a group that this user is in",
        ),
        _ => error,
    })
}

/// Says what to do about an error that has to do with a folder.
fn explain(error: io::Error, folder: &str) -> io::Error {
    let advice = match error.kind() {
        ErrorKind::NotFound => "is not there: make it, or mount it",
        ErrorKind::PermissionDenied => "cannot be written by this user",
        ErrorKind::ReadOnlyFilesystem => "is read-only: mount a volume or a tmpfs there",
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{error}; {folder} {advice}"))
}

fn identify(path: &Path) -> io::Result<Identity> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}
