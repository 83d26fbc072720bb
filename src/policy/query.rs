//! Queries that ask for more than their path does.

/// One query for each thing that is looked for in this file, for reports.
pub(super) const QUERIES: [&str; 5] = ["showsecret=true", "checkpoint", "signal", "ps_args", "dir"];

/// Whether a query could make podman show a secret in clear (`showsecret`, on the compat path too). Its decoder matches
/// keys without regard to case, letters beyond ASCII included.
pub(super) fn shows_secret(query: &[u8]) -> bool {
    values_of(&[b"showsecret"], query).any(|value| !is_off(value))
}

/// Whether a start's query could name a checkpoint to go on from, which dockerd (where it is experimental) looks for in any
/// folder of the host.
pub(super) fn names_checkpoint(query: &[u8]) -> bool {
    values_of(&[b"checkpoint", b"checkpoint-dir"], query).next().is_some()
}

/// Whether a query could name the signal to stop a container with.
pub(super) fn names_signal(query: &[u8]) -> bool {
    values_of(&[b"signal"], query).next().is_some()
}

/// Whether a query could have arguments for ps: `e` shows the environment.
pub(super) fn names_arguments_of_ps(query: &[u8]) -> bool {
    values_of(&[b"ps_args"], query).next().is_some()
}

/// Whether a query could name a folder of checkpoints.
pub(super) fn names_folder(query: &[u8]) -> bool {
    values_of(&[b"dir"], query).next().is_some()
}

/// Whether a query could have podman do to others what is asked for by the name of one: `all` restarts every container, `depend`
/// removes those that depend on it, `parent` compares with another one. `force` removes the containers that use a volume, an image or
/// a network; what is removed of containers and pods is that itself.
pub(super) fn reaches_others(query: &[u8], of_containers: bool) -> bool {
    let words: [&[u8]; 4] = [b"all", b"depend", b"parent", b"force"];
    let words = if of_containers { &words[..3] } else { &words };
    values_of(words, query).any(|value| !is_off(value))
}

/// Whether the value of a switch, with its `=`, is plainly that it is off.
fn is_off(value: &[u8]) -> bool {
    matches!(value, b"=false" | b"=0")
}

/// Each key of a query, and its value with the `=`, where it has one. Go up to 1.16 ends a pair at a semicolon too.
pub(super) fn pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let pairs = query.split(|byte| matches!(byte, b'&' | b';'));
    pairs.map(|pair| pair.split_at(memchr::memchr(b'=', pair).unwrap_or(pair.len())))
}

/// The value, with its `=`, of each pair of a query whose key is one of these words in some reader's eyes: every key that is
/// not plainly another one counts.
fn values_of<'q>(words: &'q [&[u8]], query: &'q [u8]) -> impl Iterator<Item = &'q [u8]> {
    pairs(query).filter_map(move |(key, value)| {
        let escaped = key.iter().any(|byte| matches!(byte, b'%' | b'+'));
        (escaped || words.iter().any(|word| key.eq_ignore_ascii_case(word))).then_some(value)
    })
}
