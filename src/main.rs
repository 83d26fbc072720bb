//! The program: arguments, logger, configuration, run.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use docker_socket_proxy::config::Config;
use docker_socket_proxy::{daemon, healthcheck, limits, listener, logging};
use log::{error, info, warn};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Exit status of a bad argument or a bad variable: EX_USAGE of sysexits.h.
const USAGE: u8 = 64;

/// More threads than this gain nothing: one moves some 70,000 requests a second.
const MAX_WORKERS: usize = 4;

const HELP: &str = "\
docker-socket-proxy: a filter in front of the Docker socket

Usage: docker-socket-proxy [healthcheck | --help | --version]

  healthcheck      exit status 0 if the proxy of this environment and the daemon answer, else 1 and a sentence

Everything is configured by the environment. Sections of the Docker API are closed unless their variable is 1
(CONTAINERS, IMAGES, INFO, ...); PING, VERSION and EVENTS are open by default. Requests other than GET and HEAD
need POST=1 too.

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
    let healthcheck = match arguments[..] {
        [] => false,
        ["healthcheck"] => true,
        ["--help" | "-h"] => return print(HELP),
        ["--version" | "-V"] => {
            return print(concat!("docker-socket-proxy ", env!("CARGO_PKG_VERSION"), "\n"));
        }
        ["healthcheck", unknown, ..] | [unknown, ..] => {
            eprintln!("docker-socket-proxy: unknown argument {unknown:?}; see --help");
            return ExitCode::from(USAGE);
        }
    };
    let config =
        match Config::from_vars(&|name| std::env::var_os(name).map(|value| value.to_string_lossy().into())) {
            Ok(config) => config,
            Err(error) => {
                eprintln!("docker-socket-proxy: {error}");
                return ExitCode::from(USAGE);
            }
        };
    let ended = if healthcheck { check_health(&config) } else { serve(config) };
    match ended {
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
    std::panic::set_hook(Box::new(|panic| error!(event = "panic"; "{panic}")));
    config.max_connections = limits::make_room(config.max_connections);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(async {
        let listener = listener::bind(&config)
            .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
        let shutdown = shutdown_signal().map_err(|error| format!("cannot wait for signals: {error}"))?;
        let address =
            listener.local_addr().map_or_else(|_| config.listen.to_string(), |address| address.to_string());
        info!(
            event = "start";
            "docker-socket-proxy {} on {address}, daemon at {}, granted: {}",
            env!("CARGO_PKG_VERSION"), config.socket_path.display(), config.policy.granted(),
        );
        let config = Arc::new(config);
        tokio::spawn(warn_of_missing_daemon(Arc::clone(&config)));
        tokio::spawn(async {
            loop {
                tokio::time::sleep(logging::REPEAT_WINDOW).await;
                logger.sum_up();
            }
        });
        listener::run(listener, config, shutdown).await;
        info!(event = "stop"; "stopped");
        Ok(())
    })
}

async fn warn_of_missing_daemon(config: Arc<Config>) {
    if let Err(error) = daemon::connect(&config.socket_path, config.connect_timeout).await {
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
