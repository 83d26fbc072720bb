//! One client connection: the loop that reads, judges and relays one request after the other.
//!
//! Owns invariants 8 and 11: nothing reaches the daemon before it is admitted, a reply of our own closes the connection
//! after lingering, and deadlines belong to phases: idle, reading a head, connecting.
//!
//! # What a connection holds at most
//! | state | bytes of the client's | bytes of the daemon's | ends by |
//! |---|---|---|---|
//! | idle | a kept buffer of 4 KiB | the same | IDLE_TIMEOUT |
//! | reading a head | 64 KiB | | HEAD_TIMEOUT |
//! | waiting for the daemon | 64 KiB: the head | | CONNECT_TIMEOUT, or the client's reset |
//! | request on its way | 64 KiB: the head, or what one read took and the daemon has not | 64 KiB: its head | either end |
//! | response on its way | as before; 16 KiB of next requests once the request is complete | 64 KiB, as before | either end |
//! | raw stream | 64 KiB: what one read took and the daemon has not | 64 KiB, the other way round | both ends |
//! | reply of our own | | less than 2 KiB | 5 s to take it and 5 s to close |
//!
//! A stream that is silent, or as fast as its reader, holds nothing. Chunk framing is not kept, whatever its size.

use crate::config::Config;
use crate::http::head::{self, Finder};
use crate::http::method::Method;
use crate::http::reply::Reply;
use crate::logging::cut;
use crate::proxy::access::Access;
use crate::proxy::admit::{Admitted, Refusal, RequestLine, admit};
use crate::proxy::client::Client;
use crate::proxy::clock::Clock;
use crate::proxy::daemon::{Daemon, is_quiet};
use crate::proxy::pump::{Halt, Pump};
use crate::proxy::relay::{End, exchange};
use crate::proxy::scratch::discard;
use crate::proxy::splice::splice;
use log::{debug, warn};
use std::fmt::Display;
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
    /// How long the connection may be idle.
    clock: Clock,
    request: Pump,
    response: Pump,
    /// The allowed request in flight, where it is logged.
    access: Option<Access>,
    /// So many CR and LF bytes may still come before the next head.
    blanks: usize,
}

/// What the client's side of the connection came to.
enum Next {
    /// A whole head of this length starts the held bytes.
    Head(usize),
    /// Nothing more is asked.
    Nothing,
    /// What was sent cannot be taken.
    Refused(Reply),
}

impl<'c> Connection<'c> {
    /// Takes an accepted client.
    #[must_use]
    pub fn new(client: Client, config: &'c Config, to_daemon: &'c Daemon, clock: Clock) -> Self {
        Self {
            client,
            daemon: None,
            to_daemon,
            config,
            clock,
            request: Pump::default(),
            response: Pump::default(),
            access: None,
            blanks: 0,
        }
    }

    /// Serves the connection to its end.
    pub async fn serve(&mut self) {
        loop {
            let length = match self.next_head().await {
                Next::Head(length) => length,
                Next::Nothing => return,
                Next::Refused(reply) => {
                    self.warn_refused(&reply, None);
                    return self.reply(&reply, false).await;
                }
            };
            let admitted = match self.admit(length) {
                Ok(admitted) => admitted,
                Err((reply, to_head)) => return self.reply(&reply, to_head).await,
            };
            self.access = Access::new(self.config, self.client.peer(), &admitted, self.request.held());
            let to_head = admitted.method() == Method::Head;
            let end = match self.relay(&admitted).await {
                Ok(end) => end,
                Err(reply) => {
                    self.warn_daemon(&reply.message);
                    if let Some(access) = &mut self.access {
                        access.answer(reply.status);
                    }
                    self.end_access(None);
                    return self.reply(&reply, to_head).await;
                }
            };
            if let End::Hijack = end {
                self.splice().await;
            }
            self.end_access(None);
            match end {
                End::KeepAlive if !self.clock.stopping() => {
                    self.blanks = if admitted.method() == Method::Post { MAX_BLANKS } else { 0 };
                }
                End::KeepAlive | End::Close | End::Hijack => return self.close().await,
                End::ClientGone => return,
                End::ResponseCut(_) => {
                    self.warn_daemon(&end);
                    if self.response.is_delimited() {
                        self.close().await;
                    }
                    return;
                }
                End::BadRequestBody(error) => {
                    let reply = bad_request(error);
                    self.warn_refused(&reply, None);
                    return self.reply(&reply, to_head).await;
                }
                End::NoAnswer(_) | End::BadAnswerHead(_) | End::BadAnswerBody(_) | End::Unasked101 => {
                    self.warn_daemon(&end);
                    return self.reply(&Reply { status: 502, message: end.to_string() }, to_head).await;
                }
            }
        }
    }

