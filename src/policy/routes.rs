//! The one table of routes: all that is known of each path that dockerd and podman serve.
//!
//! moby `daemon/server/router` and podman `pkg/api/server`, every supported version together; `{name}` may hold slashes. Judging,
//! `explain`, LEARN and the terms of a hijack read this table. Paths that no row names belong to their section all the same.

use super::grants::Grants;
use super::variables::{equal, section_of};
use crate::http::hijack::Protocol;
use crate::http::method::Method;
use Hazard::{ShowsSecret, TakesArguments};
use Method::{Delete, Get, Head, Post, Put};
use Protocol::{H2c, Tcp, WebSocket};

/// A path, the methods that it is served with, and what it needs besides its section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Without version, with names in braces.
    pub path: &'static str,
    /// In the order of reading before writing.
    pub methods: &'static [Method],
    /// The section, where that is another one than the path says.
    pub section: Option<Grants>,
    /// What must be on besides, whatever the method: gates, and POST where a GET does more than read.
    pub needs: Grants,
    /// Any of these opens its methods without the section and POST.
    pub actions: Grants,
    /// Actions open it only while neither its body nor its query could change what it does (`start.rs`).
    pub bare: bool,
    /// What its connection is hijacked to.
    pub hijack: Option<Protocol>,
    /// What podman can be made to do besides.
    pub hazard: Option<Hazard>,
}

/// What a request can make podman do besides, by its name or its query. It is looked out for in the whole section: a name can look
/// like another path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hazard {
    /// It shows a secret in clear where the query asks for that (`query.rs`).
    ShowsSecret,
    /// It makes arguments of a command of the name at the path's end, and of the query (`names.rs`).
    TakesArguments,
}

/// Of no path, and with nothing to say.
pub(super) const PLAIN: Route = route("", &[]);

const fn route(path: &'static str, methods: &'static [Method]) -> Route {
    Route {
        path,
        methods,
        section: None,
        needs: Grants::NONE,
        actions: Grants::NONE,
        bare: false,
        hijack: None,
        hazard: None,
    }
}

impl Route {
    const fn of(mut self, section: &str) -> Self {
        self.section = Some(Grants::named(section));
        self
    }

    const fn needs(mut self, variable: &str) -> Self {
        self.needs = self.needs.union(Grants::named(variable));
        self
    }

    /// Its GET does more than read.
    const fn acts(self) -> Self {
        self.needs("POST")
    }

    const fn action(mut self, variable: &str) -> Self {
        self.actions = self.actions.union(Grants::named(variable));
        self
    }

    const fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    const fn hijacked(mut self, to: Protocol) -> Self {
        self.hijack = Some(to);
        self
    }

    const fn hazard(mut self, hazard: Hazard) -> Self {
        self.hazard = Some(hazard);
        self
    }

    /// Whether two rows say the same of what ends as they do.
    pub(super) const fn says_as(&self, other: &Self) -> bool {
        let hijack = match (self.hijack, other.hijack) {
            (None, None) => true,
            (Some(one), Some(other)) => one as u8 == other as u8,
            _ => false,
        };
        hijack && self.needs.is(other.needs) && self.actions.is(other.actions) && self.bare == other.bare
    }
}

