//! What is dangerous in the lists that open more, in sentences.

use super::Guard;
use super::allow::{ALLOW_BIND_MOUNTS, ALLOW_CAPABILITIES, ALLOW_DEVICES, ALLOW_HOST_NETWORK, BindMount};
use super::refused::list_of;
use super::thing::Thing;

/// A path of the host that is more than files.
struct Place {
    path: &'static str,
    /// Whether what is below is so, too.
    below: bool,
    /// Whether it is so where it is only read.
    read_only: bool,
    says: &'static str,
}

const fn place(path: &'static str, below: bool, read_only: bool, says: &'static str) -> Place {
    Place { path, below, read_only, says }
}

const SETTINGS: &str = "is root on this host: it is part of how the host starts, and who logs in";
const PROGRAMS: &str = "is root on this host: the host's programs are there";
const SOCKETS: &str = "is root on this host: the sockets of the daemon are there, and a socket can be used through a read-only mount too";
/// Where it is on the host nobody can know in here: the proxy's own socket is not to be told from a daemon's.
const SOCKET: &str = "is root on this host, unless it is a socket of this proxy's own: a socket can be used through a read-only mount too";
const KERNEL: &str = "is root on this host: the kernel is steered there";
/// A read-only bind mount leaves what is mounted below writable, unless the engine knows better (Engine 25, by an API from 1.44 on).
const BELOW: &str = "is root on this host where an engine before 25, or a request by an API before 1.44, makes read-only: what is mounted \
                     below it can be written then, and the kernel is steered there";
const STORE: &str = "is root on this host: the files of every container are there";

const ROOT_READ_ONLY: &str = "is root on this host: its sockets can be used, and what is mounted below it, such as /proc, can be written \
                              before Engine 25 or by an API before 1.44";

/// In the order in which they are looked for: the first one speaks.
const PLACES: &[Place] = &[
    place("/run/docker.sock", true, true, SOCKETS),
    place("/var/run/docker.sock", true, true, SOCKETS),
    place("/run/podman/podman.sock", true, true, SOCKETS),
    place("/run/containerd/containerd.sock", true, true, SOCKETS),
    place("/proc", true, false, KERNEL),
    place("/sys", true, false, KERNEL),
    place("/dev", true, false, "is root on this host: its disks and its memory are there"),
    place("/etc", true, false, SETTINGS),
    place("/root", true, false, SETTINGS),
    place("/boot", true, false, SETTINGS),
    place("/var/spool/cron", true, false, SETTINGS),
    place("/usr", true, false, PROGRAMS),
    place("/bin", true, false, PROGRAMS),
    place("/sbin", true, false, PROGRAMS),
    place("/lib", true, false, PROGRAMS),
    place("/lib64", true, false, PROGRAMS),
    place("/opt", false, false, PROGRAMS),
    place("/var/lib/docker", true, false, STORE),
    place("/var/lib/containers", true, false, STORE),
    place("/var/lib", false, false, STORE),
    place("/proc", false, true, BELOW),
    place("/sys", false, true, BELOW),
    place("/sys/fs/cgroup", false, true, BELOW),
    place("/etc/shadow", false, true, "shows the passwords of this host"),
    place("/root/.ssh", false, true, "shows the keys of this host"),
    place("/proc/1", false, true, "shows the environment and the files of every process of this host"),
    place("/var/lib/docker", true, true, "shows the files of every container, and their secrets"),
];

/// Capabilities with which a container gets out, or sees what is not its own.
const CAPABILITIES: &[(&str, &str)] = &[
    (
        "ALL",
        "is root on this host: among all capabilities are those to mount its disks and to load kernel modules",
    ),
    ("SYS_ADMIN", "is root on this host: a container can mount what it likes, and leave its cgroup"),
    ("SYS_MODULE", "is root on this host: a container can load kernel modules"),
    ("SYS_RAWIO", "is root on this host: a container can write the memory of the kernel and of devices"),
    ("SYS_PTRACE", "lets a container take over every process that it can see"),
    ("DAC_READ_SEARCH", "reads every file of this host, by the numbers of files"),
    ("BPF", "lets a container run programs in the kernel, which see all that passes"),
    ("PERFMON", "lets a container watch the kernel and every process"),
    ("MAC_ADMIN", "lets a container change the rules of AppArmor or SELinux"),
    ("MAC_OVERRIDE", "lets a container pass by the rules of AppArmor or SELinux"),
    ("SYS_BOOT", "lets a container restart this host, or load another kernel"),
    ("SYS_TIME", "lets a container set this host's clock"),
    ("SYSLOG", "shows the log of the kernel, and its addresses"),
    ("NET_ADMIN", "changes the network, which is the host's where ALLOW_HOST_NETWORK=1"),
];

