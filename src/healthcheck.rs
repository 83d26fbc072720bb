//! `docker-socket-proxy healthcheck`: does the proxy of this environment answer wherever it listens, and the daemon behind it?

use crate::config::{Config, Frontend, Listen};
use crate::proxy::backlog::Backlog;
use crate::proxy::daemon::{self, Daemon};
use crate::proxy::places::share;
use crate::proxy::stream::{Either, Stream};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout_at};

/// All answers have to be there after so long: before Docker ends the check (the Dockerfile's HEALTHCHECK).
const DEADLINE: Duration = Duration::from_secs(5);

/// Asks every listener and then the daemon, up to the first that does not answer.
///
/// # Errors
/// A sentence that says which one that is, and why.
pub async fn check(config: &Config) -> Result<(), String> {
    let deadline = Instant::now() + DEADLINE;
    for frontend in &config.frontends {
        for listen in &frontend.listen {
            let full = || full(config, frontend);
            let why = match timeout_at(deadline, ask_proxy(listen)).await {
                Ok(Ok(())) => continue,
                // A socket file's backlog is full, where a port's would let us wait.
                Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    full().unwrap_or_else(|| format!(": {error}"))
                }
                Ok(Err(error)) => format!(": {error}{}", advice(listen, &error)),
                Err(_) => format!(" within {DEADLINE:?}{}", full().unwrap_or_default()),
            };
            let who = frontend.name.as_ref().map_or_else(String::new, |name| format!("{name}: "));
            return Err(format!("{who}the proxy does not answer on {listen}{why}"));
        }
    }
    let path = config.socket_path.display();
    match timeout_at(deadline, ask_daemon(config)).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(format!("the daemon at {path} does not answer /_ping with 200")),
        Ok(Err(error)) => Err(format!("the daemon at {path} does not answer: {error}")),
        Err(_) => Err(format!("the daemon at {path} does not answer within {DEADLINE:?}")),
    }
}

/// What to do about a socket file that cannot be opened.
fn advice(listen: &Listen, error: &io::Error) -> &'static str {
    match (listen, error.kind()) {
        (Listen::Unix(_), io::ErrorKind::NotFound) => {
            "; where somebody has removed the file, only a new start of the proxy makes it again"
        }
        (Listen::Unix(_), io::ErrorKind::PermissionDenied) => {
            "; LISTEN_MODE and LISTEN_OWNER say who may open it, and this user may not"
        }
        _ => "",
    }
}

/// Says so where the proxy does not answer because all places are taken that this frontend has.
fn full(config: &Config, frontend: &Frontend) -> Option<String> {
    let of_listen = |listen: &Listen| match listen {
        Listen::All(port) => Backlog::of(*port),
        Listen::At(address) => Backlog::of(address.port()),
        Listen::Unix(_) | Listen::Systemd(_) => None,
    };
    let known: Vec<_> = frontend.listen.iter().filter_map(of_listen).collect();
    let accepted: usize = known.iter().map(|backlog| backlog.accepted).sum();
    let waiting: usize = known.iter().map(|backlog| backlog.waiting).sum();
    let least = share(config.max_connections, config.frontends.len());
    let says = if config.frontends.len() == 1 {
        "as many as MAX_CONNECTIONS says"
    } else {
        "which are all that it has places for"
    };
    (accepted >= least).then(|| format!(": it serves {accepted} clients, {says}, and {waiting} wait"))
}

/// Connects, asks nothing, and waits for the proxy to end the connection in turn: that shows that it accepts and serves,
/// whatever the policy grants, and leaves no line in its log.
async fn ask_proxy(listen: &Listen) -> io::Result<()> {
    let mut proxy: Stream = match listen {
        Listen::At(address) if address.ip().is_unspecified() => {
            Either::Tcp(connect((Ipv4Addr::LOCALHOST, address.port()).into()).await?)
        }
        Listen::At(address) => Either::Tcp(connect(*address).await?),
        Listen::All(port) => Either::Tcp(connect_here(*port).await?),
        Listen::Unix(path) => Either::Unix(UnixStream::connect(path).await?),
        Listen::Systemd(_) => {
            return Err(io::Error::other("systemd alone knows these sockets: ask systemctl is-active"));
        }
    };
    proxy.shutdown().await?;
    match proxy.read(&mut [0]).await? {
        0 => Ok(()),
        // A client that can write the folder of its socket may have put another one there, which could send without end.
        _ => Err(io::Error::other("another program listens there, and speaks before it is asked")),
    }
}

/// Connects to a port of this host by IPv4 or, where that fails, by IPv6. The reason that IPv4 gives is the likelier one: that of
/// IPv6 is mostly that the host has none. Only where the host has no IPv4 it is the other way round.
async fn connect_here(port: u16) -> io::Result<TcpStream> {
    let reason = match connect((Ipv4Addr::LOCALHOST, port).into()).await {
        Ok(proxy) => return Ok(proxy),
        Err(reason) => reason,
    };
    let by_ipv6 = connect((Ipv6Addr::LOCALHOST, port).into()).await;
    by_ipv6.map_err(|other| match reason.kind() {
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::NetworkUnreachable => other,
        _ => reason,
    })
}

/// TcpStream's own is compiled for each type of address.
async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(address).await
}

/// Whether the daemon answers 200.
async fn ask_daemon(config: &Config) -> Result<bool, daemon::Error> {
    let mut daemon = Daemon::new(config).connect().await?;
    daemon.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n").await?;
    let mut answer = [0; "HTTP/1.1 200".len()];
    daemon.read_exact(&mut answer).await?;
    Ok(answer.ends_with(b" 200"))
}
