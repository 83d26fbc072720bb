//! Whether a body asks for power over the host: a slow and obvious reading, which knows nothing of the guard's own tables.
//!
//! Whatever any reader might take for a field is taken for it, each time it comes: all spellings count, and all of them must be harmless.

#![allow(dead_code, missing_docs, reason = "every test binary uses its own part of this")]

use super::bodies::{OPEN, Open, Tree, flaw};
use docker_socket_proxy::guard::{Body, Fault, reader};

/// What the fuzz target `guard` asserts: the first byte chooses whose body it is and what is open, and the rest is the body. From `` ` ``
/// on stand the eight kinds with nothing open, from `h` with single things, and from `p` with much.
///
/// What is accepted has one reading and is harmless. What has one reading is never refused for want of it.
pub fn guard(input: &[u8]) {
    let [choice, body @ ..] = input else { return };
    let kind = Body::ALL[usize::from(*choice) % Body::ALL.len()];
    let open = &OPEN[usize::from(*choice) / Body::ALL.len() % OPEN.len()];
    check(kind, open, body);
}

/// Whether it was accepted.
pub fn check(kind: Body, open: &Open, body: &[u8]) -> bool {
    let flaw = flaw(body);
    let read = reader::read(body);
    assert_eq!(read.is_err(), flaw.is_some(), "{flaw:?}, but it says {:?}", read.err());
    let verdict = open.guard().judge(kind, body);
    match &verdict {
        // For those that take no body for one.
        Ok(()) if body.is_empty() => {
            assert!(!matches!(kind, Body::Create | Body::Connect | Body::Disconnect));
        }
        Ok(()) => {
            assert_eq!(flaw, None, "accepted");
            let (tree, _) = Tree::read(body).expect("JSON");
            assert_eq!(danger(kind, &tree, open), None, "accepted");
        }
        Err(Fault::Unreadable(_)) => assert!(flaw.is_some()),
        Err(Fault::Refused(refused)) => assert!(!refused.is_empty() && flaw.is_none()),
    }
    verdict.is_ok()
}

/// The first field that has power over the host.
pub fn danger(kind: Body, tree: &Tree, open: &Open) -> Option<String> {
    let is_harmless = |(name, value): &(String, &Tree)| match (kind, &name[..]) {
        (Body::Create, "hostconfig") => {
            let fields = fields(value);
            has_own_settings(&fields)
                && fields.iter().all(|(name, value)| is_harmless_host(name, value, open))
        }
        (Body::Create, "networkingconfig") => fields(value).iter().all(|(_, endpoints)| {
            let mut endpoints = endpoints.members().into_iter();
            endpoints.all(|(name, endpoint)| is_network(&name, open) && is_harmless_endpoint(endpoint, open))
        }),
        // HostConfig's fields count at the top level too.
        (Body::Create, name) => is_harmless_config(name, value) && is_harmless_host(name, value, open),
        (Body::Commit, name) => is_harmless_config(name, value),
        // It has the resources alone, and an empty list asks for none.
        (Body::Update, name) => is_nothing(value) || is_harmless_host(name, value, open),
        (Body::Exec, name) => name != "privileged" || is_nothing(value),
        (Body::Volume, name) => is_harmless_volume(name, value, open),
        (Body::Network, name) => is_harmless_network(name, value),
        (Body::Connect | Body::Disconnect, "container") => is_container(&text(value), open),
        (Body::Connect, "endpointconfig") => is_harmless_endpoint(value, open),
        (Body::Connect | Body::Disconnect, _) => true,
    };
    // HostConfig's own, where it is one of these.
    let all = fields(tree);
    let within = all.iter().filter(|(name, _)| name == "hostconfig").flat_map(|(_, value)| fields(value));
    if kind == Body::Create && !has_own_settings(&all) {
        return Some("sysctls".to_owned());
    }
    // A daemon could take what is missing from elsewhere.
    let names_one = all.iter().any(|(name, _)| name == "container");
    if matches!(kind, Body::Connect | Body::Disconnect) && !names_one {
        return Some("container".to_owned());
    }
    let field = all.iter().find(|field| !is_harmless(field))?;
    let inner =
        within.filter(|(name, value)| field.0 == "hostconfig" && !is_harmless_host(name, value, open));
    Some(inner.map(|(name, _)| name).fold(field.0.clone(), |path, name| format!("{path}.{name}")))
}

