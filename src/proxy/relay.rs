//! The framed copy of one request to the daemon and of its response to the client, at the same time.
//!
//! Owns invariant 8 together with [`crate::proxy::conn`]: whatever is written to the daemon is cut from the stream by an
//! [`Admitted`] and the cursor over its body; what follows stays until the next judgement. There is no deadline here
//! (invariant 11).

use crate::http::framing::{self, BodyFraming};
use crate::http::head::{self, Finder, ResponseHead};
use crate::http::hijack::Answer;
use crate::proxy::admit::Admitted;
use crate::proxy::client::{self, Client};
use crate::proxy::daemon::UntilClosed;
use crate::proxy::pump::{Halt, Pump};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

/// Bytes that a client may send ahead of the response it waits for; more stay in the socket. Bounds what a connection
/// holds.
const MAX_AHEAD_BYTES: usize = 16 * 1024;

/// Why a response is cut where the request turns out to be broken behind its start.
const BROKEN_BODY: &str = "the client's body is broken";

/// How an exchange ended.
#[derive(Debug)]
pub enum Outcome {
    /// The response is complete and both sides go on.
    KeepAlive,
    /// The response is complete, and the connection is at its end.
    Close,
    /// The daemon granted a hijack: its head has gone to the client, raw bytes follow.
    Hijack,
    /// The client's body is broken and nothing has been answered yet.
    BadBody(framing::Error),
    /// Nothing has been answered, because the daemon failed.
    BadGateway(DaemonFault),
    /// What was begun cannot be completed, for this reason: the client must see that it was cut.
    Cut(&'static str),
    /// The client is gone.
    ClientGone,
}

/// What was wrong with the daemon's answer.
#[derive(Debug)]
pub enum DaemonFault {
    /// It ended or failed before its head was complete.
    NoAnswer(Option<io::Error>),
    /// Its head cannot be read.
    Head(head::Error),
    /// Its body cannot be framed.
    Framing(framing::Error),
    /// It switched protocols unasked.
    Unasked101,
}

/// A response whose head has been passed on.
#[derive(Debug, Clone, Copy)]
pub struct Begun {
    /// The status code.
    pub status: u16,
    /// It goes on, and nobody knows for how long: a raw stream, or a body without a length that has not ended yet.
    pub streams: bool,
}

/// Passes one admitted request, which starts `request.held`, to the daemon, and the daemon's response to the client; tells
/// `begun` once the response's head has been passed on. After [`Outcome::Hijack`] both pumps hold only raw bytes; after
/// [`Outcome::KeepAlive`] `request` holds the bytes of the next request.
pub async fn exchange(
    client: &mut Client,
    daemon: &mut UnixStream,
    request: &mut Pump,
    response: &mut Pump,
    admitted: &Admitted,
    begun: impl FnOnce(Begun),
) -> Outcome {
    if let Err(error) = request.begin(admitted.head_length(), admitted.framing()) {
        return Outcome::BadBody(error);
    }
    let (mut client_reader, mut client_writer) = client.split();
    let (daemon_reader, mut daemon_writer) = daemon.split();
    // A daemon that closes while it leaves some of the request unread has answered all the same.
    let mut daemon_reader = UntilClosed(daemon_reader);
    let mut upload = Upload { pump: request, state: UploadState::Running };

    let head = tokio::select! {
        biased;
        head = response_head(&mut daemon_reader, &mut client_writer, response, admitted) => head,
        end = upload.run(&mut client_reader, &mut daemon_writer) => return match end {
            UploadEnd::BadBody(_) if !response.is_done() => Outcome::Cut(BROKEN_BODY),
            UploadEnd::BadBody(error) => Outcome::BadBody(error),
            UploadEnd::ClientGone => Outcome::ClientGone,
        },
    };
    let persistent = match head {
        Ok(ResponseStart { status, answer, persistent }) => {
            let hijacked = answer == Answer::Hijack;
            begun(Begun { status, streams: hijacked || response.streams() });
            if hijacked {
                return Outcome::Hijack;
            }
            persistent
        }
        Err(Failure::Daemon(fault)) => return Outcome::BadGateway(fault),
        Err(Failure::Client) => return Outcome::ClientGone,
    };

    if !response.is_done() {
        // A stream, perhaps a silent one for hours.
        upload.pump.release();
        response.release();
        let end = tokio::select! {
            biased;
            end = response.run(&mut daemon_reader, &mut client_writer) => end,
            end = upload.run(&mut client_reader, &mut daemon_writer) => return match end {
                UploadEnd::BadBody(_) => Outcome::Cut(BROKEN_BODY),
                UploadEnd::ClientGone => Outcome::ClientGone,
            },
        };
        match end {
            Ok(()) => {}
            Err(Halt::SourceEnded) if !response.is_delimited() => return Outcome::Close,
            Err(Halt::SourceEnded) => return Outcome::Cut("the daemon ended inside its response"),
            Err(Halt::SourceFailed(_)) => return Outcome::Cut("the daemon failed inside its response"),
            Err(Halt::BadFraming(_)) => return Outcome::Cut("the daemon's chunked body is broken"),
            Err(Halt::SinkFailed) => return Outcome::ClientGone,
        }
    }
    // A request that is not complete by now is not going to be: the daemon has stopped reading, or the client waited for
    // a 100 that never came. Nobody can tell where the next head would start. Bytes behind a response are no response.
    let goes_on = persistent
        && admitted.persistent()
        && response.held().is_empty()
        && upload.pump.is_done()
        && match upload.state {
            UploadState::Running | UploadState::Complete => true,
            UploadState::ClientEnded => !upload.pump.held().is_empty(),
            UploadState::DaemonStopped => false,
        };
    if goes_on { Outcome::KeepAlive } else { Outcome::Close }
}

/// What the head of a response says.
struct ResponseStart {
    status: u16,
    answer: Answer,
    persistent: bool,
}

enum Failure {
    Daemon(DaemonFault),
    Client,
}

/// Reads response heads and writes them to the client, with what came of the body, up to the one that is final.
async fn response_head(
    daemon: &mut (impl AsyncRead + Unpin),
    client: &mut (impl AsyncWrite + Unpin),
    response: &mut Pump,
    admitted: &Admitted,
) -> Result<ResponseStart, Failure> {
    let fault = Failure::Daemon;
    loop {
        let mut finder = Finder::default();
        let length = loop {
            match finder.find(response.held()).map_err(|error| fault(DaemonFault::Head(error)))? {
                Some(length) => break length,
                None => {
                    let room = head::MAX_HEAD_BYTES - response.held().len();
                    match response.fill(daemon, room).await {
                        Ok(()) => {}
                        Err(Halt::SourceFailed(error)) => {
                            return Err(fault(DaemonFault::NoAnswer(Some(error))));
                        }
                        Err(_) => return Err(fault(DaemonFault::NoAnswer(None))),
                    }
                }
            }
        };
        let start = begin_response(response, length, admitted).map_err(fault)?;
        // A hijack's head goes out in a write of its own: docker-py loses what arrives together with it.
        response.flush(client).await.map_err(|_| Failure::Client)?;
        if start.answer != Answer::Interim {
            return Ok(start);
        }
    }
}

/// Reads the response head that starts the held bytes.
fn begin_response(
    response: &mut Pump,
    length: usize,
    admitted: &Admitted,
) -> Result<ResponseStart, DaemonFault> {
    let head = ResponseHead::parse(&response.held()[..length]).map_err(DaemonFault::Head)?;
    let (status, answer) = (head.status, admitted.terms().judge(&head));
    let (framing, persistent) = match answer {
        Answer::Ordinary => {
            let framing = BodyFraming::of_response(&head, admitted.method());
            (framing.map_err(DaemonFault::Framing)?, head.persistent)
        }
        Answer::Interim | Answer::Hijack => (BodyFraming::None, true),
        Answer::Unasked101 => return Err(DaemonFault::Unasked101),
    };
    response.begin(length, framing).map_err(DaemonFault::Framing)?;
    Ok(ResponseStart { status, answer, persistent })
}

/// The request's direction: its body, then a watch over the client, who may go away or send the next request.
struct Upload<'p> {
    pump: &'p mut Pump,
    state: UploadState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum UploadState {
    /// The request is being written.
    Running,
    /// The request is complete; what the client sends now is held.
    Complete,
    /// The client has shut down its write half; so have we to the daemon, unless requests are held.
    ClientEnded,
    /// The daemon reads no more of the request; its answer tells why.
    DaemonStopped,
}

enum UploadEnd {
    BadBody(framing::Error),
    ClientGone,
}

impl Upload<'_> {
    /// Ends only where the exchange has to. Cancel-safe.
    async fn run(
        &mut self,
        client: &mut client::Reader<'_>,
        daemon: &mut (impl AsyncWrite + Unpin),
    ) -> UploadEnd {
        loop {
            match self.state {
                UploadState::Running => match self.write_body(client, daemon).await {
                    Ok(()) => self.state = UploadState::Complete,
                    Err(Halt::SourceEnded) => self.end(daemon).await,
                    Err(Halt::SourceFailed(_)) => return UploadEnd::ClientGone,
                    Err(Halt::SinkFailed) => self.state = UploadState::DaemonStopped,
                    Err(Halt::BadFraming(error)) => return UploadEnd::BadBody(error),
                },
                UploadState::Complete if self.pump.held().len() < MAX_AHEAD_BYTES => {
                    let room = MAX_AHEAD_BYTES - self.pump.held().len();
                    match self.pump.fill(client, room).await {
                        Ok(()) => {}
                        Err(Halt::SourceEnded) => self.end(daemon).await,
                        Err(_) => return UploadEnd::ClientGone,
                    }
                }
                // The client is read no more; a reset still shows.
                UploadState::Complete | UploadState::ClientEnded | UploadState::DaemonStopped => {
                    client.gone().await;
                    return UploadEnd::ClientGone;
                }
            }
        }
    }

    /// Writes the request as it can be read and watches the client meanwhile, who is not read while the daemon does not.
    async fn write_body(
        &mut self,
        client: &mut client::Reader<'_>,
        daemon: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), Halt> {
        let at_once = poll_fn(|cx| Poll::Ready(pin!(self.pump.run(client, daemon)).poll(cx)));
        if let Poll::Ready(end) = at_once.await {
            return end;
        }
        let client_gone = client.watch().map_err(Halt::SourceFailed)?;
        tokio::select! {
            biased;
            end = self.pump.run(client, daemon) => end,
            error = client_gone => Err(Halt::SourceFailed(error)),
        }
    }

    /// Passes the client's end on, as it would reach the daemon directly: net/http then cancels what it is doing for the
    /// request. Not while requests are held that are still to be answered.
    async fn end(&mut self, daemon: &mut (impl AsyncWrite + Unpin)) {
        self.state = UploadState::ClientEnded;
        if self.pump.held().is_empty() {
            let _ = daemon.shutdown().await;
        }
    }
}
