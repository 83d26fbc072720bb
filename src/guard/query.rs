//! Requests whose query says what they may do: builds, pulls, pushes, tags and commits; and what a query says beside a name in the path.
//!
//! A parameter that is not known passes only where it is empty: what looks like zero otherwise is a text to some reader. Each of those that
//! come twice is judged, so that it does not matter which one a reader takes.

use super::fields::Walk;
use super::judges::network_name;
use super::made::MAX_NAME_BYTES;
use super::path::{is_clean_below, is_image, is_name};
use super::reader::{Kind, Value, read};
use super::refused::Why;
use super::thing::Thing;
use crate::http::bytes::read_escape;

/// What a parameter's value may be.
#[derive(Clone, Copy)]
enum Check {
    /// Anything.
    Free,
    /// The name of an image, or its tag: podman takes others for a place on the host, which it reads or writes.
    Image,
    /// The name that an image gets.
    Named,
    /// The name or the ID of a container.
    Container,
    /// A path in the context.
    Below,
    /// A list of names of images, as JSON.
    Images,
    /// A list of nothing, as JSON.
    Nothing,
    /// The name of a network, or one of the modes.
    Network,
    /// BuildKit, which gives a `RUN --network=host` of the client's the host's network.
    Builder,
    /// Where the context comes from, if not from the body.
    Remote,
    /// Only with ALLOW_HOST_NETWORK, as it takes BuildKit.
    Session,
    /// The same, but for a list of nothing.
    Outputs,
}

/// `POST /build`: moby `build_routes.go`, `newImageBuildOptions`. podman has many more, of which some mount folders of the host.
const BUILD: &[(&str, Check)] = &[
    ("t", Check::Named),
    ("q", Check::Free),
    ("nocache", Check::Free),
    ("rm", Check::Free),
    ("forcerm", Check::Free),
    ("pull", Check::Free),
    ("dockerfile", Check::Below),
    ("memory", Check::Free),
    ("memswap", Check::Free),
    ("cpushares", Check::Free),
    ("cpuperiod", Check::Free),
    ("cpuquota", Check::Free),
    ("cpusetcpus", Check::Free),
    ("cpusetmems", Check::Free),
    ("shmsize", Check::Free),
    ("squash", Check::Free),
    ("labels", Check::Free),
    ("buildargs", Check::Free),
    ("cachefrom", Check::Images),
    ("target", Check::Free),
    ("platform", Check::Free),
    ("ulimits", Check::Free),
    ("extrahosts", Check::Free),
    ("buildid", Check::Free),
    ("networkmode", Check::Network),
    ("version", Check::Builder),
    ("remote", Check::Remote),
    ("session", Check::Session),
    ("outputs", Check::Outputs),
    ("securityopt", Check::Nothing),
];

/// `POST /images/create`. What else there is belongs to an import.
const PULL: &[(&str, Check)] =
    &[("fromImage", Check::Image), ("tag", Check::Image), ("platform", Check::Free)];

/// `POST /images/{name}/push`. podman pushes to a folder of the host, too, where it is told so.
const PUSH: &[(&str, Check)] = &[
    ("tag", Check::Image),
    ("platform", Check::Free),
    ("destination", Check::Image),
    ("all", Check::Free),
    ("compress", Check::Free),
    ("format", Check::Free),
    ("tlsVerify", Check::Free),
];

/// `POST /commit`.
const COMMIT: &[(&str, Check)] = &[
    ("container", Check::Container),
    ("repo", Check::Image),
    ("tag", Check::Image),
    ("author", Check::Free),
    ("comment", Check::Free),
    ("pause", Check::Free),
    ("changes", Check::Free),
];

/// `POST /images/{name}/tag`.
const TAG: &[(&str, Check)] = &[("repo", Check::Image), ("tag", Check::Image)];

/// Refuses what podman does to others, where a request has the name of one: `all` restarts every container, and `depend` removes those that
/// depend on it. `force` removes the containers that use a volume, an image or a network. What a client sends to say no is left.
pub(super) fn others(walk: &mut Walk<'_>, query: &[u8], words: &[&str]) {
    for pair in pairs(query) {
        let Some((key, value)) = pair else {
            walk.refuse(Why::Takes("plain parameters"));
            continue;
        };
        if words.iter().any(|word| key.eq_ignore_ascii_case(word)) && !matches!(&*value, "0" | "false") {
            walk.within(&key, |walk| walk.refuse(Why::Never));
        }
    }
}

/// Judges a push's, and the name in its path.
pub(super) fn push(walk: &mut Walk<'_>, name: &str, query: &[u8]) {
    judge(walk, query, PUSH);
    image(walk, name);
}

/// Judges those of a tag, and the name in its path.
pub(super) fn tag(walk: &mut Walk<'_>, name: &str, query: &[u8]) {
    judge(walk, query, TAG);
    image(walk, name);
    repository(walk, query);
}

/// Judges a commit's.
pub(super) fn commit(walk: &mut Walk<'_>, query: &[u8]) {
    judge(walk, query, COMMIT);
    repository(walk, query);
}

/// The image that a path names.
fn image(walk: &mut Walk<'_>, name: &str) {
    if !is_image(name) {
        walk.at("the image", |walk| walk.refuse(Why::Takes("the name of an image")));
    }
}

