//! What goes wrong around the proxy: daemons that are late, busy, restarted, silent or broken, and clients that vanish.

use crate::support::Kind;
use crate::support::daemon::{response, wait_patiently};
use crate::support::{Client, FakeDaemon, Program, Proxy, Session, TempDir, program};
use docker_socket_proxy::config::Config;
use docker_socket_proxy::proxy::daemon::Daemon;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::fs;
use std::net::Shutdown;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";
const ATTACH: &[u8] =
    b"POST /containers/c/attach?stream=1 HTTP/1.1\r\nHost: docker\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n";
const ATTACHED: &[u8] =
    b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
const ATTACH_GRANTED: &[(&str, &str)] = &[("CONTAINERS", "1"), ("POST", "1")];

/// What a daemon's session waits for, and the hand that lets it go on, at the latest when the test is over.
fn gate() -> (Sender<()>, impl Fn() + Send + Sync + 'static) {
    let (open, wait): (_, Receiver<()>) = channel();
    let wait = Mutex::new(wait);
    let wait = move || {
        let _ = wait.lock().expect("no panic").recv();
    };
    (open, wait)
}

/// A listener that nobody accepts from, with its backlog full. Connections are dropped, and room made, with the value.
struct FullBacklog {
    listener: UnixListener,
    fillers: Vec<UnixStream>,
}

impl FullBacklog {
    fn at(path: &Path) -> Self {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        socket.bind(&SockAddr::unix(path).expect("a path")).expect("bound");
        socket.listen(1).expect("listening");
        let listener = UnixListener::from(std::os::fd::OwnedFd::from(socket));
        let mut fillers = Vec::new();
        loop {
            let filler = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None).expect("a socket");
            match filler.connect(&SockAddr::unix(path).expect("a path")) {
                Ok(()) => fillers.push(UnixStream::from(std::os::fd::OwnedFd::from(filler))),
                Err(error) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                    return Self { listener, fillers };
                }
            }
        }
    }

    /// Accepts the connections that filled it.
    fn make_room(self) -> UnixListener {
        for _ in &self.fillers {
            drop(self.listener.accept().expect("a filler"));
        }
        self.listener
    }
}

fn echo(session: &mut Session) {
    while let Some(request) = session.read_request() {
        session.send(response("200 OK", request.line()));
    }
}

#[test]
fn a_daemon_that_is_late_is_found_when_it_is_there() {
    let dir = TempDir::new();
    let socket = dir.join("docker.sock");
    let program = Program::start(&socket, &[]);
    program.wait_for_log("cannot reach the daemon at");
    let reply = program.client().ask(PING);
    assert_eq!(reply.status, 502);
    assert!(reply.text().contains("is the socket mounted here, and SOCKET_PATH right?"), "{}", reply.text());

    let daemon = FakeDaemon::echoing();
    daemon.accept(UnixListener::bind(&socket).expect("a socket"), echo);
    assert_eq!(program.client().ask(PING).text(), "GET /_ping");
}

/// The three places where a program of this command says why it cannot reach the daemon at `path`: they say the same.
fn reason_for(path: &str, command: impl Fn(&[&str], &[(&str, &str)]) -> Command) -> String {
    let program = Program::listening(command(&[], &[("SOCKET_PATH", path)]));
    let line = program.wait_for_log("cannot reach the daemon at ");
    let reply = program.client().ask(PING);
    assert_eq!(reply.status, 502);
    let listen = program.address().to_string();
    let checked = command(&["healthcheck"], &[("LISTEN", &listen), ("SOCKET_PATH", path)]).output();
    let checked = String::from_utf8(checked.expect("it runs").stderr).expect("text");
    let start = format!("cannot reach the daemon at {path} yet: ");
    let reason = line.split_once(&start).unwrap_or_else(|| panic!("{line:?} is not {start:?}")).1;
    let escaped = reason.replace('"', "\\\"");
    assert!(
        reply.text().contains(&format!("cannot reach the daemon at {path}: {escaped}\"")),
        "{}",
        reply.text()
    );
    assert_eq!(checked, format!("docker-socket-proxy: the daemon at {path} does not answer: {reason}\n"));
    reason.to_owned()
}

