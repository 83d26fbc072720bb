//! Requests and responses that the policy allows: they pass byte for byte, on connections that are kept; and what both
//! ends see when one of them fails, ends or does not wait.

use crate::support::daemon::{response, wait_patiently};
use crate::support::{Client, FakeDaemon, Kind, PATIENCE, Program, Proxy, Session, pattern, show};
use std::os::unix::net::UnixListener;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";
const EVENTS: &[u8] = b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
const BUILD: &[(&str, &str)] = &[("BUILD", "1"), ("POST", "1")];

/// A signal from a test to its daemon.
struct Gate(Mutex<Receiver<()>>);

fn gate() -> (Sender<()>, Gate) {
    let (open, opened) = mpsc::channel();
    (open, Gate(Mutex::new(opened)))
}

impl Gate {
    fn wait(&self) {
        let receiver: MutexGuard<'_, Receiver<()>> = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wait_patiently(&receiver);
    }
}

fn open(gate: &Sender<()>) {
    gate.send(()).expect("the daemon waits");
}

/// A POST /build with these header lines and this body.
fn build(fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    [format!("POST /build HTTP/1.1\r\nHost: docker\r\n{fields}\r\n").as_bytes(), body.as_ref()].concat()
}

/// Bytes as chunks of many sizes, with an extension and a trailer.
fn chunked(bytes: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(bytes.len() + bytes.len() / 8);
    let mut rest = bytes;
    for size in (1..).map(|round: usize| round * round * 7 % 70_001 + 1) {
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        if chunk.is_empty() {
            break;
        }
        framed.extend(format!("{:x};n=\"v\"\r\n", chunk.len()).bytes());
        framed.extend(chunk);
        framed.extend(b"\r\n");
        rest = after;
    }
    framed.extend(b"0\r\nX-Sum: 1\r\n\r\n");
    framed
}

#[test]
fn the_request_of_a_client_that_closes_at_once_reaches_the_daemon() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[]);
    for round in 1..=50 {
        let mut client = proxy.client();
        client.send(PING);
        drop(client);
        daemon.wait_for_bytes(round * PING.len());
    }
}

/// What is the same again is not judged again: it must be the same to the last byte, and its body is another one each time.
#[test]
fn requests_that_differ_by_little_are_judged_each_by_itself() {
    let daemon = FakeDaemon::echoing();
    let grants = [("CONTAINERS", "1"), ("BUILD", "1"), ("ALLOW_START", "1"), ("POST", "1")];
    let proxy = Proxy::start(&daemon, &grants);
    let allowed: [&[u8]; 6] = [
        b"GET /containers/json HTTP/1.1\r\nHost: docker\r\n\r\n",
        b"GET /containers/jsom HTTP/1.1\r\nHost: docker\r\n\r\n",
        b"GET /containers/json HTTP/1.1\r\nHost: docker\r\nX: 1\r\n\r\n",
        b"POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: 5\r\n\r\nfirst",
        b"POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: 5\r\n\r\nother",
        b"POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: 6\r\n\r\nlonger",
    ];
    let mut client = proxy.client();
    let mut sent = Vec::new();
    for request in allowed {
        for again in [3, 1, 2] {
            // Also several at once, and cut anywhere.
            let requests = request.repeat(again);
            let (start, end) = requests.split_at(requests.len() * again / 4);
            client.send(start);
            client.send(end);
            sent.extend_from_slice(&requests);
            for _ in 0..again {
                assert_eq!(client.read_response().status, 200);
            }
        }
    }
    daemon.wait_for_bytes(sent.len());
    assert_eq!(show(&daemon.received()), show(&sent));
    // One byte more or less, behind a request that is known by heart.
    for (request, status) in [
        (&b"GET /containers/json HTTP/1.1\r\nHost: docker\r\n\n"[..], 400),
        (b"GET /containers/json HTTP/1.1\r\nHost: docker\r\n \r\n\r\n", 400),
        (b"GET /containers/json HTTP/1.1\r\nHost: docker\r\nHost: docker\r\n\r\n", 400),
        (b"GET /kontainers/json HTTP/1.1\r\nHost: docker\r\n\r\n", 403),
        (b"PUT /containers/json HTTP/1.1\r\n\r\n", 400),
        (b" GET /containers/json HTTP/1.1\r\nHost: docker\r\n\r\n", 400),
    ] {
        let mut client = proxy.client();
        for _ in 0..3 {
            assert_eq!(client.ask(allowed[0]).status, 200);
        }
        daemon.wait_for_bytes(sent.len() + 3 * allowed[0].len());
        sent.extend_from_slice(&allowed[0].repeat(3));
        client.send(request);
        assert_eq!(client.read_response().status, status, "{}", show(request));
    }
    assert_eq!(show(&daemon.received()), show(&sent));
}

