//! GUARD: bodies that are held, judged, and then passed on as they came; whatever does not pass never reaches the daemon.

use crate::support::{Client, FakeDaemon, PATIENCE, Program, Proxy};
use docker_socket_proxy::guard::MAX_BODY_BYTES;
use docker_socket_proxy::guard::MAX_HELD_BYTES;
use std::io::Read;
use std::time::{Duration, Instant};

const GUARD: &[(&str, &str)] =
    &[("GUARD", "baseline"), ("POST", "1"), ("CONTAINERS", "1"), ("IMAGES", "1"), ("BUILD", "1")];
const HARMLESS: &str = r#"{"Image":"busybox","HostConfig":{"Privileged":false}}"#;
const PRIVILEGED: &str = r#"{"Image":"busybox","HostConfig":{"Privileged":true}}"#;

/// A create with these fields and this body, as they are sent.
fn create(fields: &str, body: &str) -> String {
    format!("POST /v1.41/containers/create HTTP/1.1\r\nHost: docker\r\n{fields}\r\n{body}")
}

fn sized(body: &str) -> String {
    create(&format!("Content-Length: {}\r\n", body.len()), body)
}

fn chunked(body: &str, size: usize) -> String {
    let chunks = body
        .as_bytes()
        .chunks(size)
        .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)));
    create("Transfer-Encoding: chunked\r\n", &(chunks.collect::<String>() + "0\r\n\r\n"))
}

/// A harmless body of so many bytes.
fn of_length(length: usize) -> String {
    let (start, end) = (r#"{"Labels":{"a":""#, r#""}}"#);
    format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()))
}

fn with(vars: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [GUARD, vars].concat()
}

#[test]
fn a_body_that_passes_arrives_byte_for_byte_and_the_next_request_is_judged() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, GUARD);
    let mut client = proxy.client();
    let (sized, chunked) = (sized(HARMLESS), chunked(HARMLESS, 7));
    for request in [&sized, &chunked, &sized] {
        assert_eq!(client.ask(request).status, 200);
    }
    assert_eq!(daemon.received(), [&sized[..], &chunked, &sized].concat().as_bytes());
    assert_eq!(client.ask("GET /info HTTP/1.1\r\nHost: docker\r\n\r\n").status, 403);
}

#[test]
fn a_body_that_does_not_pass_reaches_nobody_and_no_connection_is_made_for_it() {
    for request in [sized(PRIVILEGED), chunked(PRIVILEGED, 1), chunked(PRIVILEGED, 30)] {
        let daemon = FakeDaemon::echoing();
        let proxy = Proxy::start(&daemon, GUARD);
        let mut client = proxy.client();
        let reply = client.ask(&request);
        assert_eq!(reply.status, 403, "{}", reply.text());
        assert_eq!(
            reply.text(),
            "{\"message\":\"docker-socket-proxy: POST /v1.41/containers/create is denied: GUARD refuses \
             HostConfig.Privileged: nothing opens it\"}\n"
        );
        assert_eq!(client.read_to_end(), b"");
        assert_eq!(daemon.connections().len(), 0);
    }
}

#[test]
fn the_same_head_again_has_its_own_body_judged() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, GUARD);
    let mut client = proxy.client();
    // As long as each other, so that the heads are the same byte for byte.
    let (good, bad) = (r#"{"Privileged":0}"#, r#"{"Privileged":1}"#);
    let get = "GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";
    for request in [get, &sized(good), &sized(good), get, get, &sized(good)] {
        assert_eq!(client.ask(request).status, 200, "{request}");
    }
    let before = daemon.received();
    assert_eq!(client.ask(sized(bad)).status, 403);
    assert_eq!(daemon.received(), before);
}

