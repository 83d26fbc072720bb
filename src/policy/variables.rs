//! The one table of variables: what each is called, what kind it is, and what it means.
//!
//! A variable's place in [`VARIABLES`] is its bit in [`Grants`]. What an action opens and a gate closes stands with
//! the routes. Documents, `explain`, denials and tests read this table.

use super::{Dialect, Grants};

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

/// What kind of thing a variable opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A section of the API.
    Section(Section),
    /// A method, in the sections that are open; POST also what follows it, and GETs that act.
    Method,
    /// POST on the routes that name it, without the section and POST.
    Action,
    /// What the routes that name it do or show; 0 closes it, whatever else is on.
    Gate,
}

/// A section: a segment of a path, and what is below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// Whether it stands below `/libpod/`, podman's own API, or is the first segment of Docker's.
    pub libpod: bool,
    /// The segment.
    pub segment: &'static str,
    /// Whether nothing is below it.
    pub exact: bool,
}

/// Whether a variable is on where it is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenUnset {
    /// Off.
    Off,
    /// On.
    On,
    /// On, but off in these dialects.
    OnBut(&'static [Dialect]),
    /// Off, but on in these dialects.
    OffBut(&'static [Dialect]),
    /// As POST is, but off in these dialects.
    AsPostBut(&'static [Dialect]),
}

impl WhenUnset {
    /// What that comes to in a dialect, where POST is on or not.
    #[must_use]
    pub fn is_on(self, dialect: Dialect, post: bool) -> bool {
        match self {
            Self::Off => false,
            Self::On => true,
            Self::OnBut(those) => !those.contains(&dialect),
            Self::OffBut(those) => those.contains(&dialect),
            Self::AsPostBut(those) => post && !those.contains(&dialect),
        }
    }
}

const fn row(name: &'static str, kind: Kind, default: WhenUnset, about: &'static str) -> Variable {
    Variable { name, kind, default, about }
}

const fn section(segment: &'static str) -> Kind {
    Kind::Section(Section { libpod: false, segment, exact: false })
}

const fn exact(segment: &'static str) -> Kind {
    Kind::Section(Section { libpod: false, segment, exact: true })
}

const fn libpod(segment: &'static str) -> Kind {
    Kind::Section(Section { libpod: true, segment, exact: false })
}

const fn libpod_exact(segment: &'static str) -> Kind {
    Kind::Section(Section { libpod: true, segment, exact: true })
}

use Dialect::{Linuxserver, TecnativaNext};
use WhenUnset::{AsPostBut, Off, OffBut, On, OnBut};

/// Methods that follow POST. Where the next Tecnativa is meant, nothing does.
const AS_POST: WhenUnset = AsPostBut(&[TecnativaNext]);
/// What is closed unless opened in the images that have such a variable: in these.
const CLOSED_IN_BOTH: WhenUnset = OnBut(&[Linuxserver, TecnativaNext]);
const CLOSED_IN_LINUXSERVER: WhenUnset = OnBut(&[Linuxserver]);
const CLOSED_IN_NEXT: WhenUnset = OnBut(&[TecnativaNext]);
const OPEN_IN_LINUXSERVER: WhenUnset = OffBut(&[Linuxserver]);

/// Every variable that grants something.
pub static VARIABLES: &[Variable] = &[
    row("POST", Kind::Method, Off, "methods other than GET and HEAD, in the sections that are open"),
    row("DELETE", Kind::Method, AS_POST, "the method DELETE alone; 0 closes it though POST is 1"),
    row(
        "PUT",
        Kind::Method,
        AS_POST,
        "the method PUT alone, which writes files of containers; 0 closes it though POST is 1",
    ),
    row(
        "PATCH",
        Kind::Method,
        AS_POST,
        "the method PATCH alone, which no known route has; 0 closes it though POST is 1",
    ),
    row("AUTH", exact("auth"), Off, "have the daemon try credentials against a registry"),
    row("BUILD", section("build"), Off, "build images with the classic builder, prune its cache"),
    row("COMMIT", exact("commit"), Off, "make an image of a container"),
    row("CONFIGS", section("configs"), Off, "Swarm configs, which are returned in clear"),
    row(
        "CONTAINERS",
        section("containers"),
        Off,
        "list and inspect containers, read logs and files; with POST create and change them",
    ),
    row("DISTRIBUTION", section("distribution"), Off, "ask a registry about an image"),
    row("EVENTS", exact("events"), On, "the stream of events"),
    row("EXEC", section("exec"), Off, "start and inspect commands that were created under CONTAINERS"),
    row("GRPC", exact("grpc"), Off, "BuildKit's control interface, which buildx uses"),
    row(
        "IMAGES",
        section("images"),
        Off,
        "list, inspect, save and search images; with POST pull, push, load and delete",
    ),
    row("INFO", exact("info"), Off, "facts about the host and the daemon"),
    row("NETWORKS", section("networks"), Off, "networks; with POST create, connect and delete them"),
    row("NODES", section("nodes"), Off, "Swarm nodes"),
    row("PING", exact("_ping"), On, "whether the daemon is there, and its API version: every client asks"),
    row("PLUGINS", section("plugins"), Off, "plugins, which run as root on the host"),
    row("SECRETS", section("secrets"), Off, "Swarm secrets; with POST podman shows them in clear"),
    row("SERVICES", section("services"), Off, "Swarm services and their logs"),
    row("SESSION", exact("session"), Off, "BuildKit's sessions: files and secrets of the client"),
    row("SWARM", section("swarm"), Off, "the cluster, its join tokens and its unlock key"),
    row("SYSTEM", section("system"), Off, "disk usage, which is expensive to ask for"),
    row("TASKS", section("tasks"), Off, "Swarm tasks and their logs"),
    row("VERSION", exact("version"), On, "the daemon's version"),
    row("VOLUMES", section("volumes"), Off, "volumes; with POST create and delete them"),
    row("LIBPOD_ARTIFACTS", libpod("artifacts"), Off, "podman: artifacts; with POST reads files of the host"),
    row("LIBPOD_BUILD", libpod_exact("build"), Off, "podman: build images"),
    row("LIBPOD_COMMIT", libpod_exact("commit"), Off, "podman: make an image of a container"),
    row("LIBPOD_CONTAINERS", libpod("containers"), Off, "podman: containers"),
    row("LIBPOD_EVENTS", libpod_exact("events"), Off, "podman: the stream of events"),
    row("LIBPOD_EXEC", libpod("exec"), Off, "podman: commands inside containers"),
    row(
        "LIBPOD_GENERATE",
        libpod("generate"),
        Off,
        "podman: Kubernetes YAML and systemd units of containers",
    ),
    row("LIBPOD_IMAGES", libpod("images"), Off, "podman: images"),
    row("LIBPOD_INFO", libpod_exact("info"), Off, "podman: facts about the host"),
    row(
        "LIBPOD_KUBE",
        libpod("kube"),
        Off,
        "podman: Kubernetes YAML of containers; with POST pods of such YAML",
    ),
    row("LIBPOD_MANIFESTS", libpod("manifests"), Off, "podman: manifest lists"),
    row("LIBPOD_NETWORKS", libpod("networks"), Off, "podman: networks"),
    row("LIBPOD_PING", libpod_exact("_ping"), OPEN_IN_LINUXSERVER, "podman: whether the service is there"),
    row("LIBPOD_PLAY", libpod("play"), Off, "podman: pods of Kubernetes YAML"),
    row("LIBPOD_PODS", libpod("pods"), Off, "podman: pods"),
    row(
        "LIBPOD_QUADLETS",
        libpod("quadlets"),
        Off,
        "podman: quadlets, which become systemd units of the host",
    ),
    row("LIBPOD_SECRETS", libpod("secrets"), Off, "podman: secrets"),
    row("LIBPOD_SYSTEM", libpod("system"), Off, "podman: disk usage; with POST prune"),
    row("LIBPOD_VERSION", libpod_exact("version"), OPEN_IN_LINUXSERVER, "podman: its version"),
    row("LIBPOD_VOLUMES", libpod("volumes"), Off, "podman: volumes"),
    row("ALLOW_START", Kind::Action, Off, "start containers and pods, without POST"),
    row("ALLOW_STOP", Kind::Action, Off, "stop containers and pods, without POST"),
    row("ALLOW_RESTARTS", Kind::Action, Off, "stop, restart and kill containers and pods, without POST"),
    row("ALLOW_PAUSE", Kind::Action, Off, "pause containers and pods, without POST"),
    row("ALLOW_UNPAUSE", Kind::Action, Off, "unpause containers and pods, without POST"),
    row("ALLOW_ARCHIVE", Kind::Gate, CLOSED_IN_BOTH, "0 closes reading and writing files of containers"),
    row(
        "ALLOW_ATTACH",
        Kind::Gate,
        CLOSED_IN_NEXT,
        "0 closes reading and writing the streams of containers that run",
    ),
    row("ALLOW_CHANGES", Kind::Gate, CLOSED_IN_LINUXSERVER, "0 closes the list of changed files"),
    row("ALLOW_EXEC", Kind::Gate, CLOSED_IN_NEXT, "0 closes preparing commands inside containers"),
    row("ALLOW_EXPORT", Kind::Gate, CLOSED_IN_BOTH, "0 closes reading a container's whole file system"),
    row(
        "ALLOW_INSPECT",
        Kind::Gate,
        On,
        "0 closes the details of containers and pods, which show the environment; lists, logs and stats stay",
    ),
    row(
        "ALLOW_KILL",
        Kind::Gate,
        CLOSED_IN_NEXT,
        "0 closes signals to containers, also where ALLOW_RESTARTS is 1",
    ),
    row("ALLOW_LOGS", Kind::Gate, CLOSED_IN_BOTH, "0 closes logs of containers"),
    row("ALLOW_TOP", Kind::Gate, CLOSED_IN_LINUXSERVER, "0 closes the list of processes of containers"),
];

/// The place of the variable of this name, for constants.
///
/// # Panics
/// Where there is none, which stops the build.
#[expect(clippy::panic, reason = "evaluated while compiling")]
pub(super) const fn place_of(name: &str) -> usize {
    let mut place = 0;
    while place < VARIABLES.len() {
        if equal(VARIABLES[place].name.as_bytes(), name.as_bytes()) {
            return place;
        }
        place += 1;
    }
    panic!("no such variable")
}

/// `==` of bytes, for constants.
pub(super) const fn equal(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// The section of a segment, for constants.
pub(super) const fn section_of(libpod: bool, segment: &[u8]) -> Option<Grants> {
    let mut place = 0;
    while place < VARIABLES.len() {
        if let Kind::Section(section) = VARIABLES[place].kind
            && section.libpod == libpod
            && equal(section.segment.as_bytes(), segment)
        {
            return Some(Grants::of(place));
        }
        place += 1;
    }
    None
}