/// Nor is a head of a response that is the same again read again: but what it means goes by the request, and what is behind it is another
/// one each time.
#[test]
fn responses_that_differ_by_little_are_read_each_by_itself() {
    const GET: &[u8] = b"GET /containers/json HTTP/1.1\r\nHost: docker\r\n\r\n";
    const HEAD: &[u8] = b"HEAD /containers/json HTTP/1.1\r\nHost: docker\r\n\r\n";
    const WITH_LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    const IN_CHUNKS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
    let exchanges = [
        (GET, WITH_LENGTH, "first"),
        (GET, WITH_LENGTH, "other"),
        // Its body is not sent, and nothing may be waited for.
        (HEAD, WITH_LENGTH, ""),
        (HEAD, WITH_LENGTH, ""),
        (GET, WITH_LENGTH, "third"),
        (GET, IN_CHUNKS, "3\r\none\r\n0\r\n\r\n"),
        (GET, IN_CHUNKS, "3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"),
        (HEAD, IN_CHUNKS, ""),
        (GET, IN_CHUNKS, "0\r\n\r\n"),
        (GET, CONTINUE, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nforth"),
        (GET, CONTINUE, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
        (GET, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", "longer"),
        (GET, "HTTP/1.1 404 OK\r\nContent-Length: 6\r\n\r\n", "longer"),
    ];
    for in_pieces in [false, true] {
        let daemon = FakeDaemon::serving(move |session| {
            for (_, head, behind) in exchanges {
                session.read_request();
                match in_pieces {
                    true => [head, behind].iter().for_each(|piece| session.send(piece)),
                    false => session.send(head.to_owned() + behind),
                }
            }
        });
        let proxy = Proxy::start(&daemon, &[("CONTAINERS", "1")]);
        let mut client = proxy.client();
        for (request, head, behind) in exchanges {
            client.send(request);
            let answer = head.to_owned() + behind;
            assert_eq!(show(&client.read_exact(answer.len())), show(answer.as_bytes()));
        }
        assert_eq!(daemon.connections().len(), 1, "it is kept to the end");
    }
}

/// Who asks the same again is still in the log each time, and LEARN hears of it.
#[test]
fn what_is_the_same_again_is_logged_again() {
    let daemon = FakeDaemon::echoing();
    let program = Program::start(&daemon.socket(), &[("LOG_REQUESTS", "1")]);
    let mut client = program.client();
    for _ in 0..3 {
        assert_eq!(client.ask(PING).status, 200);
    }
    drop(client);
    assert_eq!(program.client().ask(b"GET /last HTTP/1.1\r\nHost: docker\r\n\r\n").status, 403);
    program.wait_for_log("/last is denied");
    let logged = program.log().iter().filter(|line| line.contains("GET /_ping is allowed")).count();
    assert_eq!(logged, 3);
}

#[test]
fn passes_a_request_and_its_response_unchanged() {
    let answer = b"HTTP/1.1 200 So it is\r\nx-odd:\t\xfe \r\nContent-Length:2\r\nX-Odd: 1\r\n\r\n\0\xff";
    let daemon = FakeDaemon::answering(answer);
    let proxy = Proxy::start(&daemon, &[]);
    let sent = b"GET /v1.41/_ping?x=%zz HTTP/1.1\r\nhOsT:\t docker \r\nX-Odd: \xff\"\r\n\r\n";
    let mut client = proxy.client();
    client.send(sent);
    assert_eq!(show(&client.read_exact(answer.len())), show(answer));
    drop(client);
    assert_eq!(daemon.ended(), [sent]);
}

#[test]
fn keeps_both_connections_for_the_next_request() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    for _ in 0..3 {
        assert_eq!(client.ask(PING).text(), "GET /_ping");
    }
    drop(client);
    assert_eq!(daemon.ended(), [PING.repeat(3)]);
}

#[test]
fn two_clients_share_no_connection() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[]);
    let mut clients = [proxy.client(), proxy.client()];
    for client in &mut clients {
        assert_eq!(client.ask(PING).status, 200);
    }
    drop(clients);
    assert_eq!(daemon.ended(), [PING, PING]);
}

