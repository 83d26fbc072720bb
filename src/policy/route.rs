//! One route: all that a row of the table can say of it.

use super::grants::Grants;
use super::variables::{equal, section_of};
use crate::guard::{Body, Rule, Thing};
use crate::http::hijack::Protocol;
use crate::http::method::Method;

/// A path, the methods that it is served with, and what it needs besides its section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Without version, with names in braces.
    pub path: &'static str,
    /// In the order of reading before writing.
    pub methods: &'static [Method],
    /// The section, where that is another one than the path says.
    pub section: Option<Grants>,
    /// What must be on whatever else is.
    pub gates: Grants,
    /// What must be on besides the section, whatever the method: POST where a GET does more than read.
    pub needs: Grants,
    /// Any of these opens its methods without the section and POST.
    pub actions: Grants,
    /// What its connection is hijacked to.
    pub hijack: Option<Protocol>,
    /// What the daemon can be made to do besides.
    pub hazard: Option<Hazard>,
    /// What GUARD makes of its methods that do more than read.
    pub rule: Rule,
    /// Whether podman from 4 on takes whatever is below for its name, paths of other rows too (`registerManifestHandlers`).
    pub swallows: bool,
}

/// What a request can make the daemon do besides, by its name, its query (`query.rs`) or its body (`bare.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hazard {
    /// podman shows a secret in clear where the query asks for that. It is looked out for in the whole section, as a name can look
    /// like another path.
    ShowsSecret,
    /// podman makes arguments of a command of the name at the path's end, and of the query (`names.rs`). In the whole section, too.
    TakesArguments,
    /// It removes a checkpoint in the folder of the host that the query names. In the whole section, as its path ends in a name.
    RemovesFolder,
    /// A start takes new settings of the container, or goes on from any folder of the host. Actions open it only without.
    Rewrites,
    /// It sends the signal that the query or a form names (dockerd from API 1.42), which needs what a kill needs.
    Signals,
    /// ps, which gets arguments of the query, shows the environment of processes, which needs the gate of inspect.
    ShowsEnvironment,
    /// podman opens the store of images that a form names (`names.rs`): its tag reads forms, and no client sends any.
    OpensStore,
}

/// Of no path, and with nothing to say.
pub(super) const PLAIN: Route = route("", &[]);

pub(super) const fn route(path: &'static str, methods: &'static [Method]) -> Route {
    Route {
        path,
        methods,
        section: None,
        gates: Grants::NONE,
        needs: Grants::NONE,
        actions: Grants::NONE,
        hijack: None,
        hazard: None,
        rule: Rule::Closed,
        swallows: false,
    }
}

impl Route {
    pub(super) const fn of(mut self, section: &str) -> Self {
        self.section = Some(Grants::named(section));
        self
    }

    pub(super) const fn gate(mut self, variable: &str) -> Self {
        self.gates = self.gates.union(Grants::named(variable));
        self
    }

    pub(super) const fn needs(mut self, variable: &str) -> Self {
        self.needs = self.needs.union(Grants::named(variable));
        self
    }

    /// Its GET does more than read.
    pub(super) const fn acts(self) -> Self {
        self.needs("POST")
    }

    pub(super) const fn action(mut self, variable: &str) -> Self {
        self.actions = self.actions.union(Grants::named(variable));
        self
    }

    pub(super) const fn hijacked(mut self, to: Protocol) -> Self {
        self.hijack = Some(to);
        self
    }

    pub(super) const fn hazard(mut self, hazard: Hazard) -> Self {
        self.hazard = Some(hazard);
        self
    }

    /// GUARD leaves it open.
    pub(super) const fn open(self) -> Self {
        self.guard(Rule::Open)
    }

    /// GUARD judges its body.
    pub(super) const fn held(self, body: Body) -> Self {
        self.guard(Rule::Held(body))
    }

