//! The judgement of one request: head, target, policy and framing in order, pure and without I/O.
//!
//! [`admit`] alone makes an [`Admitted`], and only an `Admitted` can be sent to the daemon ([`crate::proxy::relay`]): invariant 8
//! by construction.

use crate::http::framing::{self, BodyFraming};
use crate::http::head::{self, RequestHead};
use crate::http::hijack::{OtherUpgrade, Terms};
use crate::http::method::Method;
use crate::http::target::{self, Target};
use crate::policy::bare::asks_more;
use crate::policy::{Denial, Policy, Verdict};
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

    /// Which answer, if any, turns the connection into a raw stream.
    #[must_use]
    pub const fn terms(&self) -> Terms {
        self.terms
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
}

impl Refusal {
    /// The status code to answer with.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Head(error) => error.status(),
            Self::Denied(_) => 403,
            Self::LateHead(_) => 408,
            Self::Target(_) | Self::Framing(_) | Self::Upgrade(_) | Self::CutHead => 400,
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
        }
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

/// Judges a whole head: the bytes up to and including the blank line. The request line is there where the head could be
/// read, whatever the verdict.
pub fn admit<'b>(bytes: &'b [u8], policy: &Policy) -> (Option<RequestLine<'b>>, Result<Admitted, Refusal>) {
    match RequestHead::parse(bytes) {
        Ok(head) => {
            let path = head.target.split_once('?').map_or(head.target, |(path, _)| path);
            (Some(RequestLine { method: head.method_name, path }), judge(bytes, &head, policy))
        }
        Err(error) => (None, Err(Refusal::Head(error))),
    }
}

fn judge(bytes: &[u8], head: &RequestHead<'_>, policy: &Policy) -> Result<Admitted, Refusal> {
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
    Ok(Admitted { head_length: bytes.len(), method, framing, persistent, terms, variable })
}