#[test]
fn passes_every_framing_of_a_request() {
    let requests = [
        build("", ""),
        build("Content-Length: 0\r\n", ""),
        build("Content-Length: 5\r\n", "\r\n\r\nx"),
        build("content-length: 00005\r\n", "hello"),
        build("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        build("Transfer-Encoding: Chunked\r\n", "5\r\nhello\r\n0000\r\n\r\n"),
        build("Transfer-Encoding: chunked\r\n", "5;a=b;c=\"d\"\r\nhello\r\n0;e\r\nA: b\r\nC:\r\n\r\n"),
    ];
    let lengths = requests.each_ref().map(Vec::len);
    let daemon = FakeDaemon::serving(move |session| {
        for length in lengths {
            session.read_exact(length);
            session.send(OK);
        }
    });
    let proxy = Proxy::start(&daemon, BUILD);
    let mut client = proxy.client();
    for request in &requests {
        assert_eq!(client.ask(request).text(), "OK", "{}", show(request));
    }
    drop(client);
    // And in one segment.
    let mut client = proxy.client();
    client.send(requests.concat());
    for request in &requests {
        assert_eq!(client.read_response().text(), "OK", "{}", show(request));
    }
    drop(client);
    for connection in daemon.ended() {
        assert_eq!(show(&connection), show(&requests.concat()));
    }
}

#[test]
fn passes_every_framing_of_a_response() {
    let responses: [(&str, &[u8]); 12] = [
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\r\n\r\nx"),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 404 Not Found\r\n\r\n"),
        ("GET", b"HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
        ("GET", b"HTTP/1.1 200 OK\r\n\r\nuntil the end"),
    ];
    let daemon = FakeDaemon::serving(move |session| {
        for (_, response) in responses {
            session.read_request();
            session.send(response);
        }
        session.half_close();
    });
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    for (method, response) in responses {
        client.send(format!("{method} /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"));
        assert_eq!(show(&client.read_exact(response.len())), show(response));
    }
    assert_eq!(show(&client.read_to_end()), "");
    assert_eq!(daemon.ended().len(), 1);
}

/// Of a length that 32 bits do not hold, they hold the rest: where only they are looked at, the body would end behind its first byte.
#[test]
fn a_body_of_more_than_32_bits_has_all_that_comes() {
    const LENGTH: &str = "Content-Length: 4294967297\r\n";
    let answer = format!("HTTP/1.1 200 OK\r\n{LENGTH}\r\nxHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let sent = answer.clone();
    let daemon = FakeDaemon::serving(move |session| {
        session.read_until(b"/denied HTTP/1.1\r\n\r\n");
        session.send(&sent);
        session.half_close();
    });
    let proxy = Proxy::start(&daemon, BUILD);
    let mut client = proxy.client();
    let request = build(LENGTH, "xGET /denied HTTP/1.1\r\n\r\n");
    client.send(&request);
    assert_eq!(show(&client.read_exact(answer.len())), show(answer.as_bytes()));
    drop(client);
    assert_eq!(show(&daemon.ended().concat()), show(&request));
}

#[test]
fn passes_a_response_that_comes_byte_by_byte() {
    let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                   a\r\n0123456789\r\n0\r\nA: b\r\n\r\n";
    let daemon = FakeDaemon::serving(move |session| {
        while session.read_request().is_some() {
            for byte in answer {
                session.send([*byte]);
            }
        }
    });
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    for _ in 0..3 {
        client.send(PING);
        assert_eq!(show(&client.read_exact(answer.len())), show(answer));
    }
}

#[test]
fn passes_each_part_of_a_response_as_soon_as_it_is_there() {
    let (next, gate) = gate();
    let parts = [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "2\r\n{}\r\n",
        "3\r\n",
        "a",
        "bc\r\n0\r\n\r\n",
    ];
    let daemon = FakeDaemon::serving(move |session| {
        session.read_request();
        for part in parts {
            session.send(part);
            gate.wait();
        }
    });
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    client.send(EVENTS);
    for part in parts {
        assert_eq!(show(&client.read_exact(part.len())), show(part.as_bytes()));
        open(&next);
    }
}

#[test]
fn answers_pipelined_requests_in_order_with_one_in_flight() {
    let daemon = FakeDaemon::serving(|session| {
        while let Some(request) = session.read_request() {
            assert_eq!(show(session.ahead()), "", "only one request is in flight");
            session.send(response("200 OK", request.line()));
        }
    });
    let proxy = Proxy::start(&daemon, &[]);
    // More than is read ahead while a response is outstanding.
    let requests: Vec<String> = (0..1500)
        .map(|at| {
            format!("GET /version?{at} HTTP/1.1\r\nHost: docker\r\nX-Pad: {}\r\n\r\n", "x".repeat(at % 90))
        })
        .collect();
    let mut client = proxy.client();
    client.send(requests.concat());
    for at in 0..requests.len() {
        assert_eq!(client.read_response().text(), format!("GET /version?{at}"));
    }
    drop(client);
    assert_eq!(daemon.ended(), [requests.concat().as_bytes()]);
}

#[test]
fn uploads_while_output_streams() {
    let daemon = FakeDaemon::serving(|session| {
        session.read_until(b"\r\n\r\n");
        session.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..100 {
            let chunk = session.read_exact(b"5\r\nhello\r\n".len()).expect("a chunk");
            session.send(chunk);
        }
        session.read_exact(b"0\r\n\r\n".len());
        session.send("0\r\n\r\n");
    });
    let proxy = Proxy::start(&daemon, BUILD);
    let mut client = proxy.client();
    client.send(build("Transfer-Encoding: chunked\r\n", ""));
    assert!(client.read_head().starts_with("HTTP/1.1 200 OK\r\n"));
    for _ in 0..100 {
        client.send("5\r\nhello\r\n");
        assert_eq!(client.read_exact(10), b"5\r\nhello\r\n");
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.read_exact(5), b"0\r\n\r\n");
}

/// Sends a big body whole and only then reads: the refusal that the daemon gives at once must survive that.
fn early_answer(answer: &'static [u8], end: impl Fn(&mut Session) + Send + Sync + 'static) {
    let daemon = FakeDaemon::serving(move |session| {
        session.read_until(b"\r\n\r\n");
        session.send(answer);
        end(session);
    });
    let proxy = Proxy::start(&daemon, BUILD);
    let body = pattern(8 << 20);
    for fields in
        [format!("Content-Length: {}\r\n", body.len()), String::from("Transfer-Encoding: chunked\r\n")]
    {
        let mut client = proxy.client();
        let body = if fields.starts_with('C') { &body } else { &chunked(&body) };
        client.send(build(&fields, body));
        assert_eq!(show(&client.read_exact(answer.len())), show(answer));
        assert_eq!(show(&client.read_to_end()), "");
    }
}

const TOO_LARGE: &[u8] =
    b"HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\nContent-Length: 9\r\n\r\ntoo large";

#[test]
fn an_early_answer_reaches_a_client_that_is_still_sending() {
    early_answer(TOO_LARGE, Session::close);
    early_answer(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad", Session::close);
}

#[test]
fn an_early_answer_of_a_daemon_that_reads_no_more_and_waits_reaches_the_client() {
    // net/http half-closes and waits a moment before it closes.
    early_answer(TOO_LARGE, |session| {
        session.half_close();
    });
    early_answer(b"HTTP/1.1 400 Bad Request\r\n\r\nnot a tar archive", Session::half_close);
}

#[test]
fn an_early_answer_of_a_daemon_that_resets_reaches_the_client() {
    early_answer(TOO_LARGE, Session::abandon);
}

#[test]
fn a_response_without_length_is_whole_though_the_daemon_left_the_request_unread() {
    // More than the sockets hold on the way, to a client that reads late.
    const LENGTH: usize = 8 << 20;
    let daemon = FakeDaemon::serving(|session| {
        session.read_until(b"\r\n\r\n");
        session.send(b"HTTP/1.1 200 OK\r\n\r\n");
        session.send(vec![b'z'; LENGTH]);
        session.abandon();
    });
    let proxy = Proxy::start(&daemon, BUILD);
    let mut client = proxy.client();
    // Its body is more than the daemon has read with the head.
    client.send(build(&format!("Content-Length: {}\r\n", 100_000), ""));
    daemon.wait_for(b"\r\n\r\n");
    client.send(vec![b'a'; 100_000]);
    assert_eq!(client.read_head(), "HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(client.read_to_end().len(), LENGTH);
}

#[test]
fn sends_the_body_when_the_daemon_says_continue() {
    let daemon = FakeDaemon::serving(|session| {
        session.read_until(b"\r\n\r\n");
        assert_eq!(show(session.ahead()), "");
        session.send("HTTP/1.1 100 Continue\r\n\r\n");
        session.read_exact(5);
        session.send(OK);
        session.read_request();
        session.send(OK);
    });
    let proxy = Proxy::start(&daemon, BUILD);
    let mut client = proxy.client();
    client.send(build("Expect: 100-continue\r\nContent-Length: 5\r\n", ""));
    assert_eq!(client.read_head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello");
    assert_eq!(client.read_response().text(), "OK");
    assert_eq!(client.ask(PING).text(), "OK");
}

#[test]
fn ends_the_connection_when_the_daemon_does_not_wait_for_the_body() {
    let daemon = FakeDaemon::serving(|session| {
        session.read_until(b"\r\n\r\n");
        session.send(response("404 Not Found", "{}"));
    });
    let proxy = Proxy::start(&daemon, BUILD);
    let head = build("Expect: 100-continue\r\nContent-Length: 5\r\n", "");
    let mut client = proxy.client();
    assert_eq!(client.ask(&head).status, 404);
    // Whatever comes now would be a body to one and a request to another.
    let _ = client.try_send(PING);
    assert_eq!(show(&client.read_to_end()), "");
    assert_eq!(daemon.ended(), [head]);
}

#[test]
fn ends_both_connections_where_either_side_asks_for_it() {
    let closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nOK";
    let cases: [(&[u8], &[u8]); 6] = [
        (b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n", OK),
        (b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: x,\tCLOSE\r\n\r\n", OK),
        (b"GET /_ping HTTP/1.0\r\n\r\n", OK),
        (b"GET /_ping HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", OK),
        (PING, closing),
        (PING, b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOK"),
    ];
    for (request, answer) in cases {
        let daemon = FakeDaemon::answering(answer);
        let proxy = Proxy::start(&daemon, &[]);
        let mut client = proxy.client();
        client.send(request);
        // The client has not closed: only the proxy can have.
        assert_eq!(show(&client.read_to_end()), show(answer), "{}", show(request));
        assert_eq!(daemon.ended(), [request]);
    }
}

#[test]
fn keeps_a_connection_of_http_1_0_where_both_sides_want_it() {
    let daemon =
        FakeDaemon::answering("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nOK");
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    let request = b"GET /_ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    for _ in 0..2 {
        assert_eq!(client.ask(request).text(), "OK");
    }
    drop(client);
    assert_eq!(daemon.ended(), [request.repeat(2)]);
}

#[test]
fn answers_a_client_that_ends_what_it_sends() {
    let daemon = FakeDaemon::serving(|session| {
        session.read_until(b"\r\n\r\n");
        assert_eq!(session.read_to_end(), b"", "the client's end is passed on");
        session.send(OK);
    });
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    client.send(PING);
    client.half_close();
    assert_eq!(show(&client.read_to_end()), show(OK));
}

#[test]
fn answers_all_requests_of_a_client_that_then_ends_what_it_sends() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    client.send([PING, EVENTS, PING].concat());
    client.half_close();
    for line in ["GET /_ping", "GET /events", "GET /_ping"] {
        assert_eq!(client.read_response().text(), line);
    }
    assert_eq!(show(&client.read_to_end()), "");
}

#[test]
fn a_client_that_leaves_takes_the_daemon_side_with_it() {
    let streaming = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n";
    let goodbyes: [fn(Client); 2] = [drop, Client::reset];
    // Before an answer, as in wait, and inside one, as in events.
    for answer in ["", streaming] {
        for leave in goodbyes {
            let daemon = FakeDaemon::serving(move |session| {
                session.read_request();
                session.send(answer);
                session.read_to_end();
            });
            let proxy = Proxy::start(&daemon, &[]);
            let mut client = proxy.client();
            client.send(EVENTS);
            daemon.wait_for(b"\r\n\r\n");
            client.read_exact(answer.len());
            leave(client);
            assert_eq!(daemon.ended(), [EVENTS]);
        }
    }
}

#[test]
fn a_client_that_leaves_stops_an_output_without_end() {
    let (gone, noticed) = mpsc::channel();
    let gone = Mutex::new(gone);
    let daemon = FakeDaemon::serving(move |session| {
        session.read_request();
        session.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while session.try_send("5\r\nhello\r\n").is_ok() {}
        let _ = gone.lock().expect("no panic").send(());
    });
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    client.send(EVENTS);
    client.read_head();
    drop(client);
    noticed.recv_timeout(PATIENCE).expect("the daemon's side ends");
}

#[test]
fn a_client_that_leaves_inside_its_body_ends_the_daemon_side_there() {
    let head = build("Content-Length: 100\r\n", "");
    for leave in [drop, Client::reset] {
        let daemon = FakeDaemon::serving(|session| {
            session.read_to_end();
        });
        let proxy = Proxy::start(&daemon, BUILD);
        let mut client = proxy.client();
        client.send([&head[..], b"half"].concat());
        daemon.wait_for(b"half");
        leave(client);
        assert_eq!(daemon.ended(), [[&head[..], b"half"].concat()]);
    }
}

#[test]
fn a_response_that_ends_early_is_seen_as_cut() {
    let cases: [&[u8]; 4] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ];
    let ends: [fn(&mut Session); 2] = [Session::close, Session::abandon];
    for answer in cases {
        for end in ends {
            let daemon = FakeDaemon::serving(move |session| {
                session.read_until(b"\r\n\r\n");
                session.send(answer);
                end(session);
            });
            let proxy = Proxy::start(&daemon, BUILD);
            let mut client = proxy.client();
            client.send(build("Content-Length: 2\r\n", "{}"));
            // No forged end, no second reply, no kept connection.
            assert_eq!(show(&client.read_to_end()), show(answer));
        }
    }
}

#[test]
fn a_broken_chunked_response_is_cut() {
    let whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let (next, gate) = gate();
    let daemon = FakeDaemon::serving(move |session| {
        session.read_request();
        session.send(whole);
        gate.wait();
        session.send("x\r\n");
    });
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    client.send(EVENTS);
    assert_eq!(show(&client.read_exact(whole.len())), show(whole));
    open(&next);
    assert_eq!(show(&client.read_to_end()), "");
}

/// The whole reply of our own, as it must be on the wire.
fn own_reply(status: &str, message: &str) -> String {
    let body = format!("{{\"message\":\"docker-socket-proxy: {message}\"}}\n");
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_denial_says_what_to_set() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[]);
    for (line, message) in [
        (
            "GET /v1.41/containers/json?all=1",
            "GET /v1.41/containers/json is denied: set CONTAINERS=1 to allow it",
        ),
        (
            "POST /containers/create",
            "POST /containers/create is denied: set CONTAINERS=1 and POST=1 to allow it",
        ),
        ("POST /containers/c1/stop", "POST /containers/c1/stop is denied: set ALLOW_STOP=1 to allow it"),
        ("GET /debug/vars", "GET /debug/vars is denied: no variable allows it, as it belongs to no section"),
        ("TRACE /_ping", "TRACE /_ping is denied: no variable allows this method"),
    ] {
        let mut client = proxy.client();
        client.send(format!("{line} HTTP/1.1\r\nHost: docker\r\nAuthorization: secret\r\n\r\n"));
        assert_eq!(show(&client.read_to_end()), show(own_reply("403 Forbidden", message).as_bytes()));
    }
    assert!(daemon.connections().is_empty());
}

#[test]
fn a_denial_of_a_head_has_no_body() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    client.send("HEAD /containers/c1/archive?path=/ HTTP/1.1\r\nHost: docker\r\n\r\n");
    let reply = String::from_utf8(client.read_to_end()).expect("text");
    assert!(reply.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{reply}");
    assert!(reply.ends_with("\r\nConnection: close\r\n\r\n"), "{reply}");
}

#[test]
fn an_unreachable_daemon_is_a_502_with_the_reason() {
    let dir = crate::support::TempDir::new();
    let missing = dir.join("missing.sock");
    let message = format!(
        "cannot reach the daemon at {}: No such file or directory (os error 2); is the socket mounted here, and \
         SOCKET_PATH right?",
        missing.display()
    );
    let proxy = Proxy::at(&missing, &[]);
    let mut client = proxy.client();
    client.send(PING);
    assert_eq!(show(&client.read_to_end()), show(own_reply("502 Bad Gateway", &message).as_bytes()));

    let stale = dir.join("stale.sock");
    drop(UnixListener::bind(&stale).expect("a socket"));
    let proxy = Proxy::at(&stale, &[]);
    let reply = proxy.client().ask(PING);
    assert_eq!(reply.status, 502);
    let start = format!(
        "{{\"message\":\"docker-socket-proxy: cannot reach the daemon at {}: Connection refused (os error 111); nothing \
         listens behind this socket file",
        stale.display()
    );
    assert!(reply.text().starts_with(&start), "{}", reply.text());
}

#[test]
fn a_daemon_that_gives_no_answer_is_a_502() {
    let cases: [(&[u8], &str); 9] = [
        (b"", "the daemon closed the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "the daemon closed the connection without an answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1", "the daemon closed the connection without an answer"),
        (
            b"SSH-2.0-x\r\n\r\n",
            "the daemon's answer cannot be read: only HTTP/1.0 and HTTP/1.1 are spoken here",
        ),
        (
            b"HTTP/2.0 200 OK\r\n\r\n",
            "the daemon's answer cannot be read: only HTTP/1.0 and HTTP/1.1 are spoken here",
        ),
        (
            b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
            "the daemon's answer cannot be read: a line of the head ends in LF without CR",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            "the daemon's answer cannot be framed: more than one Content-Length",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "the daemon's answer cannot be framed: both Content-Length and Transfer-Encoding",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            "the daemon's answer cannot be framed: a chunk size other than 1 to 8 hexadecimal digits",
        ),
    ];
    for (answer, message) in cases {
        let daemon = FakeDaemon::serving(move |session| {
            session.read_request();
            session.send(answer);
            session.close();
        });
        let proxy = Proxy::start(&daemon, &[]);
        let mut client = proxy.client();
        client.send(PING);
        let reply = own_reply("502 Bad Gateway", message);
        let expected = if answer.starts_with(b"HTTP/1.1 100") {
            format!("HTTP/1.1 100 Continue\r\n\r\n{reply}")
        } else {
            reply
        };
        assert_eq!(show(&client.read_to_end()), show(expected.as_bytes()), "{}", show(answer));
    }
}

#[test]
fn a_response_head_is_bounded_as_a_request_s_is() {
    let head = |length: usize| {
        let (start, end) = ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ", "\r\n\r\n");
        format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()))
    };
    let largest = head(64 << 10);
    let daemon = FakeDaemon::answering(largest.clone());
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    client.send(PING);
    assert!(client.read_head() == largest);

    for answer in [head((64 << 10) + 1), largest.replace("\r\n\r\n", "") + &"x".repeat(1 << 20)] {
        let daemon = FakeDaemon::answering(answer);
        let proxy = Proxy::start(&daemon, &[]);
        let mut client = proxy.client();
        client.send(PING);
        let message = "the daemon's answer cannot be read: the head is larger than 64 KiB";
        assert_eq!(show(&client.read_to_end()), show(own_reply("502 Bad Gateway", message).as_bytes()));
    }
}

#[test]
fn a_body_that_is_broken_from_the_start_sends_nothing_of_its_request() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, BUILD);
    let mut client = proxy.client();
    // Behind a request on the same connections, too.
    assert_eq!(client.ask(PING).status, 200);
    client.send(build("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n5\nhello\r\n0\r\n\r\n"));
    let reply = own_reply("400 Bad Request", "a chunk size other than 1 to 8 hexadecimal digits");
    assert_eq!(show(&client.read_to_end()), show(reply.as_bytes()));
    assert_eq!(daemon.ended(), [PING]);
}

#[test]
fn big_bodies_pass_both_ways_at_once_byte_for_byte() {
    let body = pattern(32 << 20);
    let framed = [
        (format!("Content-Length: {}\r\n", body.len()), body.clone()),
        (String::from("Transfer-Encoding: chunked\r\n"), chunked(&body)),
    ];
    for (fields, body) in framed {
        let request = build(&fields, &body);
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        let (head_length, body_length) = (request.len() - body.len(), body.len());
        let answer = head.clone();
        let daemon = FakeDaemon::serving(move |session| {
            session.read_exact(head_length);
            session.send(&answer);
            let mut left = body_length;
            while left > 0 {
                let piece = session.read_exact(left.min(300_000)).expect("the body");
                left -= piece.len();
                session.send(piece);
            }
        });
        let proxy = Proxy::start(&daemon, BUILD);
        let mut client = proxy.client();
        let mut writer = client.stream.try_clone().expect("a second handle");
        let sending = thread::spawn(move || {
            use std::io::Write;
            writer.write_all(&request).expect("the proxy takes it all");
            request
        });
        assert_eq!(client.read_head(), head);
        // Not assert_eq: nobody reads 32 MiB.
        assert!(client.read_exact(body_length) == body, "the response is another");
        let request = sending.join().expect("no panic");
        drop(client);
        assert!(daemon.ended() == [request], "the request is another");
    }
}

#[test]
fn no_deadline_cuts_a_silent_exchange() {
    let (next, gate) = gate();
    let daemon = FakeDaemon::serving(move |session| {
        session.read_until(b"\r\n\r\n");
        gate.wait();
        session.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        gate.wait();
        session.read_exact(5);
        session.send("0\r\n\r\n");
    });
    let all = [("HEAD_TIMEOUT", "50ms"), ("IDLE_TIMEOUT", "50ms"), ("CONNECT_TIMEOUT", "50ms")];
    let proxy = Proxy::start(&daemon, &[&all[..], BUILD].concat());
    let every_deadline_passes = || {
        assert_eq!(show(&proxy.client().read_to_end()), "", "an idle connection ends without a word");
        assert_eq!(proxy.client().ask(b"GET ").status, 408);
    };
    let mut client = proxy.client();
    client.send(build("Content-Length: 5\r\n", ""));
    every_deadline_passes();
    open(&next);
    client.read_head();
    every_deadline_passes();
    open(&next);
    client.send("hello");
    assert_eq!(client.read_exact(5), b"0\r\n\r\n");
}

#[test]
fn a_head_that_does_not_come_whole_is_a_408() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[("HEAD_TIMEOUT", "50ms")]);
    let reply = own_reply("408 Request Timeout", "no whole head within 50ms");
    let mut client = proxy.client();
    client.send(&PING[..PING.len() - 1]);
    assert_eq!(show(&client.read_to_end()), show(reply.as_bytes()));
    // Behind a request, too.
    let mut client = proxy.client();
    assert_eq!(client.ask([PING, &PING[..9]].concat()).text(), "GET /_ping");
    assert_eq!(show(&client.read_to_end()), show(reply.as_bytes()));
}

