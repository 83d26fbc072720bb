//! What is measured: the rows of the table, and how cost grows.

use crate::address::Transport;
use crate::load::{self, Crowd};
use crate::peer::Running;
use std::io;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// Bytes of a GiB and of a MiB.
const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// No measurement takes as long.
const STUCK: Duration = Duration::from_secs(120);

/// The chunks that net/http makes of a copied stream.
const CHUNK_BYTES: usize = 32 * 1024;

/// How much is done for one measurement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// As the figures of docs/performance.md are.
    Full,
    /// Enough to see that a row works and about what it gives.
    Quick,
    /// Just that it works.
    Smoke,
}

impl Scale {
    const fn choose<T: Copy>(self, full: T, quick: T, smoke: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
            Self::Smoke => smoke,
        }
    }

    fn warm_up(self) -> Duration {
        Duration::from_millis(self.choose(100, 100, 10))
    }

    fn duration(self) -> Duration {
        Duration::from_millis(self.choose(400, 300, 20))
    }
}

/// What a figure counts.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Milliseconds of CPU a GiB.
    MillisecondsPerGib,
    /// Requests a second.
    PerSecond,
    /// KiB.
    Kib,
    /// MB.
    Megabytes,
    /// A part of one.
    Part,
}

/// What a figure may be.
#[derive(Clone, Copy)]
pub enum Limit {
    /// At most so much, or so many times the other's.
    AtMost(f64),
    /// At least so many times the other's.
    AtLeast(f64),
}

impl Limit {
    /// Whether it is kept.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

/// One line of the table.
pub struct Row {
    /// What is measured.
    pub what: &'static str,
    /// In what.
    pub unit: Unit,
    /// Against the bare relay.
    pub relay: Option<Limit>,
    /// Against HAProxy.
    pub haproxy: Option<Limit>,
    /// By itself.
    pub alone: Option<Limit>,
}

/// Rows that one run gives.
pub struct Group {
    /// Its name, for `--only`.
    pub name: &'static str,
    /// What the clients come over.
    pub transport: Transport,
    /// The buffer of the bare relay it is held against.
    pub relay_buffer_bytes: usize,
    /// How many times as many rounds as others it gets. What is short has many: a round's figure depends on which CPUs the
    /// kernel happens to place its processes.
    pub repeats: usize,
    /// Its rows, in the order of the figures.
    pub rows: &'static [Row],
    /// Measures one peer, which has just been started.
    pub measure: fn(&Running, Scale) -> io::Result<Vec<f64>>,
}

/// tokio's default, which suits requests.
const SMALL_BUFFER: usize = 8 * 1024;

/// What suits bulk data.
const LARGE_BUFFER: usize = 64 * 1024;

const fn row(what: &'static str, unit: Unit) -> Row {
    Row { what, unit, relay: None, haproxy: None, alone: None }
}

impl Row {
    const fn relay(self, limit: Limit) -> Self {
        Self { relay: Some(limit), ..self }
    }

    const fn haproxy(self, limit: Limit) -> Self {
        Self { haproxy: Some(limit), ..self }
    }

