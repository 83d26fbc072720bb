//! The load that it must hold: thousands of quiet streams, a burst that the daemon's backlog cannot take, and more bytes than 32 bits
//! count.

mod support;

use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use support::crowd::{Daemon, connect, have_descriptors, runtime};
use support::{Address, Kind, Program, TempDir};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

const STREAMS: usize = 5000;
const REQUESTS: usize = 1000;

/// Answers each request with its own target: `/events` with a chunk at once and one when `speak` turns true.
async fn serve(mut client: UnixStream, mut speak: watch::Receiver<bool>) -> io::Result<()> {
    let (reader, mut writer) = client.split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let target = line.split(' ').nth(1).expect("a target").to_owned();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).await?;
        }
        let length = target.len();
        if target.starts_with("/events") {
            let head =
                format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{target}\r\n");
            writer.write_all(head.as_bytes()).await?;
            speak.wait_for(|speak| *speak).await.expect("the test lives");
            writer.write_all(format!("{length:x}\r\n{target}\r\n0\r\n\r\n").as_bytes()).await?;
        } else {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{target}");
            writer.write_all(answer.as_bytes()).await?;
        }
    }
}

/// Connects and sends a request for `target`.
async fn ask(address: &Address, target: &str) -> io::Result<TcpStream> {
    let mut client = connect(address).await?;
    client.write_all(format!("GET {target} HTTP/1.1\r\nHost: docker\r\n\r\n").as_bytes()).await?;
    Ok(client)
}

/// Reads exactly what is expected.
async fn expect(client: &mut TcpStream, expected: &str) -> io::Result<()> {
    let mut got = vec![0; expected.len()];
    client.read_exact(&mut got).await?;
    if got == expected.as_bytes() { Ok(()) } else { Err(io::Error::other(got.escape_ascii().to_string())) }
}

/// The failures among all.
async fn failures<T: 'static>(mut tasks: JoinSet<io::Result<T>>) -> (Vec<T>, Vec<io::Error>) {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    while let Some(ended) = tasks.join_next().await {
        match ended.expect("no panic") {
            Ok(value) => done.push(value),
            Err(error) => failed.push(error),
        }
    }
    (done, failed)
}

#[test]
fn five_thousand_streams_and_a_thousand_clients_at_once_lose_nothing() {
    // One after the other: each takes most of the machine.
    Kind::BOTH.into_iter().for_each(hold);
}

