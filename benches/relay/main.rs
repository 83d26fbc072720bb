//! The end-to-end bench: the proxy beside a bare relay and, where installed, HAProxy, in front of a daemon of its own.
//!
//! ```text
//! cargo bench --bench relay -- [--quick] [--write] [--only NAME] [--rounds N] [--proxy FILE] [--peer NAME=COMMAND]
//! ```
//! Each row is measured on one peer after the other, in rounds; a figure is the median of its rounds, CPU time and memory
//! are those of `/proc`. Prints the table with its ratios and limits, and ends with status 1 where a limit is not kept.

mod address;
mod daemon;
mod load;
mod peer;
mod report;
mod rows;

use address::Transport;
use peer::{Kind, Peer, Process};
use report::Report;
use rows::{GROUPS, Group, SWEEPS, Scale};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A picture shows more figures than a row, and needs each less exactly.
const MAX_SWEEP_ROUNDS: usize = 3;

const USAGE: &str = "\
usage: cargo bench --bench relay -- [options]
  --quick              each row once, short, not judged
  --only NAME          the rows and pictures whose name holds NAME; again for more
  --rounds N           rounds for each row (5; up to eight times as many for short ones), up to 3 for each picture
  --proxy FILE         another build of the proxy
  --peer NAME=COMMAND  one more peer: a shell command that listens on $LISTEN in front of $SOCKET: 127.0.0.1:$PORT, or
                       unix:/PATH in the rows over Unix sockets, which have no figure for it where it cannot
  --write              put the tables into docs/performance.md, and pictures into docs/bench
";

