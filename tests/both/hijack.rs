//! Raw streams: attach, exec start, attach by websocket, BuildKit's sessions. They start on the daemon's word, lose and
//! reorder nothing, and end as their two ends do.

use crate::support::address::of_either_kind;
use crate::support::daemon::response;
use crate::support::{Client, FakeDaemon, Kind, Proxy, Session, pattern, show};
use docker_socket_proxy::http::head::Finder;
use docker_socket_proxy::policy::Policy;
use docker_socket_proxy::proxy::admit::{Admission, Admitted, admit};
use docker_socket_proxy::proxy::client::Client as Accepted;
use docker_socket_proxy::proxy::direction::Direction;
use docker_socket_proxy::proxy::pump::Pump;
use docker_socket_proxy::proxy::relay::{Begun, End, Exchange, Meaning};
use docker_socket_proxy::proxy::splice::splice;
use std::io::Write;
use std::sync::{Arc, mpsc};
use std::thread;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

pub const ALL: &[(&str, &str)] =
    &[("CONTAINERS", "1"), ("EXEC", "1"), ("SESSION", "1"), ("GRPC", "1"), ("POST", "1"), ("BUILD", "1")];

pub const ATTACH: &str = "POST /v1.41/containers/c1/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: docker\r\n\
                      Content-Length: 0\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
pub const SWITCHED: &str = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n\
                        Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
const BARE: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n";

/// A daemon that reads a request of this length, checks that nothing came ahead of its answer, sends that, and goes on.
fn granting(
    request: &str,
    answer: &'static str,
    go_on: impl Fn(&mut Session) + Send + Sync + 'static,
) -> FakeDaemon {
    let length = request.len();
    FakeDaemon::serving(move |session| {
        session.read_exact(length);
        assert_eq!(show(session.ahead()), "", "early bytes wait for the answer");
        session.send(answer);
        go_on(session);
    })
}

/// Reads to the end, and only then sends what was read.
fn echo_at_the_end(session: &mut Session) {
    let input = session.read_to_end();
    session.send(input);
    session.half_close();
}

#[test]
fn every_route_of_a_hijack_becomes_a_raw_stream() {
    let upgrade = |protocol: &str| format!("Connection: Upgrade\r\nUpgrade: {protocol}\r\n");
    let exec = "Content-Type: application/json\r\nContent-Length: 16\r\n";
    let (json, switched_ws) = (
        "{\"Detach\":false}",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    );
    let switched_h2c = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    let cases = [
        ("POST", "/containers/c1/attach", upgrade("tcp"), "", SWITCHED),
        ("POST", "/containers/web/db/attach", upgrade("TCP"), "", SWITCHED),
        ("POST", "/v1.41/exec/e1/start", exec.to_owned() + &upgrade("tcp"), json, SWITCHED),
        ("GET", "/v1.41/containers/c1/attach/ws?stream=1", upgrade("websocket"), "", switched_ws),
        ("POST", "/session", upgrade("h2c"), "", switched_h2c),
        ("POST", "/v1.41/grpc", upgrade("h2c"), "", switched_h2c),
        // An answer need not repeat the protocol.
        ("POST", "/containers/c1/attach", upgrade("tcp"), "", "HTTP/1.1 101 UPGRADED\r\n\r\n"),
        // Without Upgrade: dockerode's default, docker-java; and podman, which answers so although it was asked.
        ("POST", "/containers/c1/attach", String::new(), "", BARE),
        ("POST", "/exec/e1/start", exec.to_owned(), json, BARE),
        ("POST", "/v1.41/exec/e1/start", exec.to_owned() + &upgrade("tcp"), json, BARE),
        // An interim response may come first.
        (
            "POST",
            "/exec/e1/start",
            exec.to_owned() + "Expect: 100-continue\r\n" + &upgrade("tcp"),
            json,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n",
        ),
    ];
    for (method, target, fields, body, answer) in cases {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: docker\r\n{fields}\r\n{body}");
        let daemon = granting(&request, answer, echo_at_the_end);
        let proxy = Proxy::start(&daemon, ALL);
        let mut client = proxy.client();
        client.send(&request);
        assert_eq!(show(&client.read_exact(answer.len())), show(answer.as_bytes()), "{request}");
        client.send("\0\r\n\r\nGET /secrets HTTP/1.1\r\n\r\n");
        client.half_close();
        assert_eq!(
            show(&client.read_to_end()),
            show(b"\0\r\n\r\nGET /secrets HTTP/1.1\r\n\r\n"),
            "{request}"
        );
    }
}

