//! The file of a Unix socket that is listened on: how it appears, what it replaces, and how it goes.
//!
//! Others may be able to write its folder, a client's container among them. So it is made in a folder of our own in there, that nobody
//! else can enter: there it gets its owner and its mode, and listens. Then it is moved to its place, complete. What stood in that
//! place is replaced where it is a socket that nobody listens on, and stays in every other case.

use crate::config::Access;
use crate::config::listen::name_until_ready;
use rustix::fs::{
    AtFlags, CWD, FlockOperation, Gid, Mode, OFlags, RenameFlags, Uid, chmodat, chownat, flock, mkdirat,
    openat, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};
use socket2::{Domain, SockAddr, Socket, Type};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// How often it is tried to be the only proxy that starts there: another one needs less.
const LOCK_TRIES: usize = 50;

/// The pause between two of these tries.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The socket's name until it is ready, and the name that a stale one gets.
const SOCKET: &str = "s";
const STALE: &str = "old";

/// A socket file of ours. It goes with this value, if it is still the same file.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Which file it is, whatever its name: device and inode.
type Identity = (u64, u64);

fn identity(file: &Metadata) -> Identity {
    (file.dev(), file.ino())
}

impl SocketFile {
    /// Listens on a file with this access, with room for so many clients that wait.
    ///
    /// # Errors
    /// The system's, and whatever stands in the way.
    pub fn listen(path: &Path, access: Access, backlog: i32) -> io::Result<(Socket, Self)> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(ErrorKind::InvalidInput.into());
        };
        let workshop = Workshop::enter(folder, &name_until_ready(path))?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
        socket.bind(&SockAddr::unix(made_under(path))?)?;
        let file = workshop.finish(access)?;
        socket.listen(backlog)?;
        workshop.put(path, name)?;
        Ok((socket, Self { path: path.to_owned(), identity: identity(&file) }))
    }

    /// Its name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|file| identity(&file) == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The name of the file while it is made, by which the kernel knows it for ever.
#[must_use]
pub fn made_under(path: &Path) -> PathBuf {
    name_until_ready(path).join(SOCKET)
}

/// Whether a path is the very file that another one leads to.
#[must_use]
pub fn is_same(path: &Path, other: &Path) -> bool {
    let other = fs::metadata(other).map(|file| identity(&file)).ok();
    other.is_some() && fs::symlink_metadata(path).map(|file| identity(&file)).ok() == other
}

/// A folder that nobody else can enter, beside the place of the socket. It goes with this value.
struct Workshop {
    /// The folder in which it is.
    around: OwnedFd,
    path: PathBuf,
    inside: OwnedFd,
}

impl Workshop {
    /// Makes it, or takes it over from a proxy that was killed. One that another proxy is in just now is waited for.
    fn enter(folder: &Path, path: &Path) -> io::Result<Self> {
        let say = |error: Errno| explain(error.into(), folder);
        // By its kind, so that nobody waits for a pipe that has this name.
        let around = openat(CWD, folder, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(say)?;
        for _ in 0..LOCK_TRIES {
            match mkdirat(&around, name_of(path), Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(say(error)),
            }
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let inside = match openat(&around, name_of(path), flags, Mode::empty()) {
                Ok(inside) => File::from(inside),
                // The other proxy is ready.
                Err(Errno::NOENT) => continue,
                Err(_) => return Err(foreign(path)),
            };
            let file = inside.metadata()?;
            if file.uid() != geteuid().as_raw() || file.mode() & 0o077 != 0 {
                return Err(foreign(path));
            }
            // Some file systems have no locks, which is another error.
            if flock(&inside, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
                thread::sleep(LOCK_PAUSE);
                continue;
            }
            // It may have gone before it was locked.
            if fs::symlink_metadata(path).is_ok_and(|there| identity(&there) == identity(&file)) {
                let workshop = Self { around, path: path.to_owned(), inside: inside.into() };
                workshop.clear();
                return Ok(workshop);
            }
        }
        Err(io::Error::new(ErrorKind::WouldBlock, "another proxy starts there and does not get on"))
    }

    /// A file in it, without following a link.
    fn look(&self, name: &str) -> io::Result<Metadata> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        File::from(openat(&self.inside, name, flags, Mode::empty())?).metadata()
    }

