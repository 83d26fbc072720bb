//! `docker-socket-proxy explain`, for each client of an environment: what is granted to it.

use crate::config::{Frontend, frontends};
use crate::lookalike::read;
use crate::policy::{Policy, explain};
use crate::sorted::insert;
use crate::vars::{Environment, parse_file};
use std::fs;
use std::io::{self, Read};

/// What is to be printed.
#[derive(Debug)]
pub struct Explained {
    /// Whole lines.
    pub text: String,
    /// Whether a request is allowed, or nothing more is open.
    pub is_good: bool,
}

/// Why nothing can be explained, as a sentence.
#[derive(Debug)]
pub enum Stop {
    /// These arguments ask nothing.
    BadCall(String),
    /// The environment, or a file, cannot be used.
    Unusable(String),
}

/// What these arguments ask for.
///
/// # Errors
/// See there.
pub fn explain(arguments: &[&str]) -> Result<Explained, Stop> {
    let (client, arguments) = match *arguments {
        ["--client", name, ref arguments @ ..] => (Some(name), arguments),
        ref arguments => (None, arguments),
    };
    let bad_call = |sentence: &str| Err(Stop::BadCall(sentence.to_owned()));
    if arguments.iter().any(|argument| argument.starts_with("--client")) {
        return bad_call("explain --client NAME comes first, and then the rest");
    }
    match *arguments {
        [] => routes(client, false),
        ["--allowed"] => routes(client, true),
        ["--diff", old, new] => difference(client, old, new),
        ["--diff", ..] => bad_call("explain --diff takes two files"),
        ["--body", file, method, path] => request(client, method, path, Some(&bytes_of(file)?)),
        ["--body", ..] => bad_call("explain --body takes a file, METHOD and PATH"),
        [method, path] => request(client, method, path, None),
        [option] if option.starts_with('-') => bad_call(&format!("unknown argument {option:?}")),
        _ => bad_call(
            "explain takes nothing, --allowed, METHOD PATH, --body FILE METHOD PATH, or --diff and two files, each after --client NAME or not",
        ),
    }
}

fn routes(client: Option<&str>, only_allowed: bool) -> Result<Explained, Stop> {
    let (frontends, lookalikes) = of_process(client)?;
    let mut text = String::new();
    for (place, frontend) in frontends.iter().enumerate() {
        let blank = if place > 0 { "\n" } else { "" };
        if let Some(title) = title(&frontends, frontend.name.as_deref()) {
            text += &format!("{blank}{title}\n");
        }
        // They are about no client, and stand below the last one.
        let mut warnings = frontend.warnings();
        if place + 1 == frontends.len() {
            warnings.extend_from_slice(&lookalikes);
        }
        text += &explain::routes(&frontend.policy, only_allowed, &warnings);
    }
    Ok(Explained { text, is_good: true })
}

/// It is good where any of the clients may do it: a check that something is closed must not pass while it is open to one.
fn request(client: Option<&str>, method: &str, path: &str, body: Option<&[u8]>) -> Result<Explained, Stop> {
    let (frontends, _) = of_process(client)?;
    let mut all = Explained { text: String::new(), is_good: false };
    for frontend in &frontends {
        let name = frontend.name.as_deref();
        let explained = explain::request(&frontend.policy, &frontends::prefix(name), method, path, body);
        let explained = explained.map_err(|call| Stop::BadCall(call.to_string()))?;
        if let Some(title) = title(&frontends, name).filter(|_| client.is_none()) {
            all.text += &format!("{title}: ");
        }
        all.text += &format!("{}\n", explained.sentence);
        all.is_good |= explained.allowed;
    }
    Ok(all)
}

