//! Memory stays bounded, whatever clients do: hundreds of them in every `cargo test`, and 4,096 among the longer tests:
//!
//! ```text
//! cargo test --test memory -- --ignored --nocapture
//! ```

mod support;

use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use support::address::free_of_both;
use support::crowd::{Daemon, connect, have_descriptors, memory, runtime};
use support::{Address, Program, TempDir};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Enough to tell what each takes from what the program takes itself.
const HUNDREDS: usize = 256;

/// MAX_CONNECTIONS as it is by default.
const THOUSANDS: usize = 4096;

/// What each client may take: 64 KiB each way, which is what docs/variables.md and `src/proxy/conn.rs` promise, and for 4,096 of them
/// 537 MB. The image's allocator, musl's, makes 74,880 bytes of 64 KiB. Beside that each has its task and its state.
const EACH: usize = 2 * 74_880 + 8 * 1024;

/// What the program may take beside that once it has clients: its threads have buffers, and the allocator has gaps.
const AROUND: usize = 4 << 20;

/// A peer that takes nothing for so long takes nothing more.
const STALL: Duration = Duration::from_millis(500);

/// The crowds of hundreds come at the same time.
const CROWDS: usize = 3;

/// What a client sends without reading, and what the daemon does with the first request.
struct Scene {
    name: &'static str,
    bytes: Vec<u8>,
    deed: Deed,
    /// What each takes at least in the program, or it has not been played.
    least: usize,
}