/// Settings of the network are the host's, or another container's, where the network is.
fn has_own_settings(fields: &[(String, &Tree)]) -> bool {
    let is_of_others = |mode: &str| mode == "host" || mode.starts_with("container:");
    let is_shared = fields.iter().any(|(name, value)| name == "networkmode" && is_of_others(&text(value)));
    let settings = fields.iter().filter(|(name, _)| name == "sysctls").flat_map(|(_, value)| value.members());
    !is_shared || settings.into_iter().all(|(name, _)| !name.starts_with("net."))
}

fn is_harmless_volume(name: &str, value: &Tree, open: &Open) -> bool {
    match name {
        "name" => text(value).is_empty() || is_volume(&text(value), open),
        "driver" => is_one_of(value, &["", "local"]),
        "driveropts" => are_harmless_driver_options(value, open),
        // An empty one is there.
        "clustervolumespec" => written(value) == "null",
        _ => true,
    }
}

fn is_harmless_network(name: &str, value: &Tree) -> bool {
    match name {
        "driver" => is_one_of(value, &["", "bridge"]),
        "scope" => is_one_of(value, &["", "local"]),
        "ingress" => is_nothing(value),
        "configfrom" => fields(value).iter().all(|(_, network)| is_nothing(network)),
        "options" => {
            let names = value.members().into_iter().map(|(name, _)| name);
            names.into_iter().all(|name| {
                ["bridge.name", "parent", "default_bridge", "vlan", "mode="]
                    .iter()
                    .all(|word| !name.contains(word))
            })
        }
        "ipam" => fields(value).iter().all(|(name, value)| match &name[..] {
            "driver" => is_one_of(value, &["", "default"]),
            "options" => is_nothing(value),
            _ => value
                .items()
                .iter()
                .flat_map(fields)
                .all(|(name, value)| name != "subnet" || is_private(value)),
        }),
        _ => true,
    }
}

/// The members of an object, by their keys without what any reader leaves out.
fn fields(tree: &Tree) -> Vec<(String, &Tree)> {
    let fold = |key: &str| -> String {
        let same = |letter| match letter {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            '\u{130}' | '\u{131}' => 'i',
            other => other.to_ascii_lowercase(),
        };
        key.chars().filter(|letter| !matches!(letter, '_' | '-')).map(same).collect()
    };
    tree.members().into_iter().map(|(key, value)| (fold(&key), value)).collect()
}

fn is_harmless_config(name: &str, value: &Tree) -> bool {
    name != "volumes" || value.members().iter().all(|(target, _)| is_path(target))
}