fn hold(kind: Kind) {
    // Two ends of each connection are in this process, up to three descriptors of each in the program.
    let needed = 3 * (STREAMS + REQUESTS) as u64 + 100;
    if !have_descriptors(needed) {
        return;
    }
    runtime().block_on(async {
        let dir = TempDir::new();
        let socket = dir.join("docker.sock");
        let (speak, speaking) = watch::channel(false);
        let daemon = Daemon::serving(&socket, move |client| serve(client, speaking.clone()));
        // One more than are needed: the log warns when all are taken.
        let places = (STREAMS + REQUESTS + 1).to_string();
        let vars = [("LISTEN", &kind.free(&dir)[..]), ("MAX_CONNECTIONS", &places), ("LOG_LEVEL", "info")];
        let program = Program::start(&socket, &vars);
        let address = Arc::new(program.address().clone());

        // The streams come a few hundred at a time, as the system's backlog of TCP may be small too.
        let at_once = Arc::new(Semaphore::new(200));
        let mut streams = JoinSet::new();
        for number in 0..STREAMS {
            let (at_once, address) = (Arc::clone(&at_once), Arc::clone(&address));
            streams.spawn(async move {
                let _turn = at_once.acquire().await.expect("open");
                let target = format!("/events?n={number}");
                let mut client = ask(&address, &target).await?;
                let length = target.len();
                let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                expect(&mut client, &format!("{head}{length:x}\r\n{target}\r\n")).await?;
                Ok((client, target))
            });
        }
        let (streams, failed) = failures(streams).await;
        assert!(failed.is_empty(), "{} streams failed: {:?}", failed.len(), failed.first());

        // All connect while the daemon does not accept: its backlog is full long before the last of them.
        let closed = daemon.door.write().await;
        let mut requests = JoinSet::new();
        for number in 0..REQUESTS {
            let address = Arc::clone(&address);
            requests.spawn(async move {
                let target = format!("/_ping?n={number}");
                let mut client = ask(&address, &target).await?;
                let length = target.len();
                expect(&mut client, &format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{target}"))
                    .await
            });
        }
        wait_until_full(&socket).await;
        drop(closed);
        let (_, failed) = failures(requests).await;
        assert!(failed.is_empty(), "{} requests failed: {:?}", failed.len(), failed.first());

        speak.send(true).expect("the daemon listens");
        let mut ends = JoinSet::new();
        for (mut client, target) in streams {
            ends.spawn(async move {
                let length = target.len();
                expect(&mut client, &format!("{length:x}\r\n{target}\r\n0\r\n\r\n")).await
            });
        }
        let (_, failed) = failures(ends).await;
        assert!(failed.is_empty(), "{} streams ended wrongly: {:?}", failed.len(), failed.first());
        assert_eq!(program.log().len(), 1, "nothing to warn of: {:#?}", program.log());
    });
}

/// Waits until the daemon's backlog takes nobody more.
async fn wait_until_full(socket: &std::path::Path) {
    let mut fillers = Vec::new();
    loop {
        let filler = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM.nonblocking(), None);
        let filler = filler.expect("a socket");
        match filler.connect(&socket2::SockAddr::unix(socket).expect("a path")) {
            Ok(()) => fillers.push(StdUnixStream::from(std::os::fd::OwnedFd::from(filler))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    }
}

/// More than 32 bits hold.
const MANY: u64 = (1 << 32) + 7;

/// Sends so many bytes behind a head.
async fn push(writer: &mut (impl AsyncWriteExt + Unpin), head: &str) -> io::Result<()> {
    writer.write_all(head.as_bytes()).await?;
    let piece = vec![b'x'; 64 * 1024];
    let mut left = MANY;
    while left > 0 {
        let length = left.min(piece.len() as u64);
        writer.write_all(&piece[..length as usize]).await?;
        left -= length;
    }
    Ok(())
}

/// Reads a head and as many bytes behind it.
async fn pull(reader: impl AsyncReadExt + Unpin) -> io::Result<String> {
    let mut reader = BufReader::with_capacity(64 * 1024, reader);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).await? > 0 {}
    // The program looks once at its start whether the daemon is there.
    let read = if head.is_empty() {
        0
    } else {
        tokio::io::copy(&mut reader.take(MANY), &mut tokio::io::sink()).await?
    };
    if head.is_empty() || read == MANY { Ok(head) } else { Err(io::Error::other(format!("{read} bytes"))) }
}

/// As much each way, with a length and without: it passes whole, and the log has counted it.
#[test]
#[ignore = "a quarter of a minute: 16 GiB"]
fn more_bytes_than_32_bits_count_pass_whole_and_are_counted() {
    let build = (
        Kind::Tcp,
        format!("POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: {MANY}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nContent-Length: {MANY}\r\n\r\n"),
    );
    let attach = (
        Kind::Unix,
        String::from(
            "POST /containers/c/attach HTTP/1.1\r\nHost: docker\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n",
        ),
        String::from("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
    );
    for (kind, request, answer) in [build, attach] {
        runtime().block_on(async {
            let dir = TempDir::new();
            let socket = dir.join("docker.sock");
            let expected = (request.clone(), answer.clone());
            let _daemon = Daemon::serving(&socket, move |mut client| {
                let (request, answer) = expected.clone();
                async move {
                    let (reader, mut writer) = client.split();
                    if answer.contains(" 101 ") {
                        let (read, written) = tokio::join!(pull(reader), push(&mut writer, &answer));
                        assert_eq!(read?, request);
                        written
                    } else if pull(reader).await? == request {
                        push(&mut writer, &answer).await
                    } else {
                        Ok(())
                    }
                }
            });
            let vars = [
                ("LISTEN", &kind.free(&dir)[..]),
                ("LOG_REQUESTS", "1"),
                ("BUILD", "1"),
                ("CONTAINERS", "1"),
                ("POST", "1"),
            ];
            let program = Program::start(&socket, &vars);
            let mut client = connect(program.address()).await.expect("the proxy listens");
            let (reader, mut writer) = client.split();
            let (read, written) = tokio::join!(pull(reader), push(&mut writer, &request));
            written.expect("all is taken");
            assert_eq!(read.expect("all comes"), answer);
            drop(client);
            let (up, down) = (request.len() as u64 + MANY, answer.len() as u64 + MANY);
            program.wait_for_log(&format!(" {up} bytes up, {down} down"));
        });
    }
}
