//! What a group of clients reaches, and who they are.

use super::listen::{self, Access, Listen};
use super::{LISTEN, LISTEN_MODE, LISTEN_OWNER};
use crate::guard::Room;
use crate::policy::Policy;
use crate::policy::learn::Learner;
use crate::vars::{Environment, Setting};
use std::fmt::Write as _;

/// What says instead who may open the sockets of systemd.
const OF_SYSTEMD: &str = ": SocketMode=, SocketUser= and SocketGroup= of the .socket unit say it";

/// What a group of clients reaches: where it is listened for them, and what is granted there. It is HAProxy's word.
#[derive(Debug)]
pub struct Frontend {
    /// The clients' name; `None` where the variables have no prefix.
    pub name: Option<String>,
    /// LISTEN
    pub listen: Vec<Listen>,
    /// LISTEN_MODE and LISTEN_OWNER
    pub access: Access,
    /// The grants.
    pub policy: Policy,
    /// LEARN: remembers what the traffic needs.
    pub learner: Option<Learner>,
    /// For the bodies that GUARD judges.
    pub room: Room,
    /// What is set for it, and does nothing: one sentence each.
    pub(super) vain: Vec<String>,
}

impl Frontend {
    /// What to beware of: what is dangerous in what is open, and what does nothing.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.policy.warnings();
        warnings.extend_from_slice(&self.vain);
        warnings
    }

    /// Whether all that is open there is open here too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.name == other.name && self.policy.covers(&other.policy) && self.lets_in_all_of(other)
    }

    /// Whether whoever reaches that one reaches this one too.
    fn lets_in_all_of(&self, other: &Self) -> bool {
        listen::cover(&self.listen, &other.listen) && (!other.has_files() || self.access.covers(other.access))
    }

    pub(super) fn has_files(&self) -> bool {
        self.listen.iter().any(|listen| matches!(listen, Listen::Unix(_)))
    }

    /// Whether somebody may reach this one who did not reach it before.
    #[must_use]
    pub fn lets_in_more_than(&self, before: &Self) -> bool {
        !before.lets_in_all_of(self)
    }

    /// Who reaches it, by the variables that say so.
    #[must_use]
    pub fn reach(&self) -> String {
        let mut reach = String::from(LISTEN.name);
        for (place, listen) in self.listen.iter().enumerate() {
            let _ = write!(reach, "{}{listen}", if place == 0 { '=' } else { ',' });
        }
        if self.has_files() {
            let Access { mode, uid, gid } = self.access;
            let _ = write!(reach, " {}={mode:04o} {}=", LISTEN_MODE.name, LISTEN_OWNER.name);
            for (before, id) in [("", uid), (":", gid)] {
                reach += before;
                if let Some(id) = id {
                    let _ = write!(reach, "{id}");
                }
            }
        }
        reach
    }

    /// Of the variables about socket files those that are set for it, as it has none: those with its prefix, and the others where nobody
    /// has a file.
    pub(super) fn say_vain_access(&mut self, own: &str, environment: &Environment, somebody_has_files: bool) {
        let has_systemds = self.listen.iter().any(|listen| matches!(listen, Listen::Systemd(_)));
        for Setting { name, default, .. } in [&LISTEN_MODE, &LISTEN_OWNER] {
            for (prefix, counts) in [(own, !own.is_empty()), ("", !somebody_has_files)] {
                let value = environment.get(&format!("{prefix}{name}")).unwrap_or_default();
                if counts && !self.has_files() && !["", default].contains(&value.trim()) {
                    let instead = if has_systemds { OF_SYSTEMD } else { "" };
                    self.vain.push(format!(
                        "{prefix}{name} does nothing, as no LISTEN=unix:/PATH is there{instead}"
                    ));
                }
            }
        }
    }
}
