//! The proxy in front of a real Docker Engine, used by real clients.
//!
//! Each test names a command of a client and the variables that it needs. The command is refused without any one of
//! them, and with none of them the engine's state is shown to be untouched; with all of them it does what it does
//! without the proxy.
//!
//! They need an engine that nobody else uses, with an image `busybox`: `tests/engine/start` makes one. Then
//! `DOCKER_ENGINE_SOCKET=... cargo test --test tcp --test unix docker:: -- --ignored`. Without the engine, or without one
//! of the clients, they fail.

use crate::support::Program;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// An attempt that lasts longer than this has hung.
const SECONDS: &str = "60";

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn version() {
    let engine = Engine::take_turn();
    let output = engine.check("VERSION", &docker(["version", "--format", "{{.Server.Version}}"]));
    assert_eq!(output.stdout, engine.docker(["version", "--format", "{{.Server.Version}}"]));
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn a_denial_is_a_sentence_of_the_docker_cli() {
    let engine = Engine::take_turn();
    let proxy = engine.proxy(&[]);
    let output = docker(["ps"]).run(&host(&proxy));
    assert!(!output.success);
    let last = output.stderr.trim_end().lines().last().unwrap();
    assert!(last.starts_with("Error response from daemon: docker-socket-proxy: GET /v1."), "{output:?}");
    assert!(last.ends_with("/containers/json is denied: set CONTAINERS=1 to allow it"), "{output:?}");
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn images() {
    let engine = Engine::take_turn();
    let images = ["images", "--no-trunc"];
    assert_eq!(engine.check("IMAGES", &docker(images)).stdout, engine.docker(images));
}

/// The client asks one route after the other, and needs the 404 of each up to the one that knows the name.
#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn inspect_of_a_name_beyond_ascii() {
    let engine = Engine::take_turn();
    let network = Network::new(&engine, "m\u{fc}ll");
    let inspect = docker(["inspect", "--format", "{{.Name}}", &network.0]);
    let output = engine.check("CONTAINERS IMAGES NETWORKS", &inspect);
    assert_eq!(output.stdout, "m\u{fc}ll\n");
}

/// The daemon would hijack it and run the command.
#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn an_exec_start_with_another_upgrade_runs_nothing() {
    let engine = Engine::take_turn();
    let container = engine.sleeper("other-upgrade");
    let proxy = engine.proxy(&["CONTAINERS", "EXEC", "POST"]);
    let ask = |target: &str, fields: &str, body: &str| {
        let length = body.len();
        let mut stream = proxy.address().connect().unwrap();
        write!(
            stream,
            "POST {target} HTTP/1.1\r\nHost: docker\r\nConnection: close{fields}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let created =
        ask(&format!("/containers/{}/exec", container.name), "", "{\"Cmd\": [\"touch\", \"/ran\"]}");
    let id = created.split('"').nth(3).expect("an ID");
    let started = ask(&format!("/exec/{id}/start"), "\r\nUpgrade: websocket", "{}");
    assert!(started.starts_with("HTTP/1.1 400 ") && started.contains("Upgrade header"), "{started}");
    let changed = engine.docker(["diff", &container.name]);
    assert!(!changed.contains("/ran"), "{changed}");
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn run_and_its_exit_status() {
    let engine = Engine::take_turn();
    let script = "echo out; echo err >&2; exit 7";
    let run = docker(["run", "--rm", "busybox", "sh", "-c", script]).exits_with(7);
    let output = engine.check("CONTAINERS POST", &run);
    assert_eq!((&*output.stdout, &*output.stderr), ("out\n", "err\n"));
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn run_detached() {
    let engine = Engine::take_turn();
    let container = engine.unused("run-detached");
    let output = engine.check(
        "CONTAINERS POST",
        &docker(["run", "-d", "--name", &container.name, "busybox", "sleep", "999"]),
    );
    assert_eq!(output.stdout, container.inspect("{{.Id}}"));
    assert_eq!(container.inspect("{{.State.Running}}"), "true\n");
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn run_with_piped_input_ends_with_it() {
    let engine = Engine::take_turn();
    let command = docker(["run", "-i", "--rm", "busybox", "cat"]).with_input("hi\n");
    assert_eq!(engine.check("CONTAINERS POST", &command).stdout, "hi\n");
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn run_passes_megabytes_both_ways() {
    let engine = Engine::take_turn();
    let input = "0123456789abcde\n".repeat(512 * 1024);
    let command = docker(["run", "-i", "--rm", "busybox", "cat"]).with_input(&input);
    assert!(engine.check("CONTAINERS POST", &command).stdout == input);
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn exec() {
    let engine = Engine::take_turn();
    let container = engine.sleeper("exec");
    let script = "echo out; echo err >&2; exit 7";
    let exec = docker(["exec", &container.name, "sh", "-c", script]).exits_with(7);
    let output = engine.check("CONTAINERS EXEC POST", &exec);
    assert_eq!((&*output.stdout, &*output.stderr), ("out\n", "err\n"));
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn exec_with_piped_input_ends_with_it() {
    let engine = Engine::take_turn();
    let container = engine.sleeper("exec-piped");
    let command = docker(["exec", "-i", &container.name, "cat"]).with_input("hi\n");
    assert_eq!(engine.check("CONTAINERS EXEC POST", &command).stdout, "hi\n");
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn exec_detached() {
    let engine = Engine::take_turn();
    let container = engine.waiter("exec-detached");
    engine.check("CONTAINERS EXEC POST", &docker(["exec", "-d", &container.name, "sh", "-c", "echo 5 >/go"]));
    assert_eq!(engine.docker(["wait", &container.name]), "5\n");
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn exec_in_a_pseudo_terminal() {
    let engine = Engine::take_turn();
    let container = engine.sleeper("exec-terminal");
    let line = format!("docker exec -it {} sh", container.name);
    let command = client("script", ["-qec", &line, "/dev/null"]).exits_with(7);
    let output =
        engine.check("CONTAINERS EXEC POST", &command.with_input("tty && echo $((6 * 7)); exit 7\n"));
    let lines: Vec<&str> = output.stdout.lines().map(str::trim_end).collect();
    assert!(lines.contains(&"/dev/pts/0") && lines.contains(&"42"), "{output:?}");
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn attach_to_a_shell_until_it_exits() {
    let engine = Engine::take_turn();
    let container = engine.container("attach", &["-di", "busybox", "sh"]);
    let attach = docker(["attach", &container.name]);
    engine.check_refused("CONTAINERS POST", &attach);
    let proxy = engine.proxy(&["CONTAINERS", "POST"]);
    let mut attached = attach.start(&host(&proxy));
    for word in ["one", "two"] {
        attached.write(&format!("echo {word}"));
        assert_eq!(attached.next_line().as_deref(), Some(word));
    }
    attached.write("exit 7");
    assert_eq!(attached.end().code(), Some(7));
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn attach_without_input_until_the_container_ends() {
    let engine = Engine::take_turn();
    let container = engine.waiter("attach-output");
    let attach = docker(["attach", "--no-stdin", &container.name]);
    engine.check_refused("CONTAINERS POST", &attach);
    let proxy = engine.proxy(&["CONTAINERS", "POST"]);
    let mut attached = attach.start(&host(&proxy));
    // Its first word was said before; what comes now is seen once it is attached.
    engine.await_event(&container.name, "attach");
    container.go("7");
    assert_eq!(attached.next_line().as_deref(), Some("went"));
    assert_eq!(attached.end().code(), Some(7));
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn cp_in_and_out() {
    let engine = Engine::take_turn();
    let container = engine.sleeper("cp");
    let folder = Folder::new("cp");
    std::fs::write(folder.path("in"), vec![b'x'; 3_000_000]).unwrap();
    let inside = format!("{}:/tmp/copied", container.name);
    engine.check("CONTAINERS PUT", &docker(["cp", &folder.path("in"), &inside]));
    assert_eq!(engine.docker(["exec", &container.name, "wc", "-c", "/tmp/copied"]), "3000000 /tmp/copied\n");
    engine.check("CONTAINERS", &docker(["cp", &inside, &folder.path("out")]));
    assert!(std::fs::read(folder.path("in")).unwrap() == std::fs::read(folder.path("out")).unwrap());
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn stats_once() {
    let engine = Engine::take_turn();
    let container = engine.sleeper("stats");
    let command = docker(["stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", &container.name]);
    assert_eq!(engine.check("CONTAINERS", &command).stdout, format!("{} 2\n", container.name));
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn events_are_seen_as_they_happen() {
    let engine = Engine::take_turn();
    let since = now();
    let container = engine.container("events", &["-d", "busybox", "sleep", "999"]);
    let filter = format!("container={}", container.name);
    let command = docker(["events", "--since", &since, "--filter", &filter, "--format", "{{.Status}}"]);
    engine.check_refused("EVENTS", &command);
    let proxy = engine.proxy(&["EVENTS"]);
    let mut events = command.start(&host(&proxy));
    let mut until = |wanted: &str| while events.next_line().expect("an event") != wanted {};
    until("start");
    engine.docker(["pause", &container.name]);
    until("pause");
    engine.docker(["unpause", &container.name]);
    until("unpause");
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn logs_and_logs_followed() {
    let engine = Engine::take_turn();
    let container = engine.waiter("logs");
    let proxy = engine.proxy(&["CONTAINERS"]);
    let follow = docker(["logs", "-f", &container.name]);
    engine.check_refused("CONTAINERS", &follow);
    let mut followed = follow.start(&host(&proxy));
    assert_eq!(followed.next_line().as_deref(), Some("waiting"));
    container.go("0");
    assert_eq!(followed.next_line().as_deref(), Some("went"));
    assert_eq!(followed.next_line(), None);
    assert!(followed.end().success());
    engine.docker(["wait", &container.name]);
    let logs = engine.check("CONTAINERS", &docker(["logs", &container.name]));
    assert_eq!(logs.stdout, "waiting\nwent\n");
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn wait_for_the_exit_status() {
    let engine = Engine::take_turn();
    let container = engine.waiter("wait");
    let command = docker(["wait", &container.name]);
    engine.check_refused("CONTAINERS POST", &command);
    let proxy = engine.proxy(&["CONTAINERS", "POST"]);
    let mut waiting = command.start(&host(&proxy));
    container.go("7");
    assert_eq!(waiting.next_line().as_deref(), Some("7"));
    assert!(waiting.end().success());
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn rm() {
    let engine = Engine::take_turn();
    let container = engine.sleeper("rm");
    engine.check("CONTAINERS DELETE", &docker(["rm", "-f", &container.name]));
    let names = engine.docker(["ps", "-a", "--format", "{{.Names}}"]);
    assert!(names.lines().all(|name| name != container.name), "{names}");
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn a_line_is_for_the_containers_of_its_name() {
    let engine = Engine::take_turn();
    let [of_line, other] = ["line-1", "other"].map(|name| engine.sleeper(name));
    let id = other.inspect("{{.Id}}");
    let pids = || [&of_line, &other].map(|container| container.inspect("{{.State.Pid}}"));
    let proxy = engine.proxy_of(&[("ALLOW_ROUTES", "POST /containers/line-*/restart"), ("EVENTS", "0")]);
    let before = pids();
    for name in [&*other.name, id.trim(), &id[..12]] {
        let output = docker(["restart", "-t", "0", name]).run(&host(&proxy));
        assert!(!output.success && output.stderr.contains(" is denied: "), "{output:?}");
    }
    assert_eq!(pids(), before);
    assert!(docker(["restart", "-t", "0", &of_line.name]).run(&host(&proxy)).success);
    let after = pids();
    assert!(after[0] != before[0] && after[1] == before[1], "{before:?} {after:?}");
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn a_gate_holds_whatever_else_is_open() {
    let engine = Engine::take_turn();
    let container =
        engine.container("gated", &["-d", "--init", "-e", "SECRET=hidden", "busybox", "sleep", "999"]);
    let pid = container.inspect("{{.State.Pid}}");
    let name = &*container.name;
    let open = [("CONTAINERS", "1"), ("POST", "1"), ("EXEC", "1"), ("ALLOW_RESTARTS", "1")];
    for (gate, arguments) in [
        ("ALLOW_EXEC", &["exec", name, "touch", "/ran"][..]),
        ("ALLOW_KILL", &["kill", name]),
        ("ALLOW_INSPECT", &["inspect", "--type", "container", name]),
        ("ALLOW_INSPECT", &["top", name, "e"]),
        ("ALLOW_TOP", &["top", name]),
        ("ALLOW_LOGS", &["logs", name]),
        ("ALLOW_EXPORT", &["export", name]),
        ("DELETE", &["rm", "-f", name]),
        ("PUT", &["cp", "/etc/hostname", &format!("{name}:/copied")]),
    ] {
        let proxy = engine.proxy_of(&[&open[..], &[(gate, "0")]].concat());
        let output = client("docker", arguments.iter().copied()).run(&host(&proxy));
        assert!(!output.success && !output.stdout.contains("hidden"), "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(&format!("set {gate}=1 to allow it")), "{arguments:?}: {output:?}");
    }
    assert_eq!(container.inspect("{{.State.Pid}}"), pid);
    let changed = engine.docker(["diff", name]);
    assert!(!changed.contains("/ran") && !changed.contains("/copied"), "{changed}");
    // What shows the environment is closed, and the processes are not.
    let proxy = engine.proxy_of(&[("CONTAINERS", "1"), ("ALLOW_INSPECT", "0")]);
    let output = docker(["top", name]).run(&host(&proxy));
    assert!(output.success && output.stdout.contains("sleep 999"), "{output:?}");
    assert!(engine.docker(["top", name, "e"]).contains("SECRET=hidden"), "it is worth a gate");
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn build_with_the_classic_builder() {
    let engine = Engine::take_turn();
    let (image, context) = (engine.no_image("classic"), context("classic"));
    let build = docker(["build", "--network", "none", "-t", &image.0, &context.path("")]);
    engine.check("BUILD POST", &build.with_env("DOCKER_BUILDKIT", "0"));
    assert_eq!(engine.docker(["run", "--rm", &image.0, "cat", "/made"]), "of the context\n");
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn build_with_buildkit() {
    let engine = Engine::take_turn();
    let (image, context) = (engine.no_image("buildkit"), context("buildkit"));
    let build = docker(["buildx", "build", "--network", "none", "-t", &image.0, &context.path("")]);
    engine.check("GRPC SESSION POST", &build);
    assert_eq!(engine.docker(["run", "--rm", &image.0, "cat", "/made"]), "of the context\n");
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn save_and_load() {
    let engine = Engine::take_turn();
    let (image, folder) = (engine.no_image("saved"), Folder::new("saved"));
    engine.docker(["tag", "busybox", &image.0]);
    let archive = folder.path("archive");
    engine.check("IMAGES", &docker(["save", "-o", &archive, &image.0]));
    engine.docker(["rmi", &image.0]);
    engine.check("IMAGES POST", &docker(["load", "-i", &archive]));
    engine.docker(["image", "inspect", &image.0]);
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn docker_py() {
    let engine = Engine::take_turn();
    let container = engine.sleeper("docker-py");
    let image = engine.no_image("docker-py");
    for (what, grants) in [
        ("run", "CONTAINERS POST"),
        ("exec_plain", "CONTAINERS EXEC POST"),
        ("exec_socket", "CONTAINERS EXEC POST"),
        ("exec_detached", "CONTAINERS EXEC POST"),
        ("logs_followed", "CONTAINERS POST"),
        ("put_archive", "CONTAINERS PUT"),
        ("get_archive", "CONTAINERS"),
        ("build", "BUILD IMAGES POST"),
    ] {
        let argument = if what == "build" { &image.0 } else { &container.name };
        engine.check(grants, &client("python3", ["tests/docker/docker_py.py", what, argument]));
    }
}

#[test]
#[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
fn dockerode() {
    let engine = Engine::take_turn();
    let container = engine.sleeper("dockerode");
    for form in ["hijack", "default"] {
        let command = client("node", ["tests/docker/dockerode.js", form, &container.name]);
        let output = engine.check("CONTAINERS EXEC POST", &command);
        assert_eq!(output.stdout, "hi\n", "{form}");
    }
}

/// The engine, for one test at a time.
pub struct Engine {
    host: String,
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

impl Engine {
    pub fn take_turn() -> Self {
        let socket = std::env::var("DOCKER_ENGINE_SOCKET")
            .expect("DOCKER_ENGINE_SOCKET must name the socket of an engine: tests/engine/start makes one");
        // A test that failed has cleaned up too.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self { host: format!("unix://{socket}"), _turn: turn }
    }

    /// What the Docker CLI prints without the proxy.
    fn docker<const N: usize>(&self, arguments: [&str; N]) -> String {
        let output = docker(arguments).run(&self.host);
        assert!(output.success, "docker {arguments:?}: {output:?}");
        output.stdout
    }

    fn proxy(&self, granted: &[&str]) -> Program {
        self.proxy_of(&granted.iter().map(|name| (*name, "1")).collect::<Vec<_>>())
    }

    fn proxy_of(&self, variables: &[(&str, &str)]) -> Program {
        // A client that is still there when its test is over is not waited for.
        let variables = [&[("SHUTDOWN_GRACE", "1ms")], variables].concat();
        Program::start(Path::new(self.host.strip_prefix("unix://").unwrap()), &variables)
    }

    /// Shows that the command is refused where it is not granted, and runs it where it is.
    pub fn check(&self, grants: &str, command: &Client) -> Finished {
        self.check_refused(grants, command);
        let granted: Vec<&str> = grants.split(' ').collect();
        let proxy = self.proxy(&granted);
        let output = command.run(&host(&proxy));
        assert_eq!(denials(proxy), Vec::<String>::new(), "{command:?} with {grants}: {output:?}");
        assert_eq!(output.status, Some(command.exits_with), "{command:?} with {grants}: {output:?}");
        output
    }

    /// Shows that the command is refused with 403 where one of its grants is missing, or all are, and that nothing
    /// happens to the engine without any or without POST.
    fn check_refused(&self, grants: &str, command: &Client) {
        let needed: Vec<&str> = grants.split(' ').collect();
        let one_missing = needed.iter().map(|one| vec![*one]).filter(|_| needed.len() > 1);
        for missing in one_missing.chain([needed.clone()]) {
            let granted: Vec<&str> = needed.iter().copied().filter(|one| !missing.contains(one)).collect();
            let on = granted.iter().map(|name| (*name, "1"));
            let variables: Vec<_> = on.chain(missing.iter().map(|name| (*name, "0"))).collect();
            let proxy = self.proxy_of(&variables);
            let (since, before) = (now(), self.state());
            let output = command.run(&host(&proxy));
            let denials = denials(proxy);
            assert!(!output.success, "{command:?} without {missing:?}: {output:?}");
            for one in &missing {
                let named = denials.iter().any(|denial| denial.contains(&format!("{one}=1")));
                assert!(named || missing.len() > 1, "{command:?} without {missing:?}: {denials:?}");
            }
            assert!(!denials.is_empty(), "{command:?} without {missing:?}: {output:?}");
            if granted.is_empty() || missing.contains(&"POST") {
                assert_eq!(self.events(&since), "", "{command:?} without {missing:?}");
                assert_eq!(self.state(), before, "{command:?} without {missing:?}");
            }
        }
    }

    /// Containers, images, networks and volumes. Sorted: what was made within the same second is listed in any order.
    fn state(&self) -> Vec<String> {
        let state = self.docker(["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}"])
            + &self.docker(["images", "-a", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"])
            + &self.docker(["network", "ls", "-q", "--no-trunc"])
            + &self.docker(["volume", "ls", "-q"]);
        let mut state: Vec<String> = state.lines().map(str::to_owned).collect();
        state.sort();
        state
    }

    /// All that has happened: also what leaves no trace in the state, such as an exec, an attach or a copy.
    fn events(&self, since: &str) -> String {
        self.docker(["events", "--since", since, "--until", &now(), "--format", "{{.Type}} {{.Action}}"])
    }

    /// Waits until something has happened to a container.
    fn await_event(&self, name: &str, action: &str) {
        let (container, event) = (format!("container={name}"), format!("event={action}"));
        let mut events =
            docker(["events", "--since", "1", "--filter", &container, "--filter", &event]).start(&self.host);
        events.next_line().expect("an event");
    }

    /// A container of a name of its own that does not exist yet.
    fn unused(&self, name: &str) -> Container<'_> {
        docker(["rm", "-f", name]).run(&self.host);
        Container { engine: self, name: name.to_owned() }
    }

    /// `docker run` without the proxy.
    fn container(&self, name: &str, arguments: &[&str]) -> Container<'_> {
        let container = self.unused(name);
        let output = client("docker", [&["run", "--name", name], arguments].concat()).run(&self.host);
        assert!(output.success, "docker run {arguments:?}: {output:?}");
        container
    }

    fn sleeper(&self, name: &str) -> Container<'_> {
        self.container(name, &["-d", "--init", "busybox", "sleep", "999"])
    }

    /// Says `waiting`, and once [`Container::go`] has given it an exit status, `went`.
    fn waiter(&self, name: &str) -> Container<'_> {
        let script = "mkfifo /go; echo waiting; read status </go; echo went; exit $status";
        let container = self.container(name, &["-d", "busybox", "sh", "-c", script]);
        let mut logs = docker(["logs", "-f", name]).start(&self.host);
        assert_eq!(logs.next_line().as_deref(), Some("waiting"));
        container
    }

    /// A name for an image that does not exist yet.
    fn no_image(&self, name: &str) -> Image<'_> {
        docker(["rmi", "-f", name]).run(&self.host);
        Image(name.to_owned(), self)
    }
}

/// A container, which goes with its test.
struct Container<'e> {
    engine: &'e Engine,
    name: String,
}

impl Container<'_> {
    fn inspect(&self, format: &str) -> String {
        self.engine.docker(["inspect", "--format", format, &self.name])
    }

    fn go(&self, status: &str) {
        let word =
            docker(["exec", &self.name, "sh", "-c", &format!("echo {status} >/go")]).run(&self.engine.host);
        // The container may end as soon as it has read the word, and take the command with it.
        assert!(word.success || word.status == Some(137), "{word:?}");
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        docker(["rm", "-f", &self.name]).run(&self.engine.host);
    }
}

/// A network's name; the network goes with its test.
struct Network<'e>(String, &'e Engine);

impl<'e> Network<'e> {
    fn new(engine: &'e Engine, name: &str) -> Self {
        engine.docker(["network", "create", name]);
        Self(name.to_owned(), engine)
    }
}

impl Drop for Network<'_> {
    fn drop(&mut self) {
        docker(["network", "rm", &self.0]).run(&self.1.host);
    }
}

/// An image's name; the image goes with its test.
struct Image<'e>(String, &'e Engine);

impl Drop for Image<'_> {
    fn drop(&mut self) {
        docker(["rmi", "-f", &self.0]).run(&self.1.host);
    }
}

/// DOCKER_HOST for the clients of a proxy.
fn host(proxy: &Program) -> String {
    proxy.address().docker_host()
}

/// Ends a proxy, and returns what it has said about denials.
fn denials(mut proxy: Program) -> Vec<String> {
    proxy.signal("TERM");
    assert!(proxy.wait().success());
    proxy.wait_for_log("stopped");
    proxy.log().into_iter().filter(|line| line.contains(" is denied: ")).collect()
}

/// One command of a client.
#[derive(Debug)]
pub struct Client {
    program: String,
    arguments: Vec<String>,
    env: Option<(&'static str, &'static str)>,
    input: String,
    exits_with: i32,
}

fn docker<const N: usize>(arguments: [&str; N]) -> Client {
    client("docker", arguments)
}

pub fn client<'a>(program: &str, arguments: impl IntoIterator<Item = &'a str>) -> Client {
    let arguments = arguments.into_iter().map(str::to_owned).collect();
    Client { program: program.to_owned(), arguments, env: None, input: String::new(), exits_with: 0 }
}

/// What a command has left.
#[derive(Debug)]
pub struct Finished {
    success: bool,
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Client {
    fn with_input(mut self, input: &str) -> Self {
        input.clone_into(&mut self.input);
        self
    }

    const fn exits_with(mut self, status: i32) -> Self {
        self.exits_with = status;
        self
    }

    const fn with_env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env = Some((name, value));
        self
    }

    fn spawn(&self, host: &str) -> Child {
        Command::new("timeout")
            .args(["-k", "1", SECONDS, &self.program])
            .args(&self.arguments)
            .env("DOCKER_HOST", host)
            .envs(self.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn run(&self, host: &str) -> Finished {
        let mut process = self.spawn(host);
        let (mut stdin, input) = (process.stdin.take().unwrap(), self.input.clone());
        // A client that is refused does not read its input.
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let Output { status, stdout, stderr } = process.wait_with_output().unwrap();
        writer.join().unwrap();
        Finished {
            success: status.success(),
            status: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// Starts what goes on for longer.
    fn start(&self, host: &str) -> Running {
        let mut process = self.spawn(host);
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Running { stdin: process.stdin.take(), stdout, process }
    }
}

/// A command that runs.
struct Running {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    fn write(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next line that it prints; none at its end.
    fn next_line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.pop().map(|_| line)
    }

    /// Ends its input and waits for it.
    fn end(&mut self) -> std::process::ExitStatus {
        self.stdin = None;
        self.stdout.read_to_string(&mut String::new()).unwrap();
        self.process.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // `timeout` hands it on to the client.
        if let Ok(None) = self.process.try_wait() {
            let _ = Command::new("kill").arg(self.process.id().to_string()).status();
            let _ = self.process.wait();
        }
    }
}

/// A folder of the host, which goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A build context with a step that copies and one that runs.
fn context(name: &str) -> Folder {
    let folder = Folder::new(name);
    std::fs::write(folder.path("file"), "of the context\n").unwrap();
    std::fs::write(folder.path("Dockerfile"), "FROM busybox\nCOPY file /copied\nRUN cat /copied >/made\n")
        .unwrap();
    folder
}

/// The time as the engine's events take it.
fn now() -> String {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}
