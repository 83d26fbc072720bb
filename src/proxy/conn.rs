//! One client connection: the loop that reads, judges and relays one request after the other.
//!
//! Owns invariants 8 and 11: nothing reaches the daemon before it is admitted, a reply of our own closes the connection
//! after lingering, and deadlines belong to phases: idle, reading a head, connecting.
//!
//! # What a connection holds at most
//! | state | bytes of the client's | bytes of the daemon's | ends by |
//! |---|---|---|---|
//! | idle | the last head, of 16 KiB at most; nothing after a sixteenth of IDLE_TIMEOUT | the same | IDLE_TIMEOUT |
//! | reading a head | 64 KiB | | HEAD_TIMEOUT |
//! | holding a body for GUARD | 64 KiB: the head; 1 MiB of body and 64 KiB of its framing, of the room for bodies | | HEAD_TIMEOUT |
//! | waiting for the daemon | 64 KiB: the head | | CONNECT_TIMEOUT, or the client's reset |
//! | request on its way | 64 KiB: the head, or what one read took and the daemon has not | 64 KiB: its head | either end |
//! | response on its way | as before; 16 KiB of next requests once the request is complete | 64 KiB, as before | either end |
//! | the client has gone, and GUARD follows the answer | | 80 KiB: its head, and what tells an ID | the daemon |
//! | raw stream | 64 KiB: what one read took and the daemon has not | 64 KiB, the other way round | both ends |
//! | reply of our own | | less than 2 KiB | 5 s to take it and 5 s to close |
//!
//! A stream that is silent, or as fast as its reader, holds nothing. Chunk framing is not kept, whatever its size. Beside a message in
//! flight that came whole, and in 16 KiB at most, its head is kept for the next one.

use crate::config::{Config, Frontend};
use crate::guard::{Claim, Held};
use crate::http::head::{self, Finder};
use crate::http::method::Method;
use crate::http::reply::Reply;
use crate::logging::cut;
use crate::proxy::access::Access;
use crate::proxy::admit::{Admission, Admitted, Pending, Refusal, RequestLine, admit};
use crate::proxy::client::Client;
use crate::proxy::clock::Clock;
use crate::proxy::daemon::{self, Daemon, is_quiet};
use crate::proxy::direction::Direction;
use crate::proxy::hearing::Hearing;
use crate::proxy::hold::{Stop, content, hold};
use crate::proxy::peer::log_of;
use crate::proxy::pump::{Halt, Pump};
use crate::proxy::refuse::refuse;
use crate::proxy::relay::{End, Exchange, Meaning};
use crate::proxy::scratch::poll_discard;
use crate::proxy::splice::splice;
use log::Level::{Debug, Warn};
use std::fmt::Display;
use std::future::poll_fn;
use std::task::Poll;
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};

/// So many CR and LF bytes behind a POST are nobody's: old clients send a line end behind its body, and Go skips as many
/// (net/http `conn.serve`; RFC 9112 2.2). They are dropped, not sent.
const MAX_BLANKS: usize = 4;

/// One client connection and, from its first admitted request on, its daemon connection.
pub struct Connection<'c> {
    client: Client,
    daemon: Option<UnixStream>,
    to_daemon: &'c Daemon,
    config: &'c Config,
    frontend: &'c Frontend,
    /// How long the connection may be idle.
    clock: Clock,
    request: Direction<Admitted>,
    response: Direction<Meaning>,
    /// The allowed request in flight, where it is logged. Apart, as it is large and few log it.
    access: Option<Box<Access>>,
    /// So many CR and LF bytes may still come before the next head.
    blanks: usize,
}

impl<'c> Connection<'c> {
    /// Takes an accepted client.
    #[must_use]
    pub fn new(
        client: Client,
        config: &'c Config,
        frontend: &'c Frontend,
        to_daemon: &'c Daemon,
        clock: Clock,
    ) -> Self {
        Self {
            client,
            daemon: None,
            to_daemon,
            config,
            frontend,
            clock,
            request: Direction::default(),
            response: Direction::default(),
            access: None,
            blanks: 0,
        }
    }

