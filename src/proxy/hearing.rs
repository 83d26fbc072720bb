//! What GUARD wants to know of an answer, read while it passes.
//!
//! Nothing of it is changed or held back. It is heard before the client has it, so that what it says is known when the client acts on it.

use crate::guard::{Claim, Server};
use crate::http::body::Body;
use crate::http::chunked;
use crate::http::framing::BodyFraming;
use crate::http::head::{self, Finder, ResponseHead};
use crate::http::method::Method;
use crate::proxy::scratch::discard;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::UnixStream;

/// The most bytes of an answer that are read: its head, and a body that has an ID and warnings.
/// - The longest that is sent: some 400 bytes.
const MAX_ANSWER_BYTES: usize = head::MAX_HEAD_BYTES + 16 * 1024;

/// Hears the answer to one request.
#[derive(Debug)]
pub struct Hearing<'c> {
    claim: &'c mut Claim,
    method: Method,
    /// What has come and may still be wanted.
    bytes: Vec<u8>,
    /// The final head that was heard.
    head: Option<Final>,
    is_over: bool,
}

/// What counts of a final head.
#[derive(Debug, Clone, Copy)]
struct Final {
    length: usize,
    framing: BodyFraming,
    server: Server,
}

impl<'c> Hearing<'c> {
    /// Of a request with this method.
    pub const fn new(claim: &'c mut Claim, method: Method) -> Self {
        Self { claim, method, bytes: Vec::new(), head: None, is_over: false }
    }

    /// The request is on its way: all of it, or some.
    pub fn begin(&mut self, is_whole: bool) {
        self.claim.send(is_whole);
    }

    /// Reads on where the client has gone, as long as something hangs on the answer: the daemon may still look names up. It is told that the
    /// client has gone, and ends its side when it is through.
    pub async fn follow(&mut self, mut daemon: UnixStream) {
        if !self.claim.is_open() {
            return;
        }
        let _ = daemon.shutdown().await;
        let mut heard = Heard { inner: daemon, hearing: Some(self) };
        while heard.hearing.as_ref().is_some_and(|hearing| hearing.claim.is_open())
            && matches!(discard(&mut heard, usize::MAX).await, Ok(1..))
        {}
    }

    /// What the daemon has sent.
    fn hear(&mut self, bytes: &[u8]) {
        if self.is_over {
            return;
        }
        self.bytes.extend_from_slice(bytes);
        if self.listen().is_none() || self.bytes.len() > MAX_ANSWER_BYTES {
            self.is_over = true;
            self.bytes = Vec::new();
        }
    }

    /// `None` where nothing more is wanted, or nothing can be told.
    fn listen(&mut self) -> Option<()> {
        while self.head.is_none() {
            let Some(length) = Finder::default().find(&self.bytes).ok()? else { return Some(()) };
            let head = ResponseHead::parse(&self.bytes[..length]).ok()?;
            let status = head.status;
            if (100..200).contains(&status) && status != 101 {
                self.bytes.drain(..length);
                continue;
            }
            let framing = BodyFraming::of_response(&head, self.method);
            let server = server_of(&self.bytes[..length]);
            if !self.claim.answered(status, server) {
                return None;
            }
            self.head = Some(Final { length, framing: framing.ok()?, server });
        }
        let Final { length, framing, server } = self.head?;
        let behind = &self.bytes[length..];
        let mut body = Body::from(framing);
        let taken = body.advance(behind).ok()?;
        if !body.is_done() {
            return Some(());
        }
        match framing {
            BodyFraming::Chunked => self.claim.read(&chunked::decode(behind).ok()?, server),
            _ => self.claim.read(&behind[..taken], server),
        }
        None
    }
}

/// Which daemon says so: `Server: Docker/VERSION` and its newest API (moby `api/server/middleware/version.go`). podman says that it is Libpod.
fn server_of(head: &[u8]) -> Server {
    let one = |name| {
        let mut values = head::values(head, name);
        values.next().filter(|_| values.next().is_none())
    };
    let minor = |version: &[u8]| str::from_utf8(version).ok()?.strip_prefix("1.")?.parse().ok();
    match (one("server"), one("api-version").and_then(minor)) {
        (Some(server), Some(44_u8..)) if server.starts_with(b"Docker/") => Server::Unique,
        (Some(server), _) if server.starts_with(b"Docker/") => Server::Docker,
        _ => Server::Other,
    }
}

/// A daemon's stream, and who hears it.
#[derive(Debug)]
pub struct Heard<'h, 'c, R> {
    /// The stream.
    pub inner: R,
    /// Nobody, for nearly every request.
    pub hearing: Option<&'h mut Hearing<'c>>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Heard<'_, '_, R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if let Some(hearing) = &mut self.hearing {
            hearing.hear(&buffer.filled()[before..]);
        }
        read
    }
}