/// Devices by how their paths start.
const DEVICES: &[(&str, &str)] = &[
    ("/dev/sd", "is root on this host: it is a disk"),
    ("/dev/vd", "is root on this host: it is a disk"),
    ("/dev/xvd", "is root on this host: it is a disk"),
    ("/dev/nvme", "is root on this host: it is a disk"),
    ("/dev/mmcblk", "is root on this host: it is a disk"),
    ("/dev/dm-", "is root on this host: it is a disk"),
    ("/dev/md", "is root on this host: it is a disk"),
    ("/dev/mapper", "is root on this host: its disks are there"),
    ("/dev/disk", "is root on this host: its disks are there"),
    ("/dev/block", "is root on this host: its disks are there"),
    ("/dev/loop", "writes what is mounted from a file"),
    ("/dev/mem", "is root on this host: it is its memory"),
    ("/dev/kmem", "is root on this host: it is its memory"),
    ("/dev/port", "is root on this host: it is its ports"),
    ("/dev/input", "reads what is typed on this host"),
];

/// One sentence each.
pub(super) fn warnings(guard: &Guard) -> impl Iterator<Item = String> {
    let allow = &guard.allow;
    let mounts = allow
        .bind_mounts
        .iter()
        .filter_map(|mount| Some(format!("{} with {mount} {}", ALLOW_BIND_MOUNTS.name, of_mount(mount)?)));
    let capabilities = allow.capabilities.iter().filter_map(|name| {
        let (_, says) = CAPABILITIES.iter().find(|(dangerous, _)| dangerous == name)?;
        Some(format!("{} with {name} {says}", ALLOW_CAPABILITIES.name))
    });
    let devices = allow.devices.iter().filter_map(|name| {
        let says = match &**name {
            "/dev" => "is root on this host: its disks and its memory are there",
            name => DEVICES.iter().find(|(start, _)| name.starts_with(start))?.1,
        };
        Some(format!("{} with {name} {says}", ALLOW_DEVICES.name))
    });
    let network = allow.host_network.then(|| {
        format!(
            "{}=1 reaches every service that listens on this host's loopback; BuildKit, with GRPC=1 or SESSION=1, passes unjudged",
            ALLOW_HOST_NETWORK.name
        )
    });
    let names = allow.named_lists().into_iter().flat_map(|(thing, names)| {
        names.iter().filter_map(move |name| {
            let says = match (name.is_all(), name.is_vain(thing)) {
                (true, _) => of_all(thing),
                (_, true) => {
                    "opens nothing: a name of hexadecimal digits and _ alone is taken for the start of an ID"
                }
                _ => return None,
            };
            Some(format!("{} with {name} {says}", list_of(thing)?.name))
        })
    });
    mounts.chain(capabilities).chain(devices).chain(network).chain(names)
}

/// What it is where all of a kind are listed.
const fn of_all(thing: Thing) -> &'static str {
    match thing {
        Thing::Container | Thing::Pod | Thing::Exec => {
            "is root on this host: this proxy's own container has the socket, and another one can have its mounts"
        }
        Thing::Network => {
            "reaches every network: services that trust who is in theirs, and other proxies of the daemon's socket among them"
        }
        Thing::Volume => {
            "shows, changes and removes what others keep in volumes, and a volume can be a folder of this host"
        }
        Thing::Image => {
            "puts an image in place of any other, which runs at the next start of its name, and removes any"
        }
    }
}

fn of_mount(mount: &BindMount) -> Option<&'static str> {
    let is_of = |place: &&Place| {
        // A folder is mounted with all that is in it.
        (mount.reaches(place.path) || (place.below && mount.is_in(place.path)))
            && (place.read_only || !mount.read_only)
    };
    match &*mount.path {
        "/" if mount.read_only => Some(ROOT_READ_ONLY),
        "/" => Some("is root on this host: it is all of its files"),
        path => {
            let of_place = PLACES.iter().find(is_of).map(|place| place.says);
            of_place.or_else(|| path.ends_with(".sock").then_some(SOCKET))
        }
    }
}
