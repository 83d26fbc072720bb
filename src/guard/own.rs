//! What a client has made through this proxy. Under GUARD it changes that, and what is listed, and nothing else.
//!
//! IDs come from the daemon's answers ([`Claim::read`](super::Claim::read)), names from the requests. A daemon looks a name up when it
//! gets to a request, and a name can go from one container to another. So a request that takes a name away is not sent before all
//! requests that use the name have their answers, and from then on the name is nobody's.

use crate::http::bytes::hex_value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// So many of each kind are remembered; the oldest are forgotten first.
pub const MAX_MADE: usize = 65_536;

/// The least digits of an ID that stand for it.
/// - What clients show and send: 12 digits (docker `ps`).
/// - What would be too few: 7 digits, of which two containers in 20,000 are likely to be alike.
const MIN_DIGITS: usize = 12;

/// How long a daemon may take to look up the names in a request that it has, where nobody saw the answer.
const LOOKUP: Duration = Duration::from_secs(5);

/// What a request can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// A container.
    Container,
    /// A command in a container.
    Exec,
    /// An image, by the name that it has or gets.
    Image,
    /// A network.
    Network,
    /// A pod of podman's.
    Pod,
    /// A volume that has a name.
    Volume,
}

impl Thing {
    /// Whether a daemon finds one by the start of its ID, too.
    pub(super) const fn has_id(self) -> bool {
        !matches!(self, Self::Volume)
    }

    /// What a client is told that it named.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Container => "the container",
            Self::Exec => "the exec",
            Self::Image => "the image",
            Self::Network => "the network",
            Self::Pod => "the pod",
            Self::Volume => "the volume",
        }
    }
}

/// The 64 digits of a container, a network or an exec.
pub(super) type Id = [u8; 32];

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
}

#[derive(Debug, Default)]
struct Set {
    /// By ID.
    made: Vec<Made>,
    /// Each name with the one that has it.
    names: Vec<(Box<str>, Id)>,
    /// Names in requests that have no answer yet.
    uses: Vec<Use>,
    /// How many were ever made.
    count: u64,
}

#[derive(Debug)]
struct Made {
    id: Id,
    /// Its place in the order of making.
    number: u64,
    name: Option<Box<str>>,
    /// Requests to remove or to rename it that are not through.
    leaving: usize,
    /// Whether one of them is with the daemon.
    is_busy: bool,
}

#[derive(Debug)]
struct Use {
    name: Box<str>,
    /// Where nobody will see the answer: how long the daemon may still look the name up.
    until: Option<Instant>,
}

/// How a reference names what is the client's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// What it names.
    pub id: Id,
    /// Whether it does so by the name, which others may have later.
    pub by_name: bool,
}

/// Whether a request that takes a name away may go on.
enum Turn {
    Now,
    /// At the latest then, if that is known.
    Later(Option<Instant>),
}

/// What became of a request that takes a name away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing: it was not sent, or the daemon has refused it.
    Unchanged,
    /// It is gone.
    Gone,
    /// It has this name now, or one that nobody knows.
    Named(Option<Box<str>>),
}

/// Whether a daemon can take a reference for the start of an ID, where nothing has it as its name: it is hexadecimal digits alone. podman's
/// database takes an underscore for any digit (`libpod/sqlite_state.go`, LIKE).
pub(super) fn is_digits(reference: &str) -> bool {
    reference.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'_')
}

