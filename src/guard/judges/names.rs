//! Names of what others may have made: it must be the client's own, or listed.

use super::super::fields::Walk;
use super::super::own::Thing;
use super::super::path::is_name;
use super::super::reader::Value;
use super::super::refused::Why;

/// The name or the ID of a container, which must be there.
pub(in super::super) fn container(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    match value.text() {
        Some(name) => walk.names(Thing::Container, &name),
        None => walk.refuse(Why::Takes("the name of a container")),
    }
}

/// The processes that a container sees: Docker makes an ID of the name while it makes the container.
pub(in super::super) fn pid(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    namespace(walk, value, &["private"], "private, or container:NAME");
}

/// The memory that it shares.
pub(in super::super) fn ipc(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    namespace(walk, value, &["private", "shareable", "none"], "private, shareable, none, or container:NAME");
}

fn namespace(walk: &mut Walk<'_>, value: Value<'_>, words: &[&str], form: &'static str) {
    let text = value.text().unwrap_or_default();
    match text.strip_prefix("container:") {
        Some(name) => walk.names(Thing::Container, name),
        None if words.contains(&&*text) => {}
        None => walk.refuse(Why::Takes(form)),
    }
}

/// `NAME` or `NAME:MODE` (moby `volume/mounts/linux_parser.go`, `ParseVolumesFrom`). What the other one only reads stays so with Docker; podman
/// writes it with `rw`.
pub(in super::super) fn volumes_from(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    let text = value.text().unwrap_or_default();
    let (name, mode) = text.split_once(':').unwrap_or((&text, ""));
    let may_write = !walk.allow().bind_mounts.iter().any(|mount| mount.read_only);
    match mode {
        "" | "ro" => walk.names(Thing::Container, name),
        "rw" if may_write => walk.names(Thing::Container, name),
        _ => walk.refuse(Why::Takes("NAME or NAME:ro; NAME:rw where no folder is listed with :ro")),
    }
}

/// `NAME`, `NAME:ALIAS`, or `/NAME:/PARENT/ALIAS` as an inspect shows it (docker/cli `opts/parse.go`, `ParseLink`).
pub(in super::super) fn link(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    let text = value.text().unwrap_or_default();
    let (name, alias) = text.split_once(':').unwrap_or((&text, ""));
    if alias.contains(':') {
        return walk.refuse(Why::Takes("NAME or NAME:ALIAS"));
    }
    walk.names(Thing::Container, name.strip_prefix('/').unwrap_or(name));
}

/// The name of a volume.
pub(in super::super) fn volume(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    match value.text() {
        Some(name) if is_name(&name) => walk.names(Thing::Volume, &name),
        _ => walk.refuse(Why::Takes("a name")),
    }
}
