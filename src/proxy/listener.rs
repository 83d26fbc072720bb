//! Binding, accepting and stopping.
//!
//! Owns invariant 12: the accept loop awaits nothing but room, a client and the end; out of descriptors it backs off
//! and goes on.

use crate::config::{Config, Listen};
use crate::proxy::client::{self, Client};
use crate::proxy::clock::{Clock, Timekeeper};
use crate::proxy::conn::Connection;
use crate::proxy::daemon::Daemon;
use crate::proxy::places::Places;
use log::warn;
use socket2::{Domain, Protocol, Socket, Type};
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

/// Clients that may wait to be accepted. The kernel caps it at net.core.somaxconn.
const BACKLOG: i32 = 4096;

/// The pause after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Binds the configured address. All addresses are one dual-stack socket; where the host has no IPv6, IPv4 alone.
///
/// # Errors
/// The system's.
pub fn bind(config: &Config) -> io::Result<TcpListener> {
    match config.listen {
        Listen::At(address) => listen(address),
        Listen::All(port) if config.disable_ipv6 => listen((Ipv4Addr::UNSPECIFIED, port).into()),
        Listen::All(port) => listen((Ipv6Addr::UNSPECIFIED, port).into()).or_else(|error| {
            if error.kind() == io::ErrorKind::AddrInUse {
                return Err(error);
            }
            listen((Ipv4Addr::UNSPECIFIED, port).into())
        }),
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    client::set_options(&socket)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves clients until `shutdown` is ready, then lets requests in flight end within the grace period.
///
/// # Errors
/// The system's, before a client is served.
pub async fn run(
    listener: TcpListener,
    config: Arc<Config>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let daemon = Arc::new(Daemon::new(&config));
    let connections = Arc::clone(&config);
    let serve = move |client, clock| {
        let (config, daemon) = (Arc::clone(&connections), Arc::clone(&daemon));
        async move { Connection::new(client, &config, &daemon, clock).serve().await }
    };
    serve_each(listener, &config, shutdown, serve).await
}

/// Serves each client with `serve`: MAX_CONNECTIONS at once, the others wait in the backlog. A panic ends only the client
/// that it happened to.
///
/// # Errors
/// The system's, before a client is served.
pub async fn serve_each<S: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    config: &Config,
    shutdown: impl Future<Output = ()>,
    serve: impl Fn(Client, Clock) -> S + Send + Sync + 'static,
) -> io::Result<()> {
    let serve = Arc::new(serve);
    let timekeeper = Timekeeper::start(config.idle_timeout)?;
    let mut places = Places::new(config.max_connections, listener.local_addr()?.port());
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let next = async {
            let place = places.take().await;
            (place, accept(&listener).await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            next = next => next,
        };
        if let Some(client) = accepted {
            let (serve, clock) = (Arc::clone(&serve), timekeeper.clock());
            // Called in there: a future that is handed over would take up its room twice.
            tokio::spawn(async move {
                serve(client, clock).await;
                drop(place);
            });
        }
    }
    drop(listener);
    timekeeper.stop();
    if timeout(config.shutdown_grace, places.all_free()).await.is_err() {
        let connections = places.taken();
        warn!(event = "stop"; "{connections} connections are cut at the end of the grace period");
    }
    Ok(())
}

/// Accepts one client.
async fn accept(listener: &TcpListener) -> Option<Client> {
    match listener.accept().await {
        Ok((stream, peer)) => Some(Client::new(stream, peer)),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) =>
        {
            None
        }
        Err(error) => {
            warn!(event = "accept"; "cannot accept a client: {error}");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}
