//! LEARN=1: what the traffic needs, and the smallest environments that grant it: one of variables, one of routes.
//!
//! Every request with one reading is allowed, and its [`Need`] and its routes are remembered. There are as many different needs
//! as the table of variables makes, and of each a few examples are kept as routes, without names or queries of the client's: memory
//! is bounded whatever comes.

mod report;

use crate::guard::{self, Fault, Guard, Refused, Rule, Why};
use crate::http::framing::BodyFraming;
use crate::http::head::RequestHead;
use crate::http::method::Method;
use crate::http::path::{split_version, without_version};
use crate::http::target::Target;
use crate::policy::bare::asks_more;
use crate::policy::guarded::{self, Closed};
use crate::policy::query::QUERIES;
use crate::policy::{Denial, Dialect, Grants, Hazard, Need, ROUTES, Route};
use crate::sorted::insert;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many examples are kept of what needs the same.
const MAX_EXAMPLES: usize = 4;

/// So many requests are listed that no variable grants, or no line.
const MAX_REFUSED: usize = 16;

/// So many entries of GUARD's lists are proposed.
const MAX_WANTED: usize = 64;

/// Bytes of such an entry: a path has no more.
const MAX_WANTED_BYTES: usize = 4096;

/// Bytes of a client's word in an example: its method, or a first segment that is no known one.
const MAX_WORD_BYTES: usize = 24;

/// The report before a request has come: to propose that nothing be open would take the client for one that asks nothing.
const NOTHING_SEEN: &str = "# LEARN=1 has seen no request yet, so that it proposes nothing\n";

/// Remembers what requests needed.
#[derive(Debug)]
pub struct Learner {
    defaults: Defaults,
    seen: Mutex<Seen>,
}

/// What holds before the proposed variables are set.
#[derive(Debug)]
pub struct Defaults {
    /// What stands before the names of the client's variables; empty where they are all that there are.
    pub prefix: String,
    /// The client's.
    pub dialect: Dialect,
    /// That of a client whose own variables say nothing.
    pub dialect_of_all: Dialect,
    /// Switches of all clients that are set, and of these the ones that are on.
    pub set: Grants,
    /// See there.
    pub on: Grants,
    /// Lists of all clients that are set.
    pub lists: Vec<&'static str>,
    /// GUARD with its lists, where it is on.
    pub guard: Option<Guard>,
}

impl Defaults {
    /// Those of a proxy whose variables have no prefix: the proposal takes the place of them all.
    #[must_use]
    pub const fn of(dialect: Dialect) -> Self {
        Self {
            prefix: String::new(),
            dialect,
            dialect_of_all: Dialect::Tecnativa,
            set: Grants::NONE,
            on: Grants::NONE,
            lists: Vec::new(),
            guard: None,
        }
    }

    /// Whether this variable is on where the client's own say nothing of it, and POST is as given.
    fn is_on(&self, one: Grants, post: bool) -> bool {
        match self.set.contains(one) {
            true => self.on.contains(one),
            false => one.variables().any(|variable| variable.default.is_on(self.dialect, post)),
        }
    }
}

#[derive(Debug, Default)]
struct Seen {
    needs: BTreeMap<Ways, Examples>,
    /// Their routes, by the places of their rows, each with its methods.
    routes: Vec<(usize, &'static str)>,
    /// What no variable grants.
    never: Examples,
    /// What no line of ALLOW_ROUTES grants.
    beyond: Examples,
    /// What of GUARD's lists it needs.
    wanted: Vec<guard::Need>,
    /// Where more of them is needed, for what the client names in a way that no entry can be proposed for.
    unlisted: Examples,
    /// What GUARD closes or refuses, whatever its lists say.
    guarded: Examples,
    /// Whether anything was added since it was last asked.
    news: bool,
}

/// What grants a request: every gate, and all of one set or any one of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ways {
    gates: Grants,
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
    /// Knows nothing yet.
    #[must_use]
    pub fn new(defaults: Defaults) -> Self {
        Self { defaults, seen: Mutex::default() }
    }

