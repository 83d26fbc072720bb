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

/// How long a daemon may take to look up the names in a request that it has whole, where the answer comes later, or nobody sees it.
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
    /// Each name with the one that has it.
    names: Vec<(Box<str>, Id)>,
    /// Names in requests that the daemon may still look up.
    uses: Vec<Use>,
    /// How many were ever made or used.
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
    number: u64,
    name: Box<str>,
    /// The last time at which the daemon may look it up, if that is known.
    until: Option<Instant>,
    /// Whether nobody waits for the answer any more.
    is_over: bool,
}

/// How a reference names what is the client's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// What it names.
    pub id: Id,
    /// The number of the use, where it is by the name, which others may have later.
    pub used: Option<u64>,
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
        self.state().of(thing)?.take(reference, thing)
    }

    /// The request is with the daemon, and whole: it looks the names up now, whenever it answers.
    pub(super) fn send(&self, thing: Thing, number: u64) {
        if let Some(used) = self.state().of(thing).and_then(|set| set.used(number)) {
            used.until = Some(Instant::now() + LOOKUP);
        }
        self.0.changed.notify_waiters();
    }

    /// Ends the use of a name: at once where the daemon has looked it up or never will, and otherwise when it must have.
    pub(super) fn release(&self, thing: Thing, number: u64, at_once: bool) {
        if let Some(set) = self.state().of(thing) {
            set.release(number, at_once);
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

    /// Waits until no other request uses the name that is taken away, and no other one takes it away.
    pub(super) async fn wait_for_turn(&self, thing: Thing, found: &Found) {
        loop {
            let changed = self.0.changed.notified();
            let turn = self.state().of(thing).map(|set| set.turn(found));
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

    fn take(&mut self, reference: &str, thing: Thing) -> Option<Found> {
        if is_digits(reference) {
            return Some(Found { id: self.by_digits(reference, thing)?, used: None });
        }
        let (_, id) = self.names[self.named(reference).ok()?];
        self.at(&id).filter(|made| made.leaving == 0)?;
        self.count += 1;
        let number = self.count;
        self.uses.push(Use { number, name: reference.into(), until: None, is_over: false });
        Some(Found { id, used: Some(number) })
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

    fn used(&mut self, number: u64) -> Option<&mut Use> {
        self.uses.iter_mut().find(|used| used.number == number)
    }

    fn release(&mut self, number: u64, at_once: bool) {
        let now = Instant::now();
        let Some(place) = self.uses.iter().position(|used| used.number == number) else { return };
        let mut ended = self.uses.swap_remove(place);
        // Of several that are over the last one counts.
        self.uses.retain(|used| {
            !used.is_over || used.until.is_some_and(|time| time > now && (at_once || used.name != ended.name))
        });
        if !at_once {
            ended.until = ended.until.or(Some(now + LOOKUP));
            ended.is_over = true;
            self.uses.push(ended);
        }
    }

    fn turn(&mut self, Found { id, used }: &Found) -> Turn {
        let Ok(place) = self.place(id) else { return Turn::Now };
        let (uses, made) = (&self.uses, &mut self.made[place]);
        if made.is_busy {
            return Turn::Later(None);
        }
        let now = Instant::now();
        let mut others = uses.iter().filter(|other| {
            Some(&other.name) == made.name.as_ref()
                && Some(other.number) != *used
                && other.until.is_none_or(|time| time > now)
        });
        match others.next() {
            Some(other) => Turn::Later(other.until),
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