#[test]
fn podman_s_routes_become_raw_streams() {
    let vars = [("LIBPOD_CONTAINERS", "1"), ("LIBPOD_EXEC", "1"), ("POST", "1")];
    for target in ["/v5.0.0/libpod/containers/c1/attach", "/v5.0.0-dev/libpod/exec/e1/start"] {
        for (upgrade, answer) in [("Connection: Upgrade\r\nUpgrade: tcp\r\n", SWITCHED), ("", BARE)] {
            let request = format!("POST {target} HTTP/1.1\r\nHost: d\r\n{upgrade}\r\n");
            let daemon = granting(&request, answer, echo_at_the_end);
            let proxy = Proxy::start(&daemon, &vars);
            let mut client = proxy.client();
            client.send(request + "input");
            client.half_close();
            assert_eq!(show(&client.read_to_end()), show(format!("{answer}input").as_bytes()));
        }
    }
}

#[test]
fn early_bytes_wait_for_the_answer_and_then_go_out() {
    // More than is read ahead, so that part of it is still in the socket.
    let early = pattern(100_000);
    for answer in [SWITCHED, BARE] {
        let daemon = granting(ATTACH, answer, echo_at_the_end);
        let proxy = Proxy::start(&daemon, ALL);
        let mut client = proxy.client();
        client.send([ATTACH.as_bytes(), &early].concat());
        assert_eq!(show(&client.read_exact(answer.len())), show(answer.as_bytes()));
        client.half_close();
        assert!(client.read_to_end() == early);
        assert!(daemon.ended() == [[ATTACH.as_bytes(), &early].concat()]);
    }
}

#[test]
fn early_bytes_of_a_client_that_has_ended_are_not_lost() {
    let daemon = granting(ATTACH, SWITCHED, echo_at_the_end);
    let proxy = Proxy::start(&daemon, ALL);
    let mut client = proxy.client();
    client.send(format!("{ATTACH}input"));
    client.half_close();
    assert_eq!(show(&client.read_to_end()), show(format!("{SWITCHED}input").as_bytes()));
}

#[test]
fn a_hijack_may_be_a_later_request_of_its_connection() {
    // As dockerode does: the exec is made and started on one connection.
    let create =
        "POST /containers/c1/exec HTTP/1.1\r\nHost: d\r\nContent-Length: 14\r\n\r\n{\"Cmd\":[\"sh\"]}";
    let start = "POST /exec/e1/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}";
    let daemon = FakeDaemon::serving(|session| {
        for status in ["201 Created", "200 OK"] {
            session.read_request();
            session.send(response(status, "{\"Id\":\"e1\"}"));
        }
        session.read_request();
        session.send(SWITCHED);
        echo_at_the_end(session);
    });
    let proxy = Proxy::start(&daemon, ALL);
    let mut client = proxy.client();
    assert_eq!(client.ask(create).status, 201);
    assert_eq!(client.ask(create).status, 200);
    client.send(start);
    assert_eq!(client.read_head(), SWITCHED);
    client.send("input");
    client.half_close();
    assert_eq!(show(&client.read_to_end()), "input");
}

#[test]
fn an_answer_in_pieces_is_one_answer() {
    let daemon = FakeDaemon::serving(|session| {
        session.read_request();
        for byte in SWITCHED.bytes().chain(*b"output") {
            session.send([byte]);
        }
        session.half_close();
    });
    let proxy = Proxy::start(&daemon, ALL);
    let mut client = proxy.client();
    client.send(ATTACH);
    assert_eq!(show(&client.read_to_end()), show(format!("{SWITCHED}output").as_bytes()));
}

