//! One direction of a connection.
//!
//! Owns invariant 7 together with [`body`](crate::http::body): no byte behind a message is written with it.

use crate::http::body::Body;
use crate::http::framing::{self, BodyFraming};
use crate::proxy::scratch;
use bytes::{Buf, BytesMut};
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One direction of a connection: the bytes that were read and not yet written, and where the message in flight ends.
///
/// Where no bytes are held, there is no buffer.
///
/// Three fields stay in step. The first `cleared` bytes of `held` are the message's, and may be written. `body` is what is still to
/// be read of it. While that is not done, nothing is held behind the cleared bytes. What is held behind them otherwise is the next
/// message, which nobody has judged yet, or a raw stream.
#[derive(Debug)]
pub struct Pump {
    held: BytesMut,
    cleared: usize,
    body: Body,
    /// Bytes written since [`Pump::take_passed`].
    passed: u64,
}

/// Why a pump halted before its message was complete.
#[derive(Debug)]
pub enum Halt {
    /// The source ended.
    SourceEnded,
    /// Reading failed.
    SourceFailed(io::Error),
    /// Writing failed.
    SinkFailed,
    /// The body's framing is broken; nothing of the read that showed it was written.
    BadFraming(framing::Error),
}

impl Default for Pump {
    fn default() -> Self {
        Self { held: BytesMut::new(), cleared: 0, body: Body::from(BodyFraming::None), passed: 0 }
    }
}

impl Pump {
    /// Called behind each change.
    fn check(&self) {
        let Self { held, cleared, body, .. } = self;
        debug_assert!(*cleared <= held.len(), "{cleared} bytes may be written, and {} are held", held.len());
        debug_assert!(
            body.is_done() || *cleared == held.len(),
            "{cleared} of {} held bytes may be written, though all are the message's",
            held.len()
        );
    }

    /// The bytes that were read and not yet written.
    #[must_use]
    pub fn held(&self) -> &[u8] {
        &self.held
    }

