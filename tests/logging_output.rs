//! Standard streams that nobody waits for: what they keep, what they drop, and what they say of it.

use docker_socket_proxy::logging::{MAX_WAITING_BYTES, Output};
use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// A stream that says when there is something to write, takes it when it is told to, and shows it.
struct Gated {
    asked: Sender<()>,
    open: Receiver<()>,
    written: Sender<String>,
}

impl Write for Gated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.asked.send(()).map_err(io::Error::other)?;
        self.open.recv().map_err(io::Error::other)?;
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.written.send(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stream_that_nobody_reads_drops_and_counts_and_says_so_in_its_place() {
    let (asked, writes) = channel();
    let (gate, open) = channel();
    let (written, read) = channel();
    let dropped = |count| format!("{count} dropped\n");
    let output = Output::to(Gated { asked, open, written }, dropped).expect("a thread");
    let take = || {
        gate.send(()).expect("the thread lives");
        read.recv_timeout(Duration::from_secs(20)).expect("it writes")
    };

    output.put(b"first\n");
    // The thread has the first line, and takes no more for now: fill the queue, and more.
    writes.recv_timeout(Duration::from_secs(20)).expect("it writes");
    let line = [vec![b'x'; 1023], vec![b'\n']].concat();
    let lines = 2 * MAX_WAITING_BYTES / line.len();
    for _ in 0..lines {
        output.put(&line);
    }
    output.put(b"lost as well\n");
    let mut all = String::new();
    while !all.ends_with("dropped\n") {
        all.push_str(&take());
    }
    assert!(all.starts_with("first\n"));
    let kept = all.lines().filter(|line| line.starts_with('x')).count();
    let count: usize = all
        .lines()
        .last()
        .and_then(|line| line.split(' ').next())
        .expect("a count")
        .parse()
        .expect("a number");
    assert_eq!(kept + count, lines + 1, "every line is there or counted");
    assert!(kept < lines, "the queue is bounded");

    output.put(b"after\n");
    assert_eq!(take(), "after\n");
    output.drain(Instant::now() + Duration::from_secs(20));
    assert!(read.try_recv().is_err(), "nothing more was written");
}

#[test]
fn draining_waits_for_what_is_written_and_not_for_a_stuck_stream() {
    let (asked, _writes) = channel();
    let (gate, open) = channel();
    let (written, read) = channel();
    let output = Output::to(Gated { asked, open, written }, |_| String::new()).expect("a thread");
    // Nothing to wait for.
    output.drain(Instant::now() + Duration::from_secs(3600));
    output.put(b"stuck\n");
    let deadline = Instant::now() + Duration::from_millis(50);
    output.drain(deadline);
    assert!(Instant::now() >= deadline, "it is being written");
    assert!(read.try_recv().is_err());
    gate.send(()).expect("the thread lives");
    output.drain(Instant::now() + Duration::from_secs(3600));
    assert_eq!(read.try_recv().as_deref(), Ok("stuck\n"));
}

#[test]
fn a_stream_that_does_not_block_is_tried_again() {
    struct Busy(u32, Sender<Vec<u8>>);
    impl Write for Busy {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => Err(ErrorKind::WouldBlock.into()),
                2 => Err(ErrorKind::Interrupted.into()),
                _ => self.1.send(bytes[..1].to_vec()).map(|()| 1).map_err(io::Error::other),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (written, read) = channel();
    let output = Output::to(Busy(0, written), |_| String::new()).expect("a thread");
    output.put(b"one");
    output.drain(Instant::now() + Duration::from_secs(3600));
    assert_eq!(read.try_iter().flatten().collect::<Vec<_>>(), b"one");
}

#[test]
fn a_line_that_never_fits_is_dropped_and_those_behind_it_are_not() {
    let (asked, _writes) = channel();
    let (gate, open) = channel();
    let (written, read) = channel();
    let output =
        Output::to(Gated { asked, open, written }, |count| format!("{count} dropped\n")).expect("a thread");
    output.put(&vec![b'x'; MAX_WAITING_BYTES + 1]);
    gate.send(()).expect("the thread lives");
    assert_eq!(read.recv_timeout(Duration::from_secs(20)).as_deref(), Ok("1 dropped\n"));
    output.put(b"behind\n");
    gate.send(()).expect("the thread lives");
    assert_eq!(read.recv_timeout(Duration::from_secs(20)).as_deref(), Ok("behind\n"));
}
