//! What a request costs the allocator. The count is of the whole program, so that both ends here are threads that allocate
//! nothing, and this file has one test.

use docker_socket_proxy::config::Config;
use docker_socket_proxy::listener;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

struct Exchange {
    name: &'static str,
    request: &'static [u8],
    answer: &'static [u8],
}

const EXCHANGES: [Exchange; 3] = [
    Exchange {
        name: "a ping",
        request: b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n",
        answer: include_bytes!("corpus/response/accept/dockerd-ping.http"),
    },
    Exchange {
        name: "a request with a body",
        request: b"POST /containers/create HTTP/1.1\r\nHost: docker\r\nContent-Length: 19\r\n\r\n{\"Image\":\"busybox\"}",
        answer: b"HTTP/1.1 201 Created\r\nContent-Length: 11\r\n\r\n{\"Id\":\"aa\"}",
    },
    Exchange {
        name: "a chunked answer",
        request: include_bytes!("corpus/request/accept/docker-py.http"),
        answer: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    },
];

const WARM_UP: usize = 100;
const COUNTED: usize = 1000;

#[test]
fn a_request_on_a_kept_connection_allocates_nothing() {
    let folder = std::env::temp_dir().join(format!("docker-socket-proxy-allocations-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder");
    for (place, Exchange { name, request, answer }) in EXCHANGES.into_iter().enumerate() {
        let socket = folder.join(place.to_string());
        serve(UnixListener::bind(&socket).expect("a socket"), request.len(), answer);
        let mut client = TcpStream::connect(start_proxy(&socket)).expect("the proxy");
        let mut received = [0; 1024];
        let mut exchange = || {
            client.write_all(request).expect("a request");
            client.read_exact(&mut received[..answer.len()]).expect("an answer");
        };
        (0..WARM_UP).for_each(|_| exchange());
        let region = Region::new(ALLOCATOR);
        (0..COUNTED).for_each(|_| exchange());
        let change = region.change();
        assert_eq!(change.allocations + change.reallocations, 0, "{name}: in {COUNTED} exchanges");
        assert_eq!(received[..answer.len()], answer[..], "{name}");
    }
    std::fs::remove_dir_all(&folder).expect("the folder");
}

/// The proxy in a thread of its own, with the sections that the requests need.
fn start_proxy(socket: &Path) -> SocketAddr {
    let config = Config::from_vars(&|name| match name {
        "SOCKET_PATH" => Some(socket.display().to_string()),
        "LISTEN" => Some("127.0.0.1:0".to_owned()),
        "CONTAINERS" | "POST" => Some("1".to_owned()),
        _ => None,
    });
    let config = Arc::new(config.expect("a configuration"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let listener = runtime.block_on(async { listener::bind(&config).expect("a free port") });
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || runtime.block_on(listener::run(listener, config, std::future::pending())));
    address
}

/// A daemon that answers each request of this length so, until its one client ends.
fn serve(listener: UnixListener, request_length: usize, answer: &'static [u8]) {
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("the proxy");
        let mut request = [0; 1024];
        while client.read_exact(&mut request[..request_length]).is_ok() {
            client.write_all(answer).expect("the proxy reads");
        }
    });
}
