//! What GUARD makes of a request that the grants allow, by its path and method.

use super::need::Need;
use super::routes::ROUTES;
use super::{Allowed, Denial, Grants, Route, Verdict, query};
use crate::guard::{Guard, Rule};
use crate::http::method::Method;
use crate::http::path::{split, without_version};
use crate::vars::Error;

/// Variables that open what GUARD cannot make safe: a command inside a container is not bound by how the container was made.
const NOT_WITH_GUARD: [Grants; 2] = [Grants::named("EXEC"), Grants::named("LIBPOD_EXEC")];

/// Why GUARD closes a request, whatever it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// Its route could take the host, or nobody can judge what it asks for.
    Route,
    /// No known route has this path with this method.
    Unknown,
    /// podman's own API is not judged.
    Libpod,
    /// ALLOW_ARCHIVE=1 would open it.
    Archive,
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
            Self::Archive => {
                format!(
                    "GUARD closes it, as it writes files of any container; set {prefix}ALLOW_ARCHIVE=1 to allow it"
                )
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

/// Refuses grants that GUARD does not bear.
///
/// # Errors
/// The first of them, as a sentence.
pub(super) fn refuse_grants(grants: Grants) -> Result<(), Error> {
    match NOT_WITH_GUARD.into_iter().find(|one| grants.contains(*one)) {
        None => Ok(()),
        Some(one) => Err(Error::Sentence(format!(
            "{} cannot be used: with GUARD no commands can be started inside containers, among which are those that others made",
            one.settings("")
        ))),
    }
}

/// The rule for a request, `None` where no known route is meant; the strictest one, where several may be. To read is open, but for GETs that
/// act.
#[must_use]
pub fn rule(method: Method, path: &[u8]) -> Option<Rule> {
    let path = without_version(path);
    let reads = matches!(method, Method::Get | Method::Head);
    let is_meant =
        |row: &&Route| row.has(method) && row.serves(path) && (!reads || row.needs.contains(Grants::POST));
    let mut rules = ROUTES.iter().filter(is_meant).map(|row| row.rule);
    let Some(first) = rules.next() else { return reads.then_some(Rule::Open) };
    let rule = if rules.all(|rule| rule == first) { first } else { Rule::Closed };
    // What is written with PUT are files of containers, cluster volumes and lists of manifests.
    Some(if method == Method::Put && rule != Rule::Archive { Rule::Closed } else { rule })
}

/// The same where the proxy looks at more than path and method.
pub(super) fn judged(method: Method, path: &[u8]) -> Option<Rule> {
    rule(method, path).filter(is_judged)
}

/// Why GUARD closes a request of this rule, where it does so whatever the request holds.
pub(super) fn closed(guard: &Guard, rule: Option<Rule>, path: &[u8], query: Option<&[u8]>) -> Option<Closed> {
    match rule {
        Some(Rule::Open) => None,
        Some(rule) if rule.judges_target() => None,
        Some(Rule::Start) => query.is_some_and(query::names_checkpoint).then_some(Closed::Start),
        Some(Rule::HostNetwork) => (!guard.allow().host_network).then_some(Closed::HostNetwork),
        Some(Rule::Archive) => (!guard.archive()).then_some(Closed::Archive),
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
            Verdict::Allow(Allowed { rule: rule.filter(is_judged), ..allowed })
        }
        // To set what is missing would be in vain.
        (
            Verdict::Deny(Denial::Missing(_)),
            Some(closed @ (Closed::Route | Closed::Unknown | Closed::Libpod)),
        ) => Verdict::Deny(Denial::Guarded(closed)),
        (denied, _) => denied,
    }
}

/// Whether the proxy looks at more than path and method.
fn is_judged(rule: &Rule) -> bool {
    *rule == Rule::Start || rule.judges_target()
}
