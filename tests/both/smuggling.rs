//! Attacks: a forbidden request behind an allowed one, in every way to hide it. The daemon records every byte, and must
//! have received the allowed ones alone.

use crate::support::daemon::response;
use crate::support::{FakeDaemon, Proxy, find, show};

/// Forbidden whatever a test grants.
const FORBIDDEN: &[u8] = b"POST /swarm/init HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\n\r\n{}";

const CONTAINERS: &[(&str, &str)] = &[("CONTAINERS", "1"), ("POST", "1")];
const EXEC: &[(&str, &str)] = &[("EXEC", "1"), ("POST", "1")];

/// What becomes of the connection behind the allowed request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The answer goes to the client, and the forbidden request gets 403.
    Denied,
    /// The answer goes to the client, and its end is the connection's.
    Closed,
    /// The answer is not passed on: the client gets 502.
    BadGateway,
}

/// Sends an allowed request and the forbidden one, cut in two at every byte of the first and at the first bytes of the second. The rest
/// follows behind the allowed one when its answer is there, within its body when the daemon has what came before, and within its head
/// at once. The last cut is both in one segment.
fn attack(vars: &[(&str, &str)], allowed: impl AsRef<[u8]>, answer: impl Into<Vec<u8>>, then: Then) {
    let (allowed, answer) = (allowed.as_ref(), answer.into());
    let daemon = FakeDaemon::serving({
        let (length, answer) = (allowed.len(), answer.clone());
        move |session| {
            session.read_exact(length);
            session.send(&answer);
            if then == Then::Closed {
                session.half_close();
            }
        }
    });
    let proxy = Proxy::start(&daemon, vars);
    let both = [allowed, FORBIDDEN].concat();
    let cuts = || (1..allowed.len() + 5).chain([both.len()]);
    let head = find(allowed, b"\r\n\r\n").expect("a head") + 4;
    for (before, cut) in cuts().enumerate() {
        let (first, rest) = both.split_at(cut);
        let mut client = proxy.client();
        client.send(first);
        if cut < allowed.len() {
            if cut > head {
                daemon.wait_for_bytes(before * allowed.len() + cut);
            }
            client.send(rest);
        }
        if then != Then::BadGateway {
            assert_eq!(show(&client.read_exact(answer.len())), show(&answer), "cut at {cut}");
        }
        if cut >= allowed.len() {
            // The connection may be over by now.
            let _ = client.try_send(rest);
        }
        match then {
            Then::Denied => assert_eq!(client.read_response().status, 403, "cut at {cut}"),
            Then::Closed => {}
            Then::BadGateway => assert_eq!(client.read_response().status, 502, "cut at {cut}"),
        }
        assert_eq!(show(&client.read_to_end()), "", "cut at {cut}");
    }
    let received = daemon.ended();
    assert_eq!(received.len(), cuts().count(), "one connection each");
    for (cut, received) in cuts().zip(&received) {
        assert_eq!(show(received), show(allowed), "cut at {cut}");
    }
}

/// Sends what is refused as a whole, cut in two at every byte: no byte of it reaches the daemon.
fn refused(vars: &[(&str, &str)], sent: impl AsRef<[u8]>, status: u16) {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, vars);
    let sent = sent.as_ref();
    for cut in 1..=sent.len() {
        let (first, rest) = sent.split_at(cut);
        let mut client = proxy.client();
        client.send(first);
        let _ = client.try_send(rest);
        assert_eq!(client.read_response().status, status, "cut at {cut}");
        assert_eq!(show(&client.read_to_end()), "", "cut at {cut}");
    }
    assert_eq!(show(&daemon.received()), "");
}

/// A request without a body.
fn request(line: &str, fields: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: docker\r\n{fields}\r\n")
}

/// A request with a JSON body.
fn post(target: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    request(
        &format!("POST {target}"),
        &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n{fields}"),
    ) + body
}

const UPGRADE_TCP: &str = "Connection: Upgrade\r\nUpgrade: tcp\r\n";
const UPGRADE_H2C: &str = "Connection: Upgrade\r\nUpgrade: h2c\r\n";
const UPGRADE_WEBSOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

const SWITCHED_TO_TCP: &str = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n\
                               Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
const SWITCHED_TO_H2C: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

/// dockerd's form of an error on a connection that goes on.
fn error(status: &str, message: &str) -> Vec<u8> {
    response(status, &format!("{{\"message\":\"{message}\"}}\n"))
}

#[test]
fn a_forbidden_request_alone_makes_no_connection_to_the_daemon() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[]);
    assert_eq!(proxy.client().ask(FORBIDDEN).status, 403);
    assert!(daemon.connections().is_empty());
}

