//! The client's socket: its options, and how its end is noticed where nobody reads or writes it.

use socket2::{SockRef, Socket, TcpKeepalive};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;

/// How long a client may be silent before the kernel asks whether it is still there, and how it asks: two minutes in all.
/// While output is on its way unanswered, the kernel goes by its retransmissions instead (net.ipv4.tcp_retries2, about 15
/// minutes). TCP_USER_TIMEOUT would shorten that, but it also ends a client that is there and does not read for a while,
/// as a pager does.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);

/// Sets on a listening socket what each client's socket is to have, as Linux has an accepted socket inherit it: small writes
/// go out at once, and TCP keep-alive.
///
/// # Errors
/// The system's.
pub fn set_options(listener: &Socket) -> io::Result<()> {
    listener.set_tcp_nodelay(true)?;
    listener.set_tcp_keepalive(&KEEPALIVE)
}

/// A second handle on the client's socket, to be told of its end by an error where nobody reads or writes it: a reset, or
/// no answer to TCP keep-alive.
#[derive(Debug)]
pub struct Watch(OwnedFd);

impl Watch {
    /// Watches this client.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn over(client: &TcpStream) -> io::Result<Self> {
        client.as_fd().try_clone_to_owned().map(Self)
    }

    /// Waits for the error. Costs nothing before it is first polled. Where both directions have ended in order, it may still
    /// come as long as output is on its way.
    #[allow(
        deprecated,
        reason = "its successor wants a promise that the descriptor stays open, which an owned one does"
    )]
    pub async fn client_gone(self) -> io::Error {
        // The error is told whatever the interest. With one in errors tokio would wake for every byte that can be read, so
        // it is in urgent data, which nobody sends.
        let socket = match AsyncFd::with_interest(self.0, Interest::PRIORITY) {
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
}
