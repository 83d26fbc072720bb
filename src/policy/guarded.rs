//! What GUARD makes of a request that the grants allow, by its path and method.

use super::need::Need;
use super::routes::ROUTES;
use super::{Allowed, Denial, Grants, Route, Verdict, query};
use crate::guard::{Guard, Rule, Thing, list_of};
use crate::http::method::Method;
use crate::http::path::{split, without_version};

/// Why GUARD closes a request, whatever it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// Its route could take the host, or nobody can judge what it asks for.
    Route,
    /// No known route has this path with this method.
    Unknown,
    /// podman's own API is not judged.
    Libpod,
    /// It reaches all that others made of this kind.
    Prune(Thing),
    /// ALLOW_HOST_NETWORK=1 would open it.
    HostNetwork,
    /// A start with a body or a checkpoint.
    Start,
}

impl Closed {
    /// The end of a sentence, for a client whose variables have this prefix.
    #[must_use]
    pub fn told(self, prefix: &str) -> String {
        match self {
            Self::Route => String::from("GUARD closes it, as nobody can judge what it does to the host"),
            Self::Unknown => String::from("GUARD closes what is no known route"),
            Self::Libpod => String::from(
                "GUARD covers Docker's API; below /libpod/ it leaves open to read, start, stop, restart, kill, pause, unpause, wait, resize, \
                 attach and delete",
            ),
            Self::Prune(thing) => {
                let list = list_of(thing).map_or("", |list| list.name);
                format!("GUARD closes it, as it reaches what others made; set {prefix}{list}=* to allow it")
            }
            Self::HostNetwork => format!(
                "GUARD closes it, as BuildKit can be asked for the host's network; set {prefix}ALLOW_HOST_NETWORK=1 to allow it"
            ),
            Self::Start => String::from(
                "GUARD closes a start with a body or a checkpoint, which could change the container",
            ),
        }
    }
}

/// The rule for a request, `None` where no known route is meant; the strictest one, where several may be. To read is open, but for GETs that
/// act.
#[must_use]
pub fn rule(method: Method, path: &[u8]) -> Option<Rule> {
    let reads = matches!(method, Method::Get | Method::Head);
    let mut rules = rows(method, without_version(path)).map(|row| row.rule);
    let Some(first) = rules.next() else { return reads.then_some(Rule::Open) };
    let rule = if rules.all(|rule| rule == first) { first } else { Rule::Closed };
    // What is written with PUT are files of containers, cluster volumes and lists of manifests.
    Some(if method == Method::Put && rule != Rule::Archive { Rule::Closed } else { rule })
}

/// What a path names, where it is one thing for every row that may be meant.
#[must_use]
pub fn name(method: Method, path: &[u8]) -> Option<&str> {
    let path = without_version(path);
    let mut names = rows(method, path).map(|row| row.name(path));
    let first = names.next()??;
    if names.all(|name| name == Some(first)) { str::from_utf8(first).ok() } else { None }
}

/// The rows that may be meant by a request that does more than read.
fn rows(method: Method, path: &[u8]) -> impl Iterator<Item = &'static Route> {
    let reads = matches!(method, Method::Get | Method::Head);
    ROUTES.iter().filter(move |row| {
        row.serves(path) && row.has(method) && (!reads || row.needs.contains(Grants::POST))
    })
}

/// The same where the proxy looks at more than path and method.
pub(super) fn judged(method: Method, path: &[u8]) -> Option<Rule> {
    rule(method, path).filter(|rule| rule.judges_target())
}

/// Why GUARD closes a request of this rule, where it does so whatever the request holds.
pub(super) fn closed(guard: &Guard, rule: Option<Rule>, path: &[u8], query: Option<&[u8]>) -> Option<Closed> {
    match rule {
        Some(Rule::Open) => None,
        Some(Rule::Start(_)) => query.is_some_and(query::names_checkpoint).then_some(Closed::Start),
        Some(rule) if rule.judges_target() => None,
        Some(Rule::HostNetwork) => (!guard.allow().host_network).then_some(Closed::HostNetwork),
        Some(Rule::Prune(thing)) => (!guard.allow().has_all(thing)).then_some(Closed::Prune(thing)),
        _ if split(path).libpod => Some(Closed::Libpod),
        Some(_) => Some(Closed::Route),
        None => Some(Closed::Unknown),
    }
}

/// Whether GUARD closes a row of the table with this method.
pub(super) fn closes(guard: &Guard, method: Method, path: &[u8]) -> bool {
    closed(guard, rule(method, path), path, None).is_some()
}

/// The verdict of GUARD on one reading of a request, of which the grants say `by_grants`. It stays out of the way of who has no guard.
#[inline(never)]
pub(super) fn judge(
    guard: &Guard,
    method: Method,
    (path, query): (&[u8], Option<&[u8]>),
    need: &Need,
    by_grants: Verdict,
) -> Verdict {
    // Nothing but reading goes without POST, or a method of its own.
    let reads = matches!(method, Method::Get | Method::Head) && !need.all.contains(Grants::POST);
    if reads {
        return by_grants;
    }
    let rule = rule(method, path);
    match (by_grants, closed(guard, rule, path, query)) {
        (Verdict::Allow(_), Some(closed)) => Verdict::Deny(Denial::Guarded(closed)),
        (Verdict::Allow(allowed), None) => {
            Verdict::Allow(Allowed { rule: rule.filter(|rule| rule.judges_target()), ..allowed })
        }
        // To set what is missing would be in vain.
        (
            Verdict::Deny(Denial::Missing(_)),
            Some(closed @ (Closed::Route | Closed::Unknown | Closed::Libpod)),
        ) => Verdict::Deny(Denial::Guarded(closed)),
        (denied, _) => denied,
    }
}
