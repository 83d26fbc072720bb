//! LEARN=1: what the traffic needs, and the smallest environment that grants it.
//!
//! Every request with one reading is allowed, and its [`Need`] remembered. There are as many different needs as the table of
//! variables makes, and of each a few examples are kept as routes, without names or queries of the client's: memory is
//! bounded whatever comes.

use crate::http::framing::BodyFraming;
use crate::http::head::RequestHead;
use crate::http::method::Method;
use crate::http::path::without_version;
use crate::http::target::Target;
use crate::policy::start::may_rewrite;
use crate::policy::text::wrap;
use crate::policy::{Denial, Dialect, Grants, Kind, Need, Route, VARIABLES, warnings};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many examples are kept of what needs the same.
const MAX_EXAMPLES: usize = 4;

/// So many requests are listed that no variable grants.
const MAX_REFUSED: usize = 16;

/// Bytes of a client's word in an example: its method, or a first segment that is no known one.
const MAX_WORD_BYTES: usize = 24;

/// The report before a request has come: to propose that nothing be open would take the client for one that asks nothing.
const NOTHING_SEEN: &str = "# LEARN=1 has seen no request yet, so that it proposes nothing\n";

/// Remembers what requests needed.
#[derive(Debug)]
pub struct Learner {
    dialect: Dialect,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    needs: BTreeMap<Ways, Examples>,
    /// What no variable grants.
    never: Examples,
    /// Whether anything was added since it was last asked.
    news: bool,
}

/// What grants a request: all of one set, or any one of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ways {
    all: Grants,
    any: Grants,
}

/// A few different examples.
#[derive(Debug, Default)]
struct Examples {
    kept: BTreeSet<String>,
    more: bool,
}

impl Examples {
    /// Returns whether it was new.
    fn add(&mut self, example: String, most: usize) -> bool {
        if self.kept.contains(&example) || (self.more && self.kept.len() >= most) {
            return false;
        }
        if self.kept.len() < most {
            self.kept.insert(example);
        } else {
            self.more = true;
        }
        true
    }
}

