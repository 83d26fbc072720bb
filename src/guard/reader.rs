//! JSON in one way, or not at all (RFC 8259).
//!
//! Go's `encoding/json`, json-iterator and whatever comes take some texts differently: keys that come twice, bytes that are no UTF-8,
//! halves of surrogate pairs, what stands behind the value. All that is refused here. What is left has one reading but for the
//! spelling of names, which `fields` looks after. Nothing is copied, and there is no tree: a value is a part of the
//! text that was read before.

use crate::http::bytes::hex_value;
use std::borrow::Cow;
use std::fmt;

/// How deep lists and objects may stand within each other.
/// - The deepest that is sent: 6.
/// - The least that fails: 10,000, where Go gives up.
pub const MAX_DEPTH: usize = 32;

/// Why a text has not one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// There is no value.
    Empty,
    /// It is no UTF-8 from this byte on: what Go replaces could make two keys one.
    NotUtf8(usize),
    /// It is no JSON at this byte.
    Malformed(usize),
    /// The object that starts at this byte has a key twice: Go takes the last one, or both.
    Twice(usize),
    /// Half of a surrogate pair: Go replaces it, so that two keys could become one.
    Surrogate(usize),
    /// Deeper than [`MAX_DEPTH`].
    Deep(usize),
    /// Something follows the value at this byte: some readers stop before.
    Behind(usize),
}

/// The end of a sentence that starts with the body. It says nothing that stands in the text.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::NotUtf8(at) => write!(f, "is no UTF-8 at byte {at}"),
            Self::Malformed(at) => write!(f, "is no JSON at byte {at}"),
            Self::Twice(at) => write!(f, "has a key twice in the object at byte {at}"),
            Self::Surrogate(at) => write!(f, "has half a surrogate pair at byte {at}"),
            Self::Deep(at) => write!(f, "is deeper than {MAX_DEPTH} levels at byte {at}"),
            Self::Behind(at) => write!(f, "has more than one value, at byte {at}"),
        }
    }
}

impl std::error::Error for Error {}

/// A value that was read: a part of the text, without white space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'b>(&'b str);

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    Text,
    /// An array.
    List,
    /// An object.
    Object,
}

/// Reads a text whole.
///
/// # Errors
/// Whatever some reader could take in another way.
pub fn read(bytes: &[u8]) -> Result<Value<'_>, Error> {
    let text = str::from_utf8(bytes).map_err(|error| Error::NotUtf8(error.valid_up_to()))?;
    let mut cursor = Cursor { text, at: 0 };
    cursor.skip_space();
    if cursor.peek().is_none() {
        return Err(Error::Empty);
    }
    let value = cursor.value(0)?;
    cursor.skip_space();
    if cursor.at < text.len() { Err(Error::Behind(cursor.at)) } else { Ok(value) }
}

impl<'b> Value<'b> {
    /// As it stands in the text.
    #[must_use]
    pub const fn raw(self) -> &'b str {
        self.0
    }

    /// What it is.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self.0.as_bytes() {
            [b'n', ..] => Kind::Null,
            [b't' | b'f', ..] => Kind::Bool,
            [b'"', ..] => Kind::Text,
            [b'[', ..] => Kind::List,
            [b'{', ..] => Kind::Object,
            _ => Kind::Number,
        }
    }

    /// Whether it is what Go has where nothing is set: `null`, `false`, zero, or empty.
    #[must_use]
    pub fn is_zero(self) -> bool {
        match self.kind() {
            Kind::Null => true,
            Kind::Bool => self.0 == "false",
            Kind::Number => {
                let digits = self.0.split(['e', 'E']).next().unwrap_or_default();
                digits.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'))
            }
            Kind::Text => self.0 == "\"\"",
            Kind::List => self.items().next().is_none(),
            Kind::Object => self.members().next().is_none(),
        }
    }

    /// The characters of a string, with escapes read; `None` of anything else.
    #[must_use]
    pub fn text(self) -> Option<Cow<'b, str>> {
        Cursor { text: self.0, at: 0 }.string().ok()
    }

    /// The values of an array; none of anything else.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let mut parts = Parts::of(self, Kind::List);
        std::iter::from_fn(move || parts.as_mut()?.next_item(0).ok().flatten())
    }

    /// A member of an object, by its key.
    #[must_use]
    pub fn member(self, key: &str) -> Option<Self> {
        self.members().find(|(other, _)| other == key).map(|(_, value)| value)
    }

    /// The members of an object, in order, their keys with escapes read; none of anything else.
    pub fn members(self) -> impl Iterator<Item = (Cow<'b, str>, Self)> {
        let mut parts = Parts::of(self, Kind::Object);
        std::iter::from_fn(move || parts.as_mut()?.next_member(0).ok().flatten())
    }
}