#[test]
fn a_head_that_ends_early_is_refused() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    client.send(&PING[..PING.len() - 1]);
    client.half_close();
    let reply = own_reply("400 Bad Request", "the connection ended inside a head");
    assert_eq!(show(&client.read_to_end()), show(reply.as_bytes()));
    assert!(daemon.connections().is_empty());
}

#[test]
fn a_body_found_broken_is_cut_before_the_bad_byte() {
    for answer in ["", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let daemon = FakeDaemon::serving(move |session| {
            session.read_until(b"hello\r\n");
            session.send(answer);
        });
        let proxy = Proxy::start(&daemon, BUILD);
        let good = build("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n");
        let mut client = proxy.client();
        client.send(&good);
        daemon.wait_for(b"hello\r\n");
        client.read_exact(answer.len());
        client.send("5\nhello\r\n0\r\n\r\n");
        let reply = own_reply("400 Bad Request", "a chunk size other than 1 to 8 hexadecimal digits");
        assert_eq!(show(&client.read_to_end()), show(reply.as_bytes()));
        assert_eq!(daemon.ended(), [good]);
    }
}

#[test]
fn a_body_found_broken_behind_a_response_that_has_begun_cuts_the_response() {
    // Where the response says how long it is, its end alone shows the cut; else only a reset does. A Unix socket has none.
    for (answer, reset) in [
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", false),
        ("HTTP/1.1 200 OK\r\n\r\nsome of the out", Kind::HERE == Kind::Tcp),
    ] {
        let daemon = FakeDaemon::serving(move |session| {
            session.read_until(b"\r\n\r\n");
            session.send(answer);
        });
        let proxy = Proxy::start(&daemon, BUILD);
        let good = build("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n");
        let mut client = proxy.client();
        client.send(&good);
        assert_eq!(show(&client.read_exact(answer.len())), show(answer.as_bytes()));
        daemon.wait_for(b"hello\r\n");
        client.send("x");
        assert_eq!(client.ends_with_reset(), reset, "{answer}");
        assert_eq!(show(&client.read_to_end()), "");
        assert_eq!(daemon.ended(), [good]);
    }
}

