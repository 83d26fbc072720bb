//! What a client made of one kind, with the names that requests use.

use super::sorted::Sorted;
use super::thing::{Id, MIN_DIGITS, Thing, is_digits, read_id};
use tokio::time::Instant;

/// So many of each kind are remembered; the oldest are forgotten first.
pub const MAX_MADE: usize = 65_536;

/// A longer name is not remembered.
/// - The longest that is of use: 63 bytes, as the daemon's DNS has it.
pub const MAX_NAME_BYTES: usize = 255;

/// What was made of one kind.
#[derive(Debug, Default)]
pub(super) struct Set {
    /// By ID.
    made: Sorted<Id, Made>,
    /// The IDs in the order of making, by its number.
    order: Sorted<u64, Id>,
    /// Those that are the client's, and those that are in use.
    names: Sorted<Box<str>, Name>,
    /// Requests that take names away or give them, in the order of their coming.
    moves: Vec<Move>,
    /// How many were ever made, or moved.
    count: u64,
}

#[derive(Debug, Default)]
struct Made {
    /// Its place in the order of making, from 1 on.
    number: u64,
    name: Option<Box<str>>,
    /// Requests to remove or to rename it that are not through.
    leaving: usize,
}

/// A request that takes a name away, or gives one, or both. Two that have to do with one name go one after the other: which of them a
/// daemon does first is not to be seen in its answers.
#[derive(Debug)]
struct Move {
    number: u64,
    /// What of the client's own is removed or renamed.
    id: Option<Id>,
    /// The name by which the request says so. It may be one that a list has, without an ID here: what has it at the daemon may still be
    /// the client's own, under a name that nobody told.
    by_name: Option<Box<str>>,
    /// The name that is given.
    gives: Option<Box<str>>,
}

#[derive(Debug, Default)]
struct Name {
    owner: Option<Id>,
    /// Requests that have it, and for which the daemon may look it up at any time.
    open: usize,
    /// Requests for which it looks it up by this time, and that have no answer yet.
    sent: usize,
    until: Option<Instant>,
}

/// How a reference names what is the client's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    ById(Id),
    /// By the name, which others may have later.
    ByName(Id),
}

/// Whether a request that takes a name away or gives one may go on.
pub(super) enum Turn {
    Now,
    /// What it names is no longer the client's own.
    Never,
    /// At the latest then, if that is known.
    Later(Option<Instant>),
}

/// What became of what a request removes or renames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Moved {
    /// Nothing: it was not sent, or the daemon has refused it.
    Unchanged,
    /// It is gone.
    Gone,
    /// It has this name now, or one that nobody knows.
    Named(Option<Box<str>>),
}

impl Moved {
    /// The name that is given.
    pub(super) fn gives(&self) -> Option<Box<str>> {
        if let Self::Named(name) = self { name.clone() } else { None }
    }
}

impl Set {
    /// Remembers one.
    pub(super) fn make(&mut self, id: Id, name: Option<Box<str>>) {
        if self.made.len() >= MAX_MADE {
            // One that is on its way out is waited for.
            let is_staying = |id: &Id| self.made.get(id).is_some_and(|made| made.leaving == 0);
            let oldest = self.order.from(&0).map(|(_, id)| *id).find(is_staying);
            if let Some(oldest) = oldest {
                self.forget(&oldest);
            }
        }
        let made = self.made.entry(id);
        if made.number == 0 {
            self.count += 1;
            made.number = self.count;
            *self.order.entry(self.count) = id;
        }
        self.rename(&id, name);
    }

    fn forget(&mut self, id: &Id) {
        self.rename(id, None);
        if let Some(made) = self.made.remove(id) {
            self.order.remove(&made.number);
        }
    }

    /// Gives a name to one, and takes it from whoever had it.
    fn rename(&mut self, id: &Id, name: Option<Box<str>>) {
        if let Some(old) = self.made.get_mut(id).and_then(|made| made.name.take()) {
            self.change(&old, |name| name.owner = None);
        }
        let Some(text) = name else { return };
        let before = self.names.entry(text.clone()).owner.replace(*id);
        if let Some(made) = before.and_then(|other| self.made.get_mut(&other)) {
            made.name = None;
        }
        if let Some(made) = self.made.get_mut(id) {
            made.name = Some(text);
        }
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
        let Some(known) = self.names.get_mut(name) else { return };
        change(known);
        if known.owner.is_none() && known.open + known.sent == 0 {
            self.names.remove(name);
        }
    }

    /// Uses what a reference names. `None` where that is not the client's own; otherwise whether it is by the name, which is in use then until
    /// [`Set::release`].
    pub(super) fn take(&mut self, reference: &str, thing: Thing) -> Option<bool> {
        let Found::ByName(_) = self.find(reference, thing)? else { return Some(false) };
        self.names.get_mut(reference)?.open += 1;
        Some(true)
    }

