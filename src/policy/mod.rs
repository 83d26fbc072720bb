//! What the environment grants, and the judgement of one request by method and path; pure.
//!
//! Two tables say all: [`VARIABLES`], and [`ROUTES`] with what each route needs. A request's [`Need`] is the set of variables that
//! its path and method name in these tables; judging is holding it against the bitmap of those that are on. Routes are moby's
//! (`daemon/server/router`) and podman's (`pkg/api/server`); meanings are those of the images that this program replaces.
//!
//! | module | what it knows |
//! |---|---|
//! | `variables`, `routes` | the two tables; `route` is what a row of the second can say |
//! | `grants`, `lookup` | sets of variables; which rows a path belongs to |
//! | [`guarded`] | which requests GUARD closes, and which it judges |
//! | [`lists`] | ALLOW_ROUTES and DENY_ROUTES, which name rows one by one |
//! | `need`, `denial` | the judgement; why it is a denial |
//! | `query`, `names`, [`bare`] | what a query, a name or a body can make the daemon do besides |
//! | `danger`, [`explain`], [`learn`] | what grants open, for people; which grants the traffic needs |
//! | `text` | texts that are wrapped to a terminal |

pub mod bare;
mod danger;
mod denial;
pub mod explain;
mod grants;
pub mod guarded;
pub mod learn;
pub mod lists;
mod lookup;
mod names;
mod need;
mod query;
mod route;
mod routes;
mod text;
mod variables;

pub use danger::LEARN_WARNING;
pub use denial::Denial;
pub use grants::Grants;
pub use need::Need;
pub use route::{Hazard, Route};
pub use routes::ROUTES;
pub use variables::{Kind, Section, VARIABLES, Variable, WhenUnset};

use crate::guard::{Guard, Rule};
use crate::http::hijack::Protocol;
use crate::http::method::Method;
use crate::http::target::Target;
use crate::vars::{self, Setting, Vars, parse_switch};
use lists::Lists;

/// What the environment grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    grants: Grants,
    lists: Option<Box<Lists>>,
    guard: Option<Box<Guard>>,
    dialect: Dialect,
    learning: bool,
}

/// Which image's meaning an unset variable has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Tecnativa/docker-socket-proxy, up to v0.5.
    Tecnativa,
    /// Its main branch, which no release has yet (b44f37d): deleting and writing, exec, kill, attach, files and logs are closed
    /// unless opened, and OPTIONS always.
    TecnativaNext,
    /// linuxserver/docker-socket-proxy (3.4.3-r0-ls92): files, logs and processes of containers are closed unless opened.
    Linuxserver,
}

impl Dialect {
    fn parse(variable: &'static str, value: &str) -> Result<Self, vars::Error> {
        match value.to_ascii_lowercase().as_str() {
            "tecnativa" => Ok(Self::Tecnativa),
            "tecnativa-next" => Ok(Self::TecnativaNext),
            "linuxserver" => Ok(Self::Linuxserver),
            _ => Err(vars::Error::value(variable, value, "tecnativa, tecnativa-next or linuxserver")),
        }
    }

    /// Its name, as DIALECT has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tecnativa => "tecnativa",
            Self::TecnativaNext => "tecnativa-next",
            Self::Linuxserver => "linuxserver",
        }
    }

    /// Whether no variable opens this method.
    const fn refuses(self, method: Method) -> bool {
        matches!((self, method), (Self::TecnativaNext, Method::Options))
    }
}

/// The judgement of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may reach the daemon.
    Allow(Allowed),
    /// It may not.
    Deny(Denial),
}

/// An allowed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// The variable that decided: the section's, the action's, or ALLOW_ROUTES.
    pub variable: &'static str,
    /// On which hijack route the request is, if on any.
    pub hijack: Option<Protocol>,
    /// Where its body could ask for more than is granted: for what, and what is lacking for that.
    pub bare: Option<(Hazard, Grants)>,
    /// What of it GUARD judges besides.
    pub rule: Option<Rule>,
}

/// Which image's defaults hold.
pub static DIALECT: Setting = Setting {
    name: "DIALECT",
    default: "tecnativa",
    about: "tecnativa, tecnativa-next or linuxserver: which image's defaults the grants have",
};

/// Allows everything, and remembers what was needed.
pub static LEARN: Setting = Setting {
    name: "LEARN",
    default: "0",
    about: "1: allow everything, and print the variables that were needed at SIGUSR1 and at exit",
};

impl Policy {
    /// Reads the grants and DIALECT from the environment.
    ///
    /// # Errors
    /// The first variable whose value cannot be used.
    pub fn from_vars(var: Vars<'_>) -> Result<Self, vars::Error> {
        let dialect = DIALECT.read(var, Dialect::parse)?;
        let mut grants = Grants::NONE;
        // POST stands first, which others follow.
        for (place, variable) in VARIABLES.iter().enumerate() {
            let on = match var(variable.name) {
                Some(value) => parse_switch(variable.name, &value)?,
                None => variable.default.is_on(dialect, grants.contains(Grants::POST)),
            };
            if on {
                grants = grants.union(Grants::of(place));
            }
        }
        let lists = Lists::from_vars(var)?;
        let guard = Guard::from_vars(var)?;
        let learning = LEARN.read(var, parse_switch)?;
        Ok(Self { grants, lists, guard, dialect, learning })
    }

