//! A standard stream that nobody waits for.
//!
//! Who writes hands its lines to a queue, and a thread of the stream's own takes them from there. Where nobody reads the stream (a
//! pipe without a reader, a paused terminal), that thread waits, and the queue fills up; lines that find no room are dropped and
//! counted. Owns invariant 14: no request, no signal and no exit depends on whoever collects the log.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The most bytes that wait in the queue: some thousands of lines. As many can be on their way to the stream, so a stream holds
/// at most twice as much.
pub const MAX_WAITING_BYTES: usize = 512 * 1024;

/// A buffer that has grown larger than this is given back once it is written.
const KEPT_CAPACITY: usize = 16 * 1024;

/// How long the thread waits before it tries again where the stream is set not to block and takes nothing.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// A stream and its queue. Clones share both.
#[derive(Clone)]
pub struct Output(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Tells the thread of the first line that waits.
    filled: Condvar,
    /// Tells who drains that nothing is left.
    emptied: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<u8>,
    /// Lines that found no room since the thread last took what waits.
    dropped: u64,
    /// The thread is writing what it took.
    writing: bool,
}

impl Output {
    /// Starts a thread that writes to `stream`; `dropped` makes the line that says how many were dropped.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn to(
        mut stream: impl Write + Send + 'static,
        dropped: impl Fn(u64) -> String + Send + 'static,
    ) -> io::Result<Self> {
        let output = Self(Arc::default());
        let shared = Arc::clone(&output.0);
        thread::Builder::new().name("output".into()).spawn(move || {
            let mut taken = Vec::new();
            loop {
                let count = shared.take(&mut taken);
                write_patiently(&mut stream, &taken);
                if count > 0 {
                    write_patiently(&mut stream, dropped(count).as_bytes());
                }
                taken.clear();
                taken.shrink_to(KEPT_CAPACITY);
            }
        })?;
        Ok(output)
    }

    /// Hands over whole lines, or drops them where the queue has no room for them. Never waits for the stream.
    pub fn put(&self, lines: &[u8]) {
        let mut queue = self.0.queue();
        // Behind a dropped line none is let in before the thread has said so, or the gap would be in the wrong place.
        if queue.dropped > 0 || queue.waiting.len() + lines.len() > MAX_WAITING_BYTES {
            queue.dropped += 1;
        } else {
            queue.waiting.extend_from_slice(lines);
        }
        drop(queue);
        self.0.filled.notify_one();
    }

    /// Waits until all has been written, at most until the deadline.
    pub fn drain(&self, deadline: Instant) {
        let mut queue = self.0.queue();
        while queue.writing || !queue.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            (queue, _) = self.0.emptied.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// For those who write by this trait; a call is one line or several, and always taken.
impl Write for Output {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.put(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines and swaps them for an empty buffer; returns how many were dropped behind them.
    fn take(&self, taken: &mut Vec<u8>) -> u64 {
        let mut queue = self.queue();
        queue.writing = false;
        while queue.is_empty() {
            self.emptied.notify_all();
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.writing = true;
        std::mem::swap(&mut queue.waiting, taken);
        std::mem::take(&mut queue.dropped)
    }
}

impl Queue {
    const fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.dropped == 0
    }
}

/// Writes all of it, however long that takes. What a closed stream does not take is lost.
fn write_patiently(stream: &mut impl Write, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(0) => return,
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Another process may have set the file that both share not to block.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY_PAUSE),
            Err(_) => return,
        }
    }
    let _ = stream.flush();
}
