//! What the proxy is held against: a bare relay, and the system calls alone.

use crate::address::Address;
use crate::daemon::exit_with_parent;
use socket2::Socket;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, UnixListener, UnixStream};

/// As many as the proxy has (`MAX_WORKERS` of its service.rs).
const MAX_RELAY_THREADS: usize = 4;

/// Bytes that the floor, the system calls alone, reads at once. A request of the bench comes in one piece, and is smaller.
const FLOOR_READ_BYTES: usize = 64 * 1024;

/// What a thread of the floor needs beside its buffer.
const FLOOR_STACK_BYTES: usize = 64 * 1024;

/// The threads of the relay, and the processes of a peer that can be told how many.
pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MAX_RELAY_THREADS)
}

/// What flows over a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Requests, each answered before the next one. A relay has small buffers.
    Requests,
    /// Streams. A relay has large buffers.
    Bulk,
}

impl Flow {
    /// Its name as an argument.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Bulk => "bulk",
        }
    }

    /// Bytes that a relay copies at once: tokio's default, which suits requests, or what suits bulk data.
    pub fn buffer_bytes(self) -> usize {
        match self {
            Self::Requests => 8 * 1024,
            Self::Bulk => 64 * 1024,
        }
    }
}

impl FromStr for Flow {
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Self> {
        [Self::Requests, Self::Bulk]
            .into_iter()
            .find(|flow| flow.name() == text)
            .ok_or(io::ErrorKind::InvalidInput.into())
    }
}

/// Relays each client to the socket without looking at a byte, until the standard input ends.
pub fn relay(address: &Address, socket: &Path, flow: Flow) -> io::Result<()> {
    exit_with_parent();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads()).enable_all().build()?;
    let socket: Arc<Path> = socket.into();
    let buffer_bytes = flow.buffer_bytes();
    runtime.block_on(async {
        match address {
            Address::Tcp(address) => {
                let listener = TcpListener::bind(address).await?;
                loop {
                    let (client, _) = listener.accept().await?;
                    client.set_nodelay(true)?;
                    tokio::spawn(relay_client(client, Arc::clone(&socket), buffer_bytes));
                }
            }
            Address::Unix(path) => {
                let listener = UnixListener::bind(path)?;
                loop {
                    let (client, _) = listener.accept().await?;
                    tokio::spawn(relay_client(client, Arc::clone(&socket), buffer_bytes));
                }
            }
        }
    })
}

/// Copies in both directions. Each transport has a copy of its own, compiled for it: no relay is to cost less.
async fn relay_client(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    socket: Arc<Path>,
    buffer_bytes: usize,
) -> io::Result<()> {
    let mut daemon = UnixStream::connect(&socket).await?;
    copy_bidirectional_with_sizes(&mut client, &mut daemon, buffer_bytes, buffer_bytes).await.map(drop)
}

/// Relays by blocking reads and writes, and nothing else: no call asks what is ready. A thread passes the requests of one connection,
/// and two the streams of one. Until the standard input ends.
pub fn floor(address: &Address, socket: &Path, flow: Flow) -> io::Result<()> {
    exit_with_parent();
    let floor = Arc::new(Floor {
        listener: address.listen()?,
        over_tcp: matches!(address, Address::Tcp(_)),
        daemon: Address::Unix(socket.into()),
        flow,
        waiting: AtomicUsize::new(1),
    });
    floor.serve()
}

/// No thread ever ends: `/proc` would lose the CPU time of one that does.
struct Floor {
    listener: Socket,
    over_tcp: bool,
    daemon: Address,
    flow: Flow,
    /// Threads that wait for a client.
    waiting: AtomicUsize,
}

impl Floor {
    /// Serves one client after the other. The last thread that waited has another one wait in its place.
    fn serve(self: Arc<Self>) -> io::Result<()> {
        loop {
            let (client, _) = self.listener.accept()?;
            if self.waiting.fetch_sub(1, Ordering::Relaxed) == 1 {
                self.waiting.fetch_add(1, Ordering::Relaxed);
                let floor = Arc::clone(&self);
                spawn(move || drop(floor.serve()))?;
            }
            // Clients come and go as the bench wants.
            let _ = self.serve_client(client);
            self.waiting.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn serve_client(&self, client: Socket) -> io::Result<()> {
        if self.over_tcp {
            client.set_tcp_nodelay(true)?;
        }
        let daemon = self.daemon.connect()?;
        if self.flow == Flow::Requests {
            return pass_requests(&client, &daemon);
        }
        let (sender, receiver) = (client.try_clone()?, daemon.try_clone()?);
        spawn(move || {
            let _ = pass_stream(&sender, &receiver);
            drop((sender, receiver));
            loop {
                thread::park();
            }
        })?;
        pass_stream(&daemon, &client)
    }
}

fn spawn(run: impl FnOnce() + Send + 'static) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().stack_size(FLOOR_STACK_BYTES).spawn(run)
}

/// Passes a request and its answer, and the next, each with one read and one write. Both come in one piece.
fn pass_requests(mut client: &Socket, mut daemon: &Socket) -> io::Result<()> {
    let mut buffer = vec![0; FLOOR_READ_BYTES];
    loop {
        match client.read(&mut buffer)? {
            0 => return Ok(()),
            read => daemon.write_all(&buffer[..read])?,
        }
        match daemon.read(&mut buffer)? {
            0 => return Ok(()),
            read => client.write_all(&buffer[..read])?,
        }
    }
}

fn pass_stream(mut from: &Socket, mut to: &Socket) -> io::Result<()> {
    let mut buffer = vec![0; FLOOR_READ_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(read) if read > 0 => to.write_all(&buffer[..read])?,
            // The end, or a client that went away without one.
            ended => {
                to.shutdown(Shutdown::Write)?;
                return ended.map(drop);
            }
        }
    }
}
