//! What a stream's buffers hold, in bytes that are asked of the allocator. The count is of the whole program, so that both ends here
//! allocate nothing, and this file has one test.

mod support;

use socket2::{Domain, Socket, Type};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::{Duration, Instant};
use support::{Proxy, TempDir};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn streams_hold_one_read_where_their_reader_is_slow_and_nothing_where_they_are_silent() {
    let folder = TempDir::new();
    let socket = folder.join("docker.sock");
    let daemon = UnixListener::bind(&socket).expect("a socket");
    let proxy = Proxy::at(&socket, &[("CONTAINERS", "1"), ("POST", "1"), ("IDLE_TIMEOUT", "16s")]);
    let address = proxy.address.tcp();
    // Takes the thread's own buffer, which serves all connections.
    let mut denied = TcpStream::connect(address).expect("the proxy listens");
    denied.write_all(b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n").expect("the proxy reads");
    denied.read_to_end(&mut Vec::new()).expect("a denial");

    let (kept, left) = of_an_idle_connection(address, &daemon);
    assert!(kept > 10_000 && kept <= 2 * 16 * 1024, "what is kept for the next request: {kept} bytes");
    assert!(left <= kept - 10_000, "{left} of {kept} bytes are left of what was kept");

    // 64 KiB each way are documented, and some are around them.
    // A buffer gets its size early in a stream, so that many short ones show more than a long one does.
    for (seed, reads) in (1..).zip([10; 100].into_iter().chain([2000])) {
        // The first ones may leave their thread with a buffer that it lends for few bytes.
        let most = (0..3).map(|_| of_a_slow_reader(address, &daemon, seed, reads));
        let most = most.min().expect("there are three");
        assert!(most <= (64 + 8) * 1024, "a slow reader, {reads} times: {most} bytes");
    }
    for length in [60_000, 15_000] {
        // Some of them leave their thread with a buffer to lend. All stay open, so that none of them gives anything back meanwhile.
        let streams: Vec<_> = (0..6).map(|_| of_a_silent_raw_stream(address, &daemon, length)).collect();
        let least = streams.iter().map(|stream| stream.0).min().expect("there are six");
        assert!(least <= 8 * 1024, "a silent raw stream behind heads of {length} bytes: {least} bytes");
    }
}

/// Bytes that are held more than when the region began.
fn held(region: &Region<'_, System>) -> isize {
    let change = region.change();
    change.bytes_allocated as isize - change.bytes_deallocated as isize
}

/// The most that is held while a client reads some of an endless answer now and then, so often.
fn of_a_slow_reader(address: SocketAddr, daemon: &UnixListener, seed: u64, reads: usize) -> isize {
    // Segments and a window as small as they can be: the proxy gets rid of any number of bytes at a time.
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    client.set_tcp_mss(400).expect("an option");
    client.set_recv_buffer_size(3000).expect("an option");
    client.connect(&address.into()).expect("the proxy listens");
    let mut client = TcpStream::from(client);
    let region = Region::new(ALLOCATOR);
    client.write_all(b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n").expect("the proxy reads");
    let (mut proxy, _) = daemon.accept().expect("the proxy");
    proxy.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").expect("the proxy reads");
    thread::scope(|scope| {
        scope.spawn(move || flood(&mut proxy));
        let mut received = [0; 20_000];
        // The bits of neighbouring seeds differ.
        let (mut most, mut state) = (0, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..reads {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let some = 1 + (state % received.len() as u64) as usize;
            client.read_exact(&mut received[..some]).expect("more of the answer");
            most = most.max(held(&region));
        }
        drop(client);
        most
    })
}

/// Writes chunks until nobody takes them.
fn flood(proxy: &mut UnixStream) {
    let mut chunk = [b'x'; 0x8008];
    chunk[..6].copy_from_slice(b"8000\r\n");
    chunk[0x8006..].copy_from_slice(b"\r\n");
    while proxy.write_all(&chunk).is_ok() {}
}

/// What is held for a raw stream behind large heads, once it is silent.
fn of_a_silent_raw_stream(
    address: SocketAddr,
    daemon: &UnixListener,
    length: usize,
) -> (isize, TcpStream, UnixStream) {
    let large = |start: &str| {
        let mut head = format!("{start}\r\nUpgrade: tcp\r\nX: ").into_bytes();
        head.resize(length, b'x');
        head.extend(b"\r\n\r\n");
        head
    };
    let request = large("POST /containers/c/attach HTTP/1.1\r\nHost: docker");
    let answer = large("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade");
    let mut received = vec![0; length + 4];
    let mut client = TcpStream::connect(address).expect("the proxy listens");
    let region = Region::new(ALLOCATOR);
    client.write_all(&request).expect("the proxy reads");
    let (mut proxy, _) = daemon.accept().expect("the proxy");
    proxy.read_exact(&mut received).expect("the request");
    proxy.write_all(&answer).expect("the proxy reads");
    client.read_exact(&mut received).expect("the answer");
    // The proxy has seen to it once its thread has served somebody else.
    let mut other = TcpStream::connect(address).expect("the proxy listens");
    other.write_all(b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n").expect("the proxy reads");
    while other.read(&mut received).expect("a denial") > 0 {}
    (held(&region), client, proxy)
}

/// What is kept behind a request of 10 KB and its answer, and what is left of it once the connection has been idle for a while, and is still there.
fn of_an_idle_connection(address: SocketAddr, daemon: &UnixListener) -> (isize, isize) {
    let mut request = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nX: ".to_vec();
    request.resize(10_000, b'x');
    request.extend(b"\r\n\r\n");
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let mut received = [0; 10_004];
    let mut client = TcpStream::connect(address).expect("the proxy listens");
    let region = Region::new(ALLOCATOR);
    client.write_all(&request).expect("the proxy reads");
    let (mut proxy, _) = daemon.accept().expect("the proxy");
    proxy.read_exact(&mut received).expect("the request");
    proxy.write_all(answer).expect("the proxy reads");
    client.read_exact(&mut received[..answer.len()]).expect("the answer");
    let kept = held(&region);
    let begun = Instant::now();
    while held(&region) > kept - 10_000 && begun.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(10));
    }
    let left = held(&region);
    drop(client);
    (kept, left)
}