    /// Serves the connection to its end.
    pub async fn serve(&mut self) {
        // What is held of a body counts until its request has ended.
        while let Some((mut admitted, _held)) = self.next_request().await {
            let to_head = admitted.method() == Method::Head;
            let relayed = match admitted.take_claim() {
                None => self.relay(&admitted, None).await,
                // Apart, as few requests get here.
                Some(claim) => Box::pin(self.relay_claimed(&admitted, *claim)).await,
            };
            self.end_access(None);
            match relayed {
                Ok(End::KeepAlive) if !self.clock.stopping() => {
                    self.blanks = if admitted.method() == Method::Post { MAX_BLANKS } else { 0 };
                    match admitted.is_lasting() {
                        true => self.request.keep(admitted),
                        false => self.request.forget(),
                    }
                }
                Ok(end) => return self.end(end, to_head).await,
                Err(reply) => return self.reply(&reply, to_head).await,
            }
        }
    }

    /// The next request that may pass, and what is held for it; `None` where the connection is over, be it by a reply of our own.
    async fn next_request(&mut self) -> Option<(Admitted, Option<Held<'c>>)> {
        let (reply, to_head) = match self.next_head().await {
            Ok(Some(length)) => match self.admit(length) {
                Ok(Admission::Admitted(admitted)) => return Some((admitted, None)),
                // Apart, as few connections get here, and each would have room for it.
                Ok(Admission::Pending(pending)) => match Box::pin(self.hold(pending)).await {
                    Ok(held) => return held.map(|(admitted, held)| (admitted, Some(held))),
                    Err(reply) => (reply, false),
                },
                Err(refused) => refused,
            },
            Ok(None) => return None,
            Err(refusal) => (refuse(&refusal, &self.client.peer(), None), false),
        };
        self.reply(&reply, to_head).await;
        None
    }

    /// Closes the connection behind an exchange that was the last one.
    async fn end(&mut self, end: End, to_head: bool) {
        match end {
            End::KeepAlive | End::Close | End::Hijack => self.close().await,
            End::ClientGone => {}
            End::ResponseCut(_) => {
                self.warn_daemon(&end);
                if self.response.pump.is_delimited() {
                    self.close().await;
                }
            }
            End::BadRequestBody(error) => {
                let reply = refuse(&Refusal::Framing(error), &self.client.peer(), None);
                self.reply(&reply, to_head).await;
            }
            End::NoAnswer(_) | End::BadAnswerHead(_) | End::BadAnswerBody(_) | End::Unasked101 => {
                self.warn_daemon(&end);
                self.reply(&Reply { status: 502, message: end.to_string() }, to_head).await;
            }
        }
    }

