//! Where a peer listens: at a TCP port, or at a Unix socket.

use socket2::{Domain, SockAddr, Socket, Type};
use std::fmt;
use std::fs;
use std::io;
use std::net::{AddrParseError, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::sleep;

/// Clients that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// How long a client waits for a place in a backlog that is full, before it tries again.
const BACKLOG_PAUSE: Duration = Duration::from_millis(1);

/// What clients come over.
#[derive(Clone, Copy)]
pub enum Transport {
    /// TCP, on the loopback interface.
    Tcp,
    /// A Unix socket.
    Unix,
}

impl Transport {
    /// An address at which nobody listens. Where it is a socket's file, it has this name in `scratch`.
    pub fn free_address(self, scratch: &Path, name: &str) -> io::Result<Address> {
        match self {
            Self::Tcp => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr().map(Address::Tcp),
            Self::Unix => {
                let path = scratch.join(name);
                // A peer is killed, and so leaves its file behind.
                if path.exists() {
                    fs::remove_file(&path)?;
                }
                Ok(Address::Unix(path))
            }
        }
    }
}

/// The address of a listener. Its text is as in the proxy's LISTEN.
#[derive(Clone)]
pub enum Address {
    /// Address and port.
    Tcp(SocketAddr),
    /// The socket's file.
    Unix(PathBuf),
}

/// What [`Address::connect_async`] gives, whatever the transport.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Address {
    /// Connects to it, blocking.
    pub fn connect(&self) -> io::Result<Socket> {
        let stream = |domain| Socket::new(domain, Type::STREAM, None);
        match self {
            Self::Tcp(address) => {
                let socket = stream(Domain::for_address(*address))?;
                socket.connect(&SockAddr::from(*address))?;
                socket.set_tcp_nodelay(true)?;
                Ok(socket)
            }
            Self::Unix(path) => {
                let socket = stream(Domain::UNIX)?;
                socket.connect(&SockAddr::unix(path)?)?;
                Ok(socket)
            }
        }
    }

    /// Listens on it, blocking.
    pub fn listen(&self) -> io::Result<Socket> {
        let (domain, address) = match self {
            Self::Tcp(address) => (Domain::for_address(*address), SockAddr::from(*address)),
            Self::Unix(path) => (Domain::UNIX, SockAddr::unix(path)?),
        };
        let socket = Socket::new(domain, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&address)?;
        socket.listen(BACKLOG)?;
        Ok(socket)
    }

    /// Connects to it.
    pub async fn connect_async(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            // Where TCP would wait, because the listener's backlog is full, this says so at once.
            Self::Unix(path) => loop {
                match UnixStream::connect(path).await {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(BACKLOG_PAUSE).await,
                    connected => return Ok(Box::new(connected?)),
                }
            },
        }
    }
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
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("unix:") {
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp),
        }
    }
}
