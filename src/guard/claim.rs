//! What one request does with what the client made: the names that it uses, what it takes away, and what it makes.

use super::made::Moved;
use super::own::Own;
use super::reader::{Value, read};
use super::refused::{Need, Refused, Why};
use super::thing::{Thing, may_be_digits, read_id};

/// So many names are used by one request. Each is waited for by who takes it away.
/// - The most that is sent: some ten, by a service of compose.
const MAX_USES: usize = 64;

/// What one request does with what its client made. It is let go when it is dropped.
#[derive(Debug)]
pub struct Claim {
    own: Own,
    /// Whether the verdict went by what was made, which may be another thing the next time.
    asked: bool,
    /// Names that the daemon has still to look up.
    uses: Vec<Use>,
    /// Whether it looks them up until its answer is at its end.
    lasts: bool,
    moving: Option<Moving>,
    making: Option<Making>,
    is_sent: bool,
}

/// A name in the request.
#[derive(Debug)]
struct Use {
    thing: Thing,
    name: Box<str>,
    /// Whether it is looked up before all else, and the answer may come much later.
    is_first: bool,
    /// Whether the daemon has the whole request, and looks the name up soon.
    is_sent: bool,
}

/// A name is taken away, or given.
#[derive(Debug)]
struct Moving {
    thing: Thing,
    number: u64,
    /// By what it is named; empty where it is made.
    reference: Box<str>,
    /// What becomes of it where the daemon does it.
    done: Moved,
}

/// Which daemon answers, as far as it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Docker's from 25 on (API 1.44): no two networks have one name.
    Unique,
    /// Docker's before that.
    Docker,
    /// Another one.
    Other,
}

impl Server {
    /// A name that it takes for nothing else.
    fn usable(self, name: Option<Box<str>>) -> Option<Box<str>> {
        name.filter(|name| self != Self::Other || !may_be_digits(name))
    }
}

/// What is made.
#[derive(Debug)]
struct Making {
    thing: Thing,
    name: Option<Box<str>>,
    /// Whether the daemon was told to refuse a name that is there.
    is_new: bool,
}

impl Claim {
    pub(super) fn new(own: &Own) -> Self {
        let (uses, moving, making) = (Vec::new(), None, None);
        Self { own: own.clone(), asked: false, uses, lasts: false, moving, making, is_sent: false }
    }

    /// Whether there is anything to it.
    #[must_use]
    pub const fn counts(&self) -> bool {
        self.asked || self.making.is_some()
    }

    /// Takes another part of the same request in.
    pub fn join(&mut self, mut other: Self) {
        self.asked |= other.asked;
        self.uses.append(&mut other.uses);
        // What is not taken over ends with the other one.
        self.moving = self.moving.take().or_else(|| other.moving.take());
        self.making = self.making.take().or_else(|| other.making.take());
    }

    /// Whether it has as many names as one request may use.
    pub(super) const fn is_full(&self) -> bool {
        self.uses.len() >= MAX_USES
    }

    /// Whether a reference names what is the client's own. It is used, then.
    pub(super) fn takes(&mut self, thing: Thing, reference: &str) -> bool {
        self.asked = true;
        let taken = self.own.take(thing, reference);
        if taken == Some(true) {
            self.uses.push(Use { thing, name: reference.into(), is_first: false, is_sent: false });
        }
        taken.is_some()
    }

    /// The same of what is removed, or gets a name that may not be known.
    pub(super) fn leaves(&mut self, thing: Thing, reference: &str, done: Moved) -> bool {
        self.asked = true;
        let number = self.own.leave(thing, reference, done.gives());
        self.moves(thing, number, reference, done);
        number.is_some()
    }

    /// The same of what is listed. At the daemon it may be the client's own all the same.
    pub(super) fn leaves_listed(&mut self, thing: Thing, reference: &str, done: Moved) {
        let number = self.own.leave_listed(thing, reference, done.gives());
        self.moves(thing, number, reference, done);
    }

    fn moves(&mut self, thing: Thing, number: Option<u64>, reference: &str, done: Moved) {
        let moving = |number| Moving { thing, number, reference: reference.into(), done };
        self.moving = number.map(moving);
    }