    /// Gives the socket its owner and its mode. Of this folder it is certain that the names in it are ours.
    fn finish(&self, access: Access) -> io::Result<Metadata> {
        let Ok(file) = self.look(SOCKET) else { return Err(foreign(&self.path)) };
        // A folder can hand its group on.
        let uid = access.uid.unwrap_or(geteuid().as_raw());
        let gid = access.gid.unwrap_or(getegid().as_raw());
        if (file.uid(), file.gid()) != (uid, gid) {
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            chownat(&self.inside, SOCKET, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW).map_err(|error| {
                let why = "it cannot be given to LISTEN_OWNER: that takes root with the capability CHOWN, or a group that this user \
                           is in";
                if error == Errno::PERM { io::Error::new(ErrorKind::PermissionDenied, why) } else { error.into() }
            })?;
        }
        chmodat(&self.inside, SOCKET, Mode::from_raw_mode(access.mode), AtFlags::empty())?;
        Ok(file)
    }

    /// Moves the socket to its place.
    fn put(&self, path: &Path, name: &OsStr) -> io::Result<()> {
        if let Some(stale) = refuse_unless_stale(path)? {
            // It is looked at again where nobody can exchange it.
            renameat(&self.around, name, &self.inside, STALE)?;
            if !self.look(STALE).is_ok_and(|file| identity(&file) == stale) {
                renameat(&self.inside, STALE, &self.around, name)?;
                return Err(in_use(path));
            }
        }
        match renameat_with(&self.inside, SOCKET, &self.around, name, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => Err(in_use(path)),
            // Some file systems know no such flag.
            Err(Errno::INVAL | Errno::NOSYS) => Ok(renameat(&self.inside, SOCKET, &self.around, name)?),
            moved => Ok(moved?),
        }
    }

    fn clear(&self) {
        for name in [SOCKET, STALE] {
            let _ = unlinkat(&self.inside, name, AtFlags::empty());
        }
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        self.clear();
        let _ = unlinkat(&self.around, name_of(&self.path), AtFlags::REMOVEDIR);
    }
}

fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or(OsStr::new(""))
}

/// Refuses whatever stands at a path, but for a socket that nobody listens on, which it identifies. A link is not followed.
fn refuse_unless_stale(path: &Path) -> io::Result<Option<Identity>> {
    let file = match fs::symlink_metadata(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.file_type().is_socket() {
        let why = format!("{} is a file, and no socket: move it away, or take another name", path.display());
        return Err(io::Error::new(ErrorKind::AddrInUse, why));
    }
    // Where the backlog of who listens is full, this would wait if it could.
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    match socket.connect(&SockAddr::unix(path)?).map_err(|error| error.kind()) {
        Err(ErrorKind::ConnectionRefused) => Ok(Some(identity(&file))),
        Err(ErrorKind::NotFound) => Ok(None),
        Err(ErrorKind::PermissionDenied) => {
            let why = format!(
                "{} is a socket that this user may not open, so that it is not known whether another program listens on it: remove \
                 it, and give LISTEN_OWNER only the group, as :GID",
                path.display()
            );
            Err(io::Error::new(ErrorKind::PermissionDenied, why))
        }
        _ => Err(in_use(path)),
    }
}

fn in_use(path: &Path) -> io::Error {
    let why = format!("{} is in use: another program listens on it, or may do so", path.display());
    io::Error::new(ErrorKind::AddrInUse, why)
}

fn foreign(path: &Path) -> io::Error {
    let why = format!("{} is not ours, and the socket is made there: remove it", path.display());
    io::Error::new(ErrorKind::AlreadyExists, why)
}

/// Says what to do about an error that has to do with the folder.
fn explain(error: io::Error, folder: &Path) -> io::Error {
    let advice = match error.kind() {
        ErrorKind::NotFound => "is not there: make it, or mount it",
        ErrorKind::PermissionDenied => "cannot be written by this user",
        ErrorKind::ReadOnlyFilesystem => "is read-only: mount a volume or a tmpfs there",
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{error}; its folder {} {advice}", folder.display()))
}