/// Whether it has so many digits that it stands for one ID.
pub(super) fn is_id(reference: &str) -> bool {
    reference.len() >= MIN_DIGITS && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The ID that a daemon tells; `None` for other than 64 digits in lower case.
pub(super) fn read_id(text: &str) -> Option<Id> {
    let mut id = Id::default();
    let digits = text.as_bytes();
    if digits.len() != 2 * id.len() {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(id)
}

fn digit(byte: u8) -> Option<u8> {
    hex_value(byte).filter(|_| !byte.is_ascii_uppercase())
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

    /// Finds what a reference names. A name is in use from then on until [`Own::release`] says otherwise.
    pub(super) fn take(&self, thing: Thing, reference: &str) -> Option<Found> {
        let mut state = self.state();
        let set = state.of(thing)?;
        let found = set.find(reference, thing)?;
        if found.by_name {
            set.uses.push(Use { name: reference.into(), until: None });
        }
        Some(found)
    }

    /// Ends the use of a name: at once, or at a time, where nobody will see the answer.
    pub(super) fn release(&self, thing: Thing, name: &str, until: Option<Instant>) {
        if let Some(set) = self.state().of(thing) {
            set.release(name, until);
        }
        self.0.changed.notify_waiters();
    }

    /// Begins to take away the name of what a reference names: from now on nobody can use the name.
    pub(super) fn leave(&self, thing: Thing, reference: &str) -> Option<Id> {
        let mut state = self.state();
        let set = state.of(thing)?;
        let Found { id, .. } = set.find(reference, thing)?;
        set.at(&id)?.leaving += 1;
        Some(id)
    }

    /// Waits until no other request uses the name that is taken away, and no other one takes it away.
    pub(super) async fn wait_for_turn(&self, thing: Thing, id: &Id) {
        loop {
            let changed = self.0.changed.notified();
            let turn = self.state().of(thing).map(|set| set.turn(id));
            match turn {
                None | Some(Turn::Now) => return,
                Some(Turn::Later(None)) => changed.await,
                Some(Turn::Later(Some(time))) => drop(tokio::time::timeout_at(time, changed).await),
            }
        }
    }

    /// Ends what [`Own::leave`] began. `had_turn`: whether it came to its turn.
    pub(super) fn left(&self, thing: Thing, id: &Id, had_turn: bool, left: Left) {
        if let Some(set) = self.state().of(thing) {
            set.left(id, had_turn, left);
        }
        self.0.changed.notify_waiters();
    }
}

/// Until when a daemon may look up names in a request that was sent then.
pub(super) fn settled(sent: Instant) -> Instant {
    sent + LOOKUP
}

impl State {
    /// `None` for what nobody remembers.
    const fn of(&mut self, thing: Thing) -> Option<&mut Set> {
        match thing {
            Thing::Container => Some(&mut self.containers),
            Thing::Exec => Some(&mut self.execs),
            Thing::Network => Some(&mut self.networks),
            Thing::Image | Thing::Pod | Thing::Volume => None,
        }
    }
}

impl Set {
    fn place(&self, id: &Id) -> Result<usize, usize> {
        self.made.binary_search_by(|made| made.id.cmp(id))
    }

    fn at(&mut self, id: &Id) -> Option<&mut Made> {
        let place = self.place(id).ok()?;
        self.made.get_mut(place)
    }

    fn make(&mut self, id: Id, name: Option<Box<str>>) {
        if self.made.len() >= MAX_MADE
            && let Some(oldest) = self.made.iter().min_by_key(|made| made.number).map(|made| made.id)
        {
            self.forget(&oldest);
        }
        if let Err(place) = self.place(&id) {
            self.count += 1;
            let made = Made { id, number: self.count, name: None, leaving: 0, is_busy: false };
            self.made.insert(place, made);
        }
        self.rename(&id, name);
    }

    fn forget(&mut self, id: &Id) {
        self.rename(id, None);
        if let Ok(place) = self.place(id) {
            self.made.remove(place);
        }
    }

    /// Gives a name to one, and takes it from whoever had it.
    fn rename(&mut self, id: &Id, name: Option<Box<str>>) {
        if let Some(old) = self.at(id).and_then(|made| made.name.take())
            && let Ok(place) = self.named(&old)
        {
            self.names.remove(place);
        }
        let Some(name) = name else { return };
        match self.named(&name) {
            Ok(place) => {
                let other = std::mem::replace(&mut self.names[place].1, *id);
                if let Some(other) = self.at(&other) {
                    other.name = None;
                }
            }
            Err(place) => self.names.insert(place, (name.clone(), *id)),
        }
        if let Some(made) = self.at(id) {
            made.name = Some(name);
        }
    }

    fn named(&self, name: &str) -> Result<usize, usize> {
        self.names.binary_search_by(|(other, _)| (**other).cmp(name))
    }

    fn find(&self, reference: &str, thing: Thing) -> Option<Found> {
        if !is_digits(reference) {
            let (_, id) = self.names[self.named(reference).ok()?];
            let is_there = self.place(&id).is_ok_and(|place| self.made[place].leaving == 0);
            return is_there.then_some(Found { id, by_name: true });
        }
        let least = if thing == Thing::Exec { 2 * size_of::<Id>() } else { MIN_DIGITS };
        let rest = (2 * size_of::<Id>()).checked_sub(reference.len())?;
        if reference.len() < least {
            return None;
        }
        let first = read_id(&(reference.to_owned() + &"0".repeat(rest)))?;
        let last = read_id(&(reference.to_owned() + &"f".repeat(rest)))?;
        let start = self.made.partition_point(|made| made.id < first);
        let mut alike = self.made[start..].iter().take_while(|made| made.id <= last);
        match (alike.next(), alike.next()) {
            (Some(made), None) => Some(Found { id: made.id, by_name: false }),
            _ => None,
        }
    }

    fn release(&mut self, name: &str, until: Option<Instant>) {
        if let Some(place) = self.uses.iter().position(|used| used.until.is_none() && *used.name == *name) {
            self.uses.swap_remove(place);
        }
        let Some(until) = until else { return };
        let now = Instant::now();
        self.uses.retain(|used| used.until.is_none_or(|time| time > now));
        match self.uses.iter_mut().find(|used| used.until.is_some() && *used.name == *name) {
            Some(used) => used.until = used.until.max(Some(until)),
            None => self.uses.push(Use { name: name.into(), until: Some(until) }),
        }
    }

    fn turn(&mut self, id: &Id) -> Turn {
        let now = Instant::now();
        self.uses.retain(|used| used.until.is_none_or(|time| time > now));
        let Ok(place) = self.place(id) else { return Turn::Now };
        let (uses, made) = (&self.uses, &mut self.made[place]);
        let mut of_name = uses.iter().filter(|used| Some(&used.name) == made.name.as_ref());
        if made.is_busy {
            return Turn::Later(None);
        }
        match of_name.next() {
            Some(used) => Turn::Later(used.until),
            None => {
                made.is_busy = true;
                Turn::Now
            }
        }
    }

    fn left(&mut self, id: &Id, had_turn: bool, left: Left) {
        let Some(made) = self.at(id) else { return };
        made.leaving -= 1;
        if had_turn {
            made.is_busy = false;
        }
        match left {
            Left::Unchanged => {}
            Left::Gone => self.forget(id),
            Left::Named(name) => self.rename(id, name),
        }
    }
}
