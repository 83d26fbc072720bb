//! The fields whose values are judged by more than a list of words.
//!
//! Each value is held as a whole against what may be there. Nothing is searched for what may not.

use super::allow::{GPU, Mountable, is_capability, is_device, plain_capability};
use super::fields::Walk;
use super::path::{clean, is_image, is_name};
use super::reader::{Kind, Value};
use super::refused::{Need, Why};
use super::tables::{DEVICE, DEVICE_REQUEST, ENDPOINT, MOUNT};
use std::borrow::Cow;
use std::net::IpAddr;

/// A member of an object, in Docker's spelling.
fn member<'b>(object: Value<'b>, name: &str) -> Option<Value<'b>> {
    object.members().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// A text of an object; empty where there is none.
fn text_of<'b>(object: Value<'b>, name: &str) -> Cow<'b, str> {
    member(object, name).and_then(Value::text).unwrap_or_default()
}

// === What is mounted ===

/// What a bind mount may be told besides. What is mounted in it never comes out.
const BIND_MODES: [&str; 14] = [
    "",
    "rw",
    "ro",
    "z",
    "Z",
    "cached",
    "consistent",
    "delegated",
    "private",
    "rprivate",
    "nosuid",
    "nodev",
    "noexec",
    "nocopy",
];

/// A folder of the host that is mounted, and whether it is only read. Its labels are written with `z`.
fn host_path(walk: &mut Walk<'_>, path: &str, only_read: bool) {
    let Some(path) = Some(path).filter(|path| *path == "/").or_else(|| clean(path)) else {
        return walk.refuse(Why::Takes("a clean path of the host"));
    };
    match walk.allow.mountable(path) {
        Mountable::Yes => {}
        Mountable::ReadOnly if only_read => {}
        Mountable::ReadOnly => walk.refuse(Why::ReadOnly),
        Mountable::No => walk.refuse(Why::Needs(Need::BindMount(path.to_owned(), !only_read))),
    }
}

/// `SOURCE:TARGET:MODES`, the first and the last of which may be missing (moby `volume/mounts/linux_parser.go`).
pub(super) fn bind(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    let form = Why::Takes("SOURCE:TARGET or SOURCE:TARGET:MODES");
    let Some(text) = value.text() else { return walk.refuse(form) };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, modes) = match parts[..] {
        [target] => (None, target, ""),
        [source, target] => (Some(source), target, ""),
        [source, target, modes] => (Some(source), target, modes),
        _ => return walk.refuse(form),
    };
    if clean(target).is_none() {
        return walk.refuse(Why::Takes("a clean path as its target"));
    }
    let modes: Vec<&str> = modes.split(',').collect();
    if !modes.iter().all(|mode| BIND_MODES.contains(mode)) {
        return walk.refuse(Why::Takes("other modes"));
    }
    match source {
        None => {}
        Some(source) if source.starts_with('/') => {
            let has = |mode| modes.contains(&mode);
            host_path(walk, source, has("ro") && !has("rw") && !has("z") && !has("Z"));
        }
        Some(source) if is_name(source) => {}
        Some(_) => walk.refuse(Why::Takes("a path of the host, or the name of a volume")),
    }
}

/// An entry of Mounts.
pub(super) fn mount(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    walk.object(value, &[MOUNT]);
    // podman finds one in other fields where it is missing, and takes the target for a source that is missing.
    let needs_source = match &*text_of(value, "Type") {
        "" => return walk.within("Type", |walk| walk.refuse(Why::Takes("bind, volume, tmpfs or image"))),
        kind => matches!(kind, "bind" | "image"),
    };
    if needs_source {
        demand(walk, value, "Source");
    }
}

/// Refuses an object in which such a text is missing: what is zero is not judged elsewhere.
fn demand(walk: &mut Walk<'_>, object: Value<'_>, name: &str) {
    if text_of(object, name).is_empty() {
        walk.within(name, |walk| walk.refuse(Why::Takes("a text, and none is there")));
    }
}

