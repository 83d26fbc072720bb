//! The places of MAX_CONNECTIONS: each connection that is served has one.
//!
//! One frontend has them all. Of several, each has a share that nobody else can take, and what is left is for whoever comes
//! first: half of the places are shared out, so that one client alone may still have more than half. A frontend holds one for its
//! next client.

use crate::proxy::backlog::Backlog;
use crate::proxy::bind::{Address, Entrance};
use log::warn;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// How often it is said that every place is taken.
const FULL_INTERVAL: Duration = Duration::from_secs(60);

/// How many of so many places each frontend has of its own: no less than one.
#[must_use]
pub fn share(most: usize, frontends: usize) -> usize {
    if frontends == 1 { most } else { (most / 2 / frontends).max(1) }
}

/// All places.
#[derive(Debug)]
pub struct Pool {
    most: usize,
    /// What each frontend has of its own.
    share: usize,
    /// Each frontend's own.
    own: Vec<Arc<Semaphore>>,
    /// What is for everybody.
    common: Arc<Semaphore>,
}

impl Pool {
    /// So many places for so many frontends.
    #[must_use]
    pub fn new(most: usize, frontends: usize) -> Self {
        let share = share(most, frontends);
        let common = most.saturating_sub(share * frontends);
        Self {
            most: share * frontends + common,
            share,
            own: (0..frontends).map(|_| Arc::new(Semaphore::new(share))).collect(),
            common: Arc::new(Semaphore::new(common)),
        }
    }

    /// What the frontend at this place can take.
    #[must_use]
    pub fn places(&self, place: usize, entrance: &Entrance) -> Places {
        Places {
            own: Arc::clone(&self.own[place]),
            common: Arc::clone(&self.common),
            share: self.share,
            name: entrance.frontend.name.clone(),
            addresses: entrance.listeners.iter().map(|listener| listener.address.clone()).collect(),
            next_warning: Instant::now(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Semaphore>> {
        self.own.iter().chain([&self.common])
    }

    /// How many are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.most - self.all().map(|places| places.available_permits()).sum::<usize>()
    }

    /// Waits until nobody is served.
    pub async fn all_free(&self) {
        let _ = self.common.acquire_many((self.most - self.share * self.own.len()) as u32).await;
        for own in &self.own {
            let _ = own.acquire_many(self.share as u32).await;
        }
    }
}

/// The places of one frontend.
#[derive(Debug)]
pub struct Places {
    own: Arc<Semaphore>,
    common: Arc<Semaphore>,
    /// How many of its own there are.
    share: usize,
    name: Option<String>,
    addresses: Vec<Address>,
    /// When it may be said again that there is none.
    next_warning: Instant,
}

impl Places {
    /// Takes one. While there is none, the log says so once a minute. Cancel-safe.
    pub async fn take(&mut self) -> OwnedSemaphorePermit {
        let Self { own, common, .. } = self;
        loop {
            for places in [&*own, &*common] {
                if let Ok(place) = Arc::clone(places).try_acquire_owned() {
                    return place;
                }
            }
            tokio::select! {
                biased;
                Ok(place) = Arc::clone(own).acquire_owned() => return place,
                Ok(place) = Arc::clone(common).acquire_owned() => return place,
                () = sleep_until(self.next_warning) => {}
            }
            self.next_warning = Instant::now() + FULL_INTERVAL;
            let waiting_at = |address: &Address| match address {
                Address::Tcp(address) => Backlog::waiting_on(address.port()),
                Address::Unix(_) => None,
            };
            let waiting = self.addresses.iter().map(waiting_at).sum::<Option<usize>>();
            let others = match waiting {
                Some(0) => String::from("the next one has to wait"),
                Some(1) => String::from("1 waits"),
                Some(waiting) => format!("{waiting} wait"),
                None => String::from("others wait"),
            };
            let share = self.share;
            let taken = match &self.name {
                None => format!(
                    "all places are taken: {share} clients are served, as many as MAX_CONNECTIONS says"
                ),
                Some(name) => {
                    format!(
                        "all places of {name} are taken: its own {share} of MAX_CONNECTIONS, and all that are for everybody"
                    )
                }
            };
            warn!(event = "full", name = self.name, waiting; "{taken}, and {others}");
        }
    }
}
