//! Who is served where, and what is granted to them: one frontend for each client that has a name, or one without.
//!
//! `NAME__VARIABLE` is a variable of the client NAME alone. What has no prefix is every client's default.

use super::Frontend;
use super::listen::{Access, parse_listen, parse_mode, parse_owner};
use super::{DISABLE_IPV6, LISTEN, LISTEN_DEFAULT, LISTEN_MODE, LISTEN_OWNER};
use crate::distance::{distance, plain};
use crate::guard::{GUARD, Guard, LISTS, Room};
use crate::policy::learn::{Defaults, Learner};
use crate::policy::lists::{ALLOW_ROUTES, DENY_ROUTES};
use crate::policy::{DIALECT, Grants, LEARN, Policy, VARIABLES};
use crate::vars::{Environment, Error, parse_switch};
use std::collections::BTreeSet;

/// Between a client's name and the name of a variable. No variable has it in its own name.
const SEPARATOR: &str = "__";

/// What stands before the names of a client's variables.
#[must_use]
pub fn prefix(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("{name}{SEPARATOR}"))
}

/// Reads all of them: the one without a name first, where there is one.
///
/// # Errors
/// The first variable that cannot be used, or two places that cannot be listened on at once.
pub fn read(environment: &Environment) -> Result<Vec<Frontend>, Error> {
    let names = names(environment)?;
    let has_one_without = names.is_empty() || environment.has(LISTEN.name);
    let count = names.len() + usize::from(has_one_without);
    // Read in any case: its values are the defaults of the others.
    let without = frontend(environment, None, &Policy::closed(), count)?;
    let mut frontends = Vec::new();
    for name in names {
        frontends.push(frontend(environment, Some(name), &without.policy, count)?);
    }
    // A list without a prefix is for those who have GUARD. Where nobody has it, it would be taken for a limit and be none.
    let has_guard = |frontend: &Frontend| frontend.policy.guard().is_some();
    if !has_guard(&without)
        && !frontends.iter().any(has_guard)
        && let Some(list) = Guard::list(&|name| environment.get(name))?
    {
        return Err(without_guard("", list));
    }
    if has_one_without {
        frontends.insert(0, without);
    }
    let somebody_has_files = frontends.iter().any(Frontend::has_files);
    for frontend in &mut frontends {
        frontend.say_vain_access(&prefix(frontend.name.as_deref()), environment, somebody_has_files);
    }
    let places: Vec<_> = frontends
        .iter()
        .flat_map(|frontend| {
            frontend.listen.iter().map(|listen| (listen, prefix(frontend.name.as_deref()) + LISTEN.name))
        })
        .collect();
    for (at, (one, of_one)) in places.iter().enumerate() {
        if let Some((other, of_other)) = places[at + 1..].iter().find(|(other, _)| one.collides(other)) {
            return Err(Error::Sentence(format!(
                "{of_one} with {one} and {of_other} with {other} cannot be used together: they are one address"
            )));
        }
    }
    Ok(frontends)
}

/// Whether all that is open to the others is open to these.
#[must_use]
pub fn cover(here: &[Frontend], there: &[Frontend]) -> bool {
    there.iter().all(|there| here.iter().any(|here| here.covers(there)))
}

/// Reads one of so many. `of_all` is the policy of a client that has no variables of its own.
fn frontend(
    environment: &Environment,
    name: Option<String>,
    of_all: &Policy,
    count: usize,
) -> Result<Frontend, Error> {
    let prefix = prefix(name.as_deref());
    let of_client = |variable: &str| environment.get(&format!("{prefix}{variable}"));
    let var = |variable: &str| of_client(variable).or_else(|| environment.get(variable));
    let places = match name {
        None if !environment.has(LISTEN.name) => LISTEN_DEFAULT.read(&var, parse_listen),
        _ => LISTEN.read(&of_client, parse_listen),
    };
    let read = || {
        let (uid, gid) = LISTEN_OWNER.read(&var, parse_owner)?;
        let access = Access { mode: LISTEN_MODE.read(&var, parse_mode)?, uid, gid };
        let disable_ipv6 = DISABLE_IPV6.read(&var, parse_switch)?;
        let listen = places?.iter().map(|listen| listen.by_protocol(disable_ipv6)).collect();
        let policy = Policy::from_vars(&var)?;
        let mut vain = Vec::new();
        if policy.guard().is_none() {
            match (Guard::list(&of_client)?, Guard::list(&var)?) {
                (Some(list), _) if name.is_some() => return Err(without_guard(&prefix, list)),
                (_, Some(list)) => vain.push(format!("{list} does nothing here, as GUARD is off")),
                _ => {}
            }
        }
        let learner =
            policy.learning().then(|| Learner::new(defaults(environment, &prefix, &policy, of_all)));
        Ok(Frontend { name, listen, access, policy, learner, room: Room::for_one_of(count), vain })
    };
    read().map_err(|mut error: Error| {
        // It is named as it was written.
        if let Some(variable) = error.variable()
            && of_client(variable).is_some()
        {
            *variable = format!("{prefix}{variable}").into();
        }
        error
    })
}

