//! `docker-socket-proxy healthcheck`: does the proxy of this environment answer, and the daemon behind it?

use crate::config::{Config, Listen};
use crate::daemon::{self, Daemon};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
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
        Err(_) => return Err(format!("the proxy does not answer on {listen} within {DEADLINE:?}")),
    }
    match daemon {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(format!("the daemon at {path} does not answer /_ping with 200")),
        Ok(Err(error)) => Err(format!("the daemon at {path} does not answer: {error}")),
        Err(_) => Err(format!("the daemon at {path} does not answer within {DEADLINE:?}")),
    }
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
        Listen::All(port) => {
            let both: [SocketAddr; 2] =
                [(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()];
            TcpStream::connect(&both[..]).await?
        }
    };
    proxy.shutdown().await?;
    proxy.read_to_end(&mut Vec::new()).await.map(drop)
}

/// Whether the daemon answers 200.
async fn ask_daemon(config: &Config) -> Result<bool, daemon::Error> {
    let mut daemon = Daemon::new(config).connect().await?;
    let ask = async {
        daemon.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n").await?;
        let mut answer = [0; "HTTP/1.1 200".len()];
        daemon.read_exact(&mut answer).await?;
        Ok(answer.ends_with(b" 200"))
    };
    ask.await.map_err(daemon::Error::Unreachable)
}
