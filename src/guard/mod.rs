//! GUARD=baseline: what a client makes through this proxy has no power over the host.
//!
//! The policy says which requests may be asked, and the guard what they may ask for. Each row of the routes has a [`Rule`]. A body that is judged
//! is read in one way or refused, and each of its fields is held against a table. `docs/guard.md` says what is promised and what is not.
//!
//! | module | what it knows |
//! |---|---|
//! | `reader` | JSON with one reading |
//! | `tables`, `fields`, `judges` | every field; what a table can say; the fields whose values take more than that |
//! | `query` | parameters of builds, pulls, pushes, tags and commits |
//! | `thing` | what requests name, and by what |
//! | `own`, `made`, `claim` | what a client made through this proxy; of one kind; what one request does with that |
//! | `sorted` | a map for what was made |
//! | `allow`, `names` | the lists that open more; of these the ones of names |
//! | `danger`, `path` | what is dangerous in the lists; clean paths and names |
//! | `refused` | what is said of what is refused |
//! | `room` | how much is held of bodies |

mod allow;
mod claim;
mod danger;
mod fields;
mod judges;
mod made;
mod names;
mod own;
mod path;
mod query;
pub mod reader;
mod refused;
mod room;
mod sorted;
mod tables;
mod thing;

pub use allow::{
    ALLOW_BIND_MOUNTS, ALLOW_CAPABILITIES, ALLOW_CONTAINERS, ALLOW_DEVICES, ALLOW_HOST_NETWORK,
    ALLOW_NETWORKS, ALLOW_TAGS, ALLOW_VOLUMES, Allow,
};
pub use claim::{Claim, Server};
pub use fields::Judged;
pub use made::{MAX_MADE, MAX_NAME_BYTES};
pub use refused::{Need, Refused, Why, list_of};
pub use room::{Held, MAX_BODY_BYTES, MAX_FRAMING_BYTES, MAX_HELD_BYTES, Room};
pub use thing::Thing;

use crate::http::head;
use crate::vars::{self, Setting, Vars, parse_switch};
use fields::Walk;
use made::Moved;
use own::Own;
use tables::Table;

/// Whether what is made through this proxy is judged.
pub static GUARD: Setting = Setting {
    name: "GUARD",
    default: "0",
    about: "baseline: what clients make through this proxy gets no power over the host; what cannot be judged is closed",
};

/// The lists that open more, where GUARD is on.
pub static LISTS: [&Setting; 8] = [
    &ALLOW_BIND_MOUNTS,
    &ALLOW_CAPABILITIES,
    &ALLOW_DEVICES,
    &ALLOW_HOST_NETWORK,
    &ALLOW_CONTAINERS,
    &ALLOW_NETWORKS,
    &ALLOW_VOLUMES,
    &ALLOW_TAGS,
];

/// What the guard makes of a route's methods that do more than read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// It is closed: it could take the host, or nobody can judge it.
    Closed,
    /// It makes nothing that has power over the host. A PUT is closed all the same.
    Open,
    /// Its path names something that must be the client's own, or listed.
    Own(Thing),
    /// The same where the answer can take minutes, and what is named is looked up before.
    OwnSlow(Thing),
    /// The same of what is removed.
    Remove(Thing),
    /// The same without `force`, by which podman removes the containers that use it, too.
    RemoveUnforced(Thing),
    /// The same of a container that gets another name.
    Rename,
    /// The same of what is started: without a body and a checkpoint, which could change it.
    Start(Thing),
    /// The same of a container in which files are written.
    Archive,
    /// It removes what others made, too: open where the list of its kind has all.
    Prune(Thing),
    /// Open with ALLOW_HOST_NETWORK: BuildKit's own protocol, which nobody judges.
    HostNetwork,
    /// The parameters of a build are judged.
    Build,
    /// The parameters of a pull are judged.
    Pull,
    /// The parameters of a push are judged.
    Push,
    /// The parameters of a tag are judged.
    Tag,
    /// The body is held and judged.
    Held(Body),
}

impl Rule {
    /// Whether [`Guard::judge_head`] is asked.
    #[must_use]
    pub const fn judges_target(self) -> bool {
        !matches!(self, Self::Closed | Self::Open | Self::Prune(_) | Self::HostNetwork)
    }

    /// What its path names.
    #[must_use]
    pub const fn names(self) -> Option<Thing> {
        match self {
            Self::Own(thing)
            | Self::OwnSlow(thing)
            | Self::Start(thing)
            | Self::Remove(thing)
            | Self::RemoveUnforced(thing) => Some(thing),
            Self::Rename | Self::Archive => Some(Thing::Container),
            Self::Held(body) => body.of(),
            Self::Closed
            | Self::Open
            | Self::Prune(_)
            | Self::HostNetwork
            | Self::Build
            | Self::Pull
            | Self::Push
            | Self::Tag => None,
        }
    }

    /// Whether what its path names may count.
    #[must_use]
    pub const fn asks_name(self) -> bool {
        !matches!(self, Self::Held(body) if body.of().is_none())
    }

