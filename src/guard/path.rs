//! Paths and names, whole or not at all.

/// Whether a path is one from the root that every reader takes as it stands: without `//`, `.`, `..` or a slash at its end, and
/// without the bytes that some reader cuts it at, as podman does who makes options of it.
pub(super) fn is_clean(path: &str) -> bool {
    let is_good = |byte: u8| !byte.is_ascii_control() && !b",:\"\\".contains(&byte);
    path.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|segment| !matches!(segment, "" | "." | "..")) && rest.bytes().all(is_good)
    })
}

/// The same for a path that may end in a slash, which it is returned without.
pub(super) fn clean(path: &str) -> Option<&str> {
    let path = path.strip_suffix('/').unwrap_or(path);
    is_clean(path).then_some(path)
}

/// The same for a place in a container, which may be the root of a volume too.
pub(super) fn is_clean_place(path: &str) -> bool {
    clean(path).is_some()
}

/// Whether it is a path within something, clean as above.
pub(super) fn is_clean_below(path: &str) -> bool {
    clean(&format!("/{path}")).is_some()
}

/// Whether it is a name that Docker gives to volumes and networks (moby `daemon/names`): no path, and no other word of podman's, as it
/// has no colon.
pub(super) fn is_name(name: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    name.bytes().all(is_good) && name.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// What podman takes for a place where an image is, in front of a colon (containers/image `transports`). `docker:` is one only in
/// front of two slashes.
const TRANSPORTS: [&str; 10] = [
    "atomic",
    "containers-storage",
    "dir",
    "docker-archive",
    "docker-daemon",
    "oci",
    "oci-archive",
    "ostree",
    "sif",
    "tarball",
];

/// Whether it is the name of an image (distribution `reference`), or its ID, and nothing by which podman opens a store or a file of
/// the host.
pub(super) fn is_image(name: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/:@+".contains(&byte);
    let scheme = name.split(':').next().unwrap_or_default();
    name.bytes().all(is_good)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !name.contains(":/")
        && !TRANSPORTS.iter().any(|transport| scheme.eq_ignore_ascii_case(transport))
}
