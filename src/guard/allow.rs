//! What GUARD's lists open: folders of the host, capabilities, devices, the host's network, and what others made.

use super::names::{Name, is_reference};
use super::path::is_clean;
use super::thing::Thing;
use crate::vars::{self, Setting, Vars, parse_switch};

/// Folders and files of the host that containers may mount.
pub static ALLOW_BIND_MOUNTS: Setting = Setting {
    name: "ALLOW_BIND_MOUNTS",
    default: "",
    about: "with GUARD: paths of the host that containers may mount, with commas between; / at the end for all below, :ro for reading",
};

/// Capabilities beyond Docker's own.
pub static ALLOW_CAPABILITIES: Setting = Setting {
    name: "ALLOW_CAPABILITIES",
    default: "",
    about: "with GUARD: capabilities that containers may have beyond Docker's 14, such as NET_ADMIN",
};

/// Devices of the host.
pub static ALLOW_DEVICES: Setting = Setting {
    name: "ALLOW_DEVICES",
    default: "",
    about: "with GUARD: devices that containers may have: paths such as /dev/dri, gpu, or CDI names such as vendor.com/class=name",
};

/// The network of the host.
pub static ALLOW_HOST_NETWORK: Setting = Setting {
    name: "ALLOW_HOST_NETWORK",
    default: "0",
    about: "with GUARD, 1: containers and builds may have the network of the host",
};

/// Containers of others.
pub static ALLOW_CONTAINERS: Setting = Setting {
    name: "ALLOW_CONTAINERS",
    default: "",
    about: "with GUARD: containers that may be changed and used beside the client's own, by name, with commas between; * at the end for all that begin so",
};

/// Networks of others.
pub static ALLOW_NETWORKS: Setting = Setting {
    name: "ALLOW_NETWORKS",
    default: "",
    about: "with GUARD: networks that may be joined and removed beside the client's own, in the same way",
};

/// Volumes that have a name.
pub static ALLOW_VOLUMES: Setting = Setting {
    name: "ALLOW_VOLUMES",
    default: "",
    about: "with GUARD: volumes that may be mounted, made and removed by name, in the same way",
};

/// Names of images.
pub static ALLOW_TAGS: Setting = Setting {
    name: "ALLOW_TAGS",
    default: "",
    about: "with GUARD: names that builds, tags and commits may give to images, and that may be removed, in the same way: ci/app, ci/*",
};

/// The capabilities that a container of Docker's has where nothing is said (moby `oci/caps/defaults.go`).
const DEFAULT_CAPABILITIES: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The others, and ALL (capabilities(7)).
const MORE_CAPABILITIES: [&str; 28] = [
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "DAC_READ_SEARCH",
    "IPC_LOCK",
    "IPC_OWNER",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "NET_ADMIN",
    "NET_BROADCAST",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "SYSLOG",
    "WAKE_ALARM",
];

/// The word of ALLOW_DEVICES for what `--gpus` asks for.
pub(super) const GPU: &str = "gpu";

/// What the lists open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow {
    /// ALLOW_BIND_MOUNTS
    pub bind_mounts: Vec<BindMount>,
    /// ALLOW_CAPABILITIES, without CAP_ and in capitals.
    pub capabilities: Vec<&'static str>,
    /// ALLOW_DEVICES
    pub devices: Vec<String>,
    /// ALLOW_HOST_NETWORK
    pub host_network: bool,
    /// ALLOW_CONTAINERS
    pub containers: Vec<Name>,
    /// ALLOW_NETWORKS
    pub networks: Vec<Name>,
    /// ALLOW_VOLUMES
    pub volumes: Vec<Name>,
    /// ALLOW_TAGS
    pub tags: Vec<Name>,
}

/// A path of the host that may be mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindMount {
    /// Without a slash at its end, but for `/`.
    pub path: String,
    /// Whether what is below it may be mounted too.
    pub below: bool,
    /// Whether it may only be mounted read-only.
    pub read_only: bool,
}

/// What ALLOW_BIND_MOUNTS says of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mountable {
    /// It has no entry.
    No,
    /// It may be mounted read-only.
    ReadOnly,
    /// It may be mounted.
    Yes,
}

