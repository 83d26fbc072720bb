//! Thousands of connections in one process: descriptors, and a daemon that serves each connection in a task.

use super::Program;
use super::address::{Address, of_either_kind};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::RwLock;
use tokio::task::JoinHandle;

/// Raises this process's limit of open files to `needed`, where it is lower; says so and returns false where the hard limit is lower.
pub fn have_descriptors(needed: u64) -> bool {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let (soft, hard) = (current.unwrap_or(u64::MAX), maximum.unwrap_or(u64::MAX));
    if hard < needed {
        eprintln!("skipped: it needs {needed} open files, and the hard limit is {hard}");
        return false;
    }
    let raised = Rlimit { current: Some(soft.max(needed)), maximum };
    setrlimit(Resource::Nofile, raised).expect("a higher limit");
    true
}

/// A runtime for the crowd.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Connects to a listener of either kind.
pub async fn connect(address: &Address) -> io::Result<TcpStream> {
    match address {
        Address::Tcp(address) => TcpStream::connect(address).await,
        Address::Unix(path) => of_either_kind(UnixStream::connect(path).await?),
    }
}

/// A daemon with dockerd's backlog; `door` held for writing keeps it from accepting.
pub struct Daemon {
    pub door: Arc<RwLock<()>>,
    accepting: JoinHandle<()>,
}

impl Daemon {
    /// Listens on `socket`, from within a runtime.
    pub fn serving<S: Future<Output = io::Result<()>> + Send + 'static>(
        socket: &Path,
        serve: impl Fn(UnixStream) -> S + Send + 'static,
    ) -> Self {
        let listener = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None).expect("a socket");
        listener.bind(&SockAddr::unix(socket).expect("a path")).expect("bound");
        listener.listen(128).expect("listening");
        let listener = UnixListener::from_std(OwnedFd::from(listener).into()).expect("a listener");
        let door = Arc::new(RwLock::new(()));
        let open = Arc::clone(&door);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(open.read().await);
                tokio::spawn(serve(stream));
            }
        });
        Self { door, accepting }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A figure of `/proc/PID/status` that is given in kB, in bytes.
pub fn memory(program: &Program, figure: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.child.id())).expect("a process");
    let line = status.lines().find(|line| line.starts_with(figure)).expect("a figure");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
}

/// A program's open descriptors.
pub fn descriptors(program: &Program) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", program.child.id())).expect("a process").count()
}