fn is_harmless_host(name: &str, value: &Tree, open: &Open) -> bool {
    let all = |is: &dyn Fn(&str) -> bool| texts(value).iter().all(|text| is(text));
    match name {
        "privileged" | "oomkilldisable" => is_nothing(value),
        "binds" => all(&|bind| is_harmless_bind(bind, open)),
        "mounts" => value.items().iter().all(|mount| is_harmless_mount(mount, open)),
        "tmpfs" => value
            .members()
            .iter()
            .all(|(target, options)| is_path(target) && text(options).split(',').all(is_tmpfs_option)),
        "volumesfrom" => all(&|from| from.is_empty() || may_have_volumes_of(from, open)),
        "links" => all(&|link| link.is_empty() || is_harmless_link(link, open)),
        "capabilities" | "devicecgrouprules" | "annotations" | "containeridfile" | "cgroupparent"
        | "cgroup" => is_nothing(value),
        "volumedriver" => is_one_of(value, &["", "local"]),
        "capadd" => all(&|name| {
            let name = name.to_uppercase();
            let name = name.strip_prefix("CAP_").unwrap_or(&name);
            DEFAULT_CAPABILITIES.contains(&name) || open.capabilities.split(',').any(|one| one == name)
        }),
        "securityopt" => all(&|option| {
            let option = option.replacen(':', "=", 1);
            ["", "no-new-privileges", "no-new-privileges=true", "apparmor=docker-default", "seccomp=builtin"]
                .contains(&&option[..])
        }),
        "maskedpaths" => has_all(
            value,
            &["/proc/kcore", "/proc/keys", "/proc/sched_debug", "/proc/timer_list", "/sys/firmware"],
        ),
        "readonlypaths" => {
            has_all(value, &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"])
        }
        "devices" => value.items().iter().flat_map(fields).all(|(name, value)| {
            let path = text(value);
            name != "pathonhost"
                || path.is_empty()
                || is_path(&path)
                    && open
                        .devices
                        .split(',')
                        .any(|one| path == one || !one.is_empty() && path.starts_with(&format!("{one}/")))
        }),
        "devicerequests" => value.items().iter().all(|request| is_harmless_request(request, open)),
        "utsmode" | "usernsmode" => is_one_of(value, &["", "private"]),
        "pidmode" => is_one_of(value, &["", "private"]) || is_mode_of_container(&text(value), open),
        "ipcmode" => {
            is_one_of(value, &["", "private", "shareable", "none"])
                || is_mode_of_container(&text(value), open)
        }
        "cgroupnsmode" => is_one_of(value, &["", "private", "host"]),
        "networkmode" => is_network(&text(value), open),
        "sysctls" => value.members().iter().all(|(name, _)| {
            ["net.", "fs.mqueue.", "kernel.msg", "kernel.shm", "kernel.sem"]
                .iter()
                .any(|start| name.starts_with(start))
        }),
        "oomscoreadj" => is_nothing(value) || !written(value).starts_with('-'),
        "runtime" => is_one_of(value, &["", "runc", "crun", "io.containerd.runc.v2", "oci"]),
        "isolation" => is_one_of(value, &["", "default"]),
        "logconfig" => fields(value).iter().all(|(name, value)| match &name[..] {
            "type" => is_one_of(value, &["", "none", "json-file", "local", "journald", "k8s-file"]),
            "config" => value.members().iter().all(|(name, _)| {
                [
                    "max-size",
                    "max-file",
                    "max-buffer-size",
                    "mode",
                    "compress",
                    "tag",
                    "labels",
                    "labels-regex",
                    "env",
                    "env-regex",
                ]
                .contains(&&name[..])
            }),
            _ => true,
        }),
        "storageopt" => value.members().iter().all(|(name, _)| name == "size"),
        _ => true,
    }
}

fn is_harmless_bind(bind: &str, open: &Open) -> bool {
    const MODES: &str = ",ro,rw,z,Z,nocopy,cached,delegated,consistent,private,rprivate,nosuid,nodev,noexec";
    let parts: Vec<&str> = bind.split(':').collect();
    match parts[..] {
        // The daemon takes no empty one.
        [target] => target.is_empty() || is_path(target),
        [source, target] => is_path(target) && may_mount(source, false, open),
        [source, target, modes] => {
            let modes: Vec<&str> = modes.split(',').collect();
            is_path(target)
                && modes.iter().all(|mode| MODES.split(',').any(|known| known == *mode))
                && may_mount(
                    source,
                    modes.contains(&"ro") && !["rw", "z", "Z"].iter().any(|mode| modes.contains(mode)),
                    open,
                )
        }
        _ => false,
    }
}

/// A volume, or a path of the host that is listed.
fn may_mount(source: &str, read_only: bool, open: &Open) -> bool {
    is_volume(source, open) || may_mount_path(source, read_only, open)
}

fn may_mount_path(source: &str, read_only: bool, open: &Open) -> bool {
    let source = source.strip_suffix('/').unwrap_or(source);
    is_path(source)
        && open.bind_mounts.split(',').filter(|entry| !entry.is_empty()).any(|entry| {
            let (path, to_read) = entry.strip_suffix(":ro").map_or((entry, false), |path| (path, true));
            let is_it =
                source == path.trim_end_matches('/') || path.ends_with('/') && source.starts_with(path);
            is_it && (read_only || !to_read)
        })
}

fn is_harmless_mount(mount: &Tree, open: &Open) -> bool {
    let fields = fields(mount);
    let all = |name| fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| *value);
    if fields.is_empty() {
        // The daemon takes none without a type.
        return true;
    }
    let is_read_only =
        all("readonly").next().is_some() && all("readonly").all(|value| written(value) == "true");
    let is_harmless_source = |source: &str| {
        all("type").next().is_some()
            && all("type").all(|kind| match &text(kind)[..] {
                "bind" => source.is_empty() || may_mount_path(source, is_read_only, open),
                "volume" => source.is_empty() || is_volume(source, open),
                "image" => !source.contains([',', '"', '\\']),
                "tmpfs" => source.is_empty(),
                _ => false,
            })
    };
    let source_is_harmless =
        is_harmless_source("") && all("source").all(|source| is_harmless_source(&text(source)));
    let options = fields.iter().all(|(name, value)| match &name[..] {
        "bindoptions" => self::fields(value).iter().all(|(name, value)| match &name[..] {
            "propagation" => is_one_of(value, &["", "private", "rprivate"]),
            "readonlynonrecursive" => is_nothing(value) || !open.bind_mounts.contains(":ro"),
            _ => true,
        }),
        "volumeoptions" => self::fields(value).iter().all(|(name, value)| {
            name != "driverconfig"
                || self::fields(value).iter().all(|(name, value)| match &name[..] {
                    "name" => is_one_of(value, &["", "local"]),
                    "options" => are_harmless_driver_options(value, open),
                    _ => true,
                })
        }),
        "tmpfsoptions" => self::fields(value).iter().all(|(name, value)| {
            name != "options"
                || value.items().iter().all(|option| {
                    let words: Vec<String> = option.items().iter().map(text).collect();
                    is_tmpfs_option(&words.join("="))
                })
        }),
        "target" => text(value).is_empty() || is_path(&text(value)),
        "consistency" => !text(value).contains([',', '"']),
        _ => true,
    });
    source_is_harmless && options
}

