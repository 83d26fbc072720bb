//! The signals that the program heeds, and those that it only answers.

use log::warn;
use std::io;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals to stop that come within so long of the first are that one: `timeout` sends each twice, to the process and to its
/// group, and a terminal and its shell do so too.
const SAME_STOP: Duration = Duration::from_secs(1);

/// SIGTERM and SIGINT.
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Takes them from now on.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one, and returns its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Waits for one that is not the first again, which has just come.
    pub async fn next_but_same(&mut self) -> &'static str {
        let first = Instant::now();
        loop {
            let name = self.next().await;
            if first.elapsed() >= SAME_STOP {
                return name;
            }
        }
    }
}

/// SIGUSR1, which asks for LEARN's report.
///
/// # Errors
/// The system's.
pub fn user_defined1() -> io::Result<Signal> {
    signal(SignalKind::user_defined1())
}

/// Takes a signal from now on that would end the program and is not meant to. What is returned says once that it does nothing.
///
/// # Errors
/// The system's.
pub fn ignore(kind: SignalKind, sentence: &'static str) -> io::Result<impl Future<Output = ()>> {
    let mut ignored = signal(kind)?;
    Ok(async move {
        let mut said = false;
        while ignored.recv().await.is_some() {
            if !said {
                warn!(event = "signal"; "{sentence}");
            }
            said = true;
        }
    })
}
