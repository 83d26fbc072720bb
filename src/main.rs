//! The program: arguments, configuration, run.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use docker_socket_proxy::config::{Config, SETTINGS};
use docker_socket_proxy::explain::{self, Explained, Stop};
use docker_socket_proxy::guard::{GUARD, LISTS};
use docker_socket_proxy::healthcheck;
use docker_socket_proxy::lookalike::read;
use docker_socket_proxy::policy::lists::{ALLOW_ROUTES, DENY_ROUTES};
use docker_socket_proxy::policy::{DIALECT, Dialect, LEARN, VARIABLES, WhenUnset};
use docker_socket_proxy::service;
use docker_socket_proxy::vars::{Environment, Setting};
use std::fmt::Write as _;
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
  explain METHOD PATH     one request: exit status 0 if it is allowed, to any client, 1 if not, 64 on a bad call
  explain --body FILE METHOD PATH
                          the same with a body, which GUARD judges; - is standard input
  explain --diff OLD NEW  which routes open and close between two files of lines NAME=value, and whether others may be able to
                          connect: exit status 0 if nothing more is open, 1 if something is, 64 on a bad call
  explain --client NAME   the same, each of them, for one client; without it, for every one
  healthcheck             exit status 0 if the proxy of this environment answers wherever it listens, and the daemon too, else 1
                          and a sentence
  --help, --version

Everything is configured by the environment. 1 opens a section of the Docker API for GET and HEAD; other methods need
POST=1 too, or the variable of just this method or action. A variable that is not set is 0, or what stands in brackets
behind it. docs/variables.md of the source says more about each. `explain` shows which routes it opens.

One proxy can serve several clients: TRAEFIK__CONTAINERS=1 is CONTAINERS=1 for the client TRAEFIK alone, who is listened for at
TRAEFIK__LISTEN. So it is with every grant, and with ALLOW_ROUTES, DENY_ROUTES, GUARD and its lists, DIALECT, LEARN, LISTEN_MODE
and LISTEN_OWNER.

";

/// The calls and every variable.
fn help() -> String {
    let mut help = String::from(SYNOPSIS);
    for variable in VARIABLES {
        let default = match variable.default {
            WhenUnset::AsPostBut(_) => "as POST",
            default if default.is_on(Dialect::Tecnativa, false) => "1",
            _ => "0",
        };
        row(&mut help, variable.name, variable.about, default);
    }
    let lists = [&ALLOW_ROUTES, &DENY_ROUTES, &GUARD].into_iter().chain(LISTS);
    for Setting { name, about, default } in lists.chain([&DIALECT, &LEARN]) {
        row(&mut help, name, about, default);
    }
    help.push('\n');
    for Setting { name, about, default } in SETTINGS {
        row(&mut help, name, about, default);
    }
    help
}

/// A variable of [`help`].
fn row(help: &mut String, name: &str, about: &str, default: &str) {
    let _ = match default {
        "" | "0" => writeln!(help, "  {name:<18}  {about}"),
        _ => writeln!(help, "  {name:<18}  {about} ({default})"),
    };
}

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        [] => serve(),
        ["healthcheck"] => check_health(),
        ["explain", ref arguments @ ..] => explain(arguments),
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

fn explain(arguments: &[&str]) -> ExitCode {
    match explain::explain(arguments) {
        Ok(Explained { text, is_good }) => match print(&text) {
            ExitCode::SUCCESS if !is_good => ExitCode::FAILURE,
            printed => printed,
        },
        Err(Stop::BadCall(sentence)) => bad_call(&sentence),
        Err(Stop::Unusable(sentence)) => refuse(&sentence),
    }
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
