//! Stopping: SIGTERM and SIGINT, what is in flight, the grace period, the second signal; and a connection that panics.

use crate::support::daemon::wait_patiently;
use crate::support::{Address, FakeDaemon, Kind, PATIENCE, Program, Proxy, TempDir};
use docker_socket_proxy::config::Config;
use docker_socket_proxy::logging;
use docker_socket_proxy::proxy::bind::bind;
use docker_socket_proxy::proxy::client::Client;
use docker_socket_proxy::proxy::listener;
use log::LevelFilter;
use std::io::Read;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";

/// Waits until nobody listens any more: the signal has been taken.
fn wait_until_refused(address: &Address) {
    let deadline = Instant::now() + PATIENCE;
    while let Ok(mut unserved) = address.connect() {
        assert!(Instant::now() < deadline, "somebody listens on {address}");
        unserved.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let _ = unserved.read(&mut [0]);
    }
}

/// A daemon that answers half, and the rest when it is told to.
fn half_an_answer() -> (FakeDaemon, Sender<()>) {
    let (answer, wait) = channel();
    let wait = Mutex::new(wait);
    let daemon = FakeDaemon::serving(move |session| {
        // The program looks once at its start whether the daemon is there.
        if session.read_request().is_none() {
            return;
        }
        session.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhal");
        wait_patiently(&wait.lock().expect("no panic"));
        session.send(b"ves");
    });
    (daemon, answer)
}

