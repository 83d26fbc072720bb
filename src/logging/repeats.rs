//! What is said of a warning that comes again: the first one of each address in full, then one sum a minute.

use crate::logging::source::Source;
use log::Level;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Repeats of a warning are summed up over this long.
pub const WINDOW: Duration = Duration::from_secs(60);

/// So many different warnings of one address are told apart within a window; further ones are summed up as one. With it, a
/// storm of one address is some 50 KiB a minute, whatever it is made of.
const MAX_KINDS: usize = 100;

/// So many warnings of all addresses together are remembered. Where each has a method and a path as long as a line shows, they
/// take 7 MB. The addresses that came first are forgotten to make room for another one: their next warnings are shown again, and none
/// is ever hidden.
const MAX_KINDS_IN_ALL: usize = 4096;

/// What a warning says, without what differs each time that it is said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Warning {
    pub level: Level,
    pub message: String,
    pub method: Option<String>,
    pub path: Option<String>,
    pub variable: Option<String>,
}

impl Warning {
    /// What the warnings of an address are summed up as that are too many to be told apart.
    fn of_many_kinds() -> Self {
        let message = String::from("warnings of many kinds");
        Self { level: Level::Warn, message, method: None, path: None, variable: None }
    }
}

/// A warning that came again within a window.
#[derive(Debug, PartialEq, Eq)]
pub struct Repeated {
    /// The address or the user; empty where the warning is about no client.
    pub source: Source,
    pub warning: Warning,
    pub count: u64,
    pub over: Duration,
}

/// The warnings of the last minute, by the client's address and their words.
#[derive(Default)]
pub struct Repeats {
    clients: HashMap<Source, PerClient>,
    /// The kinds of all clients together.
    kinds: usize,
}

struct PerClient {
    since: Instant,
    kinds: HashMap<Warning, Tally>,
}

struct Tally {
    since: Instant,
    repeated: u64,
}

impl Repeats {
    /// Whether this warning is to be shown; otherwise it is counted. What an address had repeated that is forgotten for it
    /// goes to `ended`.
    pub fn is_first(
        &mut self,
        source: &Source,
        warning: Warning,
        now: Instant,
        ended: &mut Vec<Repeated>,
    ) -> bool {
        // Also for another warning of who is known: nobody else can take its room.
        let of_source = self.clients.get(source).map(|client| &client.kinds);
        if of_source.is_none_or(|kinds| kinds.len() < MAX_KINDS && !kinds.contains_key(&warning)) {
            while self.kinds >= MAX_KINDS_IN_ALL && self.forget_oldest_but(source, now, ended) {}
        }
        let new = || PerClient { since: now, kinds: HashMap::new() };
        let kinds = &mut self.clients.entry(source.clone()).or_insert_with(new).kinds;
        let known = kinds.contains_key(&warning);
        let first = !known && kinds.len() < MAX_KINDS;
        let warning = if known || first { warning } else { Warning::of_many_kinds() };
        let before = kinds.len();
        let kind = kinds.entry(warning).or_insert(Tally { since: now, repeated: 0 });
        kind.repeated += u64::from(!first);
        self.kinds += kinds.len() - before;
        first
    }

    /// Forgets the addresses whose first warnings are the oldest of all but this one's: those of the first sixteenth of the time at once, as
    /// each address has to be looked at. False where there is no other.
    fn forget_oldest_but(&mut self, source: &Source, now: Instant, ended: &mut Vec<Repeated>) -> bool {
        let others = || self.clients.iter().filter(|(other, _)| *other != source);
        let times = || others().map(|(_, client)| client.since);
        let (Some(first), Some(last)) = (times().min(), times().max()) else { return false };
        let until = first + (last - first) / 16;
        let Self { clients, kinds } = self;
        clients.retain(|address, client| {
            if address == source || client.since > until {
                return true;
            }
            *kinds -= client.kinds.len();
            for (warning, kind) in client.kinds.drain().filter(|(_, kind)| kind.repeated > 0) {
                let over = now.duration_since(kind.since);
                ended.push(Repeated { source: address.clone(), warning, count: kind.repeated, over });
            }
            false
        });
        true
    }

