//! What a byte may be: the classes of the grammars, each a table, and the values of digits; and how many bytes are looked at together.

/// A set of bytes.
pub struct Class([bool; 256]);

impl Class {
    /// Letters, digits and these.
    const fn alphanumeric_and(others: &[u8]) -> Self {
        let mut class = Self([false; 256]);
        let mut byte = 0;
        while byte < 256 {
            class.0[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        class.and(others)
    }

    const fn and(mut self, others: &[u8]) -> Self {
        let mut at = 0;
        while at < others.len() {
            self.0[others[at] as usize] = true;
            at += 1;
        }
        self
    }

    /// Every byte but control bytes.
    const fn no_control() -> Self {
        let mut class = Self([true; 256]);
        let mut byte = 0;
        while byte < 256 {
            class.0[byte] = !(byte as u8).is_ascii_control();
            byte += 1;
        }
        class
    }

    /// Whether this byte is one of them.
    #[must_use]
    pub const fn holds(&self, byte: u8) -> bool {
        self.0[byte as usize]
    }
}

/// What a field name may hold: `tchar` (RFC 9110 5.6.2).
pub static TOKEN: Class = Class::alphanumeric_and(b"!#$%&'*+-.^_`|~");

/// What a field value may hold (RFC 9110 5.5): no control byte but tab.
pub static FIELD_VALUE: Class = Class::no_control().and(b"\t");

/// The bytes of `uri-host [":" port]` (RFC 3986 3.2.2), as Go's httpguts takes them. A slash must never be one: dockerd 1.12 to
/// 19.03 rewrites the head of a client whose second line is `Host: /...` (moby `MalformedHostHeaderOverride`).
pub static HOST: Class = Class::alphanumeric_and(b".-:[]_~%!$&'()*+,;=");

/// `pchar` (RFC 3986 3.3), the slash, and the percent sign of escapes.
pub static PATH: Class = Class::alphanumeric_and(b"/%-._~!$&'()*+,;=:@");

/// Bytes that are looked at together: 32, and the one before them. Of fewer, some compilers make a branch for each byte.
const BLOCK_BYTES: usize = 1 + 32;

/// Whether some byte is odd beside the one before it. The first byte has none before it, and is not asked about. A letter must not be odd
/// behind what a text may end in: what is shorter than a block is filled up with letters.
///
/// A whole block is asked about without a branch for each byte, so that the compiler compares many at once. The last block overlaps the
/// one before it, so that no rest is left.
#[inline]
pub fn any_pair(bytes: &[u8], is_odd: impl Fn(u8, u8) -> bool) -> bool {
    let mut filled = [b'a'; BLOCK_BYTES];
    let bytes = match filled.get_mut(..bytes.len()) {
        None => bytes,
        Some(start) => {
            start.copy_from_slice(bytes);
            &filled
        }
    };
    let last = bytes.len() - BLOCK_BYTES;
    let mut start = 0;
    loop {
        let block = &bytes[start..start + BLOCK_BYTES];
        if block.iter().zip(&block[1..]).fold(false, |odd, (&before, &byte)| odd | is_odd(before, byte)) {
            return true;
        }
        if start == last {
            return false;
        }
        start = last.min(start + BLOCK_BYTES - 1);
    }
}

/// The value of a hexadecimal digit.
#[must_use]
pub const fn hex_value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => return None,
    })
}

/// The byte that a percent escape at the start of a text stands for (RFC 3986 2.1), and what follows; `None` where there is no
/// escape.
#[must_use]
pub const fn read_escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, rest @ ..] = text else { return None };
    match (hex_value(*high), hex_value(*low)) {
        (Some(high), Some(low)) => Some((high << 4 | low, rest)),
        _ => None,
    }
}

/// A text whose percent escapes are read once. What is no escape stays.
pub fn unescape(mut text: &[u8]) -> impl Iterator<Item = u8> + Clone {
    std::iter::from_fn(move || {
        let (byte, rest) = next_byte(text)?;
        text = rest;
        Some(byte)
    })
}

/// The first byte of such a text, and the rest.
#[must_use]
pub fn next_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    read_escape(text).or_else(|| text.split_first().map(|(byte, rest)| (*byte, rest)))
}

/// Bytes that are compared at once.
const COMPARED_BYTES: usize = 32;

/// Whether `text` starts with `start`. In blocks, as musl's memcmp goes byte by byte, and the compiler calls it for slices.
#[must_use]
pub fn starts_with(text: &[u8], start: &[u8]) -> bool {
    let Some(text) = text.get(..start.len()) else { return false };
    let (Some(last), Some(last_of_start)) = (text.last_chunk(), start.last_chunk::<COMPARED_BYTES>()) else {
        return text.iter().eq(start);
    };
    let (blocks, blocks_of_start) = (text.as_chunks::<COMPARED_BYTES>().0, start.as_chunks().0);
    last == last_of_start && blocks.iter().eq(blocks_of_start)
}
