//! Clients: what they send, and that what they get is right.

use crate::address::{Address, Stream};
use crate::daemon::blocks;
use docker_socket_proxy::http::body::Body;
use docker_socket_proxy::http::framing::BodyFraming;
use docker_socket_proxy::http::head::{Finder, ResponseHead};
use docker_socket_proxy::http::method::Method;
use socket2::Socket;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;

/// No exchange of the bench takes as long.
const STUCK: Duration = Duration::from_secs(20);

/// Digits that count up in a request that is asked again and again, so that each is another one.
pub const NUMBER: &str = "00000000";

/// A GET as a client of the Docker API sends it.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: docker\r\nUser-Agent: Docker-Client/28.5.1 (linux)\r\n\r\n")
        .into_bytes()
}

/// `docker attach`. Not exec start, whose request has a body: there HAProxy drops the Upgrade.
const ATTACH: &[u8] =
    b"POST /v1.51/containers/x/attach?stdin=1&stdout=1&stream=1 HTTP/1.1\r\nHost: docker\r\n\
    Content-Length: 0\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

fn connect(address: &Address) -> io::Result<Socket> {
    let stream = address.connect()?;
    stream.set_read_timeout(Some(STUCK))?;
    stream.set_write_timeout(Some(STUCK))?;
    Ok(stream)
}

/// Reads a response's head; gives its status, its framing and what came behind it.
fn read_head(stream: &mut impl Read) -> io::Result<(u16, BodyFraming, Vec<u8>)> {
    let mut held = Vec::with_capacity(4 * 1024);
    let mut finder = Finder::default();
    loop {
        if let Some(length) = finder.find(&held).map_err(io::Error::other)? {
            let head = ResponseHead::parse(&held[..length]).map_err(io::Error::other)?;
            let framing = BodyFraming::of_response(&head, Method::Get).map_err(io::Error::other)?;
            return Ok((head.status, framing, held.split_off(length)));
        }
        let mut block = [0; 4 * 1024];
        match stream.read(&mut block)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => held.extend_from_slice(&block[..read]),
        }
    }
}

/// The creation of a container as the CLI 29 asks for it (`docker run`), with a body of `body_bytes`.
pub fn create(body_bytes: usize) -> Vec<u8> {
    let cases = include_str!("../../tests/guard/cases.txt");
    let case = cases.split("\n== ").find(|case| case.starts_with("b-cli29-run\n")).unwrap_or_default();
    let body = case.lines().find_map(|line| line.strip_prefix("body ")).unwrap_or_default();
    let (before, behind) = body.split_once("\"Env\":null").unwrap_or((body, ""));
    let around = before.len() + behind.len() + "\"Env\":[\"A=\"]".len();
    let value = "a".repeat(body_bytes.saturating_sub(around));
    format!(
        "POST /v1.51/containers/create HTTP/1.1\r\nHost: docker\r\nUser-Agent: Docker-Client/29.0.0 (linux)\r\n\
        Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{before}\"Env\":[\"A={value}\"]{behind}",
        around + value.len()
    )
    .into_bytes()
}

/// Reads a whole 200 or 201.
fn read_response(stream: &mut impl Read) -> io::Result<()> {
    let (status, framing, early) = read_head(stream)?;
    if !matches!(status, 200 | 201) {
        return Err(io::Error::other(format!("answered {status}")));
    }
    let mut body = Body::from(framing);
    let mut taken = body.advance(&early).map_err(io::Error::other)?;
    let mut rest = early.len() - taken;
    let mut block = vec![0; READ_BYTES];
    while !body.is_done() {
        let read = stream.read(&mut block)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        taken = body.advance(&block[..read]).map_err(io::Error::other)?;
        rest = read - taken;
    }
    if rest == 0 { Ok(()) } else { Err(io::Error::other("bytes behind the response")) }
}

/// One ping over a connection of its own.
pub fn ping(address: &Address) -> io::Result<()> {
    let mut stream = connect(address)?;
    stream.write_all(&get("/_ping"))?;
    read_response(&mut stream)
}

/// A GET of a whole body.
pub fn download(address: &Address, path: &str) -> io::Result<()> {
    let mut stream = connect(address)?;
    stream.write_all(&get(path))?;
    read_response(&mut stream)
}

/// A chunked POST of so many bytes.
pub fn upload(address: &Address, bytes: u64, chunk: usize) -> io::Result<()> {
    let mut stream = connect(address)?;
    stream.write_all(b"POST /images/load HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    for block in blocks(bytes, chunk) {
        stream.write_all(&block)?;
    }
    read_response(&mut stream)
}

/// A raw stream that the daemon has granted.
fn hijack(address: &Address) -> io::Result<Socket> {
    let mut stream = connect(address)?;
    stream.write_all(ATTACH)?;
    match read_head(&mut stream)? {
        (101, _, early) if early.is_empty() => Ok(stream),
        (status, ..) => Err(io::Error::other(format!("answered {status} instead of 101"))),
    }
}

/// Sends so many bytes on a raw stream and reads them back at the same time.
pub fn echo(address: &Address, bytes: u64) -> io::Result<()> {
    let mut stream = hijack(address)?;
    let mut writer = stream.try_clone()?;
    let sent = std::thread::spawn(move || {
        let block = vec![b'x'; 64 * 1024];
        for _ in 0..bytes / block.len() as u64 {
            writer.write_all(&block)?;
        }
        writer.shutdown(std::net::Shutdown::Write)
    });
    let mut block = vec![0; READ_BYTES];
    let mut received = 0;
    loop {
        match stream.read(&mut block)? {
            0 => break,
            read => received += read as u64,
        }
    }
    sent.join().map_err(|_| io::Error::other("the writer panicked"))??;
    let expected = bytes / (64 * 1024) * (64 * 1024);
    if received == expected { Ok(()) } else { Err(io::Error::other(format!("{received} bytes came back"))) }
}

