//! The one table of variables: what each is called, what it opens, and what that means.
//!
//! A variable's place in [`VARIABLES`] is its bit in [`Grants`]. Documents, `explain`, denials and tests read this table.

use super::Dialect;

/// One bit for each variable of [`VARIABLES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Grants(u64);

impl Grants {
    /// None.
    pub const NONE: Self = Self(0);

    /// The sections of containers and pods, which actions and gates are about.
    pub const CONTAINER_SECTIONS: Self =
        bit("CONTAINERS").and(bit("LIBPOD_CONTAINERS")).and(bit("LIBPOD_PODS"));

    /// The variable at this place of the table.
    #[must_use]
    pub const fn of(place: usize) -> Self {
        Self(1 << place)
    }

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without others.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those that are in both.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether these hold all of `other`.
    #[must_use]
    pub const fn hold(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// One by one, in the table's order.
    pub fn each(self) -> impl Iterator<Item = Self> {
        (0..VARIABLES.len()).map(Self::of).filter(move |&one| self.hold(one))
    }

    /// The variables, in the table's order.
    pub fn variables(self) -> impl Iterator<Item = &'static Variable> {
        VARIABLES
            .iter()
            .enumerate()
            .filter(move |(place, _)| self.hold(Self::of(*place)))
            .map(|(_, variable)| variable)
    }
}

impl Grants {
    /// All of them switched on, as a user writes it: `CONTAINERS=1`, with something between. POST stands last, as a section
    /// is what one thinks of first.
    #[must_use]
    pub fn settings(self, between: &str) -> String {
        let (post, others) = (self.common(const { bit("POST") }), self.without(const { bit("POST") }));
        let ordered = others.variables().chain(post.variables());
        ordered.map(|variable| format!("{}=1", variable.name)).collect::<Vec<_>>().join(between)
    }
}

/// A variable that grants something.
#[derive(Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name in the environment.
    pub name: &'static str,
    /// What it opens.
    pub kind: Kind,
    /// Whether it is on where it is not set.
    pub default: WhenUnset,
    /// What that means, in a few words.
    pub about: &'static str,
}

