//! What Go's net/http makes of a chunked body, written down from its source, arithmetic included.
//!
//! Our limits lean on this arithmetic: what `framing` accepts must never make it give up, as a Go that gives up in the middle
//! of a body may read the rest of it as requests. Sources: `net/http/internal/chunked.go` (`chunkedReader`) and
//! `net/http/transfer.go` (`body.readTrailer`) of Go 1.19.8, 1.21.13, 1.22.10, 1.23.2, 1.24.3, 1.25.5, 1.26.6 and 1.27.3.

#![allow(dead_code, missing_docs, reason = "every test binary uses its own part of this")]

/// The releases of Go that read chunks in the same way, by the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// Does not count framing that exceeds the data; takes a bare LF for the end of a line, and an empty size for 0.
    UpTo1_20,
    /// Counts, a line with its end.
    UpTo1_21,
    /// Refuses an empty size. Also 1.24.0 and 1.24.1.
    UpTo1_23_7,
    /// Counts a line without its end, which has to be CRLF.
    Later,
}

/// Every form that there has been.
pub const RELEASES: [Release; 4] =
    [Release::UpTo1_20, Release::UpTo1_21, Release::UpTo1_23_7, Release::Later];

/// Where Go is once it has read all of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// The body has ended after so many bytes, and this was its data.
    Complete(usize, Vec<u8>),
    /// It waits for more.
    Waits,
    /// It has given up, before it had read more than so many bytes.
    GaveUp(usize, &'static str),
}

/// `bufio.Reader`'s size in a server and in a client: it bounds a line and a trailer section.
const BUFFER_BYTES: usize = 4096;

/// `maxLineLength`.
const MAX_LINE_BYTES: usize = 4096;

/// `DefaultMaxHeaderValueCount` of Go 1.27, for trailers too.
const MAX_TRAILERS: usize = 500;

/// Reads a chunked body from the start of a stream.
pub fn read_chunked(stream: &[u8], release: Release) -> Reading {
    let mut data = Vec::new();
    let mut excess: i64 = 0;
    let mut at = 0;
    loop {
        // beginChunk
        let Some(lf) = stream[at..].iter().position(|&byte| byte == b'\n') else {
            return match stream.len() - at {
                0..BUFFER_BYTES => Reading::Waits,
                _ => Reading::GaveUp(at, "header line too long"),
            };
        };
        let line = &stream[at..=at + lf];
        if line.len() > BUFFER_BYTES {
            return Reading::GaveUp(at, "header line too long");
        }
        let line = match release {
            Release::UpTo1_20 | Release::UpTo1_21 | Release::UpTo1_23_7 => line,
            Release::Later => match line.iter().position(|&byte| byte == b'\r') {
                Some(cr) if cr == line.len() - 2 => &line[..cr],
                _ => return Reading::GaveUp(at, "a chunked line ends with a bare LF or has a CR inside"),
            },
        };
        if line.len() >= MAX_LINE_BYTES {
            return Reading::GaveUp(at, "header line too long");
        }
        let behind = at + lf + 1;
        let Some(size) = hex_uint(line, release <= Release::UpTo1_21) else {
            return Reading::GaveUp(behind, "no chunk length");
        };
        if release > Release::UpTo1_20 {
            excess = excess.wrapping_add(line.len() as i64 + 2);
            excess = excess.wrapping_sub((size as i64).wrapping_mul(2).wrapping_add(16)).max(0);
            if excess > 16 * 1024 {
                return Reading::GaveUp(behind, "chunked encoding contains too much non-data");
            }
        }
        if size == 0 {
            return read_trailers(stream, behind, data);
        }
        let left = (stream.len() - behind) as u64;
        if left <= size {
            return Reading::Waits;
        }
        let end = behind + size as usize;
        data.extend_from_slice(&stream[behind..end]);
        match &stream[end..] {
            [] | [_] => return Reading::Waits,
            [b'\r', b'\n', ..] => at = end + 2,
            _ => return Reading::GaveUp(end, "malformed chunked encoding"),
        }
    }
}

/// `trimTrailingWhitespace`, `removeChunkExtension`, `parseHexUint`.
fn hex_uint(line: &[u8], may_be_empty: bool) -> Option<u64> {
    let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
    let digits = if size.len() == line.len() { line.trim_ascii_end() } else { size };
    if digits.len() > 16 || (digits.is_empty() && !may_be_empty) {
        return None;
    }
    digits
        .iter()
        .try_fold(0, |size: u64, &digit| Some(size << 4 | u64::from(char::from(digit).to_digit(16)?)))
}

/// `body.readTrailer`, which wants to see the whole section in its buffer, and `textproto.ReadMIMEHeader`.
fn read_trailers(stream: &[u8], start: usize, data: Vec<u8>) -> Reading {
    let section = &stream[start..];
    if section.starts_with(b"\r\n") {
        return Reading::Complete(start + 2, data);
    }
    let seen = &section[..section.len().min(BUFFER_BYTES)];
    let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") else {
        return match section.len() {
            0..BUFFER_BYTES => Reading::Waits,
            _ => Reading::GaveUp(start, "suspiciously long trailer after chunked body"),
        };
    };
    let lines = section[..end].split(|&byte| byte == b'\n');
    if lines.clone().count() > MAX_TRAILERS {
        return Reading::GaveUp(start, "message too large");
    }
    for line in lines {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or_default();
        let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        let text = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
        if colon == 0 || !line[..colon].iter().all(token) || !line[colon..].iter().all(text) {
            return Reading::GaveUp(start, "malformed MIME header line");
        }
    }
    Reading::Complete(start + end + 4, data)
}
