//! The request-target: origin-form only, refused where it is not clean, never repaired.
//!
//! Owns invariant 4. Docker routes on the once-decoded path (gorilla/mux on `URL.Path`), podman on the encoded one
//! (`UseEncodedPath`); both answer an unclean path with a redirect or with another route than a reader expects. So a path
//! is clean in both readings or refused, and has escapes only of bytes that mean the same in both (RFC 3986 3.3).

use std::fmt;

/// Why a target is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// Not origin-form (RFC 9112 3.2.1). Go routes an absolute-form of any scheme by its path.
    NotOriginForm,
    /// A byte that no path or query has (RFC 3986 3.3, 3.4): a backslash, `#`, space, quotes, non-ASCII.
    InvalidByte,
    /// `%` without two hexadecimal digits.
    BadEscape,
    /// An escape of a byte that no name of the daemon's holds: control, `%`, backslash, non-ASCII. The name of a network
    /// may hold spaces.
    ForbiddenEscape,
    /// `//`: an empty segment inside the path.
    EmptySegment,
    /// A `.` or `..` segment.
    DotSegment,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOriginForm => "the request-target is not a path",
            Self::InvalidByte => "the request-target holds a byte that belongs in no path",
            Self::BadEscape => "the path holds a bad percent escape",
            Self::ForbiddenEscape => "the path escapes a byte that belongs in no path",
            Self::EmptySegment => "the path holds an empty segment",
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
    /// Reads a target as sent. Allocates only where the path holds escapes.
    ///
    /// # Errors
    /// Whatever is not clean.
    pub fn parse(raw: &'b [u8]) -> Result<Self, Error> {
        if raw.first() != Some(&b'/') {
            return Err(Error::NotOriginForm);
        }
        let (path, query) = match raw.iter().position(|&byte| byte == b'?') {
            Some(mark) => (&raw[..mark], Some(&raw[mark + 1..])),
            None => (raw, None),
        };
        let mut escapes = 0;
        for &byte in path {
            if !is_path_byte(byte) {
                return Err(Error::InvalidByte);
            }
            escapes += usize::from(byte == b'%');
        }
        if !query.unwrap_or_default().iter().all(|&byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(Error::InvalidByte);
        }
        refuse_unclean(path)?;
        let decoded = if escapes == 0 { None } else { Some(decode(path)?) };
        if let Some(decoded) = &decoded {
            refuse_unclean(decoded)?;
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
        let (Some(high), Some(low)) = (hex_value(after.first()), hex_value(after.get(1))) else {
            return Err(Error::BadEscape);
        };
        match high << 4 | low {
            b' ' => decoded.push(b' '),
            byte if byte.is_ascii_graphic() && byte != b'%' && byte != b'\\' => decoded.push(byte),
            _ => return Err(Error::ForbiddenEscape),
        }
        rest = &after[2..];
    }
    Ok(decoded)
}

fn hex_value(digit: Option<&u8>) -> Option<u8> {
    // At most 15.
    digit.and_then(|&digit| char::from(digit).to_digit(16)).map(|value| value as u8)
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

/// `pchar` (RFC 3986 3.3), the slash, and the percent sign of escapes.
const fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'/' | b'%'
                | b'-'
                | b'.'
                | b'_'
                | b'~'
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
                | b':'
                | b'@'
        )
}
