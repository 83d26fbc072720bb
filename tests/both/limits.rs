//! Time-outs of each phase, the number of clients, descriptors, and clients that do not read.

use crate::support::daemon::response;
use crate::support::{FakeDaemon, Kind, PATIENCE, Program, Proxy, TempDir, program, show};
use docker_socket_proxy::config::Config;
use docker_socket_proxy::http::head::MAX_HEAD_BYTES;
use docker_socket_proxy::proxy::client::Client as Accepted;
use docker_socket_proxy::proxy::clock::Timekeeper;
use docker_socket_proxy::proxy::conn::Connection;
use docker_socket_proxy::proxy::daemon::Daemon;
use docker_socket_proxy::vars::Environment;
use std::io::Read;
use std::mem::MaybeUninit;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";
const DENIED: &[u8] = b"GET /denied HTTP/1.1\r\nHost: docker\r\n\r\n";

#[test]
fn a_head_that_is_not_whole_in_time_is_a_408() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[("HEAD_TIMEOUT", "100ms"), ("IDLE_TIMEOUT", "1h")]);
    for begun in [&b"G"[..], &PING[..PING.len() - 1]] {
        // The second request of a connection as well as the first.
        for before in [0, 1] {
            let mut client = proxy.client();
            for _ in 0..before {
                assert_eq!(client.ask(PING).status, 200);
            }
            let reply = client.ask(begun);
            assert_eq!(reply.status, 408);
            assert!(reply.text().contains("no whole head within 100ms"), "{}", reply.text());
            assert_eq!(client.read_to_end(), b"");
        }
    }
}

#[test]
fn each_further_byte_does_not_prolong_the_time_for_a_head() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[("HEAD_TIMEOUT", "300ms")]);
    let mut client = proxy.client();
    client.stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    let begun = Instant::now();
    client.send(b"GET /");
    let mut answer = [0; 12];
    // A byte at each read that finds nothing.
    while client.stream.read(&mut answer).is_err() {
        assert!(begun.elapsed() < PATIENCE, "it is waited for without end");
        let _ = client.try_send(b"x");
    }
    assert_eq!(answer, *b"HTTP/1.1 408");
}

#[test]
fn an_idle_connection_ends_without_a_byte_and_takes_its_daemon_connection_with_it() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[("IDLE_TIMEOUT", "100ms"), ("HEAD_TIMEOUT", "1h")]);
    assert_eq!(proxy.client().read_to_end(), b"");
    let mut client = proxy.client();
    assert_eq!(client.ask(PING).status, 200);
    assert_eq!(client.read_to_end(), b"");
    assert_eq!(daemon.ended(), [PING]);
}

#[test]
fn an_idle_connection_ends_at_its_time_or_up_to_an_eighth_later() {
    for stale in [0, 1, 3] {
        let timekeeper = Timekeeper::default();
        let mut clock = timekeeper.clock();
        // While a request was answered.
        (0..stale).for_each(|_| timekeeper.tick());
        clock.start();
        let mut ticks = 0;
        while clock.poll_idle_out(&mut Context::from_waker(Waker::noop())).is_pending() {
            timekeeper.tick();
            ticks += 1;
        }
        // The first of them ends a period that had begun before, so 16 periods have passed at the 17th.
        assert!((17..=18).contains(&ticks), "{ticks} ticks after {stale}");
    }
    assert_eq!(Timekeeper::period(Duration::from_secs(120)) * 16, Duration::from_secs(120));
}

#[test]
fn clients_beyond_the_limit_wait_and_are_served_when_there_is_room() {
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::start(&daemon, &[("MAX_CONNECTIONS", "2")]);
    let (mut first, mut second) = (proxy.client(), proxy.client());
    assert_eq!(first.ask(PING).status, 200);
    assert_eq!(second.ask(PING).status, 200);
    let mut third = proxy.client();
    third.send(PING);
    third.stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    let waits = third.stream.peek(&mut [MaybeUninit::uninit()]).expect_err("no answer yet");
    assert_eq!(waits.kind(), std::io::ErrorKind::WouldBlock);
    // Those who are served do not notice.
    assert_eq!(first.ask(PING).status, 200);
    drop(first);
    third.stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    assert_eq!(third.read_response().status, 200);
}

