//! The client: its socket, how its end is noticed where nobody reads or writes it, and how its connection is closed.
//!
//! Whatever is of one kind of socket alone is in here.

use crate::proxy::peer::{Door, Peer};
use crate::proxy::scratch::discard;
use crate::proxy::stream::{Either, Stream, UntilClosed};
use socket2::{SockRef, TcpKeepalive};
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};
use tokio::time::{sleep, timeout};

/// How long a client may be silent before the kernel asks whether it is still there, and how it asks: two minutes in all.
/// While output is on its way unanswered, the kernel goes by its retransmissions instead (net.ipv4.tcp_retries2, about 15
/// minutes). TCP_USER_TIMEOUT would shorten that, but it also ends a client that is there and does not read for a while,
/// as a pager does.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);

/// How long the input of a client that has closed may be on its way to the daemon: as long as TCP keep-alive takes.
const GONE_AFTER: Duration = Duration::from_secs(120);

/// How long a client may take to read our last words before its connection is closed under it.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);

/// Sets on a listening TCP socket what each client's socket is to have, as Linux has an accepted socket inherit it: small writes
/// go out at once, and TCP keep-alive.
///
/// # Errors
/// The system's.
pub fn set_options(listener: &SockRef<'_>) -> io::Result<()> {
    listener.set_tcp_nodelay(true)?;
    listener.set_tcp_keepalive(&KEEPALIVE)
}

/// A client that was accepted.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    /// Its address, over TCP.
    address: Option<SocketAddr>,
    door: Arc<Door>,
}

impl Client {
    /// The client behind an accepted TCP socket. An IPv4 address that a dual-stack socket shows as one of IPv6 (RFC 4291 2.5.5.2)
    /// is shown as what it is.
    #[must_use]
    pub const fn tcp(stream: TcpStream, address: SocketAddr, door: Arc<Door>) -> Self {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        Self { stream: Either::Tcp(stream), address: Some(address), door }
    }

    /// The client behind an accepted Unix socket.
    #[must_use]
    pub const fn unix(stream: UnixStream, door: Arc<Door>) -> Self {
        Self { stream: Either::Unix(stream), address: None, door }
    }

    /// Who it is, for the log. The kernel is asked where it is a Unix socket.
    #[must_use]
    pub fn peer(&self) -> Peer {
        let credentials = match &self.stream {
            Either::Tcp(_) => None,
            Either::Unix(stream) => stream.peer_cred().ok(),
        };
        Peer {
            door: Arc::clone(&self.door),
            address: self.address,
            uid: credentials.map(|credentials| credentials.uid()),
            pid: credentials.and_then(|credentials| credentials.pid()).filter(|&pid| pid != 0),
        }
    }

    /// Both directions, to be used at the same time.
    pub fn split(&mut self) -> (Reader<'_>, impl AsyncWrite + Unpin) {
        match &mut self.stream {
            Either::Tcp(stream) => {
                let (reader, writer) = stream.split();
                (Reader(Either::Tcp(reader)), Either::Tcp(writer))
            }
            Either::Unix(stream) => {
                let (reader, writer) = stream.split();
                (Reader(Either::Unix(UntilClosed(reader))), Either::Unix(UntilClosed(writer)))
            }
        }
    }

    /// What it sends.
    pub fn reader(&mut self) -> Reader<'_> {
        self.split().0
    }

    /// Sends the last words, and closes as [`Client::close`] does. Each of the two may take LINGER_TIMEOUT.
    pub async fn close_with(&mut self, words: &[u8]) {
        let sent = timeout(LINGER_TIMEOUT, self.stream.write_all(words)).await;
        if matches!(sent, Ok(Ok(()))) {
            self.close().await;
        }
    }

    /// Closes the connection so that the client can read all that was sent: closing a socket that still has input makes the
    /// kernel reset it, and a reset discards what the client has not read yet (RFC 9112 9.6).
    pub async fn close(&mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let _ = timeout(LINGER_TIMEOUT, async {
            while matches!(discard(&mut self.stream, usize::MAX).await, Ok(1..)) {}
        })
        .await;
    }

    /// Has the connection end with a reset, not in order, once it is dropped: its reader sees that it is cut. A Unix socket has no
    /// such end.
    pub fn end_by_reset(&self) {
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.stream {
            Either::Tcp(stream) => stream.as_fd(),
            Either::Unix(stream) => stream.as_fd(),
        }
    }
}

/// What a client sends, and its end.
#[derive(Debug)]
pub struct Reader<'c>(Either<tcp::ReadHalf<'c>, UntilClosed<unix::ReadHalf<'c>>>);

