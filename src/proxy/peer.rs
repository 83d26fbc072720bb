//! Who a line of the log is about.

use crate::config::frontends;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where a client came in.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Door {
    /// The name of those who are served there, where they have one.
    pub name: Option<String>,
    /// The address or the file, as LISTEN has it.
    pub listener: String,
}

impl Door {
    /// What stands before the names of its variables.
    #[must_use]
    pub fn prefix(&self) -> String {
        frontends::prefix(self.name.as_deref())
    }
}

/// Who is at the other end of a client's connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Where it came in.
    pub door: Arc<Door>,
    /// Its address, over TCP.
    pub address: Option<SocketAddr>,
    /// The user that it ran as when it connected, over a Unix socket (unix(7), SO_PEERCRED).
    pub uid: Option<u32>,
    /// Its process; `None` also where this is of another PID namespace, which the kernel shows as 0.
    pub pid: Option<i32>,
}

/// `log!` about a [`Peer`]: its fields stand before those of the line itself.
macro_rules! log_of {
    ($peer:expr, $level:expr, $($line:tt)+) => {{
        let peer: &$crate::proxy::peer::Peer = $peer;
        log::log!(
            $level,
            name = peer.door.name,
            listener = peer.door.listener,
            client = peer.address.map(|address| address.to_string()),
            uid = peer.uid,
            pid = peer.pid,
            $($line)+
        )
    }};
}

pub(crate) use log_of;
