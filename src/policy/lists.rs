//! ALLOW_ROUTES and DENY_ROUTES: routes one by one, whatever sections, methods and gates say.
//!
//! A line names a row of the table, and means that row alone. A path can belong to several rows, and nobody knows here which one
//! the daemon takes it for ([`Route::may_take`]). So a line of DENY_ROUTES closes what may be its row's, and ALLOW_ROUTES opens what
//! can be no other row's than those that it names.

use super::denial::Denial;
use super::grants::Grants;
use super::need::Need;
use super::route::Route;
use super::routes::ROUTES;
use super::{Allowed, Verdict};
use crate::distance::distance;
use crate::http::bytes::{hex_value, unescape};
use crate::http::method::Method;
use crate::http::path::{split_version, without_version};
use crate::vars::{Error, Setting, Vars};
use std::fmt;

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
        let allow = ALLOW_ROUTES.read(var, |variable, value| parse(variable, value, true))?;
        let deny = DENY_ROUTES.read(var, |variable, value| parse(variable, value, false))?;
        Ok((!allow.is_empty() || !deny.is_empty()).then(|| Box::new(Self { allow, deny })))
    }

    /// Each with its name.
    pub(super) fn named(&self) -> [(&'static str, &[Line]); 2] {
        [(ALLOW_ROUTES.name, &self.allow), (DENY_ROUTES.name, &self.deny)]
    }

    /// The verdict on one reading of a request, of which variables alone say `by_variables`.
    pub(super) fn judge(
        &self,
        method: Method,
        path: &[u8],
        need: &Need,
        grants: Grants,
        by_variables: Verdict,
    ) -> Verdict {
        if let Some(line) = self.deny.iter().find(|line| line.closes(method, path)) {
            return Verdict::Deny(Denial::Listed(line.method, line.route));
        }
        let opens = match by_variables {
            // Without a limit to its body there is nothing to add.
            Verdict::Allow(Allowed { bare_start: None, .. })
            | Verdict::Deny(Denial::Method | Denial::Name) => false,
            _ => !need.beyond && self.opens(method, path),
        };
        if !opens {
            return by_variables;
        }
        let bare_start = need.bare.then(|| need.full(grants));
        Verdict::Allow(Allowed { variable: ALLOW_ROUTES.name, hijack: need.hijack, bare_start })
    }

    /// The first line of ALLOW_ROUTES that names a path.
    pub(super) fn allowing(&self, method: Method, path: &[u8]) -> Option<&Line> {
        let (_, path) = split_version(path);
        self.allow.iter().find(|line| line.has(method) && line.names(path))
    }

    /// Whether ALLOW_ROUTES names every row that the daemon may take a path for.
    fn opens(&self, method: Method, path: &[u8]) -> bool {
        let Some(line) = self.allowing(method, path) else { return false };
        let (version, path) = split_version(path);
        let names = |row: &Route| {
            self.allow.iter().any(|line| line.route == row && line.has(method) && line.names(path))
        };
        line.rows()
            .filter(|row| row.serves(path))
            .all(|row| !row.may_take(version, path, line.rows()) || names(row))
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

    /// Whether it closes a path of this method: its row may be what the daemon takes it for. With a slash at its end it is the same
    /// path, and nobody knows whether a row that names more of it would still take it.
    fn closes(&self, method: Method, path: &[u8]) -> bool {
        let (version, path) = split_version(path);
        self.has(method)
            && match path.strip_suffix(b"/") {
                None => self.serves(path) && self.route.may_take(version, path, self.rows()),
                Some(slashless) => self.serves(slashless) || self.serves(path),
            }
    }

    /// Whether a name of it could be the start of an ID, which is made of hexadecimal digits.
    pub(super) fn names_an_id(&self) -> bool {
        let is_hex = |name: &Name| name.text.bytes().all(|byte| hex_value(byte).is_some());
        self.names.iter().flatten().any(is_hex)
    }

    /// Whether it is a part of its row with its method: of some names, or of HEAD in place of GET.
    pub(super) fn is_part(&self) -> bool {
        !self.names.is_empty() || !self.route.methods.contains(&self.method)
    }

    /// Whether all that the other names is of this one's row, where this one has no names.
    pub(super) fn covers(&self, other: &Self) -> bool {
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

    /// Reads a line.
    fn parse(text: &str, takes_names: bool) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let (Some(method_name), Some(path), None) = (words.next(), words.next(), words.next()) else {
            return Err(format!("is not METHOD /path, such as {EXAMPLE}"));
        };
        let method = Method::parse(method_name.as_bytes());
        let of_method = ROUTES.iter().filter(|route| method.is_some_and(|method| route.has(method)));
        // A word of a row is read as such, and not as the name of another row.
        let row = of_method.filter(|route| reads(route, path)).max_by_key(|route| route.words());
        let (Some(method), Some(route)) = (method, row) else {
            return Err(format!("is no route: the nearest is {}", nearest(method_name, path)));
        };
        let mut names = Vec::new();
        for (pattern, segment) in route.path.split('/').zip(path.split('/')) {
            let is_name = is_placeholder(pattern) && !is_placeholder(segment);
            names.push(if is_name { Some(Name::parse(segment, pattern)?) } else { None });
        }
        if names.iter().all(Option::is_none) {
            names.clear();
        } else if !takes_names {
            return Err(format!(
                "has a name, which an ID would pass by: DENY_ROUTES takes {} {}",
                method.as_str(),
                route.path
            ));
        }
        Ok(Self { names, ..Self::of_row(method, route) })
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
    /// Reads what stands in place of a placeholder.
    fn parse(text: &str, placeholder: &str) -> Result<Self, String> {
        let (name, is_prefix) = text.strip_suffix('*').map_or((text, false), |name| (name, true));
        let is_of_a_name = |letter: char| {
            letter.is_ascii_alphanumeric()
                || "_.-~:@+=!$&'();".contains(letter)
                || (!letter.is_ascii() && !letter.is_control())
        };
        match name {
            "" => Err(format!(
                "has nothing for {placeholder}: a * stands behind the start of a name, and {placeholder} is any"
            )),
            "." | ".." => Err(String::from("has a . or .. segment, which no request has")),
            name if name.chars().all(is_of_a_name) => Ok(Self { text: name.to_owned(), is_prefix }),
            _ => Err(format!(
                "has {text:?} for {placeholder}: a name has letters, digits, and no escapes; a * stands at its end alone"
            )),
        }
    }

    /// Whether it is that of a segment, which is read without its escapes. What holds a slash then is none to Docker.
    fn is_of(&self, segment: &[u8]) -> bool {
        let mut letters = unescape(segment);
        self.text.bytes().all(|expected| letters.next() == Some(expected))
            && match self.is_prefix {
                true => letters.all(|letter| letter != b'/'),
                false => letters.next().is_none(),
            }
    }
}

const EXAMPLE: &str = "GET /containers/{name}/json";

/// Reads a list: lines, or commas between; a line that starts with # is a comment.
fn parse(variable: &'static str, value: &str, takes_names: bool) -> Result<Vec<Line>, Error> {
    let lines = value.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
    let entries = lines.flat_map(|(at, line)| line.split(',').map(move |entry| (at + 1, entry.trim())));
    let entries = entries.filter(|(_, entry)| !entry.is_empty());
    let read = |(number, entry): (usize, &str)| {
        let because = |reason| Error::Line { variable, number, line: entry.to_owned(), reason };
        Line::parse(entry, takes_names).map_err(because)
    };
    entries.map(read).collect()
}

fn is_placeholder(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

/// Whether a path as a line has it is this row's: the same words, and something for each placeholder.
fn reads(route: &Route, path: &str) -> bool {
    let mut segments = path.split('/');
    let same = |pattern: &str| {
        segments
            .next()
            .is_some_and(|segment| segment == pattern || (is_placeholder(pattern) && !segment.is_empty()))
    };
    route.path.split('/').all(same) && segments.next().is_none()
}

/// The route that is most like this, as a line.
fn nearest(method: &str, path: &str) -> String {
    /// Longer ones are like none.
    const MOST_BYTES: usize = 200;
    let path = path.get(..MOST_BYTES).unwrap_or(path);
    let path = str::from_utf8(without_version(path.as_bytes())).unwrap_or(path);
    let given = format!("{} {path}", method.to_ascii_uppercase());
    let away = |line: &str, route: &Route| {
        // What stands where the row has a placeholder is like it.
        let mut segments = path.split('/');
        let of_row = route.path.split('/').map(|pattern| match segments.next() {
            Some(segment) if is_placeholder(pattern) => segment,
            _ => pattern,
        });
        let method = line.split(' ').next().unwrap_or_default();
        distance(&given, &format!("{method} {}", of_row.collect::<Vec<_>>().join("/")))
    };
    let lines = ROUTES.iter().flat_map(|route| {
        route.methods.iter().map(move |method| (format!("{} {}", method.as_str(), route.path), route))
    });
    lines.min_by_key(|(line, route)| away(line, route)).map_or_else(String::new, |(line, _)| line)
}
