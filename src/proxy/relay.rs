//! The framed copy of one request to the daemon and of its response to the client, at the same time.
//!
//! Owns invariant 8 together with [`crate::proxy::conn`]: whatever is written to the daemon is cut from the stream by an
//! [`Admitted`] and the cursor over its body; what follows stays until the next judgement. There is no deadline here
//! (invariant 11).

use crate::http::framing::{self, BodyFraming};
use crate::http::head::{self, Finder, ResponseHead};
use crate::http::hijack::{Answer, Terms};
use crate::http::method::Method;
use crate::proxy::admit::Admitted;
use crate::proxy::client::{self, Client, Noted, Progress};
use crate::proxy::direction::Direction;
use crate::proxy::hearing::{Heard, Hearing};
use crate::proxy::pump::{Halt, Pump};
use crate::proxy::stream::UntilClosed;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

/// Bytes that a client may send ahead of the response it waits for; more stay in the socket. Bounds what a connection
/// holds.
const MAX_AHEAD_BYTES: usize = 16 * 1024;

/// How an exchange ended.
#[derive(Debug)]
pub enum End {
    /// The response is complete, and another exchange may follow (RFC 9112 9.3).
    KeepAlive,
    /// The response is complete, and the connection is at its end.
    Close,
    /// The daemon granted a hijack: its head has gone to the client, and raw bytes follow.
    Hijack,
    /// The client is gone.
    ClientGone,
    /// The client's body is broken, and nothing has been answered yet.
    BadRequestBody(framing::Error),
    /// The daemon ended, or failed, before the head of its answer was complete.
    NoAnswer(Option<io::Error>),
    /// The head of the daemon's answer cannot be read.
    BadAnswerHead(head::Error),
    /// The body of the daemon's answer cannot be framed.
    BadAnswerBody(framing::Error),
    /// The daemon switched protocols unasked (RFC 9110 7.8 forbids it).
    Unasked101,
    /// The response has begun and cannot be completed, for this reason: the client must see that it is cut (RFC 9112 8).
    ResponseCut(&'static str),
}

/// For the log, and for the client where nothing has been answered yet.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeepAlive | Self::Close | Self::Hijack => f.write_str("the daemon has answered"),
            Self::ClientGone => f.write_str("the client is gone"),
            Self::BadRequestBody(error) => error.fmt(f),
            Self::NoAnswer(None) => f.write_str("the daemon closed the connection without an answer"),
            Self::NoAnswer(Some(error)) => write!(f, "the daemon did not answer: {error}"),
            Self::BadAnswerHead(error) => write!(f, "the daemon's answer cannot be read: {error}"),
            Self::BadAnswerBody(error) => write!(f, "the daemon's answer cannot be framed: {error}"),
            Self::Unasked101 => f.write_str("the daemon switched protocols unasked"),
            Self::ResponseCut(why) => write!(f, "response cut: {why}"),
        }
    }
}

/// A response whose head has been read.
#[derive(Debug, Clone, Copy)]
pub struct Begun {
    /// The status code.
    pub status: u16,
    /// It goes on, and nobody knows for how long: a raw stream, or a body without a length that has not ended yet.
    pub streams: bool,
    answer: Answer,
    persistent: bool,
}

/// What a response's head means to the request before it, of which only these two count.
#[derive(Debug, Clone, Copy)]
pub struct Meaning {
    method: Method,
    terms: Terms,
    status: u16,
    answer: Answer,
    framing: BodyFraming,
    persistent: bool,
}

/// One exchange: an admitted request, which starts what `request` holds, and its response. After [`End::Hijack`] both directions hold only
/// raw bytes; after [`End::KeepAlive`] `request` holds the bytes of the next request.
pub struct Exchange<'e, 'c> {
    /// Who asks.
    pub client: &'e mut Client,
    /// Who answers.
    pub daemon: &'e mut UnixStream,
    /// From the client to the daemon.
    pub request: &'e mut Direction<Admitted>,
    /// From the daemon to the client.
    pub response: &'e mut Direction<Meaning>,
    /// The judgement on the request.
    pub admitted: &'e Admitted,
    /// Hears the response before the client has it.
    pub hearing: Option<&'e mut Hearing<'c>>,
}