#[test]
fn what_is_wrong_with_the_path_of_the_socket_is_said_with_what_to_do() {
    let dir = TempDir::new();
    let at = |name: &str| dir.join(name).to_str().expect("a path in UTF-8").to_owned();
    fs::create_dir(at("directory")).expect("a directory");
    fs::write(at("file"), "").expect("a file");
    drop(UnixListener::bind(at("socket")).expect("a socket"));
    let refused = "Connection refused (os error 111); ";
    let missing = "No such file or directory (os error 2); ";
    let url = "SOCKET_PATH takes the path of a Unix socket, such as /var/run/docker.sock, not a URL";
    let file = "is SOCKET_PATH right, and the left side of the mount?";
    let relative = "a relative path is looked for from the folder that the program runs in: write SOCKET_PATH from the root";
    for (path, expected) in [
        (
            "unix:///none/docker.sock",
            format!("{missing}SOCKET_PATH takes a path, not a URL: set SOCKET_PATH=/none/docker.sock"),
        ),
        (
            "unix:/none/docker.sock",
            format!("{missing}SOCKET_PATH takes a path, not a URL: set SOCKET_PATH=/none/docker.sock"),
        ),
        ("tcp://127.0.0.1:2375", format!("{missing}{url}")),
        ("npipe:////./pipe/docker_engine", format!("{missing}{url}")),
        ("none/docker.sock", format!("{missing}{relative}, such as /var/run/docker.sock")),
        ("c:/docker.sock", format!("{missing}{relative}, such as /var/run/docker.sock")),
        ("/none/docker.sock", format!("{missing}is the socket mounted here, and SOCKET_PATH right?")),
        (
            &at("directory"),
            format!(
                "{refused}this is a directory, and Docker makes an empty one where the file to mount is missing on the host: \
                 is the daemon running there, and is the left side of the mount its socket? Remove the empty directory, and \
                 start again; or, if the socket is in the directory, add its name to SOCKET_PATH"
            ),
        ),
        (&at("file"), format!("{refused}this is a plain file and no socket: {file}")),
        ("/dev/null", format!("{refused}this is a device or a pipe and no socket: {file}")),
        (
            &at("socket"),
            format!(
                "{refused}nothing listens behind this socket file: either the daemon is down, or it made a new file and a bind \
                 mount still shows the old one, which mounting the file's directory avoids"
            ),
        ),
    ] {
        assert_eq!(reason_for(path, Program::command), expected, "{path}");
    }
}

#[test]
fn a_relative_path_that_leads_to_the_daemon_is_one() {
    let daemon = FakeDaemon::echoing();
    let socket = daemon.socket();
    let name = socket.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8");
    let mut command = Program::command(&[], &[("SOCKET_PATH", name)]);
    command.current_dir(socket.parent().expect("a folder"));
    assert_eq!(Program::listening(command).client().ask(PING).text(), "GET /_ping");
}

#[test]
fn who_may_not_open_the_socket_is_told_as_whom_to_run() {
    const NOBODY: &[&str] = &["--reuid=65534", "--regid=65534", "--clear-groups"];
    const ROOT_WITHOUT_CAPABILITIES: &[&str] = &["--bounding-set=-all", "--inh-caps=-all"];
    for identity in [NOBODY, ROOT_WITHOUT_CAPABILITIES] {
        let tried = Command::new("setpriv").args(identity).arg("true").stderr(Stdio::null()).status();
        if !tried.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: setpriv, run by root, is needed to be somebody else");
            return;
        }
    }
    let dir = TempDir::new();
    // Where everybody may run it.
    let mut words = program::words();
    let place = dir.join("docker-socket-proxy").to_str().expect("a path in UTF-8").to_owned();
    let program = words.pop().expect("a program");
    fs::copy(program, &place).expect("a copy");
    words.push(place);
    fs::create_dir(dir.join("closed")).expect("a directory");
    let mut listeners = Vec::new();
    let mut socket = |name: &str, (uid, gid, mode): (u32, u32, u32)| {
        let path = dir.join(name);
        listeners.push(UnixListener::bind(&path).expect("a socket"));
        chown(&path, Some(uid), Some(gid)).expect("another owner");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        path.to_str().expect("a path in UTF-8").to_owned()
    };
    let of_group = socket("group", (0, 12_345, 0o660));
    let of_user = socket("user", (1234, 1234, 0o600));
    let in_folder = socket("closed/socket", (0, 0, 0o666));
    chown(dir.join("closed"), Some(1234), Some(1234)).expect("another owner");
    fs::set_permissions(dir.join("closed"), fs::Permissions::from_mode(0o700)).expect("a mode");
    let folder = "a folder on the way to it is closed to this user, or SELinux or AppArmor denies it";
    for (identity, path, expected) in [
        (
            NOBODY,
            &of_group,
            "this user needs the group of the socket, 12345: in a container, user: \"65534:12345\" or group_add: [\"12345\"]",
        ),
        (
            NOBODY,
            &of_user,
            "with mode 0600, which does not let this user in: in a container, user: \"1234:1234\"",
        ),
        (NOBODY, &in_folder, folder),
        (
            ROOT_WITHOUT_CAPABILITIES,
            &of_user,
            "the socket is of 1234:1234 with mode 0600, past which root gets by the capability DAC_OVERRIDE alone, which \
             cap_drop takes away: say user: \"1234:1234\"",
        ),
        (ROOT_WITHOUT_CAPABILITIES, &in_folder, folder),
    ] {
        let reason = reason_for(path, |arguments, vars| {
            let mut command = Command::new("setpriv");
            command.args(identity).args(&words).args(arguments).env_clear().envs(vars.iter().copied());
            command
        });
        assert!(
            reason.starts_with("Permission denied (os error 13); ") && reason.contains(expected),
            "{path}: {reason}"
        );
    }
}

