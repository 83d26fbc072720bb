//! The request-target: origin-form only, refused where it is not clean, never repaired.
//!
//! Owns invariant 4. Docker routes on the once-decoded path (gorilla/mux on `URL.Path`), podman on the encoded one
//! (`UseEncodedPath`); both answer an unclean path with a redirect or with another route than a reader expects. So a path
//! is clean in both readings or refused, and has escapes only of bytes that mean the same in both (RFC 3986 3.3). Names may
//! hold characters beyond ASCII, escaped: those that no reader takes for another character.

use crate::http::bytes::{PATH, any_pair, read_escape};
use crate::http::method::Method;
use crate::http::path::{self, Split};
use crate::http::unicode;
use std::fmt;

/// Why a target is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// Not origin-form (RFC 9112 3.2.1). Go routes an absolute-form of any scheme by its path.
    NotOriginForm,
    /// A `#`, which starts what no client sends (RFC 3986 3.5).
    Fragment,
    /// A byte that no path or query has (RFC 3986 3.3, 3.4): a backslash, space, quotes, non-ASCII.
    InvalidByte,
    /// `%` without two hexadecimal digits.
    BadEscape,
    /// An escape of a byte that no name of the daemon's holds: control, `%`, backslash. The name of a network may hold
    /// spaces.
    ForbiddenEscape,
    /// Escapes of bytes that are not UTF-8, such as an overlong slash.
    InvalidUtf8,
    /// An escaped character that some reader takes for a slash, a dot, a backslash or a percent sign; or one beyond ASCII
    /// where the path names its section.
    Lookalike,
    /// `//`: an empty segment inside the path.
    EmptySegment,
    /// A `.` or `..` segment.
    DotSegment,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOriginForm => {
                "the request-target is not a path: this port is no HTTP proxy, so http_proxy must not name it"
            }
            Self::Fragment => "the request-target holds a #: escape it as %23",
            Self::InvalidByte => {
                "the request-target holds a byte that belongs in no path: escape it, as %20 for a space"
            }
            Self::BadEscape => "the path holds a bad percent escape: % is followed by two hexadecimal digits",
            Self::ForbiddenEscape => {
                "the path escapes a byte that is in no name: a control byte, % or a backslash"
            }
            Self::InvalidUtf8 => "the path escapes bytes that are no UTF-8",
            Self::Lookalike => "the path escapes a character that could be taken for another one",
            Self::EmptySegment => "the path holds an empty segment (//): does the base URL end in a slash?",
            Self::DotSegment => "the path holds a . or .. segment",
        })
    }
}

impl std::error::Error for Error {}

/// A clean request-target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<'b> {
    path: &'b [u8],
    /// The path decoded once, where it holds escapes.
    decoded: Option<Vec<u8>>,
    query: Option<&'b [u8]>,
}

impl<'b> Target<'b> {
    /// Reads the target of a request with this method, as sent. Allocates only where the path holds escapes.
    ///
    /// # Errors
    /// Whatever is not clean.
    pub fn parse(method: Method, raw: &'b [u8]) -> Result<Self, Error> {
        if raw.first() != Some(&b'/') {
            return Err(Error::NotOriginForm);
        }
        let (path, query) = match memchr::memchr(b'?', raw) {
            Some(mark) => (&raw[..mark], Some(&raw[mark + 1..])),
            None => (raw, None),
        };
        let plain = !any_pair(path, is_of_note);
        if !plain && let Some(&byte) = path.iter().find(|&&byte| !PATH.holds(byte)) {
            return Err(odd_byte(byte));
        }
        let is_odd = |byte: u8| !byte.is_ascii_graphic() | (byte == b'#');
        if let Some(query) = query
            && any_pair(&raw[path.len()..], |_, byte| is_odd(byte))
            && let Some(&byte) = query.iter().find(|&&byte| is_odd(byte))
        {
            return Err(odd_byte(byte));
        }
        if plain {
            return Ok(Self { path, decoded: None, query });
        }
        refuse_unclean(path)?;
        let decoded = if memchr::memchr(b'%', path).is_some() { Some(decode(path)?) } else { None };
        if let Some(decoded) = &decoded {
            match pushed_to(method, path) {
                Some((before, name)) => {
                    refuse_unclean(&decode(before)?)?;
                    refuse_unclean(&[b"/", &decode(name)?[..]].concat())?;
                }
                None => refuse_unclean(decoded)?,
            }
            if !decoded.is_ascii() {
                refuse_lookalikes(path, decoded)?;
            }
        }
        Ok(Self { path, decoded, query })
    }