/// The program in a shell that has lowered its limits of open files.
fn with_descriptors(daemon: &FakeDaemon, limits: &str, vars: &[(&str, &str)]) -> Program {
    let socket = daemon.socket();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits}; exec \"$@\""), "sh"]).args(program::words());
    command.env_clear().env("SOCKET_PATH", socket).envs(vars.iter().copied());
    Program::listening(command)
}

/// What the program reckons with beside its connections. A socket file has its folder open.
const OF_ITS_OWN: u64 = if matches!(Kind::HERE, Kind::Unix) { 33 } else { 32 };

/// The soft limit of open files of a program.
fn soft_limit(program: &Program) -> u64 {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.child.id())).expect("a process");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a limit");
    line.split_whitespace().next().expect("a word").parse().expect("a number")
}

#[test]
fn the_soft_limit_of_open_files_is_raised_as_far_as_needed() {
    let daemon = FakeDaemon::echoing();
    let limits = "ulimit -Sn 64; ulimit -Hn 4000";
    let program = with_descriptors(&daemon, limits, &[("MAX_CONNECTIONS", "500")]);
    assert_eq!(soft_limit(&program), 3 * 500 + OF_ITS_OWN);
    assert_eq!(program.log().len(), 1, "nothing to warn of: {:#?}", program.log());
}

#[test]
fn a_hard_limit_of_open_files_that_is_too_low_lowers_the_number_of_clients_with_a_warning() {
    let daemon = FakeDaemon::echoing();
    let limit = 3 * 20 + OF_ITS_OWN;
    let program = with_descriptors(&daemon, &format!("ulimit -n {limit}"), &[]);
    let warning = program.wait_for_log("MAX_CONNECTIONS");
    let expected = format!(
        "WARN  MAX_CONNECTIONS is lowered from 4096 to 20: the hard limit of open files is {limit}, and so many connections would \
         need {}",
        3 * 4096 + OF_ITS_OWN
    );
    assert_eq!(warning, expected);
    // So many are served, and one more waits.
    let mut clients: Vec<_> = (0..20).map(|_| program.client()).collect();
    for client in &mut clients {
        assert_eq!(client.ask(PING).status, 200);
    }
    let mut next = program.client();
    next.send(PING);
    clients.pop();
    assert_eq!(next.read_response().status, 200);
}

#[test]
fn sockets_that_systemd_hands_over_count_among_the_open_files() {
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 92; LISTEN_PID=$$ LISTEN_FDS=30 exec \"$@\"", "sh"])
        .args(program::words());
    let dir = TempDir::new();
    let output = command.env_clear().env("LISTEN", Kind::HERE.free(&dir)).output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // It goes no further, as nothing was handed over in truth.
    assert!(!output.status.success(), "{said}");
    assert!(said.contains(&format!("connections would need {}", 3 * 4096 + OF_ITS_OWN + 30)), "{said}");
}

#[test]
fn without_descriptors_it_waits_with_one_warning_and_goes_on() {
    let daemon = FakeDaemon::echoing();
    let mut program = Program::start(&daemon.socket(), &[("SHUTDOWN_GRACE", "10s")]);
    let mut client = program.client();
    assert_eq!(client.ask(PING).status, 200);
    // None is left, whatever was reckoned with at the start.
    let pid = program.child.id();
    let lower = |limit: usize| {
        let status = Command::new("prlimit")
            .args([format!("--pid={pid}"), format!("--nofile={limit}:20000")])
            .status();
        assert!(status.expect("prlimit runs").success());
    };
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("a process").count();
    lower(open);
    let mut waiting = program.client();
    waiting.send(DENIED);
    program.wait_for_log("WARN  cannot accept a client: ");
    let before = cpu_ticks(pid);
    // Who is served goes on being served, ten pauses long.
    let end = Instant::now() + Duration::from_secs(1);
    while Instant::now() < end {
        assert_eq!(client.ask(PING).status, 200);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(cpu_ticks(pid) - before < 50, "it is busy");
    lower(1000);
    assert_eq!(waiting.read_response().status, 403);
    // Or the stop would wait for it to close.
    drop(waiting);
    program.signal("TERM");
    assert!(program.wait().success());
    program.wait_for_log("stopped");
    let log = program.log();
    let lines: Vec<_> = log.iter().filter(|line| line.contains("cannot accept")).collect();
    assert_eq!(lines.len(), 2, "{log:#?}");
    assert!(lines[1].contains("more like this in "), "{log:#?}");
}

#[test]
fn it_stops_while_it_has_no_descriptors() {
    let daemon = FakeDaemon::echoing();
    let mut program = Program::start(&daemon.socket(), &[]);
    let mut client = program.client();
    assert_eq!(client.ask(PING).status, 200);
    let pid = program.child.id();
    let status = Command::new("prlimit").args([format!("--pid={pid}"), "--nofile=3:20000".into()]).status();
    assert!(status.expect("prlimit runs").success());
    let _waiting = program.client();
    program.wait_for_log("cannot accept a client");
    drop(client);
    program.signal("TERM");
    assert!(program.wait().success());
}

/// CPU time of a process in ticks of 10 ms.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let (_, fields) = stat.rsplit_once(") ").expect("a name");
    fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}

