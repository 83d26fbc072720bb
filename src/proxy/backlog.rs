//! Who is connected to a port and who waits to be: what the kernel knows of it (proc(5), `/proc/net/tcp`).
//!
//! Where there is no such file nothing is known, and nobody may depend on it. Of Unix sockets the kernel tells no more than a name,
//! which anybody can have.

use std::fs::File;
use std::io::{BufRead, BufReader};

/// The sockets of this network namespace, of IPv4 and IPv6.
const TABLES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

/// A socket's state that listens (`TCP_LISTEN` of the kernel's `tcp_states.h`).
const LISTEN: &str = "0A";

/// The connections to a port of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Those that a program has accepted and not closed.
    pub accepted: usize,
    /// Those that wait to be accepted.
    pub waiting: usize,
}

impl Backlog {
    /// How many wait to be accepted on a port; `None` where this cannot be known. Reads the listening sockets only, which
    /// stand first.
    #[must_use]
    pub fn waiting_on(port: u16) -> Option<usize> {
        Self::read(port, |socket| socket.state == LISTEN).map(|backlog| backlog.waiting)
    }

    /// What is known of a port; `None` where nothing listens on it or this cannot be known.
    #[must_use]
    pub fn of(port: u16) -> Option<Self> {
        Self::read(port, |_| true)
    }

    fn read(port: u16, wanted: impl Fn(&Socket<'_>) -> bool) -> Option<Self> {
        let mut backlog = None;
        for table in TABLES.iter().filter_map(|path| File::open(path).ok()) {
            for line in BufReader::new(table).lines().skip(1) {
                let Ok(line) = line else { break };
                let Some(socket) = Socket::parse(&line).filter(&wanted) else { break };
                if socket.port == port {
                    let known: &mut Self = backlog.get_or_insert_default();
                    known.waiting += if socket.state == LISTEN { socket.queued } else { 0 };
                    known.accepted += usize::from(socket.state != LISTEN && socket.owned);
                }
            }
        }
        backlog
    }
}

/// A line of a table: `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ...`, numbers in
/// hexadecimal but for the last.
struct Socket<'l> {
    port: u16,
    state: &'l str,
    /// The receive queue; of a listening socket, how many wait to be accepted.
    queued: usize,
    /// Whether a program holds it: one that waits to be accepted has no inode.
    owned: bool,
}

impl<'l> Socket<'l> {
    fn parse(line: &'l str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (_, port) = words.nth(1)?.rsplit_once(':')?;
        let state = words.nth(1)?;
        let (_, queued) = words.next()?.split_once(':')?;
        let inode = words.nth(4)?;
        Some(Self {
            port: u16::from_str_radix(port, 16).ok()?,
            state,
            queued: usize::from_str_radix(queued, 16).ok()?,
            owned: inode != "0",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn those_who_wait_are_told_from_those_who_were_accepted() -> std::io::Result<()> {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(any) else { continue };
            let address = listener.local_addr()?;
            let _clients: Vec<_> = (0..3).map(|_| TcpStream::connect(address)).collect::<Result<_, _>>()?;
            let _accepted = listener.accept()?;
            assert_eq!(Backlog::of(address.port()), Some(Backlog { accepted: 1, waiting: 2 }));
            assert_eq!(Backlog::waiting_on(address.port()), Some(2));
            drop(listener);
            assert_eq!(Backlog::waiting_on(address.port()), None);
        }
        Ok(())
    }
}
