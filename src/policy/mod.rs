//! What the environment grants, and the judgement of one request by method and path; pure.
//!
//! Owns invariant 5. A request needs a set of variables that its path and method name ([`Need`]); judging is holding it
//! against the bitmap of those that are on. The world is closed: what matches nothing needs what nobody can grant.
//! Routes are moby's (`daemon/server/router`) and podman's (`pkg/api/server`); meanings are those of the images that this
//! program replaces.

mod danger;
pub mod explain;
pub mod learn;
mod names;
mod routes;
pub mod start;
mod table;

pub use danger::warnings;
pub use routes::{ROUTES, Route};
pub use table::{Grants, Kind, VARIABLES, Variable, WhenUnset};

use crate::http::hijack::Protocol;
use crate::http::method::Method;
use crate::http::path::{self, Section};
use crate::http::target::Target;
use crate::vars::{self, Vars, parse_switch};
use std::fmt;
use table::bit;

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

/// Why a request is denied; displayed as the end of a sentence, with what would allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// These variables are off and would allow it.
    Missing(Grants),
    /// No variable grants what the path names.
    NoSection,
    /// The path names nothing: what health checks ask that were made for web servers.
    Root,
    /// No variable grants this method.
    Method,
    /// No variable grants what podman would do with such a name (`names.rs`).
    Name,
    /// A start with a body, which dockerd up to 24 takes as new settings of the container, needs these instead.
    StartWithBody(Grants),
}

impl Denial {
    /// What would allow it; empty where nothing does.
    #[must_use]
    pub const fn missing(self) -> Grants {
        match self {
            Self::Missing(grants) | Self::StartWithBody(grants) => grants,
            Self::NoSection | Self::Root | Self::Method | Self::Name => Grants::NONE,
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(grants) => write_set(f, *grants),
            Self::NoSection => f.write_str("no variable allows it, as it belongs to no section"),
            Self::Root => f.write_str(
                "no variable allows it, as nothing is served there; a health check asks for GET /_ping",
            ),
            Self::Method => f.write_str("no variable allows this method"),
            Self::Name => f.write_str(
                "no variable allows such a name, for which podman opens a store of images, or runs a command, of the client's \
                 making",
            ),
            Self::StartWithBody(grants) => {
                f.write_str("ALLOW_START covers starts without a body, which could change the container; ")?;
                write_set(f, *grants)
            }
        }
    }
}

fn write_set(f: &mut fmt::Formatter<'_>, grants: Grants) -> fmt::Result {
    write!(f, "set {} to allow it", grants.settings(" and "))
}

/// Allows everything, and remembers what was needed.
pub const LEARN: &str = "LEARN";

/// What is said of it at start, every hour, and by `explain`.
pub const LEARN_WARNING: &str = "LEARN=1: EVERYTHING IS ALLOWED, which is root on this host for whoever reaches this port; take \
                           LEARN away once you have the variables, which SIGUSR1 and the exit print";

const POST: Grants = bit("POST");
const CONTAINERS: Grants = bit("CONTAINERS");
const LIBPOD_CONTAINERS: Grants = bit("LIBPOD_CONTAINERS");
const LIBPOD_PODS: Grants = bit("LIBPOD_PODS");
const LIBPOD_IMAGES: Grants = bit("LIBPOD_IMAGES");
const EXEC: Grants = bit("EXEC");
const LIBPOD_EXEC: Grants = bit("LIBPOD_EXEC");
const SECRETS: Grants = bit("SECRETS");
const LIBPOD_SECRETS: Grants = bit("LIBPOD_SECRETS");
const GRPC: Grants = bit("GRPC");
const SESSION: Grants = bit("SESSION");
const ALLOW_START: Grants = bit("ALLOW_START");
const ALLOW_STOP: Grants = bit("ALLOW_STOP");
const ALLOW_RESTARTS: Grants = bit("ALLOW_RESTARTS");
const ALLOW_PAUSE: Grants = bit("ALLOW_PAUSE");
const ALLOW_UNPAUSE: Grants = bit("ALLOW_UNPAUSE");