#[test]
fn what_is_sent_behind_a_held_body_is_judged_in_its_turn() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, GUARD);
    let mut client = proxy.client();
    client.send([sized(HARMLESS), sized(PRIVILEGED), sized(HARMLESS)].concat());
    assert_eq!(client.read_response().status, 200);
    assert_eq!(client.read_response().status, 403);
    assert_eq!(client.read_to_end(), b"");
    assert_eq!(daemon.received(), sized(HARMLESS).as_bytes());
}

#[test]
fn nothing_goes_on_before_the_last_byte() {
    for request in [sized(HARMLESS), chunked(HARMLESS, 5)] {
        let daemon = FakeDaemon::echoing();
        let proxy = Proxy::start(&daemon, GUARD);
        let mut client = proxy.client();
        let (before, last) = request.split_at(request.len() - 1);
        for piece in before.as_bytes().chunks(11) {
            client.send(piece);
        }
        // Another client's exchange is over meanwhile.
        assert_eq!(proxy.client().ask("GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n").status, 200);
        assert_eq!(daemon.connections().len(), 1);
        assert_eq!(client.ask(last).status, 200);
        assert!(daemon.received().ends_with(request.as_bytes()));
    }
}

#[test]
fn who_waits_for_a_100_gets_it_before_the_daemon_is_asked() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, GUARD);
    let head =
        |body: &str| create(&format!("Expect: 100-continue\r\nContent-Length: {}\r\n", body.len()), "");
    // What is refused comes first, so that nothing has arrived yet.
    for (body, status) in [(PRIVILEGED, 403), (HARMLESS, 200)] {
        let mut client = proxy.client();
        client.send(head(body));
        assert_eq!(client.read_head(), "HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(daemon.connections().len(), 0);
        assert_eq!(client.ask(body).status, status);
    }
    assert_eq!(daemon.received(), (head(HARMLESS) + HARMLESS).as_bytes());
}

#[test]
fn what_is_refused_by_its_length_gets_no_100() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, GUARD);
    // The last two are short where only 32 bits of them are looked at.
    for length in [MAX_BODY_BYTES as u64 + 1, (1 << 32) + 2, 1 << 50] {
        let fields = format!("Expect: 100-continue\r\nContent-Length: {length}\r\n");
        assert_eq!(proxy.client().ask(create(&fields, "")).status, 413, "{length}");
    }
    assert_eq!(daemon.connections().len(), 0);
}

#[test]
fn a_body_of_the_largest_length_passes_and_one_byte_more_does_not() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, GUARD);
    let mut client = proxy.client();
    assert_eq!(client.ask(sized(&of_length(MAX_BODY_BYTES))).status, 200);
    assert_eq!(client.ask(chunked(&of_length(MAX_BODY_BYTES), 16 * 1024)).status, 200);
    let before = daemon.received().len();
    assert_eq!(client.ask(sized(&of_length(MAX_BODY_BYTES + 1))).status, 413);
    // At once: nothing of the body has been sent.
    let fields = format!("Content-Length: {}\r\n", MAX_BODY_BYTES + 1);
    assert_eq!(proxy.client().ask(create(&fields, "")).status, 413);
    for size in [16 * 1024, 1] {
        let mut client = proxy.client();
        // The proxy may answer before all is sent.
        let _ = client.try_send(chunked(&of_length(MAX_BODY_BYTES + 1), size));
        assert_eq!(client.read_response().status, 413, "in chunks of {size}");
    }
    // A small body in a large framing.
    let request = chunked(&of_length(300 * 1024), 1);
    let mut client = proxy.client();
    let _ = client.try_send(request);
    assert_eq!(client.read_response().status, 413);
    assert_eq!(daemon.received().len(), before);
}

