//! GUARD=baseline: what a client makes through this proxy has no power over the host.
//!
//! The policy says which requests may be asked, and the guard what they may ask for. Each row of the routes has a [`Rule`]. A body that is judged
//! is read in one way or refused, and each of its fields is held against a table. `docs/guard.md` says what is promised and what is not.
//!
//! | module | what it knows |
//! |---|---|
//! | `reader` | JSON with one reading |
//! | `tables`, `fields`, `judges` | every field; what a table can say; the fields whose values take more than that |
//! | `query` | parameters of builds, pulls, pushes and commits |
//! | `allow`, `danger`, `path` | the lists that open more; what is dangerous in them; clean paths and names |
//! | `refused` | what is said of what is refused |
//! | `room` | how much is held of bodies |

mod allow;
mod danger;
mod fields;
mod judges;
mod path;
mod query;
pub mod reader;
mod refused;
mod room;
mod tables;

pub use allow::{ALLOW_BIND_MOUNTS, ALLOW_CAPABILITIES, ALLOW_DEVICES, ALLOW_HOST_NETWORK, Allow};
pub use refused::{Need, Refused, Why};
pub use room::{Held, MAX_BODY_BYTES, MAX_HELD_BYTES, Room};

use crate::http::head;
use crate::vars::{self, Setting, Vars, parse_switch};
use fields::Walk;
use tables::Table;

/// Whether what is made through this proxy is judged.
pub static GUARD: Setting = Setting {
    name: "GUARD",
    default: "0",
    about: "baseline: what clients make through this proxy gets no power over the host; what cannot be judged is closed",
};

/// The lists that open more, where GUARD is on.
pub static LISTS: [&Setting; 4] =
    [&ALLOW_BIND_MOUNTS, &ALLOW_CAPABILITIES, &ALLOW_DEVICES, &ALLOW_HOST_NETWORK];

/// The switch that GUARD wants to be set by hand, which is on otherwise.
pub const ALLOW_ARCHIVE: &str = "ALLOW_ARCHIVE";

/// What the guard makes of a route's methods that do more than read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// It is closed: it could take the host, or nobody can judge it.
    Closed,
    /// It makes nothing that has power over the host. A PUT is closed all the same.
    Open,
    /// Open without a body and a checkpoint, which could change what is started.
    Start,
    /// Open where ALLOW_ARCHIVE=1 is set by hand: it writes files of containers that others made.
    Archive,
    /// Open with ALLOW_HOST_NETWORK: BuildKit's own protocol, which nobody judges.
    HostNetwork,
    /// The parameters of a build are judged.
    Build,
    /// The parameters of a pull are judged.
    Pull,
    /// The parameters of a push are judged.
    Push,
    /// The body is held and judged.
    Held(Body),
}

impl Rule {
    /// Whether [`Guard::judge_head`] is asked.
    #[must_use]
    pub const fn judges_target(self) -> bool {
        matches!(self, Self::Build | Self::Pull | Self::Push | Self::Held(_))
    }
}

/// Whose body is held and judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// `POST /containers/create`
    Create,
    /// `POST /containers/{name}/update`
    Update,
    /// `POST /containers/{name}/exec`
    Exec,
    /// `POST /commit`
    Commit,
    /// `POST /volumes/create`
    Volume,
    /// `POST /networks/create`
    Network,
    /// `POST /networks/{id}/connect`
    Connect,
    /// `POST /networks/{id}/disconnect`
    Disconnect,
}

impl Body {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Update,
        Self::Exec,
        Self::Commit,
        Self::Volume,
        Self::Network,
        Self::Connect,
        Self::Disconnect,
    ];

    const fn table(self) -> Table {
        match self {
            Self::Create => tables::CREATE,
            Self::Update => tables::UPDATE,
            Self::Exec => tables::EXEC,
            Self::Commit => tables::COMMIT,
            Self::Volume => tables::VOLUME,
            Self::Network => tables::NETWORK,
            Self::Connect => tables::CONNECT,
            Self::Disconnect => tables::DISCONNECT,
        }
    }

    /// The paths of its fields that are judged.
    #[must_use]
    pub fn judged(self) -> Vec<String> {
        let mut found = Vec::new();
        fields::judged(self.table(), "", &mut found);
        found
    }
}

/// Why a body does not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It has not one reading.
    Unreadable(reader::Error),
    /// It asks for what is not open: at least one field.
    Refused(Vec<Refused>),
}

