//! What is mounted.

use super::super::allow::Mountable;
use super::super::fields::Walk;
use super::super::path::{clean, is_image, is_name};
use super::super::reader::{Kind, Value};
use super::super::refused::{Need, Why};
use super::super::tables::MOUNT;
use super::super::thing::Thing;
use super::{demand, text_of};
use std::borrow::Cow;

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
    match walk.allow().mountable(path) {
        Mountable::Yes => {}
        Mountable::ReadOnly if only_read => {}
        Mountable::ReadOnly => walk.refuse(Why::ReadOnly),
        Mountable::No => walk.refuse(Why::Needs(Need::BindMount(path.to_owned(), !only_read))),
    }
}

/// `SOURCE:TARGET:MODES`, the first and the last of which may be missing (moby `volume/mounts/linux_parser.go`).
pub(in super::super) fn bind(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
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
        Some(source) if is_name(source) => walk.names(Thing::Volume, source),
        Some(_) => walk.refuse(Why::Takes("a path of the host, or the name of a volume")),
    }
}

/// An entry of Mounts.
pub(in super::super) fn mount(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
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

/// What its source is goes by its type.
pub(in super::super) fn mount_source(walk: &mut Walk<'_>, value: Value<'_>, mount: Value<'_>) {
    let Some(source) = value.text() else { return walk.refuse(Why::Takes("a string")) };
    match &*text_of(mount, "Type") {
        "bind" => {
            let only_read = mount.member("ReadOnly").is_some_and(|value| value.raw() == "true");
            host_path(walk, &source, only_read);
        }
        "volume" if is_name(&source) => walk.names(Thing::Volume, &source),
        "volume" => walk.refuse(Why::Takes("the name of a volume")),
        "image" if is_image(&source) => {}
        "image" => walk.refuse(Why::Takes("the name of an image")),
        _ => walk.refuse(Why::Takes("nothing for this type")),
    }
}

/// What the local driver is told (moby `volume/local/local_unix.go`): it mounts any file system that the kernel knows.
pub(in super::super) fn driver_options(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
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
pub(in super::super) fn is_tmpfs(options: &str) -> bool {
    options.split(',').all(is_tmpfs_option)
}

/// An option of a mount of type tmpfs: a flag, or a key and a value.
pub(in super::super) fn tmpfs_pair(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    let words: Option<Vec<_>> = value.items().map(Value::text).collect();
    let is_good = |words: Vec<Cow<'_, str>>| words.len() <= 2 && is_tmpfs_option(&words.join("="));
    if value.kind() != Kind::List || !words.is_some_and(is_good) {
        walk.refuse(Why::Takes("options of a tmpfs"));
    }
}

/// Whether it is the one option of storage that is known.
pub(in super::super) fn is_size(key: &str) -> bool {
    key == "size"
}
