//! From LISTEN to sockets that listen: of TCP, of a file, or those that systemd hands over.

use crate::config::{Config, Frontend, Listen};
use crate::proxy::client;
use crate::proxy::peer::Door;
use crate::proxy::socket_file::{SocketFile, is_same};
use crate::proxy::stream::Either;
use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Handle;

/// Clients that may wait to be accepted. The kernel caps it at net.core.somaxconn.
const BACKLOG: i32 = 4096;

/// An address as the system has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Of TCP.
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

/// As LISTEN has it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    /// Its file, where that is ours. It goes first: while somebody listens on it, no other proxy takes its place.
    _file: Option<SocketFile>,
    /// The socket.
    pub socket: Either<TcpListener, UnixListener>,
    /// Where.
    pub address: Address,
    /// What the log says of it.
    pub door: Arc<Door>,
}

/// A frontend, where it is listened for it, and whose threads serve it.
#[derive(Debug)]
pub struct Entrance {
    /// Who is served.
    pub frontend: Arc<Frontend>,
    /// Where.
    pub listeners: Vec<Listener>,
    /// By whom.
    pub runtime: Handle,
}

/// Why somewhere nobody can listen.
#[derive(Debug)]
pub struct Error {
    listen: Listen,
    reason: io::Error,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.listen, self.reason)
    }
}

/// Listens wherever the configuration says, for each frontend by the runtime of its number. Where there are fewer, they are taken again
/// from the first.
///
/// # Errors
/// The first place where that cannot be; what was made for the others is gone again.
pub fn bind(config: &Config, runtimes: &[Handle]) -> Result<Vec<Entrance>, Error> {
    let mut handed_over = HandedOver::from_systemd();
    let mut entrances = Vec::new();
    for (frontend, runtime) in config.frontends.iter().zip(runtimes.iter().cycle()) {
        // It is told when one of these sockets has a client.
        let _entered = runtime.enter();
        let mut listeners = Vec::new();
        for listen in &frontend.listen {
            let listening = match listen {
                Listen::Systemd(name) => handed_over.take(name.as_deref(), frontend),
                listen => listen_on(listen, frontend, &config.socket_path).map(|listener| vec![listener]),
            };
            listeners.extend(listening.map_err(|reason| Error { listen: listen.clone(), reason })?);
        }
        entrances.push(Entrance { frontend: Arc::clone(frontend), listeners, runtime: runtime.clone() });
    }
    handed_over.refuse_rest().map_err(|reason| Error { listen: Listen::Systemd(None), reason })?;
    Ok(entrances)
}

/// How many descriptors listening takes: the sockets, and the folder of each file. Those that systemd hands over are open anyway.
#[must_use]
pub fn descriptors(config: &Config) -> usize {
    let places = config.frontends.iter().flat_map(|frontend| &frontend.listen);
    let of_place = |place: &Listen| if let Listen::Unix(_) = place { 2 } else { 1 };
    let count = std::env::var("LISTEN_FDS").ok().filter(|_| HandedOver::are_ours());
    let handed_over: u16 = count.and_then(|count| count.parse().ok()).unwrap_or_default();
    places.map(of_place).sum::<usize>() + usize::from(handed_over)
}

fn listen_on(listen: &Listen, frontend: &Frontend, daemon: &Path) -> io::Result<Listener> {
    let (socket, file) = match listen {
        Listen::At(address) => (listen_tcp(*address)?, None),
        // One dual-stack socket; where the host has no IPv6, IPv4 alone.
        Listen::All(port) => {
            let all = listen_tcp((Ipv6Addr::UNSPECIFIED, *port).into()).or_else(|error| match error.kind() {
                io::ErrorKind::AddrInUse => Err(error),
                _ => listen_tcp((Ipv4Addr::UNSPECIFIED, *port).into()),
            });
            (all?, None)
        }
        Listen::Unix(path) => {
            let refuse_daemons = || match is_same(path, daemon) {
                true => Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    "SOCKET_PATH is the same file, and a proxy that asks itself serves nobody",
                )),
                false => Ok(()),
            };
            refuse_daemons()?;
            let (socket, file) = SocketFile::listen(path, frontend.access, BACKLOG)?;
            // Where neither was there, only now it can be seen.
            refuse_daemons()?;
            (socket, Some(file))
        }
        Listen::Systemd(_) => return Err(io::ErrorKind::Unsupported.into()),
    };
    Listener::new(socket, file, frontend)
}

