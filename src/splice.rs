//! Which request and response make a hijack, and the raw copy behind it.
//!
//! Owns invariants 9 and 10 (moby `postContainersAttach`, `postContainerExecStart`, `wsContainersAttach`, BuildKit's
//! session manager; podman `AttachContainer`).

use crate::head::{Field, Fields, RequestHead, ResponseHead};
use crate::policy::Hijack;
use crate::relay::Pump;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, copy_bidirectional_with_sizes, join};
use tokio::net::{TcpStream, UnixStream};

/// Bytes of the copy's buffer for each direction: with as many, bulk data costs half the CPU of tokio's default of 8 KiB.
const COPY_BUFFER_BYTES: usize = 64 * 1024;

/// On which answers of the daemon a request's connection becomes a raw stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The protocol that a 101 may switch to: the route's, where the request asked for just that.
    switch: Option<Hijack>,
    /// Whether a 200 without framing hijacks too: the form that clients use which send no Upgrade.
    bare_200: bool,
}

/// What a response head means for the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A 1xx to be passed on; another head follows.
    Interim,
    /// A framed response.
    Ordinary,
    /// Raw bytes both ways from here.
    Hijack,
    /// A 101 that this request cannot have led to.
    Unasked101,
}

impl Terms {
    /// The terms of a request on a hijack route, if it is on one.
    #[must_use]
    pub fn of(request: &RequestHead<'_>, route: Option<Hijack>) -> Self {
        let asked = |protocol: Hijack| is_protocol(request.fields.upgrade, protocol);
        Self { switch: route.filter(|&protocol| asked(protocol)), bare_200: route == Some(Hijack::Tcp) }
    }

    /// Reads the daemon's word.
    #[must_use]
    pub fn judge(self, response: &ResponseHead<'_>) -> Answer {
        let Fields { upgrade, content_length, transfer_encoding, .. } = response.fields;
        match response.status {
            101 => match self.switch {
                Some(protocol) if upgrade == Field::Absent || is_protocol(upgrade, protocol) => {
                    Answer::Hijack
                }
                _ => Answer::Unasked101,
            },
            100..=199 => Answer::Interim,
            200 if self.bare_200 && content_length == Field::Absent && transfer_encoding == Field::Absent => {
                Answer::Hijack
            }
            _ => Answer::Ordinary,
        }
    }
}

fn is_protocol(upgrade: Field<'_>, protocol: Hijack) -> bool {
    let name: &[u8] = match protocol {
        Hijack::Tcp => b"tcp",
        Hijack::WebSocket => b"websocket",
        Hijack::H2c => b"h2c",
    };
    matches!(upgrade, Field::Once(value) if value.eq_ignore_ascii_case(name))
}

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
    let before = from_client.passed;
    let (reader, writer) = daemon.split();
    let mut daemon = join(UntilClosed::new(reader), UntilClosed::new(writer));
    let copy = async {
        from_client.pour(&mut daemon).await?;
        from_daemon.pour(client).await?;
        // The copy takes its buffers with the first byte: until then, be it for hours, a stream holds none.
        tokio::select! {
            ready = client.readable() => ready?,
            ready = daemon.reader().half.readable() => ready?,
        }
        copy_bidirectional_with_sizes(client, &mut daemon, COPY_BUFFER_BYTES, COPY_BUFFER_BYTES).await
    };
    let copied = tokio::select! {
        copied = copy => copied.map(drop),
        error = watch.client_gone() => Err(error),
    };
    from_client.passed = before + daemon.writer().passed;
    from_daemon.passed += daemon.reader().passed;
    copied
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

/// Half of the daemon's side. On a Unix socket a reset says only that the daemon has closed before it read all input, and
/// comes behind all its output, of which none may be lost: it is an end like any other.
pub struct UntilClosed<H> {
    half: H,
    /// Bytes that went through.
    passed: u64,
}

impl<H> UntilClosed<H> {
    /// Wraps a half of the daemon's stream.
    pub const fn new(half: H) -> Self {
        Self { half, passed: 0 }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for UntilClosed<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.half).poll_read(cx, buffer));
        self.passed += (buffer.filled().len() - before) as u64;
        Poll::Ready(match read {
            Err(error) if is_closed(&error) => Ok(()),
            read => read,
        })
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for UntilClosed<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.half).poll_write(cx, bytes)) {
            Ok(written) => {
                self.passed += written as u64;
                Poll::Ready(Ok(written))
            }
            Err(error) if is_closed(&error) => Poll::Ready(Ok(bytes.len())),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.half).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.half).poll_shutdown(cx).map(|done| match done {
            Err(error) if is_closed(&error) => Ok(()),
            done => done,
        })
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected
    )
}