impl Learner {
    /// Knows nothing yet. The dialect says what is open where a variable is not set.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, seen: Mutex::default() }
    }

    /// Remembers what the request with this head needs; what cannot be read in one way needs nothing that exists.
    pub fn note(&self, head: &[u8]) {
        let Ok(head) = RequestHead::parse(head) else { return };
        let (Ok(target), Ok(framing)) =
            (Target::parse(head.method, head.target.as_bytes()), BodyFraming::of_request(&head))
        else {
            return;
        };
        let (sent, decoded) = Need::of_target(head.method, &target);
        let path = target.decoded().unwrap_or(target.path());
        let example = || example(head.method, path, target.query());
        let readings = [Some(sent), decoded].into_iter().flatten();
        let mut seen = self.seen();
        if let Some(denial) = readings.clone().find_map(|need| need.never) {
            let example = match denial {
                Denial::Method => format!("{} (refused)", first_bytes(head.method_name)),
                Denial::Name => format!("{} (refused)", example()),
                _ => example(),
            };
            seen.news |= seen.never.add(example, MAX_REFUSED);
            return;
        }
        for need in readings {
            let any = if need.bare && may_rewrite(framing) { Grants::NONE } else { need.any };
            let ways = Ways { all: need.all, any };
            let added = seen.needs.entry(ways).or_default().add(example(), MAX_EXAMPLES);
            seen.news |= added;
        }
    }

    /// The smallest environment that grants all that was seen, as a block of a compose file: each variable below comments
    /// that say what needed it, and in the end what to beware of. Where nothing was seen, it proposes nothing.
    #[must_use]
    pub fn report(&self) -> String {
        let mut seen = self.seen();
        seen.news = false;
        if seen.needs.is_empty() && seen.never.kept.is_empty() {
            return String::from(NOTHING_SEEN);
        }
        let wanted = seen.smallest();
        let mut out = String::from("    environment:\n");
        let comment = |out: &mut String, pieces: Vec<String>| wrap(out, "      # ", "      #   ", pieces);
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        let set = |out: &mut String, name: &str, value: &str| {
            let _ = writeln!(out, "      {name}: {value}");
        };
        if self.dialect == Dialect::Linuxserver {
            set(&mut out, "DIALECT", "linuxserver");
        }
        let gated = wanted.intersects(Grants::CONTAINER_SECTIONS);
        let mut to_close = Vec::new();
        for (place, variable) in VARIABLES.iter().enumerate() {
            let one = Grants::of(place);
            match (wanted.contains(one), variable.default.is_on(self.dialect)) {
                (true, false) => {
                    comment(&mut out, seen.examples_of(one, wanted));
                    set(&mut out, variable.name, "1");
                }
                (false, true) if gated || !matches!(variable.kind, Kind::Gate) => {
                    to_close.push(variable.name)
                }
                _ => {}
            }
        }
        if !to_close.is_empty() {
            comment(&mut out, words("open by default, and no request needed it"));
        }
        for name in to_close {
            set(&mut out, name, "0");
        }
        if out.lines().count() == 1 {
            out.truncate(out.trim_end().len());
            out.push_str(" {}\n");
        }
        for warning in warnings(wanted, self.dialect) {
            comment(&mut out, words(&format!("beware: {warning}")));
        }
        if !seen.never.kept.is_empty() {
            let lead = String::from("no variable allows:");
            comment(&mut out, [lead].into_iter().chain(seen.never.listed()).collect());
        }
        out
    }

    /// Whether a report would hold anything that the last one did not.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.seen().news
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// The smallest set that meets all needs: what has no alternative, and of the actions those that are still lacking,
    /// ALLOW_RESTARTS before ALLOW_STOP, which it covers.
    fn smallest(&self) -> Grants {
        let without_choice = self.needs.keys().filter(|ways| ways.any.is_empty());
        let mut wanted = without_choice.fold(Grants::NONE, |wanted, ways| wanted.union(ways.all));
        let mut choices: Vec<_> = self.needs.keys().filter(|ways| !ways.any.is_empty()).collect();
        choices.sort_by_key(|ways| ways.any.len());
        for ways in choices {
            if !ways.are_met_by(wanted) {
                wanted = wanted.union(ways.any.iter().next().unwrap_or_default());
            }
        }
        wanted
    }

    /// What needed this variable, where all of `wanted` is on.
    fn examples_of(&self, variable: Grants, wanted: Grants) -> Vec<String> {
        let mut of_it = Examples::default();
        for (ways, examples) in &self.needs {
            let needed = if wanted.contains(ways.all) { ways.all } else { ways.any };
            if needed.contains(variable) {
                for example in &examples.kept {
                    of_it.add(example.clone(), MAX_EXAMPLES);
                }
                of_it.more |= examples.more;
            }
        }
        of_it.listed()
    }
}

impl Ways {
    const fn are_met_by(&self, grants: Grants) -> bool {
        grants.contains(self.all) || grants.intersects(self.any)
    }
}

impl Examples {
    /// In pieces that stay whole: `GET /info,`, `GET /version`, `and others`.
    fn listed(&self) -> Vec<String> {
        let last = self.kept.len().saturating_sub(1);
        let punctuated =
            |(at, example): (usize, &String)| if at < last { format!("{example},") } else { example.clone() };
        let more = self.more.then(|| String::from("and others"));
        self.kept.iter().enumerate().map(punctuated).chain(more).collect()
    }
}

/// A request without what is the client's own: its route, or its section where it is on no known one.
fn example(method: Method, path: &[u8], query: Option<&[u8]>) -> String {
    // What of the query counts, and not what the client wrote.
    let query = if Need::of(method, path, query) == Need::of(method, path, None) {
        ""
    } else if method == Method::Post {
        "?checkpoint"
    } else {
        "?showsecret=true"
    };
    let path = String::from_utf8_lossy(without_version(path));
    let method_name = method.as_str();
    if let Some(route) = Route::find(method, &path) {
        return format!("{method_name} {}{query}", route.path);
    }
    let mut segments = path.split('/').skip(1).peekable();
    let mut known = String::new();
    if segments.next_if_eq(&"libpod").is_some() {
        known.push_str("/libpod");
    }
    let _ = write!(known, "/{}", first_bytes(segments.next().unwrap_or_default()));
    let below = if segments.next().is_some() { "/..." } else { "" };
    format!("{method_name} {known}{below}")
}

/// As much of a client's word as is kept. It is visible ASCII.
fn first_bytes(word: &str) -> &str {
    word.get(..MAX_WORD_BYTES).unwrap_or(word)
}