#[test]
fn a_client_that_does_not_read_stops_its_own_stream_only_and_loses_nothing() {
    const CHUNK: usize = 64 * 1024;
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let (stop, stopped) = mpsc::channel::<()>();
    let stopped = std::sync::Mutex::new(stopped);
    let daemon = FakeDaemon::serving(move |session| {
        let Some(request) = session.read_request() else { return };
        if request.line() == "GET /_ping" {
            return session.send(response("200 OK", "OK"));
        }
        session.send(b"HTTP/1.1 200 OK\r\n\r\n");
        let mut number = 0_u8;
        while stopped.lock().expect("no panic").try_recv().is_err() {
            session.send([number; CHUNK]);
            counted.fetch_add(1, SeqCst);
            number = number.wrapping_add(1);
        }
        session.half_close();
    });
    let proxy = Proxy::start(&daemon, &[]);
    let mut slow = proxy.client();
    slow.send(b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n");
    slow.read_head();
    // The daemon stands still: all buffers on the way are full.
    let mut before = 0;
    loop {
        assert_eq!(proxy.client().ask(PING).status, 200, "others are served");
        std::thread::sleep(Duration::from_millis(200));
        let now = sent.load(SeqCst);
        if now == before && now > 0 {
            break;
        }
        before = now;
    }
    stop.send(()).expect("the daemon looks");
    let body = slow.read_to_end();
    assert_eq!(body.len(), sent.load(SeqCst) * CHUNK);
    for (number, chunk) in body.chunks(CHUNK).enumerate() {
        assert!(chunk.iter().all(|&byte| byte == number as u8), "chunk {number} differs");
    }
}

#[test]
fn a_response_head_beyond_64_kib_is_a_502() {
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(MAX_HEAD_BYTES));
    let daemon = FakeDaemon::answering(head);
    let reply = Proxy::start(&daemon, &[]).client().ask(PING);
    assert_eq!(reply.status, 502);
    assert!(reply.text().contains("cannot be read: the head is larger than 64 KiB"), "{}", reply.text());
}

/// A connection of this process to a proxy of the defaults, whose clock the test moves. Returns when it has ended.
async fn with_a_moved_clock(
    daemon: &FakeDaemon,
    vars: &[(&str, &str)],
    test: impl AsyncFnOnce(UnixStream, Moved<'_>),
) -> tokio::time::Instant {
    let socket = daemon.socket().to_str().expect("a path in UTF-8").to_owned();
    let environment: Environment = vars.iter().copied().chain([("SOCKET_PATH", &*socket)]).collect();
    let config = Config::of(&environment).expect("variables that can be used");
    // What is sent through a pair of Unix sockets is there before any clock can jump.
    let (client, proxied) = UnixStream::pair().expect("a pair of sockets");
    let (timekeeper, to_daemon) = (Timekeeper::default(), Daemon::new(&config));
    let accepted = Accepted::unix(proxied, Arc::default());
    let mut connection =
        Connection::new(accepted, &config, &config.frontends[0], &to_daemon, timekeeper.clock());
    let clock = Moved { timekeeper: &timekeeper, period: Timekeeper::period(config.idle_timeout) };
    let serve = async move {
        connection.serve().await;
        tokio::time::Instant::now()
    };
    tokio::join!(serve, test(client, clock)).0
}

/// Time that passes when it is told to.
struct Moved<'t> {
    timekeeper: &'t Timekeeper,
    period: Duration,
}

impl Moved<'_> {
    async fn pass(&self, time: Duration) {
        let mut passed = Duration::ZERO;
        while passed < time {
            self.timekeeper.tick();
            passed += self.period;
            // The connection sees each tick, whichever of the two is looked at first.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        }
    }
}

fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test)
}

#[test]
fn a_client_that_reads_no_reply_of_ours_is_not_waited_for_long() {
    let daemon = FakeDaemon::echoing();
    let mut begun = None;
    let ended = block_on(with_a_moved_clock(&daemon, &[], async |mut client, _| {
        // From here on time jumps where both ends wait.
        tokio::time::pause();
        begun = Some(tokio::time::Instant::now());
        client.write_all(DENIED).await.expect("the connection is there");
        // It neither reads nor closes for an hour.
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let mut reply = Vec::new();
        client.read_to_end(&mut reply).await.expect("the reply is there");
        assert!(reply.starts_with(b"HTTP/1.1 403 "), "{}", show(&reply));
    }));
    let took = ended - begun.expect("the test has run");
    assert!(took < Duration::from_secs(6), "{took:?}");
}

/// docker-java's pool keeps a connection for three minutes, and does not look whether it is still there before it uses it
/// again: where the proxy has closed it by then, a build fails.
#[test]
fn a_connection_can_be_used_again_after_the_longest_idle_of_docker_java() {
    let daemon = FakeDaemon::answering(response("200 OK", "OK"));
    block_on(with_a_moved_clock(&daemon, &[], async |mut client, clock| {
        let mut answer = vec![0; response("200 OK", "OK").len()];
        for idle in [Duration::from_secs(180), Duration::from_secs(600)] {
            client.write_all(PING).await.expect("the connection is there");
            client.read_exact(&mut answer).await.expect("an answer");
            assert_eq!(show(&answer), show(&response("200 OK", "OK")));
            clock.pass(idle).await;
        }
        // And it does end.
        assert_eq!(client.read(&mut answer).await.expect("an end"), 0);
    }));
}

#[test]
fn the_input_of_a_client_that_has_closed_is_not_kept_for_ever_for_a_daemon_that_takes_none() {
    let build = b"POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: 100000000\r\n\r\n";
    let attach =
        b"POST /containers/x/attach HTTP/1.1\r\nHost: docker\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n";
    let vars = [("BUILD", "1"), ("CONTAINERS", "1"), ("POST", "1")];
    for (request, answer) in [(&build[..], ""), (&attach[..], "HTTP/1.1 101 UPGRADED\r\n\r\n")] {
        let (end, ended) = mpsc::channel::<()>();
        let ended = std::sync::Mutex::new(ended);
        let daemon = FakeDaemon::serving(move |session| {
            session.read_until(b"\r\n\r\n");
            session.send(answer);
            let _ = ended.lock().expect("no panic").recv_timeout(PATIENCE);
        });
        let mut begun = None;
        let finished = block_on(with_a_moved_clock(&daemon, &vars, async |mut client, _| {
            client.write_all(request).await.expect("the connection is there");
            client.read_exact(&mut vec![0; answer.len()]).await.expect("an answer");
            // Until nothing more is taken.
            while tokio::time::timeout(Duration::from_millis(300), client.write_all(&[0; 64 * 1024]))
                .await
                .is_ok()
            {}
            drop(client);
            tokio::time::pause();
            begun = Some(tokio::time::Instant::now());
        }));
        let took = finished - begun.expect("the test has run");
        assert!(took >= Duration::from_secs(120) && took < Duration::from_secs(130), "{took:?}");
        drop(end);
    }
}

/// Nor do they begin a head, which would have its own time.
#[test]
fn line_ends_behind_a_post_do_not_prolong_the_time_for_idling() {
    let daemon = FakeDaemon::answering(response("200 OK", "OK"));
    let vars = [("BUILD", "1"), ("POST", "1")];
    block_on(with_a_moved_clock(&daemon, &vars, async |mut client, clock| {
        let mut answer = vec![0; response("200 OK", "OK").len()];
        client.write_all(b"POST /build HTTP/1.1\r\nHost: docker\r\n\r\n").await.expect("a connection");
        client.read_exact(&mut answer).await.expect("an answer");
        for _ in 0..4 {
            // The connection may be over by now.
            let _ = client.write_all(b"\r").await;
            // So often that the runtime has looked at its sockets, and the proxy has it before time goes on.
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            clock.pass(Duration::from_secs(100)).await;
        }
        let end =
            tokio::time::timeout(PATIENCE, client.read(&mut answer)).await.expect("no idling without end");
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }));
}
