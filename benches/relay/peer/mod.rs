//! What is measured: programs that stand between clients and the daemon's socket, each a process of its own.

mod haproxy;
mod nginx;

use crate::address::{Address, Transport};
use crate::load;
use crate::process::Process;
use crate::relay::Flow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a peer may take to answer its first request.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// What the bench's requests need, for the proxy, HAProxy and peers alike.
const GRANTS: [&str; 5] = ["PING", "EVENTS", "CONTAINERS", "IMAGES", "POST"];

/// The connections of a program that forks for each: thousands of processes would say more about the kernel than about it.
const MAX_FORKED: usize = 100;

/// Variables of the proxy.
pub type Environment = Vec<(&'static str, String)>;

/// How peers are started for a row.
pub struct Setup {
    /// What clients come over.
    pub transport: Transport,
    /// What relays have to pass.
    pub flow: Flow,
    /// What the proxy has beside the grants that all rows need.
    pub environment: fn() -> Environment,
    /// The proxy listens for two clients, ONE and OTHER, at an address for each.
    pub two_clients: bool,
    /// OTHER has a proxy of its own beside it.
    pub two_proxies: bool,
}

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
    /// The same, always as it is without the row's environment and with one client.
    PlainProxy(PathBuf),
    /// This program as a relay, with the buffers that suit the row.
    Relay,
    /// This program as blocking reads and writes.
    Floor,
    /// HAProxy with rules like those of Tecnativa's image, and with its settings or faster ones.
    Haproxy { program: PathBuf, tuned: bool },
    /// nginx's stream module, which relays.
    Nginx(PathBuf),
    /// socat, which relays, in a process for each client.
    Socat(PathBuf),
    /// A filter by Go's reverse proxy, and what builds it.
    Go { program: PathBuf, version: String },
    /// A shell command that finds LISTEN, PORT and SOCKET in its environment.
    Command(String),
}

/// A peer that answers.
pub struct Running {
    /// Its process.
    pub process: Process,
    /// Where it listens.
    pub address: Address,
    /// Where it listens for another client, where it does.
    pub other: Option<Address>,
    /// A second one, for that client alone.
    pub second: Option<(Process, Address)>,
    /// How long it took from its start to its first answer.
    pub first_answer: Duration,
    /// How many connections it is asked to have at most.
    max_connections: usize,
}

impl Running {
    /// Fails where a row has more connections than are asked of this peer.
    pub fn takes(&self, connections: usize) -> io::Result<()> {
        if connections > self.max_connections {
            return Err(io::Error::other(format!(
                "{connections} processes, one a connection, are not tried"
            )));
        }
        Ok(())
    }
}

impl Peer {
    /// Whether a round may do without it: nothing is said of the proxy without the relay.
    pub fn may_fail(&self) -> bool {
        !matches!(self.kind, Kind::Proxy(_) | Kind::PlainProxy(_) | Kind::Relay)
    }

    /// Whether it is shown for comparison, and no narrow limit is about it.
    pub fn is_beside(&self) -> bool {
        self.may_fail() && !matches!(self.kind, Kind::Command(_))
    }