    /// Whether a form as its body could say what the query says: Go reads that first.
    const fn reads_forms(self) -> bool {
        matches!(self, Self::Build | Self::Pull | Self::Push | Self::Tag | Self::Rename | Self::Held(_))
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

    /// What its path names that must be the client's own. To leave a network takes nothing of it.
    const fn of(self) -> Option<Thing> {
        match self {
            Self::Update | Self::Exec => Some(Thing::Container),
            Self::Connect => Some(Thing::Network),
            Self::Create | Self::Commit | Self::Volume | Self::Network | Self::Disconnect => None,
        }
    }

    /// Whether the daemon takes no body for an empty object.
    const fn may_be_empty(self) -> bool {
        !matches!(self, Self::Create | Self::Connect | Self::Disconnect)
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

/// GUARD=baseline with its lists, and with what the client made. Copies share that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    allow: Allow,
    own: Own,
}

impl Guard {
    /// Reads GUARD and its lists; `None` where it is off, so that nothing is paid for it.
    ///
    /// # Errors
    /// The first value that cannot be used.
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
        Ok(is_on.then(|| Box::new(Self { allow, own: Own::default() })))
    }

    /// The name of a list that opens something where GUARD is on.
    ///
    /// # Errors
    /// The first list that cannot be used.
    pub fn list(var: Vars<'_>) -> Result<Option<&'static str>, vars::Error> {
        Ok(Allow::from_vars(var)?.first())
    }

    /// The lists.
    #[must_use]
    pub const fn allow(&self) -> &Allow {
        &self.allow
    }

    /// The same without anything in its lists, for what traffic needs of them.
    #[must_use]
    pub fn without_lists(&self) -> Self {
        Self { allow: Allow::default(), own: self.own.clone() }
    }

    /// Whether all that the other lets pass passes here.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.allow.covers(&other.allow)
    }

    /// What is dangerous in the lists: one sentence each.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        danger::warnings(self)
    }

    /// Judges what the head of a request says beside its method and path: what the path names, parameters, and how the body is read. `name` is
    /// what the path names, where that can be told in one way.
    #[must_use]
    pub fn judge_head(&self, rule: Rule, name: Option<&str>, query: Option<&[u8]>, head: &[u8]) -> Judged {
        let mut judged = self.judge_target(rule, name, query);
        let mut refuse = |name: &str, form| {
            judged.refused.push(Refused { path: name.to_owned(), why: Why::Takes(form) });
        };
        // The body is gone then, too.
        let is_form = |value: &[u8]| {
            [&b"form-urlencoded"[..], b"multipart"]
                .iter()
                .any(|word| value.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word)))
        };
        if rule.reads_forms() && head::values(head, "content-type").any(is_form) {
            refuse("Content-Type", "no form");
        }
        // Daemons leave it out of account, and a later one might not.
        if matches!(rule, Rule::Held(_)) && head::values(head, "content-encoding").next().is_some() {
            refuse("Content-Encoding", "none");
        }
        judged
    }

    /// The same as far as the target goes.
    #[must_use]
    pub fn judge_target(&self, rule: Rule, name: Option<&str>, query: Option<&[u8]>) -> Judged {
        let (name, query) = (name.unwrap_or_default(), query.unwrap_or_default());
        Walk::along("query", self, |walk| {
            if let Some(thing) = rule.names() {
                walk.at(thing.told(), |walk| match rule {
                    Rule::Remove(_) | Rule::RemoveUnforced(_) => walk.takes_away(thing, name, Moved::Gone),
                    Rule::Rename => walk.takes_away(thing, name, Moved::Named(query::name(query))),
                    Rule::Held(Body::Connect) => judges::network_name(walk, name),
                    _ => walk.names(thing, name),
                });
                if matches!(rule, Rule::OwnSlow(_)) {
                    walk.claim.looks_up_first();
                }
                let words = ["all", "depend", "force"];
                let is_unforced = matches!(rule, Rule::RemoveUnforced(_));
                query::others(walk, query, if is_unforced { &words } else { &words[..2] });
            }
            match rule {
                Rule::Build => {
                    walk.claim.lasts();
                    query::build(walk, query);
                }
                Rule::Pull => query::pull(walk, query),
                Rule::Push => query::push(walk, name, query),
                Rule::Tag => query::tag(walk, name, query),
                Rule::Held(Body::Commit) => query::commit(walk, query),
                Rule::Held(Body::Create) => walk.claim.makes(Thing::Container, query::name(query), true),
                Rule::Held(Body::Exec) => walk.claim.makes(Thing::Exec, None, true),
                _ => {}
            }
        })
    }

    /// Judges a body, which is whole and has no framing.
    ///
    /// # Errors
    /// What it is that does not pass.
    pub fn judge(&self, body: Body, bytes: &[u8]) -> Result<(), Fault> {
        let refused = self.judge_body(body, bytes).map_err(Fault::Unreadable)?.refused;
        if refused.is_empty() { Ok(()) } else { Err(Fault::Refused(refused)) }
    }

    /// The same with all that was found.
    ///
    /// # Errors
    /// It has not one reading.
    pub fn judge_body(&self, body: Body, bytes: &[u8]) -> Result<Judged, reader::Error> {
        let nothing = || Walk::along("", self, |_| {});
        if bytes.is_empty() && body.may_be_empty() {
            return Ok(nothing());
        }
        let value = reader::read(bytes)?;
        if value.kind() == reader::Kind::Null && body.may_be_empty() {
            return Ok(nothing());
        }
        Ok(Walk::along("", self, |walk| {
            walk.whole(value, body.table());
            if matches!(body, Body::Connect | Body::Disconnect) {
                judges::demand(walk, value, "Container");
            }
            let name = || value.member("Name").and_then(reader::Value::text);
            if body == Body::Volume && name().is_none_or(|name| name.is_empty()) {
                walk.claim.makes(Thing::Volume, None, true);
            }
            if body == Body::Network {
                let is_new = value.member("CheckDuplicate").is_some_and(|value| value.raw() == "true");
                let name = name().filter(|name| name.len() <= MAX_NAME_BYTES);
                walk.claim.makes(Thing::Network, name.map(|name| name.as_ref().into()), is_new);
            }
        }))
    }
}
