//! The raw copy behind a hijack.
//!
//! Owns invariant 10: each side's end is passed on as the half-close that it is, and a client that has vanished ends it
//! all.

use crate::client::Watch;
use crate::daemon::UntilClosed;
use crate::relay::Pump;
use bytes::BytesMut;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf, copy_bidirectional_with_sizes, join};
use tokio::net::{TcpStream, UnixStream};

/// Bytes of the copy's buffer for each direction: with as many, bulk data costs half the CPU of tokio's default of 8 KiB.
const COPY_BUFFER_BYTES: usize = 64 * 1024;

/// Copies raw bytes both ways until both ends are done, first those that the pumps hold because they came early. The
/// client's EOF shuts down only the daemon's write half, and the other way round; there is no deadline.
///
/// # Errors
/// The client is gone.
pub async fn splice(
    client: &mut TcpStream,
    daemon: &mut UnixStream,
    from_client: &mut Pump,
    from_daemon: &mut Pump,
) -> io::Result<()> {
    // Once the client has half-closed, the copy reads it no more, and on a silent container does not write to it either.
    let watch = Watch::over(client)?;
    let silent = from_client.held.is_empty() && from_daemon.held.is_empty();
    let (client_reader, client_writer) = client.split();
    let (daemon_reader, daemon_writer) = daemon.split();
    let mut client = join(Prefixed::new(from_client.held.split(), client_reader), client_writer);
    let daemon_reader = Prefixed::new(from_daemon.held.split(), UntilClosed(daemon_reader));
    let mut daemon = join(daemon_reader, UntilClosed(daemon_writer));
    let copy = async {
        if silent {
            // The copy takes its buffers with the first byte: until then, be it for hours, a stream holds none.
            tokio::select! {
                ready = client.reader().inner.readable() => ready?,
                ready = daemon.reader().inner.0.readable() => ready?,
            }
        }
        copy_bidirectional_with_sizes(&mut client, &mut daemon, COPY_BUFFER_BYTES, COPY_BUFFER_BYTES).await
    };
    let copied = tokio::select! {
        copied = copy => copied.map(drop),
        error = watch.client_gone() => Err(error),
    };
    from_client.passed += client.reader().passed;
    from_daemon.passed += daemon.reader().passed;
    copied
}

/// A reader behind bytes that were read of it too early. Gives their buffer back once they are gone, and counts what it
/// hands out, also of a stream that is cut.
struct Prefixed<R> {
    early: BytesMut,
    inner: R,
    passed: u64,
}

impl<R> Prefixed<R> {
    const fn new(early: BytesMut, inner: R) -> Self {
        Self { early, inner, passed: 0 }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Prefixed<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.early.is_empty() {
            ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        } else {
            let count = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early.split_to(count));
            if self.early.is_empty() {
                self.early = BytesMut::new();
            }
        }
        self.passed += (buffer.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}
