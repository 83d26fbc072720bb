//! How a row is measured: a load on one peer, and what the peer's process takes for it.

use crate::address::Address;
use crate::load::{self, Crowd};
use crate::peer::Running;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// Bytes of a GiB and of a MiB.
pub const GIB: u64 = 1 << 30;
/// See [`GIB`].
pub const MIB: u64 = 1 << 20;

/// No measurement takes as long.
const STUCK: Duration = Duration::from_secs(120);

/// The chunks that net/http makes of a copied stream.
const CHUNK_BYTES: usize = 32 * 1024;

/// Clients of a row about connections.
const SHORT_CLIENTS: usize = 16;

/// Clients of a row about requests.
const CLIENTS: usize = 32;

/// A request that no peer is asked to grant.
const DENIED: &[u8] = b"GET /denied HTTP/1.1\r\nHost: docker\r\n\r\n";

/// What a measurement gives: a figure for each row of its group.
pub type Measured = io::Result<Vec<f64>>;

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
    /// One of three.
    pub const fn choose<T: Copy>(self, full: T, quick: T, smoke: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
            Self::Smoke => smoke,
        }
    }

    /// How long so many clients ask. It is short, so that two that are compared are measured right behind each other; of thousands each
    /// has to ask a few times. There is a third of it before, in which nothing is measured.
    fn window(self, clients: usize) -> Duration {
        let base = Duration::from_millis(self.choose(150, 150, 20));
        base + Duration::from_micros(self.choose(50, 50, 0)) * clients as u32
    }

    const fn bulk_bytes(self) -> u64 {
        self.choose(GIB, 256 * MIB, 4 * MIB)
    }
}

/// What requests cost.
pub struct Requests {
    /// Microseconds of the peer's CPU for each.
    pub cpu: f64,
    /// How many a second.
    pub rate: f64,
    /// KiB that the peer holds meanwhile.
    pub memory: f64,
}

/// CPU a request, and requests a second: pings.
pub fn pings(peer: &Running, scale: Scale) -> Measured {
    let Requests { cpu, rate, .. } = keep_alive(peer, CLIENTS, &load::get("/_ping"), scale)?;
    Ok(vec![cpu, rate])
}

/// CPU a request: of some clients, who ask the same or count up.
pub fn cpu_a_request(peer: &Running, request: &[u8], scale: Scale) -> Measured {
    Ok(vec![keep_alive(peer, CLIENTS, request, scale)?.cpu])
}

/// A path of so many bytes, of a container's whose name is long, the same each time or `numbered`.
pub fn get_of_length(bytes: u64, numbered: bool) -> Vec<u8> {
    let (start, end) = ("/v1.51/containers/", "/json");
    let number = if numbered { load::NUMBER } else { "" };
    let name = "a".repeat(bytes as usize - start.len() - number.len() - end.len());
    load::get(&format!("{start}{name}{number}{end}"))
}

/// CPU a request, each over a connection of its own.
pub fn new_connections(peer: &Running, scale: Scale) -> Measured {
    measure(async {
        let crowd = Crowd::one_shot(&peer.address, SHORT_CLIENTS);
        Ok(vec![crowd_costs(peer, crowd, scale.window(SHORT_CLIENTS)).await?.cpu])
    })
}

/// CPU a GiB: a download in chunks as net/http makes them.
pub fn download_chunked(peer: &Running, scale: Scale) -> Measured {
    download_in_chunks(peer, scale.bulk_bytes(), CHUNK_BYTES as u64)
}

/// CPU a GiB: a download of so many bytes in such chunks.
pub fn download_in_chunks(peer: &Running, bytes: u64, chunk: u64) -> Measured {
    let path = format!("/images/chunked-{bytes}-{chunk}/get");
    cpu_a_gib(peer, bytes, || load::download(&peer.address, &path))
}

/// CPU a GiB: a download with Content-Length.
pub fn download_with_length(peer: &Running, scale: Scale) -> Measured {
    let bytes = scale.bulk_bytes();
    let path = format!("/images/length-{bytes}/get");
    cpu_a_gib(peer, bytes, || load::download(&peer.address, &path))
}

/// CPU a GiB: an upload in chunks.
pub fn upload_chunked(peer: &Running, scale: Scale) -> Measured {
    let bytes = scale.bulk_bytes();
    cpu_a_gib(peer, bytes, || load::upload(&peer.address, bytes, CHUNK_BYTES))
}

/// CPU a GiB: a raw stream, half of it in each direction at once.
pub fn hijacked(peer: &Running, scale: Scale) -> Measured {
    let bytes = scale.bulk_bytes();
    cpu_a_gib(peer, bytes, || load::echo(&peer.address, bytes / 2))
}