impl Exchange<'_, '_> {
    /// Passes the request to the daemon, and the response to the client, which may come while the body is still on its way. Tells `begun`
    /// once the response's head has been passed on.
    pub async fn run(&mut self, begun: impl FnOnce(Begun)) -> End {
        match self.pass(begun).await {
            Err(End::BadRequestBody(_)) if !self.response.pump.is_done() => {
                End::ResponseCut("the client's body is broken")
            }
            Ok(end) | Err(end) => end,
        }
    }

    async fn pass(&mut self, begun: impl FnOnce(Begun)) -> Result<End, End> {
        let Self { client, daemon, request, response, admitted, hearing } = self;
        request.begin(admitted.head_length(), admitted.framing()).map_err(End::BadRequestBody)?;
        if let Some(hearing) = hearing {
            hearing.begin(request.pump.is_held());
        }
        let (mut client_reader, mut client_writer) = client.split();
        let (daemon_reader, daemon_writer) = daemon.split();
        // A daemon that closes while it leaves some of the request unread has answered all the same.
        let mut daemon_reader = Heard { inner: UntilClosed(daemon_reader), hearing: hearing.as_deref_mut() };
        let mut upload =
            Upload { request, client: &mut client_reader, daemon: daemon_writer, has_ended: false };
        let mut heads = Heads { response, admitted, finder: Finder::default(), begun: None };

        let head = tokio::select! {
            biased;
            head = poll_fn(|cx| heads.poll_pass(cx, &mut daemon_reader, &mut client_writer)) => head?,
            end = upload.run() => return Err(end),
        };
        begun(head);
        if head.answer == Answer::Hijack || !response.pump.is_done() {
            // A stream, perhaps a silent one for hours.
            upload.request.forget();
            response.forget();
        }
        if head.answer == Answer::Hijack {
            // Even where it was granted before the request was written whole: the daemon has not waited for the rest.
            upload.request.pump.be_raw();
            return Ok(End::Hijack);
        }
        if !response.pump.is_done() {
            let passed = tokio::select! {
                biased;
                passed = response.pump.run(&mut daemon_reader, &mut client_writer) => passed,
                end = upload.run() => return Err(end),
            };
            passed.map_err(|halt| response_end(halt, &response.pump))?;
        }
        // A request that is not complete by now is not going to be: the daemon has stopped reading, or the client waited for
        // a 100 that never came. Nobody can tell where the next head would start. Bytes behind a response are no response.
        let goes_on = head.persistent
            && admitted.persistent()
            && upload.request.pump.is_done()
            && response.pump.held().is_empty();
        Ok(if goes_on { End::KeepAlive } else { End::Close })
    }
}

/// The heads of a response: interim ones, and the final one.
struct Heads<'r> {
    response: &'r mut Direction<Meaning>,
    admitted: &'r Admitted,
    finder: Finder,
    /// The one that is being passed on.
    begun: Option<Begun>,
}

impl Heads<'_> {
    /// Passes them on, each with what came of its body, up to the one that is final.
    fn poll_pass(
        &mut self,
        cx: &mut Context<'_>,
        daemon: &mut (impl AsyncRead + Unpin),
        client: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<Result<Begun, End>> {
        loop {
            let pump = &mut self.response.pump;
            let moved = match self.begun {
                // A hijack's head goes out in a write of its own: docker-py loses what arrives together with it.
                Some(begun) => match ready!(pump.poll_flush(cx, client)) {
                    Ok(()) if begun.answer != Answer::Interim => return Poll::Ready(Ok(begun)),
                    Ok(()) => {
                        self.begun = None;
                        Ok(())
                    }
                    halted => halted,
                },
                None => match self.response.find_head(&mut self.finder).map_err(End::BadAnswerHead)? {
                    Some(length) => {
                        self.begun = Some(begin(self.response, length, self.admitted)?);
                        self.finder = Finder::default();
                        continue;
                    }
                    None => {
                        let pump = &mut self.response.pump;
                        let room = head::MAX_HEAD_BYTES - pump.held().len();
                        ready!(pump.poll_fill(cx, daemon, room))
                    }
                },
            };
            moved.map_err(|halt| response_end(halt, &self.response.pump))?;
        }
    }
}

/// Begins the response whose head is the first `length` bytes that are held.
fn begin(response: &mut Direction<Meaning>, length: usize, admitted: &Admitted) -> Result<Begun, End> {
    let meaning = match response.recall().filter(|meaning| meaning.is_for(admitted)) {
        Some(meaning) => meaning,
        None => Meaning::read(&response.pump.held()[..length], admitted)?,
    };
    let Meaning { status, answer, framing, persistent, .. } = meaning;
    response.begin(length, framing).map_err(End::BadAnswerBody)?;
    response.keep(meaning);
    Ok(Begun { status, streams: answer == Answer::Hijack || response.pump.streams(), answer, persistent })
}