    const fn alone(self, limit: Limit) -> Self {
        Self { alone: Some(limit), ..self }
    }
}

use Limit::{AtLeast, AtMost};

/// The table.
pub const GROUPS: &[Group] = &[
    Group {
        name: "keep-alive",
        transport: Transport::Tcp,
        relay_buffer_bytes: SMALL_BUFFER,
        repeats: 8,
        rows: &[
            row("keep-alive `GET /_ping`, 32 clients: CPU a request", Unit::Microseconds)
                .relay(AtMost(1.25))
                .haproxy(AtMost(0.4)),
            row("the same: requests a second", Unit::PerSecond).relay(AtLeast(0.9)).haproxy(AtLeast(1.8)),
        ],
        measure: keep_alive_pings,
    },
    Group {
        name: "latency",
        transport: Transport::Tcp,
        relay_buffer_bytes: SMALL_BUFFER,
        repeats: 8,
        rows: &[row("one client, one request at a time: median latency", Unit::Microseconds)
            .relay(AtMost(1.1))
            .haproxy(AtMost(0.8))],
        measure: |peer, scale| Ok(vec![median_round_trip(peer, true, scale)?]),
    },
    Group {
        name: "connections",
        transport: Transport::Tcp,
        relay_buffer_bytes: SMALL_BUFFER,
        // More would fill the kernel's table of connections, where a firewall makes it keep one.
        repeats: 2,
        rows: &[row("a new connection for each request: CPU a request", Unit::Microseconds)
            .relay(AtMost(1.15))
            .haproxy(AtMost(1.0))],
        measure: pings_on_new_connections,
    },
    Group {
        name: "download-chunked",
        transport: Transport::Tcp,
        relay_buffer_bytes: LARGE_BUFFER,
        repeats: 3,
        rows: &[row("download of 3 GiB, chunked: CPU a GiB", Unit::MillisecondsPerGib)
            .relay(AtMost(1.1))
            .haproxy(AtMost(1.0))],
        measure: download_chunked,
    },
    Group {
        name: "download-length",
        transport: Transport::Tcp,
        relay_buffer_bytes: LARGE_BUFFER,
        repeats: 3,
        rows: &[row("download of 3 GiB with Content-Length: CPU a GiB", Unit::MillisecondsPerGib)
            .relay(AtMost(1.1))
            .haproxy(AtMost(1.0))],
        measure: |peer, scale| {
            let bytes = bulk(scale);
            let path = format!("/images/length-{bytes}/get");
            Ok(vec![cpu_a_gib(peer, bytes, || load::download(&peer.address, &path))?])
        },
    },
    Group {
        name: "upload",
        transport: Transport::Tcp,
        relay_buffer_bytes: LARGE_BUFFER,
        repeats: 3,
        rows: &[row("upload of 3 GiB, chunked: CPU a GiB", Unit::MillisecondsPerGib)
            .relay(AtMost(1.1))
            .haproxy(AtMost(0.7))],
        measure: upload_chunked,
    },
    Group {
        name: "hijack",
        transport: Transport::Tcp,
        relay_buffer_bytes: LARGE_BUFFER,
        repeats: 3,
        rows: &[row("hijacked stream, 1.5 GiB each way at once: CPU a GiB", Unit::MillisecondsPerGib)
            .relay(AtMost(1.05))],
        measure: |peer, scale| {
            let bytes = bulk(scale);
            Ok(vec![cpu_a_gib(peer, bytes, || load::echo(&peer.address, bytes / 2))?])
        },
    },
    Group {
        name: "frames",
        transport: Transport::Tcp,
        relay_buffer_bytes: LARGE_BUFFER,
        repeats: 8,
        rows: &[row("frames of 100 bytes on a hijacked stream: median round trip", Unit::Microseconds)
            .relay(AtMost(1.1))
            .haproxy(AtMost(0.9))],
        measure: |peer, scale| Ok(vec![median_round_trip(peer, false, scale)?]),
    },
    Group {
        name: "unix-keep-alive",
        transport: Transport::Unix,
        relay_buffer_bytes: SMALL_BUFFER,
        repeats: 8,
        rows: &[
            row("over Unix sockets, keep-alive `GET /_ping`, 32 clients: CPU a request", Unit::Microseconds)
                .relay(AtMost(1.1)),
            row("the same: requests a second", Unit::PerSecond).relay(AtLeast(0.9)),
        ],
        measure: keep_alive_pings,
    },
    Group {
        name: "unix-beside-a-hostile-client",
        transport: Transport::Unix,
        relay_buffer_bytes: SMALL_BUFFER,
        repeats: 2,
        rows: &[row(
            "over Unix sockets, beside another client that has taken all its places and knocks: requests a second, as a part of those \
             without it",
            Unit::Part,
        )
        .alone(AtLeast(0.8))],
        measure: beside_a_hostile_client,
    },
    Group {
        name: "unix-connections",
        transport: Transport::Unix,
        relay_buffer_bytes: SMALL_BUFFER,
        repeats: 8,
        rows: &[row(
            "over Unix sockets, a new connection for each request: CPU a request",
            Unit::Microseconds,
        )
        .relay(AtMost(1.1))],
        measure: pings_on_new_connections,
    },
    Group {
        name: "unix-download-chunked",
        transport: Transport::Unix,
        relay_buffer_bytes: LARGE_BUFFER,
        repeats: 3,
        rows: &[row("over Unix sockets, download of 3 GiB, chunked: CPU a GiB", Unit::MillisecondsPerGib)
            .relay(AtMost(1.1))],
        measure: download_chunked,
    },
    Group {
        name: "unix-upload",
        transport: Transport::Unix,
        relay_buffer_bytes: LARGE_BUFFER,
        repeats: 3,
        rows: &[row("over Unix sockets, upload of 3 GiB, chunked: CPU a GiB", Unit::MillisecondsPerGib)
            .relay(AtMost(1.1))],
        measure: upload_chunked,
    },
    Group {
        name: "events",
        transport: Transport::Tcp,
        relay_buffer_bytes: SMALL_BUFFER,
        repeats: 1,
        rows: &[row("memory per idle `GET /events` stream, 5,000 of them", Unit::Kib)
            .haproxy(AtMost(0.5))
            .alone(AtMost(3.0))],
        measure: |peer, scale| Ok(vec![memory_per_stream(peer, scale.choose(5000, 500, 10), false)?]),
    },
    Group {
        name: "idle-hijack",
        transport: Transport::Tcp,
        relay_buffer_bytes: LARGE_BUFFER,
        repeats: 1,
        rows: &[row("memory per idle hijacked stream, 2,000 of them", Unit::Kib).alone(AtMost(8.0))],
        measure: |peer, scale| Ok(vec![memory_per_stream(peer, scale.choose(2000, 200, 10), true)?]),
    },
    Group {
        name: "rest",
        transport: Transport::Tcp,
        relay_buffer_bytes: SMALL_BUFFER,
        repeats: 3,
        rows: &[
            row("memory at rest, after one request", Unit::Megabytes).alone(AtMost(3.0)),
            row("start to first answer", Unit::Milliseconds).alone(AtMost(10.0)),
        ],
        measure: |peer, _| {
            let memory = peer.process.memory()? as f64 / 1e6;
            Ok(vec![memory, peer.first_answer.as_secs_f64() * 1e3])
        },
    },
];

/// How a cost grows with something.
pub struct Sweep {
    /// Its name, for `--only`.
    pub name: &'static str,
    /// With what it grows.
    pub grows_with: &'static str,
    /// The steps.
    pub points: &'static [u64],
    /// The buffer of the bare relay it is held against.
    pub relay_buffer_bytes: usize,
    /// What is measured, each with the name of its picture.
    pub charts: &'static [(&'static str, &'static str, Unit)],
    /// Measures one peer, which has just been started, at one step.
    pub measure: fn(&Running, u64, Scale) -> io::Result<Vec<f64>>,
}

/// The pictures.
pub const SWEEPS: &[Sweep] = &[
    Sweep {
        name: "growth-connections",
        grows_with: "keep-alive connections, all busy",
        points: &[1, 10, 100, 1000, 5000],
        relay_buffer_bytes: SMALL_BUFFER,
        charts: &[
            ("connections-cpu", "CPU a request", Unit::Microseconds),
            ("connections-memory", "memory in all", Unit::Kib),
        ],
        measure: |peer, count, scale| {
            let count = count.min(scale.choose(5000, 1000, 20)) as usize;
            let Requests { cpu, memory, .. } = keep_alive(peer, count, "/_ping", scale)?;
            Ok(vec![cpu, memory])
        },
    },
    Sweep {
        name: "growth-chunks",
        grows_with: "bytes of a chunk",
        points: &[64, 512, 4096, 32 * 1024, 256 * 1024, 1024 * 1024],
        relay_buffer_bytes: LARGE_BUFFER,
        charts: &[("chunks-cpu", "CPU a GiB downloaded", Unit::MillisecondsPerGib)],
        measure: |peer, chunk, scale| {
            let bytes = scale.choose(512, 64, 4) * MIB;
            let path = format!("/images/chunked-{bytes}-{chunk}/get");
            Ok(vec![cpu_a_gib(peer, bytes, || load::download(&peer.address, &path))?])
        },
    },
    Sweep {
        name: "growth-path",
        grows_with: "bytes of the path",
        points: &[32, 128, 512, 2048, 8192],
        relay_buffer_bytes: SMALL_BUFFER,
        charts: &[("path-cpu", "CPU a request", Unit::Microseconds)],
        measure: |peer, length, scale| {
            let (start, end) = ("/v1.51/containers/", "/json");
            let path = format!("{start}{}{end}", "a".repeat(length as usize - start.len() - end.len()));
            Ok(vec![keep_alive(peer, 32, &path, scale)?.cpu])
        },
    },
];

const fn bulk(scale: Scale) -> u64 {
    scale.choose(3 * GIB, 256 * MIB, 4 * MIB)
}

fn keep_alive_pings(peer: &Running, scale: Scale) -> io::Result<Vec<f64>> {
    let Requests { cpu, rate, .. } = keep_alive(peer, 32, "/_ping", scale)?;
    Ok(vec![cpu, rate])
}

fn pings_on_new_connections(peer: &Running, scale: Scale) -> io::Result<Vec<f64>> {
    measure(async {
        let crowd = Crowd::one_shot(&peer.address, 16);
        Ok(vec![crowd_costs(peer, crowd, scale).await?.cpu])
    })
}

fn download_chunked(peer: &Running, scale: Scale) -> io::Result<Vec<f64>> {
    let bytes = bulk(scale);
    let path = format!("/images/chunked-{bytes}-{CHUNK_BYTES}/get");
    Ok(vec![cpu_a_gib(peer, bytes, || load::download(&peer.address, &path))?])
}

fn upload_chunked(peer: &Running, scale: Scale) -> io::Result<Vec<f64>> {
    let bytes = bulk(scale);
    Ok(vec![cpu_a_gib(peer, bytes, || load::upload(&peer.address, bytes, CHUNK_BYTES))?])
}

/// Runs a measurement, which fails where it takes longer than any does.
fn measure<T>(measurement: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { tokio::time::timeout(STUCK, measurement).await? })
}

