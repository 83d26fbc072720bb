//! How much is held of bodies that are judged.

use tokio::sync::{Semaphore, SemaphorePermit};

/// The most bytes of a body that is judged.
/// - The largest that is sent: some 3 KiB by clients; an environment of 100 KiB by hand.
/// - The least that fails: 4 MiB, which authorization plugins of dockerd 29.4 do not get to see.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The most bytes of all bodies that are held at once, shared out among those who have a listener of their own.
pub const MAX_HELD_BYTES: usize = 16 * 1024 * 1024;

/// The room for the bodies of one frontend's clients, in bytes.
#[derive(Debug)]
pub struct Room(Semaphore);

/// What a body takes of it, until this is dropped.
#[derive(Debug, Default)]
pub struct Held<'r>(Option<SemaphorePermit<'r>>);

impl Room {
    /// That of one of so many frontends: no client takes another one's.
    #[must_use]
    pub fn for_one_of(frontends: usize) -> Self {
        Self(Semaphore::new(MAX_HELD_BYTES / frontends.max(1)))
    }

    /// Takes so many bytes more; `None` where they are not free.
    #[must_use]
    pub fn take<'r>(&'r self, held: &mut Held<'r>, bytes: usize) -> Option<()> {
        let more = self.0.try_acquire_many(u32::try_from(bytes).ok()?).ok()?;
        match &mut held.0 {
            Some(permit) => permit.merge(more),
            None => held.0 = Some(more),
        }
        Some(())
    }
}
