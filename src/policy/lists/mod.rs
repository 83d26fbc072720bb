//! ALLOW_ROUTES and DENY_ROUTES: routes one by one, whatever sections, methods and gates say.
//!
//! A line names a row of the table, and means that row alone. A path can belong to several rows, and nobody knows here which one
//! the daemon takes it for (`Route::may_take`). So a line of DENY_ROUTES closes what may be its row's, and ALLOW_ROUTES opens what
//! can be no other row's than those that it names.

mod read;

use super::denial::Denial;
use super::grants::Grants;
use super::need::Need;
use super::route::Route;
use super::routes::ROUTES;
use super::{Allowed, Verdict, query};
use crate::http::bytes::{hex_value, unescape};
use crate::http::method::Method;
use crate::http::path::split_version;
use crate::vars::{Error, Setting, Vars};
use std::{fmt, ptr};

/// Routes that are open whatever else is closed.
pub static ALLOW_ROUTES: Setting = Setting {
    name: "ALLOW_ROUTES",
    default: "",
    about: "lines of METHOD /path/{name}, with a name or web-* for {name}: open whatever else is closed",
};

/// Routes that are closed whatever else is open.
pub static DENY_ROUTES: Setting = Setting {
    name: "DENY_ROUTES",
    default: "",
    about: "lines of METHOD /path/{name}: closed whatever else is open",
};

/// Both lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    /// ALLOW_ROUTES.
    pub allow: Vec<Line>,
    /// DENY_ROUTES.
    pub deny: Vec<Line>,
}

/// A row of the table with one of its methods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// GET stands for HEAD too.
    pub method: Method,
    /// The row.
    pub route: &'static Route,
    /// How its paths start and end: most others differ there.
    start: &'static str,
    end: &'static str,
    /// For each segment what must stand there, where that is not what the row says.
    names: Vec<Option<Name>>,
    /// The other rows of the method that serve some path of this one.
    rivals: Vec<&'static Route>,
}

/// A name in place of a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    text: String,
    /// Whether it is only how the name starts.
    is_prefix: bool,
}

impl Lists {
    /// Reads both; `None` where neither has a line, so that nothing is paid for them.
    ///
    /// # Errors
    /// The first line that is no route.
    pub(super) fn from_vars(var: Vars<'_>) -> Result<Option<Box<Self>>, Error> {
        let allow = ALLOW_ROUTES.read(var, |variable, value| read::lines(variable, value, true))?;
        let deny = DENY_ROUTES.read(var, |variable, value| read::lines(variable, value, false))?;
        Ok((!allow.is_empty() || !deny.is_empty()).then(|| Box::new(Self { allow, deny })))
    }

    /// Each with its name.
    pub(super) fn named(&self) -> [(&'static str, &[Line]); 2] {
        [(ALLOW_ROUTES.name, &self.allow), (DENY_ROUTES.name, &self.deny)]
    }

    /// The verdict on one reading of a request, of which variables alone say `by_variables`. It stays out of the way of who has no
    /// lists.
    #[inline(never)]
    pub(super) fn judge(
        &self,
        method: Method,
        (path, query): (&[u8], Option<&[u8]>),
        need: &Need,
        grants: Grants,
        by_variables: Verdict,
    ) -> Verdict {
        // What nothing opens no line closes: LEARN=1 would lift that.
        if matches!(by_variables, Verdict::Deny(Denial::Method | Denial::Name)) {
            return by_variables;
        }
        if let Some(line) = self.deny.iter().find(|line| line.closes(method, path)) {
            return Verdict::Deny(Denial::Listed(line.method, line.route));
        }
        let is_covered = |needed| grants.contains(needed) && self.opens(method, path, query);
        match by_variables {
            // Without a limit to its body there is nothing to add.
            Verdict::Allow(Allowed { bare: None, .. }) => by_variables,
            _ if need.by_line.is_some_and(is_covered) => {
                let bare = need.bare(grants);
                Verdict::Allow(Allowed { variable: ALLOW_ROUTES.name, hijack: need.hijack, bare, rule: None })
            }
            _ => by_variables,
        }
    }

    /// The first line of ALLOW_ROUTES that names a path, with such a query.
    pub(super) fn allowing(&self, method: Method, path: &[u8], query: Option<&[u8]>) -> Option<&Line> {
        let (_, path) = split_version(path);
        self.allow.iter().find(|line| line.covers(method, path, query))
    }

    /// Whether ALLOW_ROUTES names every row that the daemon may take a path for.
    fn opens(&self, method: Method, path: &[u8], query: Option<&[u8]>) -> bool {
        let Some(line) = self.allowing(method, path, query) else { return false };
        let (version, path) = split_version(path);
        let is_named = |row: &Route| {
            let mut lines = self.allow.iter().filter(|line| ptr::eq(line.route, row));
            lines.any(|line| line.covers(method, path, query))
        };
        let mut rivals = line.rivals.iter().filter(|row| row.serves(path));
        rivals.all(|row| !row.may_take(version, path, line.rows()) || is_named(row))
    }

    /// Whether all that is open by the lines of `there` is so by those of `here`.
    pub(super) fn cover(here: Option<&Self>, there: Option<&Self>) -> bool {
        let nothing = Self::default();
        let (here, there) = (here.unwrap_or(&nothing), there.unwrap_or(&nothing));
        there.allow.iter().all(|line| here.allow.contains(line))
            && here.deny.iter().all(|line| there.deny.contains(line))
    }
}

impl Line {
    /// Whether it is about a request of this method.
    fn has(&self, method: Method) -> bool {
        self.method == method || (self.method == Method::Get && method == Method::Head)
    }