impl Allow {
    /// Reads the lists.
    ///
    /// # Errors
    /// The first one that cannot be used.
    pub(super) fn from_vars(var: Vars<'_>) -> Result<Self, vars::Error> {
        let names = |setting: &Setting, entry: fn(&str) -> Option<Name>| {
            setting
                .read(var, |variable, value| list(variable, value, "names, with * at the end or not", entry))
        };
        Ok(Self {
            bind_mounts: ALLOW_BIND_MOUNTS.read(var, |variable, value| {
                list(
                    variable,
                    value,
                    "clean paths from the root, with / or :ro at the end or neither",
                    bind_mount,
                )
            })?,
            capabilities: ALLOW_CAPABILITIES.read(var, |variable, value| {
                list(variable, value, "names of capabilities, such as NET_ADMIN, or ALL", capability)
            })?,
            devices: ALLOW_DEVICES.read(var, |variable, value| {
                let expected = "clean paths from the root, gpu, or names such as vendor.com/class=name";
                list(variable, value, expected, device)
            })?,
            host_network: ALLOW_HOST_NETWORK.read(var, parse_switch)?,
            containers: names(&ALLOW_CONTAINERS, Name::of_thing)?,
            networks: names(&ALLOW_NETWORKS, Name::of_thing)?,
            volumes: names(&ALLOW_VOLUMES, Name::of_thing)?,
            tags: names(&ALLOW_TAGS, Name::of_image)?,
        })
    }

    /// The name of a list that opens something.
    pub(super) fn first(&self) -> Option<&'static str> {
        self.named().into_iter().find(|(_, entries)| !entries.is_empty()).map(|(name, _)| name)
    }

    /// Each list with its entries, as they are written.
    #[must_use]
    pub fn named(&self) -> [(&'static str, Vec<String>); 8] {
        let names = |names: &[Name]| names.iter().map(Name::to_string).collect();
        let host_network = self.host_network.then(|| String::from("1"));
        [
            (ALLOW_BIND_MOUNTS.name, self.bind_mounts.iter().map(BindMount::to_string).collect()),
            (ALLOW_CAPABILITIES.name, self.capabilities.iter().map(|name| String::from(*name)).collect()),
            (ALLOW_DEVICES.name, self.devices.clone()),
            (ALLOW_HOST_NETWORK.name, host_network.into_iter().collect()),
            (ALLOW_CONTAINERS.name, names(&self.containers)),
            (ALLOW_NETWORKS.name, names(&self.networks)),
            (ALLOW_VOLUMES.name, names(&self.volumes)),
            (ALLOW_TAGS.name, names(&self.tags)),
        ]
    }

    /// Whether all that the other opens is open here.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let mounts = |mount: &BindMount| self.bind_mounts.iter().any(|ours| ours.covers(mount));
        other.bind_mounts.iter().all(mounts)
            && other.capabilities.iter().all(|name| self.capabilities.contains(name))
            && other.devices.iter().all(|name| self.devices.contains(name))
            && (self.host_network || !other.host_network)
            && self.named_lists().into_iter().zip(other.named_lists()).all(|((_, ours), (_, theirs))| {
                theirs.iter().all(|name| ours.iter().any(|one| one.covers(name)))
            })
    }

    /// The lists of names, by a thing that each is for.
    pub(super) fn named_lists(&self) -> [(Thing, &[Name]); 4] {
        [Thing::Container, Thing::Network, Thing::Volume, Thing::Image]
            .map(|thing| (thing, self.names_of(thing)))
    }

    fn names_of(&self, thing: Thing) -> &[Name] {
        match thing {
            Thing::Container | Thing::Pod => &self.containers,
            Thing::Image => &self.tags,
            Thing::Network => &self.networks,
            Thing::Volume => &self.volumes,
            // None has a name.
            Thing::Exec => &[],
        }
    }

    /// Whether what a reference names is listed.
    pub(super) fn has_name(&self, thing: Thing, reference: &str) -> bool {
        is_reference(thing, reference) && self.names_of(thing).iter().any(|name| name.has(thing, reference))
    }

    /// Whether an image may be given a name.
    pub(super) fn has_tag(&self, name: &str) -> bool {
        is_reference(Thing::Image, name) && self.tags.iter().any(|tag| tag.has_image(name))
    }

    /// Whether all of a kind are listed.
    #[must_use]
    pub fn has_all(&self, thing: Thing) -> bool {
        self.names_of(thing).iter().any(Name::is_all)
    }

    /// Whether a path of the host may be mounted. It must be clean, and without a slash at its end.
    pub(super) fn mountable(&self, path: &str) -> Mountable {
        let mut mountable = Mountable::No;
        for mount in self.bind_mounts.iter().filter(|mount| mount.has(path)) {
            match mount.read_only {
                true => mountable = Mountable::ReadOnly,
                false => return Mountable::Yes,
            }
        }
        mountable
    }

    /// Whether a container may have a capability, in whatever spelling Docker takes (moby `oci/caps`).
    pub(super) fn has_capability(&self, name: &str) -> bool {
        let name = plain_capability(name);
        DEFAULT_CAPABILITIES.contains(&&*name)
            || self.capabilities.iter().any(|ours| *ours == name || *ours == "ALL")
    }

    /// Whether a container may have a device: of a folder also what is below, as Docker gives all of a folder.
    pub(super) fn has_device(&self, name: &str) -> bool {
        let is_below = |folder: &str| folder.starts_with('/') && is_within(name, folder);
        self.devices.iter().any(|ours| ours == name || is_below(ours))
    }
}

