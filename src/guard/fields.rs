//! What a table of fields can say, and the walk of a body along a table.
//!
//! A field that the tables do not know passes only where it is zero. A field that they know passes in the spelling of Docker's
//! documentation; where its value can ask for nothing, in others too. So it does not matter which spellings the reader behind takes
//! for which field.

use super::Guard;
use super::allow::Allow;
use super::claim::Claim;
use super::made::Moved;
use super::names::is_image_id;
use super::reader::{Kind, Value};
use super::refused::{Need, Refused, Why};
use super::thing::{Thing, is_id, may_be_digits};
use memchr::arch::all::is_equal;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A field of an object.
#[derive(Debug)]
pub(super) struct Field {
    /// As Docker's documentation spells it.
    pub name: &'static str,
    /// What its value may be.
    pub check: Check,
}

/// What a value may be. Zero values pass but for [`Check::Whole`].
#[derive(Debug)]
pub(super) enum Check {
    /// Anything: it concerns the client's own container alone.
    Free,
    /// Anything of a form that asks for nothing else.
    Shape(fn(&str) -> bool, &'static str),
    /// Zero: there is nothing that opens it.
    Zero,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// What this function does not refuse.
    Judged(Function),
    /// The same, and it is asked about zero values too.
    Whole(Function),
    /// An object of such fields; several lists of them are one.
    Object(&'static [&'static [Field]]),
    /// An array of such values.
    List(&'static Check),
    /// An object whose keys are the client's, of the form that this says, with such values.
    Map(fn(&str) -> bool, &'static Check),
}

/// Refuses by [`Walk::refuse`]. It is given the object that the value is in, too.
pub(super) type Function = fn(&mut Walk<'_>, Value<'_>, Value<'_>);

/// A field, for tables.
pub(super) const fn field(name: &'static str, check: Check) -> Field {
    Field { name, check }
}

impl Check {
    /// Whether a value passes without a look into it.
    fn is_passed_by(&self, value: Value<'_>) -> bool {
        matches!(self, Self::Free) || (!matches!(self, Self::Whole(_)) && value.is_zero())
    }

    /// Whether no value of it can ask for anything, so that it does not matter whether a reader takes it for the field or not.
    pub(super) fn is_free(&self) -> bool {
        match self {
            Self::Free | Self::Shape(..) => true,
            Self::Zero | Self::OneOf(_) | Self::Judged(_) | Self::Whole(_) => false,
            Self::Object(table) => table.iter().copied().flatten().all(|field| field.check.is_free()),
            Self::List(check) | Self::Map(_, check) => check.is_free(),
        }
    }
}

/// So many refusals are collected of one body.
const MAX_REFUSED: usize = 32;

/// Bytes of a client's own key in the path of a field.
const MAX_KEY_BYTES: usize = 64;

/// A walk over one body or query.
pub(super) struct Walk<'a> {
    guard: &'a Guard,
    /// Where it is.
    path: String,
    /// What was refused.
    refused: Vec<Refused>,
    /// What it does with what the client made.
    pub claim: Claim,
}

/// What a walk found.
#[derive(Debug)]
pub struct Judged {
    /// What is refused.
    pub refused: Vec<Refused>,
    /// What it does with what the client made.
    pub claim: Claim,
}

impl<'a> Walk<'a> {
    /// Judges a thing, from this path on, and returns what is refused of it.
    pub(super) fn along(path: &str, guard: &'a Guard, judge: impl FnOnce(&mut Self)) -> Judged {
        let claim = Claim::new(&guard.own);
        // Room for most paths.
        let mut room = String::with_capacity(128);
        room.push_str(path);
        let mut walk = Self { guard, path: room, refused: Vec::new(), claim };
        judge(&mut walk);
        let Self { refused, claim, .. } = walk;
        Judged { refused, claim }
    }

    /// The lists.
    pub(super) const fn allow(&self) -> &'a Allow {
        &self.guard.allow
    }

    /// Refuses a name that is neither the client's own nor listed.
    pub(super) fn names(&mut self, thing: Thing, reference: &str) {
        self.names_by(thing, reference, |claim| claim.takes(thing, reference));
    }

    /// The same where the request takes the name away.
    pub(super) fn takes_away(&mut self, thing: Thing, reference: &str, done: Moved) {
        self.names_by(thing, reference, |claim| claim.leaves(thing, reference, done.clone()));
        if self.claim.is_unmoved() && self.allow().has_name(thing, reference) && !self.allow().has_all(thing)
        {
            self.claim.leaves_listed(thing, reference, done);
        }
    }

    /// Refuses a name for an image that is not listed.
    pub(super) fn gives(&mut self, name: &str) {
        if !self.allow().has_tag(name) {
            self.refuse(Why::Needs(Need::Name(Thing::Image, name.to_owned())));
        }
    }

    fn names_by(&mut self, thing: Thing, reference: &str, is_own: impl FnOnce(&mut Claim) -> bool) {
        if self.claim.is_full() {
            return self.refuse(Why::Takes("fewer names"));
        }
        let is_open = is_own(&mut self.claim) || self.allow().has_name(thing, reference);
        if is_open {
        } else if thing == Thing::Image && is_image_id(reference) {
            self.refuse(Why::Needs(Need::All(thing)));
        } else if may_be_digits(reference) && !is_id(reference) && thing.has_id() {
            self.refuse(Why::Digits);
        } else {
            self.refuse(Why::Needs(Need::Name(thing, reference.to_owned())));
        }
    }

    /// Refuses what the walk is at.
    pub(super) fn refuse(&mut self, why: Why) {
        if self.refused.len() < MAX_REFUSED {
            let path = if self.path.is_empty() { String::from("the body") } else { self.path.clone() };
            self.refused.push(Refused { path, why });
        }
    }

    /// Refuses it unless the host's network is open.
    pub(super) fn needs_host_network(&mut self) {
        if !self.allow().host_network {
            self.refuse(Why::Needs(Need::HostNetwork));
        }
    }

    /// Does something with another thing than the value that the walk is at.
    pub(super) fn at(&mut self, thing: &str, act: impl FnOnce(&mut Self)) {
        let path = std::mem::replace(&mut self.path, thing.to_owned());
        act(self);
        self.path = path;
    }

    /// Does something with a part of the value that the walk is at.
    pub(super) fn within(&mut self, part: &str, act: impl FnOnce(&mut Self)) {
        self.below(shown(part), act);
    }

    /// The same of a part that may be shown.
    fn below(&mut self, part: &str, act: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if !part.starts_with('[') && length > 0 {
            self.path.push('.');
        }
        self.path.push_str(part);
        act(self);
        self.path.truncate(length);
    }

    /// Does something with each value of an array. What else there is is refused, but for zero.
    pub(super) fn each<'b>(&mut self, list: Value<'b>, mut act: impl FnMut(&mut Self, Value<'b>)) {
        if list.kind() != Kind::List && !list.is_zero() {
            return self.refuse(Why::Takes("a list"));
        }
        for (place, item) in list.items().enumerate() {
            match item.kind() {
                Kind::Object | Kind::List => self.within(&format!("[{place}]"), |walk| act(walk, item)),
                _ => act(self, item),
            }
        }
    }

    /// Does something with each member of an object whose keys are the client's.
    pub(super) fn entries<'b>(&mut self, map: Value<'b>, mut act: impl FnMut(&mut Self, &str, Value<'b>)) {
        if map.kind() != Kind::Object && !map.is_zero() {
            return self.refuse(Why::Takes("an object"));
        }
        for (key, value) in map.members() {
            self.within(&key, |walk| act(walk, &key, value));
        }
    }

    /// Judges an object of a table that must be there.
    pub(super) fn whole(&mut self, object: Value<'_>, table: &[&[Field]]) {
        match object.kind() {
            Kind::Object => self.object(object, table),
            _ => self.refuse(Why::Takes("an object")),
        }
    }

    /// Judges an object of a table.
    pub(super) fn object(&mut self, object: Value<'_>, table: &[&[Field]]) {
        if object.kind() != Kind::Object && !object.is_zero() {
            return self.refuse(Why::Takes("an object"));
        }
        // Of the table's fields, one bit each, and of other keys.
        let (mut seen, mut others) = (0_u128, BTreeSet::new());
        let mut next = 0;
        for (key, value) in object.members() {
            let found = find(table, &key, next);
            let (part, is_new) = match &found {
                Found::Exact((place, _)) | Found::Alike((place, _)) => {
                    let before = seen;
                    (seen, next) = (seen | 1 << place, place + 1);
                    let is_exact = matches!(found, Found::Exact(_));
                    (if is_exact { &*key } else { shown(&key) }, seen != before)
                }
                Found::Nothing(folded) => (shown(&key), others.insert(folded.clone())),
            };
            // Nearly all are, and need no path.
            if let Found::Exact((_, field)) = found
                && is_new
                && field.check.is_passed_by(value)
            {
                continue;
            }
            self.below(part, |walk| match found {
                _ if !is_new => walk.refuse(Why::Twice),
                Found::Exact((_, field)) => walk.check(value, &field.check, object),
                Found::Alike((_, field)) if field.check.is_free() && key.is_ascii() => {
                    walk.check(value, &field.check, object);
                }
                Found::Alike((_, field)) => walk.refuse(Why::Spelling(field.name)),
                Found::Nothing(_) if value.is_zero() && is_plain(&key, b"") => {}
                Found::Nothing(_) => walk.refuse(Why::Unknown),
            });
        }
    }

    fn check(&mut self, value: Value<'_>, check: &Check, object: Value<'_>) {
        match check {
            _ if check.is_passed_by(value) => {}
            Check::Free => {}
            Check::Zero => self.refuse(Why::Never),
            Check::Shape(is_good, form) => {
                if !value.text().is_some_and(|text| is_good(&text)) {
                    self.refuse(Why::Takes(form));
                }
            }
            Check::OneOf(words) => {
                if !value.text().is_some_and(|text| words.contains(&&*text)) {
                    self.refuse(Why::OneOf(words));
                }
            }
            Check::Judged(function) | Check::Whole(function) => function(self, value, object),
            Check::Object(table) => self.object(value, table),
            Check::List(check) => self.each(value, |walk, item| walk.check(item, check, object)),
            Check::Map(is_key, check) => self.entries(value, |walk, key, item| match is_key(key) {
                true => walk.check(item, check, object),
                false => walk.refuse(Why::Takes("another key")),
            }),
        }
    }
}

/// What a table has for a key.
enum Found<'t> {
    /// A field of this name, and its place.
    Exact((usize, &'t Field)),
    /// A field that some reader could take it for, and its place.
    Alike((usize, &'t Field)),
    /// None: the folded key.
    Nothing(String),
}

/// Looks a key up. Clients send most fields in the order of the tables, so that it is looked for from `next` on.
fn find<'t>(table: &[&'t [Field]], key: &str, next: usize) -> Found<'t> {
    let fields = || table.iter().copied().flatten().enumerate();
    // As musl's memcmp, which is called for slices, goes byte by byte.
    let is_exact = |(_, field): &(usize, &Field)| is_equal(field.name.as_bytes(), key.as_bytes());
    if let Some(found) = fields().skip(next).find(is_exact).or_else(|| fields().find(is_exact)) {
        return Found::Exact(found);
    }
    let folded = fold(key);
    // The tables' own names are letters and digits.
    match fields().find(|(_, field)| field.name.eq_ignore_ascii_case(&folded)) {
        Some(found) => Found::Alike(found),
        None => Found::Nothing(folded),
    }
}

/// A key without what any reader leaves out when it compares keys: Go takes the letters of simple folding for the same (U+017F is an
/// s, U+212A a k), json-iterator those of ToLower (U+0130 is an i), and others leave out hyphens and underscores.
fn fold(key: &str) -> String {
    let letters = key.chars().filter(|letter| !matches!(letter, '_' | '-'));
    letters
        .map(|letter| match letter {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            '\u{130}' | '\u{131}' => 'i',
            letter => letter.to_ascii_lowercase(),
        })
        .collect()
}

/// A part of a path as it is shown: what is the client's own as far as it is a name.
fn shown(part: &str) -> &str {
    if part.len() <= MAX_KEY_BYTES && is_plain(part, b".-_/[]") { part } else { "(another name)" }
}

/// Whether a name has letters, digits and these alone, and begins with a letter, or with one of these.
fn is_plain(name: &str, more: &[u8]) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        && !name.is_empty()
        && !(more.is_empty() && name.starts_with(|first: char| first.is_ascii_digit()))
}