    /// Remembers what the request with this head needs; what cannot be read in one way needs nothing that exists. Returns what GUARD refuses
    /// of it.
    pub fn note(&self, bytes: &[u8]) -> Vec<String> {
        let Ok(head) = RequestHead::parse(bytes) else { return Vec::new() };
        let (Ok(target), Ok(framing)) =
            (Target::parse(head.method, head.target.as_bytes()), BodyFraming::of_request(&head))
        else {
            return Vec::new();
        };
        // To propose what GUARD closes would be in vain.
        let (refused, is_closed) = match &self.defaults.guard {
            None => (Vec::new(), false),
            Some(guard) => self.note_guarded(bytes, &head, &target, framing, guard),
        };
        if !is_closed {
            self.note_request(bytes, &head, &target, framing);
        }
        refused
    }

    fn note_request(&self, bytes: &[u8], head: &RequestHead<'_>, target: &Target<'_>, framing: BodyFraming) {
        let paths = [Some(target.path()), target.decoded()];
        let query = target.query();
        let mut readings: Vec<_> =
            paths.into_iter().flatten().map(|path| Reading::of(head.method, path, query)).collect();
        for Reading { need, .. } in &mut readings {
            if let Some(hazard) = need.limited.filter(|&hazard| asks_more(hazard, bytes, framing)) {
                *need = Need { by_line: None, ..need.asking(hazard) };
            }
        }
        let example = example(head.method, target.decoded().unwrap_or(target.path()), query);
        let mut seen = self.seen();
        let seen = &mut *seen;
        let refused = readings
            .iter()
            .find_map(|reading| reading.need.never)
            .or_else(|| self.defaults.dialect.refuses(head.method).then_some(Denial::Method));
        match refused {
            Some(Denial::Method) => {
                let example = format!("{} (refused)", first_bytes(head.method_name));
                seen.news |= seen.never.add(example, MAX_REFUSED);
                return;
            }
            Some(Denial::Name) => {
                seen.news |= seen.never.add(format!("{example} (refused)"), MAX_REFUSED);
                return;
            }
            Some(_) => seen.news |= seen.never.add(example.clone(), MAX_REFUSED),
            None => {
                for Reading { need, .. } in &readings {
                    let ways = Ways { gates: need.gates, all: need.all, any: need.any };
                    seen.news |= seen.needs.entry(ways).or_default().add(example.clone(), MAX_EXAMPLES);
                }
            }
        }
        let is_beyond = |Reading { need, routes }: &Reading| need.by_line.is_none() || routes.is_empty();
        if readings.iter().any(is_beyond) {
            seen.news |= seen.beyond.add(example, MAX_REFUSED);
        } else {
            for Reading { routes, .. } in readings {
                for route in routes {
                    seen.news |= insert(&mut seen.routes, (route, head.method.as_str()));
                }
            }
        }
    }

    /// What GUARD makes of a head: what it refuses, and whether no list opens that.
    fn note_guarded(
        &self,
        bytes: &[u8],
        head: &RequestHead<'_>,
        target: &Target<'_>,
        framing: BodyFraming,
        guard: &Guard,
    ) -> (Vec<String>, bool) {
        let (path, query) = (target.decoded().unwrap_or(target.path()), target.query());
        let rule = guarded::rule(head.method, path);
        let closed = match rule {
            Some(Rule::Start(_)) if asks_more(Hazard::Rewrites, bytes, framing) => Some(Closed::Start),
            rule => guarded::closed(guard, rule, path, query),
        };
        if let Some(rule) = rule.filter(|rule| closed.is_none() && rule.judges_target()) {
            let name = guarded::name(head.method, path);
            let judge = |guard: &Guard| guard.judge_head(rule, name, query, bytes).refused;
            return (self.note_refused(&judge(guard), judge(&guard.without_lists())), false);
        }
        let mut seen = self.seen();
        // What the lists open of it is news even where it is open.
        let opened = match rule {
            Some(Rule::HostNetwork) => Some(guard::Need::HostNetwork),
            Some(Rule::Prune(thing)) => Some(guard::Need::All(thing)),
            _ => None,
        };
        let is_closed = closed.is_some() && opened.is_none();
        if let Some(need) = opened {
            seen.news |= insert(&mut seen.wanted, need);
        } else if closed.is_some() {
            seen.news |= seen.guarded.add(example(head.method, path, query), MAX_REFUSED);
        }
        (closed.map(|closed| closed.told(&self.defaults.prefix)).into_iter().collect(), is_closed)
    }