/// It is good where nothing more is open to any client, and no others can be one. Who is in one of the files alone has nothing by the other.
fn difference(client: Option<&str>, old: &str, new: &str) -> Result<Explained, Stop> {
    let (old, new) = (of_file(old)?, of_file(new)?);
    let mut names = Vec::new();
    for name in old.iter().chain(&new).map(|frontend| frontend.name.as_deref()) {
        insert(&mut names, name);
    }
    if client.is_some() && !names.contains(&client) {
        return Err(no_such_client(client, &names));
    }
    let mut all = Explained { text: String::new(), is_good: true };
    for name in names.into_iter().filter(|name| client.is_none() || *name == client) {
        let (before, after) = (of_name(&old, name), of_name(&new, name));
        let policy = |frontend: Option<&Frontend>| {
            frontend.map_or_else(Policy::closed, |frontend| frontend.policy.clone())
        };
        let explained = explain::difference(&policy(before), &policy(after));
        if let Some(title) = title(&old, name).or_else(|| title(&new, name)) {
            all.text += &format!("{title}\n");
        }
        all.text += &explained.text;
        all.is_good &= !explained.opens;
        if let (Some(before), Some(after)) = (before, after)
            && after.lets_in_more_than(before)
        {
            all.text += &format!("more may be able to connect: {} -> {}\n", before.reach(), after.reach());
            all.is_good = false;
        }
    }
    Ok(all)
}

fn of_name<'f>(frontends: &'f [Frontend], name: Option<&str>) -> Option<&'f Frontend> {
    frontends.iter().find(|frontend| frontend.name.as_deref() == name)
}

/// What stands above what is said of a client; `None` where no client has a name.
fn title(frontends: &[Frontend], name: Option<&str>) -> Option<String> {
    let has_names = frontends.iter().any(|frontend| frontend.name.is_some());
    has_names.then(|| name.map_or_else(|| String::from("without a name"), |name| format!("client {name}")))
}

/// The clients of this process's environment that are asked for, and the sentences about lookalikes in it.
fn of_process(client: Option<&str>) -> Result<(Vec<Frontend>, Vec<String>), Stop> {
    let read = read(&Environment::of_process(), frontends::read);
    let (mut frontends, lookalikes) = read.map_err(Stop::Unusable)?;
    let names: Vec<_> = frontends.iter().map(|frontend| frontend.name.as_deref()).collect();
    if client.is_some() && !names.contains(&client) {
        return Err(no_such_client(client, &names));
    }
    frontends.retain(|frontend| client.is_none() || frontend.name.as_deref() == client);
    Ok((frontends, lookalikes))
}

fn no_such_client(client: Option<&str>, names: &[Option<&str>]) -> Stop {
    let name = client.unwrap_or_default();
    let mut sentence = format!("there is no client {name}: no {name}__LISTEN says where it is listened for");
    let mut before = ", but there is ";
    for name in names.iter().flatten() {
        sentence = sentence + before + name;
        before = " and ";
    }
    Stop::Unusable(sentence)
}

/// The bytes of a file, or of standard input where it is `-`.
fn bytes_of(file: &str) -> Result<Vec<u8>, Stop> {
    let mut bytes = Vec::new();
    let read = match file {
        "-" => io::stdin().read_to_end(&mut bytes).map(drop),
        file => fs::read(file).map(|read| bytes = read),
    };
    read.map_err(|error| Stop::Unusable(format!("{file}: cannot read it: {error}")))?;
    Ok(bytes)
}

/// The clients of a file of variables; what looks like a variable of this program and is none is said on standard error.
fn of_file(file: &str) -> Result<Vec<Frontend>, Stop> {
    let of_file = |sentence: String| Stop::Unusable(format!("{file}: {sentence}"));
    let text = fs::read_to_string(file).map_err(|error| of_file(format!("cannot read it: {error}")))?;
    let environment = parse_file(&text).map_err(of_file)?;
    let (frontends, lookalikes) = read(&environment, frontends::read).map_err(of_file)?;
    for sentence in lookalikes {
        eprintln!("docker-socket-proxy: {file}: {sentence}");
    }
    Ok(frontends)
}
