//! Coarse time and the end of the program: what a connection waits for while it is idle.
//!
//! A timer for each idle connection would be set and taken back with every request, under a lock that all threads share,
//! and while one is set, each wait of the runtime's for events sets one in the kernel. So a thread ticks, and an idle
//! connection counts.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::thread;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Ticks in an IDLE_TIMEOUT.
const TICKS: u64 = 16;

/// What all clocks show.
#[derive(Debug, Default)]
struct Time {
    /// Periods that have passed.
    ticks: AtomicU64,
    /// Whether the program is to stop.
    stopping: AtomicBool,
    /// Told after each change of these two.
    changed: Arc<Notify>,
    /// The last tick that was told.
    told: AtomicU64,
}

/// Moves all clocks. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Timekeeper(Arc<Time>);

/// The clock of one connection.
#[derive(Debug)]
pub struct Clock {
    time: Arc<Time>,
    /// Where the connection began to be idle.
    since: u64,
    change: Change,
}

/// The wait for a change. It goes on while a request is served, and is looked at only once something has changed: to begin it and to
/// look at it takes a lock that all threads share.
#[derive(Debug)]
struct Change {
    /// It tells of every tick behind this one.
    behind: u64,
    told: Pin<Box<OwnedNotified>>,
    /// Who is woken by it.
    waker: Option<Waker>,
}

impl Timekeeper {
    /// Starts a thread that ticks as long as the timekeeper lives.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(idle_timeout: Duration) -> io::Result<Self> {
        let timekeeper = Self::default();
        let time = Arc::downgrade(&timekeeper.0);
        thread::Builder::new().name("clock".into()).spawn(move || {
            loop {
                thread::sleep(Self::period(idle_timeout));
                let Some(time) = time.upgrade() else { return };
                Self(time).tick();
            }
        })?;
        Ok(timekeeper)
    }

    /// The time between two ticks: at least a millisecond.
    #[must_use]
    pub fn period(idle_timeout: Duration) -> Duration {
        (idle_timeout / TICKS as u32).max(Duration::from_millis(1))
    }

    /// Lets one period pass.
    pub fn tick(&self) {
        let Time { ticks, changed, told, .. } = &*self.0;
        let tick = ticks.fetch_add(1, Ordering::SeqCst) + 1;
        changed.notify_waiters();
        told.store(tick, Ordering::SeqCst);
    }

    /// Says that the program is to stop.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }

    /// A clock for one more connection.
    #[must_use]
    pub fn clock(&self) -> Clock {
        let time = Arc::clone(&self.0);
        Clock { since: time.ticks(), change: Change::of(&time), time }
    }
}

impl Time {
    fn ticks(&self) -> u64 {
        self.ticks.load(Ordering::SeqCst)
    }
}

impl Change {
    fn of(time: &Time) -> Self {
        // A tick that is counted and not told yet may be told before this wait begins, or may end it.
        let behind = time.told.load(Ordering::SeqCst);
        Self { behind, told: Box::pin(Arc::clone(&time.changed).notified_owned()), waker: None }
    }

    fn poll(&mut self, time: &Time, cx: &mut Context<'_>) -> Poll<()> {
        let waits = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if waits && time.ticks() == self.behind {
            return Poll::Pending;
        }
        self.waker = Some(cx.waker().clone());
        self.told.as_mut().poll(cx)
    }
}

impl Clock {
    /// Whether the program is to stop.
    #[must_use]
    pub fn stopping(&self) -> bool {
        self.time.stopping.load(Ordering::SeqCst)
    }

    /// From now on the connection is idle.
    pub fn start(&mut self) {
        self.since = self.time.ticks();
    }

    /// Periods that have passed as a whole since the connection began to be idle.
    #[must_use]
    pub fn idle_periods(&self) -> u64 {
        // The first tick ends a period that had begun before.
        (self.time.ticks() - self.since).saturating_sub(1)
    }

    /// Ready where the connection has been idle for IDLE_TIMEOUT, or up to an eighth longer, or the program is to stop. Wakes at each tick.
    pub fn poll_idle_out(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.stopping() || self.idle_periods() >= TICKS {
                return Poll::Ready(());
            }
            ready!(self.change.poll(&self.time, cx));
            self.change = Change::of(&self.time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// A connection can come between any two steps of a tick, and the thread that ticks may rest there for long.
    #[test]
    fn a_connection_that_comes_amid_a_tick_is_told_of_the_next_one() {
        for steps_before in 0..=3 {
            let timekeeper = Timekeeper::default();
            let time = &timekeeper.0;
            let steps: [&dyn Fn(); 3] = [
                &|| _ = time.ticks.fetch_add(1, Ordering::SeqCst),
                &|| time.changed.notify_waiters(),
                &|| time.told.store(1, Ordering::SeqCst),
            ];
            let (before, behind) = steps.split_at(steps_before);
            before.iter().for_each(|step| step());
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            let mut cx = Context::from_waker(&waker);
            let mut clock = timekeeper.clock();
            assert!(clock.poll_idle_out(&mut cx).is_pending());
            behind.iter().for_each(|step| step());
            // As a task does that is woken.
            while woken.0.swap(false, Ordering::SeqCst) {
                assert!(clock.poll_idle_out(&mut cx).is_pending());
            }
            timekeeper.tick();
            assert!(woken.0.load(Ordering::SeqCst), "behind {steps_before} steps");
        }
    }
}
