//! Every variable of the process: one table with names and defaults, and the parsers.
//!
//! The grants (sections, POST, ALLOW_*) are the policy's. [`frontends`] puts together who is served where, and with which grants;
//! [`listen`] is where.

mod frontend;
pub mod frontends;
pub mod listen;

pub use frontend::Frontend;
pub use listen::{Access, Listen};

use crate::logging::Format;
use crate::vars::{Environment, Error, Setting, parse_switch};
use log::LevelFilter;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Makes a constant of each row, and [`SETTINGS`] of all of them, so that no variable can be missing there.
macro_rules! settings {
    ($($name:ident = $default:literal: $about:literal,)*) => {
        $(const $name: Setting = Setting { name: stringify!($name), default: $default, about: $about };)*

        /// Every variable of the process, in the order of `--help`. Documents and packages are held to it by tests/documents.rs.
        pub static SETTINGS: &[Setting] = &[$($name),*];
    };
}

settings! {
    SOCKET_PATH = "/var/run/docker.sock": "the daemon's Unix socket",
    LISTEN = "": "ADDRESS:PORT, :PORT for all addresses, unix:/PATH, or systemd; several with commas between",
    LISTEN_DEFAULT = "127.0.0.1:2375": "what LISTEN is where it is unset and no client has a name",
    LISTEN_MODE = "0660": "permissions of socket files",
    LISTEN_OWNER = "": "UID:GID of socket files, in numbers",
    DISABLE_IPV6 = "0": "1: where all addresses are listened on, IPv4 alone",
    LOG_LEVEL = "info": "emerg, alert, crit, err, warning, notice, info or debug",
    RUST_LOG = "": "directives of Rust's env_logger, which win over LOG_LEVEL",
    LOG_REQUESTS = "0": "1: log every request at info; denied ones are warnings anyway",
    LOG_FORMAT = "text": "text, or json: one object a line",
    HEAD_TIMEOUT = "10": "seconds for a request's head",
    IDLE_TIMEOUT = "300": "seconds between two requests of a connection",
    CONNECT_TIMEOUT = "10": "seconds to reach the daemon",
    SHUTDOWN_GRACE = "10": "seconds for requests in flight after SIGTERM",
    MAX_CONNECTIONS = "4096": "clients served at once",
}

/// What the environment asks for.
#[derive(Debug)]
pub struct Config {
    /// Who is served where, and what is granted: at least one.
    pub frontends: Vec<Arc<Frontend>>,
    /// SOCKET_PATH: the daemon's Unix socket.
    pub socket_path: PathBuf,
    /// LOG_LEVEL
    pub log_level: LevelFilter,
    /// RUST_LOG: env_logger's directives, which win over LOG_LEVEL.
    pub log_directives: Option<String>,
    /// LOG_FORMAT
    pub log_format: Format,
    /// LOG_REQUESTS: allowed requests are logged at info, not at debug.
    pub log_requests: bool,
    /// HEAD_TIMEOUT: from a head's first byte to its last.
    pub head_timeout: Duration,
    /// IDLE_TIMEOUT: between two requests. Above what clients keep a connection for, so that the proxy does not close under
    /// one: Go's for 90 s, docker-java's for three minutes, which does not check it before it is used again.
    pub idle_timeout: Duration,
    /// CONNECT_TIMEOUT: to the daemon, whose backlog may be full.
    pub connect_timeout: Duration,
    /// SHUTDOWN_GRACE: for requests in flight after SIGTERM.
    pub shutdown_grace: Duration,
    /// MAX_CONNECTIONS: connections served at once; more wait in the backlog.
    pub max_connections: usize,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// The first variable that cannot be used.
    pub fn of(environment: &Environment) -> Result<Self, Error> {
        let frontends = frontends::read(environment)?;
        let var = &|name: &str| environment.get(name);
        let max_connections = MAX_CONNECTIONS.read(var, parse_count)?;
        if max_connections < frontends.len() {
            return Err(Error::Sentence(format!(
                "MAX_CONNECTIONS={max_connections} cannot be used: there are {} clients, and each needs one",
                frontends.len()
            )));
        }
        Ok(Self {
            frontends: frontends.into_iter().map(Arc::new).collect(),
            socket_path: SOCKET_PATH.read(var, |_, path| Ok(PathBuf::from(path)))?,
            log_level: LOG_LEVEL.read(var, parse_level)?,
            log_directives: RUST_LOG.read(var, parse_directives)?,
            log_format: LOG_FORMAT.read(var, parse_format)?,
            log_requests: LOG_REQUESTS.read(var, parse_switch)?,
            head_timeout: HEAD_TIMEOUT.read(var, parse_duration)?,
            idle_timeout: IDLE_TIMEOUT.read(var, parse_duration)?,
            connect_timeout: CONNECT_TIMEOUT.read(var, parse_duration)?,
            shutdown_grace: SHUTDOWN_GRACE.read(var, parse_duration)?,
            max_connections,
        })
    }
}