/// A walk over the parts of an array or an object.
struct Parts<'b> {
    /// Behind the bracket that opens it, or behind a part.
    cursor: Cursor<'b>,
    begun: bool,
}

impl<'b> Parts<'b> {
    /// Of a value that was read before.
    fn of(value: Value<'b>, kind: Kind) -> Option<Self> {
        (value.kind() == kind).then_some(Self { cursor: Cursor { text: value.0, at: 1 }, begun: false })
    }

    /// Whether another part comes, in front of which the cursor stands then.
    fn goes_on(&mut self, end: u8) -> Result<bool, Error> {
        self.cursor.skip_space();
        if self.cursor.take(end) {
            return Ok(false);
        }
        if self.begun {
            self.cursor.expect(b',')?;
            self.cursor.skip_space();
        }
        self.begun = true;
        Ok(true)
    }

    fn next_item(&mut self, depth: usize) -> Result<Option<Value<'b>>, Error> {
        if self.goes_on(b']')? { self.cursor.value(depth).map(Some) } else { Ok(None) }
    }

    fn next_member(&mut self, depth: usize) -> Result<Option<(Cow<'b, str>, Value<'b>)>, Error> {
        if !self.goes_on(b'}')? {
            return Ok(None);
        }
        let key = self.cursor.string()?;
        self.cursor.skip_space();
        self.cursor.expect(b':')?;
        self.cursor.skip_space();
        Ok(Some((key, self.cursor.value(depth)?)))
    }
}

/// A place in a text.
#[derive(Clone, Copy)]
struct Cursor<'b> {
    text: &'b str,
    at: usize,
}

impl<'b> Cursor<'b> {
    fn peek(&self) -> Option<u8> {
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

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reads the value that starts here, within so many others.
    fn value(&mut self, depth: usize) -> Result<Value<'b>, Error> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => drop(self.string()?),
            Some(b'{' | b'[') if depth >= MAX_DEPTH => return Err(Error::Deep(start)),
            Some(b'{') => {
                let mut parts = Parts { cursor: Self { at: start + 1, ..*self }, begun: false };
                let mut keys = Vec::new();
                while let Some((key, _)) = parts.next_member(depth + 1)? {
                    keys.push(key);
                }
                keys.sort_unstable();
                if keys.windows(2).any(|pair| pair[0] == pair[1]) {
                    return Err(Error::Twice(start));
                }
                *self = parts.cursor;
            }
            Some(b'[') => {
                let mut parts = Parts { cursor: Self { at: start + 1, ..*self }, begun: false };
                while parts.next_item(depth + 1)?.is_some() {}
                *self = parts.cursor;
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => {
                let rest = &self.text[start..];
                let word = ["null", "true", "false"].into_iter().find(|word| rest.starts_with(word));
                self.at += word.ok_or(Error::Malformed(start))?.len();
            }
        }
        Ok(Value(&self.text[start..self.at]))
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
        let mut text = Cow::Borrowed("");
        let mut start = self.at;
        loop {
            let at = self.at;
            match self.peek() {
                Some(b'"' | b'\\') => {
                    // What stands between two escapes; all of it, where there are none.
                    text += &self.text[start..at];
                    self.at += 1;
                    if self.text.as_bytes()[at] == b'"' {
                        return Ok(text);
                    }
                    text.to_mut().push(self.escaped(at)?);
                    start = self.at;
                }
                None | Some(..b' ') => return Err(Error::Malformed(at)),
                Some(_) => self.at += 1,
            }
        }
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
