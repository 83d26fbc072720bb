//! The program: arguments, configuration, run.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use docker_socket_proxy::config::Config;
use docker_socket_proxy::healthcheck;
use docker_socket_proxy::lookalike::lookalikes;
use docker_socket_proxy::policy::Policy;
use docker_socket_proxy::policy::explain;
use docker_socket_proxy::service;
use docker_socket_proxy::vars::{self, Vars};
use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

/// Exit status of a bad argument or a bad variable: EX_USAGE of sysexits.h.
const USAGE: u8 = 64;

const HELP: &str = "\
docker-socket-proxy: a filter in front of the Docker socket

Usage: docker-socket-proxy [COMMAND]

  (none)                serve
  explain               every known route, whether this environment allows it, and by which variable
  explain --allowed     only what is allowed
  explain METHOD PATH   one request: exit status 0 if it is allowed, 1 if not, 64 on a bad call
  healthcheck           exit status 0 if the proxy of this environment and the daemon answer, else 1 and a sentence
  --help, --version

Everything is configured by the environment. Sections of the Docker API are closed unless their variable is 1
(CONTAINERS, IMAGES, INFO, ...); PING, VERSION and EVENTS are open by default. Requests other than GET and HEAD
need POST=1 too, but ALLOW_START, ALLOW_STOP, ALLOW_RESTARTS, ALLOW_PAUSE and ALLOW_UNPAUSE open just these actions.
ALLOW_ARCHIVE, ALLOW_CHANGES, ALLOW_EXPORT, ALLOW_LOGS and ALLOW_TOP close what they name when they are 0.

  DIALECT          tecnativa, or linuxserver: what is closed of a container when it is not set (tecnativa)
  LEARN            1: allow everything, and print the variables that the traffic needed at SIGUSR1 and at exit
  SOCKET_PATH      the daemon's Unix socket (/var/run/docker.sock)
  LISTEN           ADDRESS:PORT, or :PORT for all addresses (127.0.0.1:2375)
  DISABLE_IPV6     1: where all addresses are listened on, IPv4 alone
  LOG_LEVEL        emerg, alert, crit, err, warning, notice, info, debug (info); RUST_LOG wins
  LOG_REQUESTS     1: log every request at info (0); denied ones are warnings anyway
  LOG_FORMAT       text, or json: one object a line (text)
  HEAD_TIMEOUT     seconds for a request's head (10)
  IDLE_TIMEOUT     seconds between two requests of a connection (300)
  CONNECT_TIMEOUT  seconds to reach the daemon (10)
  SHUTDOWN_GRACE   seconds for requests in flight after SIGTERM (10)
  MAX_CONNECTIONS  clients served at once (4096)
";

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => serve(),
        ["healthcheck"] => check_health(),
        ["explain"] => explain_routes(false),
        ["explain", "--allowed"] => explain_routes(true),
        ["explain", method, path] => explain_request(method, path),
        ["explain", option] if option.starts_with('-') => bad_call(&format!("unknown argument {option:?}")),
        ["explain", ..] => bad_call("explain takes nothing, --allowed, or METHOD PATH"),
        ["--help" | "-h"] => print(HELP),
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

/// What is read of the environment, and what speaks against variables in it that look like this program's and are none.
/// Where it cannot be used, that has been said, and the exit status is returned.
fn read<T>(from_vars: impl Fn(Vars<'_>) -> Result<T, vars::Error>) -> Result<(T, Vec<String>), ExitCode> {
    let lossy = |text: OsString| text.to_string_lossy().into_owned();
    let environment = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
    let read = from_vars(&var).map_err(|error| error.to_string());
    read.and_then(|read| Ok((read, lookalikes(environment)?))).map_err(|sentence| {
        eprintln!("docker-socket-proxy: {sentence}");
        ExitCode::from(USAGE)
    })
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
        Ok(answer) => match print(&format!("{}\n", answer.sentence)) {
            ExitCode::SUCCESS if !answer.allowed => ExitCode::FAILURE,
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
