//! What a client made of one kind, with the names that requests use.

use super::thing::{Id, MIN_DIGITS, Thing, is_digits, read_id};
use tokio::time::Instant;

/// So many of each kind are remembered; the oldest are forgotten first.
pub const MAX_MADE: usize = 65_536;

/// What was made of one kind.
#[derive(Debug, Default)]
pub(super) struct Set {
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
pub(super) enum Turn {
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

impl Set {
    fn place(&self, id: &Id) -> Result<usize, usize> {
        self.made.binary_search_by(|made| made.id.cmp(id))
    }

    fn at(&mut self, id: &Id) -> Option<&mut Made> {
        let place = self.place(id).ok()?;
        self.made.get_mut(place)
    }

    /// Remembers one.
    pub(super) fn make(&mut self, id: Id, name: Option<Box<str>>) {
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

    /// The daemon looks a name up by this time, for one of the requests that use it.
    pub(super) fn send(&mut self, name: &str, until: Instant) {
        self.change(name, |name| {
            (name.open, name.sent) = (name.open.saturating_sub(1), name.sent + 1);
            name.until = Some(until);
        });
    }

    /// One of the requests that use a name does so no longer. `was_sent`: [`Set::send`] was told of it.
    pub(super) fn release(&mut self, name: &str, was_sent: bool) {
        self.change(name, |name| {
            let uses = if was_sent { &mut name.sent } else { &mut name.open };
            *uses = uses.saturating_sub(1);
        });
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

    /// Finds what a reference names. Where it is the name, it is in use until [`Set::release`].
    pub(super) fn take(&mut self, reference: &str, thing: Thing) -> Option<Found> {
        if is_digits(reference) {
            return Some(Found { id: self.by_digits(reference, thing)?, by_name: false });
        }
        let place = self.named(reference).ok()?;
        let id = self.names[place].owner?;
        self.at(&id).filter(|made| made.leaving == 0)?;
        self.names[place].open += 1;
        Some(Found { id, by_name: true })
    }

    /// The same where the request takes the name away: nobody else can use it until [`Set::left`].
    pub(super) fn leave(&mut self, reference: &str, thing: Thing) -> Option<Found> {
        let found = self.take(reference, thing)?;
        self.at(&found.id)?.leaving += 1;
        Some(found)
    }

    fn by_digits(&self, reference: &str, thing: Thing) -> Option<Id> {
        let least = match thing {
            Thing::Exec | Thing::Volume => 2 * size_of::<Id>(),
            _ => MIN_DIGITS,
        };
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

    /// Whether it may go on: the daemon is through with the name for all others.
    pub(super) fn turn(&mut self, Found { id, by_name }: &Found, reference: &str) -> Turn {
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

    /// Ends what [`Set::leave`] began. `had_turn`: whether it went on.
    pub(super) fn left(&mut self, id: &Id, had_turn: bool, left: Left) {
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
