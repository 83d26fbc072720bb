//! What a user may not expect of a grant, in sentences for those who do not know the API.

use super::grants::Grants;
use super::variables::Kind;
use super::{Dialect, Need, ROUTES, Verdict};

/// What is said of it at start, every hour, and by `explain`.
pub const LEARN_WARNING: &str = "LEARN=1: EVERYTHING IS ALLOWED, which is root on this host for whoever reaches this port; take \
                           LEARN away once you have the variables, which SIGUSR1 and the exit print";

const POST: Grants = Grants::named("POST");
const CONTAINERS: Grants = Grants::named("CONTAINERS");
const LIBPOD_CONTAINERS: Grants = Grants::named("LIBPOD_CONTAINERS");

/// A sentence for what is on.
struct Danger {
    /// All of these are on.
    when: Grants,
    /// And none of these, as another sentence says more.
    unless: Grants,
    says: &'static str,
}

const fn reads(variable: &str, says: &'static str) -> Danger {
    Danger { when: Grants::named(variable), unless: Grants::NONE, says }
}

const fn writes(variable: &str, says: &'static str) -> Danger {
    Danger { when: Grants::named(variable).union(POST), unless: Grants::NONE, says }
}

impl Danger {
    const fn unless(self, variable: &str) -> Self {
        Self { unless: Grants::named(variable), ..self }
    }
}

const PODMAN_USER: &str = "gives all rights of the user that podman runs as, often root: a client can start a \
                           container that mounts any folder of the host";

const ENVIRONMENTS: &str = "shows the environment variables of every container, where passwords often are";

const COMMITS: &str = "makes an image of any container, also under a name that others start containers from";

const CALLS: &str =
    "has the daemon call any server that a client names, also one that only this host reaches";

const DANGERS: &[Danger] = &[
    writes(
        "AUTH",
        "has the daemon send credentials to any server that a client names: it can try passwords, and reach servers that \
         only this host reaches",
    ),
    writes(
        "BUILD",
        "runs any command while an image is built, in the host's network if the client asks for it; podman also gives a \
         build any folder of the host, with all rights of the user that podman runs as",
    ),
    writes("COMMIT", COMMITS),
    reads("CONFIGS", "shows the contents of every Swarm config, where passwords often are"),
    writes(
        "CONTAINERS",
        "is root on this host: a client can start a privileged container, or one that mounts any folder of the host",
    ),
    reads("DISTRIBUTION", CALLS),
    writes(
        "EXEC",
        "starts the commands that were prepared inside containers; with CONTAINERS=1 as well, any command in any container, \
         this proxy's own too, where a client can start this program again with everything allowed",
    ),
    writes("GRPC", "is all of BuildKit: a client runs any command while an image is built, and reads the build cache"),
    reads("IMAGES", "downloads any image of this host, with whatever was built into it").unless("POST"),
    writes(
        "IMAGES",
        "downloads and deletes images, and replaces any by another of the same name, which runs at the next start; podman \
         also writes images to any path of the host, and reads archives there, as the user that it runs as",
    ),
    reads("IMAGES", CALLS),
    writes("NETWORKS", "connects any container to any network, past the walls between them"),
    writes("NODES", "makes any node a manager of the Swarm cluster, or removes it"),
    reads("PLUGINS", CALLS).unless("POST"),
    writes("PLUGINS", "is root on this host: a client can install plugins, which run as root"),
    writes("SECRETS", "creates and deletes Swarm secrets; podman also shows them in clear"),
    reads("SERVICES", "shows the environment variables of every Swarm service, where passwords often are").unless("POST"),
    writes(
        "SERVICES",
        "is root on every node of the Swarm cluster: a client can start a service that mounts any folder of its host",
    ),
    writes("SESSION", "lets a client hand files and credentials to image builds, also to those of others"),
    reads(
        "SWARM",
        "shows the tokens to join the Swarm cluster and the key to its data: whoever has them can add a manager of their own",
    )
    .unless("POST"),
    writes(
        "SWARM",
        "shows the tokens of the Swarm cluster, and can have this host join another cluster, whose managers are root on it",
    ),
    reads("TASKS", "shows the environment variables of every Swarm task, where passwords often are"),
    writes("VOLUMES", "deletes volumes with their data, and makes a volume of any folder of this host"),
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
        "starts the commands that were prepared inside containers; with LIBPOD_CONTAINERS=1 as well, any command in any \
         container, this proxy's own too, where a client can start this program again with everything allowed",
    ),
    reads("LIBPOD_GENERATE", ENVIRONMENTS),
    reads("LIBPOD_IMAGES", "downloads any image of this host, with whatever was built into it").unless("POST"),
    writes(
        "LIBPOD_IMAGES",
        "downloads and deletes images, replaces any by another of the same name, which runs at the next start, and reads \
         images and archives at any path of this host, and copies images by ssh to any server with the keys of the user that \
         podman runs as",
    ),
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
        "gives all rights of the user that podman runs as, often root: podman opens any store of images that a body names, and \
         runs the program that it names for it; it replaces manifest lists, and pushes images to any registry",
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
    ),
    writes("LIBPOD_SYSTEM", "deletes every container, image and volume that is not in use"),
    reads("LIBPOD_VOLUMES", "reads every file of every volume").unless("POST"),
    writes(
        "LIBPOD_VOLUMES",
        "makes a volume of any folder of this host, and reads, overwrites and deletes the files of every volume",
    ),
];

