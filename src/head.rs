//! Request and response heads: where one ends, and what is in it.
//!
//! Owns invariants 1 to 3: a head is bounded and never rescanned, its bytes are judged as they are sent, and it has one
//! reading or is refused. httparse is called here only, on exactly the bytes up to the blank line; what it lets pass and
//! Go's net/http reads otherwise is refused by our own checks (RFC 9112, sections 2 to 5).

use httparse::{Header, Status};
use std::fmt;
use std::mem::MaybeUninit;

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
    /// A CR or LF before the request line. httparse skips blank lines, Go does so only behind a POST, as does
    /// [`crate::conn`].
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

/// Bytes that are searched at once: 32, and the two before them.
const BLOCK_BYTES: usize = 2 + 32;

/// Finds the end of a head in a growing buffer; what was searched before is not searched again.
#[derive(Debug, Default)]
pub struct Finder {
    /// No head ends before.
    searched: usize,
}

impl Finder {
    /// The length of the head that `buffer` starts with, up to and including CRLFCRLF; `None` while it is incomplete.
    /// `buffer` must start with the bytes of the call before.
    ///
    /// # Errors
    /// What a first byte shows that is none of A-Z; [`Error::BareLf`] as soon as seen, and [`Error::TooLarge`].
    pub fn find(&mut self, buffer: &[u8]) -> Result<Option<usize>, Error> {
        match buffer.first() {
            None | Some(b'A'..=b'Z') => {}
            Some(b'a'..=b'z') => return Err(Error::LowerCase),
            Some(b'\r' | b'\n') => return Err(Error::BlankLine),
            Some(22) => return Err(Error::Tls),
            Some(_) => return Err(Error::NotHttp),
        }
        if buffer.get(1) == Some(&b'\n') {
            return Err(Error::BareLf);
        }
        let bounded = &buffer[..buffer.len().min(MAX_HEAD_BYTES)];
        // Each byte is looked at together with the two before it; in whole blocks without a branch for each, so that the
        // compiler looks at many at once.
        let mut start = self.searched.saturating_sub(2);
        while let Some(block) = bounded[start..].first_chunk::<BLOCK_BYTES>()
            && !(2..BLOCK_BYTES)
                .fold(false, |found, at| found | is_of_note(block[at - 2], block[at - 1], block[at]))
        {
            start += BLOCK_BYTES - 2;
        }
        let rest = &bounded[start..];
        let mut lines = memchr::memchr_iter(b'\n', rest).filter(|&at| at >= 2);
        if let Some(at) = lines.find(|&at| is_of_note(rest[at - 2], rest[at - 1], rest[at])) {
            let end = start + at + 1;
            return if bounded[..end].ends_with(b"\r\n") { Ok(Some(end)) } else { Err(Error::BareLf) };
        }
        self.searched = bounded.len();
        if bounded.len() == MAX_HEAD_BYTES { Err(Error::TooLarge) } else { Ok(None) }
    }
}

/// Whether the last of three bytes is an LF that ends the head, or one without CR.
const fn is_of_note(first: u8, second: u8, third: u8) -> bool {
    (third == b'\n') & ((second != b'\r') | (first == b'\n'))
}

/// The method of a request. Case-sensitive, as dockerd's routes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
    /// PATCH
    Patch,
    /// OPTIONS
    Options,
    /// Any other method made of A-Z: never granted.
    Other,
}

impl Method {
    /// Reads a method made of A-Z; `None` for any other.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"PATCH" => Self::Patch,
            b"OPTIONS" => Self::Options,
            other if !other.is_empty() && other.iter().all(u8::is_ascii_uppercase) => Self::Other,
            _ => return None,
        })
    }

    /// The method's name; empty for [`Method::Other`].
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Patch => "PATCH",
            Self::Options => "OPTIONS",
            Self::Other => "",
        }
    }
}

/// The two versions that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
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
    fn read(headers: &[Header<'b>]) -> Self {
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
    /// sent behind the head ([`framing::Error::ConnectionInHttp10`](crate::framing::Error::ConnectionInHttp10)).
    const fn persistent(&self, version: Version) -> bool {
        match version {
            Version::Http11 => !self.close,
            Version::Http10 => self.keep_alive && !self.close,
        }
    }
}

/// The head of a request, read in the one way that every parser behind reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHead<'b> {
    /// The method.
    pub method: Method,
    /// The method as sent.
    pub method_name: &'b str,
    /// The request-target as sent: visible ASCII.
    pub target: &'b str,
    /// The version.
    pub version: Version,
    /// The fields that matter here.
    pub fields: Fields<'b>,
    /// Whether the client wants to go on with the connection.
    pub persistent: bool,
}

