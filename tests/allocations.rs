//! What a request costs the allocator. The count is of the whole program, so that both ends here are threads that allocate
//! nothing, and this file has one test.

mod support;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use support::{Proxy, TempDir};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

struct Exchange {
    name: &'static str,
    request: &'static [u8],
    answer: &'static [u8],
}

const EXCHANGES: [Exchange; 4] = [
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
        name: "a request that a list allows",
        request: b"POST /containers/web-1/restart HTTP/1.1\r\nHost: docker\r\n\r\n",
        answer: b"HTTP/1.1 204 No Content\r\n\r\n",
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
    let folder = TempDir::new();
    for (place, Exchange { name, request, answer }) in EXCHANGES.into_iter().enumerate() {
        let socket = folder.join(&place.to_string());
        serve(UnixListener::bind(&socket).expect("a socket"), request.len(), answer);
        let grants = match name.contains("list") {
            true => {
                [("ALLOW_ROUTES", "GET /info,POST /containers/web-*/restart"), ("DENY_ROUTES", "GET /events")]
            }
            false => [("CONTAINERS", "1"), ("POST", "1")],
        };
        let proxy = Proxy::at(&socket, &grants);
        let mut client = TcpStream::connect(proxy.address.tcp()).expect("the proxy");
        let mut received = [0; 1024];
        let mut exchange = || {
            client.write_all(request).expect("a request");
            client.read_exact(&mut received[..answer.len()]).expect("an answer");
        };
        (0..WARM_UP).for_each(|_| exchange());
        // A thread that comes to the connection late takes its own buffer, once.
        let allocated = (0..3).map(|_| {
            let region = Region::new(ALLOCATOR);
            (0..COUNTED).for_each(|_| exchange());
            let change = region.change();
            change.allocations + change.reallocations
        });
        assert_eq!(allocated.min(), Some(0), "{name}: in {COUNTED} exchanges");
        assert_eq!(received[..answer.len()], answer[..], "{name}");
    }
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
