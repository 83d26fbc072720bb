//! The rounds.

use crate::Options;
use crate::figures::Figures;
use crate::measure::{Measured, Scale};
use crate::peer::{Kind, Peer, Running, Setup};
use crate::process::Process;
use crate::report::Report;
use crate::rows::GROUPS;
use crate::sweeps::SWEEPS;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Peers that no narrow limit is about are measured in every such round alone.
const ROUNDS_OF_OTHERS: usize = 3;

/// Measures the rows and pictures that are wanted. The proxy is the first of the peers.
pub fn run(options: &Options, mut peers: Vec<Peer>, scratch: &Path) -> io::Result<Report> {
    let bench = Bench::new(scratch)?;
    let rounds_of = |repeats: usize| match options.scale {
        Scale::Full => options.rounds * repeats,
        Scale::Quick | Scale::Smoke => options.rounds,
    };
    let mut report =
        Report::new(&peers, &options.proxy, options.rounds, options.scale == Scale::Full || options.check)?;
    // Behind all that have a column.
    let plain = peers.len();
    peers.push(Peer { name: "without".into(), kind: Kind::PlainProxy(options.proxy.clone()) });

    for group in GROUPS.iter().filter(|group| options.wants(group.name)) {
        let peers = if group.has_plain() { &peers[..] } else { &peers[..plain] };
        let measure = |running: &Running| (group.measure)(running, options.scale);
        let rounds = rounds_of(group.repeats);
        let figures = bench.rounds(group.name, &group.setup, peers, group.rows.len(), rounds, measure)?;
        report.add_group(group, figures);
    }
    for sweep in SWEEPS.iter().filter(|sweep| options.wants(sweep.name)) {
        let mut points = Vec::new();
        // Where it is only seen that all works, the ends are enough.
        let step = if options.scale == Scale::Smoke { sweep.points.len() - 1 } else { 1 };
        for &point in sweep.points.iter().step_by(step) {
            let name = format!("{} {point}", sweep.name);
            let measure = |running: &Running| (sweep.measure)(running, point, options.scale);
            let (peers, rounds) = (&peers[..plain], rounds_of(sweep.repeats));
            let figures = bench.rounds(&name, &sweep.setup, peers, sweep.charts.len(), rounds, measure)?;
            points.push((point, figures));
        }
        report.add_sweep(sweep, points);
    }
    Ok(report)
}

/// A daemon, in front of which peers are started.
struct Bench {
    _daemon: Process,
    socket: PathBuf,
    scratch: PathBuf,
}

impl Bench {
    fn new(scratch: &Path) -> io::Result<Self> {
        let socket = scratch.join("daemon.sock");
        let daemon = Process::start(Command::new(std::env::current_exe()?).arg("--as-daemon").arg(&socket))?;
        while !socket.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Self { _daemon: daemon, socket, scratch: scratch.into() })
    }

    /// Measures the peers one after the other, each in a process of its own, in rounds: so many figures of each.
    fn rounds(
        &self,
        name: &str,
        setup: &Setup,
        peers: &[Peer],
        figures: usize,
        rounds: usize,
        measure: impl Fn(&Running) -> Measured,
    ) -> io::Result<Vec<Figures>> {
        let mut measured: Vec<Figures> = (0..figures).map(|_| Figures::default()).collect();
        for round in 0..rounds {
            // Every other round goes the other way, so that no peer is always the one behind another.
            let mut turns: Vec<_> = peers.iter().enumerate().collect();
            if round % 2 == 1 {
                turns.reverse();
            }
            for (place, peer) in turns {
                let figures = if !peer.is_beside() || round % ROUNDS_OF_OTHERS == 0 {
                    let running = peer.start(setup, &self.socket, &self.scratch);
                    let given = excuse(peer, name, running.and_then(|running| measure(&running)), figures)?;
                    eprintln!("{name}, round {}: {} {given:.1?}", round + 1, peer.name);
                    given
                } else {
                    vec![f64::NAN; figures]
                };
                measured.iter_mut().zip(figures).for_each(|(row, figure)| row.push(place, figure));
            }
        }
        Ok(measured)
    }
}

/// What fails on another's program, as an upload through HAProxy 2.6 does that stalls now and then, is a round without a
/// figure for it.
fn excuse(peer: &Peer, name: &str, measured: Measured, figures: usize) -> Measured {
    let Err(error) = measured else { return measured };
    let sentence = format!("{name}, {}: {error}", peer.name);
    if !peer.may_fail() {
        return Err(io::Error::other(sentence));
    }
    eprintln!("no figure: {sentence}");
    Ok(vec![f64::NAN; figures])
}