/// The policy of [`ALL`].
fn everything() -> Policy {
    let var = |name: &str| ALL.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Policy::from_vars(&var).expect("switches")
}

/// A proxied connection without the proxy around it: both ends of both sides.
pub async fn both_sides() -> (TcpStream, Accepted, UnixStream, UnixStream) {
    let (client, accepted) = match Kind::HERE {
        Kind::Tcp => {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let client = TcpStream::connect(address).await.expect("a connection");
            let (accepted, peer) = listener.accept().await.expect("a client");
            (client, Accepted::tcp(accepted, peer, Arc::default()))
        }
        Kind::Unix => {
            let (client, accepted) = UnixStream::pair().expect("a pair");
            (of_either_kind(client).expect("a socket"), Accepted::unix(accepted, Arc::default()))
        }
    };
    let (daemon, socket) = UnixStream::pair().expect("a pair");
    (client, accepted, daemon, socket)
}

/// As `docker exec -i` whose CLI is killed, and scripts that send and forget: dockerd, asked directly, reads all that was sent.
#[test]
fn all_that_a_client_sent_before_it_closed_reaches_the_daemon() {
    let input = pattern(3_000_000);
    for (request, answer) in [
        (ATTACH.to_owned(), SWITCHED),
        (format!("POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: {}\r\n\r\n", input.len()), ""),
    ] {
        for round in 0..10 {
            let daemon = FakeDaemon::serving(move |session| {
                session.read_until(b"\r\n\r\n");
                session.send(answer);
                // A container that does a little with each piece.
                while session.read_some() > 0 {
                    thread::sleep(std::time::Duration::from_micros(500));
                }
            });
            let proxy = Proxy::start(&daemon, ALL);
            let mut client = proxy.client();
            client.send(&request);
            client.read_exact(answer.len());
            client.send(&input);
            drop(client);
            daemon.wait_for_ends(1);
            let received = daemon.received();
            assert!(
                received.ends_with(&input),
                "round {round}: {} of {}",
                received.len(),
                request.len() + input.len()
            );
        }
    }
}

/// One that vanishes is noticed all the same, with or without bytes behind its request.
#[test]
fn a_client_that_vanishes_behind_stray_bytes_frees_its_place() {
    for stray in ["", "\r\n", "GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"] {
        let daemon = FakeDaemon::serving(|session| {
            session.read_until(b"\r\n\r\n");
            session.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            while session.read_some() > 0 {}
        });
        let proxy = Proxy::start(&daemon, &[("MAX_CONNECTIONS", "1")]);
        let mut client = proxy.client();
        client.send(format!("GET /events HTTP/1.1\r\nHost: docker\r\n\r\n{stray}"));
        client.read_until(b"\r\n\r\n");
        client.reset();
        let denied = proxy.client().ask(b"GET /denied HTTP/1.1\r\nHost: docker\r\n\r\n");
        assert_eq!(denied.status, 403, "{stray:?}");
    }
}

/// Has a request that was sent so far judged, and its exchange run.
async fn exchange(
    mut sent: &[u8],
    (client, daemon): (&mut Accepted, &mut UnixStream),
    request: &mut Direction<Admitted>,
    response: &mut Direction<Meaning>,
    begun: impl FnOnce(Begun),
) -> End {
    let length = sent.len();
    request.pump.fill(&mut sent, length).await.expect("bytes");
    let length = Finder::default().find(request.pump.held()).expect("a head").expect("whole");
    let Ok(Admission::Admitted(admitted)) = admit(&request.pump.held()[..length], &everything()).1 else {
        panic!("it is allowed");
    };
    Exchange { client, daemon, request, response, admitted: &admitted, hearing: None }.run(begun).await
}