    /// Whether the message has been written whole. True where none is in flight.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.cleared == 0 && self.body.is_done()
    }

    /// Whether all of the message has been read, or none is in flight.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.body.is_done()
    }

    /// Whether the message says where it ends, so that its reader sees a cut.
    #[must_use]
    pub const fn is_delimited(&self) -> bool {
        !matches!(self.body, Body::UntilClose)
    }

    /// Whether some of the message is still to be read, and it does not say how much.
    #[must_use]
    pub const fn streams(&self) -> bool {
        !self.body.is_done() && !matches!(self.body, Body::Length(_))
    }

    /// Bytes written since the last call.
    pub const fn take_passed(&mut self) -> u64 {
        mem::replace(&mut self.passed, 0)
    }

    /// Reads once, and holds up to `limit` bytes more. Only between two messages. Cancel-safe.
    ///
    /// # Errors
    /// The source ended or failed.
    pub async fn fill(&mut self, source: &mut (impl AsyncRead + Unpin), limit: usize) -> Result<(), Halt> {
        poll_fn(|cx| self.poll_fill(cx, source, limit)).await
    }

    /// The same, polled.
    ///
    /// # Errors
    /// The source ended or failed.
    pub fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut (impl AsyncRead + Unpin),
        limit: usize,
    ) -> Poll<Result<(), Halt>> {
        let read = scratch::poll_read(cx, source, limit, |_, bytes| {
            self.hold(bytes);
            self.check();
            bytes.len()
        });
        Poll::Ready(match ready!(read) {
            Ok(0) => Err(Halt::SourceEnded),
            Ok(_) => Ok(()),
            Err(error) => Err(Halt::SourceFailed(error)),
        })
    }

    /// Drops the first `count` held bytes, which are no message's.
    pub fn skip(&mut self, count: usize) {
        self.held.advance(count);
        if count > 0 {
            self.release();
        }
        self.check();
    }

    /// Starts a message whose head is the first `head_length` held bytes.
    ///
    /// # Errors
    /// The framing of what is held of its body is broken; no message is in flight then.
    pub fn begin(&mut self, head_length: usize, framing: BodyFraming) -> Result<(), framing::Error> {
        let mut body = Body::from(framing);
        self.cleared = head_length + body.advance(&self.held[head_length..])?;
        self.body = body;
        self.check();
        Ok(())
    }

    /// From here on the stream is raw: what is held, and what comes, is no message's.
    pub fn be_raw(&mut self) {
        self.cleared = 0;
        self.body = Body::from(BodyFraming::None);
        self.check();
    }

    /// Writes the rest of the message as it can be read. Cancel-safe: what was read is held.
    ///
    /// # Errors
    /// Any [`Halt`].
    pub async fn run(
        &mut self,
        source: &mut (impl AsyncRead + Unpin),
        sink: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), Halt> {
        poll_fn(|cx| self.poll_run(cx, source, sink)).await
    }

    /// The same, polled.
    ///
    /// # Errors
    /// Any [`Halt`].
    pub fn poll_run(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut (impl AsyncRead + Unpin),
        sink: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<Result<(), Halt>> {
        loop {
            ready!(self.poll_flush(cx, sink))?;
            if self.body.is_done() {
                return Poll::Ready(Ok(()));
            }
            // Read and write without an await between, so that the thread's one buffer serves every connection.
            match scratch::poll_read(cx, source, usize::MAX, |cx, bytes| self.pass(cx, bytes, sink)) {
                Poll::Ready(passed) => passed.map_err(Halt::SourceFailed)??,
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Reads a raw stream: first the bytes that came early and are held, whose buffer is then given back, and then the source's.
    /// They count as written, so that a stream which is cut has been counted too.
    ///
    /// # Errors
    /// The source's.
    pub fn poll_read_raw(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut (impl AsyncRead + Unpin),
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.held.is_empty() {
            ready!(Pin::new(source).poll_read(cx, buffer))?;
        } else {
            let count = self.held.len().min(buffer.remaining());
            buffer.put_slice(&self.held.split_to(count));
            self.release();
        }
        self.passed += (buffer.filled().len() - before) as u64;
        self.check();
        Poll::Ready(Ok(()))
    }

    /// Writes the held bytes of the message.
    ///
    /// # Errors
    /// [`Halt::SinkFailed`].
    pub fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<Result<(), Halt>> {
        if self.cleared == 0 {
            return Poll::Ready(Ok(()));
        }
        while self.cleared > 0 {
            let written = ready!(Pin::new(&mut *sink).poll_write(cx, &self.held[..self.cleared]));
            let written = written.map_err(|_| Halt::SinkFailed)?;
            self.held.advance(written);
            self.cleared -= written;
            self.passed += written as u64;
            self.check();
        }
        self.release();
        Poll::Ready(Ok(()))
    }

    /// Writes at once what was just read, as far as it is the message's and the sink takes it, and holds the rest. Nothing is held
    /// before.
    fn pass(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        sink: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), Halt> {
        if bytes.is_empty() {
            return Err(Halt::SourceEnded);
        }
        let cleared = self.body.advance(bytes).map_err(Halt::BadFraming)?;
        let (written, result) = match Pin::new(sink).poll_write(cx, &bytes[..cleared]) {
            Poll::Ready(Ok(written)) => (written, Ok(())),
            Poll::Ready(Err(_)) => (0, Err(Halt::SinkFailed)),
            Poll::Pending => (0, Ok(())),
        };
        self.hold(&bytes[written..]);
        self.cleared = cleared - written;
        self.passed += written as u64;
        self.check();
        result
    }

    /// Holds more bytes.
    fn hold(&mut self, bytes: &[u8]) {
        if self.held.is_empty() && !bytes.is_empty() {
            self.held = scratch::borrow(bytes.len());
        }
        self.held.extend_from_slice(bytes);
    }

    /// Gives an empty buffer back.
    fn release(&mut self) {
        if self.held.is_empty() {
            scratch::give_back(mem::take(&mut self.held));
        }
    }
}