/// What its source is goes by its type.
pub(super) fn mount_source(walk: &mut Walk<'_>, value: Value<'_>, mount: Value<'_>) {
    let Some(source) = value.text() else { return walk.refuse(Why::Takes("a string")) };
    match &*text_of(mount, "Type") {
        "bind" => {
            let only_read = member(mount, "ReadOnly").is_some_and(|value| value.raw() == "true");
            host_path(walk, &source, only_read);
        }
        "volume" if is_name(&source) => {}
        "volume" => walk.refuse(Why::Takes("the name of a volume")),
        "image" if is_image(&source) => {}
        "image" => walk.refuse(Why::Takes("the name of an image")),
        _ => walk.refuse(Why::Takes("nothing for this type")),
    }
}

/// What the local driver is told (moby `volume/local/local_unix.go`): it mounts any file system that the kernel knows.
pub(super) fn driver_options(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    walk.entries(value, |walk, key, value| match (key, value.kind()) {
        ("type" | "device" | "o" | "size", Kind::Text) => {}
        ("type" | "device" | "o" | "size", _) => walk.refuse(Why::Takes("a string")),
        _ => walk.refuse(Why::Never),
    });
    let [kind, device, options] = ["type", "device", "o"].map(|name| text_of(value, name));
    let options: Vec<&str> = options.split(',').collect();
    let has = |option| options.contains(&option);
    let is_bind_option =
        |option: &&str| matches!(*option, "bind" | "rbind") || BIND_MODES[..3].contains(option);
    match &*kind {
        "" if device.is_empty() && options == [""] => {}
        "tmpfs" if is_name(&device) && options.iter().all(|option| is_tmpfs_option(option)) => {}
        "" | "none" | "bind" if (has("bind") || has("rbind")) && options.iter().all(is_bind_option) => {
            // podman loses the `ro` on the way, and with rbind Docker leaves what is mounted below as it is. So `:ro` is not for volumes.
            walk.within("device", |walk| host_path(walk, &device, false));
        }
        _ => walk.within("type", |walk| {
            walk.refuse(Why::Takes("tmpfs with its options, or none with o=bind and a path"));
        }),
    }
}

/// Whether it is an option of a tmpfs that leaves out devices and set-user-ID programs (tmpfs(5)).
fn is_tmpfs_option(option: &str) -> bool {
    const FLAGS: [&str; 11] = [
        "",
        "rw",
        "ro",
        "exec",
        "noexec",
        "nosuid",
        "nodev",
        "noatime",
        "nodiratime",
        "relatime",
        "strictatime",
    ];
    const KEYS: [&str; 6] = ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks"];
    let is_number = |value: &str| value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'%');
    FLAGS.contains(&option)
        || option.split_once('=').is_some_and(|(key, value)| KEYS.contains(&key) && is_number(value))
}

/// Whether all of these are.
pub(super) fn is_tmpfs(options: &str) -> bool {
    options.split(',').all(is_tmpfs_option)
}

/// An option of a mount of type tmpfs: a flag, or a key and a value.
pub(super) fn tmpfs_pair(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    let words: Option<Vec<_>> = value.items().map(Value::text).collect();
    let is_good = |words: Vec<Cow<'_, str>>| words.len() <= 2 && is_tmpfs_option(&words.join("="));
    if value.kind() != Kind::List || !words.is_some_and(is_good) {
        walk.refuse(Why::Takes("options of a tmpfs"));
    }
}

/// Whether it is the one option of storage that is known.
pub(super) fn is_size(key: &str) -> bool {
    key == "size"
}

// === Rights ===

/// A capability.
pub(super) fn capability(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    match value.text() {
        Some(name) if walk.allow.has_capability(&name) => {}
        Some(name) if is_capability(&plain_capability(&name)) => {
            walk.refuse(Why::Needs(Need::Capability(plain_capability(&name))));
        }
        _ => walk.refuse(Why::Takes("names of capabilities")),
    }
}

/// Paths that no container may see, or write, since Engine 20.10 (moby `oci/defaults.go`). Newer ones have more.
const MASKED: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
];
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

pub(super) fn masked_paths(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    has_all(walk, value, &MASKED);
}

pub(super) fn read_only_paths(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    has_all(walk, value, &READ_ONLY);
}