impl Policy {
    /// Reads the grants and DIALECT from the environment.
    ///
    /// # Errors
    /// The first variable whose value cannot be used.
    pub fn from_vars(var: Vars<'_>) -> Result<Self, vars::Error> {
        let dialect = match var("DIALECT").unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "" | "tecnativa" => Dialect::Tecnativa,
            "linuxserver" => Dialect::Linuxserver,
            _ => {
                let value = var("DIALECT").unwrap_or_default();
                return Err(vars::Error { variable: "DIALECT", value, expected: "tecnativa or linuxserver" });
            }
        };
        let mut grants = Grants::NONE;
        for (place, variable) in VARIABLES.iter().enumerate() {
            let on = match var(variable.name) {
                Some(value) => parse_switch(variable.name, &value)?,
                None => variable.default.is_on(dialect),
            };
            if on {
                grants = grants.and(Grants::of(place));
            }
        }
        let learning = var(LEARN).map_or(Ok(false), |value| parse_switch(LEARN, &value))?;
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
        let gated = !self.grants.common(Grants::CONTAINER_SECTIONS).is_empty();
        let mut names = Vec::new();
        for (place, variable) in VARIABLES.iter().enumerate() {
            match (variable.kind, self.grants.hold(Grants::of(place))) {
                (Kind::Gate(_), false) if gated => names.push(format!("{}=0", variable.name)),
                (Kind::Gate(_), _) | (_, false) => {}
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
            (sent, Some(decoded)) => self.learn(sent.judge_both(&decoded, self.grants), decoded.hijack),
        }
    }

    /// Judges what a request needs in its one reading.
    #[must_use]
    pub fn decide(&self, need: &Need) -> Verdict {
        self.learn(need.judge(self.grants), need.hijack)
    }

    /// With LEARN=1, a denial that some variable could lift is none, nor is one of an unknown path.
    const fn learn(&self, verdict: Verdict, hijack: Option<Protocol>) -> Verdict {
        match verdict {
            Verdict::Deny(Denial::Missing(_) | Denial::NoSection | Denial::Root) if self.learning => {
                Verdict::Allow(Allowed { variable: LEARN, hijack, bare_start: None })
            }
            Verdict::Allow(allowed) if self.learning => {
                Verdict::Allow(Allowed { bare_start: None, ..allowed })
            }
            verdict => verdict,
        }
    }
}

/// What a request needs, whatever the environment: all of one set of variables, or any one of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The section's variable, and POST and a gate where the request needs them.
    pub all: Grants,
    /// Those that allow just this action.
    pub any: Grants,
    /// The section's variable alone; none where the path belongs to no section.
    pub section: Grants,
    hijack: Option<Protocol>,
    /// Why nobody can allow it, where that is so.
    pub never: Option<Denial>,
}

impl Need {
    /// Of the actions, the one that covers a request without a body only.
    pub const BARE: Grants = ALLOW_START;

    const fn never(denial: Denial) -> Self {
        let none = Grants::NONE;
        Self { all: none, any: none, section: none, hijack: None, never: Some(denial) }
    }

    /// What a request needs in podman's reading of its path, and in Docker's where that is another one.
    #[must_use]
    pub fn of_target(method: Method, target: &Target<'_>) -> (Self, Option<Self>) {
        let of = |path| Self::of(method, path, target.query());
        (of(target.path()), target.decoded().map(of))
    }