#[test]
fn a_client_that_is_still_sending_reads_its_refusal() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[]);
    let body = pattern(8 << 20);
    let length = body.len();
    let refused: [(u16, String); 4] = [
        (403, format!("POST /images/load HTTP/1.1\r\nHost: docker\r\nContent-Length: {length}\r\n\r\n")),
        (400, format!("POST /build HTTP/1.1\r\nContent-Length: {length}\r\n\r\n")),
        (400, format!("GET //_ping HTTP/1.1\r\nHost: docker\r\nContent-Length: {length}\r\n\r\n")),
        (431, String::from("GET /_ping HTTP/1.1\r\nX-Endless: ")),
    ];
    for (status, head) in refused {
        let body = if status == 431 { &vec![b'x'; length] } else { &body };
        let mut client = proxy.client();
        client.send([head.as_bytes(), body].concat());
        assert_eq!(client.read_response().status, status);
        assert_eq!(show(&client.read_to_end()), "");
    }
    assert!(daemon.connections().is_empty());
}

#[test]
fn reconnects_where_the_daemon_closed_between_two_requests() {
    let daemon = FakeDaemon::serving(|session| {
        session.read_request();
        session.send(OK);
        session.close();
    });
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    for round in 1..=50 {
        assert_eq!(client.ask(PING).status, 200, "round {round}");
        daemon.wait_for_ends(round);
    }
}