fn has_all(walk: &mut Walk<'_>, value: Value<'_>, paths: &[&str]) {
    let has = |path: &&str| value.items().any(|item| item.text().is_some_and(|text| text == *path));
    if value.kind() != Kind::Null && !paths.iter().all(has) {
        walk.refuse(Why::Takes("null, or all of Docker's own paths"));
    }
}

/// Settings of the kernel that each container has of its own (moby `opts/opts.go`, runc `validate/validator.go`).
pub(super) fn sysctls(walk: &mut Walk<'_>, value: Value<'_>, host_config: Value<'_>) {
    const OF_IPC: [&str; 8] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    let network = text_of(host_config, "NetworkMode");
    let own_network = network != "host" && !network.starts_with("container:");
    let is_plain = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    walk.entries(value, |walk, key, _| {
        let of_network = key.starts_with("net.") && own_network;
        if !is_plain(key) || !(of_network || key.starts_with("fs.mqueue.") || OF_IPC.contains(&key)) {
            walk.refuse(Why::Never);
        }
    });
}

/// Nothing at all: the daemon asks whether it is there, and an empty object is.
pub(super) fn absent(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    if value.kind() != Kind::Null {
        walk.refuse(Why::Never);
    }
}

/// From 0 to 1000: with less, others would be ended first.
pub(super) fn oom_score(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    let digits = value.raw();
    if digits.len() > 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        walk.refuse(Why::Takes("a number from 0 to 1000"));
    }
}

/// Whether a variable says its value. podman reads others from its own environment, where they end in a star.
pub(super) fn is_plain_variable(text: &str) -> bool {
    text.contains('=') || !text.contains('*')
}

// === Devices ===

/// A device of the host.
pub(super) fn device(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    walk.object(value, &[DEVICE]);
    demand(walk, value, "PathOnHost");
}

/// The path of a device, or a name of the container device interface.
pub(super) fn device_on_host(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    match value.text() {
        Some(name) => device_name(walk, &name),
        None => walk.refuse(Why::Takes("a string")),
    }
}

fn device_name(walk: &mut Walk<'_>, name: &str) {
    if !is_device(name) || name == GPU {
        walk.refuse(Why::Takes("a clean path, or a name such as vendor.com/class=name"));
    } else if !walk.allow.has_device(name) {
        walk.refuse(Why::Needs(Need::Device(name.to_owned())));
    }
}

/// Whether these are rights to a device.
pub(super) fn are_permissions(text: &str) -> bool {
    text.bytes().all(|byte| b"rwm".contains(&byte))
}

/// What `--gpus` asks for, or devices by their names.
pub(super) fn device_request(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    const OF_GPU: [&str; 8] =
        [GPU, "nvidia", "compute", "utility", "video", "graphics", "display", "compat32"];
    walk.object(value, &[DEVICE_REQUEST]);
    if text_of(value, "Driver") == "cdi" {
        return;
    }
    let of_gpu = |words: Value<'_>| {
        let words: Option<Vec<_>> = words.items().map(Value::text).collect();
        words.is_some_and(|words| {
            words.iter().any(|word| word == GPU) && words.iter().all(|word| OF_GPU.contains(&&**word))
        })
    };
    let mut capabilities = member(value, "Capabilities").into_iter().flat_map(Value::items).peekable();
    if capabilities.peek().is_none() || !capabilities.all(of_gpu) {
        walk.refuse(Why::Takes("the capability gpu, or the driver cdi"));
    } else if !walk.allow.devices.iter().any(|name| name == GPU) {
        walk.refuse(Why::Needs(Need::Device(GPU.to_owned())));
    }
}

/// Names of the container device interface, or numbers and IDs of GPUs.
pub(super) fn device_ids(walk: &mut Walk<'_>, value: Value<'_>, request: Value<'_>) {
    let is_cdi = text_of(request, "Driver") == "cdi";
    let is_plain = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    walk.each(value, |walk, id| match id.text() {
        Some(id) if is_cdi => device_name(walk, &id),
        Some(id) if is_plain(&id) => {}
        _ => walk.refuse(Why::Takes("IDs of devices")),
    });
}

// === Networks ===

/// The name or the ID of a network.
pub(super) fn network(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    match value.text() {
        Some(name) => network_name(walk, &name),
        None => walk.refuse(Why::Takes("a string")),
    }
}

