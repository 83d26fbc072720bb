//! Where a proxy listens, and sockets that do not know of which kind it is.

use super::TempDir;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::str::FromStr;
use tokio::net::{TcpStream, UnixStream};

/// A kind of listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Tcp,
    Unix,
}

impl Kind {
    /// The one that this test binary runs over: Unix where its name ends in `unix`.
    pub const HERE: Self = match env!("CARGO_CRATE_NAME").as_bytes() {
        [.., b'u', b'n', b'i', b'x'] => Self::Unix,
        _ => Self::Tcp,
    };

    /// Each of them.
    pub const BOTH: [Self; 2] = [Self::Tcp, Self::Unix];

    /// A value of LISTEN that nobody uses: any free port, or a file in this folder.
    pub fn free(self, dir: &TempDir) -> String {
        match self {
            Self::Tcp => String::from("127.0.0.1:0"),
            Self::Unix => Address::Unix(dir.join("proxy.sock")).to_string(),
        }
    }
}

/// A value of LISTEN for one listener of each kind, in the order of [`Kind::BOTH`].
pub fn free_of_both(dir: &TempDir) -> String {
    Kind::BOTH.map(|kind| kind.free(dir)).join(",")
}

/// Where a proxy listens. Its text is that of LISTEN and of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    /// The address and the port of a TCP listener.
    pub fn tcp(&self) -> SocketAddr {
        match self {
            Self::Tcp(address) => *address,
            Self::Unix(path) => panic!("{} is no TCP listener", path.display()),
        }
    }

    /// What DOCKER_HOST is for its clients.
    pub fn docker_host(&self) -> String {
        match self {
            Self::Tcp(address) => format!("tcp://{address}"),
            Self::Unix(path) => format!("unix://{}", path.display()),
        }
    }

    /// A socket of its kind.
    pub fn socket(&self) -> Socket {
        let domain = match self {
            Self::Tcp(address) => Domain::for_address(*address),
            Self::Unix(_) => Domain::UNIX,
        };
        Socket::new(domain, Type::STREAM, None).expect("a socket")
    }

    /// A new connection.
    pub fn connect(&self) -> io::Result<Socket> {
        let socket = self.socket();
        self.connect_by(&socket)?;
        Ok(socket)
    }

    /// Connects this socket. On TCP small writes go out at once.
    pub fn connect_by(&self, socket: &Socket) -> io::Result<()> {
        match self {
            Self::Tcp(address) => {
                socket.connect(&(*address).into())?;
                socket.set_tcp_nodelay(true)
            }
            Self::Unix(path) => socket.connect(&SockAddr::unix(path)?),
        }
    }
}

/// A Unix socket as the type that sockets of both kinds have here: it is read, written and shut down by its descriptor alone.
pub fn of_either_kind(stream: UnixStream) -> io::Result<TcpStream> {
    TcpStream::from_std(OwnedFd::from(stream.into_std()?).into())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("unix:") {
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl From<&Self> for Address {
    fn from(address: &Self) -> Self {
        address.clone()
    }
}
