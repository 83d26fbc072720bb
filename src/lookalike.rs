//! Variables that look like this program's and are none: `DELETE=1`, `CONTAINER=1`, `LOGLEVEL=debug`, `post=1`.
//!
//! The environment of a container holds much that is not meant for this program, so a name counts only where it is close to a
//! variable's, or a word of the API or of another image. What it is set to must be a switch where a grant would be meant.

use crate::config::{SETTINGS, frontends};
use crate::distance::{distance, plain};
use crate::policy::{ROUTES, Route, VARIABLES};
use crate::vars::{Environment, Error, parse_switch};

/// What is read of an environment, and what speaks against variables in it that look like this program's and are none.
///
/// # Errors
/// The sentence that says why it cannot be used.
pub fn read<T>(
    environment: &Environment,
    of: fn(&Environment) -> Result<T, Error>,
) -> Result<(T, Vec<String>), String> {
    let read = of(environment).map_err(|error| error.to_string())?;
    Ok((read, lookalikes(environment)?))
}

/// What the author of a name that is no variable had in mind.
enum Meant {
    /// This variable: its name was misspelt.
    Variable(String),
    /// ALLOW_ROUTES or DENY_ROUTES: what was to be closed is not.
    Lists,
    /// What this end of a sentence says, which is empty where nothing is known.
    Hint(String),
}

/// What speaks against each such variable: one sentence.
///
/// # Errors
/// The sentence about the first one that could leave more open than was meant: a misspelt variable that under its right name
/// would close something, or whose value would not be understood there.
#[inline(never)]
pub fn lookalikes(environment: &Environment) -> Result<Vec<String>, String> {
    if environment.has("BIND_CONFIG") {
        return Err(String::from(BIND_CONFIG));
    }
    let variables = known();
    let open = frontends::read(environment);
    let frontends = open.as_deref().unwrap_or_default();
    let clients: Vec<&str> = frontends.iter().filter_map(|frontend| frontend.name.as_deref()).collect();
    let mut sentences = Vec::new();
    for (name, value) in environment.iter().filter(|(name, _)| environment.has(name)) {
        // Those of clients are looked at where they are read.
        if frontends::split(name).is_some() || variables.iter().any(|variable| variable.name == name) {
            continue;
        }
        let is_switch = parse_switch("", value).is_ok();
        let of_client = client_meant_by(name, (value, is_switch), &clients, &variables);
        let Some(meant) = of_client.or_else(|| meant_by(name, is_switch, &variables)) else { continue };
        // Other values can be long, and nobody knows what they hold.
        let setting = if is_switch { format!("{name}={}", value.trim()) } else { name.to_owned() };
        let nothing = format!("{setting} changes nothing, as no variable of this program has that name");
        sentences.push(match meant {
            Meant::Lists => {
                return Err(format!("{nothing}: did you mean DENY_ROUTES or ALLOW_ROUTES? {MORE_IS_OPEN}"));
            }
            Meant::Hint(hint) if hint.is_empty() => nothing,
            Meant::Hint(hint) => format!("{nothing}: {hint}"),
            Meant::Variable(variable) => {
                let meant = frontends::read(&environment.with(&variable, value));
                // One that looks like that of a client nobody has named, and could be none, is somebody else's.
                let is_named = |(client, _)| clients.contains(&client);
                if !frontends::split(&variable).is_none_or(is_named) && meant.is_err() {
                    continue;
                }
                let sentence = format!("{nothing}: {}", did_you_mean(&variable));
                let covered = |open: &Vec<_>| meant.is_ok_and(|meant| frontends::cover(&meant, open));
                // One that cannot be used does not start anyway.
                if open.as_ref().is_ok_and(|open| !covered(open)) {
                    return Err(format!("{sentence} {MORE_IS_OPEN}"));
                }
                sentence
            }
        });
    }
    Ok(sentences)
}

/// A variable of this program.
struct Known {
    name: &'static str,
    /// Its name as [`plain`] has it, which is compared with every name of the environment.
    plain: String,
    /// Whether each client can have one of its own.
    of_clients: bool,
    /// A misspelt name counts whatever its value is, not as a switch alone.
    any_value: bool,
}