    pub(super) const fn guard(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    pub(super) const fn swallows(mut self) -> Self {
        self.swallows = true;
        self
    }

    /// GUARD leaves it open for containers of the client's own.
    pub(super) const fn own(self) -> Self {
        self.guard(Rule::Own(Thing::Container))
    }

    /// Whether two rows say the same of what ends as they do.
    pub(super) const fn says_as(&self, other: &Self) -> bool {
        let hijack = match (self.hijack, other.hijack) {
            (None, None) => true,
            (Some(one), Some(other)) => one as u8 == other as u8,
            _ => false,
        };
        hijack
            && self.gates.is(other.gates)
            && self.needs.is(other.needs)
            && self.actions.is(other.actions)
            && of_row(self.hazard) == of_row(other.hazard)
    }

    /// The section that its path names, and what of the path is below, for constants; `None` where there is no such section.
    pub(super) const fn split(&self) -> Option<(Grants, &'static str)> {
        const LIBPOD: &[u8] = b"/libpod/";
        let path = self.path.as_bytes();
        let libpod = path.len() > LIBPOD.len() && equal(path.split_at(LIBPOD.len()).0, LIBPOD);
        let start = if libpod { LIBPOD.len() } else { 1 };
        let mut end = start;
        while end < path.len() && path[end] != b'/' {
            end += 1;
        }
        match section_of(libpod, path.split_at(end).0.split_at(start).1) {
            Some(section) => Some((section, self.path.split_at(end).1)),
            None => None,
        }
    }
}

/// A hazard that is looked out for in its row alone, for constants.
const fn of_row(hazard: Option<Hazard>) -> u8 {
    match hazard {
        None | Some(Hazard::ShowsSecret | Hazard::TakesArguments | Hazard::RemovesFolder) => 0,
        Some(hazard) => 1 + hazard as u8,
    }
}

impl Route {
    /// Whether it is served with this method. HEAD is asked for where GET is.
    pub(super) fn has(&self, method: Method) -> bool {
        self.methods.contains(&method) || (method == Method::Head && self.methods.contains(&Method::Get))
    }

    /// How many of its segments are words.
    pub(super) fn words(&self) -> usize {
        self.path.matches('/').count() - self.path.matches("/{").count()
    }

    /// Whether a path, given without its version, can be one of this row's: a name is one segment or more.
    pub(super) fn serves(&self, path: &[u8]) -> bool {
        self.may_serve(path) && self.has_form_of(path)
    }

    /// The same by two letters, which tell most rows from a path: the first one of its section, and the last one where no name ends it.
    fn may_serve(&self, path: &[u8]) -> bool {
        let ([_, ours, .., our_last], [_, theirs, .., their_last]) = (self.path.as_bytes(), path) else {
            return true;
        };
        (ours == theirs || *ours == b'{') && (our_last == their_last || *our_last == b'}')
    }

    fn has_form_of(&self, path: &[u8]) -> bool {
        let Some((word, mut pattern)) = self.path.split_once('{') else {
            return path == self.path.as_bytes();
        };
        let Some(mut path) = path.strip_prefix(word.as_bytes()) else { return false };
        loop {
            // `path` starts with the name whose placeholder ends in `pattern`.
            let tail = pattern.split_once('}').map_or("", |(_, tail)| tail);
            let Some((word, rest)) = tail.split_once('{') else {
                let name = path.strip_suffix(tail.as_bytes());
                return name.is_some_and(|name| !name.is_empty() && !name.ends_with(b"/"));
            };
            let Some(at) = path.windows(word.len()).skip(1).position(|window| window == word.as_bytes())
            else {
                return false;
            };
            (path, pattern) = (&path[1 + at + word.len()..], rest);
        }
    }

    /// What a path of this row names, given without its version: all that stands in place of its names.
    pub(super) fn name<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        let (start, end) = self.ends();
        path.strip_prefix(start.as_bytes())?.strip_suffix(end.as_bytes())
    }

    /// The segments of a path that has as many as this row, and each of its words where the row has it.
    pub(super) fn fit<'p>(&self, path: &'p [u8]) -> Option<impl Iterator<Item = &'p [u8]>> {
        let segments = || path.split(|&byte| byte == b'/');
        let mut given = segments();
        let fits = |pattern: &str| match given.next() {
            Some(segment) if pattern.starts_with('{') => !segment.is_empty(),
            segment => segment == Some(pattern.as_bytes()),
        };
        (self.path.split('/').all(fits) && given.next().is_none()).then(segments)
    }

    /// Whether the daemon may take a path of this row for it, where these others may serve it too: not where one of them fits it
    /// segment by segment and names more of it.
    pub(super) fn may_take(
        &self,
        version: &[u8],
        path: &[u8],
        mut others: impl Iterator<Item = &'static Self>,
    ) -> bool {
        (self.swallows && matches!(version, [b'/', b'v', b'4'..=b'9', ..]))
            || !others.any(|other| other.words() > self.words() && other.fit(path).is_some())
    }

    /// What is before its first name and behind its last one; all and nothing where it has none.
    pub(super) fn ends(&self) -> (&'static str, &'static str) {
        let (start, _) = self.path.split_once('{').unwrap_or((self.path, ""));
        let (_, end) = self.path.rsplit_once('}').unwrap_or_default();
        (start, end)
    }

    /// Whether some path can be this row's and the other's. What is between two names is not looked at: to take two rows for such
    /// that meet costs a little time alone.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let ((start, end), (other_start, other_end)) = (self.ends(), other.ends());
        if start == self.path {
            return other.serves(start.as_bytes());
        }
        if other_start == other.path {
            return self.serves(other_start.as_bytes());
        }
        (start.starts_with(other_start) || other_start.starts_with(start))
            && (end.ends_with(other_end) || other_end.ends_with(end))
    }
}
