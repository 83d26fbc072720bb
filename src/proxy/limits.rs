//! The descriptor limit: as many as the connections need, or as many connections as it allows.

use log::warn;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors of one connection: the client, the daemon, and for an upload or a hijack the watch over the client.
const PER_CONNECTION: u64 = 3;

/// Descriptors of a runtime: its events, what wakes it, and signals.
const PER_RUNTIME: u64 = 4;

/// Descriptors of the program itself beside those of listening and of the runtimes: the standard streams, and files that are read.
const OF_OUR_OWN: u64 = 27;

/// Raises the soft limit up to what so many connections and runtimes need beside these descriptors for listening, and returns how many
/// connections the hard limit leaves room for, at least one. Not further: some kernels and container runtimes set a limit of a billion.
#[must_use]
pub fn make_room(connections: usize, listening: usize, runtimes: usize) -> usize {
    let of_our_own = OF_OUR_OWN + listening as u64 + runtimes as u64 * PER_RUNTIME;
    let needed = (connections as u64).saturating_mul(PER_CONNECTION).saturating_add(of_our_own);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None: there is no limit.
    let (soft, hard) = (current.unwrap_or(u64::MAX), maximum.unwrap_or(u64::MAX));
    if soft >= needed {
        return connections;
    }
    let wanted = needed.min(hard);
    let soft = match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        Ok(()) => wanted,
        Err(_) => soft,
    };
    if soft >= needed {
        return connections;
    }
    let possible = (soft.saturating_sub(of_our_own) / PER_CONNECTION).max(1) as usize;
    warn!(
        event = "limits";
        "MAX_CONNECTIONS is lowered from {connections} to {possible}: the hard limit of open files is {hard}, and so many \
         connections would need {needed}"
    );
    possible
}