#[test]
fn a_request_in_flight_ends_whole_and_idle_connections_close_at_once() {
    for signal in ["TERM", "INT"] {
        let (daemon, answer) = half_an_answer();
        let mut program = Program::start(&daemon.socket(), &[("SHUTDOWN_GRACE", "1h")]);
        let mut fresh = program.client();
        let mut client = program.client();
        client.send(PING);
        assert_eq!(client.read_until(b"hal"), b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhal");
        program.signal(signal);
        assert_eq!(fresh.read_to_end(), b"");
        wait_until_refused(program.address());
        answer.send(()).expect("the daemon waits");
        assert_eq!(client.read_to_end(), b"ves");
        drop((fresh, client));
        assert!(program.wait().success());
        program.wait_for_log("stopped");
    }
}

#[test]
fn a_head_that_is_half_there_is_a_request_in_flight() {
    let daemon = FakeDaemon::echoing();
    let mut program = Program::start(&daemon.socket(), &[("SHUTDOWN_GRACE", "1h")]);
    let mut client = program.client();
    assert_eq!(client.ask(PING).status, 200);
    client.send(&PING[..20]);
    program.signal("TERM");
    wait_until_refused(program.address());
    assert_eq!(client.ask(&PING[20..]).text(), "GET /_ping");
    assert_eq!(client.read_to_end(), b"");
    drop(client);
    assert!(program.wait().success());
}

#[test]
fn endless_streams_and_hijacks_are_cut_when_the_grace_ends() {
    let daemon = FakeDaemon::serving(|session| {
        let Some(request) = session.read_request() else { return };
        session.send(match request.line() {
            "GET /events" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice(),
            _ => b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
        });
        session.read_to_end();
    });
    let vars = [("SHUTDOWN_GRACE", "200ms"), ("CONTAINERS", "1"), ("POST", "1")];
    let mut program = Program::start(&daemon.socket(), &vars);
    let (mut events, mut attach) = (program.client(), program.client());
    events.send(b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n");
    attach.send(
        b"POST /containers/c/attach HTTP/1.1\r\nHost: docker\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n",
    );
    assert!(events.read_head().starts_with("HTTP/1.1 200"));
    assert!(attach.read_head().starts_with("HTTP/1.1 101"));
    program.signal("TERM");
    assert_eq!(events.read_to_end(), b"");
    assert_eq!(attach.read_to_end(), b"");
    assert!(program.wait().success());
    program.wait_for_log("2 connections are cut at the end of the grace period");
    daemon.ended();
}

#[test]
fn a_response_that_ends_with_its_connection_is_cut_by_a_reset_when_the_grace_ends() {
    let daemon = FakeDaemon::serving(|session| {
        let Some(_) = session.read_request() else { return };
        session.send(b"HTTP/1.1 200 OK\r\n\r\npart one");
        session.read_to_end();
    });
    let mut program = Program::start(&daemon.socket(), &[("SHUTDOWN_GRACE", "200ms")]);
    let mut client = program.client();
    client.send(b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n");
    assert!(client.read_head().starts_with("HTTP/1.1 200"));
    assert_eq!(client.read_exact(8), b"part one");
    program.signal("TERM");
    // A Unix socket has none: this looks whole, as it does on dockerd's own.
    assert_eq!(client.ends_with_reset(), Kind::HERE == Kind::Tcp);
    assert_eq!(client.read_to_end(), b"");
    assert!(program.wait().success());
}

#[test]
fn a_second_signal_ends_at_once() {
    let daemon = FakeDaemon::serving(|session| drop(session.read_to_end()));
    let mut program = Program::start(&daemon.socket(), &[("SHUTDOWN_GRACE", "1h")]);
    let mut client = program.client();
    client.send(PING);
    daemon.wait_for(PING);
    program.signal("TERM");
    program.wait_for_log("SIGTERM: no more clients are taken, and requests in flight have 3600s to end");
    // One that comes within a second of the first is the first.
    while program.child.try_wait().expect("a child").is_none() {
        program.signal("INT");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(program.wait().code(), Some(1));
    program.wait_for_log("SIGINT again: stopped at once");
}

/// `timeout` sends its signal to the process and to its group; Ctrl-C reaches a shell's whole job.
#[test]
fn the_same_signal_twice_at_once_is_one_stop() {
    let (daemon, answer) = half_an_answer();
    let mut program = Program::start(&daemon.socket(), &[("SHUTDOWN_GRACE", "1h"), ("LEARN", "1")]);
    let mut client = program.client();
    client.send(PING);
    client.read_until(b"hal");
    let id = program.child.id().to_string();
    // One process sends both, so that they cannot be far apart.
    let kill = Command::new("sh").args(["-c", "kill -TERM $0; kill -TERM $0; kill -INT $0", &id]).status();
    assert!(kill.expect("sh runs").success());
    wait_until_refused(program.address());
    answer.send(()).expect("the daemon waits");
    assert_eq!(client.read_to_end(), b"ves");
    drop(client);
    assert!(program.wait().success());
    program.wait_for_log("stopped");
    assert!(program.stdout().contains("environment:"), "LEARN's report is there");
}

#[test]
fn signals_that_mean_nothing_are_answered_once_and_end_nothing() {
    let daemon = FakeDaemon::echoing();
    let mut program = Program::start(&daemon.socket(), &[("SHUTDOWN_GRACE", "1ms")]);
    for (signal, line) in [("HUP", "WARN  SIGHUP is ignored: "), ("USR1", "WARN  SIGUSR1 is ignored: ")] {
        for _ in 0..3 {
            program.signal(signal);
            program.wait_for_log(line);
        }
    }
    assert_eq!(program.client().ask(PING).status, 200);
    program.signal("TERM");
    assert!(program.wait().success());
    program.wait_for_log("stopped");
    let lines = program.log();
    assert_eq!(lines.iter().filter(|line| line.contains("is ignored")).count(), 2, "{lines:#?}");
}

#[test]
fn a_keep_alive_client_is_not_asked_for_another_request_once_the_proxy_stops() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[("SHUTDOWN_GRACE", "1h")]);
    let mut client = proxy.client();
    assert_eq!(client.ask(PING).status, 200);
    drop(proxy);
    assert_eq!(client.read_to_end(), b"");
}

#[test]
fn a_panic_ends_one_connection_and_is_one_line_of_the_log() {
    let child = std::env::current_exe().expect("this program");
    let mut command = Command::new(child);
    let (_, module) = module_path!().split_once("::").expect("a module of this program");
    let served = format!("{module}::serves_three_clients_and_panics_at_the_second");
    command.args(["--ignored", "--exact", "--nocapture", &served]);
    let mut program = Program::spawn(command);
    let line = program.wait_for_log("listening on");
    let address: Address = line.rsplit(' ').next().expect("a word").parse().expect("an address");
    let served: Vec<String> = (0..3)
        .map(|_| {
            let mut answer = String::new();
            address.connect().expect("it listens").read_to_string(&mut answer).expect("an end");
            answer
        })
        .collect();
    assert_eq!(served, ["served", "", "served"]);
    assert!(program.wait().success(), "{:#?}", program.log());
    let lines = program.log();
    let panics: Vec<_> = lines.iter().filter(|line| line.contains("deliberate")).collect();
    assert_eq!(panics.len(), 1, "{lines:#?}");
    assert!(panics[0].starts_with(concat!("ERROR panicked at ", file!(), ":")), "{}", panics[0]);
}

/// The listener of the program, with a server of its own: nothing in the program panics when asked to.
#[test]
#[ignore = "run as a child of the test above"]
fn serves_three_clients_and_panics_at_the_second() {
    let logger = logging::start(LevelFilter::Info, None, logging::Format::Text).expect("a thread");
    // One at once: a panic must give its place back.
    let dir = TempDir::new();
    let vars = [("LISTEN", &Kind::HERE.free(&dir)[..]), ("MAX_CONNECTIONS", "1")];
    let config = Config::of(&vars.into_iter().collect()).expect("a configuration");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let entrances = bind(&config, &[tokio::runtime::Handle::current()]).expect("a free port");
        eprintln!("listening on {}", entrances[0].listeners[0].address);
        let (begun, mut beginning) = mpsc::unbounded_channel();
        let number = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let serve = move |mut client: Client, _| {
            let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            begun.send(()).expect("the receiver lives");
            async move {
                assert_ne!(number, 1, "deliberate\nand of two lines");
                client.split().1.write_all(b"served").await.expect("a client");
            }
        };
        let all = async {
            for _ in 0..3 {
                beginning.recv().await;
            }
        };
        listener::serve_each(entrances, &config, all, |_| serve.clone()).await.expect("a thread");
    });
    logger.output().drain(Instant::now() + PATIENCE);
}
