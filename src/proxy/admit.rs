//! The judgement of one request: head, target, policy and framing in order, pure and without I/O.
//!
//! [`admit`] makes an [`Admitted`], or a [`Pending`] where the body is judged too, of which [`Pending::judge`] makes one. Nothing else does, and
//! only an `Admitted` can be sent to the daemon ([`crate::proxy::relay`]): invariant 8 by construction.

use crate::guard::{self, Body, Claim, Guard, Judged, MAX_BODY_BYTES, Refused, Rule};
use crate::http::framing::{self, BodyFraming};
use crate::http::head::{self, Field, RequestHead, Version};
use crate::http::hijack::{OtherUpgrade, Terms};
use crate::http::method::Method;
use crate::http::target::{self, Target};
use crate::policy::bare::asks_more;
use crate::policy::guarded::{self, Closed};
use crate::policy::{Denial, Hazard, Policy, Verdict};
use std::fmt;
use std::time::Duration;

/// A request that may reach the daemon.
#[derive(Debug)]
pub struct Admitted {
    head_length: usize,
    method: Method,
    framing: BodyFraming,
    persistent: bool,
    terms: Terms,
    variable: &'static str,
    claim: Option<Box<Claim>>,
    lasting: bool,
}

impl Admitted {
    /// Bytes of the head, blank line included.
    #[must_use]
    pub const fn head_length(&self) -> usize {
        self.head_length
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// How the body is delimited: never [`BodyFraming::UntilClose`].
    #[must_use]
    pub const fn framing(&self) -> BodyFraming {
        self.framing
    }

    /// Whether the client wants to go on with the connection.
    #[must_use]
    pub const fn persistent(&self) -> bool {
        self.persistent
    }

    /// The variable that grants it.
    #[must_use]
    pub const fn variable(&self) -> &'static str {
        self.variable
    }

    fn claiming(self, claim: Claim) -> Self {
        let counts = claim.counts();
        Self { claim: counts.then(|| Box::new(claim)), lasting: self.lasting && !counts, ..self }
    }

    /// Whether its verdict went by the head and the policy alone, so that it is the same again.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        self.lasting
    }

    /// What it does with what the client made under GUARD, if anything.
    pub const fn take_claim(&mut self) -> Option<Box<Claim>> {
        self.claim.take()
    }

    /// Which answer, if any, turns the connection into a raw stream.
    #[must_use]
    pub const fn terms(&self) -> Terms {
        self.terms
    }
}

/// What became of a request whose head may pass.
#[derive(Debug)]
pub enum Admission<'p> {
    /// It may reach the daemon.
    Admitted(Admitted),
    /// Its body is to be judged first.
    Pending(Pending<'p>),
}

/// A request whose body is to be judged before any of it may reach the daemon.
#[derive(Debug)]
pub struct Pending<'p> {
    admitted: Admitted,
    claim: Claim,
    body: Body,
    expects_continue: bool,
    guard: &'p Guard,
    learning: bool,
}

impl Pending<'_> {
    /// Bytes of the head, blank line included.
    #[must_use]
    pub const fn head_length(&self) -> usize {
        self.admitted.head_length
    }

    /// How the body is delimited.
    #[must_use]
    pub const fn framing(&self) -> BodyFraming {
        self.admitted.framing
    }

    /// Whose body it is.
    #[must_use]
    pub const fn body(&self) -> Body {
        self.body
    }

    /// Whether the client waits for a 100 before it sends the body (RFC 9110 10.1.1).
    #[must_use]
    pub const fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// Judges the whole body, without its framing. With LEARN=1 what has one reading passes.
    ///
    /// # Errors
    /// Why it does not pass.
    pub fn judge(mut self, body: &[u8]) -> Result<Admitted, Refusal> {
        let Judged { refused, claim } =
            self.guard.judge_body(self.body, body).map_err(Refusal::Unreadable)?;
        if !refused.is_empty() && !self.learning {
            return Err(Refusal::Guarded(refused));
        }
        self.claim.join(claim);
        Ok(Admitted { lasting: false, ..self.admitted.claiming(self.claim) })
    }
}

/// Why a request does not reach the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The head has not one reading.
    Head(head::Error),
    /// The target has not one reading.
    Target(target::Error),
    /// The policy does not grant it.
    Denied(Denial),
    /// The body has not one framing.
    Framing(framing::Error),
    /// It asks for another protocol than its route speaks.
    Upgrade(OtherUpgrade),
    /// The connection ended inside the head, so that nothing could be judged.
    CutHead,
    /// The head was not whole within HEAD_TIMEOUT, so that nothing could be judged.
    LateHead(Duration),
    /// GUARD refuses what it asks for.
    Guarded(Vec<Refused>),
    /// Its body is to be judged, and has not one reading.
    Unreadable(guard::reader::Error),
    /// Its body is to be judged, and has more than [`MAX_BODY_BYTES`].
    LargeBody,
    /// Its body is to be judged, and the connection ended inside.
    CutBody,
    /// Its body is to be judged, and was not whole within HEAD_TIMEOUT.
    LateBody(Duration),
    /// Its body is to be judged, and there is no room for it beside those of others.
    NoRoom,
}

