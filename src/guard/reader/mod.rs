//! JSON in one way, or not at all (RFC 8259).
//!
//! Go's `encoding/json`, json-iterator and whatever comes take some texts differently: keys that come twice, bytes that are no UTF-8,
//! halves of surrogate pairs, what stands behind the value. All that is refused here. What is left has one reading but for the
//! spelling of names, which `fields` looks after. Nothing is copied, and there is no tree: a value is a part of the
//! text that was read before.

mod cursor;

use cursor::Cursor;
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
    // Seldom any, so that strings are not looked through for them.
    let has_controls = bytes.iter().fold(false, |any, &byte| any | (byte < b' '));
    let mut cursor = Cursor { text, at: 0, has_controls };
    cursor.skip_space();
    let start = cursor.at;
    if start == text.len() {
        return Err(Error::Empty);
    }
    // Room for most bodies: a create by the CLI has 77 at once.
    cursor.value(0, &mut Vec::with_capacity(80))?;
    let end = cursor.at;
    cursor.skip_space();
    if cursor.at < text.len() { Err(Error::Behind(cursor.at)) } else { Ok(Value(&text[start..end])) }
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
            Kind::Bool => self.0.starts_with('f'),
            Kind::Number => {
                let digits = self.0.split(['e', 'E']).next().unwrap_or_default();
                digits.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'))
            }
            Kind::Text => self.0 == "\"\"",
            Kind::List | Kind::Object => {
                let mut inside = Cursor::within(self);
                inside.skip_space();
                matches!(inside.peek(), Some(b']' | b'}'))
            }
        }
    }

    /// The characters of a string, with escapes read; `None` of anything else.
    #[must_use]
    #[inline(never)]
    pub fn text(self) -> Option<Cow<'b, str>> {
        if self.kind() == Kind::Text { Cursor { at: 0, ..Cursor::within(self) }.string_again() } else { None }
    }

    /// The values of an array; none of anything else.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let mut parts = Parts::of(self, Kind::List);
        std::iter::from_fn(move || parts.as_mut()?.next_item())
    }

    /// A member of an object, by its key.
    #[must_use]
    pub fn member(self, key: &str) -> Option<Self> {
        self.members().find(|(other, _)| other == key).map(|(_, value)| value)
    }

    /// The members of an object, in order, their keys with escapes read; none of anything else.
    pub fn members(self) -> impl Iterator<Item = (Cow<'b, str>, Self)> {
        let mut parts = Parts::of(self, Kind::Object);
        std::iter::from_fn(move || parts.as_mut()?.next_member())
    }
}

/// A walk over the parts of an array or an object that was read before. Nothing is checked again.
struct Parts<'b> {
    /// Behind the bracket that opens it, or behind a part.
    cursor: Cursor<'b>,
    is_first: bool,
}

impl<'b> Parts<'b> {
    fn of(value: Value<'b>, kind: Kind) -> Option<Self> {
        (value.kind() == kind).then_some(Self { cursor: Cursor::within(value), is_first: true })
    }

    /// Goes on to the next part, if there is one before this bracket.
    fn step(&mut self, end: u8) -> Option<()> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        self.cursor.comes_part(end, is_first).ok()?.then_some(())
    }

    #[inline(never)]
    fn next_item(&mut self) -> Option<Value<'b>> {
        self.step(b']')?;
        Some(self.cursor.value_again())
    }

    fn next_member(&mut self) -> Option<(Cow<'b, str>, Value<'b>)> {
        self.step(b'}')?;
        let key = self.cursor.string_again()?;
        self.cursor.colon().ok()?;
        Some((key, self.cursor.value_again()))
    }
}
