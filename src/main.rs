//! The program: arguments, configuration, run.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use docker_socket_proxy::config::{Config, Frontend, SETTINGS, frontends};
use docker_socket_proxy::healthcheck;
use docker_socket_proxy::lookalike::lookalikes;
use docker_socket_proxy::policy::lists::{ALLOW_ROUTES, DENY_ROUTES};
use docker_socket_proxy::policy::{DIALECT, Dialect, LEARN, Policy, VARIABLES, WhenUnset, explain};
use docker_socket_proxy::service;
use docker_socket_proxy::vars::{self, Environment, Setting, parse_file};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::ExitCode;

/// Exit status of a bad argument or a bad variable: EX_USAGE of sysexits.h.
const USAGE: u8 = 64;

/// The calls; [`help`] puts the variables below.
const SYNOPSIS: &str = "\
docker-socket-proxy: a filter in front of the Docker socket

Usage: docker-socket-proxy [COMMAND]

  (none)                  serve
  explain                 every known route, whether this environment allows it, and by which variable
  explain --allowed       only what is allowed
  explain METHOD PATH     one request: exit status 0 if it is allowed, 1 if not, 64 on a bad call
  explain --diff OLD NEW  which routes open and close between two files of lines NAME=value: exit status 0 if nothing more
                          is open, 1 if something is, 64 on a bad call
  explain --client NAME   the same, each of them, for one client; without it, for every one
  healthcheck             exit status 0 if the proxy of this environment answers wherever it listens, and the daemon too, else 1
                          and a sentence
  --help, --version

Everything is configured by the environment. 1 opens a section of the Docker API for GET and HEAD; other methods need
POST=1 too, or the variable of just this method or action. A variable that is not set is 0, or what stands in brackets
behind it. docs/variables.md of the source says more about each. `explain` shows which routes it opens.

One proxy can serve several clients: TRAEFIK__CONTAINERS=1 is CONTAINERS=1 for the client TRAEFIK alone, who is listened for at
TRAEFIK__LISTEN. So it is with every grant, and with ALLOW_ROUTES, DENY_ROUTES, DIALECT, LEARN, LISTEN_MODE and LISTEN_OWNER.

";

/// The calls and every variable.
fn help() -> String {
    let row = |name: &str, about: &str, default: &str| match default {
        "" | "0" => format!("  {name:<17}  {about}\n"),
        _ => format!("  {name:<17}  {about} ({default})\n"),
    };
    let grants = VARIABLES.iter().map(|variable| {
        let default = match variable.default {
            WhenUnset::AsPostBut(_) => "as POST",
            default if default.is_on(Dialect::Tecnativa, false) => "1",
            _ => "0",
        };
        row(variable.name, variable.about, default)
    });
    let setting = |setting: &Setting| row(setting.name, setting.about, setting.default);
    let of_all_grants =
        [&ALLOW_ROUTES, &DENY_ROUTES, &DIALECT, &LEARN].into_iter().map(setting).chain([String::from("\n")]);
    let rows = grants.chain(of_all_grants).chain(SETTINGS.iter().map(setting));
    std::iter::once(String::from(SYNOPSIS)).chain(rows).collect()
}

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        [] => serve(),
        ["healthcheck"] => check_health(),
        ["explain", "--client", name, ref rest @ ..] => explain(Some(name), rest),
        ["explain", ref rest @ ..] => explain(None, rest),
        ["--help" | "-h"] => print(&help()),
        ["--version" | "-V"] => print(concat!("docker-socket-proxy ", env!("CARGO_PKG_VERSION"), "\n")),
        ["healthcheck", unknown, ..] | [unknown, ..] => bad_call(&format!("unknown argument {unknown:?}")),
    }
}

fn bad_call(sentence: &str) -> ExitCode {
    eprintln!("docker-socket-proxy: {sentence}; see --help");
    ExitCode::from(USAGE)
}

/// Says why an environment cannot be used.
fn refuse(sentence: &str) -> ExitCode {
    eprintln!("docker-socket-proxy: {sentence}");
    ExitCode::from(USAGE)
}

/// What is read of an environment, and what speaks against variables in it that look like this program's and are none.
///
/// # Errors
/// The sentence that says why it cannot be used.
fn read<T>(
    environment: &Environment,
    of: impl Fn(&Environment) -> Result<T, vars::Error>,
) -> Result<(T, Vec<String>), String> {
    let read = of(environment).map_err(|error| error.to_string())?;
    Ok((read, lookalikes(environment)?))
}

fn explain(client: Option<&str>, arguments: &[&str]) -> ExitCode {
    let explained = match *arguments {
        [] => explain_routes(client, false),
        ["--allowed"] => explain_routes(client, true),
        ["--diff", old, new] => explain_difference(client, old, new),
        ["--diff", ..] => return bad_call("explain --diff takes two files"),
        ["--client", ..] => return bad_call("explain --client takes a name"),
        [method, path] => match explain_request(client, method, path) {
            Ok(Err(call)) => return bad_call(&call.to_string()),
            Ok(Ok(explained)) => Ok(explained),
            Err(sentence) => Err(sentence),
        },
        [option] if option.starts_with('-') => return bad_call(&format!("unknown argument {option:?}")),
        _ => return bad_call("explain takes nothing, --allowed, METHOD PATH, or --diff and two files"),
    };
    match explained {
        Ok((text, is_good)) => match print(&text) {
            ExitCode::SUCCESS if !is_good => ExitCode::FAILURE,
            printed => printed,
        },
        Err(sentence) => refuse(&sentence),
    }
}

