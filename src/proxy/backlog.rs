//! Who is connected to a listener and who waits to be: what the kernel knows of it (proc(5), `/proc/net/tcp` and `/proc/net/unix`).
//!
//! Where there is no such file nothing is known, and nobody may depend on it.

use crate::proxy::bind::Address;
use crate::proxy::socket_file::made_under;
use std::fs::File;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;

/// The TCP sockets of this network namespace, of IPv4 and IPv6.
const TCP: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

/// Its Unix sockets.
const UNIX: &str = "/proc/self/net/unix";

/// A TCP socket's state that listens (`TCP_LISTEN` of the kernel's `tcp_states.h`).
const LISTEN: &str = "0A";

/// The flag of a Unix socket that listens (`__SO_ACCEPTCON` of the kernel's `net.h`).
const ACCEPTS: u32 = 1 << 16;

/// The connections to a listener of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Those that a program has accepted and not closed.
    pub accepted: usize,
    /// Those that wait to be accepted.
    pub waiting: usize,
}

impl Backlog {
    /// How many wait to be accepted there; `None` where this cannot be known.
    #[must_use]
    pub fn waiting_on(address: &Address) -> Option<usize> {
        let backlog = match address {
            // The listening sockets stand first, and are enough.
            Address::Tcp(address) => Self::of_port(address.port(), |socket| socket.state == LISTEN),
            Address::Unix(path) => Self::of_file(path),
        };
        backlog.map(|backlog| backlog.waiting)
    }

    /// What is known of a port; `None` where nothing listens on it or this cannot be known.
    #[must_use]
    pub fn of_tcp(port: u16) -> Option<Self> {
        Self::of_port(port, |_| true)
    }

    fn of_port(port: u16, wanted: impl Fn(&Socket<'_>) -> bool) -> Option<Self> {
        let mut backlog = None;
        for lines in TCP.iter().filter_map(|table| lines(table)) {
            for line in lines {
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

    /// What is known of a socket file; `None` where nothing listens on it or this cannot be known. The kernel shows it by the name
    /// that it was made under. A line is `Num: RefCount Protocol Flags Type St Inode Path`; a socket that waits to be accepted has no
    /// inode, and the path of the one that listens.
    #[must_use]
    pub fn of_file(path: &Path) -> Option<Self> {
        let new = made_under(path);
        let mut backlog = None;
        for line in BufReader::new(File::open(UNIX).ok()?).split(b'\n').map_while(Result::ok) {
            // Others may have names of any bytes.
            let line = String::from_utf8_lossy(&line);
            let mut words = line.split_ascii_whitespace();
            let (Some(flags), Some(inode), Some(slash)) = (words.nth(3), words.nth(2), line.find('/')) else {
                continue;
            };
            let file = Path::new(&line[slash..]);
            if file == path || file == new {
                let known: &mut Self = backlog.get_or_insert_default();
                let listens = u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & ACCEPTS != 0);
                known.waiting += usize::from(!listens && inode == "0");
                known.accepted += usize::from(!listens && inode != "0");
            }
        }
        backlog
    }
}

/// The lines of a table, without its title.
fn lines(table: &str) -> Option<impl Iterator<Item = <Lines<BufReader<File>> as Iterator>::Item>> {
    Some(BufReader::new(File::open(table).ok()?).lines().skip(1))
}

/// A line of TCP's tables: `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ...`, numbers in
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
    use crate::config::listen::name_until_ready;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn those_who_wait_are_told_from_those_who_were_accepted() -> std::io::Result<()> {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(any) else { continue };
            let address = listener.local_addr()?;
            let _clients: Vec<_> = (0..3).map(|_| TcpStream::connect(address)).collect::<Result<_, _>>()?;
            let _accepted = listener.accept()?;
            assert_eq!(Backlog::of_tcp(address.port()), Some(Backlog { accepted: 1, waiting: 2 }));
            assert_eq!(Backlog::waiting_on(&Address::Tcp(address)), Some(2));
            drop(listener);
            assert_eq!(Backlog::waiting_on(&Address::Tcp(address)), None);
        }
        Ok(())
    }

    #[test]
    fn a_file_is_known_by_its_name_and_by_the_one_it_was_made_under() -> std::io::Result<()> {
        let path = std::env::temp_dir().join(format!("with a blank {}.sock", std::process::id()));
        std::fs::create_dir(name_until_ready(&path))?;
        for made_under in [path.clone(), made_under(&path)] {
            let listener = UnixListener::bind(&made_under)?;
            let clients: Result<Vec<_>, _> = (0..3).map(|_| UnixStream::connect(&made_under)).collect();
            let _accepted = listener.accept()?;
            std::fs::remove_file(&made_under)?;
            assert_eq!(Backlog::of_file(&path), Some(Backlog { accepted: 1, waiting: 2 }));
            assert_eq!(Backlog::waiting_on(&Address::Unix(path.clone())), Some(2));
            drop((clients, listener, _accepted));
            assert_eq!(Backlog::of_file(&path), None);
        }
        Ok(())
    }
}