/// Every route, by API and section.
pub static ROUTES: &[Route] = &[
    route("/_ping", &[Get, Head]),
    route("/version", &[Get]),
    route("/info", &[Get]),
    route("/events", &[Get]),
    route("/system/df", &[Get]),
    route("/auth", &[Post]),
    route("/containers/json", &[Get]),
    route("/containers/{name}/json", &[Get]),
    route("/containers/{name}/export", &[Get]).needs("ALLOW_EXPORT"),
    route("/containers/{name}/changes", &[Get]).needs("ALLOW_CHANGES"),
    route("/containers/{name}/top", &[Get]).needs("ALLOW_TOP"),
    route("/containers/{name}/logs", &[Get]).needs("ALLOW_LOGS"),
    route("/containers/{name}/stats", &[Get]),
    route("/containers/{name}/attach/ws", &[Get]).acts().hijacked(WebSocket),
    route("/containers/{name}/archive", &[Get, Head, Put]).needs("ALLOW_ARCHIVE"),
    route("/containers/create", &[Post]),
    route("/containers/{name}/kill", &[Post]).action("ALLOW_RESTARTS"),
    route("/containers/{name}/pause", &[Post]).action("ALLOW_PAUSE"),
    route("/containers/{name}/unpause", &[Post]).action("ALLOW_UNPAUSE"),
    route("/containers/{name}/restart", &[Post]).action("ALLOW_RESTARTS"),
    route("/containers/{name}/start", &[Post]).action("ALLOW_START").bare(),
    route("/containers/{name}/stop", &[Post]).action("ALLOW_STOP").action("ALLOW_RESTARTS"),
    route("/containers/{name}/wait", &[Post]),
    route("/containers/{name}/resize", &[Post]),
    route("/containers/{name}/attach", &[Post]).hijacked(Tcp),
    route("/containers/{name}/exec", &[Post]),
    route("/containers/{name}/rename", &[Post]),
    route("/containers/{name}/update", &[Post]),
    route("/containers/{name}/copy", &[Post]).needs("ALLOW_ARCHIVE"),
    route("/containers/prune", &[Post]),
    route("/containers/{name}", &[Delete]),
    route("/containers/{name}/checkpoints", &[Get, Post]).acts(),
    route("/containers/{name}/checkpoints/{checkpoint}", &[Delete]),
    route("/commit", &[Post]),
    route("/exec/{id}/json", &[Get]),
    route("/exec/{id}/start", &[Post]).hijacked(Tcp),
    route("/exec/{id}/resize", &[Post]),
    route("/images/json", &[Get]),
    route("/images/search", &[Get]),
    route("/images/get", &[Get]),
    route("/images/{name}/get", &[Get]),
    route("/images/{name}/history", &[Get]),
    route("/images/{name}/json", &[Get]),
    route("/images/{name}/attestations", &[Get]),
    route("/images/load", &[Post]),
    route("/images/create", &[Post]),
    route("/images/{name}/push", &[Post]),
    route("/images/{name}/tag", &[Post]),
    route("/images/prune", &[Post]),
    route("/images/{name}", &[Delete]),
    route("/build", &[Post]),
    route("/build/prune", &[Post]),
    route("/build/cancel", &[Post]),
    route("/session", &[Post]).hijacked(H2c),
    route("/grpc", &[Post]).hijacked(H2c),
    route("/networks", &[Get]),
    route("/networks/", &[Get]),
    route("/networks/{id}", &[Get, Delete]),
    route("/networks/create", &[Post]),
    route("/networks/{id}/connect", &[Post]),
    route("/networks/{id}/disconnect", &[Post]),
    route("/networks/prune", &[Post]),
    route("/volumes", &[Get]),
    route("/volumes/{name}", &[Get, Put, Delete]),
    route("/volumes/create", &[Post]),
    route("/volumes/prune", &[Post]),
    route("/plugins", &[Get]),
    route("/plugins/{name}/json", &[Get]),
    route("/plugins/privileges", &[Get]),
    route("/plugins/pull", &[Post]),
    route("/plugins/create", &[Post]),
    route("/plugins/{name}/enable", &[Post]),
    route("/plugins/{name}/disable", &[Post]),
    route("/plugins/{name}/push", &[Post]),
    route("/plugins/{name}/upgrade", &[Post]),
    route("/plugins/{name}/set", &[Post]),
    route("/plugins/{name}", &[Delete]),
    route("/swarm", &[Get]),
    route("/swarm/unlockkey", &[Get]),
    route("/swarm/init", &[Post]),
    route("/swarm/join", &[Post]),
    route("/swarm/leave", &[Post]),
    route("/swarm/update", &[Post]),
    route("/swarm/unlock", &[Post]),
    route("/services", &[Get]),
    route("/services/{id}", &[Get, Delete]),
    route("/services/{id}/logs", &[Get]),
    route("/services/create", &[Post]),
    route("/services/{id}/update", &[Post]),
    route("/nodes", &[Get]),
    route("/nodes/{id}", &[Get, Delete]),
    route("/nodes/{id}/update", &[Post]),
    route("/tasks", &[Get]),
    route("/tasks/{id}", &[Get]),
    route("/tasks/{id}/logs", &[Get]),
    route("/secrets", &[Get]).hazard(ShowsSecret),
    route("/secrets/{id}", &[Get, Delete]).hazard(ShowsSecret),
    route("/secrets/create", &[Post]),
    route("/secrets/{id}/update", &[Post]),
    route("/configs", &[Get]),
    route("/configs/{id}", &[Get, Delete]),
    route("/configs/create", &[Post]),
    route("/configs/{id}/update", &[Post]),
    route("/distribution/{name}/json", &[Get]),
    route("/debug/vars", &[Get]),
    route("/debug/pprof/", &[Get]),
    route("/debug/pprof/cmdline", &[Get]),
    route("/debug/pprof/profile", &[Get]),
    route("/debug/pprof/symbol", &[Get]),
    route("/debug/pprof/trace", &[Get]),
    route("/debug/pprof/{name}", &[Get]),
    route("/libpod/_ping", &[Get, Head]),
    route("/libpod/artifacts/add", &[Post]),
    route("/libpod/artifacts/json", &[Get]),
    route("/libpod/artifacts/local/add", &[Post]),
    route("/libpod/artifacts/pull", &[Post]),
    route("/libpod/artifacts/remove", &[Delete]),
    route("/libpod/artifacts/{name}", &[Delete]),
    route("/libpod/artifacts/{name}/extract", &[Get]),
    route("/libpod/artifacts/{name}/json", &[Get]),
    route("/libpod/artifacts/{name}/push", &[Post]),
    route("/libpod/autoupdate", &[Post]),
    route("/libpod/build", &[Post]),
    route("/libpod/commit", &[Post]),
    route("/libpod/containers/create", &[Post]),
    route("/libpod/containers/json", &[Get]),
    route("/libpod/containers/prune", &[Post]),
    route("/libpod/containers/showmounted", &[Get]),
    route("/libpod/containers/stats", &[Get]),
    route("/libpod/containers/{name}/healthcheck", &[Get]).acts(),
    route("/libpod/containers/{name}", &[Delete]),
    route("/libpod/containers/{name}/archive", &[Get, Head, Put]).needs("ALLOW_ARCHIVE"),
    route("/libpod/containers/{name}/attach", &[Post]).hijacked(Tcp),
    route("/libpod/containers/{name}/changes", &[Get]).needs("ALLOW_CHANGES"),
    route("/libpod/containers/{name}/checkpoint", &[Post]),
    route("/libpod/containers/{name}/exec", &[Post]),
    route("/libpod/containers/{name}/exists", &[Get]),
    route("/libpod/containers/{name}/export", &[Get]).needs("ALLOW_EXPORT"),
    route("/libpod/containers/{name}/init", &[Post]),
    route("/libpod/containers/{name}/json", &[Get]),
    route("/libpod/containers/{name}/kill", &[Post]).action("ALLOW_RESTARTS"),
    route("/libpod/containers/{name}/logs", &[Get]).needs("ALLOW_LOGS"),
    route("/libpod/containers/{name}/mount", &[Post]),
    route("/libpod/containers/{name}/pause", &[Post]).action("ALLOW_PAUSE"),
    route("/libpod/containers/{name}/rename", &[Post]),
    route("/libpod/containers/{name}/resize", &[Post]),
    route("/libpod/containers/{name}/restart", &[Post]).action("ALLOW_RESTARTS"),
    route("/libpod/containers/{name}/restore", &[Post]),
    route("/libpod/containers/{name}/start", &[Post]).action("ALLOW_START").bare(),
    route("/libpod/containers/{name}/stats", &[Get]),
    route("/libpod/containers/{name}/stop", &[Post]).action("ALLOW_STOP").action("ALLOW_RESTARTS"),
    route("/libpod/containers/{name}/top", &[Get]).needs("ALLOW_TOP"),
    route("/libpod/containers/{name}/unmount", &[Post]),
    route("/libpod/containers/{name}/unpause", &[Post]).action("ALLOW_UNPAUSE"),
    route("/libpod/containers/{name}/update", &[Post]),
    route("/libpod/containers/{name}/wait", &[Post]),
    route("/libpod/events", &[Get]),
    route("/libpod/exec/{id}/json", &[Get]),
    route("/libpod/exec/{id}/remove", &[Post]),
    route("/libpod/exec/{id}/resize", &[Post]),
    route("/libpod/exec/{id}/start", &[Post]).hijacked(Tcp),
    route("/libpod/generate/kube", &[Get]),
    route("/libpod/generate/{name}/systemd", &[Get]),
    route("/libpod/images/export", &[Get]),
    route("/libpod/images/import", &[Post]),
    route("/libpod/images/json", &[Get]),
    route("/libpod/images/load", &[Post]),
    route("/libpod/images/prune", &[Post]),
    route("/libpod/images/pull", &[Post]),
    route("/libpod/images/remove", &[Delete]),
    route("/libpod/images/scp/{name}", &[Post]).hazard(TakesArguments),
    route("/libpod/images/search", &[Get]),
    route("/libpod/images/{name}", &[Delete]),
    route("/libpod/images/{name}/exists", &[Get]),
    route("/libpod/images/{name}/get", &[Get]),
    route("/libpod/images/{name}/history", &[Get]),
    route("/libpod/images/{name}/json", &[Get]),
    route("/libpod/images/{name}/push", &[Post]),
    route("/libpod/images/{name}/resolve", &[Get]),
    route("/libpod/images/{name}/tag", &[Post]),
    route("/libpod/images/{name}/tree", &[Get]),
    route("/libpod/images/{name}/untag", &[Post]),
    route("/libpod/images/{name}/changes", &[Get]).needs("ALLOW_CHANGES").needs("LIBPOD_CONTAINERS"),
    route("/libpod/info", &[Get]),
    route("/libpod/kube/apply", &[Post]),
    route("/libpod/kube/generate", &[Get]),
    route("/libpod/kube/play", &[Post, Delete]),
    route("/libpod/local/build", &[Post]).of("LIBPOD_BUILD"),
    route("/libpod/local/images/load", &[Post]).of("LIBPOD_IMAGES"),
    route("/libpod/manifests/create", &[Post]),
    route("/libpod/manifests/{name}", &[Post, Put, Delete]),
    route("/libpod/manifests/{name}/add", &[Post]),
    route("/libpod/manifests/{name}/exists", &[Get]),
    route("/libpod/manifests/{name}/json", &[Get]),
    route("/libpod/manifests/{name}/registry/{destination}", &[Post]),
    route("/libpod/manifests/{name}/push", &[Post]),
    route("/libpod/networks/create", &[Post]),
    route("/libpod/networks/json", &[Get]),
    route("/libpod/networks/prune", &[Post]),
    route("/libpod/networks/{name}", &[Get, Delete]),
    route("/libpod/networks/{name}/connect", &[Post]),
    route("/libpod/networks/{name}/disconnect", &[Post]),
    route("/libpod/networks/{name}/exists", &[Get]),
    route("/libpod/networks/{name}/json", &[Get]),
    route("/libpod/networks/{name}/update", &[Post]),
    route("/libpod/play/kube", &[Post, Delete]),
    route("/libpod/pods/create", &[Post]),
    route("/libpod/pods/json", &[Get]),
    route("/libpod/pods/prune", &[Post]),
    route("/libpod/pods/stats", &[Get]),
    route("/libpod/pods/{name}", &[Delete]),
    route("/libpod/pods/{name}/exists", &[Get]),
    route("/libpod/pods/{name}/json", &[Get]),
    route("/libpod/pods/{name}/kill", &[Post]).action("ALLOW_RESTARTS"),
    route("/libpod/pods/{name}/pause", &[Post]).action("ALLOW_PAUSE"),
    route("/libpod/pods/{name}/restart", &[Post]).action("ALLOW_RESTARTS"),
    route("/libpod/pods/{name}/start", &[Post]).action("ALLOW_START").bare(),
    route("/libpod/pods/{name}/stop", &[Post]).action("ALLOW_STOP").action("ALLOW_RESTARTS"),
    route("/libpod/pods/{name}/top", &[Get]).needs("ALLOW_TOP"),
    route("/libpod/pods/{name}/unpause", &[Post]).action("ALLOW_UNPAUSE"),
    route("/libpod/quadlets", &[Post, Delete]),
    route("/libpod/quadlets/json", &[Get]),
    route("/libpod/quadlets/{name}", &[Delete]),
    route("/libpod/quadlets/{name}/exists", &[Get]),
    route("/libpod/quadlets/{name}/file", &[Get]),
    route("/libpod/secrets/create", &[Post]),
    route("/libpod/secrets/json", &[Get]).hazard(ShowsSecret),
    route("/libpod/secrets/{name}", &[Delete]),
    route("/libpod/secrets/{name}/exists", &[Get]),
    route("/libpod/secrets/{name}/json", &[Get]).hazard(ShowsSecret),
    route("/libpod/swagger", &[Get]),
    route("/libpod/system/check", &[Post]),
    route("/libpod/system/df", &[Get]),
    route("/libpod/system/prune", &[Post]),
    route("/libpod/version", &[Get]),
    route("/libpod/volumes/create", &[Post]),
    route("/libpod/volumes/json", &[Get]),
    route("/libpod/volumes/prune", &[Post]),
    route("/libpod/volumes/{name}", &[Delete]),
    route("/libpod/volumes/{name}/exists", &[Get]),
    route("/libpod/volumes/{name}/export", &[Get]),
    route("/libpod/volumes/{name}/import", &[Post]),
    route("/libpod/volumes/{name}/json", &[Get]),
    route("/libpod/volumes/{name}/rename", &[Post]),
];

