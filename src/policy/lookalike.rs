//! Variables that look like grants and are none: `DELETE=1`, `CONTAINER=1`, `LOGS=1`.
//!
//! The environment of a container holds much that is not meant for this program, so a name counts only where it is in
//! capitals, its value is a switch, and it is a word of the API or close to a variable's name.

use super::table::{Kind, VARIABLES};
use crate::vars::parse_switch;

/// What speaks against each such variable: one sentence.
pub fn lookalikes(environment: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
    let mut found: Vec<_> = environment
        .into_iter()
        .filter(|(_, value)| !value.trim().is_empty() && parse_switch("", value).is_ok())
        .filter_map(|(name, value)| {
            let meant = meant_by(&name)?;
            let meant = if meant.is_empty() { String::new() } else { format!(": {meant}") };
            Some(format!(
                "{name}={} changes nothing, as no variable of this program has that name{meant}",
                value.trim()
            ))
        })
        .collect();
    found.sort();
    found
}

/// What the author of a name that is no variable had in mind, as the end of a sentence, empty where that is not known;
/// `None` where the name does not look like a grant.
fn meant_by(name: &str) -> Option<String> {
    let in_capitals = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if !in_capitals || name.len() > MAX_NAME_BYTES || VARIABLES.iter().any(|variable| variable.name == name) {
        return None;
    }
    let did_you_mean = |name: &str| format!("did you mean {name}?");
    if let Some(near) = near(name) {
        return Some(did_you_mean(near));
    }
    // linuxserver has LIBPOD_ALLOW_START and LIBPOD_ALLOW_POD_START, which it does not document.
    let bare = ["LIBPOD_ALLOW_POD_", "LIBPOD_ALLOW_", "LIBPOD_", "ALLOW_"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix));
    let word = bare.unwrap_or(name);
    match word {
        "GET" | "HEAD" => {
            return Some(String::from("GET and HEAD are allowed in every section that is open"));
        }
        "PUT" | "DELETE" | "PATCH" | "OPTIONS" => {
            return Some(String::from("POST=1 stands for every method other than GET and HEAD"));
        }
        _ => {}
    }
    let of_container = VARIABLES.iter().find(|variable| match variable.kind {
        Kind::Gate(segment) => segment.eq_ignore_ascii_case(word),
        Kind::Action(segments) => segments.iter().any(|segment| segment.eq_ignore_ascii_case(word)),
        _ => false,
    });
    if let Some(variable) = of_container {
        return Some(did_you_mean(variable.name));
    }
    let other = WORDS
        .iter()
        .find(|(_, words)| words.contains(&word))
        .map(|(settings, _)| format!("{settings} opens it"));
    // ALLOW_CONTAINERS and LIBPOD_ALLOW_POD_RESTARTS, but not LIBPOD_BUILD: podman's own API has not all of Docker's sections.
    let prefixed = name.strip_prefix("ALLOW_").and_then(|section| near(section).or_else(|| exact(section)));
    let prefixed =
        prefixed.or_else(|| bare.and_then(|word| exact(&format!("ALLOW_{word}")))).map(did_you_mean);
    // Such a prefix has no other use.
    other.or(prefixed).or_else(|| (word != name).then(String::new))
}

/// Words of the API that people take for variables, and what opens them.
const WORDS: &[(&str, &[&str])] = &[
    ("CONTAINERS=1", &["INSPECT", "STATS"]),
    ("CONTAINERS=1 with POST=1", &["ATTACH", "COPY", "CREATE", "PRUNE", "REMOVE", "RENAME", "RESIZE"]),
    ("IMAGES=1", &["SAVE", "SEARCH"]),
    ("IMAGES=1 with POST=1", &["LOAD", "PULL", "PUSH"]),
    ("AUTH=1 with POST=1", &["LOGIN"]),
    ("LIBPOD_CONTAINERS=1, or another LIBPOD_ variable,", &["LIBPOD", "PODMAN"]),
    ("LIBPOD_PODS=1", &["PODS"]),
];

/// No name that is close to a variable's is longer.
const MAX_NAME_BYTES: usize = 32;

fn exact(name: &str) -> Option<&'static str> {
    VARIABLES.iter().map(|variable| variable.name).find(|&real| real == name)
}

/// The variable whose name differs by a plural, an underscore, or by slips that a name of its length allows for. Short
/// names are close to too many words (HOST, PORT and TEST to POST, AUTO to AUTH).
fn near(name: &str) -> Option<&'static str> {
    let plain = |name: &str| name.replace('_', "").trim_end_matches('S').to_owned();
    let names = || VARIABLES.iter().map(|variable| variable.name);
    names().find(|real| plain(real) == plain(name)).or_else(|| {
        let slips = |real: &str| real.len() / 6;
        // A name that is longer or shorter by more is further away: most are not compared letter by letter.
        let close = names().filter(|real| real.len().abs_diff(name.len()) <= slips(real));
        let close = close.map(|real| (distance(name, real), real));
        close.filter(|&(distance, real)| distance <= slips(real)).min().map(|(_, real)| real)
    })
}

/// How many letters to insert, delete, replace or swap with their neighbour make one name of the other (optimal string
/// alignment).
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut rows = vec![(0..=other.len()).collect::<Vec<_>>()];
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}
