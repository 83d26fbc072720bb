//! Accepting and stopping.
//!
//! Owns invariant 12: an accept loop awaits nothing but room, a client and the end; out of descriptors it backs off
//! and goes on. Each frontend has a loop over all its listeners, and its clients are served by the threads of its own runtime.

use crate::config::{Config, Frontend};
use crate::proxy::bind::{Entrance, Listener};
use crate::proxy::client::Client;
use crate::proxy::clock::{Clock, Timekeeper};
use crate::proxy::conn::Connection;
use crate::proxy::daemon::Daemon;
use crate::proxy::places::{Places, Pool};
use crate::proxy::stream::Either;
use log::warn;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{sleep, timeout};

/// The pause after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves clients until `shutdown` is ready, then lets requests in flight end within the grace period.
///
/// # Errors
/// The system's, before a client is served.
pub async fn run(
    entrances: Vec<Entrance>,
    config: Arc<Config>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let server = |frontend: &Arc<Frontend>| {
        // One for each frontend: nobody waits for the daemon behind another one's clients.
        let daemon = Arc::new(Daemon::new(&config));
        let (config, frontend) = (Arc::clone(&config), Arc::clone(frontend));
        move |client, clock| {
            let (config, frontend, daemon) =
                (Arc::clone(&config), Arc::clone(&frontend), Arc::clone(&daemon));
            async move { Connection::new(client, &config, &frontend, &daemon, clock).serve().await }
        }
    };
    serve_each(entrances, &config, shutdown, server).await
}

/// Serves each client of a frontend with what `server` makes for it: MAX_CONNECTIONS at once, the others wait in the backlog. A panic
/// ends only the client that it happened to.
///
/// # Errors
/// The system's, before a client is served.
pub async fn serve_each<F, S>(
    entrances: Vec<Entrance>,
    config: &Config,
    shutdown: impl Future<Output = ()>,
    server: impl Fn(&Arc<Frontend>) -> F,
) -> io::Result<()>
where
    F: Fn(Client, Clock) -> S + Send + Sync + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let timekeeper = Timekeeper::start(config.idle_timeout)?;
    let pool = Pool::new(config.max_connections, entrances.len());
    let mut loops = Vec::new();
    for (place, entrance) in entrances.into_iter().enumerate() {
        let (places, runtime) = (pool.places(place, &entrance), entrance.runtime.clone());
        let serve = server(&entrance.frontend);
        let accept = accept_each(entrance.listeners, places, timekeeper.clone(), serve);
        loops.push(runtime.spawn(boxed(accept)));
    }
    tokio::select! {
        biased;
        () = shutdown => {}
        bug = poll_fn(|cx| first_bug(&mut loops, cx)) => resume_unwind(bug.into_panic()),
    }
    let ended = async {
        // With them go the listeners.
        for accept in &loops {
            accept.abort();
        }
        for accept in loops {
            let _ = accept.await;
        }
        timekeeper.stop();
        pool.all_free().await;
    };
    if timeout(config.shutdown_grace, ended).await.is_err() {
        let connections = pool.taken();
        warn!(event = "stop"; "{connections} connections are cut at the end of the grace period");
    }
    Ok(())
}

/// Ready when one of them has ended, which only a bug brings about.
fn first_bug(loops: &mut [JoinHandle<()>], cx: &mut Context<'_>) -> Poll<JoinError> {
    for accept in loops {
        if let Poll::Ready(Err(bug)) = Pin::new(accept).poll(cx) {
            return Poll::Ready(bug);
        }
    }
    Poll::Pending
}

/// A task of which there are few. tokio's code for a task is compiled for each type of future, which takes some 10 KB of the program:
/// boxed, they are of one type.
pub fn boxed(future: impl Future<Output = ()> + Send + 'static) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(future)
}

/// Has each client of a frontend served in a task of its own. Cancel-safe.
async fn accept_each<F, S>(mut listeners: Vec<Listener>, mut places: Places, timekeeper: Timekeeper, serve: F)
where
    F: Fn(Client, Clock) -> S + Send + Sync + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let serve = Arc::new(serve);
    loop {
        let place = places.take().await;
        let Some(client) = accept(&mut listeners).await else { continue };
        let (serve, clock) = (Arc::clone(&serve), timekeeper.clock());
        // Called in there: a future that is handed over would take up its room twice.
        tokio::spawn(async move {
            serve(client, clock).await;
            drop(place);
        });
    }
}

/// Accepts one client of any of these listeners. The one that it came to is asked last the next time.
async fn accept(listeners: &mut [Listener]) -> Option<Client> {
    let accepted = poll_fn(|cx| {
        let ready =
            listeners.iter().enumerate().find_map(|(place, listener)| match poll_accept(listener, cx) {
                Poll::Ready(accepted) => Some((place, accepted)),
                Poll::Pending => None,
            });
        ready.map_or(Poll::Pending, Poll::Ready)
    });
    let (place, accepted) = accepted.await;
    listeners[place..].rotate_left(1);
    match accepted {
        Ok(client) => Some(client),
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

fn poll_accept(listener: &Listener, cx: &mut Context<'_>) -> Poll<io::Result<Client>> {
    let door = || Arc::clone(&listener.door);
    match &listener.socket {
        Either::Tcp(socket) => {
            socket.poll_accept(cx).map_ok(|(stream, peer)| Client::tcp(stream, peer, door()))
        }
        Either::Unix(socket) => socket.poll_accept(cx).map_ok(|(stream, _)| Client::unix(stream, door())),
    }
}