    /// Its row, and those that serve some of the same paths.
    fn rows(&self) -> impl Iterator<Item = &'static Route> {
        std::iter::once(self.route).chain(self.rivals.iter().copied())
    }

    /// Whether a path, given without its version, can be one of its row's.
    fn serves(&self, path: &[u8]) -> bool {
        path.starts_with(self.start.as_bytes())
            && path.ends_with(self.end.as_bytes())
            && self.route.serves(path)
    }

    /// Whether it has its names too.
    fn names(&self, path: &[u8]) -> bool {
        self.serves(path)
            && (self.names.is_empty()
                || self.route.fit(path).is_some_and(|mut segments| {
                    self.names.iter().all(|name| {
                        let segment = segments.next().unwrap_or_default();
                        name.as_ref().is_none_or(|name| name.is_of(segment))
                    })
                }))
    }

    /// Whether it opens a request for a path, given without its version, as far as it is its row that the daemon takes it for.
    fn covers(&self, method: Method, path: &[u8], query: Option<&[u8]>) -> bool {
        self.has(method)
            && self.names(path)
            && (self.names.is_empty() || !query.is_some_and(|query| self.reaches_others(query)))
    }

    fn reaches_others(&self, query: &[u8]) -> bool {
        let of_containers = self.start.ends_with("/containers/") || self.start.ends_with("/pods/");
        query::reaches_others(query, of_containers)
    }

    /// Whether it closes a path of this method: its row may be what the daemon takes it for. With a slash at its end it is the same
    /// path, and nobody knows whether a row that names more of it would still take it.
    fn closes(&self, method: Method, path: &[u8]) -> bool {
        let (version, path) = split_version(path);
        self.has(method)
            && match path.strip_suffix(b"/") {
                None => self.serves(path) && self.route.may_take(version, path, self.rows()),
                Some(slashless) => {
                    self.serves(slashless) || self.serves(path) || self.has_no_name(method, path)
                }
            }
    }

    /// Whether a path is its row's with a name of no letters at its end, which daemons take for one, and no other row.
    fn has_no_name(&self, method: Method, path: &[u8]) -> bool {
        self.end.is_empty()
            && path == self.start.as_bytes()
            && !ROUTES.iter().any(|row| row.has(method) && row.path.as_bytes() == path)
    }

    /// Whether a name of it could be the start of an ID: hexadecimal digits, of which podman 5 takes `_` for any; Swarm's also have
    /// the other letters, and those of images `sha256:` before.
    pub(super) fn names_an_id(&self) -> bool {
        const OF_SWARM: [&str; 6] =
            ["/configs/", "/networks/", "/nodes/", "/secrets/", "/services/", "/tasks/"];
        let is_hex = |byte| hex_value(byte).is_some() || byte == b'_';
        let is_of_swarm = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        self.names.iter().flatten().any(|Name { text, is_prefix }| {
            text.bytes().all(is_hex)
                || text.starts_with("sha256:")
                || (*is_prefix && OF_SWARM.contains(&self.start) && text.bytes().all(is_of_swarm))
        })
    }

    /// Whether it is a part of its row with its method: of some names, or of HEAD in place of GET.
    pub(super) fn is_part(&self) -> bool {
        !self.names.is_empty() || !self.route.methods.contains(&self.method)
    }

    /// Whether all that the other names is of this one's row, where this one has no names.
    pub(super) fn takes_in(&self, other: &Self) -> bool {
        self.route == other.route && self.has(other.method)
    }

    /// Its path, with its names.
    pub fn path(&self) -> String {
        let mut names = self.names.iter();
        let mut path = String::new();
        for segment in self.route.path.split('/') {
            match names.next().and_then(Option::as_ref) {
                Some(name) => path += &format!("{}{}", name.text, if name.is_prefix { "*" } else { "" }),
                None => path += segment,
            }
            path.push('/');
        }
        path.truncate(path.len() - 1);
        path
    }

    /// A whole row with a method of it.
    pub(super) fn of_row(method: Method, route: &'static Route) -> Self {
        let (start, end) = route.ends();
        let rivals = ROUTES.iter().filter(|other| *other != route && other.has(method) && other.meets(route));
        Self { method, route, start, end, names: Vec::new(), rivals: rivals.collect() }
    }
}

/// `METHOD /path`
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.path())
    }
}

impl Name {
    /// Whether it is that of a segment, which is read without its escapes. What holds a slash then is none to Docker. An image can
    /// have other names beside its own, which the start of a name does not stand for.
    fn is_of(&self, segment: &[u8]) -> bool {
        let mut letters = unescape(segment);
        self.text.bytes().all(|expected| letters.next() == Some(expected))
            && match self.is_prefix {
                true => letters.all(|letter| !matches!(letter, b'/' | b'@')) && !is_elsewhere(segment),
                false => letters.next().is_none(),
            }
    }
}

/// What stands before a colon where an image is named by its ID, or by where it is (containers/image `transports`): podman takes it for
/// that. With an @ it takes an image by its digest, whatever name is before it.
const ELSEWHERE: [&str; 11] = [
    "sha256",
    "atomic",
    "containers-storage",
    "dir",
    "docker",
    "docker-archive",
    "docker-daemon",
    "oci",
    "oci-archive",
    "sif",
    "tarball",
];

/// Whether the name of an image begins so.
fn is_elsewhere(segment: &[u8]) -> bool {
    unescape(segment).any(|letter| letter == b':')
        && ELSEWHERE
            .iter()
            .any(|word| unescape(segment).take_while(|&letter| letter != b':').eq(word.bytes()))
}
