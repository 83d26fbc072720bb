//! Which request and response make a hijack.
//!
//! Owns invariant 9 (moby `postContainersAttach`, `postContainerExecStart`, `wsContainersAttach`, BuildKit's session
//! manager; podman `AttachContainer`).

use crate::head::{Field, Fields, RequestHead, ResponseHead};
use crate::policy::Hijack;

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
