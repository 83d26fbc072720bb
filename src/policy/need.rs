//! What a request needs, whatever the environment, and the judgement of that.
//!
//! Owns invariant 5: the world is closed, and what matches nothing needs what nobody can grant.

use super::denial::Denial;
use super::grants::Grants;
use super::guarded::Closed;
use super::lookup::Place;
use super::route::{Hazard, Route};
use super::routes::ROUTES;
use super::{Allowed, Verdict, names, query};
use crate::http::hijack::Protocol;
use crate::http::method::Method;

/// What a request needs: every gate, and all of one set of variables or any one of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Those that must be on whatever else is.
    pub gates: Grants,
    /// The section's variable, and the method's, and POST where a GET does more than read.
    pub all: Grants,
    /// Those that allow just this action.
    pub any: Grants,
    /// What its body could ask for besides (`bare.rs`).
    pub limited: Option<Hazard>,
    /// What must be on for a line of ALLOW_ROUTES to cover it; `None` where its query asks for more than any line opens.
    pub by_line: Option<Grants>,
    /// The section's variable alone; none where the path belongs to no section.
    pub section: Grants,
    /// Why no variable can allow it, where that is so.
    pub never: Option<Denial>,
    /// The protocol that the daemon may answer with.
    pub hijack: Option<Protocol>,
}

const PUT: Grants = Grants::named("PUT");
const DELETE: Grants = Grants::named("DELETE");
const PATCH: Grants = Grants::named("PATCH");
const KILL: Grants = Grants::named("ALLOW_KILL");
const INSPECT: Grants = Grants::named("ALLOW_INSPECT");
const RESTARTS: Grants = Grants::named("ALLOW_RESTARTS");
const SHOW_SECRETS: Grants = Hazard::ShowsSecret.sections();
const TAKE_ARGUMENTS: Grants = Hazard::TakesArguments.sections();
const REMOVE_FOLDERS: Grants = Hazard::RemovesFolder.sections();

impl Need {
    const fn of_section(section: Grants) -> Self {
        Self {
            gates: Grants::NONE,
            all: section,
            any: Grants::NONE,
            limited: None,
            by_line: Some(Grants::NONE),
            section,
            never: None,
            hijack: None,
        }
    }

    const fn never(denial: Denial) -> Self {
        Self { never: Some(denial), ..Self::of_section(Grants::NONE) }
    }

    /// What a request needs in one reading of its path, which must be clean.
    #[must_use]
    pub fn of(method: Method, path: &[u8], query: Option<&[u8]>) -> Self {
        let query = query.unwrap_or_default();
        let of_method = match method {
            Method::Get | Method::Head => Grants::NONE,
            Method::Post | Method::Options => Grants::POST,
            Method::Put => PUT,
            Method::Delete => DELETE,
            Method::Patch => PATCH,
            Method::Other => return Self::never(Denial::Method),
        };
        if names::open_store(path, query) {
            return Self::never(Denial::Name);
        }
        let Place { section, below, route, whole } = match Place::of(path) {
            Ok(place) => place,
            Err(denial) => return Self::never(denial),
        };
        let takes_arguments = method == Method::Post && TAKE_ARGUMENTS.contains(section);
        if takes_arguments && names::add_arguments(below, query) {
            return Self::never(Denial::Name);
        }
        let mut need = Self::of_section(section);
        need.all = need.all.union(of_method);
        if of_method.is_empty() && SHOW_SECRETS.contains(section) && query::shows_secret(query) {
            need.all = need.all.union(Grants::POST);
            need.by_line = None;
        }
        if method == Method::Delete && REMOVE_FOLDERS.contains(section) && query::names_folder(query) {
            need.all = need.all.union(Grants::POST);
            need.by_line = None;
        }
        let Some(route) = route else { return need };
        // Whatever the method and the depth of the name.
        need.gates = route.gates;
        need.all = need.all.union(route.needs);
        if whole && route.methods.contains(&method) {
            need.hijack = route.hijack;
            need.any = route.actions;
            match route.hazard {
                Some(Hazard::Rewrites) if query::names_checkpoint(query) => {
                    return Self { by_line: None, ..need.asking(Hazard::Rewrites) };
                }
                Some(Hazard::Signals) if query::names_signal(query) => {
                    return Self { by_line: None, ..need.asking(Hazard::Signals) };
                }
                Some(Hazard::ShowsEnvironment) if query::names_arguments_of_ps(query) => {
                    return need.asking(Hazard::ShowsEnvironment);
                }
                Some(Hazard::Rewrites | Hazard::Signals | Hazard::OpensStore) => need.limited = route.hazard,
                _ => {}
            }
        }
        need
    }