#[test]
fn the_program_answers_and_stops_at_once_when_idle() {
    let daemon = FakeDaemon::echoing();
    let mut program = Program::start(&daemon.socket(), &[]);
    let mut client = program.client();
    assert_eq!(client.ask(PING).status, 200);
    program.signal("TERM");
    assert!(program.wait().success());
}

#[test]
fn up_to_four_line_ends_behind_a_post_are_dropped() {
    let daemon = FakeDaemon::answering(OK);
    let proxy = Proxy::start(&daemon, BUILD);
    let post = build("Content-Length: 2\r\n", "{}");
    for blanks in ["\r\n", "\n", "\r", "\r\n\r\n", "\n\n\n\n", "\r\r\r\r"] {
        let stream = [&post, blanks.as_bytes(), &post, blanks.as_bytes(), PING].concat();
        for cut in (post.len() - 1..=post.len() + blanks.len() + 1).chain([stream.len()]) {
            let mut client = proxy.client();
            client.send(&stream[..cut]);
            if cut >= post.len() {
                assert_eq!(client.read_response().status, 200, "cut at {cut}");
            }
            client.send(&stream[cut..]);
            for _ in 0..if cut >= post.len() { 2 } else { 3 } {
                assert_eq!(client.read_response().status, 200, "cut at {cut}");
            }
            client.half_close();
            assert_eq!(show(&client.read_to_end()), "", "cut at {cut}");
        }
    }
    let delivered = [&post[..], &post, PING].concat();
    for received in daemon.ended() {
        assert_eq!(show(&received), show(&delivered));
    }
}

