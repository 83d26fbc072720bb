//! LISTEN and what belongs to it: where clients are waited for, and who may open a socket file.

use crate::vars::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};

/// One place to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// This port of all addresses of the host.
    All(u16),
    /// One address.
    At(SocketAddr),
    /// A socket file, from the root.
    Unix(PathBuf),
    /// The sockets that systemd hands over: those with this FileDescriptorName, or all.
    Systemd(Option<String>),
}

/// The most bytes of a socket file's path: no client could name a longer one (unix(7)).
const MAX_PATH_BYTES: usize = 107;

impl Listen {
    /// Whether both cannot be listened on at once. Port 0 is another one each time.
    pub(super) fn collides(&self, other: &Self) -> bool {
        let is_at = |all: u16, address: &SocketAddr| all == address.port() && all != 0;
        match (self, other) {
            (Self::All(port), Self::All(other)) => port == other && *port != 0,
            (Self::All(port), Self::At(address)) | (Self::At(address), Self::All(port)) => {
                is_at(*port, address)
            }
            (Self::At(one), Self::At(other)) => {
                let same =
                    |one: IpAddr, other: IpAddr| one == other || one == IpAddr::from(Ipv4Addr::UNSPECIFIED);
                is_at(one.port(), other)
                    && one.is_ipv4() == other.is_ipv4()
                    && (same(one.ip(), other.ip()) || same(other.ip(), one.ip()))
            }
            (Self::Unix(one), Self::Unix(other)) => one == other,
            (Self::Systemd(one), Self::Systemd(other)) => one.is_none() || other.is_none() || one == other,
            _ => false,
        }
    }

    /// Whether whoever reaches the other reaches this one.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All(port), Self::At(address)) => *port == address.port(),
            (Self::At(here), Self::At(there)) if here.ip().is_unspecified() => {
                // Of one protocol: `[::]` is read as all addresses.
                there.is_ipv4() && here.port() == there.port()
            }
            (Self::Systemd(None), Self::Systemd(_)) => true,
            (here, there) => here == there,
        }
    }

    /// Without what DISABLE_IPV6 takes away.
    #[must_use]
    pub fn by_protocol(&self, disable_ipv6: bool) -> Self {
        match self {
            Self::All(port) if disable_ipv6 => Self::At((Ipv4Addr::UNSPECIFIED, *port).into()),
            listen => listen.clone(),
        }
    }
}

/// As LISTEN has it.
impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(port) => write!(f, ":{port}"),
            Self::At(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Systemd(None) => f.write_str("systemd"),
            Self::Systemd(Some(name)) => write!(f, "systemd:{name}"),
        }
    }
}

/// Whether whoever reaches one of `there` reaches one of `here` too.
pub(super) fn cover(here: &[Listen], there: &[Listen]) -> bool {
    there.iter().all(|there| here.iter().any(|here| here.covers(there)))
}

/// Reads one or several places, with commas between.
pub(super) fn parse_listen(variable: &'static str, value: &str) -> Result<Vec<Listen>, Error> {
    let words = value.split(',').map(str::trim).filter(|word| !word.is_empty());
    let listens: Vec<_> = words.map(|word| parse_one(variable, word)).collect::<Result<_, _>>()?;
    match listens.is_empty() {
        true => Err(Error::value(variable, value, EXPECTED)),
        false => Ok(listens),
    }
}

const EXPECTED: &str = "ADDRESS:PORT, such as 127.0.0.1:2375 or [::1]:2375, or :PORT for all addresses, or unix:/PATH for a \
                        socket file, or systemd; or several of these with commas between";

