//! What a stream holds where its reader takes a little now and then. The count is of the whole program, so that both ends here are
//! threads that allocate nothing, and this file has one test.

use docker_socket_proxy::config::Config;
use docker_socket_proxy::listener;
use socket2::{Domain, Socket, Type};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What is documented: 64 KiB each way, and some for what is around it.
const LIMIT: isize = (64 + 8) * 1024;

#[test]
fn what_a_slow_reader_leaves_takes_no_more_than_one_read() {
    let folder = std::env::temp_dir().join(format!("docker-socket-proxy-buffers-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder");
    let socket = folder.join("docker.sock");
    let daemon = UnixListener::bind(&socket).expect("a socket");
    thread::spawn(move || {
        let (mut proxy, _) = daemon.accept().expect("the proxy");
        let mut chunk = [b'x'; 0x8008];
        chunk[..6].copy_from_slice(b"8000\r\n");
        chunk[0x8006..].copy_from_slice(b"\r\n");
        let _ = proxy.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while proxy.write_all(&chunk).is_ok() {}
    });
    let config = Config::from_vars(&|name| match name {
        "SOCKET_PATH" => Some(socket.display().to_string()),
        "LISTEN" => Some("127.0.0.1:0".to_owned()),
        _ => None,
    });
    let config = Arc::new(config.expect("a configuration"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let listener = runtime.block_on(async { listener::bind(&config).expect("a free port") });
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || runtime.block_on(listener::run(listener, config, std::future::pending())));

    // Takes the thread's own buffer, which serves all connections.
    let mut denied = TcpStream::connect(address).expect("the proxy listens");
    denied.write_all(b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n").expect("the proxy reads");
    denied.read_to_end(&mut Vec::new()).expect("a denial");

    // Segments and a window as small as they can be: the proxy gets rid of any number of bytes at a time.
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    client.set_tcp_mss(400).expect("an option");
    client.set_recv_buffer_size(3000).expect("an option");
    client.connect(&address.into()).expect("the proxy listens");
    let mut client = TcpStream::from(client);
    let region = Region::new(ALLOCATOR);
    client.write_all(b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n").expect("the proxy reads");
    let mut received = [0; 20_000];
    let (mut most, mut state) = (0, 1_u64);
    for _ in 0..20_000 {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let some = 1 + (state % received.len() as u64) as usize;
        client.read_exact(&mut received[..some]).expect("more of the answer");
        let change = region.change();
        most = most.max(change.bytes_allocated as isize - change.bytes_deallocated as isize);
    }
    std::fs::remove_dir_all(&folder).expect("the folder");
    assert!(most <= LIMIT, "{most} bytes");
}
