//! A place in a text that is read for the first time, with all checks, or gone over again, with none.

use super::{Error, MAX_DEPTH, Value};
use crate::http::bytes::hex_value;
use std::borrow::Cow;

/// A place in a text.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'b> {
    pub text: &'b str,
    pub at: usize,
    /// Whether there may be control bytes in the text, which no string may have.
    pub has_controls: bool,
}

impl<'b> Cursor<'b> {
    /// Behind the first byte of a value that was read before.
    pub(super) const fn within(value: Value<'b>) -> Self {
        Self { text: value.0, at: 1, has_controls: false }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.take(byte) { Ok(()) } else { Err(Error::Malformed(self.at)) }
    }

    pub(super) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Whether another part comes before the bracket that ends them. The cursor stands in front of it then, and otherwise behind the bracket.
    pub(super) fn comes_part(&mut self, end: u8, is_first: bool) -> Result<bool, Error> {
        self.skip_space();
        if self.take(end) {
            return Ok(false);
        }
        if !is_first {
            self.expect(b',')?;
            self.skip_space();
        }
        Ok(true)
    }

    /// Goes over what stands between a key and its value.
    pub(super) fn colon(&mut self) -> Result<(), Error> {
        self.skip_space();
        self.expect(b':')?;
        self.skip_space();
        Ok(())
    }

    /// Reads the value that starts here, within so many others. `keys` are those of the objects around it, so far.
    pub(super) fn value(&mut self, depth: usize, keys: &mut Vec<Cow<'b, str>>) -> Result<(), Error> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => drop(self.string()?),
            Some(b'{' | b'[') if depth >= MAX_DEPTH => return Err(Error::Deep(start)),
            Some(b'{') => {
                let (outer, mut is_first) = (keys.len(), true);
                self.at += 1;
                while self.comes_part(b'}', is_first)? {
                    is_first = false;
                    keys.push(self.string()?);
                    self.colon()?;
                    self.value(depth + 1, keys)?;
                }
                if have_twins(&mut keys[outer..]) {
                    return Err(Error::Twice(start));
                }
                keys.truncate(outer);
            }
            Some(b'[') => {
                let mut is_first = true;
                self.at += 1;
                while self.comes_part(b']', is_first)? {
                    is_first = false;
                    self.value(depth + 1, keys)?;
                }
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'n') => self.word("null")?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            _ => return Err(Error::Malformed(start)),
        }
        Ok(())
    }

    /// The value that starts here, which was read before.
    pub(super) fn value_again(&mut self) -> Value<'b> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => drop(self.skip_string()),
            Some(b'{' | b'[') => self.skip_brackets(),
            _ => {
                let is_end = |byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
                let rest = &self.text.as_bytes()[start..];
                self.at += rest.iter().position(|&byte| is_end(byte)).unwrap_or(rest.len());
            }
        }
        Value(&self.text[start..self.at])
    }

    /// Goes behind the bracket that closes the one here. What is between was read before, so that they need only be counted.
    fn skip_brackets(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.skip_string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// The characters of the string that starts here, which was read before.
    #[inline(never)]
    pub(super) fn string_again(&mut self) -> Option<Cow<'b, str>> {
        let start = self.at;
        match self.skip_string() {
            Some(text) => Some(Cow::Borrowed(text)),
            None => Self { at: start, ..*self }.string().ok(),
        }
    }

    /// Goes behind the string that starts here, which was read before. Its characters, where none is escaped.
    fn skip_string(&mut self) -> Option<&'b str> {
        let start = self.at + 1;
        let mut is_plain = true;
        self.at = start;
        while let Some(length) = self.plain_length() {
            let end = self.at + length;
            self.at = end + 1;
            if self.text.as_bytes()[end] == b'"' {
                return is_plain.then(|| &self.text[start..end]);
            }
            // What is escaped may be a quote or a backslash.
            is_plain = false;
            self.at += 1;
        }
        None
    }

    /// Bytes up to the next quote or backslash. Most strings are short, so that eight bytes are looked at together, and no more.
    fn plain_length(&self) -> Option<usize> {
        let (words, rest) = self.text.as_bytes().get(self.at..)?.as_chunks::<8>();
        let ends = words.iter().map(|word| marks(u64::from_le_bytes(*word))).enumerate();
        for (place, marks) in ends {
            if marks != 0 {
                return Some(8 * place + marks.trailing_zeros() as usize / 8);
            }
        }
        let place = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        Some(8 * words.len() + place)
    }

    fn word(&mut self, word: &str) -> Result<(), Error> {
        let rest = &self.text.as_bytes()[self.at..];
        if !rest.starts_with(word.as_bytes()) {
            return Err(Error::Malformed(self.at));
        }
        self.at += word.len();
        Ok(())
    }

    /// RFC 8259 6.
    fn number(&mut self) -> Result<(), Error> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(())
    }

    /// At least one.
    fn digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Error::Malformed(start)) }
    }

    /// Reads the string that starts here (RFC 8259 7).
    fn string(&mut self) -> Result<Cow<'b, str>, Error> {
        self.expect(b'"')?;
        let plain = self.plain()?;
        if self.take(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            let start = self.at;
            self.expect(b'\\')?;
            text.push(self.escaped(start)?);
            text += self.plain()?;
            if self.take(b'"') {
                return Ok(Cow::Owned(text));
            }
        }
    }

    /// Reads what stands in front of the next quote or backslash, or of the end.
    fn plain(&mut self) -> Result<&'b str, Error> {
        let start = self.at;
        let plain = &self.text[start..self.plain_length().map_or(self.text.len(), |length| start + length)];
        if self.has_controls
            && let Some(control) = plain.bytes().position(|byte| byte < b' ')
        {
            return Err(Error::Malformed(start + control));
        }
        self.at += plain.len();
        Ok(plain)
    }

    /// The character of an escape whose backslash was taken, at `start`.
    fn escaped(&mut self, start: usize) -> Result<char, Error> {
        let byte = self.peek().ok_or(Error::Malformed(start))?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let mut units = [self.unit(start)?, 0];
                let mut length = 1;
                if matches!(units[0], 0xd800..0xdc00) && self.take(b'\\') {
                    // Whatever else stands here, the first half is alone.
                    if !self.take(b'u') {
                        return Err(Error::Surrogate(start));
                    }
                    (units[1], length) = (self.unit(start)?, 2);
                }
                match char::decode_utf16(units[..length].iter().copied()).next() {
                    Some(Ok(character)) => character,
                    _ => return Err(Error::Surrogate(start)),
                }
            }
            _ => return Err(Error::Malformed(start)),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self, start: usize) -> Result<u16, Error> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(hex_value).ok_or(Error::Malformed(start))?;
            unit = unit << 4 | u16::from(digit);
            self.at += 1;
        }
        Ok(unit)
    }
}

/// The highest bit of the first byte that is a quote or a backslash, and perhaps of some behind it.
const fn marks(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let (quotes, backslashes) = (word ^ (ONES * b'"' as u64), word ^ (ONES * b'\\' as u64));
    // A byte that is zero borrows from its own highest bit.
    let zeros = (quotes.wrapping_sub(ONES) & !quotes) | (backslashes.wrapping_sub(ONES) & !backslashes);
    zeros & (ONES << 7)
}

/// Whether two keys are the same. Most differ in their lengths, so that few are compared byte by byte.
fn have_twins(keys: &mut [Cow<'_, str>]) -> bool {
    keys.sort_unstable_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
    keys.windows(2).any(|pair| pair[0] == pair[1])
}
