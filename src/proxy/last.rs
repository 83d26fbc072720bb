//! The last request of a connection: who asks the same again, byte for byte, is not judged again.
//!
//! Clients that poll and health checks do so. The judgement goes by the head's bytes and the policy alone
//! ([`admit`](crate::proxy::admit::admit)), and neither has changed.

use crate::proxy::admit::Admitted;

/// A longer head is judged each time: what is kept is held by an idle connection.
const MAX_KEPT_BYTES: usize = 512;

/// The head that was admitted last, and its verdict while no request is in flight.
#[derive(Debug, Default)]
pub struct Last {
    head: Vec<u8>,
    admitted: Option<Admitted>,
}

impl Last {
    /// The length of the head that `held` starts with, where it is the last one again.
    #[must_use]
    pub fn length_of(&self, held: &[u8]) -> Option<usize> {
        (self.admitted.is_some() && held.starts_with(&self.head)).then_some(self.head.len())
    }

    /// The verdict on a head that is the last one again.
    pub fn take(&mut self, head: &[u8]) -> Option<Admitted> {
        self.admitted.take_if(|_| head == self.head)
    }

    /// Keeps a head that is admitted now.
    pub fn begin(&mut self, head: &[u8]) {
        self.head.clear();
        if head.len() <= MAX_KEPT_BYTES {
            self.head.extend_from_slice(head);
        }
    }

    /// Keeps none: what comes now was not judged by its head alone.
    pub fn forget(&mut self) {
        self.head.clear();
        self.admitted = None;
    }

    /// Keeps its verdict, once its exchange has ended.
    pub fn end(&mut self, admitted: Admitted) {
        self.admitted = Some(admitted).filter(|admitted| admitted.head_length() == self.head.len());
    }
}