/// The driver local mounts whatever it is told.
fn are_harmless_driver_options(options: &Tree, open: &Open) -> bool {
    let members = options.members();
    let text_of = |name: &str| {
        members.iter().find(|(key, _)| key == name).map(|(_, value)| text(value)).unwrap_or_default()
    };
    let (kind, device, options) = (text_of("type"), text_of("device"), text_of("o"));
    let words: Vec<&str> = options.split(',').collect();
    members.iter().all(|(name, _)| ["type", "device", "o", "size"].contains(&&name[..]))
        && if words.contains(&"bind") || words.contains(&"rbind") {
            ["", "none", "bind"].contains(&&kind[..])
                && words.iter().all(|word| ["", "bind", "rbind", "ro", "rw"].contains(word))
                && may_mount_path(&device, words.contains(&"ro"), open)
        } else {
            kind == "tmpfs" && words.iter().all(|word| is_tmpfs_option(word))
                || kind.is_empty() && device.is_empty() && options.is_empty()
        }
}

fn is_harmless_request(request: &Tree, open: &Open) -> bool {
    let fields = fields(request);
    let has = |device: &str| open.devices.split(',').any(|one| one == device && !device.is_empty());
    let is_cdi = fields.iter().any(|(name, value)| name == "driver" && text(value) == "cdi");
    fields.is_empty()
        || fields.iter().all(|(name, value)| match &name[..] {
            "driver" => is_one_of(value, &["", "nvidia", "amd", "cdi"]),
            // What starts with a slash names no device of CDI.
            "deviceids" => {
                !is_cdi || texts(value).iter().all(|id| id.is_empty() || id.starts_with('/') || has(id))
            }
            "options" => is_nothing(value),
            _ => true,
        }) && (is_cdi || has("gpu"))
}

fn is_harmless_endpoint(endpoint: &Tree, open: &Open) -> bool {
    fields(endpoint).iter().all(|(name, value)| match &name[..] {
        "driveropts" => value.members().iter().all(|(name, value)| {
            match name.strip_prefix("com.docker.network.endpoint.") {
                Some("ifname") => true,
                Some("sysctls") => text(value).split(',').all(|sysctl| sysctl.starts_with("net.")),
                _ => false,
            }
        }),
        "networkid" => is_network(&text(value), open),
        "links" => texts(value).iter().all(|link| link.is_empty() || is_harmless_link(link, open)),
        _ => true,
    })
}

// === Names of what others made. Nothing is the client's own: it has made nothing. ===

/// One that all have, one that is listed, or none.
fn is_network(mode: &str, open: &Open) -> bool {
    match mode {
        "" | "bridge" | "default" | "none" => true,
        // podman reaches the host's services by the other two.
        "host" | "pasta" | "slirp4netns" => open.host_network == "1",
        _ => is_mode_of_container(mode, open) || is_name(mode) && is_listed(mode, open.networks),
    }
}

fn is_volume(name: &str, open: &Open) -> bool {
    // They have no IDs.
    is_name(name) && open.volumes.split(',').any(|entry| is_entry_for(entry, name))
}

fn is_mode_of_container(mode: &str, open: &Open) -> bool {
    mode.split_once(':').is_some_and(|(word, name)| word == "container" && is_container(name, open))
}

/// A name or an ID, or where all are listed the path of a link.
fn is_container(name: &str, open: &Open) -> bool {
    let is_path = !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.-/".contains(letter));
    if is_name(name) { is_listed(name, open.containers) } else { is_path && open.containers == "*" }
}