/// What is dangerous in these grants, and what of them opens nothing: one sentence each.
#[must_use]
pub fn warnings(grants: Grants, dialect: Dialect) -> Vec<String> {
    let dangers =
        DANGERS.iter().filter(|danger| grants.contains(danger.when) && !grants.intersects(danger.unless));
    let dangers = dangers.map(|danger| format!("{} {}", danger.when.settings(" with "), danger.says));
    dangers.chain(reads_of_containers(grants)).chain(without_effect(grants, dialect)).collect()
}

/// Containers can be read without POST: what that shows depends on the gates.
fn reads_of_containers(grants: Grants) -> impl Iterator<Item = String> {
    let sections = [CONTAINERS, LIBPOD_CONTAINERS].into_iter();
    sections.filter(move |&section| grants.contains(section) && !grants.contains(POST)).map(move |section| {
        let files = grants
            .intersection(const { Grants::named("ALLOW_ARCHIVE").union(Grants::named("ALLOW_EXPORT")) });
        let names: Vec<_> = files.variables().map(|variable| format!("{}=0", variable.name)).collect();
        let files = match &names[..] {
            [] => String::new(),
            [one] => format!(", and reads all its files; {one} closes that"),
            several => format!(", and reads all its files; {} close that", several.join(" and ")),
        };
        let section = section.settings("");
        format!("{section} shows every container's environment variables, where passwords often are{files}")
    })
}

/// What was switched on and yet opens no known route, because something else is off.
fn without_effect(grants: Grants, dialect: Dialect) -> impl Iterator<Item = String> {
    grants.iter().filter_map(move |one| {
        let variable = one.variables().next().filter(|variable| !variable.default.is_on(dialect))?;
        let mut needs = ROUTES.iter().flat_map(|route| {
            route.methods.iter().map(|&method| Need::of(method, route.path.as_bytes(), None))
        });
        if needs.any(|need| {
            (need.all.contains(one) || need.any.contains(one))
                && matches!(need.judge(grants), Verdict::Allow(_))
        }) {
            return None;
        }
        let lacks = match variable.kind {
            Kind::Post => "a section, such as CONTAINERS=1",
            Kind::Gate => "CONTAINERS=1",
            // Actions need nothing else, and a section that opens nothing has no route that reads.
            Kind::Action | Kind::Section(_) => "POST=1",
        };
        Some(format!("{}=1 opens nothing without {lacks}", variable.name))
    })
}
