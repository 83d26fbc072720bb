//! `docker-socket-proxy healthcheck`: does the proxy of this environment answer, and the daemon behind it?

use crate::config::{Config, Listen};
use crate::proxy::backlog::Backlog;
use crate::proxy::daemon::{self, Daemon};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::join;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Both answers have to be there after so long: before Docker ends the check (the Dockerfile's HEALTHCHECK).
const DEADLINE: Duration = Duration::from_secs(5);

/// Asks both.
///
/// # Errors
/// A sentence that says which of them does not answer, and why.
pub async fn check(config: &Config) -> Result<(), String> {
    let (proxy, daemon) = join!(
        timeout(DEADLINE, ask_proxy(config.listen, config.disable_ipv6)),
        timeout(DEADLINE, ask_daemon(config))
    );
    let (listen, path) = (config.listen, config.socket_path.display());
    match proxy {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(format!("the proxy does not answer on {listen}: {error}")),
        Err(_) => {
            let full = full(config).unwrap_or_default();
            return Err(format!("the proxy does not answer on {listen} within {DEADLINE:?}{full}"));
        }
    }
    match daemon {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(format!("the daemon at {path} does not answer /_ping with 200")),
        Ok(Err(error)) => Err(format!("the daemon at {path} does not answer: {error}")),
        Err(_) => Err(format!("the daemon at {path} does not answer within {DEADLINE:?}")),
    }
}

/// Says so where the proxy does not answer because all its places are taken.
fn full(config: &Config) -> Option<String> {
    let Backlog { accepted, waiting } = Backlog::of(config.listen.port())?;
    let most = config.max_connections;
    (accepted >= most).then(|| {
        format!(": it serves {accepted} clients, as many as MAX_CONNECTIONS says, and {waiting} wait")
    })
}

/// Connects, asks nothing, and waits for the proxy to end the connection in turn: that shows that it accepts and serves,
/// whatever the policy grants, and leaves no line in its log.
async fn ask_proxy(listen: Listen, disable_ipv6: bool) -> io::Result<()> {
    let mut proxy = match listen {
        Listen::At(address) if address.ip().is_unspecified() => {
            TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).await?
        }
        Listen::At(address) => TcpStream::connect(address).await?,
        Listen::All(port) if disable_ipv6 => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?,
        Listen::All(port) => connect_here(port).await?,
    };
    proxy.shutdown().await?;
    proxy.read_to_end(&mut Vec::new()).await.map(drop)
}

/// Connects to a port of this host by IPv4 or, where that fails, by IPv6. The reason that IPv4 gives is the likelier one: that of
/// IPv6 is mostly that the host has none. Only where the host has no IPv4 it is the other way round.
async fn connect_here(port: u16) -> io::Result<TcpStream> {
    let reason = match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        Ok(proxy) => return Ok(proxy),
        Err(reason) => reason,
    };
    let by_ipv6 = TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await;
    by_ipv6.map_err(|other| match reason.kind() {
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::NetworkUnreachable => other,
        _ => reason,
    })
}

/// Whether the daemon answers 200.
async fn ask_daemon(config: &Config) -> Result<bool, daemon::Error> {
    let mut daemon = Daemon::new(config).connect().await?;
    daemon.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n").await?;
    let mut answer = [0; "HTTP/1.1 200".len()];
    daemon.read_exact(&mut answer).await?;
    Ok(answer.ends_with(b" 200"))
}