impl Route {
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

impl Hazard {
    /// The sections that have a row with it, for constants.
    pub(super) const fn sections(self) -> Grants {
        let (mut sections, mut row) = (Grants::NONE, 0);
        while row < ROUTES.len() {
            if let (Some(hazard), Some((section, _))) = (ROUTES[row].hazard, ROUTES[row].split())
                && hazard as u8 == self as u8
            {
                sections = sections.union(section);
            }
            row += 1;
        }
        sections
    }
}

impl Route {
    /// The route that serves a path, given without its version: of several the one that names most of it.
    #[must_use]
    pub fn find(method: Method, path: &str) -> Option<&'static Self> {
        if path.len() > MAX_PATH_BYTES {
            return None;
        }
        let of_method = ROUTES.iter().filter(|route| route.methods.contains(&method));
        of_method
            .filter(|route| serves(route.path, path))
            .max_by_key(|route| route.path.matches("/").count() - route.path.matches("/{").count())
    }
}

/// Longer paths are not looked for: the search tries every way to cut names out of them.
const MAX_PATH_BYTES: usize = 512;

/// Whether a path is one of a pattern's: both are split into segments from the left, and a name takes one or more.
fn serves(pattern: &str, path: &str) -> bool {
    let (Some((segment, path_rest)), Some((expected, pattern_rest))) =
        (first_segment(path), first_segment(pattern))
    else {
        return path.is_empty() && pattern.is_empty();
    };
    if expected.starts_with('{') {
        // The name ends here, or takes the next segment too.
        !segment.is_empty() && (serves(pattern_rest, path_rest) || serves(pattern, path_rest))
    } else {
        segment == expected && serves(pattern_rest, path_rest)
    }
}

/// The first segment of a path, and the rest; both start with a slash or are empty.
fn first_segment(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/')?;
    Some(path.split_at(path.find('/').unwrap_or(path.len())))
}