#[test]
fn there_is_room_for_16_mib_of_bodies_and_it_is_given_back() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, GUARD);
    let request = sized(&of_length(MAX_BODY_BYTES));
    let (begun, last) = request.split_at(request.len() - 1);
    // One more than there is room for, several times: what is not given back would be missing.
    for served in [true, false, true] {
        let clients = (0..=MAX_HELD_BYTES / MAX_BODY_BYTES).map(|_| proxy.client());
        let mut clients: Vec<_> = clients.collect();
        for client in &mut clients {
            // One that has been refused is not read any more.
            let _ = client.try_send(begun);
            client.stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
        }
        let deadline = Instant::now() + PATIENCE;
        let is_refused =
            |client: &mut Client| client.stream.read(&mut [0; 12]).is_ok_and(|count| count == 12);
        let refused = loop {
            if let Some(at) = clients.iter_mut().position(is_refused) {
                break clients.swap_remove(at);
            }
            assert!(Instant::now() < deadline, "all have room");
        };
        drop(refused);
        if served {
            // Those that had room before.
            let statuses = clients.iter_mut().map(|client| {
                client.stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
                let _ = client.try_send(last);
                client.read_response().status
            });
            assert!(statuses.filter(|status| *status == 200).count() > 10);
        }
    }
    until(200, || proxy.client().ask(&request).status);
}

/// Asks until this is the answer.
fn until(status: u16, ask: impl Fn() -> u16) {
    let deadline = Instant::now() + PATIENCE;
    while ask() != status {
        assert!(Instant::now() < deadline, "it never is {status}");
    }
}

#[test]
fn a_body_that_is_not_whole_in_time_is_a_408_and_one_that_is_cut_a_400() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &with(&[("HEAD_TIMEOUT", "100ms")]));
    let (sized, chunked) = (sized(HARMLESS), chunked(HARMLESS, 9));
    for begun in
        [&sized[..sized.len() - 1], &chunked[..chunked.len() - 1], &create("Content-Length: 9\r\n", "")]
    {
        let reply = proxy.client().ask(begun);
        assert_eq!(reply.status, 408);
        assert!(reply.text().contains("no whole body within 100ms"), "{}", reply.text());
        let mut client = proxy.client();
        client.send(begun);
        client.half_close();
        assert_eq!(client.read_response().status, 400);
    }
    assert_eq!(daemon.connections().len(), 0);
}

#[test]
fn a_body_with_broken_framing_or_two_readings_is_a_400() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, GUARD);
    for (request, says) in [
        (create("Transfer-Encoding: chunked\r\n", "x\r\n"), "a chunk size"),
        (create("Transfer-Encoding: chunked\r\n", "2\r\n{}x"), "does not end in CRLF"),
        (sized(r#"{"a":0,"a":0}"#), "a key twice in the object at byte 0"),
        (sized("{} {}"), "more than one value, at byte 3"),
        (sized("{"), "no JSON at byte 1"),
        (create("Content-Length: 0\r\n", ""), "is empty"),
        (create("", ""), "is empty"),
    ] {
        let reply = proxy.client().ask(&request);
        assert_eq!(reply.status, 400, "{request}");
        assert!(reply.text().contains(says), "{}", reply.text());
    }
    assert_eq!(daemon.connections().len(), 0);
}

#[test]
fn a_form_and_an_encoding_are_refused() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, GUARD);
    let field = |field: &str| create(&format!("{field}\r\nContent-Length: {}\r\n", HARMLESS.len()), HARMLESS);
    for (request, says) in [
        (
            field("Content-Type: application/x-www-Form-Urlencoded"),
            "GUARD refuses Content-Type: it takes no form",
        ),
        (field("Content-Type: text/plain\r\nContent-Type: multipart/form-data; boundary=x"), "Content-Type"),
        (field("Content-Encoding: gzip"), "GUARD refuses Content-Encoding: it takes none"),
    ] {
        let reply = proxy.client().ask(&request);
        assert_eq!(reply.status, 403, "{request}");
        assert!(reply.text().contains(says), "{}", reply.text());
    }
    assert_eq!(proxy.client().ask(field("Content-Type: text/plain")).status, 200);
}

