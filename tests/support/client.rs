//! A client that sends raw bytes and reads responses one by one.

use super::{Address, NARROW, PATIENCE, cut_front, find, read_once, show};
use socket2::Socket;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::time::Duration;

/// A client's connection.
#[derive(Debug)]
pub struct Client {
    pub stream: Socket,
    /// Read and not yet used.
    buffer: Vec<u8>,
}

/// A response, its body without framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Client {
    pub fn connect(address: impl Into<Address>) -> Self {
        Self::connect_after(&address.into(), |_| {})
    }

    /// Comes from this address of the host; on TCP.
    pub fn connect_from(source: IpAddr, address: &Address) -> Self {
        Self::connect_after(address, |socket| {
            socket.bind(&SocketAddr::new(source, 0).into()).expect("an address of this host");
        })
    }

    /// Has a narrow receive buffer, so that an answer comes only as fast as it is read; on TCP.
    pub fn connect_narrow(address: &Address) -> Self {
        Self::connect_after(address, |socket| {
            socket.set_recv_buffer_size(NARROW).expect("a narrow buffer");
        })
    }

    fn connect_after(address: &Address, prepare: impl FnOnce(&Socket)) -> Self {
        let stream = address.socket();
        prepare(&stream);
        address.connect_by(&stream).expect("the proxy accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a write timeout");
        Self { stream, buffer: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the proxy takes what is sent");
    }

    /// Sends what the proxy may refuse to take to its end.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends `bytes` and reads one response to a request that is not a HEAD.
    pub fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Response {
        self.send(bytes);
        self.read_response()
    }

    /// Ends what is sent, and goes on reading.
    pub fn half_close(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("a half-close");
    }

    /// Goes away at once and altogether: on TCP with a reset. A Unix socket has none, and needs none to tell.
    pub fn reset(self) {
        self.stream.set_linger(Some(Duration::ZERO)).expect("linger");
    }

    fn read_some(&mut self) -> usize {
        let mut chunk = [0; 16 * 1024];
        let read = match read_once(&mut self.stream, &mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("reading: {error}; so far: {}", show(&self.buffer)),
        };
        self.buffer.extend_from_slice(&chunk[..read]);
        read
    }

    /// Reads exactly so many bytes.
    pub fn read_exact(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.read_some() > 0, "ended early: {}", show(&self.buffer));
        }
        cut_front(&mut self.buffer, count)
    }

    /// Reads up to and including `end`.
    pub fn read_until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = find(&self.buffer, end) {
                return cut_front(&mut self.buffer, at + end.len());
            }
            assert!(self.read_some() > 0, "ended early: {}", show(&self.buffer));
        }
    }

    /// Reads all there is until the end (or a reset).
    pub fn read_to_end(&mut self) -> Vec<u8> {
        while self.read_some() > 0 {}
        std::mem::take(&mut self.buffer)
    }

    /// Whether the connection ends with a reset rather than an orderly end; reads what is left.
    pub fn ends_with_reset(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        loop {
            match read_once(&mut self.stream, &mut chunk) {
                Ok(0) => return false,
                Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return true,
                Err(error) => panic!("reading: {error}"),
            }
        }
    }

    /// Reads one head, its blank line included.
    pub fn read_head(&mut self) -> String {
        String::from_utf8(self.read_until(b"\r\n\r\n")).expect("a head in ASCII")
    }

    /// Reads one whole response to anything but a HEAD.
    pub fn read_response(&mut self) -> Response {
        let head = self.read_head();
        self.read_body(head, false)
    }

    /// Reads one response to a HEAD.
    pub fn read_response_to_head(&mut self) -> Response {
        let head = self.read_head();
        self.read_body(head, true)
    }

    pub fn read_body(&mut self, head: String, bodiless: bool) -> Response {
        let status = head[9..12].parse().expect("a status");
        let mut response = Response { status, head, body: Vec::new() };
        if bodiless || matches!(status, 100..=199 | 204 | 304) {
            return response;
        }
        response.body = if let Some(length) = response.header("content-length") {
            let length = length.parse().expect("a length");
            self.read_exact(length)
        } else if response.header("transfer-encoding").is_some() {
            self.read_chunks()
        } else {
            self.read_to_end()
        };
        response
    }

    fn read_chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = String::from_utf8(self.read_until(b"\r\n")).expect("a chunk size");
            let digits = line.trim_end().split(';').next().expect("digits");
            let size = usize::from_str_radix(digits, 16).expect("a chunk size");
            if size == 0 {
                while self.read_until(b"\r\n") != b"\r\n" {}
                return body;
            }
            body.extend(self.read_exact(size));
            assert_eq!(self.read_exact(2), b"\r\n");
        }
    }
}
