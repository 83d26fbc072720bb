//! A proxy in front of a fake daemon: in this process, or the program itself as a child.

use super::{Address, Client, FakeDaemon, Kind, NARROW, PATIENCE, TempDir, program};
use docker_socket_proxy::config::Config;
use docker_socket_proxy::proxy::bind::bind;
use docker_socket_proxy::proxy::listener;
use docker_socket_proxy::proxy::stream::Either;
use docker_socket_proxy::vars::Environment;
use socket2::SockRef;
use std::fs;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A proxy of this process, on the listener of [`Kind::HERE`]; it stops when dropped.
pub struct Proxy {
    pub address: Address,
    dir: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// PROXY_PROGRAM in its place.
    program: Option<Program>,
}

impl Proxy {
    /// Starts it with these variables.
    pub fn start(daemon: &FakeDaemon, vars: &[(&str, &str)]) -> Self {
        Self::at(&daemon.socket(), vars)
    }

    /// Starts it in front of this socket.
    pub fn at(socket: &Path, vars: &[(&str, &str)]) -> Self {
        Self::with_buffer(socket, vars, None)
    }

    /// The same with narrow buffers towards its clients: it has not passed on what they have not read.
    pub fn narrow_at(socket: &Path, vars: &[(&str, &str)]) -> Self {
        Self::with_buffer(socket, vars, Some(NARROW))
    }

    fn with_buffer(socket: &Path, vars: &[(&str, &str)], send_buffer: Option<usize>) -> Self {
        if program::other().is_some() && send_buffer.is_none() {
            return Self::of_program(socket, vars);
        }
        let mut vars: Vec<(String, String)> =
            vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let dir = TempDir::new();
        let defaults = [
            ("LISTEN", &Kind::HERE.free(&dir)[..]),
            ("SHUTDOWN_GRACE", "100ms"),
            ("SOCKET_PATH", socket.to_str().expect("a path in UTF-8")),
        ];
        vars.extend(defaults.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let environment: Environment = vars.into_iter().collect();
        let config = Arc::new(Config::of(&environment).expect("variables that can be used"));
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, bound) = mpsc::channel();
        let thread = thread::spawn(move || {
            // Of the program's kind: one of one thread has none to spare for a large body.
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(async {
                let entrances =
                    { bind(&config, &[tokio::runtime::Handle::current()]).expect("a free place") };
                let listener = &entrances[0].listeners[0];
                if let Some(bytes) = send_buffer {
                    let Either::Tcp(socket) = &listener.socket else { panic!("no port: {listener:?}") };
                    // The sockets that it accepts have the same.
                    SockRef::from(socket).set_send_buffer_size(bytes).expect("a narrow buffer");
                }
                ready.send(listener.address.to_string()).expect("the test waits");
                listener::run(entrances, config, async { drop(stopped.await) }).await.expect("a thread");
            });
        });
        let address = bound.recv_timeout(PATIENCE).expect("the proxy listens");
        let address = address.parse().expect("an address");
        Self { address, dir, stop: Some(stop), thread: Some(thread), program: None }
    }

    /// The program looks once at its start whether the daemon is there, as one of this process does not. A daemon counts its
    /// connections, so it has another name until then.
    fn of_program(socket: &Path, vars: &[(&str, &str)]) -> Self {
        let dir = TempDir::new();
        let hidden = dir.join("docker.sock");
        let is_there = fs::rename(socket, &hidden).is_ok();
        let mut all = vec![("SHUTDOWN_GRACE", "100ms")];
        all.extend(vars);
        all.push(("LOG_LEVEL", "info"));
        let program = Program::start(socket, &all);
        program.wait_for_log("cannot reach the daemon");
        if is_there {
            fs::rename(&hidden, socket).expect("its name");
        }
        Self { address: program.address().clone(), dir, stop: None, thread: None, program: Some(program) }
    }

    pub fn client(&self) -> Client {
        Client::connect(&self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !thread::panicking() {
                ended.expect("the proxy did not panic");
            }
        }
    }
}

