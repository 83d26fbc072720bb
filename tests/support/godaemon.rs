//! The Go daemon of `tests/godaemon`, a process in front of which a proxy is put.

use super::{PATIENCE, TempDir};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running Go daemon.
pub struct GoDaemon {
    /// How it deals with a request's body while it answers; `tests/godaemon` has the list.
    pub manner: &'static str,
    /// So many bytes are added to each of its answers.
    pub added: usize,
    /// Whether its Go can answer a request before it has been read.
    pub full_duplex: bool,
    dir: TempDir,
    child: Child,
}

/// A request as Go's net/http read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub method: Vec<u8>,
    pub target: Vec<u8>,
    /// Decoded.
    pub path: Vec<u8>,
    /// What was read of it.
    pub body: Vec<u8>,
    /// Whether all of it was read.
    pub whole: bool,
    /// What came behind, where it was hijacked.
    pub raw: Vec<u8>,
}

/// What a Go daemon has seen since its last report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    pub requests: Vec<Seen>,
    pub bytes: usize,
}

fn program() -> OsString {
    std::env::var_os("GO_DAEMON").expect("GO_DAEMON is the path of tests/godaemon once built")
}

impl GoDaemon {
    /// Starts the program that GO_DAEMON names.
    pub fn start(manner: &'static str, added: usize) -> Self {
        let dir = TempDir::new();
        let mut child = Command::new(program())
            .args([dir.join("docker.sock"), dir.join("control.sock")])
            .args([manner, &added.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the Go daemon starts");
        let mut ready = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut ready).expect("a line");
        let full_duplex = match &ready[..] {
            "ready full-duplex\n" => true,
            "ready half-duplex\n" => false,
            _ => panic!("the Go daemon said {ready:?}"),
        };
        Self { manner, added, full_duplex, dir, child }
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.join("docker.sock")
    }

    /// Waits until no connection to the daemon is left, and returns what it has seen since the last report.
    pub fn report(&self) -> Report {
        let mut control = UnixStream::connect(self.dir.join("control.sock")).expect("a connection");
        control.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        let mut text = String::new();
        control.read_to_string(&mut text).expect("the proxy lets go of its connections");
        let mut report = Report::default();
        for line in text.lines() {
            match line.split('\t').collect::<Vec<_>>()[..] {
                ["request", method, target, path, _, body, error, raw] => report.requests.push(Seen {
                    method: unhex(method),
                    target: unhex(target),
                    path: unhex(path),
                    body: unhex(body),
                    whole: error.is_empty(),
                    raw: unhex(raw),
                }),
                ["bytes", bytes] => report.bytes = bytes.parse().expect("a number"),
                _ => panic!("{line:?}"),
            }
        }
        report
    }
}

/// The program as a reader of chunked bodies alone.
pub struct GoReader {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// Its Go, such as `go1.26.6`.
    pub version: String,
}

impl GoReader {
    /// Starts the program that GO_DAEMON names.
    pub fn start() -> Self {
        let mut command = Command::new(program());
        command.arg("read-chunked").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the Go reader starts");
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut reader = Self { child, stdin, stdout, version: String::new() };
        reader.version = reader.line();
        reader
    }

    /// What it says of a body: `complete LENGTH DATA` with the data in hexadecimal, `waits` or `gave up`.
    pub fn read(&mut self, body: &[u8]) -> String {
        let length = u32::try_from(body.len()).expect("a short body").to_be_bytes();
        self.stdin.write_all(&[&length, body].concat()).expect("it reads");
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }
}

impl Drop for GoReader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for GoDaemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(pair, 16).expect("hexadecimal digits");
    (0..digits.len()).step_by(2).map(|at| byte(&digits[at..at + 2])).collect()
}
