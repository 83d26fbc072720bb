//! What the integration tests share: a fake daemon that records every byte, a proxy in front of it, and a client.
//!
//! Everything here blocks and fails by itself after [`PATIENCE`]: a test that waits waits for an event.

#![allow(dead_code, unused_imports, missing_docs, reason = "every test binary uses its own part of this")]

pub mod address;
pub mod boundaries;
pub mod client;
pub mod crowd;
pub mod daemon;
pub mod go;
pub mod godaemon;
pub mod naive;
pub mod program;
pub mod proxy;

pub use address::{Address, Kind};
pub use client::{Client, Response};
pub use daemon::{FakeDaemon, Session};
pub use proxy::{Program, Proxy};

use std::fs::Permissions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Nothing takes longer, or the test has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of a narrow socket buffer. With less, loopback drops packets and sends them again a fifth of a second later.
pub const NARROW: usize = 4096;

/// Sets a flag at its end, by a panic too: a scope would wait for ever for threads that run until it is set.
pub struct SetAtEnd<'a>(pub &'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A folder of a test's own, removed with it.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("dsp-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    /// Has everybody make files in it.
    pub fn open_to_all(&self) {
        std::fs::set_permissions(&self.0, Permissions::from_mode(0o777)).expect("a mode");
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Where `needle` starts in `haystack`.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Reads once. A socket with a read timeout gives up where the process is stopped and goes on (signal(7)), as a busy machine does.
pub fn read_once(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Takes so many bytes from the front.
pub fn cut_front(buffer: &mut Vec<u8>, count: usize) -> Vec<u8> {
    let rest = buffer.split_off(count);
    std::mem::replace(buffer, rest)
}

/// Bytes as a message of a failed assertion shows them.
pub fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// Bytes in which nothing can be lost, doubled or swapped unseen.
pub fn pattern(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 8);
    let mut state = 1_u64;
    while bytes.len() < length {
        // Knuth's MMIX generator; the upper half is the better one.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_be_bytes()[..4]);
    }
    bytes.truncate(length);
    bytes
}