/// Why a list of GUARD's stops the start. It is named as it was written.
fn without_guard(prefix: &str, list: &str) -> Error {
    let guard = GUARD.name;
    Error::Sentence(format!(
        "{prefix}{list} cannot be used: it opens what {guard} closes, and {prefix}{guard} is not set"
    ))
}

/// A client's name and its variable, in the name of a variable that has such a prefix. Both are in capitals: what is not belongs to
/// somebody else.
#[must_use]
pub fn split(name: &str) -> Option<(&str, &str)> {
    let (client, variable) = name.split_once(SEPARATOR)?;
    let is_word = |word: &str, more: &[u8]| {
        let mut bytes = word.bytes();
        !word.is_empty()
            && bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || more.contains(&byte))
    };
    (is_word(client, b"") && is_word(variable, b"_")).then_some((client, variable))
}

/// What holds for a client before variables of its own are set: where it has no name, what the program has.
fn defaults(environment: &Environment, prefix: &str, policy: &Policy, of_all: &Policy) -> Defaults {
    let guard = policy.guard().cloned();
    let defaults = Defaults { guard, ..Defaults::of(policy.dialect()) };
    if prefix.is_empty() {
        return defaults;
    }
    let is_set = |place: &usize| environment.get(VARIABLES[*place].name).is_some();
    let set =
        (0..VARIABLES.len()).filter(is_set).fold(Grants::NONE, |set, place| set.union(Grants::of(place)));
    let lists = [&ALLOW_ROUTES, &DENY_ROUTES].map(|list| list.name);
    Defaults {
        prefix: prefix.to_owned(),
        dialect_of_all: of_all.dialect(),
        set,
        on: of_all.grants(),
        lists: lists.into_iter().filter(|list| environment.has(list)).collect(),
        ..defaults
    }
}

/// The names of the clients that have one.
fn names(environment: &Environment) -> Result<BTreeSet<String>, Error> {
    let mut names = BTreeSet::new();
    for (whole, _) in environment.iter() {
        let refused =
            |why: &str| Error::Sentence(format!("{} cannot be used: {why}", whole.escape_default()));
        let Some((name, variable)) = whole.split_once(SEPARATOR) else { continue };
        let is_client_s = split(whole).is_some();
        if !is_client_s && variables().any(|real| plain(real) == plain(variable)) {
            return Err(refused(
                "a client's name has capitals and digits alone, and its variables are in capitals, such as TRAEFIK__CONTAINERS. If it is \
                 meant for another program, keep it from this one",
            ));
        }
        let listen = format!("{name}{SEPARATOR}{}", LISTEN.name);
        // Nobody else's begins like those of a client that is there.
        if is_client_s || (split(&listen).is_some() && environment.has(&listen)) {
            check(environment, name, variable).map_err(|why| refused(&why))?;
            names.insert(name.to_owned());
        }
    }
    Ok(names)
}

/// Whether a client has such a variable; why not, as the end of a sentence.
fn check(environment: &Environment, name: &str, variable: &str) -> Result<(), String> {
    let listen = format!("{name}{SEPARATOR}{}", LISTEN.name);
    let variables: Vec<_> = variables().collect();
    let is_variable = variables.contains(&variable);
    if is_variable && environment.has(&listen) {
        return Ok(());
    }
    let joined = format!("{name}_{variable}");
    if let Some(real) = variables.iter().find(|real| **real == joined) {
        return Err(format!(
            "did you mean {real}? What stands before two underscores is the name of a client"
        ));
    }
    if is_variable {
        return Err(format!("the client {name} has no {listen}, which says where it is listened for"));
    }
    if super::SETTINGS.iter().any(|setting| setting.name == variable) {
        return Err(format!("{variable} is the same for all clients, and takes no prefix"));
    }
    let near = variables.iter().map(|real| (distance(real, variable), real)).min();
    let hint = match near {
        Some((slips, real)) if slips <= real.len() / 6 => format!(": did you mean {name}{SEPARATOR}{real}?"),
        _ => String::from(". If it is meant for another program, keep it from this one"),
    };
    Err(format!(
        "what stands before two underscores is the name of a client, and clients have no variable {}{hint}",
        variable.escape_default()
    ))
}

/// The variables that each client can have of its own.
pub fn variables() -> impl Iterator<Item = &'static str> {
    let settings =
        [&ALLOW_ROUTES, &DENY_ROUTES, &GUARD, &DIALECT, &LEARN, &LISTEN, &LISTEN_MODE, &LISTEN_OWNER];
    let mut names: Vec<_> = VARIABLES.iter().map(|variable| variable.name).collect();
    names.extend(settings.iter().chain(&LISTS).map(|setting| setting.name));
    names.into_iter()
}
