//! What is measured: how a cost grows, in the pictures.

use crate::figures::Limit::{self, AtMost};
use crate::figures::Unit;
use crate::load;
use crate::measure::{MIB, Measured, Requests, Scale, download_in_chunks, get_of_length, keep_alive};
use crate::peer::{Running, Setup};
use crate::relay::Flow::{Bulk, Requests as AsRequests};
use crate::rows::{tcp, unix};

/// How costs grow with something.
pub struct Sweep {
    /// Its name, for `--only`.
    pub name: &'static str,
    /// With what they grow.
    pub grows_with: &'static str,
    /// The steps.
    pub points: &'static [u64],
    /// How peers are started.
    pub setup: Setup,
    /// How many times as many rounds as others it gets.
    pub repeats: usize,
    /// The costs, in the order of the figures.
    pub charts: &'static [Chart],
    /// Measures one peer, which has just been started, at one step.
    pub measure: fn(&Running, u64, Scale) -> Measured,
}

/// One cost that grows.
pub struct Chart {
    /// The name of its picture.
    pub file: &'static str,
    /// What is measured.
    pub what: &'static str,
    /// In what.
    pub unit: Unit,
    /// Against the bare relay, at each step from `limited_from` on.
    pub relay: Limit,
    /// The first step that is judged.
    pub limited_from: u64,
}

const fn cpu(file: &'static str, what: &'static str, unit: Unit) -> Chart {
    Chart { file, what, unit, relay: AtMost(1.1), limited_from: 0 }
}

/// Of a small number of connections, the memory is that of the programs: the row `memory at rest` has a limit for it.
const fn memory(file: &'static str) -> Chart {
    Chart { file, what: "memory in all", unit: Unit::Kib, relay: AtMost(1.0), limited_from: 100 }
}

const CONNECTIONS: &[u64] = &[1, 10, 100, 1000, 5000];

const PATHS: &[u64] = &[32, 128, 512, 2048, 8192];

/// The pictures.
pub const SWEEPS: &[Sweep] = &[
    Sweep {
        name: "growth-connections",
        grows_with: "keep-alive connections, all busy",
        points: CONNECTIONS,
        setup: tcp(AsRequests),
        repeats: 6,
        charts: &[cpu("connections-cpu", "CPU a request", Unit::Microseconds), memory("connections-memory")],
        measure: busy_connections,
    },
    Sweep {
        name: "growth-unix-connections",
        grows_with: "keep-alive connections over Unix sockets, all busy",
        points: CONNECTIONS,
        setup: unix(AsRequests),
        repeats: 6,
        charts: &[
            cpu("unix-connections-cpu", "CPU a request", Unit::Microseconds),
            memory("unix-connections-memory"),
        ],
        measure: busy_connections,
    },
    Sweep {
        name: "growth-chunks",
        grows_with: "bytes of a chunk",
        points: &[64, 512, 4096, 32 * 1024, 256 * 1024, 1024 * 1024],
        setup: tcp(Bulk),
        repeats: 4,
        charts: &[cpu("chunks-cpu", "CPU a GiB downloaded", Unit::MillisecondsPerGib)],
        measure: |peer, chunk, scale| download_in_chunks(peer, scale.choose(512, 64, 4) * MIB, chunk),
    },
    Sweep {
        name: "growth-path",
        grows_with: "bytes of the path, the same each time",
        points: PATHS,
        setup: tcp(AsRequests),
        repeats: 6,
        charts: &[cpu("path-cpu", "CPU a request", Unit::Microseconds)],
        measure: |peer, bytes, scale| {
            Ok(vec![keep_alive(peer, 32, &get_of_length(bytes, false), scale)?.cpu])
        },
    },
    Sweep {
        name: "growth-different-path",
        grows_with: "bytes of the path, another one each time",
        points: PATHS,
        setup: tcp(AsRequests),
        repeats: 6,
        charts: &[cpu("different-path-cpu", "CPU a request", Unit::Microseconds)],
        measure: |peer, bytes, scale| Ok(vec![keep_alive(peer, 32, &get_of_length(bytes, true), scale)?.cpu]),
    },
];

fn busy_connections(peer: &Running, count: u64, scale: Scale) -> Measured {
    let count = count.min(scale.choose(5000, 1000, 20)) as usize;
    let Requests { cpu, memory, .. } = keep_alive(peer, count, &load::get("/_ping"), scale)?;
    Ok(vec![cpu, memory])
}