#[tokio::test]
async fn the_head_of_a_hijack_goes_out_in_a_write_of_its_own() {
    // docker-py loses what arrives in one read with the head.
    let (mut client, mut accepted, mut daemon, mut socket) = both_sides().await;
    daemon.write_all(format!("{SWITCHED}output").as_bytes()).await.expect("room");
    let (mut request, mut response) = (Direction::default(), Direction::default());
    let mut status = None;
    let begun = |begun: Begun| status = Some((begun.status, begun.streams));
    let sides = (&mut accepted, &mut socket);
    let exchanged = exchange(ATTACH.as_bytes(), sides, &mut request, &mut response, begun).await;
    assert!(matches!(exchanged, End::Hijack));
    assert_eq!(status, Some((101, true)));
    // What has been written until here is one write; what the daemon sent with it is held.
    let mut read = [0; 1024];
    let count = client.read(&mut read).await.expect("the head");
    assert_eq!(show(&read[..count]), show(SWITCHED.as_bytes()));
    assert_eq!(show(response.pump.held()), "output");

    drop(daemon);
    client.shutdown().await.expect("an end");
    splice(&mut accepted, &mut socket, &mut request.pump, &mut response.pump)
        .await
        .expect("both ends are done");
    drop(accepted);
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.expect("the rest");
    assert_eq!(show(&rest), "output");
}

#[tokio::test]
async fn a_request_that_is_not_written_when_its_hijack_is_granted_goes_out_behind() {
    let head = ATTACH.replace("Content-Length: 0", "Content-Length: 10");
    let sent = [head.as_bytes(), b"body"].concat();
    let (mut client, mut accepted, mut daemon, mut socket) = both_sides().await;
    daemon.write_all(SWITCHED.as_bytes()).await.expect("room");
    // The daemon reads nothing until it has answered.
    socket.writable().await.expect("room");
    let mut before = 0;
    while let Ok(count) = socket.try_write(&[b'x'; 1024]) {
        before += count;
    }
    client.write_all(b" and more, and input").await.expect("room");
    client.shutdown().await.expect("an end");
    let (mut request, mut response) = (Direction::default(), Direction::default());
    let sides = (&mut accepted, &mut socket);
    let exchanged = exchange(&sent, sides, &mut request, &mut response, |_| {}).await;
    assert!(matches!(exchanged, End::Hijack));
    let reading = tokio::spawn(async move {
        let mut read = Vec::new();
        daemon.read_to_end(&mut read).await.map(|_| read)
    });
    splice(&mut accepted, &mut socket, &mut request.pump, &mut response.pump)
        .await
        .expect("both ends are done");
    drop(socket);
    let read = reading.await.expect("no panic").expect("all of it");
    assert_eq!(show(&read[before..]), show(&[&sent[..], b" and more, and input"].concat()));
    assert_eq!(request.pump.take_passed(), (read.len() - before) as u64);
}

#[tokio::test]
async fn early_output_that_nobody_reads_does_not_hold_the_input_up() {
    // More than the sockets on the way take.
    const MUCH: usize = 16 << 20;
    let (mut client, mut accepted, mut daemon, mut socket) = both_sides().await;
    let splicing = tokio::spawn(async move {
        let (mut request, mut response) = (Pump::default(), Pump::default());
        let output = vec![b'o'; MUCH];
        let mut output = output.as_slice();
        while response.fill(&mut output, MUCH).await.is_ok() {}
        splice(&mut accepted, &mut socket, &mut request, &mut response).await.map(|()| response.take_passed())
    });
    client.write_all(b"input").await.expect("room");
    let mut input = [0; 5];
    let arrived = tokio::time::timeout(crate::support::PATIENCE, daemon.read_exact(&mut input)).await;
    arrived.expect("the input is not held up").expect("the input");
    drop(daemon);
    client.shutdown().await.expect("an end");
    let mut output = Vec::new();
    client.read_to_end(&mut output).await.expect("the output");
    assert_eq!(output.len(), MUCH);
    let passed = splicing.await.expect("no panic").expect("both ends are done");
    assert_eq!(passed, MUCH as u64);
}

