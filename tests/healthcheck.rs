//! `docker-socket-proxy healthcheck`: both ends answer or it says which does not, whatever the policy, and silently.

mod support;

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Output;
use support::daemon::response;
use support::{FakeDaemon, Program, TempDir};

/// Runs it in an environment of these variables.
fn check(vars: &[(&str, &str)]) -> Output {
    Program::command(&["healthcheck"], vars).output().expect("the program runs")
}

/// The sentence of a check that fails with 1.
fn failure(vars: &[(&str, &str)]) -> String {
    let Output { status, stdout, stderr } = check(vars);
    assert_eq!(status.code(), Some(1));
    assert_eq!(stdout, b"");
    let sentence = String::from_utf8(stderr).expect("text");
    assert_eq!(sentence.lines().count(), 1, "{sentence}");
    sentence
}

fn path(daemon: &FakeDaemon) -> String {
    daemon.socket().to_str().expect("a path in UTF-8").to_owned()
}

#[test]
fn is_healthy_on_every_form_of_the_address_and_whatever_is_granted() {
    let daemon = FakeDaemon::answering(response("200 OK", "OK"));
    let forms: [(&str, &[(&str, &str)]); 5] = [
        ("127.0.0.1:0", &[]),
        ("0.0.0.0:0", &[("PING", "0")]),
        (":0", &[("PING", "0"), ("VERSION", "0"), ("EVENTS", "0")]),
        (":0", &[("DISABLE_IPV6", "1")]),
        ("[::1]:0", &[]),
    ];
    for (listen, vars) in forms {
        if listen.starts_with("[::1]") && TcpListener::bind(listen).is_err() {
            eprintln!("skipped {listen}: this host has no IPv6");
            continue;
        }
        let mut all = vec![("LISTEN", listen)];
        all.extend(vars);
        let program = Program::start(&daemon.socket(), &all);
        let port = program.address.expect("it listens").port().to_string();
        let (listen, socket) = (listen.replace(":0", &format!(":{port}")), path(&daemon));
        all[0] = ("LISTEN", &listen);
        all.push(("SOCKET_PATH", &socket));
        let Output { status, stdout, stderr } = check(&all);
        assert!(status.success(), "{listen}: {}", stderr.escape_ascii());
        assert_eq!((stdout, stderr), (vec![], vec![]));
    }
}

#[test]
fn leaves_no_line_in_the_log() {
    let daemon = FakeDaemon::answering(response("200 OK", "OK"));
    let program = Program::start(&daemon.socket(), &[("LOG_LEVEL", "debug")]);
    let (listen, socket) = (program.address.expect("it listens").to_string(), path(&daemon));
    for _ in 0..3 {
        assert!(check(&[("LISTEN", &listen), ("SOCKET_PATH", &socket)]).status.success());
    }
    program.client().ask(b"GET /last HTTP/1.1\r\nHost: docker\r\n\r\n");
    program.wait_for_log("/last");
    let lines = program.log();
    assert_eq!(lines.iter().filter(|line| !line.starts_with("INFO ")).count(), 1, "{lines:#?}");
}

#[test]
fn says_which_end_does_not_answer() {
    let daemon = FakeDaemon::answering(response("200 OK", "OK"));
    let program = Program::start(&daemon.socket(), &[]);
    let (listen, socket) = (program.address.expect("it listens").to_string(), path(&daemon));

    let free =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("an address");
    let sentence = failure(&[("LISTEN", &free.to_string()), ("SOCKET_PATH", &socket)]);
    assert!(sentence.contains(&format!("the proxy does not answer on {free}")), "{sentence}");

    let sentence = failure(&[("LISTEN", &listen), ("SOCKET_PATH", "/none/docker.sock")]);
    assert!(sentence.contains("the daemon at /none/docker.sock does not answer: "), "{sentence}");

    let broken = FakeDaemon::answering(response("500 Internal Server Error", "no"));
    let sentence = failure(&[("LISTEN", &listen), ("SOCKET_PATH", &path(&broken))]);
    assert!(sentence.contains("does not answer /_ping with 200"), "{sentence}");
}

/// Before the 6 s of the Dockerfile's HEALTHCHECK, also where both ends take connections and do nothing with them.
#[test]
fn does_not_wait_for_ends_that_hang() {
    let dir = TempDir::new();
    let socket = dir.join("docker.sock");
    let _daemon = UnixListener::bind(&socket).expect("a socket");
    let proxy = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listen = proxy.local_addr().expect("an address").to_string();
    let socket = socket.to_str().expect("a path in UTF-8");
    let begun = std::time::Instant::now();
    let sentence = failure(&[("LISTEN", &listen), ("SOCKET_PATH", socket)]);
    assert!(
        sentence.contains("does not answer on 127.0.0.1:") && sentence.contains("within 5s"),
        "{sentence}"
    );
    assert!(begun.elapsed().as_secs_f64() < 6.0);
}

#[test]
fn does_not_wait_for_a_daemon_that_hangs() {
    let dir = TempDir::new();
    let socket = dir.join("docker.sock");
    let _daemon = UnixListener::bind(&socket).expect("a socket");
    let socket = socket.to_str().expect("a path in UTF-8");
    let daemon = FakeDaemon::echoing();
    let program = Program::start(&daemon.socket(), &[]);
    let listen = program.address.expect("it listens").to_string();
    let sentence = failure(&[("LISTEN", &listen), ("SOCKET_PATH", socket)]);
    assert!(sentence.contains(&format!("the daemon at {socket} does not answer within 5s")), "{sentence}");
}

#[test]
fn gives_the_reason_that_is_the_likelier_one() {
    let daemon = FakeDaemon::answering(response("200 OK", "OK"));
    let free =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("an address");
    let listen = format!(":{}", free.port());
    let sentence = failure(&[("LISTEN", &listen), ("SOCKET_PATH", &path(&daemon))]);
    // In the C library's words, and not that the host has no IPv6.
    let refused = std::io::Error::from_raw_os_error(111);
    assert_eq!(sentence, format!("docker-socket-proxy: the proxy does not answer on {listen}: {refused}\n"));
}

#[test]
fn says_that_all_places_are_taken() {
    let daemon = FakeDaemon::answering(response("200 OK", "OK"));
    let program = Program::start(&daemon.socket(), &[("MAX_CONNECTIONS", "2")]);
    let served = [program.client(), program.client()].map(|mut client| {
        assert_eq!(client.ask(b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n").status, 200);
        client
    });
    program.wait_for_log("all places are taken: 2 clients are served, as many as MAX_CONNECTIONS says, and ");
    let _waits = program.client();
    let (listen, socket) = (program.address.expect("it listens").to_string(), path(&daemon));
    let vars = [("LISTEN", &listen[..]), ("SOCKET_PATH", &socket), ("MAX_CONNECTIONS", "2")];
    let sentence = failure(&vars);
    // It waits itself, too.
    let full = "within 5s: it serves 2 clients, as many as MAX_CONNECTIONS says, and 2 wait\n";
    assert!(sentence.ends_with(full), "{sentence}");
    drop(served);
    assert!(check(&vars).status.success());
    let log = program.log();
    let said = log.iter().filter(|line| line.contains("all places are taken")).count();
    assert_eq!(said, 1, "once a minute: {log:#?}");
}
