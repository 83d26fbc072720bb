//! The end-to-end bench: the proxy beside a bare relay, the system calls alone and other programs, in front of a daemon of its own.
//!
//! ```text
//! cargo bench --bench relay -- [--quick] [--check] [--peers] [--write] [--only NAME] [--rounds N] [--proxy FILE] [--peer NAME=COMMAND]
//! ```
//! Each row is measured on one peer after the other, in rounds. A figure is the median of its rounds, and how the proxy stands to
//! another is the median of what each round comes to. CPU time and memory are those of `/proc`. Prints the tables with their ratios
//! and limits; with `--check` it ends with status 1 where a limit is not kept.

mod address;
mod daemon;
mod figures;
mod load;
mod measure;
mod peer;
mod process;
mod relay;
mod report;
mod rows;
mod run;
mod sweeps;

use address::Address;
use measure::Scale;
use peer::{Kind, Peer};
use relay::Flow;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo bench --bench relay -- [options]
  --quick              each row once, short, not judged
  --check              end with status 1 where a limit is not kept
  --only NAME          the rows and pictures whose name holds NAME; again for more
  --rounds N           rounds for each row (5; up to six times as many for short ones)
  --proxy FILE         another build of the proxy
  --peers              nginx, socat and a filter in Go too, as far as they are installed; GO says where Go is
  --peer NAME=COMMAND  one more peer: a shell command that listens on $LISTEN in front of $SOCKET: 127.0.0.1:$PORT, or
                       unix:/PATH in the rows over Unix sockets, which have no figure for it where it cannot
  --write              put the tables into docs/performance.md, and pictures into docs/bench
";

struct Options {
    scale: Scale,
    only: Vec<String>,
    rounds: usize,
    proxy: PathBuf,
    all_peers: bool,
    peers: Vec<Peer>,
    check: bool,
    write: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            scale: Scale::Smoke,
            only: Vec::new(),
            rounds: 5,
            proxy: env!("CARGO_BIN_EXE_docker-socket-proxy").into(),
            all_peers: false,
            peers: Vec::new(),
            check: false,
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
                "--check" => options.check = true,
                "--peers" => options.all_peers = true,
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

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.contains(only.as_str()))
    }

    /// Everything that is measured: the proxy, the relay and the floor first, and what is installed behind them.
    fn take_peers(&mut self, scratch: &Path) -> Vec<Peer> {
        let of_this = |name: &str, kind| Peer { name: name.into(), kind };
        let mut peers = vec![
            of_this("docker-socket-proxy", Kind::Proxy(self.proxy.clone())),
            of_this("bare relay", Kind::Relay),
            of_this("system calls alone", Kind::Floor),
        ];
        let mut add = |found: Result<Vec<Peer>, &str>| match found {
            Ok(found) => peers.extend(found),
            Err(reason) => eprintln!("{reason}: left out"),
        };
        add(Peer::haproxy().map(Vec::from));
        if self.all_peers {
            for found in [Peer::nginx(), Peer::socat(), Peer::go(scratch)] {
                add(found.map(|peer| vec![peer]));
            }
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
        [role @ ("--as-relay" | "--as-floor"), flow, address, socket] => {
            let relay = if role == "--as-relay" { relay::relay } else { relay::floor };
            as_relay(relay, flow, address, socket).map(|()| true)
        }
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

fn as_relay(
    relay: fn(&Address, &Path, Flow) -> io::Result<()>,
    flow: &str,
    address: &str,
    socket: &str,
) -> io::Result<()> {
    let address = address.parse().map_err(io::Error::other)?;
    relay(&address, Path::new(socket), flow.parse()?)
}

/// Measures what is wanted. Whether every limit was kept, as far as that is asked.
fn run(mut options: Options) -> io::Result<bool> {
    let scratch = Scratch::new()?;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let most = maximum.map_or(20_000, |hard| hard.min(20_000));
    setrlimit(Resource::Nofile, Rlimit { current: current.map(|soft| soft.max(most)), maximum })?;
    let peers = options.take_peers(&scratch.0);
    let report = run::run(&options, peers, &scratch.0)?;
    if options.scale == Scale::Smoke {
        println!("every row gives a figure; cargo bench gives figures that mean something");
        return Ok(true);
    }
    print!("{}", report.markdown());
    if options.write {
        report.write(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    }
    let missed = report.missed();
    for limit in &missed {
        eprintln!("not kept: {limit}");
    }
    Ok(missed.is_empty() || !options.check)
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
