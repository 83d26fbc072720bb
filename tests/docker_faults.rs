//! A real Docker Engine that ends and comes back behind the proxy, for clients over both kinds of listener.
//!
//! ```text
//! cargo test --test docker_faults -- --ignored
//! ```
//! It starts an engine of its own, for which it needs root and `dockerd`.

mod support;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::address::free_of_both;
use support::{Client, Program, TempDir};

const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";
const EVENTS: &[u8] = b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n";

/// An engine may take a while to start on a busy machine.
const START: Duration = Duration::from_secs(120);

/// Starts an engine whose data, socket and process id are under this folder.
fn start(dir: &TempDir) -> Engine {
    let path = |name: &str| dir.join(name).to_str().expect("a path in UTF-8").to_owned();
    let dockerd = Command::new("dockerd")
        .args(["--data-root", &path("root"), "--exec-root", &path("exec"), "--pidfile", &path("pid")])
        .args(["--bridge", "none", "--iptables=false", "-H", &format!("unix://{}", path("docker.sock"))])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Engine(dockerd.expect("dockerd starts"))
}

struct Engine(Child);

impl Engine {
    /// Ends it and waits for that.
    fn end(&mut self) {
        let status = Command::new("kill").args(["-s", "TERM", &self.0.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
        self.0.wait().expect("it ends");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

/// Asks until the engine answers.
fn wait_until_up(program: &Program) {
    let begun = Instant::now();
    while program.client().ask(PING).status != 200 {
        assert!(begun.elapsed() < START, "{:#?}", program.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
#[ignore = "needs root and dockerd"]
fn an_engine_that_is_restarted_is_served_again_and_its_streams_end() {
    let dir = TempDir::new();
    let program = Program::start(&dir.join("docker.sock"), &[("LISTEN", &free_of_both(&dir))]);
    let clients = || [0, 1].map(|kind| Client::connect(&program.addresses[kind]));
    program.wait_for_log("cannot reach the daemon at");
    let mut engine = start(&dir);
    wait_until_up(&program);
    for _ in 0..2 {
        let (mut idle, mut asks, mut events) = (clients(), clients(), clients());
        for client in idle.iter_mut().chain(&mut asks) {
            assert_eq!(client.ask(PING).status, 200);
        }
        for client in &mut events {
            client.send(EVENTS);
            assert!(client.read_head().starts_with("HTTP/1.1 200 OK"));
        }

        engine.end();
        for client in &mut events {
            client.read_to_end();
        }
        for client in &mut asks {
            let reply = client.ask(PING);
            assert_eq!(reply.status, 502);
            assert!(reply.text().contains("is the socket mounted here"), "{}", reply.text());
        }

        engine = start(&dir);
        wait_until_up(&program);
        // Who asked nothing meanwhile notices nothing.
        for client in &mut idle {
            assert_eq!(client.ask(PING).status, 200);
        }
    }
}