/// All variables.
fn known() -> Vec<Known> {
    let of_process = SETTINGS.iter().map(|setting| (setting.name, false));
    let known = |(name, of_clients): (&'static str, bool)| {
        // Nobody else's names begin like these.
        let own = ["ALLOW_", "LIBPOD_"].iter().any(|prefix| name.starts_with(prefix));
        Known { name, plain: plain(name), of_clients, any_value: own || !is_grant(name) }
    };
    frontends::variables().map(|name| (name, true)).chain(of_process).map(known).collect()
}

fn is_grant(name: &str) -> bool {
    VARIABLES.iter().any(|variable| variable.name == name)
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean {name}?")
}

/// What the author of this name had in mind; `None` where it looks like no variable's.
fn meant_by(name: &str, is_switch: bool, variables: &[Known]) -> Option<Meant> {
    if name.len() > MAX_NAME_BYTES {
        return None;
    }
    let candidates: Vec<&Known> =
        variables.iter().filter(|variable| is_switch || variable.any_value).collect();
    if let Some(variable) = near(name, &candidates) {
        return Some(Meant::Variable(variable.to_owned()));
    }
    if !is_in_capitals(name) {
        return None;
    }
    let of_other_image = OTHER_IMAGES.iter().find(|(word, _)| match word.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *word,
    });
    match of_other_image {
        Some((_, hint)) => Some(Meant::Hint(String::from(*hint))),
        None if is_about_routes(name) => Some(Meant::Lists),
        None if is_switch => hint(name, &candidates),
        None => None,
    }
}

/// The variable of a client that the author of this name had in mind: with one underscore, in other case, with something else between,
/// turned round, or misspelt behind that. Of a client that is not known, where it is listened for.
fn client_meant_by(
    name: &str,
    (value, is_switch): (&str, bool),
    clients: &[&str],
    variables: &[Known],
) -> Option<Meant> {
    let (letters, capitals) = (plain(name), name.to_ascii_uppercase());
    let words = capitals.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let variables: Vec<&Known> = variables
        .iter()
        .filter(|variable| variable.of_clients && (is_switch || variable.any_value))
        .collect();
    for client in clients {
        let prefix = frontends::prefix(Some(client));
        let rest = letters.strip_prefix(&client.replace('0', "O"));
        if let Some(variable) = variables.iter().find(|variable| rest == Some(&*variable.plain)) {
            return Some(Meant::Variable(prefix + variable.name));
        }
        for (word, rest) in [words.split_first(), words.split_last()].into_iter().flatten() {
            let rest = if word == client { rest.join("_") } else { continue };
            if let Some(variable) = near(&rest, &variables) {
                return Some(Meant::Variable(prefix + variable));
            }
            // Beside the name of a client a short word with a slip is worth a warning.
            if let Some(variable) = variables.iter().find(|variable| distance(&rest, variable.name) == 1) {
                return Some(Meant::Hint(did_you_mean(&(prefix + variable.name))));
            }
        }
    }
    // Other programs listen too, but hardly at such a place.
    let is_place = ["unix:", ":2375"].iter().any(|place| value.contains(place));
    let client = name.strip_suffix("_LISTEN").filter(|client| !client.is_empty() && is_place)?;
    let variable = frontends::prefix(Some(client)) + "LISTEN";
    frontends::split(&variable).is_some().then_some(Meant::Variable(variable))
}

/// Whether a name can only be that of a list of what is closed or open.
fn is_about_routes(name: &str) -> bool {
    ["DENY", "DENIED_", "BLOCK_"].iter().any(|start| name.starts_with(start)) || name.contains("ROUTES")
}

