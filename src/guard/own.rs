//! What a client has made through this proxy. Under GUARD it changes that, and what is listed, and nothing else.
//!
//! IDs come from the daemon's answers ([`Claim::read`](super::Claim::read)), names from the requests. A daemon looks a name up when it
//! gets to a request, and a name can go from one container to another. So a request that takes a name away is not sent before the daemon
//! has looked the name up for all requests that have it, and from then on the name is nobody's.

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

/// How long a daemon may take to look up what a path names, once it has the whole request: some answer later, as a stop does.
/// - What it takes: less than a millisecond, before it does anything else (moby `GetContainer`).
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
    /// By name: those that are the client's, and those that are in use.
    names: Vec<Name>,
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
struct Name {
    text: Box<str>,
    owner: Option<Id>,
    /// Requests that have it, and for which the daemon may look it up at any time.
    open: usize,
    /// Requests for which it looks it up by this time, and that have no answer yet.
    sent: usize,
    until: Option<Instant>,
}

/// How a reference names what is the client's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// What it names.
    pub id: Id,
    /// Whether it does so by the name, which others may have later, and which is in use then.
    pub by_name: bool,
}

/// Whether a request that takes a name away may go on.
enum Turn {
    Now,
    /// What it names is no longer the client's own.
    Never,
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
        self.state().of(thing)?.take(reference, thing)
    }

    /// The daemon has the whole request, and looks its name up before it does anything else.
    pub(super) fn send(&self, thing: Thing, name: &str) {
        self.change(thing, name, |name| {
            (name.open, name.sent) = (name.open.saturating_sub(1), name.sent + 1);
            name.until = Some(Instant::now() + LOOKUP);
        });
    }

    /// Ends the use of a name, of a request that [`Own::send`] was told of or not.
    pub(super) fn release(&self, thing: Thing, name: &str, was_sent: bool) {
        self.change(thing, name, |name| {
            let uses = if was_sent { &mut name.sent } else { &mut name.open };
            *uses = uses.saturating_sub(1);
        });
    }

    fn change(&self, thing: Thing, name: &str, change: impl FnOnce(&mut Name)) {
        if let Some(set) = self.state().of(thing) {
            set.change(name, change);
        }
        self.0.changed.notify_waiters();
    }

    /// The same as [`Own::take`] where the request takes the name away: from now on nobody else can use it.
    pub(super) fn leave(&self, thing: Thing, reference: &str) -> Option<Found> {
        let mut state = self.state();
        let set = state.of(thing)?;
        let found = set.take(reference, thing)?;
        set.at(&found.id)?.leaving += 1;
        Some(found)
    }

    /// Waits until no other request uses the name that is taken away, and no other one takes it away. False where it names nothing of the
    /// client's any more.
    pub(super) async fn wait_for_turn(&self, thing: Thing, found: &Found, reference: &str) -> bool {
        loop {
            let changed = self.0.changed.notified();
            let turn = self.state().of(thing).map(|set| set.turn(found, reference));
            match turn {
                None | Some(Turn::Never) => return false,
                Some(Turn::Now) => return true,
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
        if self.made.len() >= MAX_MADE {
            // One that is on its way out is waited for.
            let staying = self.made.iter().filter(|made| made.leaving == 0);
            if let Some(oldest) = staying.min_by_key(|made| made.number).map(|made| made.id) {
                self.forget(&oldest);
            }
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
        if let Some(old) = self.at(id).and_then(|made| made.name.take()) {
            self.change(&old, |name| name.owner = None);
        }
        let Some(text) = name else { return };
        let made_name = text.clone();
        let before = match self.named(&text) {
            Ok(place) => self.names[place].owner.replace(*id),
            Err(place) => {
                self.names.insert(place, Name { text, owner: Some(*id), open: 0, sent: 0, until: None });
                None
            }
        };
        if let Some(made) = before.and_then(|other| self.at(&other)) {
            made.name = None;
        }
        if let Some(made) = self.at(id) {
            made.name = Some(made_name);
        }
    }

    fn named(&self, name: &str) -> Result<usize, usize> {
        self.names.binary_search_by(|other| (*other.text).cmp(name))
    }

    /// Changes what is known of a name, and forgets it where it is nobody's and in no use.
    fn change(&mut self, name: &str, change: impl FnOnce(&mut Name)) {
        let Ok(place) = self.named(name) else { return };
        let name = &mut self.names[place];
        change(name);
        if name.owner.is_none() && name.open + name.sent == 0 {
            self.names.remove(place);
        }
    }

    fn take(&mut self, reference: &str, thing: Thing) -> Option<Found> {
        if is_digits(reference) {
            return Some(Found { id: self.by_digits(reference, thing)?, by_name: false });
        }
        let place = self.named(reference).ok()?;
        let id = self.names[place].owner?;
        self.at(&id).filter(|made| made.leaving == 0)?;
        self.names[place].open += 1;
        Some(Found { id, by_name: true })
    }

    fn by_digits(&self, reference: &str, thing: Thing) -> Option<Id> {
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
            (Some(made), None) => Some(made.id),
            _ => None,
        }
    }

    fn turn(&mut self, Found { id, by_name }: &Found, reference: &str) -> Turn {
        let Ok(place) = self.place(id) else {
            // Nothing else has the ID.
            return if *by_name { Turn::Never } else { Turn::Now };
        };
        let made = &self.made[place];
        if *by_name && made.name.as_deref() != Some(reference) {
            return Turn::Never;
        }
        if made.is_busy {
            return Turn::Later(None);
        }
        let name = made.name.as_ref().and_then(|name| self.names.get(self.named(name).ok()?));
        match name {
            Some(name) if name.open > usize::from(*by_name) => return Turn::Later(None),
            Some(Name { sent: 1.., until: Some(until), .. }) if *until > Instant::now() => {
                return Turn::Later(Some(*until));
            }
            _ => {}
        }
        self.made[place].is_busy = true;
        Turn::Now
    }

    fn left(&mut self, id: &Id, had_turn: bool, left: Left) {
        let Some(made) = self.at(id) else { return };
        made.leaving = made.leaving.saturating_sub(1);
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