/// The eight syslog names that Tecnativa's image takes, and env_logger's own.
fn parse_level(variable: &'static str, value: &str) -> Result<LevelFilter, Error> {
    Ok(match value.to_ascii_lowercase().as_str() {
        "off" => LevelFilter::Off,
        "emerg" | "alert" | "crit" | "err" | "error" => LevelFilter::Error,
        "warning" | "warn" => LevelFilter::Warn,
        "notice" | "info" => LevelFilter::Info,
        "debug" => LevelFilter::Debug,
        "trace" => LevelFilter::Trace,
        _ => {
            let expected =
                "emerg, alert, crit, err, warning, notice, info or debug (also off, error, warn, trace)";
            return Err(Error::value(variable, value, expected));
        }
    })
}

/// Checks what env_logger would only complain of: `LEVEL` and `TARGET=LEVEL`, with commas between. A single word that is no
/// level is a target to it, so that a misspelt level would be silence.
fn parse_directives(variable: &'static str, value: &str) -> Result<Option<String>, Error> {
    let (directives, text) = value.split_once('/').unwrap_or((value, ""));
    let is_level = |word: &str| word.trim().parse::<LevelFilter>().is_ok();
    let mut directives = directives.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    let usable = directives.all(|directive| match directive.split_once('=') {
        Some((target, level)) => !target.trim().is_empty() && is_level(level),
        None => is_level(directive) || directive.starts_with(env!("CARGO_CRATE_NAME")),
    });
    if !usable || text.contains('/') {
        let expected = "off, error, warn, info, debug or trace, or TARGET=LEVEL, with commas between";
        return Err(Error::value(variable, value, expected));
    }
    Ok(Some(value.to_owned()).filter(|value| !value.is_empty()))
}

fn parse_format(variable: &'static str, value: &str) -> Result<Format, Error> {
    match value.to_ascii_lowercase().as_str() {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err(Error::value(variable, value, "text or json")),
    }
}

/// Reads seconds, decimals allowed, or a number with one of the units ms, s, m, h.
fn parse_duration(variable: &'static str, value: &str) -> Result<Duration, Error> {
    let digits = value.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = match &value[digits.len()..] {
        "" | "s" => Some(1_000_000_000),
        "ms" => Some(1_000_000),
        "m" => Some(60 * 1_000_000_000),
        "h" => Some(3600 * 1_000_000_000),
        _ => None,
    };
    let duration = unit
        .and_then(|unit| nanoseconds(digits, unit))
        .map(Duration::from_nanos)
        .filter(|duration| !duration.is_zero() && *duration <= LONGEST);
    let expected = "a time above 0 and up to 1000 hours: seconds, or a number with ms, s, m or h";
    duration.ok_or_else(|| Error::value(variable, value, expected))
}

/// Reads a decimal number of units of so many nanoseconds. Not by way of `f64`: reading one takes 17 KB of the program.
fn nanoseconds(number: &str, unit: u64) -> Option<u64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && decimals.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(10).map(u64::from);
    let mut sum = 0_u64;
    for byte in whole.bytes() {
        sum = sum.checked_mul(10)?.checked_add(digit(byte)? * unit)?;
    }
    let mut worth = unit;
    for byte in decimals.bytes() {
        worth /= 10;
        sum = sum.checked_add(digit(byte)? * worth)?;
    }
    Some(sum)
}

/// Longer than anyone waits, and short enough to be added to any clock.
const LONGEST: Duration = Duration::from_secs(3600 * 1000);

fn parse_count(variable: &'static str, value: &str) -> Result<usize, Error> {
    let count = value.parse().ok().filter(|count| (1..=1_000_000).contains(count));
    count.ok_or_else(|| Error::value(variable, value, "a number from 1 to 1000000"))
}
