//! What a client made of one kind, with the names that requests use.

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
    made: Vec<Made>,
    /// By name: those that are the client's, and those that are in use.
    names: Vec<Name>,
    /// Requests that take names away or give them, in the order of their coming.
    moves: Vec<Move>,
    /// How many were ever made, or moved.
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
            let made = Made { id, number: self.count, name: None, leaving: 0 };
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

    /// Uses what a reference names. `None` where that is not the client's own; otherwise whether it is by the name, which is in use then until
    /// [`Set::release`].
    pub(super) fn take(&mut self, reference: &str, thing: Thing) -> Option<bool> {
        let Found::ByName(_) = self.find(reference, thing)? else { return Some(false) };
        let place = self.named(reference).ok()?;
        self.names[place].open += 1;
        Some(true)
    }

    fn find(&self, reference: &str, thing: Thing) -> Option<Found> {
        if is_digits(reference) {
            return self.by_digits(reference, thing).map(Found::ById);
        }
        let id = self.names[self.named(reference).ok()?].owner?;
        let place = self.place(&id).ok()?;
        (self.made[place].leaving == 0).then_some(Found::ByName(id))
    }

    /// Begins a removal, or a rename to `gives`, of what a reference names: nobody else can use its name until [`Set::moved`]. Returns its
    /// number.
    pub(super) fn leave(&mut self, reference: &str, thing: Thing, gives: Option<Box<str>>) -> Option<u64> {
        let (id, by_name) = match self.find(reference, thing)? {
            Found::ById(id) => (id, None),
            Found::ByName(id) => (id, Some(reference.into())),
        };
        self.at(&id)?.leaving += 1;
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
        let start = self.made.partition_point(|made| made.id < first);
        let mut alike = self.made[start..].iter().take_while(|made| made.id <= last);
        match (alike.next(), alike.next()) {
            (Some(made), None) => Some(made.id),
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
        match name.and_then(|name| self.names.get(self.named(name).ok()?)) {
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
        self.made[self.place(id).ok()?].name.as_deref()
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
        if let Some(made) = id.and_then(|id| self.at(&id)) {
            made.leaving = made.leaving.saturating_sub(1);
        }
        // Whoever had the name by which the daemon was asked has it no longer.
        if let Some(name) = by_name.filter(|_| moved != Moved::Unchanged)
            && let Ok(place) = self.named(&name)
            && let Some(owner) = self.names[place].owner
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
