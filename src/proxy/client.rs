//! The client: its socket, how its end is noticed where nobody reads or writes it, and how its connection is closed.
//!
//! Whatever is TCP's alone is in here.

use crate::proxy::scratch::discard;
use socket2::{SockRef, Socket, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::{TcpStream, tcp};
use tokio::time::timeout;

/// How long a client may be silent before the kernel asks whether it is still there, and how it asks: two minutes in all.
/// While output is on its way unanswered, the kernel goes by its retransmissions instead (net.ipv4.tcp_retries2, about 15
/// minutes). TCP_USER_TIMEOUT would shorten that, but it also ends a client that is there and does not read for a while,
/// as a pager does.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);

/// How long a client may take to read our last words before its connection is closed under it.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);

/// Sets on a listening socket what each client's socket is to have, as Linux has an accepted socket inherit it: small writes
/// go out at once, and TCP keep-alive.
///
/// # Errors
/// The system's.
pub fn set_options(listener: &Socket) -> io::Result<()> {
    listener.set_tcp_nodelay(true)?;
    listener.set_tcp_keepalive(&KEEPALIVE)
}

/// A client that was accepted.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    peer: SocketAddr,
}

impl Client {
    /// The client behind an accepted socket. An IPv4 address that a dual-stack socket shows as one of IPv6 (RFC 4291 2.5.5.2)
    /// is shown as what it is.
    #[must_use]
    pub const fn new(stream: TcpStream, peer: SocketAddr) -> Self {
        Self { stream, peer: SocketAddr::new(peer.ip().to_canonical(), peer.port()) }
    }

    /// Where it comes from.
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Both directions, to be used at the same time.
    pub fn split(&mut self) -> (Reader<'_>, impl AsyncWrite + Unpin) {
        let (reader, writer) = self.stream.split();
        (Reader(reader), writer)
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

    /// Has the connection end with a reset, not in order, once it is dropped: its reader sees that it is cut.
    pub fn end_by_reset(&self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// What a client sends, and its end.
#[derive(Debug)]
pub struct Reader<'c>(tcp::ReadHalf<'c>);

impl Reader<'_> {
    /// Waits until there is something to read, or the end.
    ///
    /// # Errors
    /// The system's.
    pub async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// Waits for an error of the client's, such as a reset, while nobody reads or writes it. It may wake for every byte that comes.
    pub async fn gone(&self) {
        let _ = self.0.ready(Interest::ERROR).await;
    }

    /// Waits by a second handle for an error of the client's: a reset, or no answer to TCP keep-alive. Costs nothing before it is
    /// first polled, and then, unlike [`Reader::gone`], wakes for nothing else. Where both directions have ended in order, the
    /// error may still come as long as output is on its way.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn watch(&self) -> io::Result<impl Future<Output = io::Error> + use<>> {
        self.0.as_ref().as_fd().try_clone_to_owned().map(error_of)
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

/// Waits for the error of a socket.
#[allow(
    deprecated,
    reason = "its successor wants a promise that the descriptor stays open, which an owned one does"
)]
async fn error_of(socket: OwnedFd) -> io::Error {
    // The error is told whatever the interest. With one in errors tokio would wake for every byte that can be read, so
    // it is in urgent data, which nobody sends.
    let socket = match AsyncFd::with_interest(socket, Interest::PRIORITY) {
        Ok(socket) => socket,
        Err(error) => return error,
    };
    if let Err(error) = socket.ready(Interest::ERROR).await {
        return error;
    }
    // Whoever reads or writes may have taken it.
    let error = SockRef::from(&socket).take_error().ok().flatten();
    error.unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())
}