struct Options {
    scale: Scale,
    only: Vec<String>,
    rounds: usize,
    proxy: PathBuf,
    peers: Vec<Peer>,
    write: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            scale: Scale::Smoke,
            only: Vec::new(),
            rounds: 5,
            proxy: env!("CARGO_BIN_EXE_docker-socket-proxy").into(),
            peers: Vec::new(),
            write: false,
        };
        let (mut quick, mut test) = (false, false);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                // cargo gives it to benches that it runs as such; without it they are only tested.
                "--bench" => options.scale = Scale::Full,
                "--test" => test = true,
                "--quick" => quick = true,
                "--write" => options.write = true,
                "--only" => options.only.push(value()?),
                "--rounds" => options.rounds = value()?.parse().map_err(|_| "--rounds needs a number")?,
                "--proxy" => options.proxy = value()?.into(),
                "--peer" => {
                    let value = value()?;
                    let (name, command) = value.split_once('=').ok_or("--peer needs NAME=COMMAND")?;
                    options.peers.push(Peer { name: name.into(), kind: Kind::Command(command.into()) });
                }
                _ => return Err(format!("unknown argument {argument}")),
            }
        }
        if test {
            options.scale = Scale::Smoke;
        } else if quick {
            options.scale = Scale::Quick;
        }
        if options.scale != Scale::Full {
            options.rounds = 1;
        }
        Ok(options)
    }

    fn rounds_of(&self, group: &Group) -> usize {
        if self.scale == Scale::Full { self.rounds * group.repeats } else { self.rounds }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.contains(only.as_str()))
    }

    /// Everything that is measured, the proxy first and what it is held against behind it.
    fn take_peers(&mut self) -> Vec<Peer> {
        let mut peers = vec![
            Peer { name: "docker-socket-proxy".into(), kind: Kind::Proxy(self.proxy.clone()) },
            Peer { name: "bare relay".into(), kind: Kind::Relay },
        ];
        let haproxy =
            ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"].into_iter().find(|p| Path::new(p).exists());
        match haproxy {
            Some(program) => {
                peers.extend([("HAProxy", false), ("HAProxy, tuned", true)].map(|(name, tuned)| Peer {
                    name: name.into(),
                    kind: Kind::Haproxy { program: program.into(), tuned },
                }))
            }
            None => eprintln!("HAProxy is not installed: its columns are left out"),
        }
        peers.append(&mut self.peers);
        peers
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match words[..] {
        ["--as-daemon", socket] => daemon::serve(Path::new(socket)).map(|()| true),
        ["--as-relay", address, socket, bytes] => match (address.parse(), bytes.parse()) {
            (Ok(address), Ok(bytes)) => daemon::relay(&address, Path::new(socket), bytes).map(|()| true),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        },
        _ => match Options::parse(arguments.into_iter()) {
            Ok(options) => run(options),
            Err(error) => {
                eprint!("{error}\n{USAGE}");
                return ExitCode::from(64);
            }
        },
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("relay bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures what is wanted. Whether every limit was kept.
fn run(mut options: Options) -> io::Result<bool> {
    let scratch = Scratch::new()?;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let most = maximum.map_or(20_000, |hard| hard.min(20_000));
    setrlimit(Resource::Nofile, Rlimit { current: current.map(|soft| soft.max(most)), maximum })?;
    let socket = scratch.0.join("daemon.sock");
    let _daemon = Process::start(Command::new(std::env::current_exe()?).arg("--as-daemon").arg(&socket))?;
    while !socket.exists() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let peers = options.take_peers();
    let mut report = Report::new(&peers, &options.proxy, options.rounds, options.scale == Scale::Full)?;

    for group in GROUPS.iter().filter(|group| options.wants(group.name)) {
        let mut measured = vec![vec![Vec::new(); group.rows.len()]; peers.len()];
        for round in 1..=options.rounds_of(group) {
            for (peer, measured) in peers.iter().zip(&mut measured) {
                let running = peer.start(group.transport, &socket, &scratch.0, group.relay_buffer_bytes);
                let figures = running.and_then(|running| (group.measure)(&running, options.scale));
                let figures = excuse(peer, group.name, figures)?;
                eprintln!("{}, round {round}: {} {figures:.1?}", group.name, peer.name);
                measured.iter_mut().zip(figures).for_each(|(rounds, figure)| rounds.push(figure));
            }
        }
        report.add_group(group, measured);
    }
    for sweep in SWEEPS.iter().filter(|sweep| options.wants(sweep.name)) {
        let mut measured = vec![vec![vec![Vec::new(); sweep.points.len()]; peers.len()]; sweep.charts.len()];
        for round in 1..=options.rounds.min(MAX_SWEEP_ROUNDS) {
            for (place, &point) in sweep.points.iter().enumerate() {
                for (peer_place, peer) in peers.iter().enumerate() {
                    let running = peer.start(Transport::Tcp, &socket, &scratch.0, sweep.relay_buffer_bytes);
                    let figures = running.and_then(|running| (sweep.measure)(&running, point, options.scale));
                    let figures = excuse(peer, sweep.name, figures)?;
                    eprintln!("{} {point}, round {round}: {} {figures:.1?}", sweep.name, peer.name);
                    for (chart, figure) in measured.iter_mut().zip(figures) {
                        chart[peer_place][place].push(figure);
                    }
                }
            }
        }
        report.add_sweep(sweep, measured);
    }

    if options.scale == Scale::Smoke {
        println!("every row gives a figure; cargo bench gives figures that mean something");
        return Ok(true);
    }
    print!("{}", report.markdown());
    if options.write {
        report.write(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    }
    let kept = report.limits_kept();
    if !kept {
        eprintln!("a limit is not kept");
    }
    Ok(kept)
}

/// What fails on another's program, as an upload through HAProxy 2.6 does that stalls now and then, is a round without a
/// figure for it.
fn excuse(peer: &Peer, name: &str, figures: io::Result<Vec<f64>>) -> io::Result<Vec<f64>> {
    let Err(error) = figures else { return figures };
    let sentence = format!("{name}, {}: {error}", peer.name);
    if let Kind::Proxy(_) | Kind::Relay = peer.kind {
        return Err(io::Error::other(sentence));
    }
    eprintln!("no figure: {sentence}");
    Ok(Vec::new())
}

/// A folder of our own that goes with the run.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("docker-socket-proxy-bench-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
