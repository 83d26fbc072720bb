//! The far end of the bench: a daemon that is cheap to talk to.

use bytes::{Buf, BytesMut};
use docker_socket_proxy::http::body::Body;
use docker_socket_proxy::http::framing::BodyFraming;
use docker_socket_proxy::http::head::{Finder, RequestHead};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, copy_buf};
use tokio::net::{UnixListener, UnixStream};

/// Bytes that the daemon reads and writes at once.
const BLOCK_BYTES: usize = 64 * 1024;

/// What dockerd answers to a ping.
const PONG: &[u8] =
    b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nBuilder-Version: 2\r\nCache-Control: no-cache\r\n\
    Docker-Experimental: false\r\nOstype: linux\r\nPragma: no-cache\r\nServer: Docker/28.5.1 (linux)\r\n\
        Date: Sun, 01 Mar 2026 10:00:00 GMT\r\n\
    Swarm: inactive\r\nDate: Sun, 01 Mar 2026 10:00:00 GMT\r\nContent-Length: 2\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\nOK";

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

const UPGRADED: &[u8] = b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n\
    Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

/// What a request asks of the bench's daemon.
enum Route {
    /// `/events`: a chunked response that stays silent.
    Events,
    /// `/images/chunked-BYTES-CHUNK/get`.
    Chunked { bytes: u64, chunk: usize },
    /// `/images/length-BYTES/get`.
    Length { bytes: u64 },
    /// `/containers/x/attach`: a hijack that sends back what it gets.
    Echo,
    /// `/containers/create`: a container that is made, each with another ID.
    Create,
    /// Anything else: a pong, behind the request's body.
    Pong,
}

impl Route {
    fn of(target: &str) -> Self {
        if target.starts_with("/events") {
            return Self::Events;
        }
        if target.contains("/attach?") {
            return Self::Echo;
        }
        if target.ends_with("/containers/create") {
            return Self::Create;
        }
        let mut words = target.trim_start_matches("/images/").trim_end_matches("/get").split('-');
        let kind = words.next();
        let mut number = || words.next().and_then(|word| word.parse().ok());
        match (kind, number(), number()) {
            (Some("chunked"), Some(bytes), Some(chunk)) => Self::Chunked { bytes, chunk: chunk as usize },
            (Some("length"), Some(bytes), None) => Self::Length { bytes },
            _ => Self::Pong,
        }
    }
}

/// Serves the socket until the standard input ends.
pub fn serve(socket: &Path) -> io::Result<()> {
    exit_with_parent();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = UnixListener::bind(socket)?;
        loop {
            let (client, _) = listener.accept().await?;
            // Clients come and go as the bench wants.
            tokio::spawn(async { drop(serve_client(client).await) });
        }
    })
}

async fn serve_client(mut client: UnixStream) -> io::Result<()> {
    let mut held = BytesMut::with_capacity(4 * 1024);
    loop {
        let mut finder = Finder::default();
        let length = loop {
            if let Some(length) = finder.find(&held).map_err(io::Error::other)? {
                break length;
            }
            if client.read_buf(&mut held).await? == 0 {
                return Ok(());
            }
        };
        let head = RequestHead::parse(&held[..length]).map_err(io::Error::other)?;
        let body = BodyFraming::of_request(&head).map_err(io::Error::other)?;
        let route = Route::of(head.target);
        held.advance(length);
        if body != BodyFraming::None {
            sink(&mut client, &mut held, body.into()).await?;
        }
        match route {
            Route::Pong => client.write_all(PONG).await?,
            Route::Create => client.write_all(&created()).await?,
            Route::Events => {
                client.write_all(CHUNKED).await?;
                return client.read_buf(&mut held).await.map(drop);
            }
            Route::Chunked { bytes, chunk } => {
                client.write_all(CHUNKED).await?;
                for block in blocks(bytes, chunk) {
                    client.write_all(&block).await?;
                }
            }
            Route::Length { bytes } => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n");
                client.write_all(head.as_bytes()).await?;
                let block = vec![b'x'; BLOCK_BYTES];
                let mut left = bytes;
                while left > 0 {
                    let part = left.min(BLOCK_BYTES as u64);
                    client.write_all(&block[..part as usize]).await?;
                    left -= part;
                }
            }
            Route::Echo => {
                client.write_all(UPGRADED).await?;
                let (reader, mut writer) = client.split();
                copy_buf(&mut BufReader::with_capacity(BLOCK_BYTES, reader), &mut writer).await?;
                return writer.shutdown().await;
            }
        }
    }
}

/// What dockerd answers to a container that is made. Each has another ID.
fn created() -> Vec<u8> {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    // Multiplied by an odd number, so that none comes twice, and none is near the one before.
    let id = COUNT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let body = format!("{{\"Id\":\"{id:016x}{id:016x}{id:016x}{id:016x}\",\"Warnings\":[]}}\n");
    format!(
        "HTTP/1.1 201 Created\r\nApi-Version: 1.51\r\nContent-Type: application/json\r\nServer: Docker/28.5.1 (linux)\r\n\
        Date: Sun, 01 Mar 2026 10:00:00 GMT\r\n\
        Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Reads a request's body to its end.
async fn sink(client: &mut UnixStream, held: &mut BytesMut, mut body: Body) -> io::Result<()> {
    let taken = body.advance(held).map_err(io::Error::other)?;
    held.advance(taken);
    let mut block = vec![0; BLOCK_BYTES];
    while !body.is_done() {
        let read = client.read(&mut block).await?;
        let taken = body.advance(&block[..read]).map_err(io::Error::other)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        held.extend_from_slice(&block[taken..read]);
    }
    Ok(())
}

/// A chunked body of so many bytes, in blocks of whole chunks. `bytes` is rounded down to whole chunks.
pub fn blocks(bytes: u64, chunk: usize) -> impl Iterator<Item = Arc<[u8]>> {
    let frame = [format!("{chunk:x}\r\n").as_bytes(), &vec![b'x'; chunk], b"\r\n"].concat();
    let chunks = bytes / chunk as u64;
    let in_block = (BLOCK_BYTES / chunk).max(1) as u64;
    let (whole, rest) = (chunks / in_block, chunks % in_block);
    let block: Arc<[u8]> = frame.repeat(in_block as usize).into();
    let last = [frame.repeat(rest as usize), b"0\r\n\r\n".to_vec()].concat();
    (0..whole).map(move |_| Arc::clone(&block)).chain(std::iter::once(last.into()))
}

/// Ends this process with the one that started it and holds the other end of its standard input.
pub fn exit_with_parent() {
    std::thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
}