#[test]
fn a_daemon_that_ends_while_the_client_is_idle_is_let_go_of_and_reached_anew() {
    let daemon = FakeDaemon::serving(|session| {
        let request = session.read_request().expect("a request");
        session.send(response("200 OK", request.line()));
        session.half_close();
    });
    let proxy = Proxy::start(&daemon, &[]);
    let mut client = proxy.client();
    for round in 1..=3 {
        assert_eq!(client.ask(PING).text(), "GET /_ping");
        daemon.wait_for_connections(round);
        // The proxy has closed its side while nothing was asked.
        daemon.ended();
    }
    assert_eq!(daemon.connections().len(), 3);
}

/// The client's next request and the daemon's end reach the proxy at once, as they do when a restart takes a while.
#[test]
fn a_connection_that_the_daemon_closed_together_with_the_next_request_is_not_used() {
    let (end, wait) = gate();
    let (ended, has_ended) = channel();
    let daemon = FakeDaemon::serving(move |session| {
        while let Some(request) = session.read_request() {
            session.send(response("200 OK", request.line()));
            wait();
            session.half_close();
            ended.send(()).expect("the test waits");
        }
    });
    let program = Program::start(&daemon.socket(), &[]);
    let mut client = program.client();
    for _ in 0..20 {
        assert_eq!(client.ask(PING).status, 200);
        program.signal("STOP");
        let daemons = daemon.connections().len();
        end.send(()).expect("the daemon waits");
        wait_patiently(&has_ended);
        client.send(PING);
        program.signal("CONT");
        assert_eq!(client.read_response().status, 200);
        daemon.wait_for_connections(daemons + 1);
        // This round's second connection ends in idle.
        end.send(()).expect("the daemon waits");
        wait_patiently(&has_ended);
        daemon.ended();
    }
}

#[test]
fn a_daemon_that_ends_inside_a_response_shows_as_a_cut_and_the_next_request_works() {
    let begun: [&[u8]; 2] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ];
    for begun in begun {
        let daemon = FakeDaemon::serving(move |session| {
            if session.read_request().is_some_and(|request| request.line() == "GET /events") {
                session.send(begun);
                session.close();
            }
            session.send(response("200 OK", "whole"));
        });
        let program = Program::start(&daemon.socket(), &[]);
        let mut client = program.client();
        client.send(b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n");
        assert_eq!(client.read_to_end(), begun);
        assert_eq!(program.client().ask(PING).text(), "whole");
        program.wait_for_log("response cut: the daemon ended inside its response");
    }
}

#[test]
fn a_daemon_that_is_restarted_is_down_and_then_there_again() {
    let dir = TempDir::new();
    let socket = dir.join("docker.sock");
    let daemon = FakeDaemon::echoing();
    let proxy = Proxy::at(&socket, &[]);
    for _ in 0..3 {
        let listener = UnixListener::bind(&socket).expect("a socket");
        let handle = listener.try_clone().expect("a handle");
        daemon.accept(listener, echo);
        assert_eq!(proxy.client().ask(PING).status, 200);
        // As a killed daemon leaves it: nobody listens behind the file.
        SockRef::from(&handle).shutdown(Shutdown::Both).expect("shut down");
        let reply = proxy.client().ask(PING);
        assert_eq!(reply.status, 502);
        assert!(reply.text().contains("Connection refused"), "{}", reply.text());
        fs::remove_file(&socket).expect("removed");
    }
}

