//! What a user may not expect of a variable, in sentences for those who do not know the API.

use super::{
    BUILDKIT, CALLS, COMMITS, DOWNLOADS, ENVIRONMENTS, FILES, MANIFESTS, NODES, PODMAN_USER, SESSIONS,
    VOLUMES,
};
use crate::guard::Guard;
use crate::policy::text::listed;
use crate::policy::{Dialect, Grants, Kind, Need, Route, Variable, Verdict, guarded};

const POST: Grants = Grants::POST;
const DELETE: Grants = Grants::named("DELETE");
const PUT: Grants = Grants::named("PUT");
const CONTAINERS: Grants = Grants::named("CONTAINERS");
const LIBPOD_CONTAINERS: Grants = Grants::named("LIBPOD_CONTAINERS");

const SHOWS_ENVIRONMENT: &str = "shows every container's environment variables, where passwords often are";

/// A sentence for what is on.
struct Danger {
    /// All of these are on.
    when: Grants,
    /// And this gate, which goes without saying.
    gate: Grants,
    /// And none of these, as another sentence says more.
    unless: Grants,
    says: &'static str,
    /// What is left of it with GUARD.
    guarded: Option<&'static str>,
}

const fn reads(variable: &str, says: &'static str) -> Danger {
    Danger {
        when: Grants::named(variable),
        gate: Grants::NONE,
        unless: Grants::NONE,
        says,
        guarded: Some(says),
    }
}

/// GUARD judges it or closes it, unless said otherwise.
const fn writes(variable: &str, says: &'static str) -> Danger {
    let when = Grants::named(variable).union(POST);
    Danger { when, gate: Grants::NONE, unless: Grants::NONE, says, guarded: None }
}

/// By DELETE without POST.
const fn deletes(variable: &str, says: &'static str) -> Danger {
    let when = Grants::named(variable).union(DELETE);
    Danger { when, gate: Grants::NONE, unless: POST, says, guarded: None }
}

/// By PUT without POST.
const fn puts(variable: &str, says: &'static str) -> Danger {
    let when = Grants::named(variable).union(PUT);
    Danger { when, gate: Grants::NONE, unless: POST, says, guarded: None }
}

impl Danger {
    const fn unless(self, variable: &str) -> Self {
        Self { unless: Grants::named(variable), ..self }
    }

    const fn gate(self, variable: &str) -> Self {
        Self { gate: Grants::named(variable), ..self }
    }

    const fn guarded(self, says: &'static str) -> Self {
        Self { guarded: Some(says), ..self }
    }
}

