//! The raw copy behind a hijack.
//!
//! Owns invariant 10: each side's end is passed on as the half-close that it is, and a client that has vanished ends it
//! all.

use crate::proxy::client::{Client, Noted, Progress};
use crate::proxy::pump::Pump;
use crate::proxy::stream::UntilClosed;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf, copy_bidirectional_with_sizes, join};
use tokio::net::UnixStream;

/// Bytes of the copy's buffer for each direction: with as many, bulk data costs half the CPU of tokio's default of 8 KiB.
const COPY_BUFFER_BYTES: usize = 64 * 1024;

/// Copies raw bytes both ways until both ends are done, first those that the pumps hold because they came early. The
/// client's EOF shuts down only the daemon's write half, and the other way round; there is no deadline.
///
/// # Errors
/// The client is gone.
pub async fn splice(
    client: &mut Client,
    daemon: &mut UnixStream,
    from_client: &mut Pump,
    from_daemon: &mut Pump,
) -> io::Result<()> {
    let (client_reader, client_writer) = client.split();
    let watch = client_reader.watch()?;
    let silent = from_client.held().is_empty() && from_daemon.held().is_empty();
    let (daemon_reader, daemon_writer) = daemon.split();
    if silent {
        // The copy takes its buffers with the first byte: until then, be it for hours, a stream holds none.
        tokio::select! {
            ready = client_reader.readable() => ready?,
            ready = daemon_reader.readable() => ready?,
        }
    }
    let (waited_for, input) = (AtomicBool::new(false), Progress::default());
    let client_reader = Waited { inner: client_reader, waited_for: &waited_for };
    let client_reader = Prefixed { pump: from_client, inner: client_reader };
    let daemon_reader = Prefixed { pump: from_daemon, inner: UntilClosed(daemon_reader) };
    let daemon_writer = Noted { inner: UntilClosed(daemon_writer), progress: &input };
    let mut client = join(client_reader, client_writer);
    let mut daemon = join(daemon_reader, daemon_writer);
    let copy = copy_bidirectional_with_sizes(&mut client, &mut daemon, COPY_BUFFER_BYTES, COPY_BUFFER_BYTES);
    let mut copy = pin!(copy);
    // Apart, as every connection would have room for them.
    let (mut gone, mut hang_up) = (Box::pin(watch.gone(&input)), Box::pin(watch.hang_up()));
    poll_fn(|cx| {
        waited_for.store(false, Relaxed);
        match copy.as_mut().poll(cx) {
            Poll::Ready(copied) => return Poll::Ready(copied.map(drop)),
            // It waits for the client's next byte, and so for its end.
            Poll::Pending if waited_for.load(Relaxed) => return Poll::Pending,
            Poll::Pending => {}
        }
        // The client has half-closed, or the daemon takes no more of its input: a silent container does not write to it either.
        match gone.as_mut().poll(cx) {
            // What the client sent before it closed is not on its way any more.
            Poll::Pending if input.has_ended() => hang_up.as_mut().poll(cx).map(Err),
            gone => gone.map(Err),
        }
    })
    .await
}

/// A reader that notes when it is waited for.
struct Waited<'n, R> {
    inner: R,
    waited_for: &'n AtomicBool,
}

impl<R: AsyncRead + Unpin> AsyncRead for Waited<'_, R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        self.waited_for.store(read.is_pending(), Relaxed);
        read
    }
}

/// A reader of a raw stream, behind the bytes of it that its pump holds.
struct Prefixed<'p, R> {
    pump: &'p mut Pump,
    inner: R,
}

impl<R: AsyncRead + Unpin> AsyncRead for Prefixed<'_, R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { pump, inner } = &mut *self;
        pump.poll_read_raw(cx, inner, buffer)
    }
}