/// A capability as the lists have it.
pub(super) fn plain_capability(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    name.strip_prefix("CAP_").map_or_else(|| name.clone(), str::to_owned)
}

/// Whether a path is a folder's own or below it, by whole components. Both are clean.
fn is_within(path: &str, folder: &str) -> bool {
    let below = path.strip_prefix(folder.trim_end_matches('/'));
    below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

impl BindMount {
    fn has(&self, path: &str) -> bool {
        if self.below { is_within(path, &self.path) } else { path == self.path }
    }

    fn covers(&self, other: &Self) -> bool {
        self.has(&other.path) && (self.below || !other.below) && (!self.read_only || other.read_only)
    }

    /// Whether a path can be reached through it.
    pub(super) fn reaches(&self, path: &str) -> bool {
        is_within(path, &self.path)
    }

    /// Whether it is a path's own or below it.
    pub(super) fn is_in(&self, path: &str) -> bool {
        is_within(&self.path, path)
    }
}

/// As it is written in the list.
impl std::fmt::Display for BindMount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slash = if self.below && self.path != "/" { "/" } else { "" };
        write!(f, "{}{slash}{}", self.path, if self.read_only { ":ro" } else { "" })
    }
}

/// Reads what stands between commas and line ends.
fn list<T>(
    variable: &'static str,
    value: &str,
    expected: &'static str,
    entry: fn(&str) -> Option<T>,
) -> Result<Vec<T>, vars::Error> {
    let entries = value.split([',', '\n']).map(str::trim).filter(|text| !text.is_empty());
    let entries: Option<Vec<T>> = entries.map(entry).collect();
    match entries {
        Some(entries) if !entries.is_empty() || value.is_empty() => Ok(entries),
        _ => Err(vars::Error::value(variable, value, expected)),
    }
}

fn bind_mount(text: &str) -> Option<BindMount> {
    let (path, read_only) = text.strip_suffix(":ro").map_or((text, false), |path| (path, true));
    let below = path.ends_with('/');
    let path = if path == "/" { path } else { path.strip_suffix('/').unwrap_or(path) };
    (path == "/" || is_clean(path)).then(|| BindMount { path: path.to_owned(), below, read_only })
}

fn capability(text: &str) -> Option<&'static str> {
    let name = plain_capability(text);
    DEFAULT_CAPABILITIES.into_iter().chain(MORE_CAPABILITIES).find(|known| *known == name)
}

/// Whether there is a capability of this name.
pub(super) fn is_capability(name: &str) -> bool {
    capability(name).is_some()
}

/// Whether a name could be in ALLOW_DEVICES.
pub(super) fn is_device(name: &str) -> bool {
    device(name).is_some()
}

fn device(text: &str) -> Option<String> {
    let is_word = |word: &str, more: &str| {
        !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(letter))
    };
    // container-device-interface, `pkg/parser`: vendor/class=device.
    let is_cdi = || {
        let (kind, name) = text.split_once('=')?;
        let (vendor, class) = kind.split_once('/')?;
        Some(is_word(vendor, "_-.") && is_word(class, "_-.") && is_word(name, "_-.:"))
    };
    (text == GPU || is_clean(text) || is_cdi().unwrap_or_default()).then(|| text.to_owned())
}