fn parse_one(variable: &'static str, word: &str) -> Result<Listen, Error> {
    if word.contains(char::is_whitespace) {
        return Err(Error::value(
            variable,
            word,
            "no space and no line end in a place, and commas between several",
        ));
    }
    if let Some(path) = word.strip_prefix("unix:") {
        return parse_path(path).map(Listen::Unix).map_err(|expected| Error::value(variable, word, expected));
    }
    if let Some(rest) = word.strip_prefix("systemd") {
        match rest.strip_prefix(':') {
            None if rest.is_empty() => return Ok(Listen::Systemd(None)),
            Some(name) if !name.is_empty() => return Ok(Listen::Systemd(Some(name.to_owned()))),
            _ => {}
        }
    }
    let parsed = match word.strip_prefix(':') {
        Some(port) => port.parse().ok().map(Listen::All),
        None => word.parse().ok().map(|address: SocketAddr| {
            match address.ip().is_unspecified() && address.is_ipv6() {
                true => Listen::All(address.port()),
                false => Listen::At(address),
            }
        }),
    };
    parsed.ok_or_else(|| Error::value(variable, word, EXPECTED))
}

/// Reads the path of a socket file, also as a URL has it: `unix:///run/x.sock`. One that is written in two ways is the same.
fn parse_path(path: &str) -> Result<PathBuf, &'static str> {
    if !path.starts_with('/') {
        return Err("unix: and a path from the root, such as unix:/run/docker-socket-proxy/docker.sock");
    }
    let path: PathBuf = Path::new(&format!("/{}", path.trim_start_matches('/'))).components().collect();
    if path.components().any(|part| part == Component::ParentDir) {
        return Err("a path without .., which is then known by one name");
    }
    if path.file_name().is_none() {
        return Err("unix: and the path of a file");
    }
    match path.as_os_str().len() {
        0..=MAX_PATH_BYTES => Ok(path),
        _ => Err("a path of at most 107 bytes, as the kernel takes no longer ones"),
    }
}

/// Who may open the socket files: LISTEN_MODE and LISTEN_OWNER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The permission bits.
    pub mode: u32,
    /// The owner; `None` for the user that the proxy runs as.
    pub uid: Option<u32>,
    /// The group; `None` for the proxy's own.
    pub gid: Option<u32>,
}

impl Access {
    /// Whether all whom the other lets in are let in by this one.
    pub(super) fn covers(self, other: Self) -> bool {
        other.mode & !self.mode == 0 && (self.uid, self.gid) == (other.uid, other.gid)
    }
}

/// Reads permission bits in octal. No socket needs x, and whoever listens needs rw. So YAML's octal numbers are refused: `0660` without
/// quotes comes as 432, and what has 6 as its first digit in octal has 3 or 4 as its first one in decimal.
pub(super) fn parse_mode(variable: &'static str, value: &str) -> Result<u32, Error> {
    let octal = value.bytes().all(|byte| byte.is_ascii_digit());
    let is_usable = |mode: &u32| mode & !0o066 == 0o600;
    let mode = u32::from_str_radix(value, 8).ok().filter(|mode| octal && is_usable(mode));
    mode.ok_or_else(|| Error::value(variable, value, MODE_EXPECTED))
}

const MODE_EXPECTED: &str =
    "permissions in octal with rw for the owner and without x, such as 0660; in YAML in quotes: \"0660\"";

/// Reads `UID:GID`, `UID` or `:GID`, as chown(1) takes them. Names are not looked up: an image of one program has no table of them.
pub(super) fn parse_owner(variable: &'static str, value: &str) -> Result<(Option<u32>, Option<u32>), Error> {
    let (uid, gid) = value.split_once(':').unwrap_or((value, ""));
    // The highest is chown's word for none.
    let number = |word: &str| match word {
        "" => Ok(None),
        _ => word.parse().ok().filter(|id| *id != u32::MAX).map(Some).ok_or(()),
    };
    let expected = "UID:GID, UID or :GID, in numbers, such as 1000:998";
    match (number(uid), number(gid)) {
        (Ok(uid), Ok(gid)) if value != ":" => Ok((uid, gid)),
        _ => Err(Error::value(variable, value, expected)),
    }
}
