//! What a refusal says: every one tells what to do.

mod support;

use docker_socket_proxy::http::reply::Reply;
use support::{FakeDaemon, Proxy};

/// What is sent, and words that the answer must have.
const REFUSALS: &[(&str, &[&str])] = &[
    ("GET /info HTTP/1.0\n\n", &["LF without CR", r"printf 'GET /info HTTP/1.0\\r\\n\\r\\n'"]),
    ("GET /info HTTP/1.0\r\n\n", &["LF without CR"]),
    ("get /info HTTP/1.1\r\nHost: docker\r\n\r\n", &["capitals", "GET"]),
    ("Get /info HTTP/1.1\r\nHost: docker\r\n\r\n", &["capitals", "GET"]),
    ("\r\nGET /info HTTP/1.1\r\nHost: docker\r\n\r\n", &["blank line", "start with the request line"]),
    ("\nGET /info HTTP/1.1\r\nHost: docker\r\n\r\n", &["blank line"]),
    ("GET //v1.41/info HTTP/1.1\r\nHost: docker\r\n\r\n", &["//", "does the base URL end in a slash?"]),
    ("GET http://docker/info HTTP/1.1\r\nHost: docker\r\n\r\n", &["not a path", "http_proxy"]),
    ("GET /info?filters=# HTTP/1.1\r\nHost: docker\r\n\r\n", &["#", "%23"]),
    ("GET /info?label=\u{fc} HTTP/1.1\r\nHost: docker\r\n\r\n", &["visible ASCII", "escape", "%C3%BC"]),
    ("GET /networks/\u{fc} HTTP/1.1\r\nHost: docker\r\n\r\n", &["visible ASCII", "escape", "%C3%BC"]),
    // A ClientHello.
    ("\u{16}\u{3}\u{1}\u{0}\u{5}\u{1}\u{0}\u{0}\u{1}\u{3}", &["TLS", "tcp://"]),
    ("OPTIONS / HTTP/1.0\r\n\r\n", &["GET /_ping"]),
    ("GET / HTTP/1.1\r\nHost: docker\r\n\r\n", &["GET /_ping"]),
    (
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &["HTTP/2", "buildctl", "buildx's remote driver", "use buildx's docker driver"],
    ),
    (
        "POST /containers/a/attach HTTP/1.1\r\nHost: docker\r\nUpgrade: websocket\r\n\r\n",
        &["Upgrade header", "tcp"],
    ),
    (
        "GET /containers/a/attach/ws HTTP/1.1\r\nHost: docker\r\nUpgrade: tcp\r\n\r\n",
        &["Upgrade header", "websocket"],
    ),
];

#[test]
fn every_refusal_says_what_to_do() {
    let daemon = FakeDaemon::echoing();
    let proxy =
        Proxy::start(&daemon, &[("CONTAINERS", "1"), ("POST", "1"), ("INFO", "1"), ("NETWORKS", "1")]);
    for (sent, words) in REFUSALS {
        let mut client = proxy.client();
        client.send(sent);
        client.half_close();
        let reply = client.read_response();
        let status = if words.contains(&"GET /_ping") { 403 } else { 400 };
        assert_eq!(reply.status, status, "{sent:?}");
        for word in *words {
            assert!(reply.text().contains(word), "{sent:?}: {}", reply.text());
        }
        assert_eq!(client.read_to_end(), b"", "{sent:?}");
    }
    assert_eq!(daemon.received(), b"");
}

#[test]
fn a_reply_of_any_status_has_its_reason_and_its_length() {
    for (status, reason) in [
        (400, "Bad Request"),
        (403, "Forbidden"),
        (408, "Request Timeout"),
        (417, "Expectation Failed"),
        (431, "Request Header Fields Too Large"),
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
    ] {
        let reply = Reply { status, message: String::from("a \"b\"") };
        let body = "{\"message\":\"docker-socket-proxy: a \\\"b\\\"\"}\n";
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            body.len()
        );
        assert_eq!(String::from_utf8(reply.render(false)), Ok(head.clone() + body));
        // What answers a HEAD has no body.
        assert_eq!(String::from_utf8(reply.render(true)), Ok(head));
    }
}