/// podman gives what the other one only reads to be written, where anything but `ro` is said.
fn may_have_volumes_of(from: &str, open: &Open) -> bool {
    let mut parts = from.splitn(2, ':');
    let name = parts.next().unwrap_or_default();
    let mode_is_good = match parts.next() {
        None | Some("" | "ro") => true,
        Some("rw") => !open.bind_mounts.contains(":ro"),
        Some(_) => false,
    };
    mode_is_good && is_container(name, open)
}

/// Docker gives the container one more name, of the other container's own and of the alias: it must stay below that.
fn is_harmless_link(link: &str, open: &Open) -> bool {
    let parts: Vec<&str> = link.split(':').collect();
    let is_path = |path: &str| path.trim_start_matches('/').split('/').all(is_name);
    let (name, alias_is_good) = match parts[..] {
        [name] => (name, is_name(name) || name.starts_with('/') && is_path(name)),
        [name, alias] if name.starts_with('/') => (name, alias.starts_with('/') && is_path(alias)),
        [name, alias] => (name, is_name(alias)),
        _ => return false,
    };
    alias_is_good && is_container(name.strip_prefix('/').unwrap_or(name), open)
}

/// What a daemon could take for the start of an ID goes by itself, if it is long enough for one.
fn is_listed(name: &str, list: &str) -> bool {
    let is_start = name.chars().all(|letter| letter.is_ascii_hexdigit() || letter == '_');
    let is_id = name.len() >= 12 && !name.contains('_');
    list.split(',').any(|entry| match is_start {
        true => entry == "*" || is_id && entry == name,
        false => is_entry_for(entry, name),
    })
}

fn is_entry_for(entry: &str, name: &str) -> bool {
    entry.strip_suffix('*').map_or(entry == name && !name.is_empty(), |start| name.starts_with(start))
}

fn is_private(subnet: &Tree) -> bool {
    let subnet = text(subnet);
    let octets: Vec<u32> = subnet.split(['.', '/']).map_while(|part| part.parse().ok()).collect();
    subnet.is_empty()
        || subnet.starts_with("fc")
        || subnet.starts_with("fd")
        || match octets[..] {
            [10, _, _, _, length] => length >= 8,
            [172, 16..=31, _, _, length] => length >= 12,
            [192, 168, _, _, length] => length >= 16,
            [100, 64..=127, _, _, length] => length >= 10,
            _ => false,
        }
}

const DEFAULT_CAPABILITIES: [&str; 15] = [
    "",
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

fn is_tmpfs_option(option: &str) -> bool {
    const FLAGS: &str = ",ro,rw,exec,noexec,nosuid,nodev,atime,noatime,diratime,nodiratime,relatime,norelatime,strictatime,sync,async";
    match option.split_once('=') {
        Some((name, value)) => {
            ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks"].contains(&name)
                && value.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '%')
        }
        None => FLAGS.split(',').any(|flag| flag == option),
    }
}

/// An absolute path with one reading; podman pastes it into a list with commas and colons.
fn is_path(path: &str) -> bool {
    let names = path.strip_suffix('/').unwrap_or(path).split('/').skip(1);
    path.starts_with('/')
        && names.clone().count() > 0
        && names.clone().all(|name| !["", ".", ".."].contains(&name))
        && !path.contains([',', ':', '"', '\\'])
        && !path.contains(|letter: char| letter.is_ascii_control())
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.-".contains(letter))
}

/// The characters of a string; empty for what is none, which the daemon does not take for one.
fn text(value: &Tree) -> String {
    value.text().unwrap_or_default()
}

/// The strings of a list, or one in its place.
fn texts(value: &Tree) -> Vec<String> {
    if let Some(text) = value.text() { vec![text] } else { value.items().iter().map(text).collect() }
}

fn written(value: &Tree) -> String {
    String::from_utf8_lossy(&value.write()).into_owned()
}

/// What Go has where nothing is said.
fn is_nothing(value: &Tree) -> bool {
    let written = written(value);
    ["false", "null", "\"\"", "[]", "{}"].contains(&&written[..]) || written.parse() == Ok(0.0)
}

fn is_one_of(value: &Tree, words: &[&str]) -> bool {
    words.contains(&&text(value)[..]) && (value.text().is_some() || is_nothing(value))
}

/// Nothing, or all of these paths. An empty list is none of both.
fn has_all(value: &Tree, paths: &[&str]) -> bool {
    written(value) == "null" || paths.iter().all(|path| texts(value).iter().any(|text| text == path))
}