impl Meaning {
    fn read(head: &[u8], admitted: &Admitted) -> Result<Self, End> {
        let (method, terms) = (admitted.method(), admitted.terms());
        let head = ResponseHead::parse(head).map_err(End::BadAnswerHead)?;
        let answer = terms.judge(&head);
        let (framing, persistent) = match answer {
            Answer::Ordinary => {
                let framing = BodyFraming::of_response(&head, method).map_err(End::BadAnswerBody)?;
                (framing, head.persistent)
            }
            Answer::Interim | Answer::Hijack => (BodyFraming::None, true),
            Answer::Unasked101 => return Err(End::Unasked101),
        };
        Ok(Self { method, terms, status: head.status, answer, framing, persistent })
    }

    fn is_for(&self, admitted: &Admitted) -> bool {
        (self.method, self.terms) == (admitted.method(), admitted.terms())
    }
}

/// How the exchange ends where the response halts.
fn response_end(halt: Halt, response: &Pump) -> End {
    match halt {
        Halt::SinkFailed => End::ClientGone,
        Halt::SourceEnded if response.is_done() => End::NoAnswer(None),
        Halt::SourceFailed(error) if response.is_done() => End::NoAnswer(Some(error)),
        Halt::SourceEnded if !response.is_delimited() => End::Close,
        Halt::SourceEnded => End::ResponseCut("the daemon ended inside its response"),
        Halt::SourceFailed(_) => End::ResponseCut("the daemon failed inside its response"),
        Halt::BadFraming(_) => End::ResponseCut("the daemon's chunked body is broken"),
    }
}

/// The request's direction: its body, then a watch over the client, who may go away or send the next request.
struct Upload<'u, 'c, W> {
    request: &'u mut Direction<Admitted>,
    client: &'u mut client::Reader<'c>,
    daemon: W,
    /// Nothing more of it moves: the client has shut down its write half, or the daemon reads no more.
    has_ended: bool,
}

impl<W: AsyncWrite + Unpin> Upload<'_, '_, W> {
    /// Ends only where the exchange has to. Cancel-safe. What few streams come to is apart, as each would have room for it.
    async fn run(&mut self) -> End {
        loop {
            let Self { request: Direction { pump, .. }, client, daemon, has_ended } = self;
            let room = MAX_AHEAD_BYTES.saturating_sub(pump.held().len());
            let moved = if *has_ended || pump.is_done() && room == 0 {
                // The client is read no more; its end still shows.
                Box::pin(client.gone()).await;
                return End::ClientGone;
            } else if pump.is_done() {
                poll_fn(|cx| pump.poll_fill(cx, client, room)).await
            } else {
                match poll_fn(|cx| Poll::Ready(pump.poll_run(cx, client, daemon))).await {
                    Poll::Ready(written) => written,
                    Poll::Pending => Box::pin(self.write_watched()).await,
                }
            };
            match moved {
                Ok(()) => {}
                Err(Halt::SourceEnded) => {
                    self.has_ended = true;
                    self.pass_end().await;
                }
                Err(Halt::SourceFailed(_)) => return End::ClientGone,
                // Its answer tells why.
                Err(Halt::SinkFailed) => self.has_ended = true,
                Err(Halt::BadFraming(error)) => return End::BadRequestBody(error),
            }
        }
    }

    /// Writes the request as it can be read and watches the client meanwhile, who is not read while the daemon does not.
    async fn write_watched(&mut self) -> Result<(), Halt> {
        let watch = self.client.watch().map_err(Halt::SourceFailed)?;
        let input = Progress::default();
        let mut daemon = Noted { inner: &mut self.daemon, progress: &input };
        tokio::select! {
            biased;
            written = self.request.pump.run(self.client, &mut daemon) => written,
            error = watch.gone(&input) => Err(Halt::SourceFailed(error)),
        }
    }

    /// Passes the client's end on, as it would reach the daemon directly: net/http then cancels what it is doing for the
    /// request. Not while requests are held that are still to be answered.
    async fn pass_end(&mut self) {
        if self.request.pump.held().is_empty() {
            let _ = self.daemon.shutdown().await;
        }
    }
}