    /// Waits for the next request's head.
    async fn next_head(&mut self) -> Next {
        drop_blanks(&mut self.request, &mut self.blanks);
        if self.request.held().is_empty() {
            self.request.release_large();
            self.response.release_large();
            if !self.wait_for_first_bytes().await {
                return Next::Nothing;
            }
        }
        let mut deadline = None;
        let mut finder = Finder::default();
        loop {
            match finder.find(self.request.held()) {
                Ok(Some(length)) => return Next::Head(length),
                Ok(None) => {}
                Err(error) => return Next::Refused(bad_head(error)),
            }
            let room = head::MAX_HEAD_BYTES - self.request.held().len();
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + self.config.head_timeout);
            match timeout_at(deadline, self.request.fill(&mut self.client.reader(), room)).await {
                Ok(Ok(())) => {}
                Ok(Err(Halt::SourceEnded)) => {
                    return Next::Refused(bad_request("the connection ended inside a head"));
                }
                Ok(Err(_)) => return Next::Nothing,
                Err(_) => {
                    let message = format!("no whole head within {:?}", self.config.head_timeout);
                    return Next::Refused(Reply { status: 408, message });
                }
            }
        }
    }

    /// Waits on an idle connection, and meanwhile lets go of a daemon that closes its side: it may restart between two
    /// requests. False where the connection is over.
    async fn wait_for_first_bytes(&mut self) -> bool {
        let bytes = async {
            let mut client = self.client.reader();
            loop {
                let filled = self.request.fill(&mut client, head::MAX_HEAD_BYTES);
                let filled = match &mut self.daemon {
                    None => filled.await,
                    Some(daemon) => tokio::select! {
                        biased;
                        filled = filled => filled,
                        // It ended, it failed, or it spoke unasked.
                        _ = discard(daemon, 1) => {
                            self.daemon = None;
                            continue;
                        }
                    },
                };
                drop_blanks(&mut self.request, &mut self.blanks);
                if filled.is_err() || !self.request.held().is_empty() {
                    return filled.is_ok();
                }
            }
        };
        tokio::select! {
            biased;
            more = bytes => more,
            () = self.clock.idle_out() => false,
        }
    }

    /// Judges the head that starts the held bytes. What is refused is logged, and comes with whether it was a HEAD.
    fn admit(&self, length: usize) -> Result<Admitted, (Reply, bool)> {
        let head = &self.request.held()[..length];
        if let Some(learner) = &self.config.learner {
            learner.note(head);
        }
        let (line, verdict) = admit(head, &self.config.policy);
        verdict.map_err(|refusal| {
            let reply = match refusal {
                Refusal::Denied(denial) => {
                    let RequestLine { method, path } = line.unwrap_or_default();
                    let (to_head, method, path) = (method == "HEAD", cut(method), cut(path));
                    let missing: Vec<_> =
                        denial.missing().variables().map(|variable| variable.name).collect();
                    let variable = (!missing.is_empty()).then(|| missing.join(","));
                    let message = format!("{method} {path} is denied: {denial}");
                    // Judged at once, and nothing passed either way.
                    warn!(
                        client:% = self.client.peer(), event = "denied", method:%, path:%, variable, status = 403,
                        ms = 0, up = 0, down = 0;
                        "{message}"
                    );
                    return (Reply { status: 403, message }, to_head);
                }
                Refusal::Head(error) => bad_head(error),
                Refusal::Target(error) => bad_request(error),
                Refusal::Framing(error) => bad_request(error),
                Refusal::Upgrade(error) => bad_request(error),
            };
            self.warn_refused(&reply, line);
            (reply, line.is_some_and(|line| line.method == "HEAD"))
        })
    }

    fn warn_refused(&self, reply: &Reply, line: Option<RequestLine<'_>>) {
        let Reply { status, message } = reply;
        let (method, path) = line.map(|line| (cut(line.method), cut(line.path))).unzip();
        let request = method.iter().chain(&path).fold(String::new(), |words, word| words + word + " ");
        warn!(
            client:% = self.client.peer(), event = "refused", method, path, status;
            "{request}refused with {status}: {message}"
        );
    }

    fn warn_daemon(&self, message: impl Display) {
        warn!(client:% = self.client.peer(), event = "daemon"; "{message}");
    }

    /// Ends the line of the log, if there is to be one, of the request in flight.
    fn end_access(&mut self, cut: Option<&str>) {
        let (up, down) = (self.request.take_passed(), self.response.take_passed());
        if let Some(access) = self.access.take() {
            access.end(up, down, cut);
        }
    }

    /// Has the daemon answer an admitted request.
    async fn relay(&mut self, admitted: &Admitted) -> Result<End, Reply> {
        let daemon = match self.daemon.take().filter(is_quiet) {
            Some(daemon) => daemon,
            None => {
                let client = self.client.reader();
                tokio::select! {
                    biased;
                    connected = self.to_daemon.connect() => connected.map_err(|error| {
                        let path = self.config.socket_path.display();
                        let message = format!("cannot reach the daemon at {path}: {error}");
                        Reply { status: error.status(), message }
                    })?,
                    // A client that has gone leaves the queue.
                    () = client.gone() => return Ok(End::ClientGone),
                }
            }
        };
        let daemon = self.daemon.insert(daemon);
        let begun = |begun| {
            if let Some(access) = &mut self.access {
                access.begin(begun);
            }
        };
        Ok(exchange(&mut self.client, daemon, &mut self.request, &mut self.response, admitted, begun).await)
    }

    /// Goes on as a raw stream.
    async fn splice(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        if let Err(error) = splice(&mut self.client, &mut daemon, &mut self.request, &mut self.response).await
        {
            debug!(client:% = self.client.peer(), event = "cut"; "raw stream cut: {error}");
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
        self.request = Pump::default();
        self.response = Pump::default();
    }
}

impl Drop for Connection<'_> {
    /// What is in flight at the end of the grace period has its line in the log too.
    ///
    /// A response that only the connection's end delimits would look complete where it is cut, be it by the end of the grace
    /// period: only a reset shows that.
    fn drop(&mut self) {
        self.end_access(Some("stop"));
        if !self.response.is_delimited() {
            self.client.reset();
        }
    }
}

/// Drops what is nobody's before the next head: of `most` CR and LF bytes those that have come.
fn drop_blanks(request: &mut Pump, most: &mut usize) {
    let blanks = request.held().iter().take(*most).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    request.skip(blanks);
    *most = if request.held().is_empty() { *most - blanks } else { 0 };
}

/// What a client gets whose request cannot be taken.
fn bad_request(why: impl Display) -> Reply {
    Reply { status: 400, message: why.to_string() }
}

/// What a client gets whose head cannot be taken.
fn bad_head(error: head::Error) -> Reply {
    Reply { status: error.status(), message: format!("{error}{}", error.advice()) }
}
