//! Which request and response make a hijack.
//!
//! Owns invariant 9 (moby `postContainersAttach`, `postContainerExecStart`, `wsContainersAttach`, BuildKit's session
//! manager; podman `AttachContainer`).

use crate::http::head::{Field, Fields, RequestHead, ResponseHead};
use std::fmt;

/// The protocol that a route hijacks its connection to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// POST attach and exec start: `Upgrade: tcp`, or none.
    Tcp,
    /// GET attach/ws: `Upgrade: websocket`.
    WebSocket,
    /// POST session and grpc: `Upgrade: h2c`.
    H2c,
}

impl Protocol {
    /// Its name in an Upgrade header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::WebSocket => "websocket",
            Self::H2c => "h2c",
        }
    }

    /// Whether an Upgrade names it, and nothing else.
    fn is_named_by(self, upgrade: Field<'_>) -> bool {
        matches!(upgrade, Field::Once(value) if value.eq_ignore_ascii_case(self.name().as_bytes()))
    }
}

/// On which answers of the daemon a request's connection becomes a raw stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The protocol that a 101 may switch to: the route's, where the request asked for just that.
    switch: Option<Protocol>,
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

/// A request asks by its Upgrade for another protocol than its route's. dockerd hijacks attach and exec start whatever the
/// header names, and podman repeats the name: nobody could tell what such a stream is, and by then the command has run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherUpgrade(Protocol);

impl fmt::Display for OtherUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.name();
        write!(
            f,
            "the Upgrade header names another protocol than {name}, the only one that is spoken here: take it away where it \
             is set, in the client or in a reverse proxy in between"
        )
    }
}

impl Terms {
    /// The terms of a request on a hijack route, if it is on one.
    ///
    /// # Errors
    /// The route is one that is hijacked whatever the Upgrade names, and it names another protocol.
    pub fn of(request: &RequestHead<'_>, route: Option<Protocol>) -> Result<Self, OtherUpgrade> {
        let upgrade = request.fields.upgrade;
        let switch = route.filter(|&protocol| protocol.is_named_by(upgrade));
        match route {
            Some(protocol @ (Protocol::Tcp | Protocol::WebSocket))
                if switch.is_none() && upgrade != Field::Absent =>
            {
                Err(OtherUpgrade(protocol))
            }
            _ => Ok(Self { switch, bare_200: route == Some(Protocol::Tcp) }),
        }
    }

    /// Reads the daemon's word.
    #[must_use]
    pub fn judge(self, response: &ResponseHead<'_>) -> Answer {
        let Fields { upgrade, content_length, transfer_encoding, .. } = response.fields;
        match response.status {
            101 => match self.switch {
                Some(protocol) if upgrade == Field::Absent || protocol.is_named_by(upgrade) => Answer::Hijack,
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