    /// The same where the request asks for what a hazard of its row is about.
    pub(super) fn asking(self, hazard: Hazard) -> Self {
        let asking = Self { limited: None, ..self };
        match hazard {
            Hazard::Rewrites => Self { any: Grants::NONE, ..asking },
            // As a kill: a stop alone is none.
            Hazard::Signals => {
                Self { gates: self.gates.union(KILL), any: self.any.intersection(RESTARTS), ..asking }
            }
            Hazard::ShowsEnvironment => {
                Self { gates: self.gates.union(INSPECT), by_line: Some(INSPECT), ..asking }
            }
            Hazard::OpensStore => Self { never: Some(Denial::Name), ..asking },
            // What is looked out for in the whole section.
            Hazard::ShowsSecret | Hazard::TakesArguments | Hazard::RemovesFolder => asking,
        }
    }

    /// What is lacking where its body asks for more, and for what that is.
    pub(super) fn bare(&self, grants: Grants) -> Option<(Hazard, Grants)> {
        let hazard = self.limited?;
        match self.asking(hazard).judge(grants) {
            Verdict::Allow(_) => None,
            Verdict::Deny(denial) => Some((hazard, denial.missing())),
        }
    }

    /// What its body may not ask for whatever is on.
    pub(super) fn never_bare(&self) -> Option<(Hazard, Grants)> {
        let hazard = self.limited?;
        self.asking(hazard).never.map(|_| (hazard, Grants::NONE))
    }

    /// What each known route needs with each of its methods, without a query.
    pub fn of_routes() -> impl Iterator<Item = (&'static Route, Method, Self)> {
        let of_route = |route: &'static Route| {
            route
                .methods
                .iter()
                .map(move |&method| (route, method, Self::of(method, route.path.as_bytes(), None)))
        };
        ROUTES.iter().flat_map(of_route)
    }

    /// Whether a variable that is off would open some known route, where these are on.
    pub(super) fn is_opened_by(one: Grants, grants: Grants) -> bool {
        let is_allowed = |need: &Self, grants| matches!(need.judge(grants), Verdict::Allow(_));
        Self::of_routes().any(|(.., need)| is_allowed(&need, grants.union(one)) && !is_allowed(&need, grants))
    }

    /// Whether it asks for a variable, be it with others or in place of others.
    pub(super) const fn names(&self, one: Grants) -> bool {
        self.gates.union(self.all).union(self.any).contains(one)
    }

    /// Holds it against what is on.
    #[must_use]
    pub fn judge(&self, grants: Grants) -> Verdict {
        if let Some(denial) = self.never {
            return Verdict::Deny(denial);
        }
        match self.any.intersection(grants) {
            _ if !grants.contains(self.gates) => Verdict::Deny(Denial::Missing(self.missing(grants))),
            _ if grants.contains(self.all) => self.allowed(self.section, grants),
            Grants::NONE => Verdict::Deny(Denial::Missing(self.missing(grants))),
            actions => self.allowed(actions, grants),
        }
    }

    fn allowed(&self, by: Grants, grants: Grants) -> Verdict {
        let variable = by.variables().next().map_or("", |variable| variable.name);
        Verdict::Allow(Allowed { variable, hijack: self.hijack, bare: self.bare(grants), rule: None })
    }

    /// The verdict on a request with two readings, of which `decoded` is Docker's; each comes with its own.
    pub(super) fn judge_both(
        (sent, of_sent): (&Self, Verdict),
        (decoded, of_decoded): (&Self, Verdict),
        grants: Grants,
    ) -> Verdict {
        Verdict::Deny(match (of_sent, of_decoded) {
            (Verdict::Allow(of_sent), Verdict::Allow(of_decoded)) => {
                if of_sent.rule != of_decoded.rule {
                    return Verdict::Deny(Denial::Guarded(Closed::Unknown));
                }
                // A hijack is one in Docker's reading: it alone has more than one segment behind an escaped slash.
                let bare = of_sent.bare.or(of_decoded.bare);
                return Verdict::Allow(Allowed { bare, ..of_decoded });
            }
            (Verdict::Deny(Denial::Missing(_)), Verdict::Deny(Denial::Missing(_))) => {
                let pairs =
                    sent.ways(grants).flat_map(|one| decoded.ways(grants).map(move |other| one.union(other)));
                Denial::Missing(smallest(pairs))
            }
            // What nobody can grant outweighs what is missing.
            (Verdict::Deny(Denial::Missing(_)), Verdict::Deny(denial)) | (Verdict::Deny(denial), _) => denial,
            (Verdict::Allow(_), Verdict::Deny(denial)) => denial,
        })
    }

    /// The smallest set that would allow it; of two, the one that opens less.
    #[must_use]
    pub fn missing(&self, grants: Grants) -> Grants {
        smallest(self.ways(grants))
    }

    /// Every set that would allow it, those that open less first: actions, of which ALLOW_STOP stands before
    /// ALLOW_RESTARTS in the table, then the section.
    fn ways(&self, grants: Grants) -> impl Iterator<Item = Grants> {
        let gates = self.gates.without(grants);
        let action = self.any.iter().map(move |action| action.without(grants));
        action.chain([self.all.without(grants)]).map(move |way| way.union(gates))
    }
}

fn smallest(ways: impl Iterator<Item = Grants>) -> Grants {
    ways.min_by_key(|way| way.len()).unwrap_or_default()
}
