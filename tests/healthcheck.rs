//! `docker-socket-proxy healthcheck`: both ends answer or it says which does not, whatever the policy, and silently.

mod support;

use docker_socket_proxy::config::Config;
use docker_socket_proxy::healthcheck::check;
use docker_socket_proxy::proxy::backlog::Backlog;
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Output;
use std::time::{Duration, Instant};
use support::daemon::response;
use support::{FakeDaemon, PATIENCE, Program, TempDir};
use tokio::join;

/// Runs it in an environment of these variables.
fn run(vars: &[(&str, &str)]) -> Output {
    Program::command(&["healthcheck"], vars).output().expect("the program runs")
}

/// The sentence of a check that fails with 1.
fn failure(vars: &[(&str, &str)]) -> String {
    let Output { status, stdout, stderr } = run(vars);
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
        let port = program.address().tcp().port().to_string();
        let (listen, socket) = (listen.replace(":0", &format!(":{port}")), path(&daemon));
        all[0] = ("LISTEN", &listen);
        all.push(("SOCKET_PATH", &socket));
        let Output { status, stdout, stderr } = run(&all);
        assert!(status.success(), "{listen}: {}", stderr.escape_ascii());
        assert_eq!((stdout, stderr), (vec![], vec![]));
    }
}

#[test]
fn listens_to_nobody_who_speaks_without_end() {
    let dir = TempDir::new();
    let file = dir.join("a.sock");
    let listener = UnixListener::bind(&file).expect("a socket");
    let storm = std::thread::spawn(move || {
        let mut client = listener.accept().expect("the check").0;
        let mut sent = 0;
        while let Ok(count) = client.write(&[0; 65536]) {
            sent += count;
            assert!(sent < 16 * 1024 * 1024, "it takes whatever comes");
        }
    });
    let listen = format!("unix:{}", file.to_str().expect("a path in UTF-8"));
    let sentence = failure(&[("LISTEN", &listen)]);
    assert!(sentence.contains("another program listens there, and speaks before it is asked"), "{sentence}");
    storm.join().expect("it is not listened to");
}

#[test]
fn leaves_no_line_in_the_log() {
    let daemon = FakeDaemon::answering(response("200 OK", "OK"));
    let program = Program::start(&daemon.socket(), &[("LOG_LEVEL", "debug")]);
    let (listen, socket) = (program.address().to_string(), path(&daemon));
    for _ in 0..3 {
        assert!(run(&[("LISTEN", &listen), ("SOCKET_PATH", &socket)]).status.success());
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
    let (listen, socket) = (program.address().to_string(), path(&daemon));

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

/// The sentence of a check that waits for what never comes, and how long that took. Time stands still until `ready` returns, which
/// it does when all that can come has come; then it jumps to the deadline.
fn failure_by_deadline(vars: &[(&str, &str)], ready: impl FnOnce() + Send + 'static) -> (String, Duration) {
    let config = Config::of(&vars.iter().copied().collect()).expect("variables that can be used");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let begun = tokio::time::Instant::now();
        // Tokio's clock does not jump while a thread of this kind is at work.
        let (checked, ready) = join!(check(&config), tokio::task::spawn_blocking(ready));
        ready.expect("no panic");
        (checked.expect_err("an end does not answer"), begun.elapsed())
    })
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
    let (sentence, took) = failure_by_deadline(&[("LISTEN", &listen), ("SOCKET_PATH", socket)], || ());
    assert_eq!(sentence, format!("the proxy does not answer on {listen} within 5s"));
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[test]
fn does_not_wait_for_a_daemon_that_hangs() {
    let dir = TempDir::new();
    let socket = dir.join("docker.sock");
    let _daemon = UnixListener::bind(&socket).expect("a socket");
    let proxy = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listen = proxy.local_addr().expect("an address").to_string();
    let socket = socket.to_str().expect("a path in UTF-8");
    let (sentence, took) = failure_by_deadline(&[("LISTEN", &listen), ("SOCKET_PATH", socket)], move || {
        let (mut asked, _) = proxy.accept().expect("the check connects");
        asked.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        asked.read_to_end(&mut Vec::new()).expect("it asks nothing");
        // To close is to wait until the other side has the end.
        SockRef::from(&asked).set_linger(Some(PATIENCE)).expect("linger");
    });
    assert_eq!(sentence, format!("the daemon at {socket} does not answer within 5s"));
    assert!(took < Duration::from_secs(6), "{took:?}");
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
    let (listen, socket) = (program.address().to_string(), path(&daemon));
    let vars = [("LISTEN", &listen[..]), ("SOCKET_PATH", &socket), ("MAX_CONNECTIONS", "2")];
    let port = program.address().tcp().port();
    let (sentence, _) = failure_by_deadline(&vars, move || {
        let deadline = Instant::now() + PATIENCE;
        // It waits itself, too.
        while Backlog::waiting_on(port) != Some(2) {
            assert!(Instant::now() < deadline, "it does not connect");
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let full = "within 5s: it serves 2 clients, as many as MAX_CONNECTIONS says, and 2 wait";
    assert!(sentence.ends_with(full), "{sentence}");
    drop(served);
    assert!(run(&vars).status.success());
    let log = program.log();
    let said = log.iter().filter(|line| line.contains("all places are taken")).count();
    assert_eq!(said, 1, "once a minute: {log:#?}");
}