fn listen_tcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

impl Listener {
    fn new(socket: Socket, file: Option<SocketFile>, frontend: &Frontend) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let (socket, address) = match (&file, local.as_socket()) {
            (None, Some(address)) => {
                client::set_options(&SockRef::from(&socket))?;
                (Either::Tcp(TcpListener::from_std(socket.into())?), Address::Tcp(address))
            }
            (file, _) => {
                // The kernel knows a file of ours by the name that it had at first.
                let path = file.as_ref().map_or_else(|| local.as_pathname(), |file| Some(file.path()));
                let path = path.unwrap_or(Path::new("")).to_owned();
                let socket = std::os::unix::net::UnixListener::from(std::os::fd::OwnedFd::from(socket));
                (Either::Unix(UnixListener::from_std(socket)?), Address::Unix(path))
            }
        };
        let door = Door { name: frontend.name.clone(), listener: address.to_string() };
        Ok(Self { socket, address, door: Arc::new(door), _file: file })
    }
}

/// The sockets that systemd hands over (sd_listen_fds(3)), each with its name.
struct HandedOver {
    sockets: ListenFd,
    names: Vec<String>,
    left: Vec<usize>,
}

impl HandedOver {
    /// Those of this process's environment, which says nothing of them from then on.
    fn from_systemd() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let sockets = if Self::are_ours() { ListenFd::from_env() } else { ListenFd::empty() };
        let left = (0..sockets.len()).collect();
        Self { sockets, names: names.split(':').map(str::to_owned).collect(), left }
    }

    /// Whether they are for this process. listenfd takes those that are for none in particular, too.
    fn are_ours() -> bool {
        std::env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string())
    }

    fn name(&self, place: usize) -> &str {
        self.names.get(place).map_or("", String::as_str)
    }

    /// Takes those of this name, or all.
    fn take(&mut self, name: Option<&str>, frontend: &Frontend) -> io::Result<Vec<Listener>> {
        let wanted = |place: &usize| name.is_none_or(|name| name == self.name(*place));
        let (taken, left): (Vec<_>, Vec<_>) = self.left.iter().copied().partition(wanted);
        self.left = left;
        if taken.is_empty() {
            let why = match self.left.is_empty() {
                true => String::from(
                    "systemd hands over no such socket: is it in a .socket unit, and started by it?",
                ),
                false => {
                    let left: Vec<_> = self.left.iter().map(|place| self.name(*place)).collect();
                    format!(
                        "systemd hands over no such socket, but {}: FileDescriptorName= of the .socket unit says it",
                        left.join(", ")
                    )
                }
            };
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        taken.into_iter().map(|place| self.listener(place, frontend)).collect()
    }

    fn listener(&mut self, place: usize, frontend: &Frontend) -> io::Result<Listener> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let socket = match self.sockets.take_unix_listener(place) {
            Ok(socket) => Socket::from(std::os::fd::OwnedFd::from(socket.ok_or_else(missing)?)),
            Err(_) => Socket::from(self.sockets.take_tcp_listener(place)?.ok_or_else(missing)?),
        };
        if !socket.is_listener()? {
            let why =
                "systemd hands over a connection in place of a socket that listens: take Accept=yes away";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        Listener::new(socket, None, frontend)
    }

    /// Those that nobody takes would let their clients wait for ever.
    fn refuse_rest(&self) -> io::Result<()> {
        let Some(&place) = self.left.first() else { return Ok(()) };
        let why = format!(
            "systemd hands over a socket named {:?}, and no LISTEN takes it: set LISTEN=systemd, or systemd:NAME for the client",
            self.name(place)
        );
        Err(io::Error::new(io::ErrorKind::InvalidInput, why))
    }
}
