//! The few header fields that decide something.

use super::Error;
use httparse::Header;

/// The two versions that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

impl Version {
    /// The version with this number behind `HTTP/1.`, as httparse has it.
    pub(super) const fn of_minor(minor: Option<u8>) -> Result<Self, Error> {
        match minor {
            Some(0) => Ok(Self::Http10),
            Some(1) => Ok(Self::Http11),
            _ => Err(Error::Version),
        }
    }
}

/// A header that may be given once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Field<'b> {
    /// Not given.
    #[default]
    Absent,
    /// Given once, with this value (no white space around it).
    Once(&'b [u8]),
    /// Given more than once.
    Repeated,
}

impl<'b> Field<'b> {
    fn add(&mut self, value: &'b [u8]) {
        *self = match self {
            Self::Absent => Self::Once(value),
            _ => Self::Repeated,
        };
    }
}

/// What of a head's fields decides about framing and the connection's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fields<'b> {
    /// Content-Length.
    pub content_length: Field<'b>,
    /// Transfer-Encoding.
    pub transfer_encoding: Field<'b>,
    /// Host.
    pub host: Field<'b>,
    /// Upgrade.
    pub upgrade: Field<'b>,
    /// Expect.
    pub expect: Field<'b>,
    /// Connection.
    pub connection: Field<'b>,
    /// Connection lists `close`, in whichever of its lines.
    pub close: bool,
    /// Connection lists `keep-alive`.
    pub keep_alive: bool,
}

impl<'b> Fields<'b> {
    pub(super) fn read(headers: &[Header<'b>]) -> Self {
        let mut fields = Self::default();
        for header in headers {
            let (name, value) = (header.name, header.value);
            // By length first: nearly every header is told from these six by that alone.
            match name.len() {
                4 if name.eq_ignore_ascii_case("host") => fields.host.add(value),
                6 if name.eq_ignore_ascii_case("expect") => fields.expect.add(value),
                7 if name.eq_ignore_ascii_case("upgrade") => fields.upgrade.add(value),
                10 if name.eq_ignore_ascii_case("connection") => {
                    fields.connection.add(value);
                    for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                        fields.close |= option.eq_ignore_ascii_case(b"close");
                        fields.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                14 if name.eq_ignore_ascii_case("content-length") => fields.content_length.add(value),
                17 if name.eq_ignore_ascii_case("transfer-encoding") => fields.transfer_encoding.add(value),
                _ => {}
            }
        }
        fields
    }

    /// Whether the connection goes on after this message (RFC 9112 9.3). A `close` anywhere wins. net/http lets an
    /// earlier `keep-alive` win in HTTP/1.0; closing where the daemon would go on does no harm as long as nothing was
    /// sent behind the head ([`framing::Error::ConnectionInHttp10`](crate::http::framing::Error::ConnectionInHttp10)).
    pub(super) const fn persistent(&self, version: Version) -> bool {
        match version {
            Version::Http11 => !self.close,
            Version::Http10 => self.keep_alive && !self.close,
        }
    }
}