    /// Starts it, and waits for its first answer.
    pub fn start(&self, setup: &Setup, socket: &Path, scratch: &Path) -> io::Result<Running> {
        let address = setup.transport.free_address(scratch, "peer.sock")?;
        let granted = |command: &mut Command| {
            command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
            command.envs(GRANTS.map(|name| (name, "1")));
            command.env("SOCKET_PATH", socket).env("MAX_CONNECTIONS", "6000").env("SOCKET", socket);
        };
        let mut command = self.command(setup, &address, socket, scratch)?;
        granted(&mut command);
        if let Address::Tcp(address) = &address {
            command.env("PORT", address.port().to_string());
        }
        let other = match &self.kind {
            Kind::Proxy(_) if setup.two_clients => Some(setup.transport.free_address(scratch, "other.sock")?),
            _ => None,
        };
        match &other {
            Some(other) => {
                command.env("ONE__LISTEN", address.to_string()).env("OTHER__LISTEN", other.to_string())
            }
            None => command.env("LISTEN", address.to_string()),
        };
        if let Kind::Proxy(_) = self.kind {
            command.envs((setup.environment)());
        }
        let started = Instant::now();
        let mut process = Process::start(&mut command)?;
        while let Err(error) = load::ping(&address) {
            if process.has_ended()? || started.elapsed() > START_TIMEOUT {
                return Err(io::Error::other(format!("{} does not answer: {error}", self.name)));
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        let first_answer = started.elapsed();
        let second = match &self.kind {
            Kind::Proxy(program) if setup.two_proxies => {
                let address = setup.transport.free_address(scratch, "second.sock")?;
                let mut command = Command::new(program);
                granted(&mut command);
                Some((Process::start(command.env("LISTEN", address.to_string()))?, address))
            }
            _ => None,
        };
        let max_connections = if let Kind::Socat(_) = self.kind { MAX_FORKED } else { usize::MAX };
        Ok(Running { process, address, other, second, first_answer, max_connections })
    }

    fn command(
        &self,
        setup: &Setup,
        address: &Address,
        socket: &Path,
        scratch: &Path,
    ) -> io::Result<Command> {
        let of_this = |role| {
            let mut command = Command::new(std::env::current_exe()?);
            command.args([role, setup.flow.name()]).arg(address.to_string()).arg(socket);
            Ok(command)
        };
        Ok(match &self.kind {
            Kind::Proxy(program) | Kind::PlainProxy(program) | Kind::Go { program, .. } => {
                Command::new(program)
            }
            Kind::Relay => return of_this("--as-relay"),
            Kind::Floor => return of_this("--as-floor"),
            Kind::Haproxy { program, tuned } => {
                let file = scratch.join("haproxy.cfg");
                fs::write(&file, haproxy::configuration(address, socket, *tuned))?;
                let mut command = Command::new(program);
                command.arg("-db").arg("-f").arg(file);
                command
            }
            Kind::Nginx(program) => {
                let file = scratch.join("nginx.conf");
                fs::write(&file, nginx::configuration(address, socket, scratch, setup.flow))?;
                let mut command = Command::new(program);
                command.arg("-c").arg(file);
                command
            }
            Kind::Socat(program) => {
                let listen = match address {
                    Address::Tcp(address) => {
                        format!(
                            "TCP-LISTEN:{},bind={},fork,reuseaddr,nodelay,backlog=1024",
                            address.port(),
                            address.ip()
                        )
                    }
                    Address::Unix(path) => format!("UNIX-LISTEN:{},fork,backlog=1024", path.display()),
                };
                let mut command = Command::new(program);
                command.args(["-b", &setup.flow.buffer_bytes().to_string()]).arg(listen);
                command.arg(format!("UNIX-CONNECT:{}", socket.display()));
                command
            }
            Kind::Command(line) => {
                let mut command = Command::new("sh");
                command.arg("-c").arg(format!("exec {line}"));
                command
            }
        })
    }

    /// Its version, where it tells.
    pub fn version(&self) -> Option<String> {
        let told = |program: &Path, flag: &str, words: usize| {
            let told = Command::new(program).arg(flag).output().ok()?;
            let told = [told.stdout, told.stderr].concat();
            Some(String::from_utf8_lossy(&told).split_whitespace().nth(words)?.to_owned())
        };
        match &self.kind {
            Kind::Proxy(_) => Some(format!("docker-socket-proxy {}", env!("CARGO_PKG_VERSION"))),
            Kind::Haproxy { program, tuned: false } => Some(format!("HAProxy {}", told(program, "-v", 2)?)),
            Kind::Nginx(program) => Some(told(program, "-v", 2)?),
            Kind::Socat(program) => Some(format!("socat {}", told(program, "-V", 11)?)),
            Kind::Go { version, .. } => Some(version.clone()),
            _ => None,
        }
    }

    /// Those of HAProxy, where it is installed.
    pub fn haproxy() -> Result<[Self; 2], &'static str> {
        let program = installed("haproxy").ok_or("HAProxy is not installed")?;
        Ok([("HAProxy", false), ("HAProxy, tuned", true)].map(|(name, tuned)| Self {
            name: name.into(),
            kind: Kind::Haproxy { program: program.clone(), tuned },
        }))
    }

    /// nginx, where it is installed with its stream module.
    pub fn nginx() -> Result<Self, &'static str> {
        let program = installed("nginx").filter(|_| Path::new(nginx::STREAM_MODULE).exists());
        let program = program.ok_or("nginx is not installed, or libnginx-mod-stream is not")?;
        Ok(Self { name: "nginx, stream".into(), kind: Kind::Nginx(program) })
    }

    /// socat, where it is installed.
    pub fn socat() -> Result<Self, &'static str> {
        let program = installed("socat").ok_or("socat is not installed")?;
        Ok(Self { name: "socat".into(), kind: Kind::Socat(program) })
    }

    /// The filter in Go, where `$GO` or `go` builds it into `scratch`.
    pub fn go(scratch: &Path) -> Result<Self, &'static str> {
        let go = std::env::var_os("GO").map(PathBuf::from).or_else(|| installed("go"));
        let go = go.ok_or("Go is not installed, and GO does not say where it is")?;
        let run = |arguments: &[&str]| Command::new(&go).args(arguments).stderr(Stdio::inherit()).output();
        let program = scratch.join("goproxy");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/relay/go");
        let built = run(&["build", "-C", source, "-o", &program.to_string_lossy(), "."]);
        if !built.is_ok_and(|built| built.status.success()) {
            return Err("the filter in Go does not build");
        }
        let version = run(&["env", "GOVERSION"]).map_err(|_| "go does not tell its version")?;
        let version = String::from_utf8_lossy(&version.stdout).trim().replacen("go", "Go ", 1);
        Ok(Self { name: "Go's ReverseProxy".into(), kind: Kind::Go { program, version } })
    }
}

/// Where a program is, also where the superuser's are.
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}
