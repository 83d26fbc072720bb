//! Coarse time and the end of the program: what a connection waits for while it is idle.
//!
//! A timer for each idle connection would be set and taken back with every request, under a lock that all threads share,
//! and while one is set, each wait of the runtime's for events sets one in the kernel. So a thread ticks, and an idle
//! connection counts.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::watch;

/// Ticks in an IDLE_TIMEOUT.
const TICKS: u32 = 16;

/// What all clocks show.
#[derive(Debug, Default)]
struct Time {
    /// Periods that have passed.
    ticks: u64,
    /// Whether the program is to stop.
    stopping: bool,
}

/// Moves all clocks. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Timekeeper(Arc<watch::Sender<Time>>);

/// The clock of one connection.
#[derive(Debug)]
pub struct Clock(watch::Receiver<Time>);

impl Timekeeper {
    /// Starts a thread that ticks as long as the timekeeper lives.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(idle_timeout: Duration) -> io::Result<Self> {
        let timekeeper = Self::default();
        let sender = Arc::downgrade(&timekeeper.0);
        thread::Builder::new().name("clock".into()).spawn(move || {
            loop {
                thread::sleep(Self::period(idle_timeout));
                let Some(sender) = sender.upgrade() else { return };
                Self(sender).tick();
            }
        })?;
        Ok(timekeeper)
    }

    /// The time between two ticks: at least a millisecond.
    #[must_use]
    pub fn period(idle_timeout: Duration) -> Duration {
        (idle_timeout / TICKS).max(Duration::from_millis(1))
    }

    /// Lets one period pass.
    pub fn tick(&self) {
        self.0.send_modify(|time| time.ticks += 1);
    }

    /// Says that the program is to stop.
    pub fn stop(&self) {
        self.0.send_modify(|time| time.stopping = true);
    }

    /// A clock for one more connection.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock(self.0.subscribe())
    }
}

impl Clock {
    /// Whether the program is to stop. Costs next to nothing while nothing has happened.
    #[must_use]
    pub fn stopping(&self) -> bool {
        !matches!(self.0.has_changed(), Ok(false)) && self.0.borrow().stopping
    }

    /// Waits for IDLE_TIMEOUT, or up to an eighth longer, but not once the program is to stop. Looks at the time only once it has
    /// changed: a look takes a lock that all threads share.
    pub async fn idle_out(&mut self) {
        let mut first = None;
        // An error: nobody keeps the time any more.
        while self.0.changed().await.is_ok() {
            let Time { ticks, stopping } = *self.0.borrow_and_update();
            // The first change may be a tick that came before the wait: that one does not count.
            let first = *first.get_or_insert(ticks);
            if stopping || ticks > first + u64::from(TICKS) {
                return;
            }
        }
    }
}