    /// The path as sent: podman's reading.
    #[must_use]
    pub const fn path(&self) -> &'b [u8] {
        self.path
    }

    /// The path decoded once, where that differs: Docker's reading.
    #[must_use]
    pub fn decoded(&self) -> Option<&[u8]> {
        self.decoded.as_deref()
    }

    /// What follows the first `?`, as sent.
    #[must_use]
    pub const fn query(&self) -> Option<&'b [u8]> {
        self.query
    }
}

/// Whether a byte of a path has to be looked at more closely, as to what it is, or as the start of a segment. Where none has, the path is
/// clean and holds no escapes.
const fn is_of_note(before: u8, byte: u8) -> bool {
    // Of ASCII behind the percent sign only letters and `&` to `:` have 1 to 26 in their five low bits. What is no ASCII is negative.
    let is_name_like = (byte.cast_signed() > b'%'.cast_signed())
        & (((byte.wrapping_sub(1) & 0b1_1111) < 26) | (byte == b'_'));
    // All of them that are less than a digit, to compare once: slashes and dots are among them.
    !is_name_like | ((before == b'/') & (byte < b'0'))
}

const _: () = {
    let mut byte = 0;
    while byte <= u8::MAX as usize {
        assert!(PATH.holds(byte as u8) || is_of_note(b'a', byte as u8), "PATH has what is of no note");
        byte += 1;
    }
};

/// Decodes percent escapes once, as Go's `url.Parse` does: `+` stays.
fn decode(path: &[u8]) -> Result<Vec<u8>, Error> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            decoded.push(byte);
            rest = after;
            continue;
        }
        let (byte, after) = read_escape(rest).ok_or(Error::BadEscape)?;
        if byte.is_ascii_control() || byte == b'%' || byte == b'\\' {
            return Err(Error::ForbiddenEscape);
        }
        decoded.push(byte);
        rest = after;
    }
    Ok(decoded)
}

/// Refuses empty segments but the last, and `.` and `..`, with parameters too (`..;x`), as some servers drop these.
fn refuse_unclean(path: &[u8]) -> Result<(), Error> {
    let mut segments = path[1..].split(|&byte| byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            [] if segments.peek().is_some() => return Err(Error::EmptySegment),
            [b'.', rest @ ..] => {
                let rest = rest.strip_prefix(b".").unwrap_or(rest);
                if matches!(rest, [] | [b';', ..]) {
                    return Err(Error::DotSegment);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses characters beyond ASCII that are not just a part of a name, in a path that has some.
fn refuse_lookalikes(path: &[u8], decoded: &[u8]) -> Result<(), Error> {
    let text = str::from_utf8(decoded).map_err(|_| Error::InvalidUtf8)?;
    if text.chars().any(char::is_control) {
        return Err(Error::ForbiddenEscape);
    }
    let to_section = |path: &[u8]| path.len() - path::split(path).below.len();
    let sent = decode(&path[..to_section(path)])?;
    if text.chars().any(unicode::is_punctuation_elsewhere)
        || !sent.is_ascii()
        || !decoded[..to_section(decoded)].is_ascii()
    {
        return Err(Error::Lookalike);
    }
    // What cannot be seen may be dropped by a reader, and what is around it must not be what it hid.
    let seen: String = text.chars().filter(|&character| !unicode::is_ignorable(character)).collect();
    if seen.len() < text.len() { refuse_unclean(seen.as_bytes()) } else { Ok(()) }
}

/// Where podman pushes a manifest list to, if the request does that: the path up to the first of the two slashes of
/// `docker://HOST/NAME`, and what is behind the second. podman escapes them, and takes the whole as one segment
/// (`registerManifestHandlers`); dockerd knows no such path, and redirects.
fn pushed_to(method: Method, path: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, destination) = path.split_at(memchr::memrchr(b'/', path)?);
    let list = rest.strip_suffix(b"/registry").filter(|_| method == Method::Post)?;
    let Split { libpod: true, section: b"manifests", below: [b'/', _, ..] } = path::split(list) else {
        return None;
    };
    let (slashes, name) = destination.strip_prefix(b"/docker:")?.split_at_checked("%2F%2F".len())?;
    let second = path.len() - name.len() - "%2F".len();
    slashes.eq_ignore_ascii_case(b"%2F%2F").then_some((&path[..second], name))
}

const fn odd_byte(byte: u8) -> Error {
    if byte == b'#' { Error::Fragment } else { Error::InvalidByte }
}