    /// That of whom nothing is granted.
    #[must_use]
    pub const fn closed() -> Self {
        Self { grants: Grants::NONE, lists: None, guard: None, dialect: Dialect::Tecnativa, learning: false }
    }

    /// What is on.
    #[must_use]
    pub const fn grants(&self) -> Grants {
        self.grants
    }

    /// ALLOW_ROUTES and DENY_ROUTES, where there are any.
    #[must_use]
    pub fn lists(&self) -> Option<&Lists> {
        self.lists.as_deref()
    }

    /// GUARD with its lists, where it is on.
    #[must_use]
    pub fn guard(&self) -> Option<&Guard> {
        self.guard.as_deref()
    }

    /// What is open, in a line: the variables that are on, those that are off where that closes something, and how many lines
    /// the lists have.
    #[must_use]
    pub fn granted(&self) -> String {
        if self.learning {
            return String::from("everything, as LEARN=1");
        }
        let mut words = Vec::new();
        for (place, variable) in VARIABLES.iter().enumerate() {
            let one = Grants::of(place);
            // Gates and the methods that follow POST are news where they are not as one thinks.
            let expected = match variable.kind {
                Kind::Gate => true,
                Kind::Method => one != Grants::POST && self.grants.contains(Grants::POST),
                Kind::Section(_) | Kind::Action => false,
            };
            match (self.grants.contains(one), expected) {
                (true, false) => words.push(variable.name.to_owned()),
                (false, true) if Need::is_opened_by(one, self.grants) => {
                    words.push(format!("{}=0", variable.name))
                }
                _ => {}
            }
        }
        for (name, lines) in self.lists().into_iter().flat_map(Lists::named) {
            match lines.len() {
                0 => {}
                count => words.push(format!("{name} ({count})")),
            }
        }
        if let Some(guard) = self.guard() {
            words.push(String::from("GUARD=baseline"));
            let lists = guard.allow().named().into_iter().filter(|(_, entries)| !entries.is_empty());
            words.extend(lists.map(|(name, entries)| format!("{name} ({})", entries.len())));
        }
        if words.is_empty() { String::from("nothing") } else { words.join(" ") }
    }

    /// Whether all that is open to the other is open to this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let granted = || self.grants.contains(other.grants) && Lists::cover(self.lists(), other.lists());
        let guarded = || match (self.guard(), other.guard()) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(ours), Some(theirs)) => ours.covers(theirs),
        };
        self.learning || (!other.learning && granted() && guarded())
    }

    /// What is dangerous in what is open, and what opens nothing: one sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        danger::warnings(self.grants, self.dialect, self.lists(), self.guard())
    }

    /// Whether LEARN=1: everything that can be read in one way is allowed.
    #[must_use]
    pub const fn learning(&self) -> bool {
        self.learning
    }

    /// Which image's defaults hold.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Judges a request. A path with escapes has two readings, and both must be allowed.
    #[must_use]
    pub fn judge(&self, method: Method, target: &Target<'_>) -> Verdict {
        let (path, query) = (target.path(), target.query());
        let sent = Need::of(method, path, query);
        let of_sent = self.hold(&sent, method, path, query);
        let Some(path) = target.decoded() else { return self.lift(of_sent, &sent, method, path) };
        let decoded = Need::of(method, path, query);
        let of_decoded = self.hold(&decoded, method, path, query);
        let verdict = Need::judge_both((&sent, of_sent), (&decoded, of_decoded), self.grants);
        self.lift(verdict, &decoded, method, path)
    }

    /// Judges a row of the table, or a line of a list, as it stands there.
    #[must_use]
    pub fn judge_row(&self, method: Method, path: &str, query: Option<&str>) -> Verdict {
        let (path, query) = (path.as_bytes(), query.map(str::as_bytes));
        let need = Need::of(method, path, query);
        self.lift(self.hold(&need, method, path, query), &need, method, path)
    }

    /// Holds what one reading of a request needs against what is open.
    fn hold(&self, need: &Need, method: Method, path: &[u8], query: Option<&[u8]>) -> Verdict {
        if self.dialect.refuses(method) {
            return Verdict::Deny(Denial::Method);
        }
        let by_variables = need.judge(self.grants);
        let by_grants = match &self.lists {
            None => by_variables,
            Some(lists) => lists.judge(method, (path, query), need, self.grants, by_variables),
        };
        match &self.guard {
            None => by_grants,
            Some(guard) => guarded::judge(guard, method, (path, query), need, by_grants),
        }
    }

    /// With LEARN=1, a denial that some variable could lift is none, nor is one of an unknown path, nor of GUARD.
    fn lift(&self, verdict: Verdict, need: &Need, method: Method, path: &[u8]) -> Verdict {
        if !self.learning {
            return verdict;
        }
        let variable = match verdict {
            Verdict::Allow(allowed) => allowed.variable,
            Verdict::Deny(
                Denial::Missing(_)
                | Denial::NoSection
                | Denial::Root
                | Denial::Listed(..)
                | Denial::Guarded(_),
            ) => LEARN.name,
            Verdict::Deny(_) => return verdict,
        };
        let rule = self.guard.as_ref().and_then(|_| guarded::judged(method, path));
        Verdict::Allow(Allowed { variable, hijack: need.hijack, bare: need.never_bare(), rule })
    }
}
