//! Mixed traffic over both kinds of listener under faults: every answer is checked byte for byte, and in the end nothing is
//! left behind.
//!
//! A second long in every `cargo test`, half a minute among the longer tests, and ten minutes before a release:
//! ```text
//! SOAK_SECONDS=600 cargo test --release --test soak -- --ignored --nocapture
//! ```

mod support;

use socket2::{SockRef, Socket};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::address::free_of_both;
use support::crowd::{descriptors, memory};
use support::{Address, PATIENCE, Program, TempDir};

/// Clients at work at the same time, of each kind of traffic over each kind of listener.
const OF_EACH_KIND: usize = 2;

/// How long the daemon is down in a restart.
const DOWN: Duration = Duration::from_millis(50);

/// What payloads are cut from: the byte at `seed + i` is at place `i` of the payload of that seed.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..8 << 20).map(|_| next()).collect()
});

fn payload(seed: usize, length: usize) -> &'static [u8] {
    &PATTERN[seed % (4 << 20)..][..length]
}

/// A small generator of its own for each client, so that a run can be told again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// The number that a target or a head names.
fn number(text: &str, name: &str) -> usize {
    let (_, rest) = text.split_once(name).unwrap_or_else(|| panic!("{name} in {text}"));
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// One side of a connection.
struct Wire<S> {
    reader: BufReader<S>,
}

impl<S: Read> Wire<S>
where
    for<'s> &'s S: Write,
{
    fn new(stream: S) -> Self {
        Self { reader: BufReader::with_capacity(16 * 1024, stream) }
    }

    fn stream(&self) -> &S {
        self.reader.get_ref()
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.stream().write_all(bytes)
    }

    fn send_chunks(&self, mut bytes: &[u8], size: usize) -> io::Result<()> {
        while !bytes.is_empty() {
            let (chunk, rest) = bytes.split_at(size.min(bytes.len()));
            self.send(&[format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())?;
            bytes = rest;
        }
        self.send(b"0\r\n\r\n")
    }

    /// A head, or nothing at an orderly end.
    fn read_head(&mut self) -> io::Result<Option<String>> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.reader.read_line(&mut head)? == 0 {
                return if head.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
        Ok(Some(head))
    }

    fn read_exact(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The body that a head announces.
    fn read_body(&mut self, head: &str) -> io::Result<Vec<u8>> {
        if !head.contains("chunked") {
            return self.read_exact(number(head, "Content-Length:"));
        }
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line)?;
            let size =
                usize::from_str_radix(line.trim_end(), 16).map_err(|_| io::ErrorKind::UnexpectedEof)?;
            body.extend(self.read_exact(size)?);
            self.read_exact(2)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
}

/// The daemon, which can be restarted.
struct Daemon {
    socket: PathBuf,
    /// Odd while it is down, and higher after each restart.
    epoch: AtomicU64,
    alive: Mutex<Vec<UnixStream>>,
    listener: Mutex<Option<UnixListener>>,
    /// Payloads that came in wrong.
    wrong: AtomicU64,
}

impl Daemon {
    fn start(socket: &Path) -> Arc<Self> {
        let daemon = Arc::new(Self {
            socket: socket.to_owned(),
            epoch: AtomicU64::new(1),
            alive: Mutex::default(),
            listener: Mutex::default(),
            wrong: AtomicU64::new(0),
        });
        daemon.go_up();
        daemon
    }

    fn go_up(self: &Arc<Self>) {
        let listener = UnixListener::bind(&self.socket).expect("a socket");
        let handle = listener.try_clone().expect("a handle");
        *self.listener.lock().expect("no panic") = Some(handle);
        let daemon = Arc::clone(self);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let mut alive = daemon.alive.lock().expect("no panic");
                // The ended ones are found by their peer.
                alive.retain(|stream| stream.take_error().is_ok() && stream.peer_addr().is_ok());
                alive.push(stream.try_clone().expect("a handle"));
                drop(alive);
                let daemon = Arc::clone(&daemon);
                thread::spawn(move || {
                    let mut client = Wire::new(stream);
                    while let Ok(Some(head)) = client.read_head() {
                        if daemon.answer(&mut client, &head).is_err() {
                            break;
                        }
                    }
                    let _ = client.stream().shutdown(Shutdown::Both);
                });
            }
        });
        self.epoch.fetch_add(1, SeqCst);
    }

    /// Cuts every connection and listens no more, as a daemon that is killed.
    fn go_down(&self) {
        self.epoch.fetch_add(1, SeqCst);
        let listener = self.listener.lock().expect("no panic").take().expect("it listens");
        SockRef::from(&listener).shutdown(Shutdown::Both).expect("shut down");
        fs::remove_file(&self.socket).expect("removed");
        for stream in self.alive.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn answer(&self, client: &mut Wire<UnixStream>, head: &str) -> io::Result<()> {
        let target = head.split(' ').nth(1).expect("a target");
        let (seed, length) = (number(target, "seed="), number(target, "length="));
        if target.starts_with("/build") {
            let body = client.read_body(head)?;
            if body != payload(seed, length) {
                self.wrong.fetch_add(1, SeqCst);
            }
            return client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
        }
        if target.starts_with("/containers") {
            client.send(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")?;
            let mut chunk = [0; 16 * 1024];
            loop {
                match client.reader.read(&mut chunk)? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    read => client.send(&chunk[..read])?,
                }
            }
        }
        let bytes = payload(seed, length);
        if target.starts_with("/events") {
            client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            for event in bytes.chunks(100) {
                thread::sleep(Duration::from_millis(5));
                client.send(&[b"64\r\n", event, b"\r\n"].concat())?;
            }
            return client.send(b"0\r\n\r\n");
        }
        if target.starts_with("/images") {
            client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            return client.send_chunks(bytes, 1 + seed % 40_000);
        }
        client.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes())?;
        client.send(bytes)
    }
}