    /// What a request needs in one reading of its path, which must be clean.
    #[must_use]
    pub fn of(method: Method, path: &[u8], query: Option<&[u8]>) -> Self {
        let query = query.unwrap_or_default();
        let reads = match method {
            Method::Get | Method::Head => true,
            Method::Post | Method::Put | Method::Delete | Method::Patch | Method::Options => false,
            Method::Other => return Self::never(Denial::Method),
        };
        let Section { libpod, name, below } = path::section(path);
        let (name, below): (&[u8], &[u8]) = match (name, below) {
            // The same, of files of the host instead of the client's.
            (b"local", b"/build") if libpod => (b"build", b""),
            (b"local", b"/images/load") if libpod => (b"images", b"/load"),
            _ => (name, below),
        };
        let section = if libpod { table::libpod_section(name) } else { table::docker_section(name) };
        let Some(section) = section.filter(|section| !section.exact || below.is_empty()) else {
            return Self::never(if name.is_empty() && !libpod { Denial::Root } else { Denial::NoSection });
        };
        if names::open_store(path, query) {
            return Self::never(Denial::Name);
        }
        let grant = section.grant;
        let mut need = Self { all: grant, any: Grants::NONE, section: grant, hijack: None, never: None };
        if !reads {
            need.all = need.all.and(POST);
        }
        match grant {
            CONTAINERS | LIBPOD_CONTAINERS | LIBPOD_PODS => {
                need.of_container(method, below, query);
            }
            LIBPOD_IMAGES if method == Method::Post && names::add_arguments(below, query) => {
                return Self::never(Denial::Name);
            }
            // podman serves this by the function that it has for containers, and takes the name for a container's.
            LIBPOD_IMAGES if sub_resource(without_slash(below)) == Some(b"changes") => {
                need.all = need.all.and(const { LIBPOD_CONTAINERS.and(bit("ALLOW_CHANGES")) });
            }
            EXEC | LIBPOD_EXEC if method == Method::Post && sub_resource(below) == Some(b"start") => {
                need.hijack = Some(Protocol::Tcp);
            }
            SESSION | GRPC if method == Method::Post => need.hijack = Some(Protocol::H2c),
            SECRETS | LIBPOD_SECRETS if reads && shows_secret(query) => {
                need.all = need.all.and(POST);
            }
            _ => {}
        }
        need
    }

    /// What a sub-resource of a container or pod needs besides. Names may hold slashes (`{name:.*}`), so it is the last
    /// segment, or the last two. A trailing slash, which no such route has, opens nothing and closes as much.
    fn of_container(&mut self, method: Method, below: &[u8], query: &[u8]) {
        let clean = without_slash(below);
        let slash = clean != below;
        let Some(last) = sub_resource(clean) else { return };
        let post = method == Method::Post && !slash;
        match last {
            // With copy, dockerd up to 25 reads files as with archive.
            b"archive" | b"copy" => self.all = self.all.and(const { bit("ALLOW_ARCHIVE") }),
            b"changes" => self.all = self.all.and(const { bit("ALLOW_CHANGES") }),
            b"export" => self.all = self.all.and(const { bit("ALLOW_EXPORT") }),
            b"logs" => self.all = self.all.and(const { bit("ALLOW_LOGS") }),
            b"top" => self.all = self.all.and(const { bit("ALLOW_TOP") }),
            b"start" if post && !names_checkpoint(query) => self.any = ALLOW_START,
            b"stop" if post => self.any = ALLOW_STOP.and(ALLOW_RESTARTS),
            b"restart" | b"kill" if post => self.any = ALLOW_RESTARTS,
            b"pause" if post => self.any = ALLOW_PAUSE,
            b"unpause" if post => self.any = ALLOW_UNPAUSE,
            b"attach" if post => self.hijack = Some(Protocol::Tcp),
            // GETs that run the container's healthcheck command, and list any folder of the host.
            b"healthcheck" | b"checkpoints" => self.all = self.all.and(POST),
            // A GET that writes to the container's input.
            b"ws" if clean.ends_with(b"/attach/ws") => {
                self.all = self.all.and(POST);
                let named = clean.len() > b"/attach/ws".len();
                self.hijack = (method == Method::Get && named && !slash).then_some(Protocol::WebSocket);
            }
            _ => {}
        }
    }

    /// Whether what is on allows it.
    #[must_use]
    pub fn is_met_by(&self, grants: Grants) -> bool {
        matches!(self.judge(grants), Verdict::Allow(_))
    }

