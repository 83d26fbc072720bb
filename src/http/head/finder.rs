//! Where a head ends (invariant 1).

use super::{Error, MAX_HEAD_BYTES};

/// Bytes that are searched at once: 32, and the two before them.
const BLOCK_BYTES: usize = 2 + 32;

/// From so many bytes on it pays off to look for the first LF before.
const LONG_BYTES: usize = 512;

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
        let mut start = self.searched.saturating_sub(2);
        // What makes a head long mostly is its first line, which memchr skips faster.
        if bounded.len() - start > LONG_BYTES {
            let line = memchr::memchr(b'\n', &bounded[start..]).map_or(bounded.len(), |at| start + at);
            start = start.max(line.saturating_sub(2));
        }
        // Each byte is looked at together with the two before it; in whole blocks without a branch for each, so that the
        // compiler looks at many at once.
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