/// What to say of a switch that is named as a part of the API is.
fn hint(name: &str, variables: &[&Known]) -> Option<Meant> {
    // linuxserver has LIBPOD_ALLOW_START and LIBPOD_ALLOW_POD_START, which it does not document.
    let bare = ["LIBPOD_ALLOW_POD_", "LIBPOD_ALLOW_", "LIBPOD_", "ALLOW_"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix));
    let word = bare.unwrap_or(name);
    match word {
        "GET" | "HEAD" => {
            return Some(Meant::Hint(String::from("GET and HEAD are allowed in every section that is open")));
        }
        "OPTIONS" => return Some(Meant::Hint(String::from("POST=1 stands for it too"))),
        _ => {}
    }
    let other = WORDS
        .iter()
        .find(|(_, words)| words.contains(&word))
        .map(|(settings, _)| format!("{settings} opens it"));
    let last =
        |route: &Route| route.path.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(word));
    let of_route = ROUTES
        .iter()
        .filter(|route| last(route))
        .flat_map(|route| route.actions.union(route.gates).variables());
    let of_route = of_route.map(|variable| did_you_mean(variable.name)).next();
    // ALLOW_CONTAINERS and LIBPOD_ALLOW_POD_RESTARTS, but not LIBPOD_SWARM: podman's own API has not all of Docker's sections.
    let own = || variables.iter().find(|variable| variable.name == format!("ALLOW_{word}"));
    let section = || name.strip_prefix("ALLOW_").and_then(|section| near(section, variables));
    match (other, own().map(|own| own.name).or_else(section)) {
        (Some(other), _) => Some(Meant::Hint(other)),
        // Such a prefix has no other use.
        (None, Some(variable)) if bare.is_some() => Some(Meant::Variable(variable.to_owned())),
        (None, Some(variable)) => Some(Meant::Hint(did_you_mean(variable))),
        (None, None) => of_route.or_else(|| bare.map(|_| String::new())).map(Meant::Hint),
    }
}

/// Words of the API that people take for variables, and what opens them.
const WORDS: &[(&str, &[&str])] = &[
    ("CONTAINERS=1", &["STATS"]),
    ("CONTAINERS=1 with POST=1", &["CREATE", "PRUNE", "RENAME", "RESIZE"]),
    ("CONTAINERS=1 with DELETE=1", &["REMOVE"]),
    ("IMAGES=1", &["SAVE", "SEARCH"]),
    ("IMAGES=1 with POST=1", &["LOAD", "PULL", "PUSH"]),
    ("AUTH=1 with POST=1", &["LOGIN"]),
    ("LIBPOD_CONTAINERS=1, or another LIBPOD_ variable,", &["LIBPOD", "PODMAN"]),
    ("LIBPOD_PODS=1", &["PODS"]),
];

/// Variables of other images, whatever their value, with a star for any end, and what there is here instead.
const OTHER_IMAGES: &[(&str, &str)] = &[
    ("ALLOWED_PATHS", ROUTES_HINT),
    ("PORTS", "CONTAINERS=1 shows the ports of containers"),
    ("RESTARTS", "did you mean ALLOW_RESTARTS?"),
    ("SP_ALLOW_*", ROUTES_HINT),
];

const ROUTES_HINT: &str =
    "ALLOW_ROUTES takes routes here, one a line, and LEARN=1 finds those that are needed";

/// Any line of HAProxy's about where to listen, in a later version of Tecnativa's image. To listen elsewhere than it says could
/// open more than was meant.
const BIND_CONFIG: &str =
    "BIND_CONFIG cannot be used: LISTEN says where to listen here, such as 127.0.0.1:2375";

const MORE_IS_OPEN: &str = "More may be open as it is than you want: correct the name, or take it away";

/// No name that is close to a variable's is longer.
const MAX_NAME_BYTES: usize = 32;

fn is_in_capitals(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The variable whose name differs by the case of its letters, a plural, what stands between its words or around them, a zero
/// for an O; or, in capitals, by slips that a name of its length allows for. Short names are close to too many words (HOST, PORT
/// and TEST to POST, AUTO to AUTH).
fn near<'v>(name: &str, variables: &[&'v Known]) -> Option<&'v str> {
    let plain = plain(name);
    let same = variables.iter().find(|real| real.plain == plain).map(|real| real.name);
    if !is_in_capitals(name) {
        return same;
    }
    same.or_else(|| {
        let slips = |real: &str| real.len() / 6;
        // A name that is longer or shorter by more is further away: most are not compared letter by letter.
        let names = variables.iter().map(|real| real.name);
        let close = names.filter(|real| real.len().abs_diff(name.len()) <= slips(real));
        let close = close.map(|real| (distance(name, real), real));
        close.filter(|&(distance, real)| distance <= slips(real)).min().map(|(_, real)| real)
    })
}
