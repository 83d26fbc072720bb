//! Requests and responses that the policy allows: they pass byte for byte, on connections that are kept.

mod support;

use support::daemon::response;
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
fn the_program_answers_and_stops_at_once_when_idle() {
    let daemon = FakeDaemon::echoing();
    let mut program = Program::start(&daemon.socket(), &[]);
    let mut client = program.client();
    assert_eq!(client.ask(PING).status, 200);
    program.signal("TERM");
    assert!(program.wait().success());
}