#[test]
fn a_new_socket_file_in_a_mounted_folder_is_followed_and_a_mounted_file_that_is_old_is_named() {
    let dir = TempDir::new();
    let (file, mounted) = (dir.join("docker.sock"), dir.join("mounted.sock"));
    let first = UnixListener::bind(&file).expect("a socket");
    // A hard link stands for the bind mount of a file: both show the inode that was there at the start.
    fs::hard_link(&file, &mounted).expect("a link");
    let (by_folder, by_file) = (Proxy::at(&file, &[]), Program::start(&mounted, &[]));
    let daemon = FakeDaemon::echoing();
    let handle = first.try_clone().expect("a handle");
    daemon.accept(first, echo);
    assert_eq!(by_folder.client().ask(PING).status, 200);
    assert_eq!(by_file.client().ask(PING).status, 200);

    SockRef::from(&handle).shutdown(Shutdown::Both).expect("shut down");
    fs::remove_file(&file).expect("removed");
    daemon.accept(UnixListener::bind(&file).expect("a socket"), echo);
    assert_eq!(by_folder.client().ask(PING).status, 200);
    let reply = by_file.client().ask(PING);
    assert_eq!(reply.status, 502);
    let hint = "a bind mount still shows the old one, which mounting the file's directory avoids";
    assert!(reply.text().contains(hint), "{}", reply.text());
    by_file.wait_for_log(hint);
}

