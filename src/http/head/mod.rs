//! Request and response heads: where one ends, and what is in it.
//!
//! Owns invariants 1 to 3: a head is bounded and never rescanned, its bytes are judged as they are sent, and it has one
//! reading or is refused. httparse is called here only, on exactly the bytes up to the blank line; what it lets pass and
//! Go's net/http reads otherwise is refused by our own checks (RFC 9112, sections 2 to 5).

mod fields;
mod finder;
mod lines;
mod request;
mod response;

pub use fields::{Field, Fields, Version};
pub use finder::Finder;
pub use lines::values;
pub use request::RequestHead;
pub use response::ResponseHead;

use httparse::Status;
use std::fmt;

/// The most bytes a head may have, blank line included.
/// - The largest that is sent: some 10 KiB, with credentials for many registries in `X-Registry-Config`.
/// - The smallest that fails: 1 MiB and 4 KiB, which Go answers with 431 before it looks at a body. HAProxy, which this
///   program replaces, takes 15 KiB.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The most header fields a head may have.
/// - The most that are sent: some 30, by browsers.
/// - The fewest that fail: 501, which Go 1.27 answers with 431.
pub const MAX_HEADERS: usize = 100;

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The first byte is none of A-Z: a byte order mark, another protocol.
    NotHttp,
    /// The first byte is that of TLS's first record (RFC 8446 5.1: 22, a handshake).
    Tls,
    /// HTTP/2's preface (RFC 9113 3.4). It turns dockerd's whole connection into HTTP/2 from 29.2 on; clients fall back on the
    /// upgrade of HTTP/1 where they are refused at once.
    Http2,
    /// A small letter comes first: methods are case-sensitive (RFC 9110 9.1), and no route has such a one.
    LowerCase,
    /// A CR or LF before the request line. httparse skips blank lines, Go does so only behind a POST, and so
    /// does the proxy.
    BlankLine,
    /// A line ends in LF without CR (RFC 9112 2.2 lets a recipient take it, Go does; others do not).
    BareLf,
    /// CR, NUL or another control byte inside a line (RFC 9110 5.5).
    ControlByte,
    /// A line starts with space or tab: obs-fold (RFC 9112 5.2), which Go joins to the line before.
    Fold,
    /// More than [`MAX_HEAD_BYTES`].
    TooLarge,
    /// More than [`MAX_HEADERS`].
    TooManyHeaders,
    /// Not `METHOD SP target SP HTTP/1.x`, or a header line that is not `token: value`.
    Malformed,
    /// Any version but HTTP/1.0 and HTTP/1.1. Go takes 1.2 to 1.9 as 1.1.
    Version,
    /// The method has a byte that is not A-Z.
    Method,
    /// The target has a byte outside 0x21 to 0x7e; Go routes non-ASCII bytes as they are.
    Target,
    /// HTTP/1.1 without a Host (RFC 9112 3.2).
    HostMissing,
    /// More than one Host (RFC 9112 3.2).
    HostRepeated,
    /// A Host with a byte that no host name has; Go answers 400.
    HostInvalid,
    /// An Expect other than exactly one `100-continue`, or empty (RFC 9110 10.1.1). Go looks for the token anywhere in the
    /// value, and takes an empty one for none.
    Expect,
    /// More than one Upgrade, or an empty one: dockerd goes by the header's presence, podman by its first value.
    Upgrade,
}

impl Error {
    /// The status code to answer with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::TooLarge | Self::TooManyHeaders => 431,
            Self::Expect => 417,
            _ => 400,
        }
    }

    /// What a client can do about it, as the end of the sentence; empty where that is plain.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Tls => ": this port speaks plain HTTP, so use tcp:// or http://, and no DOCKER_TLS_VERIFY",
            Self::Http2 => ": only HTTP/1 can be judged here, so use buildx's docker driver",
            Self::LowerCase | Self::Method => ": write the method in capitals, such as GET",
            Self::BlankLine => ": start with the request line",
            Self::BareLf => ": end each line with CR LF, as printf 'GET /info HTTP/1.0\\r\\n\\r\\n' does",
            Self::Target => ": escape them, as %C3%BC for \u{fc}",
            _ => "",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotHttp => "this is not HTTP/1",
            Self::Tls => "this is TLS, not HTTP",
            Self::Http2 => "this is HTTP/2, which buildctl and buildx's remote driver speak",
            Self::LowerCase => "a small letter comes first",
            Self::BlankLine => "a blank line comes first",
            Self::BareLf => "a line of the head ends in LF without CR",
            Self::ControlByte => "a control byte in the head",
            Self::Fold => "a header line that starts with white space",
            Self::TooLarge => "the head is larger than 64 KiB",
            Self::TooManyHeaders => "more than 100 header lines",
            Self::Malformed => "malformed head",
            Self::Version => "only HTTP/1.0 and HTTP/1.1 are spoken here",
            Self::Method => "a method with letters other than A to Z",
            Self::Target => "a request-target with bytes other than visible ASCII",
            Self::HostMissing => "HTTP/1.1 without a Host header",
            Self::HostRepeated => "more than one Host header",
            Self::HostInvalid => "an invalid Host header",
            Self::Expect => "an Expect header other than 100-continue",
            Self::Upgrade => "more than one Upgrade header, or an empty one",
        })
    }
}

impl std::error::Error for Error {}

/// What httparse makes of a head that is to be whole, with nothing behind it.
fn refuse_unless_whole(parsed: httparse::Result<usize>, head: &[u8]) -> Result<(), Error> {
    match parsed {
        Ok(Status::Complete(length)) if length == head.len() => Ok(()),
        Err(httparse::Error::Version) => Err(Error::Version),
        Err(httparse::Error::TooManyHeaders) => Err(Error::TooManyHeaders),
        Ok(_) | Err(_) => Err(Error::Malformed),
    }
}