impl Reader<'_> {
    /// Waits until there is something to read, or the end.
    ///
    /// # Errors
    /// The system's.
    pub async fn readable(&self) -> io::Result<()> {
        match &self.0 {
            Either::Tcp(reader) => reader.readable().await,
            Either::Unix(UntilClosed(reader)) => reader.readable().await,
        }
    }

    /// Waits for an error of the client's, such as a reset, while nobody reads or writes it. It may wake for every byte that comes. A Unix
    /// socket has none that says more than that the client has closed.
    pub async fn failed(&self) {
        match &self.0 {
            Either::Tcp(reader) => drop(reader.ready(Interest::ERROR).await),
            Either::Unix(_) => pending().await,
        }
    }

    /// The same, and for a client that has closed. Only where no more of its input matters.
    pub async fn gone(&self) {
        match &self.0 {
            Either::Tcp(_) => self.failed().await,
            // The socket's own readiness does not tell the end of both directions from that of one.
            Either::Unix(_) => {
                if let Ok(watch) = self.watch() {
                    watch.hang_up().await;
                }
            }
        }
    }

    /// A second handle, by which the end of the client shows while nobody reads or writes it, and nothing else does.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn watch(&self) -> io::Result<Watch> {
        let (socket, hangs_up) = match &self.0 {
            Either::Tcp(reader) => (reader.as_ref().as_fd(), false),
            Either::Unix(UntilClosed(reader)) => (reader.as_ref().as_fd(), true),
        };
        Watch::new(socket.try_clone_to_owned()?, hangs_up)
    }
}

impl AsyncRead for Reader<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

/// How far a client's input is on its way to the daemon.
#[derive(Debug, Default)]
pub struct Progress {
    passed: AtomicUsize,
    ended: AtomicBool,
}

impl Progress {
    /// Whether its end has been passed on too.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }
}

/// A writer to the daemon that notes progress.
#[derive(Debug)]
pub struct Noted<'p, W> {
    /// The writer.
    pub inner: W,
    /// Where it is noted.
    pub progress: &'p Progress,
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Noted<'_, W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.progress.passed.fetch_add(count, Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.progress.ended.store(ended.is_ready(), Relaxed);
        ended
    }
}

/// Watches over a client.
#[derive(Debug)]
pub struct Watch {
    socket: AsyncFd<OwnedFd>,
    /// Whether a client that closes shows otherwise than one that ends its output (unix(7)).
    hangs_up: bool,
}

impl Watch {
    #[allow(
        deprecated,
        reason = "its successor wants a promise that the descriptor stays open, which an owned one does"
    )]
    fn new(socket: OwnedFd, hangs_up: bool) -> io::Result<Self> {
        // Errors and hang-ups are told whatever the interest. With one in errors tokio would wake for every byte that can be
        // read, so it is in urgent data, which nobody sends.
        Ok(Self { socket: AsyncFd::with_interest(socket, Interest::PRIORITY)?, hangs_up })
    }

    /// Waits for a reset, or for no answer to TCP keep-alive. Where both directions have ended in order, it may still come as long as output
    /// is on its way. Over a Unix socket it never comes: there it would say no more than a hang-up.
    async fn error(&self) -> io::Error {
        match self.hangs_up {
            true => pending().await,
            false => self.end(Interest::ERROR).await,
        }
    }

    /// Waits until the client has closed, which alone says nothing of the input that it sent before: it may be on its way. Where the
    /// client's output has ended too, it comes in any case. Over TCP it never comes, as nobody can tell.
    pub async fn hang_up(&self) -> io::Error {
        match self.hangs_up {
            // tokio shows a hang-up with each interest in what comes in.
            true => self.end(Interest::PRIORITY).await,
            false => pending().await,
        }
    }

    /// Waits for an error, or for a client that has closed while the daemon takes none of its input for so long that nobody can wait for
    /// it any more: over TCP the kernel forgets it by then, and answers with a reset.
    pub async fn gone(&self, input: &Progress) -> io::Error {
        tokio::select! {
            error = self.error() => error,
            error = async {
                let error = self.hang_up().await;
                loop {
                    let before = input.passed.load(Relaxed);
                    sleep(GONE_AFTER).await;
                    if input.passed.load(Relaxed) == before {
                        return error;
                    }
                }
            } => error,
        }
    }

    async fn end(&self, interest: Interest) -> io::Error {
        if let Err(error) = self.socket.ready(interest).await {
            return error;
        }
        // Whoever reads or writes may have taken it.
        let error = SockRef::from(&self.socket).take_error().ok().flatten();
        error.unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())
    }
}
