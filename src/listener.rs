//! Binding, accepting and stopping.
//!
//! Owns invariant 12: the accept loop awaits nothing but room, a client and the end; out of descriptors it backs off
//! and goes on.

use crate::client;
use crate::config::{Config, Listen};
use crate::conn::Connection;
use crate::daemon::Daemon;
use log::{debug, warn};
use socket2::{Domain, Protocol, Socket, Type};
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
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
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves clients until `shutdown` is ready, then lets requests in flight end within the grace period.
pub async fn run(listener: TcpListener, config: Arc<Config>, shutdown: impl Future<Output = ()>) {
    let (at_once, grace) = (config.max_connections, config.shutdown_grace);
    let daemon = Arc::new(Daemon::new(&config));
    let serve = move |client, peer, stopping| {
        let (config, daemon) = (Arc::clone(&config), Arc::clone(&daemon));
        async move {
            let mut connection = Connection::new(client, peer, &config, &daemon, stopping);
            connection.serve().await;
        }
    };
    serve_each(listener, at_once, grace, shutdown, serve).await;
}

/// Serves each client with `serve`, which is told when to stop: `at_once` of them, the others wait in the backlog. A panic
/// ends only the client that it happened to.
pub async fn serve_each<S: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    at_once: usize,
    grace: Duration,
    shutdown: impl Future<Output = ()>,
    serve: impl Fn(TcpStream, SocketAddr, watch::Receiver<bool>) -> S,
) {
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            // Also one that panicked; the panic hook has logged it.
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener), if connections.len() < at_once => accepted,
        };
        if let Some((client, peer)) = accepted {
            connections.spawn(serve(client, peer, stopping.clone()));
        }
    }
    drop(listener);
    // No receiver is left where no client is.
    let _ = stop.send(true);
    let drained = timeout(grace, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        warn!(event = "stop"; "{} connections were cut at the end of the grace period", connections.len());
    }
}

/// Accepts one client.
async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok((client, peer)) => {
            if let Err(error) = client::set_options(&client) {
                debug!(client:% = peer, event = "accept"; "socket options: {error}");
            }
            Some((client, SocketAddr::new(peer.ip().to_canonical(), peer.port())))
        }
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