/// Why a piece of traffic did not come to its end.
enum Failure {
    /// The connection or the daemon failed: right while the daemon restarts.
    Broken(String),
    /// Bytes came that were never sent: never right.
    Wrong(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

type Client = Wire<Socket>;

fn connect(address: &Address) -> io::Result<Client> {
    let stream = address.connect()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(Wire::new(stream))
}

fn read_answer(client: &mut Client, expected: &[u8]) -> Result<(), Failure> {
    let head = client.read_head()?.ok_or(Failure::Broken("no answer".into()))?;
    if !head.starts_with("HTTP/1.1 200") {
        let body = client.read_body(&head)?;
        return Err(Failure::Broken(String::from_utf8_lossy(&body).into_owned()));
    }
    check(&client.read_body(&head)?, expected)
}

fn check(got: &[u8], expected: &[u8]) -> Result<(), Failure> {
    match got == expected {
        true => Ok(()),
        false => Err(Failure::Wrong(format!("{} bytes for {}", got.len(), expected.len()))),
    }
}

fn get(path: &str, seed: usize, length: usize) -> String {
    format!("GET {path}?seed={seed}&length={length} HTTP/1.1\r\nHost: docker\r\n\r\n")
}

/// A kind of traffic: one connection, and the requests that it made.
type Kind = fn(&Address, &mut Random) -> Result<u64, Failure>;

const KINDS: [(&str, Kind); 9] = [
    ("keep-alive", keep_alive),
    ("pipelined", pipelined),
    ("chunked downloads", chunked_download),
    ("chunked uploads", chunked_upload),
    ("denied", denied),
    ("hijacks", hijack),
    ("events", events),
    ("slow readers", slow_reader),
    ("aborted clients", aborted),
];

fn keep_alive(address: &Address, random: &mut Random) -> Result<u64, Failure> {
    let mut client = connect(address)?;
    for _ in 0..50 {
        let (seed, length) = (random.below(1 << 20), random.below(2000));
        client.send(get("/v1.41/_ping", seed, length).as_bytes())?;
        read_answer(&mut client, payload(seed, length))?;
    }
    Ok(50)
}

fn pipelined(address: &Address, random: &mut Random) -> Result<u64, Failure> {
    let mut client = connect(address)?;
    let asked: Vec<_> = (0..20).map(|_| (random.below(1 << 20), random.below(20_000))).collect();
    let requests: String = asked.iter().map(|&(seed, length)| get("/_ping", seed, length)).collect();
    client.send(requests.as_bytes())?;
    for &(seed, length) in &asked {
        read_answer(&mut client, payload(seed, length))?;
    }
    Ok(20)
}

fn chunked_download(address: &Address, random: &mut Random) -> Result<u64, Failure> {
    let mut client = connect(address)?;
    let (seed, length) = (random.below(1 << 20), random.below(2 << 20));
    client.send(get("/images/json", seed, length).as_bytes())?;
    read_answer(&mut client, payload(seed, length))?;
    Ok(1)
}

fn chunked_upload(address: &Address, random: &mut Random) -> Result<u64, Failure> {
    let mut client = connect(address)?;
    for _ in 0..4 {
        let (seed, length) = (random.below(1 << 20), 1 + random.below(1 << 20));
        let target = format!("/build?seed={seed}&length={length}");
        let head = format!("POST {target} HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send(head.as_bytes())?;
        client.send_chunks(payload(seed, length), 1 + random.below(50_000))?;
        read_answer(&mut client, b"done")?;
    }
    Ok(4)
}

fn denied(address: &Address, _: &mut Random) -> Result<u64, Failure> {
    let mut client = connect(address)?;
    client.send(b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n")?;
    let head = client.read_head()?.ok_or(Failure::Broken("no answer".into()))?;
    check(head.lines().next().unwrap_or_default().as_bytes(), b"HTTP/1.1 403 Forbidden")?;
    Ok(1)
}

fn attach(address: &Address, seed: usize) -> Result<Client, Failure> {
    let mut client = connect(address)?;
    let target = format!("/containers/c/attach?seed={seed}&length=0");
    let head =
        format!("POST {target} HTTP/1.1\r\nHost: docker\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n");
    client.send(head.as_bytes())?;
    match client.read_head()? {
        Some(head) if head.starts_with("HTTP/1.1 101") => Ok(client),
        other => Err(Failure::Broken(format!("{other:?}"))),
    }
}

fn hijack(address: &Address, random: &mut Random) -> Result<u64, Failure> {
    let seed = random.below(1 << 20);
    let mut client = attach(address, seed)?;
    let sent = payload(seed, random.below(1 << 20));
    let writer = client.stream().try_clone()?;
    let sending =
        thread::spawn(move || (&writer).write_all(sent).and_then(|()| writer.shutdown(Shutdown::Write)));
    let mut echoed = Vec::new();
    let read = client.reader.read_to_end(&mut echoed);
    sending.join().expect("no panic")?;
    read?;
    // A stream that ends early is a cut, one that differs is wrong.
    if !sent.starts_with(&echoed) {
        return Err(Failure::Wrong("the echo differs".into()));
    }
    if echoed.len() < sent.len() {
        return Err(Failure::Broken("the echo is cut".into()));
    }
    Ok(1)
}

fn events(address: &Address, random: &mut Random) -> Result<u64, Failure> {
    let mut client = connect(address)?;
    let (seed, length) = (random.below(1 << 20), 100 * (1 + random.below(50)));
    client.send(get("/events", seed, length).as_bytes())?;
    read_answer(&mut client, payload(seed, length))?;
    Ok(1)
}

fn slow_reader(address: &Address, random: &mut Random) -> Result<u64, Failure> {
    let mut client = connect(address)?;
    // Far less than the payload, and enough for whole segments on loopback.
    client.stream().set_recv_buffer_size(64 * 1024)?;
    let (seed, length) = (random.below(1 << 20), random.below(4 << 20));
    client.send(get("/_ping", seed, length).as_bytes())?;
    let head = client.read_head()?.ok_or(Failure::Broken("no answer".into()))?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(Failure::Broken(head));
    }
    for expected in payload(seed, length).chunks(100_000) {
        thread::sleep(Duration::from_millis(10));
        check(&client.read_exact(expected.len())?, expected)?;
    }
    Ok(1)
}

/// Goes away in the midst of something, in one of several ways.
fn aborted(address: &Address, random: &mut Random) -> Result<u64, Failure> {
    let (seed, way) = (random.below(1 << 20), random.below(6));
    let mut client = match way {
        0 | 1 => attach(address, seed)?,
        _ => connect(address)?,
    };
    match way {
        0 => client.stream().shutdown(Shutdown::Write)?,
        1 => client.send(payload(seed, 1000))?,
        2 => client.send(b"GET /_ping HTTP/1.1\r\nHost: doc")?,
        3 => client
            .send(b"POST /build?seed=1&length=9 HTTP/1.1\r\nHost: docker\r\nContent-Length: 9\r\n\r\n123")?,
        4 => client.send(get("/events", seed, 5000).as_bytes())?,
        _ => {
            client.send(get("/images/json", seed, 1 << 20).as_bytes())?;
            client.read_exact(1000)?;
        }
    }
    if random.below(2) == 0 {
        client.stream().set_linger(Some(Duration::ZERO))?;
    }
    Ok(1)
}

/// What a kind of traffic came to.
#[derive(Default, Clone, Copy)]
struct Count {
    requests: u64,
    /// Broken by a restart of the daemon.
    excused: u64,
    failures: u64,
}

/// Lets all kinds of traffic run for a while, or until each has come to an end, and the daemon restart when it was up for so long.
fn run(
    addresses: &[Address],
    daemon: &Arc<Daemon>,
    length: Duration,
    up: Duration,
) -> BTreeMap<&'static str, Count> {
    let over = AtomicBool::new(false);
    let counts = Mutex::new(BTreeMap::from(KINDS.map(|(name, _)| (name, Count::default()))));
    thread::scope(|scope| {
        let clients = KINDS.iter().flat_map(|kind| addresses.iter().map(move |address| (kind, address)));
        let clients = clients.flat_map(|client| [client; OF_EACH_KIND]);
        for (place, ((name, kind), address)) in clients.enumerate() {
            let (over, counts) = (&over, &counts);
            scope.spawn(move || {
                let mut random = Random(place as u64 + 1);
                while !over.load(SeqCst) {
                    let before = daemon.epoch.load(SeqCst);
                    let end = kind(address, &mut random);
                    let mut counts = counts.lock().expect("no panic");
                    let count = counts.get_mut(name).expect("each has a count");
                    match end {
                        Ok(requests) => count.requests += requests,
                        // Connections of before a restart may break a little after it.
                        Err(Failure::Broken(_)) if before % 2 == 1 || daemon.epoch.load(SeqCst) != before => {
                            count.excused += 1;
                        }
                        Err(Failure::Broken(why) | Failure::Wrong(why)) => {
                            eprintln!("{name}: {why}");
                            count.failures += 1;
                        }
                    }
                }
            });
        }
        let end = Instant::now() + length;
        let all_came_to_an_end = || counts.lock().expect("no panic").values().all(|count| count.requests > 0);
        while Instant::now() < end || !all_came_to_an_end() && Instant::now() < end + PATIENCE {
            thread::sleep(up);
            daemon.go_down();
            thread::sleep(DOWN);
            daemon.go_up();
        }
        over.store(true, SeqCst);
    });
    counts.into_inner().expect("no panic")
}

/// Waits until the program serves nobody, and returns its descriptors and its memory in bytes.
fn rest(program: &Program, at_rest: usize) -> (usize, u64) {
    let deadline = Instant::now() + PATIENCE;
    while descriptors(program) > at_rest && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(50));
    }
    (descriptors(program), memory(program, "VmRSS"))
}

