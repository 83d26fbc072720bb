//! One route: all that a row of the table can say of it.

use super::grants::Grants;
use super::variables::{equal, section_of};
use crate::http::hijack::Protocol;
use crate::http::method::Method;

/// A path, the methods that it is served with, and what it needs besides its section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Without version, with names in braces.
    pub path: &'static str,
    /// In the order of reading before writing.
    pub methods: &'static [Method],
    /// The section, where that is another one than the path says.
    pub section: Option<Grants>,
    /// What must be on besides, whatever the method: gates, and POST where a GET does more than read.
    pub needs: Grants,
    /// Any of these opens its methods without the section and POST.
    pub actions: Grants,
    /// Actions open it only while neither its body nor its query could change what it does (`start.rs`).
    pub bare: bool,
    /// What its connection is hijacked to.
    pub hijack: Option<Protocol>,
    /// What podman can be made to do besides.
    pub hazard: Option<Hazard>,
}

/// What a request can make podman do besides, by its name or its query. It is looked out for in the whole section: a name can look
/// like another path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hazard {
    /// It shows a secret in clear where the query asks for that (`query.rs`).
    ShowsSecret,
    /// It makes arguments of a command of the name at the path's end, and of the query (`names.rs`).
    TakesArguments,
}

/// Of no path, and with nothing to say.
pub(super) const PLAIN: Route = route("", &[]);

pub(super) const fn route(path: &'static str, methods: &'static [Method]) -> Route {
    Route {
        path,
        methods,
        section: None,
        needs: Grants::NONE,
        actions: Grants::NONE,
        bare: false,
        hijack: None,
        hazard: None,
    }
}

impl Route {
    pub(super) const fn of(mut self, section: &str) -> Self {
        self.section = Some(Grants::named(section));
        self
    }

    pub(super) const fn needs(mut self, variable: &str) -> Self {
        self.needs = self.needs.union(Grants::named(variable));
        self
    }

    /// Its GET does more than read.
    pub(super) const fn acts(self) -> Self {
        self.needs("POST")
    }

    pub(super) const fn action(mut self, variable: &str) -> Self {
        self.actions = self.actions.union(Grants::named(variable));
        self
    }

    pub(super) const fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    pub(super) const fn hijacked(mut self, to: Protocol) -> Self {
        self.hijack = Some(to);
        self
    }

    pub(super) const fn hazard(mut self, hazard: Hazard) -> Self {
        self.hazard = Some(hazard);
        self
    }

    /// Whether two rows say the same of what ends as they do.
    pub(super) const fn says_as(&self, other: &Self) -> bool {
        let hijack = match (self.hijack, other.hijack) {
            (None, None) => true,
            (Some(one), Some(other)) => one as u8 == other as u8,
            _ => false,
        };
        hijack && self.needs.is(other.needs) && self.actions.is(other.actions) && self.bare == other.bare
    }

    /// The section that its path names, and what of the path is below, for constants; `None` where there is no such section.
    pub(super) const fn split(&self) -> Option<(Grants, &'static str)> {
        const LIBPOD: &[u8] = b"/libpod/";
        let path = self.path.as_bytes();
        let libpod = path.len() > LIBPOD.len() && equal(path.split_at(LIBPOD.len()).0, LIBPOD);
        let start = if libpod { LIBPOD.len() } else { 1 };
        let mut end = start;
        while end < path.len() && path[end] != b'/' {
            end += 1;
        }
        match section_of(libpod, path.split_at(end).0.split_at(start).1) {
            Some(section) => Some((section, self.path.split_at(end).1)),
            None => None,
        }
    }
}

/// Whether a path is one of a pattern's: both are split into segments from the left, and a name takes one or more.
pub(super) fn serves(pattern: &str, path: &str) -> bool {
    let (Some((segment, path_rest)), Some((expected, pattern_rest))) =
        (first_segment(path), first_segment(pattern))
    else {
        return path.is_empty() && pattern.is_empty();
    };
    if expected.starts_with('{') {
        // The name ends here, or takes the next segment too.
        !segment.is_empty() && (serves(pattern_rest, path_rest) || serves(pattern, path_rest))
    } else {
        segment == expected && serves(pattern_rest, path_rest)
    }
}

/// The first segment of a path, and the rest; both start with a slash or are empty.
fn first_segment(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/')?;
    Some(path.split_at(path.find('/').unwrap_or(path.len())))
}