/// That of the host's is `host`, and one with a colon is that of a container, or podman's way to say more.
pub(super) fn network_name(walk: &mut Walk<'_>, name: &str) {
    let of_other = name == "host" || name.strip_prefix("container:").is_some_and(is_name);
    if of_other {
        walk.needs_host_network();
    } else if !is_name(name) {
        walk.refuse(Why::Takes("the name of a network"));
    }
}

/// The networks that a container is in, by their names.
pub(super) fn endpoints(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    walk.entries(value, |walk, name, endpoint| {
        network_name(walk, name);
        walk.object(endpoint, &[ENDPOINT]);
    });
}

/// What a network's driver is told of a container.
pub(super) fn endpoint_options(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    let is_sysctl = |text: &str| {
        text.starts_with("net.")
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-= ".contains(&byte))
    };
    walk.entries(value, |walk, key, value| match (key, value.text()) {
        ("com.docker.network.endpoint.ifname", Some(name)) if is_name(&name) => {}
        ("com.docker.network.endpoint.sysctls", Some(list)) if list.split(',').all(is_sysctl) => {}
        _ => walk.refuse(Why::Never),
    });
}

/// What the driver bridge is told. A bridge that the host has is another one's.
pub(super) fn network_options(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    const KNOWN: [&str; 10] = [
        "com.docker.network.bridge.enable_icc",
        "com.docker.network.bridge.enable_ip_masquerade",
        "com.docker.network.bridge.gateway_mode_ipv4",
        "com.docker.network.bridge.gateway_mode_ipv6",
        "com.docker.network.bridge.host_binding_ipv4",
        "com.docker.network.container_iface_prefix",
        "com.docker.network.driver.mtu",
        "com.docker.network.enable_ipv6",
        // podman.
        "isolate",
        "mtu",
    ];
    walk.entries(value, |walk, key, value| {
        if !KNOWN.contains(&key) || value.kind() != Kind::Text {
            walk.refuse(Why::Never);
        }
    });
}

/// A range of addresses that are for private use: the host sends what is in it to the bridge.
pub(super) fn subnet(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    let text = value.text().unwrap_or_default();
    let is_number = |digits: &&str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let range = text
        .split_once('/')
        .and_then(|(address, length)| Some((address, Some(length).filter(is_number)?.parse().ok()?)));
    if !range.is_some_and(|(address, length)| is_private(address, length)) {
        walk.refuse(Why::Takes("a private range, such as 10.1.0.0/16"));
    }
}

/// The bridge's own address, which the host then has.
pub(super) fn gateway(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    if !value.text().is_some_and(|address| is_private(&address, 32)) {
        walk.refuse(Why::Takes("a private address, such as 10.1.0.1"));
    }
}

/// Whether a range, given by its first address and the length of what all of it have in common, is for private use (RFC 1918, RFC 6598,
/// RFC 4193).
fn is_private(address: &str, length: u8) -> bool {
    match address.parse() {
        Ok(IpAddr::V4(address)) if length <= 32 => match address.octets() {
            [10, ..] => length >= 8,
            [172, 16..=31, ..] => length >= 12,
            [192, 168, ..] => length >= 16,
            [100, 64..=127, ..] => length >= 10,
            _ => false,
        },
        Ok(IpAddr::V6(address)) if length <= 128 => address.segments()[0] & 0xfe00 == 0xfc00 && length >= 7,
        _ => false,
    }
}

// === Logs ===

/// What the driver of the logs is told. Others than these name servers, files and fields of the host's.
pub(super) fn log_options(walk: &mut Walk<'_>, value: Value<'_>, config: Value<'_>) {
    const OF_ALL: [&str; 5] = ["max-size", "max-file", "compress", "mode", "max-buffer-size"];
    const OF_FILES: [&str; 5] = ["tag", "labels", "labels-regex", "env", "env-regex"];
    let is_file = matches!(&*text_of(config, "Type"), "json-file" | "local");
    walk.entries(value, |walk, key, value| {
        let is_known = OF_ALL.contains(&key) || (is_file && OF_FILES.contains(&key));
        if !is_known || value.kind() != Kind::Text {
            walk.refuse(Why::Never);
        }
    });
}
