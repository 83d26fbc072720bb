//! The lists of names: what of the things of others may be used.

use super::path::{is_image, is_name};
use super::thing::{Thing, is_id, may_be_digits};
use std::fmt;

/// An entry: a name, or how names begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Of an image as Docker shows it.
    text: String,
    /// Whether names may go on.
    begins: bool,
}

impl Name {
    /// An entry of a list of containers, networks or volumes.
    pub(super) fn of_thing(text: &str) -> Option<Self> {
        Self::read(text, is_name)
    }

    /// An entry of a list of names of images.
    pub(super) fn of_image(text: &str) -> Option<Self> {
        let is_good = |name: &str| is_image(name) && !name.contains('@') && !familiar(name).is_empty();
        let Self { text, begins } = Self::read(text, is_good)?;
        Some(Self { text: familiar(&text).to_owned(), begins })
    }

    fn read(text: &str, is_good: impl Fn(&str) -> bool) -> Option<Self> {
        let (text, begins) = text.strip_suffix('*').map_or((text, false), |text| (text, true));
        (is_good(text) || (begins && text.is_empty())).then(|| Self { text: text.to_owned(), begins })
    }

    /// Whether it stands for every name, and every ID.
    pub(super) fn is_all(&self) -> bool {
        self.begins && self.text.is_empty()
    }

    /// Whether it opens nothing: a daemon takes it for the start of an ID, too. An image may still be given such a name.
    pub(super) fn is_vain(&self, thing: Thing) -> bool {
        let is_found = thing.has_id() && thing != Thing::Image;
        is_found && !self.begins && may_be_digits(&self.text) && !is_id(&self.text)
    }

    /// Whether all that the other stands for is in this one.
    pub(super) fn covers(&self, other: &Self) -> bool {
        // What begins so leaves out what could be an ID.
        let is_begun = other.begins || self.is_all() || !may_be_digits(&other.text);
        self == other || (self.begins && is_begun && other.text.starts_with(&self.text))
    }

    /// Whether it stands for what a reference names. What could be an ID is no name.
    pub(super) fn has(&self, thing: Thing, reference: &str) -> bool {
        if self.is_all() {
            return true;
        }
        if thing.has_id() && may_be_digits(reference) {
            return !self.begins && self.text == reference && is_id(reference);
        }
        match thing {
            Thing::Image => !is_image_id(reference) && self.has_image(reference),
            // The path of a link, which names another one.
            _ if reference.contains('/') => false,
            _ if self.begins => reference.starts_with(&self.text),
            _ => reference == self.text,
        }
    }

    /// Whether it stands for the name of an image.
    pub(super) fn has_image(&self, name: &str) -> bool {
        let Some(rest) = familiar(name).strip_prefix(&self.text) else { return false };
        // Whatever its tag is, which has no slash: a registry's port is in front of one.
        let is_tag = || rest.is_empty() || (rest.starts_with(':') && !rest.contains('/'));
        self.is_all() || (!name.contains('@') && (self.begins || is_tag()))
    }
}

/// As it is written in a list.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.begins { "*" } else { "" })
    }
}

/// The name of an image as Docker shows it: without what stands before it where nothing is said (distribution `reference.FamiliarName`).
pub(super) fn familiar(name: &str) -> &str {
    let path = name.strip_prefix("docker.io/").or_else(|| name.strip_prefix("index.docker.io/"));
    let path = path.unwrap_or(name);
    path.strip_prefix("library/").unwrap_or(path)
}

/// Whether a reference to an image can be its ID, or its digest, by which it goes with all of its names.
pub(super) fn is_image_id(reference: &str) -> bool {
    may_be_digits(reference) || reference.starts_with("sha256:") || reference.contains('@')
}

/// Whether a reference has only bytes that names, IDs and paths of links have, so that no reader cuts it.
pub(super) fn is_reference(thing: Thing, reference: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
    match thing {
        Thing::Image => is_image(reference) || reference.strip_prefix("sha256:").is_some_and(may_be_digits),
        _ => !reference.is_empty() && reference.bytes().all(is_good),
    }
}
