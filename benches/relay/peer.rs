//! What is measured: programs that stand between clients and the daemon's socket, each a process of its own.

use crate::address::{Address, Transport};
use crate::load;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a peer may take to answer its first request.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// What the bench's requests need, for the proxy, HAProxy and peers alike.
const GRANTS: [&str; 5] = ["PING", "EVENTS", "CONTAINERS", "IMAGES", "POST"];

/// The sections of Tecnativa's image, in its order, and their paths.
const SECTIONS: [&str; 23] = [
    "auth",
    "build",
    "commit",
    "configs",
    "containers",
    "distribution",
    "events",
    "exec",
    "grpc",
    "images",
    "info",
    "networks",
    "nodes",
    "_ping",
    "plugins",
    "secrets",
    "services",
    "session",
    "swarm",
    "system",
    "tasks",
    "version",
    "volumes",
];

/// A program to measure.
pub struct Peer {
    /// Its name in the table.
    pub name: String,
    /// How it is started.
    pub kind: Kind,
}

/// How a peer is started.
pub enum Kind {
    /// The proxy of this project.
    Proxy(PathBuf),
    /// This program as a relay, with the buffers that suit the row.
    Relay,
    /// HAProxy with rules like those of Tecnativa's image, and with its settings or faster ones.
    Haproxy { program: PathBuf, tuned: bool },
    /// A shell command that finds LISTEN, PORT and SOCKET in its environment.
    Command(String),
}

/// A process that ends with this value.
pub struct Process(Child);

/// A peer that answers.
pub struct Running {
    /// Its process.
    pub process: Process,
    /// Where it listens.
    pub address: Address,
    /// Where it listens for another client, where it can.
    pub other: Option<Address>,
    /// How long it took from its start to its first answer.
    pub first_answer: Duration,
}

impl Process {
    /// Starts it silent. It may read its standard input to learn of our end.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(Self)
    }

    fn has_ended(&mut self) -> io::Result<bool> {
        self.0.try_wait().map(|status| status.is_some())
    }

    /// CPU time of all its threads so far, user and kernel.
    pub fn cpu(&self) -> io::Result<Duration> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.0.id()))? {
            // The first number is the time spent on a CPU.
            let stat = fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += number(stat.split(' ').next())?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> io::Result<u64> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.0.id()))?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
        Ok(number(line.and_then(|line| line.split_whitespace().next()))? * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn number(word: Option<&str>) -> io::Result<u64> {
    word.and_then(|word| word.parse().ok()).ok_or_else(|| io::Error::other("/proc shows no number"))
}

impl Peer {
    /// Starts it for clients over `transport`, and waits for its first answer. `relay_buffer_bytes` is what a bare relay
    /// copies with.
    pub fn start(
        &self,
        transport: Transport,
        socket: &Path,
        scratch: &Path,
        relay_buffer_bytes: usize,
    ) -> io::Result<Running> {
        let address = transport.free_address(scratch)?;
        let mut command = match &self.kind {
            Kind::Proxy(program) => Command::new(program),
            Kind::Relay => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("--as-relay").arg(address.to_string()).arg(socket);
                command.arg(relay_buffer_bytes.to_string());
                command
            }
            Kind::Haproxy { program, tuned } => {
                let file = scratch.join("haproxy.cfg");
                fs::write(&file, haproxy_configuration(&address, socket, *tuned))?;
                let mut command = Command::new(program);
                command.arg("-db").arg("-f").arg(file);
                command
            }
            Kind::Command(line) => {
                let mut command = Command::new("sh");
                command.arg("-c").arg(format!("exec {line}"));
                command
            }
        };
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(GRANTS.map(|name| (name, "1")));
        command.env("SOCKET_PATH", socket).env("LISTEN", address.to_string()).env("MAX_CONNECTIONS", "6000");
        command.env("SOCKET", socket);
        if let Address::Tcp(address) = &address {
            command.env("PORT", address.port().to_string());
        }
        let other = match (&self.kind, transport) {
            (Kind::Proxy(_), Transport::Unix) => {
                let other = Address::Unix(scratch.join("other.sock"));
                command.env("OTHER__LISTEN", other.to_string());
                Some(other)
            }
            _ => None,
        };
        let started = Instant::now();
        let mut process = Process::start(&mut command)?;
        while let Err(error) = load::ping(&address) {
            if process.has_ended()? || started.elapsed() > START_TIMEOUT {
                return Err(io::Error::other(format!("{} does not answer: {error}", self.name)));
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        Ok(Running { process, address, other, first_answer: started.elapsed() })
    }

    /// Its version, where it tells.
    pub fn version(&self) -> Option<String> {
        match &self.kind {
            Kind::Haproxy { program, tuned: false } => {
                let told = Command::new(program).arg("-v").output().ok()?;
                let told = String::from_utf8_lossy(&told.stdout).into_owned();
                told.split_whitespace().nth(2).map(|version| format!("HAProxy {version}"))
            }
            Kind::Proxy(_) => Some(format!("docker-socket-proxy {}", env!("CARGO_PKG_VERSION"))),
            Kind::Relay | Kind::Haproxy { .. } | Kind::Command(_) => None,
        }
    }
}

/// The judgement of Tecnativa's image in rules of our own: a regular expression for each section, matched in turn
/// against the decoded path. As there, each request is logged, to a standard output that is thrown away here, and has a
/// connection to the daemon of its own; where it is `tuned`, there is no log, and connections to the daemon are kept.
fn haproxy_configuration(address: &Address, socket: &Path, tuned: bool) -> String {
    let address = match address {
        Address::Tcp(address) => address.to_string(),
        Address::Unix(path) => format!("unix@{}", path.display()),
    };
    let settings = if tuned {
        ""
    } else {
        "    log stdout format raw daemon info\n    option httplog\n    option http-server-close\n"
    };
    let allow = |path: &str, variable: &str| {
        format!(
            "    http-request allow if {{ path,url_dec -m reg -i ^(/v[\\d\\.]+)?/{path} }} {{ env({variable}) -m bool }}\n"
        )
    };
    let actions =
        [("(stop|restart|kill)", "ALLOW_RESTARTS"), ("start", "ALLOW_START"), ("stop", "ALLOW_STOP")];
    let actions =
        actions.map(|(action, variable)| allow(&format!("containers/[a-zA-Z0-9_.-]+/{action}"), variable));
    let sections = SECTIONS.map(|section| allow(section, &section.trim_start_matches('_').to_uppercase()));
    format!(
        "global\n    maxconn 6000\n\
         defaults\n{settings}    mode http\n    timeout connect 10s\n    timeout client 10m\n    timeout server 10m\n    \
         timeout tunnel 1h\n\
         frontend clients\n    bind {address}\n    \
         http-request deny unless METH_GET || {{ env(POST) -m bool }}\n{}{}    http-request deny\n    \
         default_backend daemon\n\
         backend daemon\n    server daemon unix@{}\n",
        actions.concat(),
        sections.concat(),
        socket.display(),
    )
}