/// The times of round trips on one connection, one after the other: of a ping, or of a small frame on a raw stream.
pub fn round_trips(address: &Address, framed: bool, count: usize) -> io::Result<Vec<Duration>> {
    let (mut stream, message) =
        if framed { (connect(address)?, get("/_ping")) } else { (hijack(address)?, vec![b'x'; 100]) };
    let mut answer = vec![0; 4 * 1024];
    let length = if framed {
        stream.write_all(&message)?;
        // It comes in one piece, as it was sent.
        stream.read(&mut answer)?
    } else {
        message.len()
    };
    (0..count)
        .map(|_| {
            let started = std::time::Instant::now();
            stream.write_all(&message)?;
            stream.read_exact(&mut answer[..length])?;
            Ok(started.elapsed())
        })
        .collect()
}

/// A client that asks again and again, and wants the same answer.
struct Client {
    stream: Box<dyn Stream>,
    request: Vec<u8>,
    /// Where the request has [`NUMBER`].
    number: Option<Range<usize>>,
    answer: Vec<u8>,
    /// How much of the answer is always the same.
    fixed: usize,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects and asks once, to learn the answer.
    async fn connect(address: &Address, request: &[u8]) -> io::Result<Self> {
        let stream = address.connect_async().await?;
        let number = find(request, NUMBER).map(|start| start..start + NUMBER.len());
        let (request, answer, buffer) = (request.to_vec(), Vec::new(), vec![0; 1024]);
        let mut client = Self { stream, request, number, answer, fixed: 0, buffer };
        client.stream.write_all(&client.request).await?;
        loop {
            let read = client.stream.read(&mut client.buffer).await?;
            client.answer.extend_from_slice(&client.buffer[..read]);
            match read_response(&mut &client.answer[..]) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && read > 0 => {}
                Err(error) => return Err(error),
            }
        }
        // What is made has another ID each time.
        client.fixed = find(&client.answer, "{\"Id\":").unwrap_or(client.answer.len());
        Ok(client)
    }

    async fn ask(&mut self) -> io::Result<()> {
        if let Some(number) = self.number.clone() {
            count_up(&mut self.request[number]);
        }
        self.stream.write_all(&self.request).await?;
        let mut held = 0;
        while held < self.answer.len() {
            match self.stream.read(&mut self.buffer[held..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => held += read,
            }
        }
        let same = held == self.answer.len() && self.buffer[..self.fixed] == self.answer[..self.fixed];
        if same { Ok(()) } else { Err(io::Error::other("another answer")) }
    }
}

fn find(bytes: &[u8], text: &str) -> Option<usize> {
    memchr::memmem::find(bytes, text.as_bytes())
}

/// The next number, in digits.
fn count_up(digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
}

/// Many clients, and how much they have done.
pub struct Crowd {
    clients: tokio::task::JoinSet<io::Result<()>>,
    done: Arc<AtomicU64>,
}

impl Crowd {
    /// So many clients, each of which asks as fast as it is answered. They share out the addresses.
    pub async fn keep_alive(addresses: &[&Address], count: usize, request: &[u8]) -> io::Result<Self> {
        let done = Arc::new(AtomicU64::new(0));
        let mut connected = Vec::with_capacity(count);
        for address in addresses.iter().cycle().take(count) {
            connected.push(Client::connect(address, request).await?);
        }
        let mut clients = tokio::task::JoinSet::new();
        for mut client in connected {
            let done = Arc::clone(&done);
            clients.spawn(async move {
                loop {
                    client.ask().await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Ok(Self { clients, done })
    }

    /// So many clients at a time, each with one request.
    pub fn one_shot(address: &Address, count: usize) -> Self {
        let (request, done): (Arc<[u8]>, _) = (get("/_ping").into(), Arc::new(AtomicU64::new(0)));
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..count {
            let (address, done, request) = (address.clone(), Arc::clone(&done), Arc::clone(&request));
            clients.spawn(async move {
                loop {
                    Client::connect(&address, &request).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { clients, done }
    }

    /// Requests answered so far.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Fails where a client has failed.
    pub fn check(&mut self) -> io::Result<()> {
        match self.clients.try_join_next() {
            Some(Ok(Err(error))) => Err(error),
            Some(_) => Err(io::Error::other("a client ended")),
            None => Ok(()),
        }
    }
}

/// Streams that are opened at a time: HAProxy holds a head without a body back for a while.
const OPENED_AT_ONCE: usize = 100;

/// So many clients that hold a quiet stream open: events, or a raw one.
pub async fn quiet_streams(address: &Address, count: usize, raw: bool) -> io::Result<Vec<Box<dyn Stream>>> {
    let mut streams = Vec::with_capacity(count);
    while streams.len() < count {
        let mut opening = tokio::task::JoinSet::new();
        for _ in 0..OPENED_AT_ONCE.min(count - streams.len()) {
            opening.spawn(quiet_stream(address.clone(), raw));
        }
        while let Some(opened) = opening.join_next().await {
            streams.push(opened??);
        }
    }
    Ok(streams)
}

async fn quiet_stream(address: Address, raw: bool) -> io::Result<Box<dyn Stream>> {
    let mut stream = address.connect_async().await?;
    stream.write_all(&if raw { ATTACH.to_vec() } else { get("/events") }).await?;
    let mut head = Vec::with_capacity(512);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(stream)
}
