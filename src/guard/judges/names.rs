//! Names of what others may have made: it must be the client's own, or listed.

use super::super::fields::Walk;
use super::super::path::is_name;
use super::super::reader::Value;
use super::super::refused::Why;
use super::super::thing::Thing;

/// The name or the ID of a container, which must be there.
pub(in super::super) fn container(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    match value.text() {
        Some(name) => walk.names(Thing::Container, &name),
        None => walk.refuse(Why::Takes("the name of a container")),
    }
}

/// The processes that a container sees. Docker makes an ID of the name while it makes the container, if there is one of the name.
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

/// `NAME`, `NAME:ALIAS`, or `/NAME:/PARENT/ALIAS` as an inspect shows it (moby `opts/opts.go`, `ParseLink`). Docker makes a path of the parent's
/// name and the alias and reserves that as a name, so that an alias with dots could be the name of another container.
pub(in super::super) fn link(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    let text = value.text().unwrap_or_default();
    let (name, alias) = match text.split_once(':') {
        None => (&*text, &*text),
        Some((name, alias)) if name.starts_with('/') => (name, alias.strip_prefix('/').unwrap_or_default()),
        Some(parts) => parts,
    };
    let has_parent = text.starts_with('/');
    let name = name.strip_prefix('/').unwrap_or(name);
    match alias.trim_start_matches('/').split('/').all(is_name) && (has_parent || !alias.contains('/')) {
        true => walk.names(Thing::Container, name),
        false => walk.refuse(Why::Takes("NAME or NAME:ALIAS")),
    }
}

/// The name of a volume.
pub(in super::super) fn volume(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    match value.text() {
        Some(name) if is_name(&name) => walk.names(Thing::Volume, &name),
        _ => walk.refuse(Why::Takes("a name")),
    }
}
