//! The client's socket: its options, and how its end is noticed where nobody reads or writes it.

use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// How long a client may be silent before the kernel asks whether it is still there, and how it asks: two minutes in all.
/// While output is on its way unanswered, the kernel goes by its retransmissions instead (net.ipv4.tcp_retries2, about 15
/// minutes). TCP_USER_TIMEOUT would shorten that, but it also ends a client that is there and does not read for a while,
/// as a pager does.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);

/// Sets what every client's socket has: small writes go out at once, and TCP keep-alive.
///
/// # Errors
/// The system's.
pub fn set_options(client: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(client);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&KEEPALIVE)
}

/// A second handle on the client's socket, to be told of its end by an error where nobody reads or writes it: a reset, or
/// no answer to TCP keep-alive.
#[derive(Debug)]
pub struct Watch(TcpStream);

impl Watch {
    /// Watches this client.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn over(client: &TcpStream) -> io::Result<Self> {
        Ok(Self(TcpStream::from_std(client.as_fd().try_clone_to_owned()?.into())?))
    }

    /// Waits for the error.
    pub async fn client_gone(&self) -> io::Error {
        let gone = self.0.ready(Interest::ERROR).await.and_then(|_| self.0.take_error());
        gone.unwrap_or_else(Some).unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())
    }
}