/// The path of each field of a table that is judged, for reports and tests.
pub(super) fn judged(table: &'static [&'static [Field]], path: &str, found: &mut Vec<String>) {
    for field in table.iter().copied().flatten() {
        let mut path = path.to_owned();
        let _ = write!(path, "{}{}", if path.is_empty() { "" } else { "." }, field.name);
        let mut check = &field.check;
        while let Check::List(inner) | Check::Map(_, inner) = check {
            check = inner;
        }
        if !check.is_free() {
            found.push(path.clone());
        }
        if let Check::Object(table) = check {
            judged(table, &path, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Body;
    use super::super::tables::{DEVICE, DEVICE_REQUEST, ENDPOINT, MOUNT};
    use super::{Check, Field, fold};
    use std::collections::BTreeSet;

    /// Each table that is held against an object, from these on.
    fn each(table: &[&'static [Field]], look: &mut impl FnMut(&[&'static [Field]])) {
        look(table);
        for field in table.iter().copied().flatten() {
            let mut check = &field.check;
            while let Check::List(inner) | Check::Map(_, inner) = check {
                check = inner;
            }
            if let Check::Object(table) = check {
                each(table, look);
            }
        }
    }

    /// What comes twice is told by the place of its field, which is a bit of 128.
    #[test]
    fn no_two_fields_of_a_table_are_one_key_and_each_has_a_bit() {
        let mut fields = 0;
        let mut look = |table: &[&'static [Field]]| {
            let names: Vec<_> = table.iter().copied().flatten().map(|field| field.name).collect();
            let folded: BTreeSet<_> = names.iter().map(|name| fold(name)).collect();
            assert_eq!(folded.len(), names.len(), "{names:?}");
            assert!(names.len() <= 128, "{names:?}");
            fields += names.len();
        };
        Body::ALL.iter().for_each(|body| each(body.table(), &mut look));
        [ENDPOINT, MOUNT, DEVICE, DEVICE_REQUEST].iter().for_each(|table| each(&[table], &mut look));
        assert!(fields > 400, "{fields}");
    }
}