    /// Ends the windows of at least this length, and returns what was repeated in them. What goes on is counted further:
    /// a storm is one line a minute.
    pub fn end_windows(&mut self, now: Instant, length: Duration) -> Vec<Repeated> {
        let mut ended = Vec::new();
        self.clients.retain(|source, client| {
            client.kinds.retain(|warning, kind| {
                let over = now.duration_since(kind.since);
                if over < length {
                    return true;
                }
                let count = std::mem::take(&mut kind.repeated);
                kind.since = now;
                if count > 0 {
                    let (source, warning) = (source.clone(), warning.clone());
                    ended.push(Repeated { source, warning, count, over });
                }
                count > 0
            });
            !client.kinds.is_empty()
        });
        self.kinds = self.clients.values().map(|client| client.kinds.len()).sum();
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(message: &str) -> Warning {
        Warning { message: message.to_owned(), ..Warning::of_many_kinds() }
    }

    /// Says a warning; whether it is shown, and what was forgotten for it.
    fn say(repeats: &mut Repeats, client: &str, message: &str, now: Instant) -> (bool, Vec<Repeated>) {
        let mut ended = Vec::new();
        let first = repeats.is_first(&Source::at(client), warning(message), now, &mut ended);
        (first, ended)
    }

    #[test]
    fn a_storm_is_counted_from_window_to_window_and_what_ends_is_forgotten() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut repeats = Repeats::default();
        let is_first = |repeats: &mut Repeats, message, second| say(repeats, "", message, at(second)).0;
        assert!(is_first(&mut repeats, "storm", 0));
        assert!(is_first(&mut repeats, "once", 0));
        for second in 1..59 {
            assert!(!is_first(&mut repeats, "storm", second));
        }
        assert_eq!(repeats.end_windows(at(59), WINDOW), []);
        let sum = |count, over| {
            let over = Duration::from_secs(over);
            [Repeated { source: Source::at(""), warning: warning("storm"), count, over }]
        };
        assert_eq!(repeats.end_windows(at(62), WINDOW), sum(58, 62));
        assert!(!is_first(&mut repeats, "storm", 63), "one line a minute");
        assert!(is_first(&mut repeats, "once", 63), "forgotten");
        assert_eq!(repeats.end_windows(at(123), WINDOW), sum(1, 61));
        assert_eq!(repeats.end_windows(at(184), WINDOW), []);
        assert!(is_first(&mut repeats, "storm", 185), "it had ended");
    }

    #[test]
    fn the_first_warning_of_every_address_is_shown_whatever_others_do() {
        let now = Instant::now();
        let mut repeats = Repeats::default();
        // One address fills all that it may, and then every place is taken by others.
        for kind in 0..2 * MAX_KINDS {
            say(&mut repeats, "storm", &kind.to_string(), now);
        }
        for address in 0..3 * MAX_KINDS_IN_ALL {
            let (first, _) = say(&mut repeats, &address.to_string(), "denied", now);
            assert!(first, "{address}");
            assert!(repeats.kinds <= MAX_KINDS_IN_ALL + 1);
            let (first, ended) = say(&mut repeats, &address.to_string(), "denied", now);
            assert!(!first && ended.is_empty(), "{address}");
        }
        // Where there is no room left, others make it for another kind of an address that is known, up to what one may have.
        let known = (3 * MAX_KINDS_IN_ALL - 1).to_string();
        for kind in 1..2 * MAX_KINDS {
            let (first, _) = say(&mut repeats, &known, &format!("other {kind}"), now);
            assert_eq!(first, kind < MAX_KINDS, "{kind}");
            assert!(repeats.kinds <= MAX_KINDS_IN_ALL + 1);
        }
    }

    #[test]
    fn where_each_warning_is_another_address_s_they_are_seldom_looked_through() {
        let mut repeats = Repeats::default();
        let (start, mut forgotten) = (Instant::now(), 0);
        for address in 0..4 * MAX_KINDS_IN_ALL {
            let before = repeats.kinds;
            let now = start + Duration::from_millis(address as u64);
            assert!(say(&mut repeats, &address.to_string(), "denied", now).0);
            forgotten += usize::from(repeats.kinds <= before);
        }
        assert!((1..100).contains(&forgotten), "{forgotten}");
        assert!(repeats.kinds > MAX_KINDS_IN_ALL / 2, "{}", repeats.kinds);
    }

    #[test]
    fn what_is_forgotten_for_others_is_summed_up_first() {
        let start = Instant::now();
        let mut repeats = Repeats::default();
        for _ in 0..5 {
            say(&mut repeats, "oldest", "denied", start);
        }
        let later = start + Duration::from_secs(1);
        let ended: Vec<_> = (0..MAX_KINDS_IN_ALL)
            .flat_map(|address| say(&mut repeats, &address.to_string(), "denied", later).1)
            .collect();
        let over = Duration::from_secs(1);
        assert_eq!(
            ended,
            [Repeated { source: Source::at("oldest"), warning: warning("denied"), count: 4, over }]
        );
        assert!(say(&mut repeats, "oldest", "denied", later).0, "shown again");
    }
}