/// What a variable opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A first path segment of the Docker API, and what is below it.
    Section(&'static str),
    /// A path of the Docker API that has nothing below it.
    Exact(&'static str),
    /// A segment below `/libpod/`, and what is below it.
    Libpod(&'static str),
    /// A path below `/libpod/` that has nothing below it.
    LibpodExact(&'static str),
    /// Every method but GET and HEAD, in the sections that are open.
    Post,
    /// POST on just these last segments of a container or pod.
    Action(&'static [&'static str]),
    /// This last segment of a container or pod, in a section that is open.
    Gate(&'static str),
}

/// Whether a variable is on where it is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenUnset {
    /// Off.
    Off,
    /// On.
    On,
    /// On, but off in the linuxserver dialect.
    OnInTecnativa,
    /// Off, but on in the linuxserver dialect.
    OnInLinuxserver,
}

impl WhenUnset {
    /// What that comes to in a dialect.
    #[must_use]
    pub const fn is_on(self, dialect: Dialect) -> bool {
        match self {
            Self::Off => false,
            Self::On => true,
            Self::OnInTecnativa => matches!(dialect, Dialect::Tecnativa),
            Self::OnInLinuxserver => matches!(dialect, Dialect::Linuxserver),
        }
    }
}

const fn row(name: &'static str, kind: Kind, default: WhenUnset, about: &'static str) -> Variable {
    Variable { name, kind, default, about }
}

use WhenUnset::{Off, On, OnInLinuxserver, OnInTecnativa};

/// Every variable that grants something.
pub static VARIABLES: [Variable; TABLE.len()] = TABLE;

const TABLE: [Variable; 54] = [
    row("POST", Kind::Post, Off, "methods other than GET and HEAD, in the sections that are open"),
    row("AUTH", Kind::Exact("auth"), Off, "have the daemon try credentials against a registry"),
    row("BUILD", Kind::Section("build"), Off, "build images with the classic builder, prune its cache"),
    row("COMMIT", Kind::Exact("commit"), Off, "make an image of a container"),
    row("CONFIGS", Kind::Section("configs"), Off, "Swarm configs, which are returned in clear"),
    row(
        "CONTAINERS",
        Kind::Section("containers"),
        Off,
        "list and inspect containers, read logs and files; with POST create and change them",
    ),
    row("DISTRIBUTION", Kind::Section("distribution"), Off, "ask a registry about an image"),
    row("EVENTS", Kind::Exact("events"), On, "the stream of events"),
    row("EXEC", Kind::Section("exec"), Off, "start and inspect commands that were created under CONTAINERS"),
    row("GRPC", Kind::Exact("grpc"), Off, "BuildKit's control interface, which buildx uses"),
    row(
        "IMAGES",
        Kind::Section("images"),
        Off,
        "list, inspect, save and search images; with POST pull, push, load and delete",
    ),
    row("INFO", Kind::Exact("info"), Off, "facts about the host and the daemon"),
    row("NETWORKS", Kind::Section("networks"), Off, "networks; with POST create, connect and delete them"),
    row("NODES", Kind::Section("nodes"), Off, "Swarm nodes"),
    row(
        "PING",
        Kind::Exact("_ping"),
        On,
        "whether the daemon is there, and its API version: every client asks",
    ),
    row("PLUGINS", Kind::Section("plugins"), Off, "plugins, which run as root on the host"),
    row("SECRETS", Kind::Section("secrets"), Off, "Swarm secrets; with POST podman shows them in clear"),
    row("SERVICES", Kind::Section("services"), Off, "Swarm services and their logs"),
    row("SESSION", Kind::Exact("session"), Off, "BuildKit's sessions: files and secrets of the client"),
    row("SWARM", Kind::Section("swarm"), Off, "the cluster, its join tokens and its unlock key"),
    row("SYSTEM", Kind::Section("system"), Off, "disk usage, which is expensive to ask for"),
    row("TASKS", Kind::Section("tasks"), Off, "Swarm tasks and their logs"),
    row("VERSION", Kind::Exact("version"), On, "the daemon's version"),
    row("VOLUMES", Kind::Section("volumes"), Off, "volumes; with POST create and delete them"),
    row(
        "LIBPOD_ARTIFACTS",
        Kind::Libpod("artifacts"),
        Off,
        "podman: artifacts; with POST reads files of the host",
    ),
    row("LIBPOD_BUILD", Kind::LibpodExact("build"), Off, "podman: build images"),
    row("LIBPOD_COMMIT", Kind::LibpodExact("commit"), Off, "podman: make an image of a container"),
    row("LIBPOD_CONTAINERS", Kind::Libpod("containers"), Off, "podman: containers"),
    row("LIBPOD_EVENTS", Kind::LibpodExact("events"), Off, "podman: the stream of events"),
    row("LIBPOD_EXEC", Kind::Libpod("exec"), Off, "podman: commands inside containers"),
    row(
        "LIBPOD_GENERATE",
        Kind::Libpod("generate"),
        Off,
        "podman: Kubernetes YAML and systemd units of containers",
    ),
    row("LIBPOD_IMAGES", Kind::Libpod("images"), Off, "podman: images"),
    row("LIBPOD_INFO", Kind::LibpodExact("info"), Off, "podman: facts about the host"),
    row(
        "LIBPOD_KUBE",
        Kind::Libpod("kube"),
        Off,
        "podman: Kubernetes YAML of containers; with POST pods of such YAML",
    ),
    row("LIBPOD_MANIFESTS", Kind::Libpod("manifests"), Off, "podman: manifest lists"),
    row("LIBPOD_NETWORKS", Kind::Libpod("networks"), Off, "podman: networks"),
    row("LIBPOD_PING", Kind::LibpodExact("_ping"), OnInLinuxserver, "podman: whether the service is there"),
    row("LIBPOD_PLAY", Kind::Libpod("play"), Off, "podman: pods of Kubernetes YAML"),
    row("LIBPOD_PODS", Kind::Libpod("pods"), Off, "podman: pods"),
    row(
        "LIBPOD_QUADLETS",
        Kind::Libpod("quadlets"),
        Off,
        "podman: quadlets, which become systemd units of the host",
    ),
    row("LIBPOD_SECRETS", Kind::Libpod("secrets"), Off, "podman: secrets"),
    row("LIBPOD_SYSTEM", Kind::Libpod("system"), Off, "podman: disk usage; with POST prune"),
    row("LIBPOD_VERSION", Kind::LibpodExact("version"), OnInLinuxserver, "podman: its version"),
    row("LIBPOD_VOLUMES", Kind::Libpod("volumes"), Off, "podman: volumes"),
    row("ALLOW_START", Kind::Action(&["start"]), Off, "start containers and pods, without POST"),
    row("ALLOW_STOP", Kind::Action(&["stop"]), Off, "stop containers and pods, without POST"),
    row(
        "ALLOW_RESTARTS",
        Kind::Action(&["stop", "restart", "kill"]),
        Off,
        "stop, restart and kill containers and pods, without POST",
    ),
    row("ALLOW_PAUSE", Kind::Action(&["pause"]), Off, "pause containers and pods, without POST"),
    row("ALLOW_UNPAUSE", Kind::Action(&["unpause"]), Off, "unpause containers and pods, without POST"),
    row(
        "ALLOW_ARCHIVE",
        Kind::Gate("archive"),
        OnInTecnativa,
        "0 closes reading and writing files of containers",
    ),
    row("ALLOW_CHANGES", Kind::Gate("changes"), OnInTecnativa, "0 closes the list of changed files"),
    row(
        "ALLOW_EXPORT",
        Kind::Gate("export"),
        OnInTecnativa,
        "0 closes reading a container's whole file system",
    ),
    row("ALLOW_LOGS", Kind::Gate("logs"), OnInTecnativa, "0 closes logs of containers"),
    row("ALLOW_TOP", Kind::Gate("top"), OnInTecnativa, "0 closes the list of processes of containers"),
];

/// The bit of the variable of this name, for constants.
///
/// # Panics
/// Where there is none, which stops the build.
#[expect(clippy::panic, reason = "evaluated while compiling")]
pub(super) const fn bit(name: &str) -> Grants {
    let mut place = 0;
    while place < TABLE.len() {
        if equal(TABLE[place].name.as_bytes(), name.as_bytes()) {
            return Grants::of(place);
        }
        place += 1;
    }
    panic!("no such variable")
}

const fn equal(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// The section that a first segment of the Docker API belongs to.
pub(super) fn docker_section(segment: &[u8]) -> Option<Section> {
    find(&DOCKER, segment)
}

/// The section that a segment below `/libpod/` belongs to.
pub(super) fn libpod_section(segment: &[u8]) -> Option<Section> {
    find(&LIBPOD, segment)
}

/// A section as found by its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    pub grant: Grants,
    /// Whether nothing is below it.
    pub exact: bool,
}

/// Places of [`TABLE`] by [`slot`]; [`NOWHERE`] where there is none.
type Index = [u8; SLOTS];

const SLOTS: usize = 64;
const NOWHERE: u8 = u8::MAX;

static DOCKER: Index = index(false);
static LIBPOD: Index = index(true);

/// Spreads the names of either API over the slots without a collision, which [`index`] checks while compiling.
const fn slot(segment: &[u8]) -> usize {
    let (first, middle) = (segment[0] as usize, segment[segment.len() / 2] as usize);
    (first + middle * 8 + segment.len() * 4) % SLOTS
}

#[expect(clippy::panic, reason = "evaluated while compiling")]
const fn index(libpod: bool) -> Index {
    let mut index = [NOWHERE; SLOTS];
    let mut place = 0;
    while place < TABLE.len() {
        let segment = match TABLE[place].kind {
            Kind::Section(segment) | Kind::Exact(segment) if !libpod => segment,
            Kind::Libpod(segment) | Kind::LibpodExact(segment) if libpod => segment,
            _ => "",
        };
        if !segment.is_empty() {
            let slot = slot(segment.as_bytes());
            if index[slot] != NOWHERE {
                panic!("two sections share a slot: choose other factors");
            }
            index[slot] = place as u8;
        }
        place += 1;
    }
    index
}

fn find(index: &Index, segment: &[u8]) -> Option<Section> {
    if segment.is_empty() {
        return None;
    }
    let place = usize::from(index[slot(segment)]);
    let (name, exact) = match VARIABLES.get(place)?.kind {
        Kind::Section(name) | Kind::Libpod(name) => (name, false),
        Kind::Exact(name) | Kind::LibpodExact(name) => (name, true),
        Kind::Post | Kind::Action(_) | Kind::Gate(_) => return None,
    };
    (name.as_bytes() == segment).then_some(Section { grant: Grants::of(place), exact })
}