#[test]
fn line_ends_are_dropped_nowhere_else() {
    let daemon = FakeDaemon::answering(OK);
    let proxy = Proxy::start(&daemon, BUILD);
    let post = build("Content-Length: 2\r\n", "{}");
    for (stream, answered) in [
        (["\r\n".as_bytes(), &post].concat(), 0),
        ([PING, b"\r\n", PING].concat(), 1),
        ([&post, &b"\r\n\r\n\n"[..], PING].concat(), 1),
        ([&post, &b"\r\n"[..], PING, b"\n"].concat(), 2),
        ([&post, &b" \r\n"[..], PING].concat(), 1),
    ] {
        let mut client = proxy.client();
        client.send(&stream);
        for _ in 0..answered {
            assert_eq!(client.read_response().status, 200);
        }
        assert_eq!(client.read_response().status, 400, "{}", show(&stream));
        assert_eq!(show(&client.read_to_end()), "", "{}", show(&stream));
    }
}

#[test]
fn a_connection_is_idle_behind_dropped_line_ends() {
    let daemon = FakeDaemon::answering(OK);
    let proxy = Proxy::start(&daemon, &[BUILD, &[("HEAD_TIMEOUT", "1h"), ("IDLE_TIMEOUT", "50ms")]].concat());
    let post = build("Content-Length: 2\r\n", "{}");
    for at_once in [true, false] {
        let mut client = proxy.client();
        client.send(&post);
        if !at_once {
            assert_eq!(client.read_response().status, 200);
        }
        client.send("\r\n\r\n");
        if at_once {
            assert_eq!(client.read_response().status, 200);
        }
        // Not 408, nor 400.
        assert_eq!(show(&client.read_to_end()), "");
    }
}
