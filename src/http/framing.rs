//! How a body is delimited.
//!
//! Owns invariant 6: a request's body has one framing or the request is refused (RFC 9112, section 6).
//!
//! # Numbers of the wire
//! A reader that gives up in the middle of a body can take the rest of it for requests: net/http of Go up to 1.26 does so
//! in a handler that is full duplex, as moby's of POST /build is. So each number has a limit that lies above all that real
//! senders make and far below all that makes any reader give up, in requests and in responses. It does not follow from
//! what a type can hold.

use crate::http::head::{Field, RequestHead, ResponseHead, Version};
use crate::http::method::Method;
use std::fmt;

/// The largest Content-Length, 1 PiB.
/// - The largest that is sent: an archive or an image of some hundred GiB.
/// - The smallest that fails: 2^53, from which on JavaScript rounds. Go refuses 2^63, and above 2^64 others count from 0.
pub const MAX_CONTENT_LENGTH: u64 = 1 << 50;

/// The most digits of a Content-Length, leading zeros included: those of [`MAX_CONTENT_LENGTH`].
const MAX_LENGTH_DIGITS: usize = MAX_CONTENT_LENGTH.ilog10() as usize + 1;

/// How a message's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    /// No body.
    None,
    /// So many bytes, up to [`MAX_CONTENT_LENGTH`].
    Length(u64),
    /// Chunks, a trailer section and a blank line.
    Chunked,
    /// Everything until the daemon closes; responses only.
    UntilClose,
}

/// Why a message cannot be framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// Both Content-Length and Transfer-Encoding (RFC 9112 6.1): Go goes by the latter, others by the former.
    LengthAndEncoding,
    /// More than one Content-Length, even equal ones (RFC 9112 6.3 lets a recipient merge them).
    LengthRepeated,
    /// Anything but ASCII digits up to [`MAX_CONTENT_LENGTH`]. Go up to 1.21 takes an empty one as none.
    LengthInvalid,
    /// Transfer-Encoding other than one `chunked`: lists, parameters, `identity`, repeated lines. Go up to 1.14 looks at
    /// the first line only.
    EncodingInvalid,
    /// Transfer-Encoding in HTTP/1.0, which Go ignores: the chunks would be its next requests.
    EncodingInHttp10,
    /// A body in HTTP/1.0 whose Connection says more than one `keep-alive`. net/http reads it twice, once by commas over all
    /// lines and once by words of the first; where the two differ, Go 1.27 neither drains a body that its handler left
    /// nor closes, and takes the body for the next request.
    ConnectionInHttp10,
    /// A chunk size that is not 1 to [`MAX_CHUNK_SIZE_DIGITS`](super::chunked::MAX_CHUNK_SIZE_DIGITS) hexadecimal digits, directly followed by `;` or CRLF.
    ChunkSize,
    /// A control byte in a chunk extension, or more than [`MAX_EXTENSION_BYTES`](super::chunked::MAX_EXTENSION_BYTES) of it, or [`MAX_EXTENSIONS_BYTES`](super::chunked::MAX_EXTENSIONS_BYTES) of all.
    ChunkExtension,
    /// A line end of the chunked framing that is not CRLF (CVE-2025-22871).
    ChunkLineEnd,
    /// A trailer line that is not `token: value`, or more than [`MAX_TRAILER_BYTES`](super::chunked::MAX_TRAILER_BYTES) of them.
    Trailer,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LengthAndEncoding => "both Content-Length and Transfer-Encoding",
            Self::LengthRepeated => "more than one Content-Length",
            Self::LengthInvalid => "a Content-Length that is no number of at most 16 digits, up to 1 PiB",
            Self::EncodingInvalid => "a Transfer-Encoding other than one chunked",
            Self::EncodingInHttp10 => "Transfer-Encoding in HTTP/1.0",
            Self::ConnectionInHttp10 => {
                "a body in HTTP/1.0 with a Connection other than one keep-alive or close"
            }
            Self::ChunkSize => "a chunk size other than 1 to 8 hexadecimal digits",
            Self::ChunkExtension => "an invalid chunk extension",
            Self::ChunkLineEnd => "a line of the chunked body does not end in CRLF",
            Self::Trailer => "an invalid trailer, or more than 1 KiB of trailers",
        })
    }
}

impl std::error::Error for Error {}

impl BodyFraming {
    /// The framing of a request, whatever its method: Go frames a GET's body too (RFC 9112 6.3).
    ///
    /// # Errors
    /// Whatever two parsers could frame differently.
    pub fn of_request(head: &RequestHead<'_>) -> Result<Self, Error> {
        let (length, encoding) = (head.fields.content_length, head.fields.transfer_encoding);
        match Self::declared(length, encoding, head.version)? {
            None => Ok(Self::None),
            Some(Self::Length(1..))
                if head.version == Version::Http10 && !is_plain(head.fields.connection) =>
            {
                Err(Error::ConnectionInHttp10)
            }
            Some(framing) => Ok(framing),
        }
    }

    /// The framing of the response to a request of this method (RFC 9112 6.3).
    ///
    /// # Errors
    /// Whatever cannot be framed with certainty.
    pub fn of_response(head: &ResponseHead<'_>, request: Method) -> Result<Self, Error> {
        let (length, encoding) = (head.fields.content_length, head.fields.transfer_encoding);
        let declared = Self::declared(length, encoding, head.version)?;
        if request == Method::Head || matches!(head.status, 100..=199 | 204 | 304) {
            return Ok(Self::None);
        }
        Ok(declared.unwrap_or(Self::UntilClose))
    }

    fn declared(length: Field<'_>, encoding: Field<'_>, version: Version) -> Result<Option<Self>, Error> {
        match (length, encoding) {
            (Field::Absent, Field::Absent) => Ok(None),
            (Field::Once(digits), Field::Absent) => parse_length(digits).map(Self::Length).map(Some),
            (Field::Repeated, Field::Absent) => Err(Error::LengthRepeated),
            (Field::Absent, _) if version == Version::Http10 => Err(Error::EncodingInHttp10),
            (Field::Absent, Field::Once(coding)) if coding.eq_ignore_ascii_case(b"chunked") => {
                Ok(Some(Self::Chunked))
            }
            (Field::Absent, _) => Err(Error::EncodingInvalid),
            (_, _) => Err(Error::LengthAndEncoding),
        }
    }
}

/// Whether a Connection says `keep-alive` in a way that nobody can miss, or not at all.
fn is_plain(connection: Field<'_>) -> bool {
    const KEEP_ALIVE: &[u8] = b"keep-alive";
    match connection {
        Field::Absent => true,
        Field::Once(value) => {
            value.eq_ignore_ascii_case(KEEP_ALIVE)
                || !value.windows(KEEP_ALIVE.len()).any(|part| part.eq_ignore_ascii_case(KEEP_ALIVE))
        }
        Field::Repeated => false,
    }
}

fn parse_length(digits: &[u8]) -> Result<u64, Error> {
    // Checked by hand: `str::parse` takes "+5" (RUSTSEC-2021-0078).
    if digits.is_empty() || digits.len() > MAX_LENGTH_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Error::LengthInvalid);
    }
    // So few digits stay below what a u64 holds.
    let length = digits.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0'));
    if length > MAX_CONTENT_LENGTH { Err(Error::LengthInvalid) } else { Ok(length) }
}
