//! The places of MAX_CONNECTIONS: each client that is served has one.

use crate::proxy::backlog::Backlog;
use log::warn;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// How often it is said that every place is taken.
const FULL_INTERVAL: Duration = Duration::from_secs(60);

/// The places of MAX_CONNECTIONS.
pub struct Places {
    free: Arc<Semaphore>,
    most: usize,
    port: u16,
    /// When it may be said again that there is none.
    next_warning: Instant,
}

impl Places {
    /// So many places, for the clients of this port.
    #[must_use]
    pub fn new(most: usize, port: u16) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), most, port, next_warning: Instant::now() }
    }

    /// Takes one. While there is none, the log says so once a minute. Cancel-safe.
    pub async fn take(&mut self) -> OwnedSemaphorePermit {
        loop {
            if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
                return place;
            }
            tokio::select! {
                biased;
                Ok(place) = Arc::clone(&self.free).acquire_owned() => return place,
                () = sleep_until(self.next_warning) => {}
            }
            self.next_warning = Instant::now() + FULL_INTERVAL;
            let waiting = Backlog::waiting_on(self.port);
            let others = match waiting {
                Some(0) => String::from("the next one has to wait"),
                Some(1) => String::from("1 waits"),
                Some(waiting) => format!("{waiting} wait"),
                None => String::from("others wait"),
            };
            warn!(
                event = "full", waiting;
                "all places are taken: {} clients are served, as many as MAX_CONNECTIONS says, and {others}", self.most
            );
        }
    }

    /// How many are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.most - self.free.available_permits()
    }

    /// Waits until nobody is served.
    pub async fn all_free(&self) {
        let _ = self.free.acquire_many(self.most as u32).await;
    }
}
