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
//! | `need`, `denial` | the judgement; why it is a denial |
//! | `query`, `names`, [`start`] | what a query, a name or the body of a start can make the daemon do besides |
//! | `danger`, [`explain`], [`learn`] | what grants open, for people; which grants the traffic needs |
//! | `text` | texts that are wrapped to a terminal |

mod danger;
mod denial;
pub mod explain;
mod grants;
pub mod learn;
mod lookup;
mod names;
mod need;
mod query;
mod route;
mod routes;
pub mod start;
mod text;
mod variables;

pub use danger::{LEARN_WARNING, warnings};
pub use denial::Denial;
pub use grants::Grants;
pub use need::Need;
pub use route::{Hazard, Route};
pub use routes::ROUTES;
pub use variables::{Kind, Section, VARIABLES, Variable, WhenUnset};

use crate::http::hijack::Protocol;
use crate::http::method::Method;
use crate::http::target::Target;
use crate::vars::{self, Setting, Vars, parse_switch};

/// What the environment grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    grants: Grants,
    dialect: Dialect,
    learning: bool,
}

/// Which image's meaning an unset variable has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Tecnativa/docker-socket-proxy.
    Tecnativa,
    /// linuxserver/docker-socket-proxy: files, logs and processes of containers are closed unless opened.
    Linuxserver,
}

impl Dialect {
    fn parse(variable: &'static str, value: &str) -> Result<Self, vars::Error> {
        match value.to_ascii_lowercase().as_str() {
            "tecnativa" => Ok(Self::Tecnativa),
            "linuxserver" => Ok(Self::Linuxserver),
            _ => Err(vars::Error { variable, value: value.to_owned(), expected: "tecnativa or linuxserver" }),
        }
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
    /// The variable that decided: the section's, or the action's.
    pub variable: &'static str,
    /// On which hijack route the request is, if on any.
    pub hijack: Option<Protocol>,
    /// Where a start is granted by ALLOW_START alone: what it lacks to carry a body, which could be a new HostConfig.
    pub bare_start: Option<Grants>,
}

/// Which image's defaults hold.
pub static DIALECT: Setting = Setting {
    name: "DIALECT",
    default: "tecnativa",
    about: "tecnativa, or linuxserver: which image's defaults the grants have",
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
        for (place, variable) in VARIABLES.iter().enumerate() {
            let on = match var(variable.name) {
                Some(value) => parse_switch(variable.name, &value)?,
                None => variable.default.is_on(dialect),
            };
            if on {
                grants = grants.union(Grants::of(place));
            }
        }
        let learning = LEARN.read(var, parse_switch)?;
        Ok(Self { grants, dialect, learning })
    }

    /// What is on.
    #[must_use]
    pub const fn grants(&self) -> Grants {
        self.grants
    }

    /// What is open, in a line: the variables that are on, and the gates that are closed where they close something.
    #[must_use]
    pub fn granted(&self) -> String {
        if self.learning {
            return String::from("everything, as LEARN=1");
        }
        let gated = self.grants.intersects(Grants::CONTAINER_SECTIONS);
        let mut names = Vec::new();
        for (place, variable) in VARIABLES.iter().enumerate() {
            match (variable.kind, self.grants.contains(Grants::of(place))) {
                (Kind::Gate, false) if gated => names.push(format!("{}=0", variable.name)),
                (Kind::Gate, _) | (_, false) => {}
                (_, true) => names.push(variable.name.to_owned()),
            }
        }
        if names.is_empty() { String::from("nothing") } else { names.join(" ") }
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
        match Need::of_target(method, target) {
            (need, None) => self.decide(&need),
            (sent, Some(decoded)) => self.lift(sent.judge_both(&decoded, self.grants), &decoded),
        }
    }

    /// Judges what a request needs in its one reading.
    #[must_use]
    pub fn decide(&self, need: &Need) -> Verdict {
        self.lift(need.judge(self.grants), need)
    }

    /// With LEARN=1, a denial that some variable could lift is none, nor is one of an unknown path.
    const fn lift(&self, verdict: Verdict, need: &Need) -> Verdict {
        match verdict {
            Verdict::Deny(Denial::Missing(_) | Denial::NoSection | Denial::Root) if self.learning => {
                Verdict::Allow(Allowed { variable: LEARN.name, hijack: need.hijack, bare_start: None })
            }
            Verdict::Allow(allowed) if self.learning => {
                Verdict::Allow(Allowed { bare_start: None, ..allowed })
            }
            verdict => verdict,
        }
    }
}
