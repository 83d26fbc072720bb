//! Clients that vanish from silent streams. Over TCP the kernel's keep-alive has to tell, which takes two minutes.
//!
//! ```text
//! cargo test --test vanished_clients -- --ignored
//! ```
//! The cut link needs root, `ip` and network namespaces.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::crowd::descriptors;
use support::{Address, Client, FakeDaemon, Kind, Program, TempDir};

/// The promise.
const LIMIT: Duration = Duration::from_secs(180);

const SCENES: [(&str, bool); 5] = [
    ("POST /containers/c/attach", false),
    ("POST /containers/c/attach", true),
    ("GET /events", false),
    ("GET /events", true),
    ("GET /_ping", false),
];

/// A daemon that grants, begins or withholds an answer, and then neither reads nor writes.
fn silent_daemon() -> FakeDaemon {
    FakeDaemon::serving(|session| {
        let Some(request) = session.read_request() else { return };
        match request.line() {
            "GET /events" => session.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "GET /_ping" => {}
            _ => session.send(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
        }
        loop {
            std::thread::park();
        }
    })
}

/// Starts the clients of all scenes in a process of their own, and waits until all are served.
fn start_clients(program: &Program, mut command: Command) -> (Child, impl Iterator) {
    let at_rest = descriptors(program);
    let child = ["--ignored", "--exact", "--nocapture", "clients_in_a_process_of_their_own"];
    command.args(child).env("PROXY", program.address().to_string());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the clients start");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    assert!(lines.any(|line| line.expect("text").contains("all are served")), "the clients failed");
    assert!(descriptors(program) >= at_rest + 2 * SCENES.len());
    (child, lines)
}

#[test]
#[ignore = "run as a child of the tests below"]
fn clients_in_a_process_of_their_own() {
    let Ok(address) = std::env::var("PROXY") else { return };
    let address: Address = address.parse().expect("an address");
    let clients = SCENES.map(|(request, half_closed)| {
        let mut client = Client::connect(&address);
        let hijack = if request.starts_with("POST") { "Upgrade: tcp\r\nConnection: Upgrade\r\n" } else { "" };
        client.send(format!("{request} HTTP/1.1\r\nHost: docker\r\n{hijack}\r\n"));
        if request != "GET /_ping" {
            client.read_head();
        }
        if half_closed {
            client.half_close();
        }
        client
    });
    println!("all are served");
    std::io::stdout().flush().expect("flushed");
    // Until the parent kills it or ends.
    let _ = std::io::stdin().read_line(&mut String::new());
    drop(clients);
}

/// Waits until the program has let go of both sides of every connection.
fn assert_noticed(program: &Program, at_rest: usize) {
    let begun = Instant::now();
    while descriptors(program) > at_rest {
        let left = descriptors(program) - at_rest;
        assert!(begun.elapsed() < LIMIT, "{left} descriptors after {:?}", begun.elapsed());
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("all noticed after {:.0} s", begun.elapsed().as_secs_f64());
}

fn start(listen: &str) -> (FakeDaemon, Program, usize) {
    let daemon = silent_daemon();
    let vars = [("LISTEN", listen), ("CONTAINERS", "1"), ("POST", "1")];
    let program = Program::start(&daemon.socket(), &vars);
    daemon.wait_for_connections(1);
    assert_eq!(program.client().ask(b"GET /denied HTTP/1.1\r\nHost: docker\r\n\r\n").status, 403);
    // That client's connection is over when a next one has been served.
    let mut last = program.client();
    assert_eq!(last.ask(b"GET /denied HTTP/1.1\r\nHost: docker\r\n\r\n").status, 403);
    assert_eq!(last.read_to_end(), b"");
    drop(last);
    std::thread::sleep(Duration::from_millis(200));
    let at_rest = descriptors(&program);
    (daemon, program, at_rest)
}

#[test]
#[ignore = "two minutes"]
fn killed_clients_are_noticed_within_three_minutes() {
    for kind in Kind::BOTH {
        let dir = TempDir::new();
        let (_daemon, program, at_rest) = start(&kind.free(&dir));
        let clients = Command::new(std::env::current_exe().expect("this program"));
        let (mut clients, _output) = start_clients(&program, clients);
        clients.kill().expect("killed");
        clients.wait().expect("ended");
        assert_noticed(&program, at_rest);
    }
}

/// Runs `ip` with words that are split at spaces.
fn ip(words: &str) -> bool {
    Command::new("ip").args(words.split(' ')).status().is_ok_and(|status| status.success())
}

/// A namespace with a cable to this one.
struct Elsewhere(String);

impl Drop for Elsewhere {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.0));
    }
}

#[test]
#[ignore = "two minutes, and root"]
fn clients_behind_a_cut_link_are_noticed_within_three_minutes() {
    let id = std::process::id() % 60_000;
    let elsewhere = Elsewhere(format!("dsp{id}"));
    let (name, net) = (&elsewhere.0, format!("10.{}.{}", 100 + id / 256 % 100, id % 256));
    assert!(ip(&format!("netns add {name}")), "root, and ip of iproute2, are needed");
    for step in [
        format!("link add {name}a type veth peer name {name}b netns {name}"),
        format!("addr add {net}.1/24 dev {name}a"),
        format!("link set {name}a up"),
        format!("-n {name} addr add {net}.2/24 dev {name}b"),
        format!("-n {name} link set {name}b up"),
    ] {
        assert!(ip(&step), "{step}");
    }
    let (_daemon, program, at_rest) = start(&format!("{net}.1:0"));
    let mut clients = Command::new("ip");
    clients.args(["netns", "exec", name]).arg(std::env::current_exe().expect("this program"));
    let (mut clients, _output) = start_clients(&program, clients);
    assert!(ip(&format!("-n {name} link set {name}b down")));
    assert_noticed(&program, at_rest);
    clients.kill().expect("killed");
    clients.wait().expect("ended");
}