impl Refusal {
    /// The status code to answer with.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Head(error) => error.status(),
            Self::Denied(_) | Self::Guarded(_) => 403,
            Self::LateHead(_) | Self::LateBody(_) => 408,
            Self::LargeBody => 413,
            Self::NoRoom => 503,
            Self::Target(_)
            | Self::Framing(_)
            | Self::Upgrade(_)
            | Self::CutHead
            | Self::Unreadable(_)
            | Self::CutBody => 400,
        }
    }
}

/// The reason as the client is told it.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(error) => write!(f, "{error}{}", error.advice()),
            Self::Target(error) => error.fmt(f),
            Self::Denied(denial) => denial.fmt(f),
            Self::Framing(error) => error.fmt(f),
            Self::Upgrade(error) => error.fmt(f),
            Self::CutHead => f.write_str("the connection ended inside a head"),
            Self::LateHead(timeout) => write!(f, "no whole head within {timeout:?}"),
            Self::Guarded(refused) => f.write_str(&told(refused, "")),
            Self::Unreadable(error) => write!(f, "GUARD cannot judge a body that {error}"),
            Self::LargeBody => write!(f, "GUARD judges bodies of at most {MAX_BODY_BYTES} bytes"),
            Self::CutBody => f.write_str("the connection ended inside a body"),
            Self::LateBody(timeout) => write!(f, "no whole body within {timeout:?}"),
            Self::NoRoom => f.write_str("GUARD holds as many bodies as it has room for: try again"),
        }
    }
}

/// What GUARD refuses, as a client is told whose variables have this prefix: the first field, and how many more.
#[must_use]
pub fn told(refused: &[Refused], prefix: &str) -> String {
    let first = refused.first().map(|refused| refused.told(prefix)).unwrap_or_default();
    match refused.len() {
        0 | 1 => first,
        more => format!("{first} (and {} more)", more - 1),
    }
}

/// A head's request line as sent, for messages and the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestLine<'b> {
    /// The method.
    pub method: &'b str,
    /// The target without its query, which can hold credentials.
    pub path: &'b str,
}

impl<'b> RequestLine<'b> {
    fn of(head: &RequestHead<'b>) -> Self {
        let end = memchr::memchr(b'?', head.target.as_bytes()).unwrap_or(head.target.len());
        Self { method: head.method_name, path: &head.target[..end] }
    }

    /// That of a whole head, where it can be read.
    #[must_use]
    pub fn read(bytes: &'b [u8]) -> Option<Self> {
        RequestHead::parse(bytes).ok().map(|head| Self::of(&head))
    }
}

/// Judges a whole head: the bytes up to and including the blank line. The request line is there where the head could be
/// read, whatever the verdict.
pub fn admit<'b, 'p>(
    bytes: &'b [u8],
    policy: &'p Policy,
) -> (Option<RequestLine<'b>>, Result<Admission<'p>, Refusal>) {
    match RequestHead::parse(bytes) {
        Ok(head) => (Some(RequestLine::of(&head)), judge(bytes, &head, policy)),
        Err(error) => (None, Err(Refusal::Head(error))),
    }
}

fn judge<'p>(bytes: &[u8], head: &RequestHead<'_>, policy: &'p Policy) -> Result<Admission<'p>, Refusal> {
    let target = Target::parse(head.method, head.target.as_bytes()).map_err(Refusal::Target)?;
    let allowed = match policy.judge(head.method, &target) {
        Verdict::Allow(allowed) => allowed,
        Verdict::Deny(denial) => return Err(Refusal::Denied(denial)),
    };
    let framing = BodyFraming::of_request(head).map_err(Refusal::Framing)?;
    if let Some((hazard, lacking)) = allowed.bare
        && asks_more(hazard, bytes, framing)
    {
        return Err(Refusal::Denied(Denial::WithBody(hazard, lacking)));
    }
    let terms = Terms::of(head, allowed.hijack).map_err(Refusal::Upgrade)?;
    let (method, persistent, variable) = (head.method, head.persistent, allowed.variable);
    let head_length = bytes.len();
    let admitted =
        Admitted { head_length, method, framing, persistent, terms, variable, claim: None, lasting: true };
    match (allowed.rule, policy.guard()) {
        (Some(rule), Some(guard)) => {
            guarded(guard, rule, policy.learning(), bytes, (head, &target), admitted)
        }
        _ => Ok(Admission::Admitted(admitted)),
    }
}

/// What GUARD makes of it. It stays out of the way of who has no guard.
#[inline(never)]
fn guarded<'p>(
    guard: &'p Guard,
    rule: Rule,
    learning: bool,
    bytes: &[u8],
    (head, target): (&RequestHead<'_>, &Target<'_>),
    admitted: Admitted,
) -> Result<Admission<'p>, Refusal> {
    if !learning && matches!(rule, Rule::Start(_)) && asks_more(Hazard::Rewrites, bytes, admitted.framing) {
        return Err(Refusal::Denied(Denial::Guarded(Closed::Start)));
    }
    let path = target.decoded().unwrap_or(target.path());
    let name = if rule.asks_name() { guarded::name(head.method, path) } else { None };
    let Judged { refused, claim } = guard.judge_head(rule, name, target.query(), bytes);
    if !learning && !refused.is_empty() {
        return Err(Refusal::Guarded(refused));
    }
    let Rule::Held(body) = rule else { return Ok(Admission::Admitted(admitted.claiming(claim))) };
    let expects_continue =
        head.version == Version::Http11 && matches!(head.fields.expect, Field::Once([_, ..]));
    Ok(Admission::Pending(Pending { admitted, claim, body, expects_continue, guard, learning }))
}
