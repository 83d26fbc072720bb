//! What a client has made through this proxy. Under GUARD it changes that, and what is listed, and nothing else.
//!
//! IDs come from the daemon's answers ([`Claim::read`](super::Claim::read)), names from the requests. A daemon looks a name up when it
//! gets to a request, and a name can go from one container to another. So a request that takes a name away is not sent before the daemon
//! has looked the name up for all requests that have it, and from then on the name is nobody's. Requests that take one name away or give
//! it go one after the other.

use super::made::{Moved, Set, Turn};
use super::thing::{Id, Thing};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a daemon may take to look up what the path of a stop or a wait names, once it has the whole request. It may answer much later.
/// - What it takes: less than a millisecond, before it does anything else (moby `GetContainer`).
const LOOKUP: Duration = Duration::from_secs(5);

/// What a client made, for all of its connections.
#[derive(Debug, Clone, Default)]
pub(super) struct Own(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something has left, or has got its answer.
    changed: Notify,
}

/// It is state and no setting: two environments that say the same are the same.
impl PartialEq for Own {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Own {}

#[derive(Debug, Default)]
struct State {
    containers: Set,
    execs: Set,
    networks: Set,
    /// Those that were made without a name, and have one of 64 digits.
    volumes: Set,
}

impl Own {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what was made, with the name that it was given.
    pub(super) fn make(&self, thing: Thing, id: Id, name: Option<Box<str>>) {
        if let Some(set) = self.state().of(thing) {
            set.make(id, name);
        }
    }

    /// Uses what a reference names. `None` where that is not the client's own; otherwise whether it is by the name, which is in use then until
    /// [`Own::release`].
    pub(super) fn take(&self, thing: Thing, reference: &str) -> Option<bool> {
        self.state().of(thing)?.take(reference, thing)
    }

    /// The daemon has the whole request, and looks its name up before it does anything else.
    pub(super) fn send(&self, thing: Thing, name: &str) {
        self.change(thing, |set| set.send(name, Instant::now() + LOOKUP));
    }

    /// Ends the use of a name, of a request that [`Own::send`] was told of or not.
    pub(super) fn release(&self, thing: Thing, name: &str, was_sent: bool) {
        self.change(thing, |set| set.release(name, was_sent));
    }

    /// Begins a removal, or a rename to `gives`, of what a reference names: from now on nobody else can use its name. Returns its number.
    pub(super) fn leave(&self, thing: Thing, reference: &str, gives: Option<Box<str>>) -> Option<u64> {
        self.state().of(thing)?.leave(reference, thing, gives)
    }

    /// The same of what is listed, and not known as the client's own.
    pub(super) fn leave_listed(&self, thing: Thing, name: &str, gives: Option<Box<str>>) -> Option<u64> {
        Some(self.state().of(thing)?.leave_listed(name, gives))
    }

    /// Begins to give a name to what is made.
    pub(super) fn give(&self, thing: Thing, name: Box<str>) -> Option<u64> {
        Some(self.state().of(thing)?.give(name))
    }

    /// Ends what [`Own::leave`] or [`Own::give`] began.
    pub(super) fn moved(&self, thing: Thing, number: u64, moved: Moved) {
        self.change(thing, |set| set.moved(number, moved));
    }

    /// Changes what others may wait for.
    fn change(&self, thing: Thing, change: impl FnOnce(&mut Set)) {
        if let Some(set) = self.state().of(thing) {
            change(set);
        }
        self.0.changed.notify_waiters();
    }

    /// Waits until all that came before it with one of its names is through. False where what it takes away is not the client's any more.
    pub(super) async fn wait_for_turn(&self, thing: Thing, number: u64) -> bool {
        loop {
            let changed = self.0.changed.notified();
            let turn = self.state().of(thing).map(|set| set.turn(number));
            match turn {
                None | Some(Turn::Never) => return false,
                Some(Turn::Now) => return true,
                Some(Turn::Later(None)) => changed.await,
                Some(Turn::Later(Some(time))) => drop(tokio::time::timeout_at(time, changed).await),
            }
        }
    }
}

impl State {
    /// `None` for what nobody remembers.
    const fn of(&mut self, thing: Thing) -> Option<&mut Set> {
        match thing {
            Thing::Container => Some(&mut self.containers),
            Thing::Exec => Some(&mut self.execs),
            Thing::Network => Some(&mut self.networks),
            Thing::Volume => Some(&mut self.volumes),
            Thing::Image | Thing::Pod => None,
        }
    }
}