impl<'b> RequestHead<'b> {
    /// Reads a whole head: the bytes up to and including the blank line that [`Finder`] found.
    ///
    /// # Errors
    /// Whatever has not one reading; see [`Error`].
    pub fn parse(head: &'b [u8]) -> Result<Self, Error> {
        refuse_odd_bytes(head)?;
        let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(head, &mut headers) {
            Ok(Status::Complete(length)) if length == head.len() => {}
            Ok(_) => return Err(Error::Malformed),
            Err(httparse::Error::Version) if head.starts_with(b"PRI * HTTP/2") => return Err(Error::Http2),
            Err(httparse::Error::Version) => return Err(Error::Version),
            Err(httparse::Error::TooManyHeaders) => return Err(Error::TooManyHeaders),
            Err(_) => return Err(Error::Malformed),
        }
        let (Some(method_name), Some(target), Some(version)) =
            (request.method, request.path, request.version)
        else {
            return Err(Error::Malformed);
        };
        let version = match version {
            0 => Version::Http10,
            1 => Version::Http11,
            _ => return Err(Error::Version),
        };
        let method = Method::parse(method_name.as_bytes()).ok_or(Error::Method)?;
        if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Target);
        }
        let line = method_name.len() + " ".len() + target.len() + " HTTP/1.1".len();
        if head.get(line) != Some(&b'\r') {
            return Err(Error::Malformed);
        }
        let fields = Fields::read(request.headers);
        match fields.host {
            Field::Once(host) if host.iter().all(|&byte| is_host_byte(byte)) => {}
            Field::Once(_) => return Err(Error::HostInvalid),
            Field::Repeated => return Err(Error::HostRepeated),
            Field::Absent if version == Version::Http11 => return Err(Error::HostMissing),
            Field::Absent => {}
        }
        match fields.expect {
            Field::Absent | Field::Once(b"") => {}
            Field::Once(value) if value.eq_ignore_ascii_case(b"100-continue") => {}
            _ => return Err(Error::Expect),
        }
        if matches!(fields.upgrade, Field::Repeated | Field::Once(b"")) {
            return Err(Error::Upgrade);
        }
        let persistent = fields.persistent(version);
        Ok(Self { method, method_name, target, version, fields, persistent })
    }
}

/// The head of a response. The daemon is trusted more than the client: only what frames the body must be unambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHead<'b> {
    /// The status code, 100 to 999.
    pub status: u16,
    /// The version.
    pub version: Version,
    /// The fields that matter here.
    pub fields: Fields<'b>,
    /// Whether the daemon wants to go on with the connection.
    pub persistent: bool,
}

impl<'b> ResponseHead<'b> {
    /// Reads a whole head: the bytes up to and including the blank line that [`Finder`] found.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Version`], [`Error::TooManyHeaders`] and the bytes that no head may have.
    pub fn parse(head: &'b [u8]) -> Result<Self, Error> {
        refuse_odd_bytes(head)?;
        let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        match config.parse_response_with_uninit_headers(&mut response, head, &mut headers) {
            Ok(Status::Complete(length)) if length == head.len() => {}
            Ok(_) => return Err(Error::Malformed),
            Err(httparse::Error::Version) => return Err(Error::Version),
            Err(httparse::Error::TooManyHeaders) => return Err(Error::TooManyHeaders),
            Err(_) => return Err(Error::Malformed),
        }
        let version = match response.version {
            Some(0) => Version::Http10,
            Some(1) => Version::Http11,
            _ => return Err(Error::Version),
        };
        let status = response.code.filter(|code| *code >= 100).ok_or(Error::Malformed)?;
        let fields = Fields::read(response.headers);
        let persistent = fields.persistent(version);
        Ok(Self { status, version, fields, persistent })
    }
}

/// Refuses control bytes (tab aside) inside lines, and lines that start with white space. Where LF may stand is
/// [`Finder`]'s to say; here a CR must stand before it and nowhere else.
fn refuse_odd_bytes(head: &[u8]) -> Result<(), Error> {
    let [first, rest @ ..] = head else { return Err(Error::Malformed) };
    let pairs = || head.iter().zip(rest).map(|(&before, &byte)| (before, byte));
    // Every byte beside the one before it, without a branch: so the compiler compares many at once.
    let odd = pairs().fold(first.is_ascii_control(), |odd, (before, byte)| {
        odd | is_bare_lf(before, byte) | is_control(before, byte) | is_fold(before, byte)
    });
    if !odd && head.ends_with(b"\n") {
        return Ok(());
    }
    let any = |is: fn(u8, u8) -> bool| pairs().any(|(before, byte)| is(before, byte));
    Err(if *first == b'\n' || any(is_bare_lf) {
        Error::BareLf
    } else if first.is_ascii_control() || any(is_control) {
        Error::ControlByte
    } else if any(is_fold) {
        Error::Fold
    } else {
        Error::Malformed
    })
}

const fn is_bare_lf(before: u8, byte: u8) -> bool {
    (byte == b'\n') & (before != b'\r')
}

/// Whether `byte` is a control byte that no line holds, or follows a CR that ends none.
const fn is_control(before: u8, byte: u8) -> bool {
    ((before == b'\r') & (byte != b'\n'))
        | ((byte < b' ') & (byte != b'\t') & (byte != b'\r') & (byte != b'\n'))
        | (byte == 0x7f)
}

/// Whether `byte` starts a line with white space.
const fn is_fold(before: u8, byte: u8) -> bool {
    (before == b'\n') & ((byte == b' ') | (byte == b'\t'))
}

/// The bytes of `uri-host [":" port]` (RFC 3986 3.2.2), as Go's httpguts takes them. A slash must never be one: dockerd 1.12 to
/// 19.03 rewrites the head of a client whose second line is `Host: /...` (moby `MalformedHostHeaderOverride`).
const fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'.' | b'-'
                | b':'
                | b'['
                | b']'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}