/// The program's descriptors, some of which are those of connections that have just ended.
fn descriptors_after_a_request(program: &Program) -> usize {
    let _ = denied(program.address(), &mut Random(1));
    thread::sleep(Duration::from_millis(10));
    descriptors(program)
}

/// Soaks for so long, with a daemon that is up for so long between its restarts.
fn soak(length: Duration, up: Duration) {
    let dir = TempDir::new();
    let daemon = Daemon::start(&dir.join("docker.sock"));
    let listen = free_of_both(&dir);
    let vars = [("LISTEN", &listen[..]), ("CONTAINERS", "1"), ("IMAGES", "1"), ("BUILD", "1"), ("POST", "1")];
    let program = Program::start(&daemon.socket, &vars);
    let addresses = &program.addresses[..];
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    // An answer shows that all is open that stays so; the connection is closed again when the next one is served.
    for address in addresses {
        keep_alive(address, &mut Random(1)).map_err(|_| ()).expect("an answer");
    }
    let at_rest = (0..20).map(|_| descriptors_after_a_request(&program)).min().expect("a number");

    // Thread buffers and the allocator's first pages come with the first traffic.
    run(addresses, &daemon, length / 10, up);
    let start = rest(&program, at_rest);
    let counts = run(addresses, &daemon, length, up);
    let end = rest(&program, at_rest);

    println!("{length:?}, {} restarts of the daemon", daemon.epoch.load(SeqCst) / 2);
    let mut total = Count::default();
    for (name, count) in &counts {
        println!(
            "{name:>18}: {:8} requests, {} cut by a restart, {} failures",
            count.requests, count.excused, count.failures
        );
        total.requests += count.requests;
        total.excused += count.excused;
        total.failures += count.failures;
    }
    println!(
        "{:>18}: {:8} requests, {} cut by a restart, {} failures",
        "all", total.requests, total.excused, total.failures
    );
    println!("descriptors: {} at the start, {} at the end", start.0, end.0);
    println!("memory: {} KiB at the start, {} KiB at the end", start.1 / 1024, end.1 / 1024);
    assert_eq!(total.failures, 0);
    assert_eq!(daemon.wrong.load(SeqCst), 0, "uploads came in wrong");
    assert!(counts.values().all(|count| count.requests > 0));
    assert_eq!((start.0, end.0), (at_rest, at_rest), "descriptors are left");
    assert!(end.1 < start.1 + (2 << 20), "memory has grown");
}

#[test]
fn mixed_traffic_under_faults_loses_nothing_and_leaves_nothing_behind() {
    soak(Duration::from_secs(1), Duration::from_millis(400));
}

#[test]
#[ignore = "half a minute, or SOAK_SECONDS"]
fn mixed_traffic_under_faults_loses_nothing_in_the_long_run() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(30, |seconds| seconds.parse().expect("SOAK_SECONDS"));
    soak(Duration::from_secs(seconds), Duration::from_secs(2));
}