#[test]
fn an_answer_that_is_no_http_is_a_502_that_says_so() {
    let answers: [(&[u8], &str); 5] = [
        (b"garbage\r\n\r\n", "cannot be read"),
        (b"HTTP/2 200 OK\r\n\r\n", "cannot be read"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "cannot be read"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12", "cannot be framed"),
        (b"", "closed the connection without an answer"),
    ];
    for (answer, says) in answers {
        let daemon = FakeDaemon::serving(move |session| {
            session.read_request();
            session.send(answer);
            session.half_close();
        });
        let reply = Proxy::start(&daemon, &[]).client().ask(PING);
        assert_eq!(reply.status, 502, "{}", answer.escape_ascii());
        assert!(reply.text().contains(says), "{}", reply.text());
    }
}

#[test]
fn a_silent_daemon_is_waited_for_beyond_every_deadline() {
    let (answer, wait) = gate();
    let daemon = FakeDaemon::serving(move |session| {
        session.read_request();
        wait();
        session.send(response("200 OK", "late"));
    });
    let short = [("HEAD_TIMEOUT", "20ms"), ("IDLE_TIMEOUT", "50ms"), ("CONNECT_TIMEOUT", "20ms")];
    let proxy = Proxy::start(&daemon, &short);
    let mut client = proxy.client();
    client.send(PING);
    daemon.wait_for(PING);
    for _ in 0..3 {
        // Another client's idle time-out passes meanwhile.
        assert_eq!(proxy.client().read_to_end(), b"");
    }
    answer.send(()).expect("the daemon waits");
    assert_eq!(client.read_response().text(), "late");
}

/// Each state in which only the client's end can end a request: the daemon's connection goes with it.
#[test]
fn a_client_that_resets_takes_the_daemon_connection_with_it() {
    type Scene = (&'static str, &'static [u8], &'static [u8]);
    let scenes: [Scene; 4] = [
        ("no answer", b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n", b""),
        (
            "events",
            b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        ("attach", ATTACH, ATTACHED),
        (
            "a body that is not read",
            b"POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: 100000000\r\n\r\n",
            b"",
        ),
    ];
    // What a client of a Unix socket sent before it closed is still brought to the daemon, as a kernel of TCP does where it ends in order.
    let shown_at_once = if Kind::HERE == Kind::Unix { &scenes[..3] } else { &scenes[..] };
    for &(name, request, answer) in shown_at_once {
        for half_closed in [false, true] {
            let (ended, wait) = gate();
            let daemon = FakeDaemon::serving(move |session| {
                session.read_until(b"\r\n\r\n");
                session.send(answer);
                // Deaf and mute, as a daemon that hangs; only the connection's end shows.
                wait();
            });
            let vars = [("CONTAINERS", "1"), ("POST", "1"), ("BUILD", "1"), ("MAX_CONNECTIONS", "1")];
            let proxy = Proxy::start(&daemon, &vars);
            let mut client = proxy.client();
            client.send(request);
            assert_eq!(client.read_exact(answer.len()), answer, "{name}");
            daemon.wait_for(b"\r\n\r\n");
            if request.ends_with(b"100000000\r\n\r\n") {
                fill_to_the_brim(&mut client);
            }
            if half_closed {
                client.half_close();
            }
            client.reset();
            // The one place is free again only if the first client's connection has ended.
            let mut next = proxy.client();
            next.send(b"GET /denied HTTP/1.1\r\nHost: docker\r\n\r\n");
            assert_eq!(next.read_response().status, 403, "{name}, half-closed: {half_closed}");
            drop(ended);
        }
    }
}

/// Sends until nobody on the way has taken more for a while.
fn fill_to_the_brim(client: &mut Client) {
    client.stream.set_write_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    while client.try_send([b'x'; 64 * 1024]).is_ok() {}
}

#[test]
fn a_client_that_ends_before_the_silent_daemon_answers_reaches_it_as_an_end() {
    for (request, answer, vars) in [(PING, &b""[..], &[][..]), (ATTACH, ATTACHED, ATTACH_GRANTED)] {
        let daemon = FakeDaemon::serving(move |session| {
            session.read_request();
            session.send(answer);
            assert_eq!(session.read_to_end(), b"");
        });
        let proxy = Proxy::start(&daemon, vars);
        let mut client = proxy.client();
        client.send(request);
        assert_eq!(client.read_exact(answer.len()), answer);
        daemon.wait_for_connections(1);
        drop(client);
        assert_eq!(daemon.ended(), [request]);
    }
}

#[test]
fn a_full_backlog_is_waited_for_until_there_is_room() {
    let dir = TempDir::new();
    let socket = dir.join("docker.sock");
    let full = FullBacklog::at(&socket);
    let proxy = Proxy::at(&socket, &[]);
    let mut clients: Vec<_> = (0..50).map(|_| proxy.client()).collect();
    for client in &mut clients {
        client.send(PING);
    }
    // All have been accepted, and so have been waiting, when this one gets its denial.
    assert_eq!(proxy.client().ask(b"GET /denied HTTP/1.1\r\nHost: docker\r\n\r\n").status, 403);
    let daemon = FakeDaemon::echoing();
    daemon.accept(full.make_room(), echo);
    for client in &mut clients {
        assert_eq!(client.read_response().text(), "GET /_ping");
    }
}

#[test]
fn a_backlog_that_stays_full_is_a_503_after_the_deadline() {
    let dir = TempDir::new();
    let socket = dir.join("docker.sock");
    let _full = FullBacklog::at(&socket);
    let proxy = Proxy::at(&socket, &[("CONNECT_TIMEOUT", "50ms")]);
    let reply = proxy.client().ask(PING);
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("its backlog is full"), "{}", reply.text());
}

#[test]
fn a_client_that_gives_up_while_the_backlog_is_full_frees_its_place() {
    let dir = TempDir::new();
    let socket = dir.join("docker.sock");
    let _full = FullBacklog::at(&socket);
    // A Unix socket has no reset: who closes it may have sent and want no answer, and is waited for as over TCP after an orderly end.
    let patience = if Kind::HERE == Kind::Unix { "1s" } else { "1h" };
    let proxy = Proxy::at(&socket, &[("CONNECT_TIMEOUT", patience), ("MAX_CONNECTIONS", "1")]);
    let mut first = proxy.client();
    first.send(PING);
    first.reset();
    let denied = proxy.client().ask(b"GET /denied HTTP/1.1\r\nHost: docker\r\n\r\n");
    assert_eq!(denied.status, 403);
}

#[test]
fn room_in_the_backlog_goes_to_who_waits_the_longest() {
    let dir = TempDir::new();
    let socket = dir.join("docker.sock");
    let full = FullBacklog::at(&socket);
    let path = socket.to_str().expect("a path in UTF-8").to_owned();
    let config = Config::of(&[("SOCKET_PATH", path)].into_iter().collect()).expect("a configuration");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let daemon = Daemon::new(&config);
        let first = async { daemon.connect().await.map(|_| "first") };
        let second = async { daemon.connect().await.map(|_| "second") };
        tokio::pin!(first, second);
        assert!(futures_are_pending(&mut first).await, "the backlog is full");
        let _listener = full.make_room();
        // The second comes at the moment when there is room, and is polled before the first.
        let connected = tokio::select! {
            biased;
            connected = second => connected,
            connected = first => connected,
        };
        assert_eq!(connected.expect("room"), "first");
    });
}

async fn futures_are_pending<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending()))
        .await
}