const DANGERS: &[Danger] = &[
    writes(
        "AUTH",
        "has the daemon send credentials to any server that a client names: it can try passwords, and reach servers that \
         only this host reaches",
    )
    .guarded("has the daemon send credentials to any server that a client names"),
    writes(
        "BUILD",
        "runs any command while an image is built, in the host's network if the client asks for it; podman also gives a \
         build any folder of the host, with all rights of the user that podman runs as",
    )
    .guarded(
        "runs any command while an image is built; with podman it is root on this host, whatever GUARD says, as a Dockerfile can name a \
         store of images and the program that opens it",
    ),
    writes("COMMIT", COMMITS),
    reads("CONFIGS", "shows the contents of every Swarm config, where passwords often are"),
    writes(
        "CONTAINERS",
        "is root on this host: a client can start a privileged container, or one that mounts any folder of the host",
    )
    .guarded("creates containers that GUARD judges, and changes those that this proxy made and those that are listed"),
    reads("DISTRIBUTION", CALLS),
    writes(
        "EXEC",
        "starts the commands that were prepared inside containers; with CONTAINERS=1 and ALLOW_EXEC=1 as well, any command in \
         any container, this proxy's own too, where a client can start this program again with everything allowed",
    ),
    writes("GRPC", BUILDKIT),
    reads("IMAGES", DOWNLOADS).unless("POST"),
    writes(
        "IMAGES",
        "downloads and deletes images, and replaces any by another of the same name, which runs at the next start; podman \
         also writes images to any path of the host, and reads archives there, as the user that it runs as",
    )
    .guarded("downloads images, and pulls others, which run at the next start of their names"),
    reads("IMAGES", CALLS),
    writes("NETWORKS", "connects any container to any network, past the walls between them"),
    writes("NODES", NODES),
    reads("PLUGINS", CALLS).unless("POST"),
    writes("PLUGINS", "is root on this host: a client can install plugins, which run as root"),
    writes("SECRETS", "creates and deletes Swarm secrets; podman also shows them in clear")
    .guarded("lets podman show secrets in clear"),
    reads("SERVICES", "shows the environment variables of every Swarm service, where passwords often are").unless("POST"),
    writes(
        "SERVICES",
        "is root on every node of the Swarm cluster: a client can start a service that mounts any folder of its host",
    )
    .guarded("shows the environment variables of every Swarm service, where passwords often are"),
    writes("SESSION", SESSIONS),
    reads(
        "SWARM",
        "shows the tokens to join the Swarm cluster and the key to its data: whoever has them can add a manager of their own",
    )
    .unless("POST"),
    writes(
        "SWARM",
        "shows the tokens of the Swarm cluster, and can have this host join another cluster, whose managers are root on it",
    )
    .guarded("shows the tokens to join the Swarm cluster and the key to its data"),
    reads("TASKS", "shows the environment variables of every Swarm task, where passwords often are"),
    writes(
        "VOLUMES",
        "deletes volumes with their data, and makes a volume of any folder of this host; podman also opens any store of images that a \
         body names, as the user that it runs as",
    ),
    reads("LIBPOD_ARTIFACTS", "downloads any artifact of this host").unless("POST"),
    writes(
        "LIBPOD_ARTIFACTS",
        "reads any file of this host, as the user that podman runs as, often root, and replaces and deletes artifacts",
    ),
    writes("LIBPOD_ARTIFACTS", CALLS),
    writes(
        "LIBPOD_BUILD",
        "gives all rights of the user that podman runs as, often root: a client runs any command in a build, and can give \
         it any folder of the host",
    ),
    writes("LIBPOD_COMMIT", COMMITS),
    writes("LIBPOD_CONTAINERS", PODMAN_USER),
    writes(
        "LIBPOD_EXEC",
        "starts the commands that were prepared inside containers; with LIBPOD_CONTAINERS=1 and ALLOW_EXEC=1 as well, any \
         command in any container, this proxy's own too, where a client can start this program again with everything allowed",
    ),
    reads("LIBPOD_GENERATE", ENVIRONMENTS),
    reads("LIBPOD_IMAGES", DOWNLOADS).unless("POST"),
    writes(
        "LIBPOD_IMAGES",
        "downloads and deletes images, replaces any by another of the same name, which runs at the next start, and reads \
         images and archives at any path of this host, and copies images by ssh to any server with the keys of the user that \
         podman runs as",
    )
    .guarded("downloads images"),
    reads("LIBPOD_IMAGES", CALLS),
    reads("LIBPOD_KUBE", ENVIRONMENTS),
    writes("LIBPOD_KUBE", PODMAN_USER),
    writes(
        "LIBPOD_KUBE",
        "has the daemon call the cluster of any kubeconfig file of this host, with the keys in it, and create what a client \
         names there",
    ),
    writes(
        "LIBPOD_MANIFESTS",
        MANIFESTS,
    ),
    reads("LIBPOD_MANIFESTS", CALLS).unless("POST"),
    writes("LIBPOD_NETWORKS", "connects any container to any network, past the walls between them"),
    writes("LIBPOD_PLAY", PODMAN_USER),
    writes("LIBPOD_PODS", PODMAN_USER),
    reads("LIBPOD_QUADLETS", "shows every quadlet of podman's user, where passwords often are"),
    writes(
        "LIBPOD_QUADLETS",
        "runs any command on this host, as the user that podman runs as, often root: a client can install systemd units",
    ),
    writes(
        "LIBPOD_SECRETS",
        "runs any command on this host, as the user that podman runs as, often root, and shows every secret in clear",
    )
    .guarded("shows every secret in clear"),
    writes("LIBPOD_SYSTEM", "deletes every container, image and volume that is not in use"),
    reads("LIBPOD_VOLUMES", "reads every file of every volume").unless("POST"),
    writes(
        "LIBPOD_VOLUMES",
        "makes a volume of any folder of this host, and reads, overwrites and deletes the files of every volume, and opens any store \
         of images that a body names",
    )
    .guarded("reads every file of every volume"),
    deletes("CONTAINERS", "removes any container, with its anonymous volumes if the client asks for it"),
    puts("CONTAINERS", FILES).gate("ALLOW_ARCHIVE"),
    deletes("IMAGES", "deletes images"),
    deletes("NETWORKS", "deletes networks that no container is in"),
    deletes("NODES", "removes nodes from the Swarm cluster"),
    deletes("PLUGINS", "removes plugins"),
    deletes("SECRETS", "deletes Swarm secrets"),
    deletes("CONFIGS", "deletes Swarm configs"),
    deletes("SERVICES", "deletes Swarm services"),
    deletes("VOLUMES", VOLUMES),
    deletes("LIBPOD_ARTIFACTS", "deletes artifacts"),
    deletes("LIBPOD_CONTAINERS", "removes any container, with its anonymous volumes if the client asks for it"),
    puts("LIBPOD_CONTAINERS", FILES).gate("ALLOW_ARCHIVE"),
    deletes("LIBPOD_IMAGES", "deletes images"),
    deletes("LIBPOD_KUBE", "removes the pods of YAML that a client sends"),
    deletes("LIBPOD_MANIFESTS", "deletes manifest lists"),
    puts("LIBPOD_MANIFESTS", MANIFESTS),
    deletes("LIBPOD_NETWORKS", "deletes networks, with the containers in them if the client asks for it"),
    deletes("LIBPOD_PLAY", "removes the pods of YAML that a client sends"),
    deletes("LIBPOD_PODS", "removes any pod with its containers"),
    deletes("LIBPOD_QUADLETS", "deletes quadlets"),
    deletes("LIBPOD_SECRETS", "deletes secrets"),
    deletes("LIBPOD_VOLUMES", VOLUMES),
];

