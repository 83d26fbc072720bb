//! What the judging of bodies may take: memory, and the time of the threads that serve everybody.

use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::task::block_in_place;

/// The most bytes of a body that is judged.
/// - The largest that is sent: some 3 KiB by clients; an environment of 100 KiB by hand.
/// - The least that fails: 4 MiB, which authorization plugins of dockerd 29.4 do not get to see.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The most bytes of chunked framing around it. Who sends chunks of 16 KiB needs 1 KiB.
pub const MAX_FRAMING_BYTES: usize = 64 * 1024;

/// The most bytes of all bodies that are held at once, shared out among those who have a listener of their own. Where there are so many
/// that a share would be less than a body, each has room for one.
pub const MAX_HELD_BYTES: usize = 16 * 1024 * 1024;

/// A body of so many bytes is judged in less than half a millisecond, whatever is in it. One of [`MAX_BODY_BYTES`] can take fifty.
const QUICK_BYTES: usize = 8 * 1024;

/// So many large bodies are judged at once, whoever sent them: one of [`MAX_BODY_BYTES`] can take 7 MB for that.
static LARGE: Semaphore = Semaphore::const_new(4);

/// The room for the bodies of one frontend's clients.
#[derive(Debug)]
pub struct Room {
    bytes: Semaphore,
    /// Held by whose large body is judged.
    turn: Mutex<()>,
}

/// What a body takes of it, until this is dropped.
#[derive(Debug, Default)]
pub struct Held<'r>(Option<SemaphorePermit<'r>>);

impl Room {
    /// That of one of so many frontends: no client takes another one's.
    #[must_use]
    pub fn for_one_of(frontends: usize) -> Self {
        let share = MAX_HELD_BYTES / frontends.max(1);
        Self { bytes: Semaphore::new(share.max(MAX_BODY_BYTES + MAX_FRAMING_BYTES)), turn: Mutex::new(()) }
    }

    /// Takes so many bytes more; `None` where they are not free.
    #[must_use]
    pub fn take<'r>(&'r self, held: &mut Held<'r>, bytes: usize) -> Option<()> {
        let more = self.bytes.try_acquire_many(u32::try_from(bytes).ok()?).ok()?;
        match &mut held.0 {
            Some(permit) => permit.merge(more),
            None => held.0 = Some(more),
        }
        Some(())
    }

    /// Judges a body of so many bytes, a large one when its turn comes: of a frontend's clients one at a time is judged, by a thread that
    /// leaves the runtime's other tasks to its blocking thread meanwhile. Otherwise those who send many would have all threads for
    /// themselves, and everybody else would wait for seconds.
    pub async fn in_turn<T>(&self, bytes: usize, judge: impl FnOnce() -> T) -> T {
        if bytes <= QUICK_BYTES {
            return judge();
        }
        let _turn = self.turn.lock().await;
        let _large = LARGE.acquire().await;
        block_in_place(judge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;
    use tokio::runtime::{Builder, Runtime};

    const PATIENCE: Duration = Duration::from_secs(10);

    fn one_thread() -> std::io::Result<Runtime> {
        Builder::new_multi_thread().worker_threads(1).build()
    }

    #[test]
    fn whoever_has_nothing_to_do_with_a_large_body_goes_on_while_it_is_judged() -> std::io::Result<()> {
        let runtime = one_thread()?;
        let (asked, waits) = mpsc::channel();
        let judged = runtime.spawn(async move {
            let room = Room::for_one_of(1);
            // Only another task of the same runtime ends this.
            room.in_turn(QUICK_BYTES + 1, move || waits.recv_timeout(PATIENCE)).await
        });
        runtime.spawn(async move { asked.send(()) });
        assert_eq!(runtime.block_on(judged)?, Ok(()));
        Ok(())
    }

    #[test]
    fn each_of_many_frontends_has_room_for_the_largest_body() {
        let room = Room::for_one_of(1000);
        let (mut whole, mut more) = (Held::default(), Held::default());
        assert_eq!(room.take(&mut whole, MAX_BODY_BYTES + MAX_FRAMING_BYTES), Some(()));
        assert_eq!(room.take(&mut more, 1), None);
    }

    #[test]
    fn one_large_body_of_a_frontend_is_judged_at_a_time() -> std::io::Result<()> {
        let runtime = Builder::new_multi_thread().worker_threads(4).build()?;
        let (room, busy) = (Arc::new(Room::for_one_of(1)), Arc::new(AtomicBool::new(false)));
        let judged = (0..40).map(|_| {
            let (room, busy) = (Arc::clone(&room), Arc::clone(&busy));
            runtime.spawn(async move {
                let alone = || {
                    let alone = !busy.swap(true, SeqCst);
                    std::thread::sleep(Duration::from_millis(1));
                    busy.store(false, SeqCst);
                    alone
                };
                room.in_turn(QUICK_BYTES + 1, alone).await
            })
        });
        for judged in judged.collect::<Vec<_>>() {
            assert!(runtime.block_on(judged)?, "two at once");
        }
        Ok(())
    }
}
