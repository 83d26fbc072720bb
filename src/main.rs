//! The program: arguments, logger, configuration, run.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use docker_socket_proxy::config::Config;
use docker_socket_proxy::daemon::Daemon;
use docker_socket_proxy::learn::Learner;
use docker_socket_proxy::policy::{self, Policy};
use docker_socket_proxy::{explain, healthcheck, limits, listener, logging, vars};
use log::{error, info, warn};
use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit status of a bad argument or a bad variable: EX_USAGE of sysexits.h.
const USAGE: u8 = 64;

/// How often the log is asked for repeats to sum up.
const SUM_UP_INTERVAL: Duration = Duration::from_secs(5);

/// More threads than this gain nothing: one moves some 70,000 requests a second.
const MAX_WORKERS: usize = 4;

/// How often it is said that everything is allowed.
const LEARN_REMINDER: Duration = Duration::from_secs(3600);

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
  LOG_FORMAT       text, or json: one object a line (text)
  HEAD_TIMEOUT     seconds for a request's head (10)
  IDLE_TIMEOUT     seconds between two requests of a connection (120)
  CONNECT_TIMEOUT  seconds to reach the daemon (10)
  SHUTDOWN_GRACE   seconds for requests in flight after SIGTERM (10)
  MAX_CONNECTIONS  clients served at once (4096)
";

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => run(serve),
        ["healthcheck"] => run(|config| check_health(&config)),
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

fn bad_variable(error: &vars::Error) -> ExitCode {
    eprintln!("docker-socket-proxy: {error}");
    ExitCode::from(USAGE)
}

/// Looks a variable up. What is not UTF-8 is replaced, so that it is refused where it means something.
fn var(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// What speaks against variables that look like grants and are none.
fn lookalikes() -> Vec<String> {
    let lossy = |text: OsString| text.to_string_lossy().into_owned();
    policy::lookalikes(std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))))
}

fn explain_routes(only_allowed: bool) -> ExitCode {
    match Policy::from_vars(&var) {
        Ok(policy) => print(&explain::routes(&policy, only_allowed, &lookalikes())),
        Err(error) => bad_variable(&error),
    }
}

fn explain_request(method: &str, path: &str) -> ExitCode {
    let policy = match Policy::from_vars(&var) {
        Ok(policy) => policy,
        Err(error) => return bad_variable(&error),
    };
    match explain::request(&policy, method, path) {
        Ok(answer) => match print(&format!("{}\n", answer.sentence)) {
            ExitCode::SUCCESS if !answer.allowed => ExitCode::FAILURE,
            printed => printed,
        },
        Err(call) => bad_call(&call.to_string()),
    }
}

fn run(what: impl FnOnce(Config) -> Result<(), String>) -> ExitCode {
    let config = match Config::from_vars(&var) {
        Ok(config) => config,
        Err(error) => return bad_variable(&error),
    };
    match what(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("docker-socket-proxy: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn check_health(config: &Config) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(healthcheck::check(config))
}

fn serve(mut config: Config) -> Result<(), String> {
    let logger = logging::start(config.log_level, config.log_format);
    config.max_connections = limits::make_room(config.max_connections);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let (ended, end) = mpsc::channel();
    runtime.spawn(async move { ended.send(serve_until_told(config).await) });
    // Without a timer of the runtime's, for the reason that clock gives.
    let served = loop {
        match end.recv_timeout(SUM_UP_INTERVAL) {
            Ok(served) => break served,
            Err(RecvTimeoutError::Timeout) => logger.sum_up(),
            Err(RecvTimeoutError::Disconnected) => break Err("a bug ended the accept loop".into()),
        }
    };
    logger.sum_up_all();
    if served.is_ok() {
        info!(event = "stop"; "stopped");
    }
    served
}

async fn serve_until_told(config: Config) -> Result<(), String> {
    let listener =
        listener::bind(&config).map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
    let shutdown = shutdown_signal().map_err(|error| format!("cannot wait for signals: {error}"))?;
    let address =
        listener.local_addr().map_or_else(|_| config.listen.to_string(), |address| address.to_string());
    info!(
        event = "start";
        "docker-socket-proxy {} on {address}, daemon at {}, granted: {}",
        env!("CARGO_PKG_VERSION"), config.socket_path.display(), config.policy.granted(),
    );
    let warnings = policy::warnings(config.policy.grants(), config.policy.dialect());
    for warning in warnings.into_iter().chain(lookalikes()) {
        warn!(event = "grants"; "{warning}");
    }
    let learner = config.learner.clone();
    if let Some(learner) = learner.clone() {
        let asked = signal(SignalKind::user_defined1());
        let asked = asked.map_err(|error| format!("cannot wait for signals: {error}"))?;
        tokio::spawn(print_when_asked(Arc::clone(&learner), asked));
        tokio::spawn(remind_of_learning());
    }
    let config = Arc::new(config);
    tokio::spawn(warn_of_missing_daemon(Arc::clone(&config)));
    // At once, as whoever stops a container may not wait for the grace period's end.
    let shutdown = async {
        shutdown.await;
        if let Some(learner) = &learner {
            print(&learner.report());
        }
    };
    listener::run(listener, config, shutdown).await.map_err(|error| format!("cannot start: {error}"))?;
    if let Some(learner) = learner.filter(|learner| learner.has_news()) {
        print(&learner.report());
    }
    Ok(())
}

async fn print_when_asked(learner: Arc<Learner>, mut asked: Signal) {
    while asked.recv().await.is_some() {
        print(&learner.report());
    }
}

async fn remind_of_learning() {
    loop {
        // An error's level, so that it is seen whatever LOG_LEVEL is.
        error!(event = "learn"; "{}", policy::LEARN_WARNING);
        tokio::time::sleep(LEARN_REMINDER).await;
    }
}

async fn warn_of_missing_daemon(config: Arc<Config>) {
    if let Err(error) = Daemon::new(&config).connect().await {
        let path = config.socket_path.display();
        warn!(event = "daemon"; "cannot reach the daemon at {path} yet: {error}");
    }
}

/// Ready at the first SIGTERM or SIGINT. A second one ends the program at once.
fn shutdown_signal() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut next = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(async move {
        next().await;
        tokio::spawn(async move {
            next().await;
            std::process::exit(1);
        });
    })
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