/// What is dangerous in these variables, and which of them open nothing: one sentence each.
pub(super) fn warnings(
    grants: Grants,
    dialect: Dialect,
    guard: Option<&Guard>,
) -> impl Iterator<Item = String> {
    let has_guard = guard.is_some();
    let dangers = DANGERS
        .iter()
        .filter(move |danger| {
            grants.contains(danger.when.union(danger.gate)) && !grants.intersects(danger.unless)
        })
        .filter_map(move |danger| {
            let says = if has_guard { danger.guarded? } else { danger.says };
            Some(format!("{} {says}", danger.when.settings(" with ")))
        });
    dangers.chain(reads_of_containers(grants)).chain(without_effect(grants, dialect, guard))
}

/// Containers can be read without POST: what that shows depends on the gates.
fn reads_of_containers(grants: Grants) -> impl Iterator<Item = String> {
    const INSPECT: Grants = Grants::named("ALLOW_INSPECT");
    const FILES: Grants = Grants::named("ALLOW_ARCHIVE").union(Grants::named("ALLOW_EXPORT"));
    let shown = match (grants.intersects(INSPECT), grants.intersects(FILES)) {
        (true, false) => Some(SHOWS_ENVIRONMENT.to_owned()),
        (true, true) => Some(format!("{SHOWS_ENVIRONMENT}, and reads all its files")),
        (false, true) => Some(String::from("reads all files of every container")),
        (false, false) => None,
    };
    let gates = INSPECT.union(FILES).intersection(grants);
    let names: Vec<_> = gates.variables().map(|variable| format!("{}=0", variable.name)).collect();
    let close = if names.len() == 1 { "closes" } else { "close" };
    let close = format!("{} {close} that", listed(&names));
    let sections = [CONTAINERS, LIBPOD_CONTAINERS].into_iter();
    let open = sections.filter(move |&section| grants.contains(section) && !grants.contains(POST));
    open.filter_map(move |section| Some(format!("{} {}; {close}", section.settings(""), shown.as_ref()?)))
}

fn is_section(variable: &Variable) -> bool {
    matches!(variable.kind, Kind::Section(_))
}

/// What was switched on and yet opens no known route, because something else is off.
fn without_effect(grants: Grants, dialect: Dialect, guard: Option<&Guard>) -> impl Iterator<Item = String> {
    grants.iter().filter_map(move |one| {
        let post = grants.contains(POST) && one != POST;
        let variable = one.variables().next().filter(|variable| !variable.default.is_on(dialect, post))?;
        let is_allowed = |need: &Need| matches!(need.judge(grants), Verdict::Allow(_));
        let rows = || Need::of_routes().filter(|(.., need)| need.names(one));
        let mut allowed = rows().filter(|(.., need)| is_allowed(need)).peekable();
        if allowed.peek().is_some() {
            let is_closed = |(route, method, _): (&Route, _, _)| {
                guard.is_some_and(|guard| guarded::closes(guard, method, route.path.as_bytes()))
            };
            let says = format!("{}=1 opens nothing, as GUARD closes it", variable.name);
            return allowed.all(is_closed).then_some(says);
        }
        let of_it: Vec<_> = rows().map(|(.., need)| need).collect();
        let least = of_it.iter().map(|need| need.missing(grants)).min_by_key(|missing| missing.len());
        Some(match (least, variable.kind) {
            (None, _) => format!("{}=1 opens no route that is known", variable.name),
            // Any would do, and the first of the table is not what one thinks of first.
            (Some(least), Kind::Method) if least.variables().any(is_section) => {
                format!("{}=1 opens nothing without a section, such as CONTAINERS=1", variable.name)
            }
            (Some(least), _) => {
                format!("{}=1 opens nothing without {}", variable.name, least.settings(" and "))
            }
        })
    })
}