#[test]
fn a_start_takes_no_body() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &with(&[("ALLOW_CONTAINERS", "x")]));
    let start = |query: &str, fields: &str, body: &str| {
        format!("POST /containers/x/start{query} HTTP/1.1\r\nHost: docker\r\n{fields}\r\n{body}")
    };
    for (request, status) in [
        (start("", "", ""), 200),
        (start("", "Content-Length: 2\r\n", "{}"), 200),
        (start("", "Content-Length: 8\r\n", "{\"a\":\"\"}"), 403),
        (start("", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), 403),
        (start("?checkpoint=a", "", ""), 403),
    ] {
        assert_eq!(proxy.client().ask(&request).status, status, "{request}");
    }
}

#[test]
fn a_value_is_neither_in_the_reply_nor_in_the_log() {
    let daemon = FakeDaemon::echoing();
    let vars = with(&[("LOG_REQUESTS", "1"), ("LOG_LEVEL", "debug")]);
    let program = Program::start(&daemon.socket(), &vars);
    for body in [
        r#"{"HostConfig":{"Binds":["/s3cret:/x"]}}"#,
        r#"{"HostConfig":{"Sysctls":{"kernel.x":"s3cret"}}}"#,
        r#"{"HostConfig":{"NetworkMode":"s3cret:s3cret"}}"#,
        r#"{"HostConfig":{"s3cret ":"x"}}"#,
        r#"{"Env":["s3cret"] x}"#,
    ] {
        let reply = program.client().ask(sized(body));
        assert!(matches!(reply.status, 400 | 403), "{body}");
        assert!(!reply.text().contains("s3cret"), "{}", reply.text());
    }
    program.wait_for_log("no JSON at byte");
    assert!(!program.log().concat().contains("s3cret"), "{:#?}", program.log());
    let denied = program.wait_for_log("GUARD refuses HostConfig.Binds: add the folder to ALLOW_BIND_MOUNTS");
    assert!(denied.contains("POST /v1.41/containers/create is denied"), "{denied}");
}

#[test]
fn with_learn_everything_with_one_reading_passes_and_is_told() {
    let daemon = FakeDaemon::echoing();
    let program = Program::start(&daemon.socket(), &[("GUARD", "baseline"), ("LEARN", "1")]);
    let bad = r#"{"Image":"a","HostConfig":{"Binds":["/srv/a b:/x","/etc/localtime:/e:ro"],"CapAdd":["NET_ADMIN"],"PidMode":"host","NetworkMode":"host"}}"#;
    let mut client = program.client();
    assert_eq!(client.ask(sized(bad)).status, 200);
    assert_eq!(client.ask("POST /containers/x/start HTTP/1.1\r\nHost: docker\r\n\r\n").status, 200);
    assert_eq!(
        client.ask("POST /swarm/init HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\n\r\n{}").status,
        200
    );
    program.wait_for_log("POST /swarm/init is let pass by LEARN=1 alone: GUARD closes it");
    program.wait_for_log(
        "POST /v1.41/containers/create is let pass by LEARN=1 alone: GUARD refuses HostConfig.PidMode",
    );
    let archive = "PUT /containers/x/archive HTTP/1.1\r\nHost: docker\r\nContent-Length: 1\r\n\r\na";
    assert_eq!(program.client().ask(archive).status, 200);
    assert_eq!(program.client().ask(sized("{")).status, 400);
    let mut program = program;
    program.signal("TERM");
    program.wait();
    let report = program.stdout();
    for line in [
        "GUARD: baseline",
        "ALLOW_BIND_MOUNTS: \"/etc/localtime:ro,/srv/a b\"",
        "ALLOW_CAPABILITIES: \"NET_ADMIN\"",
        "ALLOW_HOST_NETWORK: \"1\"",
        "ALLOW_CONTAINERS: \"x\"",
        "# GUARD refuses, whatever its lists say: HostConfig.PidMode, POST /swarm/init",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
    assert!(!report.contains("SWARM: 1"), "{report}");
}