    /// Whether it takes no name away and gives none.
    pub(super) const fn is_unmoved(&self) -> bool {
        self.moving.is_none()
    }

    /// What it has used so far is looked up before all else.
    pub(super) fn looks_up_first(&mut self) {
        self.uses.iter_mut().for_each(|used| used.is_first = true);
    }

    /// The daemon looks names up as long as it answers: a build does so at each step.
    pub(super) const fn lasts(&mut self) {
        self.lasts = true;
    }

    /// It makes something, under this name.
    pub(super) fn makes(&mut self, thing: Thing, name: Option<Box<str>>, is_new: bool) {
        let number = name.clone().and_then(|name| self.own.give(thing, name));
        self.moves(thing, number, "", Moved::Unchanged);
        self.making = Some(Making { thing, name, is_new });
    }

    /// Waits until it may be sent.
    ///
    /// # Errors
    /// What it takes away is no longer the client's own.
    pub async fn wait(&mut self) -> Result<(), Refused> {
        let Some(Moving { thing, number, reference, .. }) = &self.moving else { return Ok(()) };
        match self.own.wait_for_turn(*thing, *number).await {
            true => Ok(()),
            false => Err(Refused {
                path: thing.told().to_owned(),
                why: Why::Needs(Need::Name(*thing, reference.to_string())),
            }),
        }
    }

    /// It is on its way to the daemon: all of it, or some.
    pub fn send(&mut self, is_whole: bool) {
        self.is_sent = true;
        for used in self.uses.iter_mut().filter(|used| is_whole && used.is_first) {
            used.is_sent = true;
            self.own.send(used.thing, &used.name);
        }
    }

    /// Whether something hangs on its answer.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.is_sent && (!self.uses.is_empty() || self.moving.is_some() || self.making.is_some())
    }

    /// The daemon has answered with this status, before the client has any of it. True where the answer's body is to be read.
    pub fn answered(&mut self, status: u16, server: Server) -> bool {
        if !self.lasts {
            self.release();
        }
        if status != 201 {
            self.making = None;
        }
        if self.making.is_some() {
            // The name is given when the body has been read.
            return true;
        }
        if let Some(Moving { thing, number, done, .. }) = self.moving.take() {
            let moved = match status {
                200..300 => match done {
                    Moved::Named(name) => Moved::Named(server.usable(name)),
                    done => done,
                },
                404 => Moved::Gone,
                // It is in use, or there is such a name, or the request is a bad one.
                400 | 403 | 409 => Moved::Unchanged,
                _ => Moved::Named(None),
            };
            self.own.moved(thing, number, moved);
        }
        false
    }

    fn release(&mut self) {
        for Use { thing, name, is_sent, .. } in self.uses.drain(..) {
            self.own.release(thing, &name, is_sent);
        }
    }

    /// Remembers what was made, from the whole body of an answer 201. podman 4.5 to 4.9 also answers so with the ID of a network that was there
    /// before, and Docker before 25 makes another one of its name, unless they are told not to.
    pub fn read(&mut self, body: &[u8], server: Server) {
        self.remember(body, server);
        self.end();
    }

    fn remember(&mut self, body: &[u8], server: Server) {
        let Some(Making { thing, mut name, is_new }) = self.making.take() else { return };
        let Ok(answer) = read(body) else { return };
        if thing == Thing::Network && !is_new {
            let is_alone = || answer.member("Warning").is_some_and(Value::is_zero);
            match server {
                Server::Unique => {}
                // It says so where there is another one.
                Server::Docker => name = name.filter(|_| is_alone()),
                Server::Other => return,
            }
        }
        let key = if thing == Thing::Volume { "Name" } else { "Id" };
        let id = answer.member(key).and_then(|id| read_id(&id.text()?));
        if let Some(id) = id {
            self.own.make(thing, id, server.usable(name));
        }
    }

    /// Ends what takes a name away, or gives one, without its answer.
    fn end(&mut self) {
        if let Some(Moving { thing, number, .. }) = self.moving.take() {
            let moved = if self.is_sent { Moved::Named(None) } else { Moved::Unchanged };
            self.own.moved(thing, number, moved);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.release();
        self.end();
    }
}
