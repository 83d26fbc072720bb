//! One direction of a connection: its messages, one after the other.
//!
//! A head that is the same as the last one, byte for byte, is not read and judged again. Clients that poll and health checks ask the same
//! again and again, and what they are answered differs once a second, by its Date. What a head means goes by its bytes, and by nothing that
//! changes: of a request by the policy ([`admit`](crate::proxy::admit::admit)), of a response by the request before it
//! ([`relay`](crate::proxy::relay)).

use crate::http::bytes::starts_with;
use crate::http::framing::{self, BodyFraming};
use crate::http::head::{self, Finder};
use crate::proxy::pump::Pump;

/// Where more than this is held, the last head is not kept: a connection that holds much holds it for the message in flight alone.
/// - The largest head that is sent again and again: some 4 KiB, with a filter for each of many containers.
const MAX_HELD_BYTES: usize = 16 * 1024;

/// One direction, and what its heads mean: `T`.
#[derive(Debug)]
pub struct Direction<T> {
    /// The copy of its messages.
    pub pump: Pump,
    /// The head that came last, or nothing.
    last: Vec<u8>,
    /// What that one means, while no message is in flight.
    meaning: Option<T>,
    /// Whether the head that was found is the last one again.
    is_again: bool,
}

impl<T> Default for Direction<T> {
    fn default() -> Self {
        Self { pump: Pump::default(), last: Vec::new(), meaning: None, is_again: false }
    }
}

impl<T> Direction<T> {
    /// The length of the head that what is held starts with; `None` while it is incomplete.
    ///
    /// # Errors
    /// Those of [`Finder::find`].
    pub fn find_head(&mut self, finder: &mut Finder) -> Result<Option<usize>, head::Error> {
        let held = self.pump.held();
        self.is_again = self.meaning.is_some() && starts_with(held, &self.last);
        if self.is_again {
            return Ok(Some(self.last.len()));
        }
        let found = finder.find(held)?;
        if found.is_none() && !held.is_empty() {
            self.forget();
        }
        Ok(found)
    }

    /// What the head means that was found, where it is the last one again.
    pub fn recall(&mut self) -> Option<T> {
        self.meaning.take_if(|_| self.is_again)
    }

    /// Starts the message whose head was found, the first `length` held bytes.
    ///
    /// # Errors
    /// Those of [`Pump::begin`].
    pub fn begin(&mut self, length: usize, framing: BodyFraming) -> Result<(), framing::Error> {
        self.meaning = None;
        self.pump.begin(length, framing)?;
        let held = self.pump.held();
        if !self.pump.is_held() || held.len() > MAX_HELD_BYTES {
            self.forget();
        } else if !self.is_again {
            self.last.clear();
            self.last.extend_from_slice(&held[..length]);
        }
        Ok(())
    }

    /// Keeps what the head of the message in flight means, for the next one.
    pub fn keep(&mut self, meaning: T) {
        self.meaning = Some(meaning).filter(|_| !self.last.is_empty());
    }

    /// Forgets the last head, and gives its memory back.
    pub fn forget(&mut self) {
        self.last = Vec::new();
        self.meaning = None;
        self.is_again = false;
    }
}