#[test]
fn nothing_behind_a_forbidden_request_is_read() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    client.send([FORBIDDEN, request("GET /_ping", "").as_bytes()].concat());
    assert_eq!(client.read_response().status, 403);
    assert_eq!(show(&client.read_to_end()), "");
    assert!(daemon.connections().is_empty());
}

#[test]
fn after_an_allowed_request() {
    attack(&[], request("GET /_ping", ""), response("200 OK", "OK"), Then::Denied);
}

#[test]
fn after_several_allowed_requests_in_one_segment() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[]);
    let allowed = request("GET /_ping", "") + &request("GET /version", "");
    let mut client = proxy.client();
    client.send([allowed.as_bytes(), FORBIDDEN, allowed.as_bytes()].concat());
    assert_eq!(client.read_response().text(), "GET /_ping");
    assert_eq!(client.read_response().text(), "GET /version");
    assert_eq!(client.read_response().status, 403);
    assert_eq!(show(&client.read_to_end()), "");
    assert_eq!(daemon.ended(), [allowed.as_bytes()]);
}

#[test]
fn after_a_request_with_a_body() {
    let allowed = post("/v1.41/containers/create", "", "{\"Image\":\"busybox\"}");
    attack(CONTAINERS, allowed, response("201 Created", "{\"Id\":\"c1\"}"), Then::Denied);
}

#[test]
fn after_a_chunked_body_with_extension_and_trailer() {
    let allowed = request("POST /containers/create", "Transfer-Encoding: chunked\r\n")
        + "5;x=\"y\"\r\n{\"a\":\r\n2\r\n1}\r\n0\r\nX-Trailer: 1\r\n\r\n";
    attack(CONTAINERS, allowed, response("201 Created", "{}"), Then::Denied);
}

#[test]
fn after_a_body_on_a_get() {
    let allowed = request("GET /_ping", "Content-Length: 5\r\n") + "hello";
    attack(&[], allowed, response("200 OK", "OK"), Then::Denied);
}

#[test]
fn after_a_chunked_response() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n";
    attack(&[], request("GET /events", ""), answer, Then::Denied);
}

#[test]
fn after_a_head() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    attack(&[], request("HEAD /_ping", ""), answer, Then::Denied);
}

#[test]
fn after_a_head_answered_as_chunked() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    attack(&[], request("HEAD /_ping", ""), answer, Then::Denied);
}

#[test]
fn after_a_304() {
    let answer = "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n";
    attack(CONTAINERS, post("/containers/c1/start", "", ""), answer, Then::Denied);
}

#[test]
fn after_a_204() {
    let answer = "HTTP/1.1 204 No Content\r\n\r\n";
    attack(CONTAINERS, post("/containers/c1/kill", "", ""), answer, Then::Denied);
}

#[test]
fn after_interim_responses() {
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nUpgrade: tcp\r\n\r\n\
                  HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
    let expecting = post("/containers/create", "Expect: 100-continue\r\n", "{}");
    attack(CONTAINERS, expecting, answer, Then::Denied);
    let upgrade = post("/containers/c1/attach", UPGRADE_TCP, "");
    attack(CONTAINERS, upgrade, answer, Then::Denied);
}

#[test]
fn after_a_body_that_spells_a_101() {
    attack(&[], request("GET /_ping", UPGRADE_TCP), response("200 OK", SWITCHED_TO_TCP), Then::Denied);
    attack(
        EXEC,
        post("/exec/e1/start", UPGRADE_TCP, "{}"),
        response("200 OK", SWITCHED_TO_TCP),
        Then::Denied,
    );
}

#[test]
fn after_a_get_that_asks_for_an_upgrade() {
    for upgrade in [UPGRADE_TCP, UPGRADE_H2C, UPGRADE_WEBSOCKET] {
        attack(&[], request("GET /version", upgrade), response("200 OK", "{}"), Then::Denied);
    }
}

#[test]
fn after_a_request_that_is_switched_unasked() {
    for (upgrade, answer) in
        [("", SWITCHED_TO_TCP), (UPGRADE_TCP, SWITCHED_TO_TCP), (UPGRADE_H2C, SWITCHED_TO_H2C)]
    {
        attack(&[], request("GET /version", upgrade), answer, Then::BadGateway);
    }
}

#[test]
fn after_an_exec_start_that_is_detached() {
    let allowed = post("/v1.41/exec/e1/start", UPGRADE_TCP, "{\"Detach\":true,\"Tty\":false}");
    attack(EXEC, allowed, response("200 OK", ""), Then::Denied);
}