/// GUARD=baseline with its lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    allow: Allow,
    /// ALLOW_ARCHIVE=1, set by hand.
    archive: bool,
}

impl Guard {
    /// Reads GUARD and its lists; `None` where it is off, so that nothing is paid for it.
    ///
    /// # Errors
    /// The first value that cannot be used, and a list where GUARD is off.
    pub fn from_vars(var: Vars<'_>) -> Result<Option<Box<Self>>, vars::Error> {
        let is_on = GUARD.read(var, |variable, value| {
            match parse_switch(variable, value) {
                Ok(false) => Ok(false),
                // There may be other words one day, so that 1 is none.
                _ if value.eq_ignore_ascii_case("baseline") => Ok(true),
                _ => Err(vars::Error::value(variable, value, "0 or baseline")),
            }
        })?;
        let allow = Allow::from_vars(var)?;
        match (is_on, allow.first()) {
            (true, _) => {
                let archive = var(ALLOW_ARCHIVE).map(|value| parse_switch(ALLOW_ARCHIVE, &value));
                Ok(Some(Box::new(Self { allow, archive: archive.transpose()?.unwrap_or_default() })))
            }
            (false, None) => Ok(None),
            (false, Some(list)) => Err(vars::Error::Sentence(format!(
                "{list} cannot be used: it opens what GUARD closes, and GUARD is not set"
            ))),
        }
    }

    /// The lists.
    #[must_use]
    pub const fn allow(&self) -> &Allow {
        &self.allow
    }

    /// The same without anything in its lists, for what traffic needs of them.
    #[must_use]
    pub fn without_lists(&self) -> Self {
        Self { allow: Allow::default(), archive: false }
    }

    /// Whether files of containers may be written.
    #[must_use]
    pub const fn archive(&self) -> bool {
        self.archive
    }

    /// Whether all that the other lets pass passes here.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.allow.covers(&other.allow) && (self.archive || !other.archive)
    }

    /// What is dangerous in the lists: one sentence each.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        danger::warnings(self)
    }

    /// Judges what the head of a request says beside its method and path: parameters, the network that a path names, and how the body is
    /// read. Returns what is refused.
    #[must_use]
    pub fn judge_head(&self, rule: Rule, path: &[u8], query: Option<&[u8]>, head: &[u8]) -> Vec<Refused> {
        let mut refused = self.judge_target(rule, path, query);
        if !rule.judges_target() {
            return refused;
        }
        let mut refuse = |name: &str, form| {
            refused.push(Refused { path: name.to_owned(), why: Why::Takes(form) });
        };
        // Go reads parameters from a form before those of the query, and the body is gone then.
        let is_form = |value: &[u8]| {
            [&b"form-urlencoded"[..], b"multipart"]
                .iter()
                .any(|word| value.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word)))
        };
        if head::values(head, "content-type").any(is_form) {
            refuse("Content-Type", "no form");
        }
        // Daemons leave it out of account, and a later one might not.
        if matches!(rule, Rule::Held(_)) && head::values(head, "content-encoding").next().is_some() {
            refuse("Content-Encoding", "none");
        }
        refused
    }

    /// The same as far as the target goes.
    #[must_use]
    pub fn judge_target(&self, rule: Rule, path: &[u8], query: Option<&[u8]>) -> Vec<Refused> {
        let query = query.unwrap_or_default();
        Walk::along("query", &self.allow, |walk| match rule {
            Rule::Build => query::build(walk, query),
            Rule::Pull => query::pull(walk, query),
            Rule::Push => query::push(walk, path, query),
            Rule::Held(Body::Commit) => query::commit(walk, query),
            Rule::Held(Body::Connect) if path.ends_with(b"/networks/host/connect") => {
                walk.at("the network host", Walk::needs_host_network);
            }
            _ => {}
        })
    }

    /// Judges a body, which is whole and has no framing.
    ///
    /// # Errors
    /// What it is that does not pass.
    pub fn judge(&self, body: Body, bytes: &[u8]) -> Result<(), Fault> {
        // Where the daemon takes no body for an empty object.
        if bytes.is_empty() && body != Body::Create {
            return Ok(());
        }
        let value = reader::read(bytes).map_err(Fault::Unreadable)?;
        if value.kind() == reader::Kind::Null && body != Body::Create {
            return Ok(());
        }
        let refused = Walk::along("", &self.allow, |walk| walk.whole(value, body.table()));
        if refused.is_empty() { Ok(()) } else { Err(Fault::Refused(refused)) }
    }
}