    /// Remembers what of GUARD's lists a body needs, if it has one reading. Returns what GUARD refuses of it.
    pub fn note_body(&self, body: guard::Body, bytes: &[u8]) -> Vec<String> {
        let Some(guard) = &self.defaults.guard else { return Vec::new() };
        let judge = |guard: &Guard| match guard.judge(body, bytes) {
            Err(Fault::Refused(refused)) => refused,
            Err(Fault::Unreadable(_)) | Ok(()) => Vec::new(),
        };
        self.note_refused(&judge(guard), judge(&guard.without_lists()))
    }

    /// What is refused now, and what would be without any list.
    fn note_refused(&self, refused: &[Refused], without_lists: Vec<Refused>) -> Vec<String> {
        let mut seen = self.seen();
        for Refused { path, why } in without_lists {
            seen.news |= match why {
                // Nothing opens one of another client's.
                Why::Needs(guard::Need::Name(guard::Thing::Exec, _)) => false,
                Why::Needs(need)
                    if seen.wanted.len() < MAX_WANTED
                        && need.text().len() <= MAX_WANTED_BYTES
                        && need.entry().is_some() =>
                {
                    insert(&mut seen.wanted, need)
                }
                Why::Needs(_) => seen.unlisted.add(path, MAX_REFUSED),
                _ => seen.guarded.add(path, MAX_REFUSED),
            }
        }
        refused.iter().map(|refused| refused.told(&self.defaults.prefix)).collect()
    }

    /// The smallest environments that grant all that was seen, as two blocks of a compose file. In the first each variable is below
    /// comments that say what needed it, and in the end it is said what to beware of. The second has the routes themselves. Where
    /// nothing was seen, it proposes nothing.
    #[must_use]
    pub fn report(&self) -> String {
        let mut seen = self.seen();
        seen.news = false;
        let mut out = match self.defaults.prefix.as_str() {
            "" => String::new(),
            prefix => format!("# the variables of a client: {prefix}...\n"),
        };
        match seen.is_empty() {
            true => out.push_str(NOTHING_SEEN),
            false => report::both(&mut out, &seen, &self.defaults),
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

/// What one reading of a request needs, and the rows that the daemon may take it for.
struct Reading {
    need: Need,
    routes: Vec<usize>,
}

impl Reading {
    fn of(method: Method, path: &[u8], query: Option<&[u8]>) -> Self {
        let (version, bare) = split_version(path);
        let rows = || ROUTES.iter().filter(|row| row.has(method) && row.serves(bare));
        let may_be = |row: &Route| row.has(method) && row.serves(bare) && row.may_take(version, bare, rows());
        let routes = ROUTES.iter().enumerate().filter(|(_, row)| may_be(row)).map(|(place, _)| place);
        Self { need: Need::of(method, path, query), routes: routes.collect() }
    }
}

impl Seen {
    fn is_empty(&self) -> bool {
        let examples = [&self.never, &self.guarded];
        self.needs.is_empty() && self.routes.is_empty() && examples.iter().all(|seen| seen.kept.is_empty())
    }
}

/// A request without what is the client's own: its route, or its section where it is on no known one.
fn example(method: Method, path: &[u8], query: Option<&[u8]>) -> String {
    // What of the query counts, and not what the client wrote.
    let need = |query| Need::of(method, path, query);
    let query = match need(query) {
        asked if asked == need(None) => String::new(),
        asked => {
            let says = QUERIES.into_iter().find(|query| need(Some(query.as_bytes())) == asked);
            format!("?{}", says.unwrap_or("..."))
        }
    };
    let path = without_version(path);
    let method_name = method.as_str();
    if let Some(route) = Route::find(method, path) {
        return format!("{method_name} {}{query}", route.path);
    }
    let path = String::from_utf8_lossy(path);
    let mut segments = path.split('/').skip(1).peekable();
    let mut known = String::new();
    if segments.next_if_eq(&"libpod").is_some() {
        known.push_str("/libpod");
    }
    // A word that a report can hold as it is, or none.
    let is_word =
        |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte));
    let _ = write!(known, "/{}", segments.next().filter(is_word).map_or("...", first_bytes));
    let below = if segments.next().is_some() { "/..." } else { "" };
    format!("{method_name} {known}{below}")
}

/// As much of a client's word as is kept. It is visible ASCII.
fn first_bytes(word: &str) -> &str {
    word.get(..MAX_WORD_BYTES).unwrap_or(word)
}