/// What requests cost.
struct Requests {
    /// Microseconds of the peer's CPU for each.
    cpu: f64,
    /// How many a second.
    rate: f64,
    /// KiB that the peer holds meanwhile.
    memory: f64,
}

fn keep_alive(peer: &Running, clients: usize, path: &str, scale: Scale) -> io::Result<Requests> {
    measure(async {
        let crowd = Crowd::keep_alive(&peer.address, clients, path).await?;
        crowd_costs(peer, crowd, scale).await
    })
}

/// What is left to 8 clients of their rate beside one of another name, which holds every place that it can have by halves of heads, and
/// comes a thousand times a second with what is denied.
fn beside_a_hostile_client(peer: &Running, scale: Scale) -> io::Result<Vec<f64>> {
    // Others have one listener for all.
    let Some(other) = peer.other.clone() else { return Ok(Vec::new()) };
    let alone = keep_alive(peer, 8, "/_ping", scale)?.rate;
    measure(async {
        let mut held = Vec::new();
        for _ in 0..scale.choose(5000, 500, 20) {
            let mut client = other.connect_async().await?;
            client.write_all(b"GET /_ping HT").await?;
            held.push(client);
        }
        let knocks = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(1));
            loop {
                ticks.tick().await;
                // It may find no room.
                if let Ok(mut client) = other.connect_async().await {
                    let _ = client.write_all(b"GET /denied HTTP/1.1\r\nHost: docker\r\n\r\n").await;
                }
            }
        });
        let crowd = Crowd::keep_alive(&peer.address, 8, "/_ping").await?;
        let beside = crowd_costs(peer, crowd, scale).await?.rate;
        knocks.abort();
        Ok(vec![beside / alone])
    })
}