/// What is to be printed, and whether it is good news.
type Explained = (String, bool);

/// Those of an environment's clients that are asked for, and the sentences about lookalikes in it.
///
/// # Errors
/// The sentence that says why it cannot be used, or that it has no such client.
fn clients(environment: &Environment, client: Option<&str>) -> Result<(Vec<Frontend>, Vec<String>), String> {
    let (mut frontends, lookalikes) = read(environment, frontends::read)?;
    if let Some(client) = client {
        frontends.retain(|frontend| frontend.name.as_deref() == Some(client));
        if frontends.is_empty() {
            return Err(format!(
                "no variable is the client {client}'s: {client}__LISTEN says where it is listened for"
            ));
        }
    }
    Ok((frontends, lookalikes))
}

/// A title for what is said of one of several clients.
fn title(frontend: Option<&str>) -> String {
    frontend.map_or_else(|| String::from("without a name"), |name| format!("client {name}"))
}

fn explain_routes(client: Option<&str>, only_allowed: bool) -> Result<Explained, String> {
    let (frontends, lookalikes) = clients(&Environment::of_process(), client)?;
    let mut text = String::new();
    for frontend in &frontends {
        if frontends.len() > 1 || frontend.name.is_some() {
            text +=
                &format!("{}{}\n", if text.is_empty() { "" } else { "\n" }, title(frontend.name.as_deref()));
        }
        text += &explain::routes(&frontend.policy, only_allowed, &lookalikes);
    }
    Ok((text, true))
}

fn explain_request(
    client: Option<&str>,
    method: &str,
    path: &str,
) -> Result<Result<Explained, explain::BadCall>, String> {
    let (frontends, _) = clients(&Environment::of_process(), client)?;
    let mut text = String::new();
    let mut is_allowed = true;
    for frontend in &frontends {
        let prefix = frontends::prefix(frontend.name.as_deref());
        let explained = match explain::request(&frontend.policy, &prefix, method, path) {
            Ok(explained) => explained,
            Err(call) => return Ok(Err(call)),
        };
        let who = if frontends.len() > 1 { title(frontend.name.as_deref()) + ": " } else { String::new() };
        text += &format!("{who}{}\n", explained.sentence);
        is_allowed &= explained.allowed;
    }
    Ok(Ok((text, is_allowed)))
}

fn explain_difference(client: Option<&str>, old: &str, new: &str) -> Result<Explained, String> {
    let (old, new) = (clients_of_file(old, client)?, clients_of_file(new, client)?);
    let names: BTreeSet<_> = old.iter().chain(&new).map(|frontend| frontend.name.as_deref()).collect();
    let mut text = String::new();
    let mut opens = false;
    for name in &names {
        let policy = |frontends: &[Frontend]| {
            let of_name = frontends.iter().find(|frontend| frontend.name.as_deref() == *name);
            of_name.map_or_else(Policy::closed, |frontend| frontend.policy.clone())
        };
        let difference = explain::difference(&policy(&old), &policy(&new));
        if names.len() > 1 || name.is_some() {
            text += &format!("{}\n", title(*name));
        }
        text += &difference.text;
        opens |= difference.opens;
    }
    Ok((text, !opens))
}

/// The clients of a file of variables; what looks like one of this program's and is none has been said.
///
/// # Errors
/// The sentence that says why it cannot be used.
fn clients_of_file(file: &str, client: Option<&str>) -> Result<Vec<Frontend>, String> {
    let of_file = |sentence: String| format!("{file}: {sentence}");
    let text = fs::read_to_string(file).map_err(|error| of_file(format!("cannot read it: {error}")))?;
    let environment = parse_file(&text).map_err(of_file)?;
    // A client may be new.
    let (frontends, lookalikes) = clients(&environment, None).map_err(of_file)?;
    for sentence in lookalikes {
        eprintln!("docker-socket-proxy: {file}: {sentence}");
    }
    let wanted = |frontend: &Frontend| client.is_none() || frontend.name.as_deref() == client;
    Ok(frontends.into_iter().filter(wanted).collect())
}

fn serve() -> ExitCode {
    match read(&Environment::of_process(), Config::of) {
        Ok((config, lookalikes)) => service::run(config, lookalikes),
        Err(sentence) => refuse(&sentence),
    }
}

fn check_health() -> ExitCode {
    let config = match read(&Environment::of_process(), Config::of) {
        Ok((config, _)) => config,
        Err(sentence) => return refuse(&sentence),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let checked = runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(healthcheck::check(&config)));
    match checked {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("docker-socket-proxy: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
