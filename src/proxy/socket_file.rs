//! The file of a Unix socket that is listened on: how it appears, what it replaces, and how it goes.
//!
//! Others may be able to write its folder, a client's container among them, and may be the same user there. So it is made in a folder
//! of our own in there, that no other user can enter. It is listened on, and a connection to itself shows that the file at hand is
//! this very socket, whatever became of its name. By this file, and not by a name, it gets its owner and its mode. Then it is moved to
//! its place, complete. What stood in that place is replaced where it is a socket that nobody listens on, and stays in every other
//! case.

use crate::config::Access;
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RenameFlags, fremovexattr, mkdirat, openat, renameat, renameat_with, statat,
    unlinkat,
};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};
use socket2::{Domain, SockAddr, Socket, Type};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// The socket's name until it is ready, and the name that a stale one gets.
const SOCKET: &str = "s";
const STALE: &str = "old";

/// So many clients of the same user may come before our own word does.
const MOST_KNOCKS: usize = 64;

/// A socket file of ours. It goes with this value, if it is still the same file.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Its folder, whatever became of that one's name.
    folder: OwnedFd,
    identity: Identity,
}

/// Which file it is, whatever its name: device and inode.
type Identity = (u64, u64);

fn identity(file: &Metadata) -> Identity {
    (file.dev(), file.ino())
}

/// Which file has this name now. A link is not followed.
fn identity_at(path: &Path) -> Option<Identity> {
    fs::symlink_metadata(path).map(|file| identity(&file)).ok()
}

/// Which file has this name in a folder. It takes no descriptor.
fn identity_in(folder: &OwnedFd, name: &OsStr) -> Option<Identity> {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map(|file| (file.st_dev, file.st_ino)).ok()
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
        let mut workshop = Workshop::make(folder, name)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
        socket.bind(&SockAddr::unix(by_descriptor(&workshop.inside).join(SOCKET))?)?;
        socket.listen(backlog)?;
        let file = workshop.find(&socket)?;
        let identity = identity(&file.metadata()?);
        workshop.socket = Some(identity);
        give(&file, access)?;
        workshop.put(path, name, identity)?;
        Ok((socket, Self { path: path.to_owned(), folder: workshop.around.try_clone()?, identity }))
    }

    /// Its name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Who can write what is above the folder could put another one in its place.
        if let Some(name) = self.path.file_name()
            && identity_in(&self.folder, name) == Some(self.identity)
        {
            let _ = unlinkat(&self.folder, name, AtFlags::empty());
        }
    }
}

/// Whether a path is the very file that another one leads to.
#[must_use]
pub fn is_same(path: &Path, other: &Path) -> bool {
    let other = fs::metadata(other).map(|file| identity(&file)).ok();
    other.is_some() && identity_at(path) == other
}

/// A folder that no other user can enter, beside the place of the socket. It goes with this value.
struct Workshop {
    /// The folder in which it is.
    around: OwnedFd,
    name: OsString,
    inside: OwnedFd,
    /// What it holds of ours: the socket, and a stale one that was moved in.
    socket: Option<Identity>,
    stale: Option<Identity>,
}

impl Workshop {
    /// Makes it, under a name that nobody knows before.
    fn make(folder: &Path, socket: &OsStr) -> io::Result<Self> {
        let say = |error: Errno| explain(error.into(), folder);
        // By its kind, so that nobody waits for a pipe that has this name.
        let around = openat(CWD, folder, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(say)?;
        let mut name = OsString::from(".");
        name.push(socket);
        name.push(format!(".{:x}", RandomState::new().hash_one(std::process::id())));
        mkdirat(&around, &name, Mode::RWXU).map_err(say)?;
        match enter(&around, &name, folder) {
            Ok(inside) => Ok(Self { around, name, inside, socket: None, stale: None }),
            Err(error) => {
                let _ = unlinkat(&around, &name, AtFlags::REMOVEDIR);
                Err(error)
            }
        }
    }

    /// Which file has this name in it.
    fn identity_of(&self, name: &str) -> Option<Identity> {
        identity_in(&self.inside, name.as_ref())
    }

    /// The file of a socket that was made in here: what is said to it is heard by this socket. Who is the same user could have exchanged it,
    /// or connect too.
    fn find(&self, socket: &Socket) -> io::Result<File> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(openat(&self.inside, SOCKET, flags, Mode::empty())?);
        let word = RandomState::new().hash_one(SOCKET).to_ne_bytes();
        let knock = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
        knock.connect(&SockAddr::unix(by_descriptor(&file))?)?;
        knock.send(&word)?;
        for _ in 0..MOST_KNOCKS {
            // Where nobody is left who knocks, it was at another door.
            let mut client = socket.accept().map_err(|_| changed())?.0;
            client.set_nonblocking(true)?;
            let mut heard = [0; 8];
            if client.read(&mut heard).is_ok() && heard == word {
                return Ok(file);
            }
        }
        Err(changed())
    }