async fn crowd_costs(peer: &Running, mut crowd: Crowd, scale: Scale) -> io::Result<Requests> {
    tokio::time::sleep(scale.warm_up()).await;
    let (done, cpu, started) = (crowd.done(), peer.process.cpu()?, Instant::now());
    tokio::time::sleep(scale.duration()).await;
    // A short window may end before the first answer where the machine has other things to do.
    while crowd.done() == done && started.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (done, cpu, took) = (crowd.done() - done, peer.process.cpu()? - cpu, started.elapsed());
    let memory = peer.process.memory()? as f64 / 1024.0;
    crowd.check()?;
    if done == 0 {
        return Err(io::Error::other("nothing was answered; does the kernel drop packets (dmesg)?"));
    }
    Ok(Requests {
        cpu: cpu.as_secs_f64() * 1e6 / done as f64,
        rate: done as f64 / took.as_secs_f64(),
        memory,
    })
}

fn cpu_a_gib(peer: &Running, bytes: u64, run: impl FnOnce() -> io::Result<()>) -> io::Result<f64> {
    let before = peer.process.cpu()?;
    run()?;
    let cpu = peer.process.cpu()? - before;
    Ok(cpu.as_secs_f64() * 1e3 * GIB as f64 / bytes as f64)
}

fn median_round_trip(peer: &Running, framed: bool, scale: Scale) -> io::Result<f64> {
    let mut times = load::round_trips(&peer.address, framed, scale.choose(5_000, 2_000, 20))?;
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64() * 1e6)
}

fn memory_per_stream(peer: &Running, streams: usize, raw: bool) -> io::Result<f64> {
    measure(async {
        let before = peer.process.memory()?;
        let open = load::quiet_streams(&peer.address, streams, raw).await?;
        // The last of them may not have come to rest yet.
        tokio::time::sleep(scale_rest(streams)).await;
        let grown = peer.process.memory()?.saturating_sub(before);
        Ok(grown as f64 / 1024.0 / open.len() as f64)
    })
}

fn scale_rest(streams: usize) -> Duration {
    Duration::from_millis(if streams > 100 { 200 } else { 10 })
}