#[test]
fn the_client_s_end_leaves_the_output_flowing() {
    let daemon = granting(ATTACH, SWITCHED, |session| {
        // Input that was never attached ends at once; the output comes later.
        assert_eq!(show(&session.read_to_end()), "");
        session.send("all of the output");
        session.half_close();
    });
    let proxy = Proxy::start(&daemon, ALL);
    let mut client = proxy.client();
    client.send(ATTACH);
    client.half_close();
    assert_eq!(show(&client.read_to_end()), show(format!("{SWITCHED}all of the output").as_bytes()));
}

#[test]
fn the_daemon_s_end_leaves_the_input_flowing() {
    let daemon = granting(ATTACH, SWITCHED, |session| {
        session.send("output");
        session.half_close();
        session.read_to_end();
    });
    let proxy = Proxy::start(&daemon, ALL);
    let mut client = proxy.client();
    client.send(ATTACH);
    assert_eq!(show(&client.read_to_end()), show(format!("{SWITCHED}output").as_bytes()));
    client.send("input that comes later");
    daemon.wait_for(b"input that comes later");
    drop(client);
    assert_eq!(show(&daemon.ended()[0]), show(format!("{ATTACH}input that comes later").as_bytes()));
}

/// A daemon that grants a hijack and then is silent.
fn silent() -> FakeDaemon {
    granting(ATTACH, SWITCHED, |session| {
        session.read_to_end();
    })
}

fn attached(proxy: &Proxy) -> Client {
    let mut client = proxy.client();
    client.send(ATTACH);
    assert_eq!(client.read_head(), SWITCHED);
    client
}

#[test]
fn a_client_that_vanishes_takes_a_silent_container_s_stream_with_it() {
    let daemon = silent();
    let proxy = Proxy::start(&daemon, ALL);
    attached(&proxy).reset();
    daemon.ended();
}

#[test]
fn a_client_that_vanishes_after_its_end_is_noticed_too() {
    let (closed, noticed) = mpsc::channel();
    let daemon = granting(ATTACH, SWITCHED, move |session| {
        assert_eq!(show(&session.read_to_end()), "");
        session.send("still here");
        while session.try_send("output ").is_ok() {}
        let _ = closed.send(());
    });
    let proxy = Proxy::start(&daemon, ALL);
    let mut client = attached(&proxy);
    client.half_close();
    assert_eq!(show(&client.read_exact(10)), "still here");
    client.reset();
    noticed.recv_timeout(crate::support::PATIENCE).expect("the daemon's side is closed");
}

#[tokio::test]
async fn a_client_that_vanishes_after_its_end_is_noticed_without_a_write() {
    let (client, mut accepted, mut daemon, mut socket) = both_sides().await;
    let splicing = tokio::spawn(async move {
        splice(&mut accepted, &mut socket, &mut Pump::default(), &mut Pump::default()).await
    });
    let client = client.into_std().expect("a blocking socket");
    client.shutdown(std::net::Shutdown::Write).expect("an end");
    assert_eq!(daemon.read(&mut [0]).await.expect("the client's end"), 0);
    socket2::SockRef::from(&client).set_linger(Some(std::time::Duration::ZERO)).expect("linger");
    drop(client);
    let copied = tokio::time::timeout(crate::support::PATIENCE, splicing).await.expect("it is noticed");
    copied.expect("no panic").expect_err("the stream was cut");
}

#[test]
fn a_client_that_closes_while_output_flows_ends_the_stream() {
    let daemon = granting(ATTACH, SWITCHED, |session| while session.try_send("output ").is_ok() {});
    let proxy = Proxy::start(&daemon, ALL);
    drop(attached(&proxy));
    daemon.ended();
}

#[test]
fn output_survives_input_that_comes_too_late() {
    let output = pattern(4 << 20);
    let sent = output.clone();
    // podman closes the connection as a whole when the container ends, whatever input is still on its way.
    for end in [Session::close, Session::abandon] {
        let sent = sent.clone();
        let daemon = granting(ATTACH, SWITCHED, move |session| {
            session.send(&sent);
            end(session);
        });
        let proxy = Proxy::start(&daemon, ALL);
        let mut client = attached(&proxy);
        for _ in 0..100 {
            let _ = client.try_send("input that nobody reads");
        }
        assert!(client.read_to_end() == output, "some of the output is lost");
    }
}

