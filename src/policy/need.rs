//! What a request needs, whatever the environment, and the judgement of that.
//!
//! Owns invariant 5: the world is closed, and what matches nothing needs what nobody can grant.

use super::denial::Denial;
use super::grants::Grants;
use super::lookup::Place;
use super::route::Hazard;
use super::{Allowed, Verdict, names, query};
use crate::http::hijack::Protocol;
use crate::http::method::Method;
use crate::http::target::Target;

/// What a request needs: all of one set of variables, or any one of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The section's variable, and POST and gates where the request needs them.
    pub all: Grants,
    /// Those that allow just this action.
    pub any: Grants,
    /// Whether those of `any` cover it without a body alone (`start.rs`).
    pub bare: bool,
    /// The section's variable alone; none where the path belongs to no section.
    pub section: Grants,
    /// Why nobody can allow it, where that is so.
    pub never: Option<Denial>,
    /// The protocol that the daemon may answer with.
    pub hijack: Option<Protocol>,
}

const POST: Grants = Grants::named("POST");
const SHOW_SECRETS: Grants = Hazard::ShowsSecret.sections();
const TAKE_ARGUMENTS: Grants = Hazard::TakesArguments.sections();

impl Need {
    const fn of_section(section: Grants) -> Self {
        Self { all: section, any: Grants::NONE, bare: false, section, never: None, hijack: None }
    }

    const fn never(denial: Denial) -> Self {
        Self { never: Some(denial), ..Self::of_section(Grants::NONE) }
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
        let Place { section, below, route, whole } = match Place::of(path) {
            Ok(place) => place,
            Err(denial) => return Self::never(denial),
        };
        let takes_arguments = method == Method::Post && TAKE_ARGUMENTS.contains(section);
        if names::open_store(path, query) || (takes_arguments && names::add_arguments(below, query)) {
            return Self::never(Denial::Name);
        }
        let mut need = Self::of_section(section);
        if !reads || (SHOW_SECRETS.contains(section) && query::shows_secret(query)) {
            need.all = need.all.union(POST);
        }
        let Some(route) = route else { return need };
        // Whatever the method and the depth of the name.
        need.all = need.all.union(route.needs);
        if whole && route.methods.contains(&method) {
            need.hijack = route.hijack;
            if !(route.bare && query::names_checkpoint(query)) {
                (need.any, need.bare) = (route.actions, route.bare);
            }
        }
        need
    }

    /// Holds it against what is on.
    #[must_use]
    pub fn judge(&self, grants: Grants) -> Verdict {
        if let Some(denial) = self.never {
            return Verdict::Deny(denial);
        }
        if grants.contains(self.all) {
            return self.allowed(self.section, None);
        }
        match self.any.intersection(grants) {
            Grants::NONE => Verdict::Deny(Denial::Missing(self.missing(grants))),
            actions => self.allowed(actions, self.bare.then(|| self.all.without(grants))),
        }
    }

    fn allowed(&self, by: Grants, bare_start: Option<Grants>) -> Verdict {
        let variable = by.variables().next().map_or("", |variable| variable.name);
        Verdict::Allow(Allowed { variable, hijack: self.hijack, bare_start })
    }

    /// Holds both readings of one request against what is on; `decoded` is Docker's.
    pub(super) fn judge_both(&self, decoded: &Self, grants: Grants) -> Verdict {
        Verdict::Deny(match (self.judge(grants), decoded.judge(grants)) {
            (Verdict::Allow(sent), Verdict::Allow(read)) => {
                // A hijack is one in Docker's reading: it alone has more than one segment behind an escaped slash.
                return Verdict::Allow(Allowed { bare_start: sent.bare_start.or(read.bare_start), ..read });
            }
            (Verdict::Deny(Denial::Missing(_)), Verdict::Deny(Denial::Missing(_))) => {
                let pairs =
                    self.ways(grants).flat_map(|one| decoded.ways(grants).map(move |other| one.union(other)));
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
        self.any.iter().chain([self.all.without(grants)])
    }
}

fn smallest(ways: impl Iterator<Item = Grants>) -> Grants {
    ways.min_by_key(|way| way.len()).unwrap_or_default()
}
