//! Requests and responses that the policy allows: they pass byte for byte, on connections that are kept.

mod support;

use std::sync::{Mutex, mpsc};
use support::daemon::{response, wait_patiently};
use support::{FakeDaemon, Program, Proxy};

const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";

#[test]
fn passes_a_request_and_its_response_unchanged() {
    let daemon = FakeDaemon::answering(response("200 OK", "OK"));
    let proxy = Proxy::start(&daemon, &[]);
    let sent = b"GET /v1.41/_ping?x=%zz HTTP/1.1\r\nhOsT:\t docker \r\nX-Odd: \xff\"\r\n\r\n";
    let mut client = proxy.client();
    client.send(sent);
    assert_eq!(client.read_exact(response("200 OK", "OK").len()), response("200 OK", "OK"));
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
fn reconnects_where_the_daemon_closed_between_two_requests() {
    let daemon = FakeDaemon::serving(|session| {
        session.read_request();
        session.send(response("200 OK", "OK"));
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
fn notices_a_daemon_that_closed_together_with_the_next_request() {
    let (close, closing) = mpsc::channel();
    let closing = Mutex::new(closing);
    let daemon = FakeDaemon::serving(move |session| {
        // At its start the program makes a connection of its own, and asks nothing.
        if session.read_request().is_none() {
            return;
        }
        session.send(response("200 OK", "OK"));
        wait_patiently(&closing.lock().expect("no panic"));
        session.close();
    });
    let program = Program::start(&daemon.socket(), &[]);
    let mut client = program.client();
    assert_eq!(client.ask(PING).status, 200);
    // Both have happened by the time that the program looks again.
    program.signal("STOP");
    close.send(()).expect("the daemon waits");
    daemon.wait_for_ends(2);
    client.send(PING);
    program.signal("CONT");
    assert_eq!(client.read_response().status, 200);
    close.send(()).expect("the daemon waits");
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