/// The median round trip: of a ping where it is `framed`, or of 100 bytes on a raw stream.
pub fn round_trip(peer: &Running, framed: bool, scale: Scale) -> Measured {
    let mut times = load::round_trips(&peer.address, framed, scale.choose(5_000, 2_000, 20))?;
    times.sort_unstable();
    Ok(vec![times[times.len() / 2].as_secs_f64() * 1e6])
}

/// KiB for each of so many quiet streams.
pub fn memory_per_stream(peer: &Running, streams: usize, raw: bool) -> Measured {
    peer.takes(streams)?;
    measure(async {
        let before = peer.process.memory()?;
        let open = load::quiet_streams(&peer.address, streams, raw).await?;
        // The last of them may not have come to rest yet.
        tokio::time::sleep(Duration::from_millis(if streams > 100 { 200 } else { 10 })).await;
        let grown = peer.process.memory()?.saturating_sub(before);
        Ok(vec![grown as f64 / 1024.0 / open.len() as f64])
    })
}

/// Memory after its first request, and how long that took from its start.
pub fn rest(peer: &Running) -> Measured {
    Ok(vec![peer.process.memory()? as f64 / 1e6, peer.first_answer.as_secs_f64() * 1e3])
}

/// What is left to 8 clients of their rate beside one of another name, which holds every place that it can have by halves of heads, and
/// comes a thousand times a second with what is denied.
pub fn beside_a_hostile_client(peer: &Running, scale: Scale) -> Measured {
    // Others have one listener for all.
    let Some(other) = peer.other.clone() else { return Ok(vec![f64::NAN]) };
    let (ping, window) = (load::get("/_ping"), scale.window(CLIENTS));
    measure(async {
        let crowd = Crowd::keep_alive(&[&peer.address], 8, &ping).await?;
        let alone = crowd_costs(peer, crowd, window).await?.rate;
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
                    let _ = client.write_all(DENIED).await;
                }
            }
        });
        let crowd = Crowd::keep_alive(&[&peer.address], 8, &ping).await?;
        let beside = crowd_costs(peer, crowd, window).await?.rate;
        knocks.abort();
        Ok(vec![beside / alone])
    })
}

/// What is left to a client that opens connections one after the other beside a storm of another client's, of what is left to it where
/// the storm has a proxy of its own.
pub fn beside_a_storm(peer: &Running, scale: Scale) -> Measured {
    let (Some(other), Some((_, second))) = (&peer.other, &peer.second) else { return Ok(vec![f64::NAN]) };
    let window = scale.window(CLIENTS);
    let rate = |storm: &Address| -> io::Result<f64> {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    // It may find no room.
                    let _ = storm.connect().and_then(|client| client.send(DENIED));
                }
            });
            let started = Instant::now();
            let asked = (|| {
                let mut asked = 0_u32;
                while started.elapsed() < window {
                    load::ping(&peer.address)?;
                    asked += 1;
                }
                Ok(f64::from(asked) / started.elapsed().as_secs_f64())
            })();
            stop.store(true, Relaxed);
            asked
        })
    };
    Ok(vec![rate(other)? / rate(second)?])
}

/// What the requests of so many clients cost, who ask as fast as they are answered. Where the peer has two addresses, each has half of
/// them.
pub fn keep_alive(peer: &Running, clients: usize, request: &[u8], scale: Scale) -> io::Result<Requests> {
    peer.takes(clients)?;
    let addresses: Vec<_> = [&peer.address].into_iter().chain(&peer.other).collect();
    measure(async {
        let crowd = Crowd::keep_alive(&addresses, clients, request).await?;
        crowd_costs(peer, crowd, scale.window(clients)).await
    })
}

/// Runs a measurement, which fails where it takes longer than any does.
fn measure<T>(measurement: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { tokio::time::timeout(STUCK, measurement).await? })
}

async fn crowd_costs(peer: &Running, mut crowd: Crowd, window: Duration) -> io::Result<Requests> {
    tokio::time::sleep(window / 3).await;
    let (done, cpu, started) = (crowd.done(), peer.process.cpu()?, Instant::now());
    tokio::time::sleep(window).await;
    // A short window may end before the first answer where the machine has other things to do.
    while crowd.done() == done && started.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (done, cpu, took) = (crowd.done() - done, peer.process.cpu()?.saturating_sub(cpu), started.elapsed());
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

fn cpu_a_gib(peer: &Running, bytes: u64, run: impl FnOnce() -> io::Result<()>) -> Measured {
    let before = peer.process.cpu()?;
    run()?;
    let cpu = peer.process.cpu()?.saturating_sub(before);
    Ok(vec![cpu.as_secs_f64() * 1e3 * GIB as f64 / bytes as f64])
}