/// What the daemon does.
#[derive(Clone)]
enum Deed {
    /// Reads everything and says nothing.
    Reads,
    /// Reads no more, and sends this and chunks without end.
    Floods(&'static str),
    /// Reads no more, and sends this.
    Answers(Vec<u8>),
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const HIJACKED: &str = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

/// As much as the sockets on the way take, and the proxy.
const PLENTY: usize = 1 << 20;

/// Chunks of it.
static CHUNKS: LazyLock<String> =
    LazyLock::new(|| format!("8000\r\n{}\r\n", "x".repeat(0x8000)).repeat(PLENTY >> 15));

/// Writes until the other side takes no more.
async fn write_until_stalled(stream: &mut (impl AsyncWriteExt + Unpin), mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match timeout(STALL, stream.write(bytes)).await {
            Ok(Ok(written)) => bytes = &bytes[written..],
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

async fn serve(mut stream: UnixStream, scenes: Arc<[Scene]>) -> io::Result<()> {
    // The request line is in the first read; what is behind it is left in the socket but for the scenes that are read.
    let mut buffer = vec![0; 4096];
    let read = stream.read(&mut buffer).await?;
    let head = String::from_utf8_lossy(&buffer[..read]).into_owned();
    // The program looks once at its start whether the daemon is there.
    let Some((_, number)) = head.split_once("scene=") else { return Ok(()) };
    let number: usize = number.split(' ').next().expect("a word").parse().expect("a number");
    match &scenes[number].deed {
        Deed::Reads => while stream.read(&mut buffer).await? > 0 {},
        Deed::Floods(head) => {
            write_until_stalled(&mut stream, head.as_bytes()).await;
            write_until_stalled(&mut stream, CHUNKS.as_bytes()).await;
        }
        Deed::Answers(answer) => write_until_stalled(&mut stream, answer).await,
    }
    std::future::pending().await
}

/// A client, over TCP with the smallest buffers, so that the proxy is left with the bytes.
async fn client(address: &Address, bytes: &[u8]) -> TcpStream {
    let connected = match address {
        Address::Tcp(address) => {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_recv_buffer_size(2048).expect("a small buffer");
            socket.set_send_buffer_size(2048).expect("a small buffer");
            socket.connect(*address).await
        }
        Address::Unix(_) => connect(address).await,
    };
    let mut stream = connected.expect("the proxy listens");
    write_until_stalled(&mut stream, bytes).await;
    stream
}

/// Has so many clients play these scenes, and returns the memory that the program had before, and the most that it has had.
fn peak(clients: usize, mut scenes: Vec<Scene>) -> Option<(usize, usize)> {
    let crowds = if clients == HUNDREDS { CROWDS } else { 1 };
    if !have_descriptors((crowds * (3 * clients + 100)) as u64) {
        return None;
    }
    for (number, scene) in scenes.iter_mut().enumerate() {
        let bytes = String::from_utf8(std::mem::take(&mut scene.bytes)).expect("ASCII");
        scene.bytes = bytes.replace("scene=?", &format!("scene={number}")).into_bytes();
    }
    let scenes: Arc<[Scene]> = scenes.into();
    Some(runtime().block_on(async {
        let dir = TempDir::new();
        let socket = dir.join("docker.sock");
        let played = Arc::clone(&scenes);
        let _daemon = Daemon::serving(&socket, move |stream| serve(stream, Arc::clone(&played)));
        let vars = [
            ("LISTEN", &free_of_both(&dir)[..]),
            ("CONTAINERS", "1"),
            ("POST", "1"),
            ("BUILD", "1"),
            ("HEAD_TIMEOUT", "1h"),
            ("CONNECT_TIMEOUT", "1h"),
        ];
        let program = Program::start(&socket, &vars);
        let at_rest = memory(&program, "VmRSS") as usize;
        let mut crowd = JoinSet::new();
        for number in 0..clients {
            let scenes = Arc::clone(&scenes);
            // Each scene over both kinds of listener.
            let address = program.addresses[number / scenes.len() % 2].clone();
            crowd.spawn(async move { client(&address, &scenes[number % scenes.len()].bytes).await });
        }
        let crowd = crowd.join_all().await;
        // What was sent has been taken. What the daemon sends has been taken when the memory grows no more.
        let mut before = 0;
        loop {
            let now = memory(&program, "VmRSS");
            if now <= before {
                break;
            }
            before = now;
            tokio::time::sleep(STALL).await;
        }
        drop(crowd);
        (at_rest, memory(&program, "VmHWM") as usize)
    }))
}

/// What so many clients take is below the promise, and above what shows that the scenes took place.
fn assert_bounded(clients: usize, scenes: impl IntoIterator<Item = Scene>) {
    let scenes: Vec<_> = scenes.into_iter().collect();
    let names: Vec<_> = scenes.iter().map(|scene| scene.name).collect();
    let least = scenes.iter().map(|scene| scene.least).sum::<usize>() / scenes.len();
    let Some((at_rest, peak)) = peak(clients, scenes) else { return };
    let (taken, names) = (peak - at_rest, names.join(", "));
    println!("{} MB for {clients} clients, {} KiB each: {names}", peak / 1_000_000, taken / clients / 1024);
    assert!(taken < clients * EACH + AROUND, "{names}: {taken} bytes");
    assert!(taken > clients * least, "{names}: {taken} bytes are too few to be true");
}

fn padded(request_line: &str, fields: &str, length: usize) -> Vec<u8> {
    let start = format!("{request_line}\r\nHost: docker\r\n{fields}X-Padding: ");
    let padding = "x".repeat(length - start.len());
    (start + &padding).into_bytes()
}

fn with_end(mut head: Vec<u8>, behind: &[u8]) -> Vec<u8> {
    head.extend(b"\r\n\r\n");
    head.extend(behind);
    head
}

const HALF_HEAD: usize = 63 * 1024;

fn half_head() -> Scene {
    Scene {
        name: "half heads",
        bytes: padded("GET /_ping HTTP/1.1", "", HALF_HEAD),
        deed: Deed::Reads,
        least: HALF_HEAD,
    }
}

/// Both directions are stuck: the daemon reads no body and the client no response.
fn unread_both_ways() -> Scene {
    let head = padded("POST /build?scene=? HTTP/1.1", "Content-Length: 100000000\r\n", HALF_HEAD);
    let bytes = with_end(head, &vec![b'x'; PLENTY]);
    Scene { name: "unread bodies and unread responses", bytes, deed: Deed::Floods(CHUNKED), least: 8_000 }
}

/// Raw streams: the client writes without reading, and so does the daemon.
fn raw_both_ways() -> Scene {
    let attach =
        "POST /containers/c/attach?scene=? HTTP/1.1\r\nHost: docker\r\nUpgrade: tcp\r\nConnection: Upgrade";
    let bytes = with_end(attach.into(), &vec![b'x'; PLENTY]);
    Scene { name: "hijacks that nobody reads", bytes, deed: Deed::Floods(HIJACKED), least: HALF_HEAD * 3 / 2 }
}

fn other_scenes() -> [Scene; 5] {
    let ahead = || b"GET /events?scene=? HTTP/1.1\r\nHost: docker\r\n\r\n".repeat(1000);
    let large_head = padded("HTTP/1.1 200 OK", "Content-Length: 10000000\r\n", HALF_HEAD);
    let chunk = format!("1;{}\r\nx\r\n", "x".repeat(1000));
    let chunked = "POST /build?scene=? HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\n";
    [
        Scene {
            name: "denied paths of 60 KiB",
            bytes: with_end(
                format!("GET /{} HTTP/1.1\r\nHost: docker", "x".repeat(60 * 1024)).into_bytes(),
                b"",
            ),
            deed: Deed::Reads,
            least: 0,
        },
        Scene {
            name: "requests ahead of unread responses",
            bytes: ahead(),
            deed: Deed::Floods(CHUNKED),
            least: 30_000,
        },
        Scene {
            name: "response heads without end",
            bytes: ahead(),
            deed: Deed::Answers(padded("HTTP/1.1 200 OK", "", 2 * HALF_HEAD)),
            least: 15_000,
        },
        Scene {
            name: "large response heads that nobody reads",
            bytes: ahead(),
            deed: Deed::Answers(with_end(large_head, &vec![b'x'; PLENTY])),
            least: 15_000,
        },
        Scene {
            name: "huge chunk extensions and bodies that stop",
            bytes: (chunked.to_owned() + &chunk.repeat(100) + "1;x").into_bytes(),
            deed: Deed::Reads,
            least: 20_000,
        },
    ]
}

fn all_scenes() -> impl Iterator<Item = Scene> {
    other_scenes().into_iter().chain([half_head(), unread_both_ways(), raw_both_ways()])
}

#[test]
fn hundreds_of_half_heads_fit() {
    assert_bounded(HUNDREDS, [half_head()]);
}

#[test]
fn hundreds_of_raw_streams_that_nobody_reads_fit() {
    assert_bounded(HUNDREDS, [raw_both_ways()]);
}

#[test]
fn hundreds_of_clients_that_do_their_worst_fit() {
    assert_bounded(HUNDREDS, all_scenes());
}

#[test]
#[ignore = "a minute: as many clients as MAX_CONNECTIONS lets in, in each scene"]
fn thousands_of_clients_that_do_their_worst_fit() {
    assert_bounded(THOUSANDS, all_scenes());
    for scene in all_scenes() {
        assert_bounded(THOUSANDS, [scene]);
    }
}
