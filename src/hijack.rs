//! Which request and response make a hijack.
//!
//! Owns invariant 9 (moby `postContainersAttach`, `postContainerExecStart`, `wsContainersAttach`, BuildKit's session
//! manager; podman `AttachContainer`).

use crate::head::{Field, Fields, RequestHead, ResponseHead};
use crate::policy::Hijack;
use std::fmt;

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

/// A request asks by its Upgrade for another protocol than its route's. dockerd hijacks attach and exec start whatever the
/// header names, and podman repeats the name: nobody could tell what such a stream is, and by then the command has run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherUpgrade(Hijack);

impl fmt::Display for OtherUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = name(self.0);
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
    pub fn of(request: &RequestHead<'_>, route: Option<Hijack>) -> Result<Self, OtherUpgrade> {
        let upgrade = request.fields.upgrade;
        let switch = route.filter(|&protocol| is_protocol(upgrade, protocol));
        match route {
            Some(protocol @ (Hijack::Tcp | Hijack::WebSocket))
                if switch.is_none() && upgrade != Field::Absent =>
            {
                Err(OtherUpgrade(protocol))
            }
            _ => Ok(Self { switch, bare_200: route == Some(Hijack::Tcp) }),
        }
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
    matches!(upgrade, Field::Once(value) if value.eq_ignore_ascii_case(name(protocol).as_bytes()))
}

const fn name(protocol: Hijack) -> &'static str {
    match protocol {
        Hijack::Tcp => "tcp",
        Hijack::WebSocket => "websocket",
        Hijack::H2c => "h2c",
    }
}