/// The name that an image gets by `repo` and `tag`, of which there may be one each: readers differ in which of several they take.
fn repository(walk: &mut Walk<'_>, query: &[u8]) {
    let values = |key: &str| -> Vec<String> {
        let of_key = |(name, value): (String, String)| (name == key && !value.is_empty()).then_some(value);
        pairs(query).flatten().filter_map(of_key).collect()
    };
    let name = match (&values("repo")[..], &values("tag")[..]) {
        ([], _) => return,
        ([repository], []) => repository.clone(),
        // Docker puts it in place of one that the repository has, which a port in front of a slash is not.
        ([repository], [tag]) if !repository.rsplit('/').next().is_some_and(|last| last.contains(':')) => {
            format!("{repository}:{tag}")
        }
        _ => return walk.refuse(Why::Takes("one repo and one tag")),
    };
    walk.within("repo", |walk| walk.gives(&name));
}

/// The name that a parameter gives to a container, if it is a plain one. podman takes `Name` for it, too, and Docker does not: so there may be no
/// such one. Docker leaves out a slash before the name.
pub(super) fn name(query: &[u8]) -> Option<Box<str>> {
    let mut names = None;
    for pair in pairs(query) {
        let (key, value) = pair?;
        if key.eq_ignore_ascii_case("name") && (key != "name" || names.replace(value).is_some()) {
            return None;
        }
    }
    let name = names?;
    let name = name.strip_prefix('/').unwrap_or(&name);
    (is_name(name) && name.len() <= MAX_NAME_BYTES).then(|| name.into())
}

/// Judges a build's.
pub(super) fn build(walk: &mut Walk<'_>, query: &[u8]) {
    judge(walk, query, BUILD);
}

/// Judges a pull's: it must be one.
pub(super) fn pull(walk: &mut Walk<'_>, query: &[u8]) {
    judge(walk, query, PULL);
    // Docker takes the first of several, and an import where that is empty.
    let mut images = pairs(query).flatten().filter(|(key, _)| key == "fromImage");
    if images.next().is_none_or(|(_, name)| name.is_empty()) || images.next().is_some() {
        walk.refuse(Why::Takes("one fromImage: an import could take the name of any image"));
    }
}

fn judge(walk: &mut Walk<'_>, query: &[u8], known: &[(&str, Check)]) {
    for pair in pairs(query) {
        let Some((key, value)) = pair else {
            walk.refuse(Why::Takes("plain parameters"));
            continue;
        };
        if value.is_empty() {
            continue;
        }
        let is_list = || matches!(&*value, "null" | "[]");
        let check = known.iter().find(|(name, _)| *name == key).map(|(_, check)| *check);
        walk.within(&key, |walk| match check {
            Some(Check::Free) => {}
            Some(Check::Image) if is_image(&value) => {}
            Some(Check::Named) if is_image(&value) => walk.gives(&value),
            Some(Check::Image | Check::Named) => walk.refuse(Why::Takes("the name of an image")),
            Some(Check::Container) => walk.names(Thing::Container, &value),
            Some(Check::Below) if is_clean_below(value.trim_start_matches("./")) => {}
            Some(Check::Below) => walk.refuse(Why::Takes("a path below, without ..")),
            Some(Check::Images) => images(walk, read(value.as_bytes()).ok()),
            Some(Check::Nothing | Check::Outputs) if is_list() => {}
            Some(Check::Nothing) => walk.refuse(Why::Never),
            Some(Check::Network) => network_name(walk, &value),
            Some(Check::Builder) if value == "1" => {}
            Some(Check::Remote) if value != "client-session" => walk.refuse(Why::Never),
            Some(Check::Builder | Check::Remote | Check::Session | Check::Outputs) => {
                walk.needs_host_network()
            }
            None => walk.refuse(Why::Never),
        });
    }
}

fn images(walk: &mut Walk<'_>, list: Option<Value<'_>>) {
    let is_image = |item: Value<'_>| item.text().is_some_and(|name| is_image(&name));
    if !list.is_some_and(|list| list.is_zero() || (list.kind() == Kind::List && list.items().all(is_image))) {
        walk.refuse(Why::Takes("a list of names of images"));
    }
}

/// The keys and values of a query, decoded as forms are; `None` for one that some reader cuts or reads otherwise: Go up to 1.16 ends a
/// pair at a semicolon too, and leaves out pairs with a bad escape.
fn pairs(query: &[u8]) -> impl Iterator<Item = Option<(String, String)>> {
    query.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_at(memchr::memchr(b'=', pair).unwrap_or(pair.len()));
        if pair.contains(&b';') {
            return None;
        }
        Some((decode(key)?, decode(value.strip_prefix(b"=").unwrap_or(value))?))
    })
}

/// Percent escapes and plus signs (net/url `QueryUnescape`).
fn decode(mut text: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    while let Some((&byte, rest)) = text.split_first() {
        let (byte, rest) = match byte {
            b'%' => read_escape(text)?,
            b'+' => (b' ', rest),
            byte => (byte, rest),
        };
        decoded.push(byte);
        text = rest;
    }
    String::from_utf8(decoded).ok()
}