    fn find(&self, reference: &str, thing: Thing) -> Option<Found> {
        if is_digits(reference) {
            return self.by_digits(reference, thing).map(Found::ById);
        }
        let id = self.names.get(reference)?.owner?;
        (self.made.get(&id)?.leaving == 0).then_some(Found::ByName(id))
    }

    /// Begins a removal, or a rename to `gives`, of what a reference names: nobody else can use its name until [`Set::moved`]. Returns its
    /// number.
    pub(super) fn leave(&mut self, reference: &str, thing: Thing, gives: Option<Box<str>>) -> Option<u64> {
        let (id, by_name) = match self.find(reference, thing)? {
            Found::ById(id) => (id, None),
            Found::ByName(id) => (id, Some(reference.into())),
        };
        self.made.get_mut(&id)?.leaving += 1;
        Some(self.begin(Some(id), by_name, gives))
    }

    /// The same of what is listed, and not known as the client's own.
    pub(super) fn leave_listed(&mut self, name: &str, gives: Option<Box<str>>) -> u64 {
        self.begin(None, Some(name.into()), gives)
    }

    /// Begins to give a name to what is made.
    pub(super) fn give(&mut self, name: Box<str>) -> u64 {
        self.begin(None, None, Some(name))
    }

    fn begin(&mut self, id: Option<Id>, by_name: Option<Box<str>>, gives: Option<Box<str>>) -> u64 {
        self.count += 1;
        self.moves.push(Move { number: self.count, id, by_name, gives });
        self.count
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
        let mut alike = self.made.from(&first).take_while(|(id, _)| *id <= last);
        match (alike.next(), alike.next()) {
            (Some((id, _)), None) => Some(*id),
            _ => None,
        }
    }

    /// Whether it may go on: all that came before it with one of its names is through.
    pub(super) fn turn(&self, number: u64) -> Turn {
        let Some(place) = self.place_of_move(number) else { return Turn::Never };
        let (before, this) = (&self.moves[..place], &self.moves[place]);
        if before.iter().any(|other| self.meet(other, this)) {
            return Turn::Later(None);
        }
        let Move { id: Some(id), by_name, .. } = this else { return Turn::Now };
        let name = self.name_of(id);
        if by_name.is_some() && by_name.as_deref() != name {
            return Turn::Never;
        }
        match name.and_then(|name| self.names.get(name)) {
            Some(Name { open: 1.., .. }) => Turn::Later(None),
            Some(Name { sent: 1.., until: Some(until), .. }) if *until > Instant::now() => {
                Turn::Later(Some(*until))
            }
            _ => Turn::Now,
        }
    }

    fn place_of_move(&self, number: u64) -> Option<usize> {
        self.moves.binary_search_by(|other| other.number.cmp(&number)).ok()
    }

    fn name_of(&self, id: &Id) -> Option<&str> {
        self.made.get(id)?.name.as_deref()
    }

    /// The name that a request takes away, as far as it is known.
    fn taken<'s>(&'s self, of: &'s Move) -> Option<&'s str> {
        of.by_name.as_deref().or_else(|| self.name_of(of.id.as_ref()?))
    }

    /// Whether two have to do with one name, or with one thing, or may have.
    fn meet(&self, one: &Move, other: &Move) -> bool {
        let names = |of| [self.taken(of), of.gives.as_deref()];
        let (ones, others) = (names(one), names(other));
        let is_listed = |of: &Move| of.id.is_none() && of.by_name.is_some();
        let is_unknown = |of: &Move| of.id.is_some() && self.taken(of).is_none();
        (one.id.is_some() && one.id == other.id)
            || ones.iter().any(|name| name.is_some() && others.contains(name))
            || (is_listed(one) && is_unknown(other))
            || (is_unknown(one) && is_listed(other))
    }

    /// Ends what [`Set::leave`] or [`Set::give`] began.
    pub(super) fn moved(&mut self, number: u64, moved: Moved) {
        let Some(place) = self.place_of_move(number) else { return };
        let Move { id, by_name, .. } = self.moves.remove(place);
        if let Some(made) = id.and_then(|id| self.made.get_mut(&id)) {
            made.leaving = made.leaving.saturating_sub(1);
        }
        // Whoever had the name by which the daemon was asked has it no longer.
        if let Some(name) = by_name.filter(|_| moved != Moved::Unchanged)
            && let Some(owner) = self.names.get(&name).and_then(|name| name.owner)
        {
            self.rename(&owner, None);
        }
        match (id, moved) {
            (None, _) | (_, Moved::Unchanged) => {}
            (Some(id), Moved::Gone) => self.forget(&id),
            (Some(id), Moved::Named(name)) => self.rename(&id, name),
        }
    }
}