    /// Moves the socket to its place.
    fn put(&mut self, path: &Path, name: &OsStr, ours: Identity) -> io::Result<()> {
        if let Some(stale) = refuse_unless_stale(path)? {
            // It is looked at again where nobody else can exchange it.
            match renameat(&self.around, name, &self.inside, STALE) {
                // Another proxy has taken it away.
                Err(Errno::NOENT) => {}
                moved => {
                    moved?;
                    self.stale = Some(stale);
                }
            }
            if self.identity_of(STALE).is_some_and(|file| file != stale) {
                move_to(&self.inside, STALE.as_ref(), &self.around, name)?;
                return Err(in_use(path));
            }
        }
        match move_to(&self.inside, SOCKET.as_ref(), &self.around, name) {
            Err(Errno::EXIST) => return Err(in_use(path)),
            moved => moved?,
        }
        if identity_at(path) == Some(ours) { Ok(()) } else { Err(changed()) }
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        for (name, ours) in [(SOCKET, self.socket), (STALE, self.stale)] {
            if ours.is_some() && self.identity_of(name) == ours {
                let _ = unlinkat(&self.inside, name, AtFlags::empty());
            }
        }
        let _ = unlinkat(&self.around, &self.name, AtFlags::REMOVEDIR);
    }
}

/// Opens the folder that was made under this name, if it is that one, and no other user can enter it.
fn enter(around: &OwnedFd, name: &OsStr, folder: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inside = openat(around, name, flags, Mode::empty()).map_err(|error| match error {
        Errno::ACCESS => closed(folder),
        error => error.into(),
    })?;
    // Another folder may have been put in its place meanwhile.
    let file = File::from(inside.try_clone()?).metadata()?;
    match file.mode() & 0o7777 & !0o2000 {
        _ if file.uid() != geteuid().as_raw() => return Err(changed()),
        0o700 => {}
        less if less & !0o700 == 0 => return Err(closed(folder)),
        _ => return Err(changed()),
    }
    // What the folder around hands on to files would let others in, whatever their mode is.
    match fremovexattr(&inside, "system.posix_acl_default") {
        Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(inside),
        Err(error) => Err(error.into()),
    }
}

/// A path that leads to an open file, whatever became of its name (proc(5), `/proc/PID/fd`).
fn by_descriptor(file: &impl AsRawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Moves a file, and replaces none.
fn move_to(from: &OwnedFd, name: &OsStr, to: &OwnedFd, new: &OsStr) -> Result<(), Errno> {
    match renameat_with(from, name, to, new, RenameFlags::NOREPLACE) {
        // Some file systems know no such flag.
        Err(Errno::INVAL | Errno::NOSYS) => renameat(from, name, to, new),
        moved => moved,
    }
}

/// Gives an open file its mode and its owner. The mode comes first: of what is another user's, root can change it only with one more
/// capability, FOWNER.
fn give(file: &File, access: Access) -> io::Result<()> {
    let path = by_descriptor(file);
    fs::set_permissions(&path, Permissions::from_mode(access.mode))?;
    let now = file.metadata()?;
    // A folder can hand its group on.
    let uid = access.uid.unwrap_or(geteuid().as_raw());
    let gid = access.gid.unwrap_or(getegid().as_raw());
    if (now.uid(), now.gid()) == (uid, gid) {
        return Ok(());
    }
    chown(path, Some(uid), Some(gid)).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => io::Error::new(
            ErrorKind::PermissionDenied,
            "it cannot be given to LISTEN_OWNER: that takes root with the capability CHOWN, or a group that this user is in",
        ),
        _ => error,
    })
}

/// Refuses whatever stands at a path, but for a socket that nobody listens on, which it identifies. A link is not followed.
fn refuse_unless_stale(path: &Path) -> io::Result<Option<Identity>> {
    let file = match fs::symlink_metadata(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.file_type().is_socket() {
        let what = match file.is_dir() {
            // Docker makes one.
            true => {
                "a folder, as there is where a file was mounted that was not there: remove it, and mount the folder around it"
            }
            false => "a file, and no socket: move it away, or take another name",
        };
        let why = format!("{} is {what}", path.display());
        return Err(io::Error::new(ErrorKind::AddrInUse, why));
    }
    // Where the backlog of who listens is full, this would wait if it could.
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    match socket.connect(&SockAddr::unix(path)?).map_err(|error| error.kind()) {
        Err(ErrorKind::ConnectionRefused) => Ok(Some(identity(&file))),
        Err(ErrorKind::NotFound) => Ok(None),
        Err(ErrorKind::PermissionDenied) => {
            let why = format!(
                "{} is a socket that this user may not open, so that it is not known whether another program listens on it: \
                 another user made it, or it was given to one. Remove it, and where LISTEN_OWNER is set, give it only the group, as :GID",
                path.display()
            );
            Err(io::Error::new(ErrorKind::PermissionDenied, why))
        }
        _ => Err(in_use(path)),
    }
}

fn in_use(path: &Path) -> io::Error {
    let why = format!(
        "{} is in use: another program listens on it, or may do so, or another LISTEN of this one",
        path.display()
    );
    io::Error::new(ErrorKind::AddrInUse, why)
}

/// What is made in a folder can have fewer rights than it was made with.
fn closed(folder: &Path) -> io::Error {
    let why = format!(
        "its folder {} lets this user not enter what it makes there: take the folder's default access list away, with setfacl -k",
        folder.display()
    );
    io::Error::new(ErrorKind::PermissionDenied, why)
}

fn changed() -> io::Error {
    io::Error::other("somebody changes its folder meanwhile")
}

/// Says what to do about an error that has to do with the folder.
fn explain(error: io::Error, folder: &Path) -> io::Error {
    let advice = match error.kind() {
        ErrorKind::NotFound => "is not there: make it, or mount it",
        ErrorKind::PermissionDenied => "cannot be written by this user",
        ErrorKind::ReadOnlyFilesystem => "is read-only: mount a volume there",
        _ => return error,
    };
    io::Error::new(error.kind(), format!("{error}; its folder {} {advice}", folder.display()))
}