#[test]
fn after_an_attach_or_exec_start_that_is_answered_in_chunks() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\
                  Transfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n";
    attack(EXEC, post("/exec/e1/start", "", "{}"), answer, Then::Denied);
    attack(CONTAINERS, post("/containers/c1/attach", UPGRADE_TCP, ""), answer, Then::Denied);
}

#[test]
fn after_an_exec_start_with_an_unknown_id() {
    let allowed = post("/exec/unknown/start", UPGRADE_TCP, "{\"Detach\":false}");
    attack(EXEC, allowed, error("404 Not Found", "No such exec instance: unknown"), Then::Denied);
}

#[test]
fn after_an_exec_start_with_bad_json() {
    let allowed = post("/exec/e1/start", UPGRADE_TCP, "{\"Detach\":");
    attack(EXEC, allowed, error("400 Bad Request", "invalid JSON: unexpected EOF"), Then::Denied);
}

#[test]
fn after_an_exec_start_that_asked_for_no_upgrade_and_is_refused() {
    let allowed = post("/exec/e1/start", "", "{\"Detach\":false}");
    attack(EXEC, allowed, error("409 Conflict", "Container c1 is paused"), Then::Denied);
}

#[test]
fn after_an_attach_with_a_bad_version() {
    let allowed = post("/v9.99/containers/c1/attach?stream=1&stdin=1", UPGRADE_TCP, "");
    attack(CONTAINERS, allowed, error("400 Bad Request", "client version 9.99 is too new"), Then::Denied);
}

#[test]
fn after_an_attach_to_a_missing_container() {
    let allowed = post("/containers/missing/attach?stream=1&stdin=1", UPGRADE_TCP, "");
    let answer = "HTTP/1.1 404 Not Found\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n\
                  No such container: missing\r\n";
    attack(CONTAINERS, allowed, answer, Then::Closed);
}

#[test]
fn after_an_attach_by_websocket_to_a_missing_container() {
    let allowed = request("GET /containers/missing/attach/ws?stream=1&stdin=1", UPGRADE_WEBSOCKET);
    attack(CONTAINERS, allowed, error("404 Not Found", "No such container: missing"), Then::Denied);
}

#[test]
fn after_an_attach_by_websocket_that_is_no_websocket() {
    let allowed = request("GET /containers/c1/attach/ws", "");
    let answer = "HTTP/1.1 400 Bad Request\r\n\r\nnot websocket protocol";
    attack(CONTAINERS, allowed, answer, Then::Closed);
}

#[test]
fn after_a_buildkit_session_that_is_refused() {
    let vars = &[("SESSION", "1"), ("GRPC", "1"), ("POST", "1")];
    let refusal = error("400 Bad Request", "session: protocol websocket not supported");
    attack(vars, post("/session", UPGRADE_WEBSOCKET, ""), refusal, Then::Denied);
    let refusal = error("500 Internal Server Error", "no upgrade proto in request");
    attack(vars, post("/grpc", "", ""), refusal, Then::Denied);
}

#[test]
fn after_a_switch_to_another_protocol_than_asked_for() {
    attack(CONTAINERS, post("/containers/c1/attach", UPGRADE_TCP, ""), SWITCHED_TO_H2C, Then::BadGateway);
    let vars = &[("SESSION", "1"), ("POST", "1")];
    attack(vars, post("/session", UPGRADE_TCP, ""), SWITCHED_TO_TCP, Then::BadGateway);
}

/// dockerd would hijack it all the same, and the command would run.
#[test]
fn behind_an_upgrade_that_the_route_does_not_speak() {
    for upgrade in [UPGRADE_H2C, UPGRADE_WEBSOCKET, "Upgrade: tcp, websocket\r\n", "Upgrade: TLS/1.2\r\n"] {
        refused(CONTAINERS, post("/containers/c1/attach?stream=1", upgrade, ""), 400);
        refused(EXEC, post("/v1.41/exec/e1/start", upgrade, "{}"), 400);
        refused(&[("LEARN", "1")], post("/v4.0.0/libpod/exec/e1/start", upgrade, "{}"), 400);
    }
    for upgrade in [UPGRADE_H2C, UPGRADE_TCP] {
        refused(CONTAINERS, request("GET /containers/c1/attach/ws", upgrade), 400);
    }
}

#[test]
fn after_a_switch_that_an_exec_start_has_not_asked_for() {
    attack(EXEC, post("/exec/e1/start", "", "{}"), SWITCHED_TO_TCP, Then::BadGateway);
}

