//! A daemon on a Unix socket that does as a test says, and remembers every byte that reached it.

use super::{PATIENCE, TempDir, cut_front, find, read_once, show};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

/// A fake daemon; each of its connections is served by a thread of its own.
pub struct FakeDaemon {
    dir: TempDir,
    record: Arc<Record>,
}

/// What reached the daemon, one entry a connection, in the order of accepting.
#[derive(Default)]
struct Record {
    connections: Mutex<Vec<Received>>,
    changed: Condvar,
}

#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    ended: bool,
}

/// One connection as the daemon sees it.
pub struct Session {
    stream: UnixStream,
    buffer: Vec<u8>,
    at: usize,
    record: Arc<Record>,
}

/// A request as the daemon reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Bytes that are no UTF-8 are replaced; the record has them as they came.
    pub head: String,
    /// With its framing.
    pub body: Vec<u8>,
}

impl Request {
    /// `METHOD target`.
    pub fn line(&self) -> &str {
        self.head.split(" HTTP/").next().expect("a request line")
    }
}

/// A whole response with Content-Length.
pub fn response(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

impl FakeDaemon {
    /// Serves each connection with `serve`; when that returns, the connection is read to its end, recorded and closed.
    pub fn serving(serve: impl Fn(&mut Session) + Send + Sync + 'static) -> Self {
        let dir = TempDir::new();
        let listener = UnixListener::bind(dir.join("docker.sock")).expect("a socket");
        let daemon = Self { dir, record: Arc::default() };
        daemon.accept(listener, serve);
        daemon
    }

    /// Answers every request with 200 and its own request line as the body.
    pub fn echoing() -> Self {
        Self::serving(|session| {
            while let Some(request) = session.read_request() {
                session.send(response("200 OK", request.line()));
            }
        })
    }

    /// Answers every request with these bytes.
    pub fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::serving(move |session| {
            while session.read_request().is_some() {
                session.send(&bytes);
            }
        })
    }

    /// Goes on on a listener of the test's own.
    pub fn accept(&self, listener: UnixListener, serve: impl Fn(&mut Session) + Send + Sync + 'static) {
        let record = Arc::clone(&self.record);
        let serve = Arc::new(serve);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let mut connections = record.connections.lock().expect("no panic");
                let at = connections.len();
                connections.push(Received::default());
                drop(connections);
                record.changed.notify_all();
                let (record, serve) = (Arc::clone(&record), Arc::clone(&serve));
                thread::spawn(move || {
                    let mut session = Session { stream, buffer: Vec::new(), at, record };
                    serve(&mut session);
                    // In the end everything that was sent counts, also what nobody waited for.
                    while session.read_some() > 0 {}
                });
            }
        });
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("docker.sock")
    }

    /// A path beside its socket.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// What reached it so far, over all connections.
    pub fn received(&self) -> Vec<u8> {
        self.connections().concat()
    }

    /// What reached it so far, by connection.
    pub fn connections(&self) -> Vec<Vec<u8>> {
        let connections = self.record.connections.lock().expect("no panic");
        connections.iter().map(|connection| connection.bytes.clone()).collect()
    }

    /// Waits until all connections have ended, and returns all that reached it, by connection.
    pub fn ended(&self) -> Vec<Vec<u8>> {
        self.wait(|connections| connections.iter().all(|connection| connection.ended));
        self.connections()
    }

    /// Waits until `count` connections have been made.
    pub fn wait_for_connections(&self, count: usize) {
        self.wait(|connections| connections.len() >= count);
    }

    /// Waits until `count` connections have ended.
    pub fn wait_for_ends(&self, count: usize) {
        self.wait(|connections| connections.iter().filter(|connection| connection.ended).count() >= count);
    }

    /// Waits until so many bytes have reached it, over all connections.
    pub fn wait_for_bytes(&self, count: usize) {
        self.wait(|connections| {
            connections.iter().map(|connection| connection.bytes.len()).sum::<usize>() >= count
        });
    }

    /// Waits until what reached it holds `needle`.
    pub fn wait_for(&self, needle: &[u8]) {
        self.wait(|connections| {
            connections.iter().any(|connection| find(&connection.bytes, needle).is_some())
        });
    }

    fn wait(&self, until: impl Fn(&[Received]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut connections = self.record.connections.lock().expect("no panic");
        while !until(&connections) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain; the daemon saw {:?}", {
                connections.iter().map(|one| (show(&one.bytes), one.ended)).collect::<Vec<_>>()
            });
            (connections, _) = self.record.changed.wait_timeout(connections, left).expect("no panic");
        }
    }
}

impl AsRef<Path> for FakeDaemon {
    fn as_ref(&self) -> &Path {
        &self.dir.0
    }
}

impl Session {
    /// Reads once; 0 at the end.
    pub fn read_some(&mut self) -> usize {
        let mut chunk = [0; 64 * 1024];
        let read = match read_once(&mut self.stream, &mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("the daemon cannot read: {error}"),
        };
        self.buffer.extend_from_slice(&chunk[..read]);
        let mut connections = self.record.connections.lock().expect("no panic");
        connections[self.at].bytes.extend_from_slice(&chunk[..read]);
        connections[self.at].ended |= read == 0;
        drop(connections);
        self.record.changed.notify_all();
        read
    }

    /// Reads one request, its body included; `None` at the end. What it cannot read it panics on: only the clean
    /// requests of a test's own may get here.
    pub fn read_request(&mut self) -> Option<Request> {
        let head = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                let head = cut_front(&mut self.buffer, at + 4);
                break String::from_utf8_lossy(&head).into_owned();
            }
            if self.read_some() == 0 {
                return None;
            }
        };
        let lower = head.to_ascii_lowercase();
        let value = |name: &str| {
            lower.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
        };
        let body = if let Some(length) = value("content-length") {
            self.read_exact(length.parse().expect("a length"))?
        } else if value("transfer-encoding").is_some() {
            self.read_until(b"0\r\n\r\n")?
        } else {
            Vec::new()
        };
        Some(Request { head, body })
    }

    /// Reads exactly so many bytes; `None` if the end comes before.
    pub fn read_exact(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            if self.read_some() == 0 {
                return None;
            }
        }
        Some(cut_front(&mut self.buffer, count))
    }

    /// Reads up to and including `end`; `None` if the end of the stream comes before.
    pub fn read_until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.buffer, end) {
                return Some(cut_front(&mut self.buffer, at + end.len()));
            }
            if self.read_some() == 0 {
                return None;
            }
        }
    }

    /// Reads all until the proxy ends.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        while self.read_some() > 0 {}
        std::mem::take(&mut self.buffer)
    }

    /// Sends, unless the proxy has gone.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Sends, or says that the proxy has gone.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// What has been read and not been asked for.
    pub fn ahead(&self) -> &[u8] {
        &self.buffer
    }

    /// Closes without reading what has come, which the proxy sees as a reset if there is any.
    pub fn abandon(&mut self) {
        let (ended, _) = UnixStream::pair().expect("a pair of sockets");
        self.stream = ended;
    }

    /// Ends what is sent, and goes on reading.
    pub fn half_close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Closes both ways, so that what the proxy still sends is not read.
    pub fn close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        let mut connections = self.record.connections.lock().expect("no panic");
        connections[self.at].ended = true;
        drop(connections);
        self.record.changed.notify_all();
    }
}

/// How long a daemon may stand still in a test.
pub fn wait_patiently(receiver: &std::sync::mpsc::Receiver<()>) {
    receiver.recv_timeout(PATIENCE).expect("the test goes on");
}