    /// Holds it against what is on.
    #[must_use]
    pub fn judge(&self, grants: Grants) -> Verdict {
        if let Some(denial) = self.never {
            return Verdict::Deny(denial);
        }
        if grants.hold(self.all) {
            return self.allowed(self.section, None);
        }
        match self.any.common(grants) {
            Grants::NONE => Verdict::Deny(Denial::Missing(self.missing(grants))),
            ALLOW_START => self.allowed(ALLOW_START, Some(self.all.without(grants))),
            action => self.allowed(action, None),
        }
    }

    /// Holds both readings of one request against what is on; `decoded` is Docker's.
    fn judge_both(&self, decoded: &Self, grants: Grants) -> Verdict {
        Verdict::Deny(match (self.judge(grants), decoded.judge(grants)) {
            (Verdict::Allow(sent), Verdict::Allow(read)) => {
                // A hijack is one in Docker's reading: it alone has more than one segment behind an escaped slash.
                return Verdict::Allow(Allowed { bare_start: sent.bare_start.or(read.bare_start), ..read });
            }
            (Verdict::Deny(Denial::Missing(_)), Verdict::Deny(Denial::Missing(_))) => {
                let pairs =
                    self.ways(grants).flat_map(|one| decoded.ways(grants).map(move |other| one.and(other)));
                Denial::Missing(pairs.min_by_key(|way| way.count()).unwrap_or_default())
            }
            // What nobody can grant outweighs what is missing.
            (Verdict::Deny(Denial::Missing(_)), Verdict::Deny(denial)) | (Verdict::Deny(denial), _) => denial,
            (Verdict::Allow(_), Verdict::Deny(denial)) => denial,
        })
    }

    fn allowed(&self, by: Grants, bare_start: Option<Grants>) -> Verdict {
        let variable = by.variables().next().map_or("", |variable| variable.name);
        Verdict::Allow(Allowed { variable, hijack: self.hijack, bare_start })
    }

    /// The smallest set that would allow it; of two, the one that opens less.
    #[must_use]
    pub fn missing(&self, grants: Grants) -> Grants {
        self.ways(grants).min_by_key(|way| way.count()).unwrap_or_default()
    }

    /// Every set that would allow it, those that open less first: actions, of which ALLOW_STOP stands before
    /// ALLOW_RESTARTS in the table, then the section.
    fn ways(&self, grants: Grants) -> impl Iterator<Item = Grants> {
        self.any.each().chain([self.all.without(grants)])
    }
}

/// The last segment of `/{name}/{sub-resource}`, where the name has at least one segment.
fn sub_resource(below: &[u8]) -> Option<&[u8]> {
    match memchr::memrchr(b'/', below) {
        None | Some(0) => None,
        Some(slash) => Some(&below[slash + 1..]),
    }
}

/// A path without its trailing slash.
fn without_slash(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").unwrap_or(path)
}

/// Whether a query could make podman show a secret in clear (`showsecret`, on the compat path too). Its decoder matches
/// keys without regard to case, letters beyond ASCII included.
fn shows_secret(query: &[u8]) -> bool {
    values_of(&[b"showsecret"], query).any(|value| !matches!(value, b"=false" | b"=0"))
}

/// Whether a start's query could name a checkpoint to go on from, which dockerd (where it is experimental) looks for in any
/// folder of the host.
fn names_checkpoint(query: &[u8]) -> bool {
    values_of(&[b"checkpoint", b"checkpoint-dir"], query).next().is_some()
}

/// The value, with its `=`, of each pair of a query whose key is one of these words in some reader's eyes: every key that is
/// not plainly another one counts. Go up to 1.16 ends a pair at a semicolon too.
fn values_of<'q>(words: &'q [&[u8]], query: &'q [u8]) -> impl Iterator<Item = &'q [u8]> {
    query.split(|byte| matches!(byte, b'&' | b';')).filter_map(move |pair| {
        let (key, value) = pair.split_at(memchr::memchr(b'=', pair).unwrap_or(pair.len()));
        let escaped = key.iter().any(|byte| matches!(byte, b'%' | b'+'));
        (escaped || words.iter().any(|word| key.eq_ignore_ascii_case(word))).then_some(value)
    })
}