#[tokio::test]
async fn output_that_a_slow_client_has_not_taken_survives_the_daemon() {
    let (mut client, mut accepted, mut daemon, mut socket) = both_sides().await;
    socket2::SockRef::from(&accepted).set_send_buffer_size(4096).expect("a small buffer");
    socket2::SockRef::from(&client).set_recv_buffer_size(4096).expect("a small buffer");
    // Input that it has not read makes the daemon's end a reset, in the midst of a copy buffer's worth of output.
    let output = pattern(100_000);
    daemon.write_all(&output).await.expect("room");
    socket.write_all(b"input").await.expect("room");
    drop(daemon);
    let splicing = tokio::spawn(async move {
        splice(&mut accepted, &mut socket, &mut Pump::default(), &mut Pump::default()).await
    });
    let mut read = Vec::new();
    client.read_to_end(&mut read).await.expect("an orderly end");
    assert!(read == output, "{} bytes of {}", read.len(), output.len());
    client.shutdown().await.expect("an end");
    splicing.await.expect("no panic").expect("both ends are done");
}

#[tokio::test]
async fn input_that_a_slow_daemon_has_not_taken_survives_both_ends() {
    let (mut client, mut accepted, mut daemon, mut socket) = both_sides().await;
    let splicing = tokio::spawn(async move {
        splice(&mut accepted, &mut socket, &mut Pump::default(), &mut Pump::default()).await
    });
    // The kernel has seen both ends, and so reports a hang-up, while most of the input is still to be read.
    daemon.shutdown().await.expect("an end");
    assert_eq!(client.read(&mut [0]).await.expect("the daemon's end"), 0);
    let input = pattern(1 << 20);
    let sent = input.clone();
    let sending = tokio::spawn(async move {
        client.write_all(&sent).await.expect("room");
        client.shutdown().await.expect("an end");
        client
    });
    let mut read = Vec::new();
    while read.len() < input.len() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        if daemon.read_buf(&mut read).await.expect("input") == 0 {
            break;
        }
    }
    assert!(read == input, "{} bytes of {}", read.len(), input.len());
    let _client = sending.await.expect("no panic");
    splicing.await.expect("no panic").expect("both ends are done");
}

#[test]
fn bulk_passes_both_ways_at_once_byte_for_byte() {
    let (input, output) = (pattern(32 << 20), pattern((32 << 20) + 12_345));
    let sent = output.clone();
    let daemon = granting(ATTACH, SWITCHED, move |session| {
        // In turns, so that both directions are under way all the time.
        for piece in sent.chunks(100_000) {
            session.send(piece);
            session.read_some();
        }
        session.half_close();
    });
    let proxy = Proxy::start(&daemon, ALL);
    let mut client = attached(&proxy);
    let mut writer = client.stream.try_clone().expect("a second handle");
    let sending = thread::spawn(move || {
        writer.write_all(&input).expect("the proxy takes it all");
        writer.shutdown(std::net::Shutdown::Write).expect("an end");
        input
    });
    assert!(client.read_to_end() == output, "the output is another");
    let input = sending.join().expect("no panic");
    assert!(daemon.ended()[0][ATTACH.len()..] == input, "the input is another");
}

#[test]
fn no_deadline_cuts_a_silent_stream() {
    let daemon = granting(ATTACH, SWITCHED, echo_at_the_end);
    let deadlines = [("HEAD_TIMEOUT", "50ms"), ("IDLE_TIMEOUT", "50ms"), ("CONNECT_TIMEOUT", "50ms")];
    let proxy = Proxy::start(&daemon, &[&deadlines[..], ALL].concat());
    let mut client = attached(&proxy);
    // Another connection's deadlines are the clock.
    assert_eq!(show(&proxy.client().read_to_end()), "");
    assert_eq!(proxy.client().ask("GET ").status, 408);
    client.send("input");
    client.half_close();
    assert_eq!(show(&client.read_to_end()), "input");
}
