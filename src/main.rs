//! The program: arguments, configuration, run.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use docker_socket_proxy::config::{Config, SETTINGS};
use docker_socket_proxy::healthcheck;
use docker_socket_proxy::lookalike::lookalikes;
use docker_socket_proxy::policy::lists::{ALLOW_ROUTES, DENY_ROUTES};
use docker_socket_proxy::policy::{DIALECT, Dialect, LEARN, Policy, VARIABLES, WhenUnset, explain};
use docker_socket_proxy::service;
use docker_socket_proxy::vars::{self, Setting, Vars, parse_file};
use std::ffi::OsString;
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
  healthcheck             exit status 0 if the proxy of this environment and the daemon answer, else 1 and a sentence
  --help, --version

Everything is configured by the environment. 1 opens a section of the Docker API for GET and HEAD; other methods need
POST=1 too, or the variable of just this method or action. A variable that is not set is 0, or what stands in brackets
behind it. docs/variables.md of the source says more about each. `explain` shows which routes it opens.

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
    match arguments[..] {
        [] => serve(),
        ["healthcheck"] => check_health(),
        ["explain"] => explain_routes(false),
        ["explain", "--allowed"] => explain_routes(true),
        ["explain", "--diff", old, new] => explain_difference(old, new),
        ["explain", "--diff", ..] => bad_call("explain --diff takes two files"),
        ["explain", method, path] => explain_request(method, path),
        ["explain", option] if option.starts_with('-') => bad_call(&format!("unknown argument {option:?}")),
        ["explain", ..] => bad_call("explain takes nothing, --allowed, METHOD PATH, or --diff and two files"),
        ["--help" | "-h"] => print(&help()),
        ["--version" | "-V"] => print(concat!("docker-socket-proxy ", env!("CARGO_PKG_VERSION"), "\n")),
        ["healthcheck", unknown, ..] | [unknown, ..] => bad_call(&format!("unknown argument {unknown:?}")),
    }
}

fn bad_call(sentence: &str) -> ExitCode {
    eprintln!("docker-socket-proxy: {sentence}; see --help");
    ExitCode::from(USAGE)
}

/// Looks a variable up. What is not UTF-8 is replaced, so that it is refused where it means something.
fn var(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
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
fn read_from<T>(
    environment: impl IntoIterator<Item = (String, String)>,
    var: Vars<'_>,
    from_vars: impl Fn(Vars<'_>) -> Result<T, vars::Error>,
) -> Result<(T, Vec<String>), String> {
    let read = from_vars(var).map_err(|error| error.to_string())?;
    Ok((read, lookalikes(environment)?))
}

/// The same of the environment of this process. Where it cannot be used, that has been said, and the exit status is returned.
fn read<T>(from_vars: impl Fn(Vars<'_>) -> Result<T, vars::Error>) -> Result<(T, Vec<String>), ExitCode> {
    let lossy = |text: OsString| text.to_string_lossy().into_owned();
    let environment = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
    read_from(environment, &var, from_vars).map_err(|sentence| refuse(&sentence))
}

/// The policy of a file of variables; what looks like one of this program's and is none has been said.
///
/// # Errors
/// The sentence that says why it cannot be used.
fn read_policy(file: &str) -> Result<Policy, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("cannot read it: {error}"))?;
    let environment = parse_file(&text)?;
    let var =
        |name: &str| environment.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    let (policy, lookalikes) = read_from(environment.iter().cloned(), &var, Policy::from_vars)?;
    for sentence in lookalikes {
        eprintln!("docker-socket-proxy: {file}: {sentence}");
    }
    Ok(policy)
}

fn explain_difference(old: &str, new: &str) -> ExitCode {
    let read = |file: &str| read_policy(file).map_err(|sentence| refuse(&format!("{file}: {sentence}")));
    let difference = match read(old).and_then(|old| Ok(explain::difference(&old, &read(new)?))) {
        Ok(difference) => difference,
        Err(status) => return status,
    };
    match print(&difference.text) {
        ExitCode::SUCCESS if difference.opens => ExitCode::FAILURE,
        printed => printed,
    }
}

fn explain_routes(only_allowed: bool) -> ExitCode {
    match read(Policy::from_vars) {
        Ok((policy, lookalikes)) => print(&explain::routes(&policy, only_allowed, &lookalikes)),
        Err(status) => status,
    }
}

fn explain_request(method: &str, path: &str) -> ExitCode {
    let policy = match read(Policy::from_vars) {
        Ok((policy, _)) => policy,
        Err(status) => return status,
    };
    match explain::request(&policy, method, path) {
        Ok(explained) => match print(&format!("{}\n", explained.sentence)) {
            ExitCode::SUCCESS if !explained.allowed => ExitCode::FAILURE,
            printed => printed,
        },
        Err(call) => bad_call(&call.to_string()),
    }
}

fn serve() -> ExitCode {
    match read(Config::from_vars) {
        Ok((config, lookalikes)) => service::run(config, lookalikes),
        Err(status) => status,
    }
}

fn check_health() -> ExitCode {
    let config = match read(Config::from_vars) {
        Ok((config, _)) => config,
        Err(status) => return status,
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
