//! Every variable of the process: one table with names and defaults, and the parsers.
//!
//! The grants (sections, POST, ALLOW_*) are the policy's.

use crate::logging::Format;
use crate::policy::Policy;
use crate::policy::learn::Learner;
use crate::vars::{Error, Setting, Vars, parse_switch};
use log::LevelFilter;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
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
    LISTEN = "127.0.0.1:2375": "ADDRESS:PORT, or :PORT for all addresses",
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

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// All addresses of the host.
    All(u16),
    /// One address.
    At(SocketAddr),
}

impl Listen {
    /// The port, of one address or of all.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::All(port) => port,
            Self::At(address) => address.port(),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(port) => write!(f, ":{port}"),
            Self::At(address) => address.fmt(f),
        }
    }
}

/// What the environment opens: the grants, and the addresses that are listened on.
#[derive(Debug, Clone)]
pub struct Exposure {
    policy: Policy,
    listen: Listen,
    disable_ipv6: bool,
}

impl Exposure {
    /// Reads the environment, as far as it has to do with that.
    ///
    /// # Errors
    /// The first variable whose value cannot be used.
    pub fn from_vars(var: Vars<'_>) -> Result<Self, Error> {
        Ok(Self {
            policy: Policy::from_vars(var)?,
            listen: LISTEN.read(var, parse_listen)?,
            disable_ipv6: DISABLE_IPV6.read(var, parse_switch)?,
        })
    }

    /// Whether all that is open there is open here too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.policy.covers(&other.policy)
            && match (self.addresses(), other.addresses()) {
                (Listen::All(port), other) => port == other.port(),
                // Of one protocol: `[::]` is read as all addresses.
                (Listen::At(here), Listen::At(there)) if here.ip().is_unspecified() => {
                    there.is_ipv4() && here.port() == there.port()
                }
                (here, there) => here == there,
            }
    }

    /// Where is listened, without what DISABLE_IPV6 takes away.
    fn addresses(&self) -> Listen {
        match self.listen {
            Listen::All(port) if self.disable_ipv6 => Listen::At((Ipv4Addr::UNSPECIFIED, port).into()),
            listen => listen,
        }
    }
}

/// What the environment asks for.
#[derive(Debug, Clone)]
pub struct Config {
    /// LISTEN
    pub listen: Listen,
    /// DISABLE_IPV6: where all addresses are listened on, IPv4 alone.
    pub disable_ipv6: bool,
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
    /// The grants.
    pub policy: Policy,
    /// LEARN: remembers what the traffic needs.
    pub learner: Option<Arc<Learner>>,
    /// HEAD_TIMEOUT: from a head's first byte to its last.
    pub head_timeout: Duration,
    /// IDLE_TIMEOUT: between two requests. Above what clients keep a connection for, so that the proxy does not close under
    /// one: Go's for 90 s, docker-java's for three minutes, which does not check it before it is used again.
    pub idle_timeout: Duration,
    /// CONNECT_TIMEOUT: to the daemon, whose backlog may be full.
    pub connect_timeout: Duration,
    /// SHUTDOWN_GRACE: for requests in flight after SIGTERM.
    pub shutdown_grace: Duration,
    /// MAX_CONNECTIONS: clients served at once; more wait in the backlog.
    pub max_connections: usize,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// The first variable whose value cannot be used.
    pub fn from_vars(var: Vars<'_>) -> Result<Self, Error> {
        let Exposure { policy, listen, disable_ipv6 } = Exposure::from_vars(var)?;
        Ok(Self {
            listen,
            disable_ipv6,
            socket_path: SOCKET_PATH.read(var, |_, path| Ok(PathBuf::from(path)))?,
            log_level: LOG_LEVEL.read(var, parse_level)?,
            log_directives: RUST_LOG.read(var, parse_directives)?,
            log_format: LOG_FORMAT.read(var, parse_format)?,
            log_requests: LOG_REQUESTS.read(var, parse_switch)?,
            learner: policy.learning().then(|| Arc::new(Learner::new(policy.dialect()))),
            policy,
            head_timeout: HEAD_TIMEOUT.read(var, parse_duration)?,
            idle_timeout: IDLE_TIMEOUT.read(var, parse_duration)?,
            connect_timeout: CONNECT_TIMEOUT.read(var, parse_duration)?,
            shutdown_grace: SHUTDOWN_GRACE.read(var, parse_duration)?,
            max_connections: MAX_CONNECTIONS.read(var, parse_count)?,
        })
    }
}

fn parse_listen(variable: &'static str, value: &str) -> Result<Listen, Error> {
    let parsed = match value.strip_prefix(':') {
        Some(port) => port.parse().ok().map(Listen::All),
        None => value.parse().ok().map(|address: SocketAddr| {
            match address.ip().is_unspecified() && address.is_ipv6() {
                true => Listen::All(address.port()),
                false => Listen::At(address),
            }
        }),
    };
    let expected = "ADDRESS:PORT, such as 127.0.0.1:2375 or [::1]:2375, or :PORT for all addresses";
    parsed.ok_or_else(|| Error::value(variable, value, expected))
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
        "" | "s" => Some(1.0),
        "ms" => Some(0.001),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: Option<f64> = digits.parse().ok().filter(|_| plain);
    let duration = unit
        .zip(number)
        .and_then(|(unit, number)| Duration::try_from_secs_f64(number * unit).ok())
        .filter(|duration| !duration.is_zero() && *duration <= LONGEST);
    let expected = "a time above 0 and up to 1000 hours: seconds, or a number with ms, s, m or h";
    duration.ok_or_else(|| Error::value(variable, value, expected))
}

/// Longer than anyone waits, and short enough to be added to any clock.
const LONGEST: Duration = Duration::from_secs(3600 * 1000);

fn parse_count(variable: &'static str, value: &str) -> Result<usize, Error> {
    let count = value.parse().ok().filter(|count| (1..=1_000_000).contains(count));
    count.ok_or_else(|| Error::value(variable, value, "a number from 1 to 1000000"))
}