/// The program as a child process, for what a process has: signals, exit status, standard streams.
pub struct Program {
    pub child: Child,
    /// Where it listens, as its first log line says.
    pub addresses: Vec<Address>,
    dir: Option<TempDir>,
    log: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Program {
    /// Its command with nothing but these variables in its environment.
    pub fn command(arguments: &[&str], vars: &[(&str, &str)]) -> Command {
        let mut command = program::command();
        command.args(arguments).env_clear().envs(vars.iter().copied());
        command
    }

    /// Starts it in front of this socket, and waits until it listens.
    pub fn start(socket: &Path, vars: &[(&str, &str)]) -> Self {
        let socket = socket.to_str().expect("a path in UTF-8");
        let mut all = vec![("SOCKET_PATH", socket)];
        all.extend(vars);
        Self::listening(Self::command(&[], &all))
    }

    /// Starts a command of it, and waits until it listens: as [`Kind::HERE`] does, unless its LISTEN says where.
    pub fn listening(mut command: Command) -> Self {
        let dir = TempDir::new();
        // The command may have another user run it.
        dir.open_to_all();
        if command.get_envs().all(|(name, _)| name != "LISTEN") {
            command.env("LISTEN", Kind::HERE.free(&dir));
        }
        let mut program = Self::spawn(command);
        program.dir = Some(dir);
        let line = program.wait_for_log(" on ");
        let (_, listens) = line.split_once(" on ").expect("it listens");
        let (listens, _) = listens.split_once(", daemon at ").expect("and has a daemon");
        program.addresses = listens.split(" and ").filter_map(|word| word.parse().ok()).collect();
        assert!(!program.addresses.is_empty(), "no address in {line:?}");
        program
    }

    /// Where it listens; the first place, where there are several.
    pub fn address(&self) -> &Address {
        self.addresses.first().expect("it listens")
    }

    /// Starts a command and collects its standard error.
    pub fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stderr = child.stderr.take().expect("a pipe");
        let program = Self { child, addresses: Vec::new(), dir: None, log: Arc::default() };
        program.collect(stderr);
        program
    }

    /// Starts it with a standard error and a standard output that take nothing before they are read, which is left to the
    /// caller; waits until it listens.
    pub fn start_stuck(socket: &Path, vars: &[(&str, &str)]) -> (Self, [PipeReader; 2]) {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        // Its log cannot say on which port it listens: an address of its own has every port free.
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = SocketAddr::from(([127, high | 1, low, NEXT.fetch_add(1, Ordering::Relaxed)], 23_750));
        let socket = socket.to_str().expect("a path in UTF-8");
        let listen = address.to_string();
        let mut all = vec![("LISTEN", &listen[..]), ("SOCKET_PATH", socket)];
        all.extend(vars);
        let [(stderr, err), (stdout, out)] = [full_pipe(), full_pipe()];
        let mut command = Self::command(&[], &all);
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().expect("the program starts");
        let addresses = vec![Address::Tcp(address)];
        let program = Self { child, addresses, dir: None, log: Arc::default() };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "nobody listens on {address}");
            thread::sleep(Duration::from_millis(5));
        }
        (program, [stderr, stdout])
    }

    /// Collects its log from this stream.
    pub fn collect(&self, stderr: impl Read + Send + 'static) {
        let collected = Arc::clone(&self.log);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let Ok(line) = line else { break };
                collected.0.lock().expect("no panic").push(line);
                collected.1.notify_all();
            }
        });
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// Waits for a line of its log that holds `needle`.
    pub fn wait_for_log(&self, needle: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.log.0.lock().expect("no panic");
        let mut seen = 0;
        loop {
            if let Some(line) = lines[seen..].iter().find(|line| line.contains(needle)) {
                return line.clone();
            }
            seen = lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no line with {needle:?} in {lines:#?}");
            (lines, _) = self.log.1.wait_timeout(lines, left).expect("no panic");
        }
    }

    /// Its log so far.
    pub fn log(&self) -> Vec<String> {
        self.log.0.lock().expect("no panic").clone()
    }

    /// Sends it a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end; its log: {:#?}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// All of its standard output; to be called once, after its end.
    pub fn stdout(&mut self) -> String {
        let mut out = String::new();
        self.child.stdout.take().expect("a pipe").read_to_string(&mut out).expect("text");
        out
    }
}

/// A pipe that takes nothing more, full of empty lines.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    SockRef::from(&writer).set_nonblocking(true).expect("a flag");
    for length in [4096, 1] {
        while writer.write(&vec![b'\n'; length]).is_ok() {}
    }
    SockRef::from(&writer).set_nonblocking(false).expect("a flag");
    (reader, writer)
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
