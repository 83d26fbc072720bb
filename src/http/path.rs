//! How a path is split: version, section, and what is below.

/// A path, split at its section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split<'p> {
    /// Whether it is a path of podman's own API.
    pub libpod: bool,
    /// The section's segment.
    pub section: &'p [u8],
    /// What is below it: empty, or from a slash on.
    pub below: &'p [u8],
}

/// Splits a path at its section: the first segment behind the version, if it has one, and behind `libpod`.
#[must_use]
pub fn split(path: &[u8]) -> Split<'_> {
    let (section, below) = split_segment(without_version(path));
    if section != b"libpod" {
        return Split { libpod: false, section, below };
    }
    let (section, below) = split_segment(below);
    Split { libpod: true, section, below }
}

/// The path behind its version prefix.
#[must_use]
pub fn without_version(path: &[u8]) -> &[u8] {
    split_version(path).1
}

/// The version prefix, `/v1.41`, or nothing, and the path behind it: dockerd takes `/v[0-9.]+/`, podman
/// `/v[0-9][0-9A-Za-z.-]*/`. Taking either as a version is safe for both: where one of them does not, it knows no route of such a
/// name.
#[must_use]
pub fn split_version(path: &[u8]) -> (&[u8], &[u8]) {
    let (segment, below) = split_segment(path);
    let is_version = match segment {
        [b'v', version @ ..] if !version.is_empty() => {
            version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
                || (version[0].is_ascii_digit()
                    && version.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')))
        }
        _ => false,
    };
    path.split_at(if is_version { path.len() - below.len() } else { 0 })
}

/// The first segment of a path that is empty or starts with a slash, and what is below it, which is so too.
fn split_segment(path: &[u8]) -> (&[u8], &[u8]) {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    path.split_at(memchr::memchr(b'/', path).unwrap_or(path.len()))
}