    /// Waits for the next request's head, and returns its length; `None` where nothing more is asked.
    async fn next_head(&mut self) -> Result<Option<usize>, Refusal> {
        drop_blanks(&mut self.request.pump, &mut self.blanks);
        if self.request.pump.held().is_empty() && !self.wait_for_first_bytes().await {
            return Ok(None);
        }
        let mut deadline = None;
        let mut finder = Finder::default();
        loop {
            if let Some(length) = self.request.find_head(&mut finder).map_err(Refusal::Head)? {
                return Ok(Some(length));
            }
            let room = head::MAX_HEAD_BYTES - self.request.pump.held().len();
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + self.config.head_timeout);
            match timeout_at(deadline, self.request.pump.fill(&mut self.client.reader(), room)).await {
                Ok(Ok(())) => {}
                Ok(Err(Halt::SourceEnded)) => return Err(Refusal::CutHead),
                Ok(Err(_)) => return Ok(None),
                Err(_) => return Err(Refusal::LateHead(self.config.head_timeout)),
            }
        }
    }

    /// Waits on an idle connection, and meanwhile lets go of a daemon that closes its side, which may restart between two
    /// requests, and after a while of all that is kept. False where the connection is over.
    async fn wait_for_first_bytes(&mut self) -> bool {
        let mut client = self.client.reader();
        self.clock.start();
        poll_fn(|cx| {
            loop {
                match self.request.pump.poll_fill(cx, &mut client, head::MAX_HEAD_BYTES) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(false),
                    Poll::Pending => break,
                }
                drop_blanks(&mut self.request.pump, &mut self.blanks);
                if !self.request.pump.held().is_empty() {
                    return Poll::Ready(true);
                }
            }
            // It ended, it failed, or it spoke unasked.
            self.daemon.take_if(|daemon| poll_discard(cx, daemon, 1).is_ready());
            if self.clock.idle_periods() > 0 {
                self.request.forget();
                self.response.forget();
            }
            self.clock.poll_idle_out(cx).map(|()| false)
        })
        .await
    }

    /// Judges the head that starts the held bytes. What is refused comes with whether it was a HEAD.
    fn admit(&mut self, length: usize) -> Result<Admission<'c>, (Reply, bool)> {
        let frontend = self.frontend;
        // What is logged or learned is read anyway.
        let is_read = frontend.learner.is_some() || Access::is_shown(self.config);
        if let Some(admitted) = self.request.recall()
            && !is_read
        {
            return Ok(Admission::Admitted(admitted));
        }
        let head = &self.request.pump.held()[..length];
        if let Some(learner) = &frontend.learner {
            self.say_refused(head, &learner.note(head));
        }
        let (line, verdict) = admit(head, &frontend.policy);
        let RequestLine { method, path } = line.unwrap_or_default();
        let refuse = |refusal| (refuse(&refusal, &self.client.peer(), line), method == "HEAD");
        let admission = verdict.map_err(refuse)?;
        if let Admission::Admitted(admitted) = &admission {
            self.access = Access::new(self.config, &self.client, admitted, path).map(Box::new);
        }
        Ok(admission)
    }

    /// Holds the body of a request and judges it; `None` where the client is gone.
    async fn hold(&mut self, pending: Pending<'c>) -> Result<Option<(Admitted, Held<'c>)>, Reply> {
        self.request.forget();
        self.response.forget();
        let patience = self.config.head_timeout;
        let held =
            hold(&mut self.client, &mut self.request.pump, &pending, &self.frontend.room, patience).await;
        let head = &self.request.pump.held()[..pending.head_length()];
        let (line, client) = (RequestLine::read(head), &self.client);
        let refuse = |refusal| refuse(&refusal, &client.peer(), line);
        let held = match held {
            Ok(held) => held,
            Err(Stop::ClientGone) => return Ok(None),
            Err(Stop::Refused(refusal)) => return Err(refuse(refusal)),
        };
        let (pump, learner) = (&self.request.pump, self.frontend.learner.as_ref());
        let bytes = pump.held().len() - head.len();
        let judge = || {
            let body = content(pump, &pending).map_err(refuse)?;
            let learned = learner.map(|learner| learner.note_body(pending.body(), &body));
            Ok((learned, pending.judge(&body).map_err(refuse)))
        };
        let (learned, admitted) = self.frontend.room.in_turn(bytes, judge).await?;
        self.say_refused(head, &learned.unwrap_or_default());
        let admitted = admitted?;
        let RequestLine { path, .. } = line.unwrap_or_default();
        self.access = Access::new(self.config, &self.client, &admitted, path).map(Box::new);
        Ok(Some((admitted, held)))
    }

    /// Says what GUARD would refuse of a request that LEARN=1 lets pass.
    fn say_refused(&self, head: &[u8], refused: &[String]) {
        for sentence in refused {
            let RequestLine { method, path } = RequestLine::read(head).unwrap_or_default();
            let (method, path) = (cut(method), cut(path));
            log_of!(
                &self.client.peer(), Warn, event = "learn", method, path;
                "{method} {path} is let pass by LEARN=1 alone: {sentence}"
            );
        }
    }

    /// Relays a request that has to do with what the client made. One that takes a name away waits for those that use it.
    async fn relay_claimed(&mut self, admitted: &Admitted, mut claim: Claim) -> Result<End, Reply> {
        let client = self.client.reader();
        let waited = tokio::select! {
            biased;
            waited = claim.wait() => waited,
            () = client.failed() => return Ok(End::ClientGone),
        };
        if let Err(refused) = waited {
            let line = RequestLine::read(&self.request.pump.held()[..admitted.head_length()]);
            return Err(refuse(&Refusal::Guarded(vec![refused]), &self.client.peer(), line));
        }
        let mut hearing = Hearing::new(&mut claim, admitted.method());
        let end = self.relay(admitted, Some(&mut hearing)).await;
        if !matches!(end, Ok(End::KeepAlive | End::Close | End::Hijack))
            && let Some(daemon) = self.daemon.take()
        {
            hearing.follow(daemon).await;
        }
        end
    }

    /// Has the daemon answer an admitted request, and copies the raw stream if that is what it grants.
    async fn relay(&mut self, admitted: &Admitted, hearing: Option<&mut Hearing<'_>>) -> Result<End, Reply> {
        let daemon = match self.daemon.take().filter(is_quiet) {
            Some(daemon) => daemon,
            None => {
                let client = self.client.reader();
                tokio::select! {
                    biased;
                    connected = self.to_daemon.connect() => connected.map_err(|error| self.unreachable(&error))?,
                    // A client that has gone leaves the queue; not one that sent its request, and closed.
                    () = client.failed() => return Ok(End::ClientGone),
                }
            }
        };
        let daemon = self.daemon.insert(daemon);
        let begun = |begun| {
            if let Some(access) = &mut self.access {
                access.begin(begun);
            }
        };
        let (client, request, response) = (&mut self.client, &mut self.request, &mut self.response);
        let end = Exchange { client, daemon, request, response, admitted, hearing }.run(begun).await;
        if let End::Hijack = end {
            // Apart, as every connection would have room for it.
            let spliced = Box::pin(splice(client, daemon, &mut request.pump, &mut response.pump));
            if let Err(error) = spliced.await {
                log_of!(&client.peer(), Debug, event = "cut"; "raw stream cut: {error}");
            }
        }
        Ok(end)
    }

    /// Says so, and returns the reply.
    fn unreachable(&mut self, error: &daemon::Error) -> Reply {
        let path = self.config.socket_path.display();
        let message = format!("cannot reach the daemon at {path}: {error}");
        let status = error.status();
        self.warn_daemon(&message);
        if let Some(access) = &mut self.access {
            access.answer(status);
        }
        Reply { status, message }
    }

    fn warn_daemon(&self, message: impl Display) {
        log_of!(&self.client.peer(), Warn, event = "daemon"; "{message}");
    }

    /// Ends the line of the log, if there is to be one, of the request in flight.
    fn end_access(&mut self, cut: Option<&str>) {
        let (up, down) = (self.request.pump.take_passed(), self.response.pump.take_passed());
        if let Some(access) = self.access.take() {
            access.end(up, down, cut);
        }
    }

    /// Sends a reply of our own and closes.
    async fn reply(&mut self, reply: &Reply, to_head: bool) {
        self.drop_all_but_client();
        self.client.close_with(&reply.render(to_head)).await;
    }

    /// Closes the client's connection.
    async fn close(&mut self) {
        self.drop_all_but_client();
        self.client.close().await;
    }

    /// A client that lingers holds nothing else.
    fn drop_all_but_client(&mut self) {
        self.daemon = None;
        self.request = Direction::default();
        self.response = Direction::default();
    }
}

impl Drop for Connection<'_> {
    /// What is in flight at the end of the grace period has its line in the log too.
    ///
    /// A response that only the connection's end delimits would look complete where it is cut, be it by the end of the grace
    /// period: only a reset shows that.
    fn drop(&mut self) {
        self.end_access(Some("stop"));
        if !self.response.pump.is_delimited() {
            self.client.end_by_reset();
        }
    }
}

/// Drops what is nobody's before the next head: of `most` CR and LF bytes those that have come.
fn drop_blanks(request: &mut Pump, most: &mut usize) {
    let blanks = request.held().iter().take(*most).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    request.skip(blanks);
    *most = if request.held().is_empty() { *most - blanks } else { 0 };
}