#[test]
fn after_a_200_without_framing_that_is_no_hijack() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\noutput";
    attack(CONTAINERS, request("GET /containers/c1/logs", UPGRADE_TCP), answer, Then::Closed);
    attack(CONTAINERS, request("GET /containers/c1/attach/ws", UPGRADE_WEBSOCKET), answer, Then::Closed);
    attack(CONTAINERS, post("/containers/c1/start", UPGRADE_TCP, ""), answer, Then::Closed);
    attack(&[("SESSION", "1"), ("POST", "1")], post("/session", UPGRADE_H2C, ""), answer, Then::Closed);
}

#[test]
fn after_a_connection_that_either_side_ends() {
    let mut answer = response("200 OK", "OK");
    attack(&[], request("GET /_ping", "Connection: close\r\n"), answer.clone(), Then::Closed);
    attack(
        &[],
        request("GET /_ping", "Connection: keep-alive\r\nConnection: x, Close\r\n"),
        answer.clone(),
        Then::Closed,
    );
    attack(&[], "GET /_ping HTTP/1.0\r\n\r\n", answer.clone(), Then::Closed);
    attack(
        &[],
        "GET /_ping HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
        answer,
        Then::Closed,
    );
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nOK".to_vec();
    attack(&[], request("GET /_ping", ""), answer, Then::Closed);
}

#[test]
fn after_a_connection_of_http_1_0_that_is_kept() {
    let answer = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nOK";
    attack(&[], "GET /_ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", answer, Then::Denied);
}

#[test]
fn behind_a_body_that_is_longer_than_its_length_says() {
    let allowed = request("POST /containers/create", "Content-Length: 9\r\n") + "{\"a\":\"b\"}";
    attack(CONTAINERS, allowed, response("201 Created", "{}"), Then::Denied);
    let allowed = request("POST /containers/create", "Content-Length: 0\r\n");
    attack(CONTAINERS, allowed, response("201 Created", "{}"), Then::Denied);
}

#[test]
fn behind_a_chunked_body_that_ends_early() {
    let allowed = request("POST /containers/create", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n";
    attack(CONTAINERS, allowed, response("201 Created", "{}"), Then::Denied);
}

#[test]
fn behind_two_lengths() {
    let both = |fields: &str| [request("GET /_ping", fields).as_bytes(), FORBIDDEN].concat();
    let length = FORBIDDEN.len();
    refused(&[], both(&format!("Content-Length: 0\r\nContent-Length: {length}\r\n")), 400);
    refused(&[], both(&format!("Content-Length: {length}\r\nContent-Length: {length}\r\n")), 400);
    refused(&[], both(&format!("Content-Length: {length}, 0\r\n")), 400);
    refused(&[], both("Content-Length:\r\n"), 400);
}

#[test]
fn behind_a_length_and_chunks() {
    let body = [b"0\r\n\r\n", FORBIDDEN].concat();
    let length = body.len();
    for fields in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: {length}\r\nTransfer-Encoding: xchunked\r\n"),
        String::from("Transfer-Encoding: identity, chunked\r\n"),
    ] {
        refused(&[], [request("GET /_ping", &fields).as_bytes(), &body].concat(), 400);
    }
    let http_1_0 = b"GET /_ping HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n";
    refused(&[], [&http_1_0[..], &body].concat(), 400);
}

#[test]
fn behind_the_line_ends_that_parsers_read_differently() {
    for lines in ["X: y\n\n", "X: y\r\n\n", "\n", "X: y\rZ: z\r\n", "X: y\r\n \r\n"] {
        refused(&[], [request("GET /_ping", lines).as_bytes(), FORBIDDEN].concat(), 400);
    }
}

#[test]
fn behind_an_http_2_preface() {
    refused(&[], [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FORBIDDEN].concat(), 400);
}

#[test]
fn behind_blank_lines_after_a_post() {
    let daemon = FakeDaemon::answering(response("201 Created", "{}"));
    let proxy = Proxy::start(&daemon, CONTAINERS);
    let allowed = post("/containers/create", "", "{}");
    let mut client = proxy.client();
    client.send([allowed.as_bytes(), b"\r\n", FORBIDDEN].concat());
    assert_eq!(client.read_response().status, 201);
    assert_eq!(client.read_response().status, 403);
    assert_eq!(daemon.ended(), [allowed.as_bytes()]);
}

#[test]
fn behind_bytes_that_the_daemon_sends_unasked() {
    // A response longer than its length says: what is behind it cannot be told from the next response.
    let mut answer = response("200 OK", "OK");
    let declared = answer.len();
    answer.extend(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let allowed = request("GET /_ping", "");
    let daemon = FakeDaemon::answering(answer.clone());
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    client.send([allowed.as_bytes(), allowed.as_bytes(), FORBIDDEN].concat());
    assert_eq!(show(&client.read_to_end()), show(&answer[..declared]));
    assert_eq!(daemon.ended(), [allowed.as_bytes()]);
}
