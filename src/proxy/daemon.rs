//! The way to the daemon's Unix socket, and how that one ends.

use crate::config::Config;
use crate::proxy::advice::advise;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

/// The first pause after a connect that found the daemon's backlog full; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_millis(16);

/// Why the daemon cannot be reached.
#[derive(Debug)]
pub enum Error {
    /// Its backlog stayed full until the deadline.
    Busy,
    /// It is not there, or denied, or broken.
    Unreachable {
        /// The system's.
        reason: io::Error,
        /// What to do about it; empty where that is not known.
        advice: String,
    },
}

impl Error {
    /// The status code to answer with.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Busy => 503,
            Self::Unreachable { .. } => 502,
        }
    }
}

/// What goes wrong once it is connected: the system's reason says all.
impl From<io::Error> for Error {
    fn from(reason: io::Error) -> Self {
        Self::Unreachable { reason, advice: String::new() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("its backlog is full"),
            Self::Unreachable { reason, advice } if advice.is_empty() => reason.fmt(f),
            Self::Unreachable { reason, advice } => write!(f, "{reason}; {advice}"),
        }
    }
}

/// Where the daemon listens, and the queue of a frontend's clients who want to reach it.
#[derive(Debug)]
pub struct Daemon {
    path: PathBuf,
    deadline: Duration,
    /// Held while connecting; fair, so that those who wait for room in the backlog get it in the order they came.
    turn: Mutex<()>,
}

impl Daemon {
    /// The daemon at SOCKET_PATH, to be reached within CONNECT_TIMEOUT.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { path: config.socket_path.clone(), deadline: config.connect_timeout, turn: Mutex::new(()) }
    }

    /// Connects. A Unix connect answers EAGAIN at once while the daemon's backlog is full, where TCP would wait: it is
    /// tried again, by one at a time, with a small growing pause.
    ///
    /// # Errors
    /// [`Error::Busy`] after the deadline, [`Error::Unreachable`] at once, for which alone the file is looked at.
    pub async fn connect(&self) -> Result<UnixStream, Error> {
        let connected = timeout(self.deadline, async {
            let _turn = self.turn.lock().await;
            let mut pause = FIRST_PAUSE;
            loop {
                match self.try_connect() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        sleep(pause).await;
                        pause = LONGEST_PAUSE.min(pause * 2);
                    }
                    connected => return connected,
                }
            }
        });
        let daemon = connected.await.map_err(|_| Error::Busy)?.map_err(|reason| {
            let advice = advise(&self.path, reason.kind());
            Error::Unreachable { reason, advice }
        })?;
        // The runtime does not know yet that it can be written: a first write would seem to block.
        daemon.writable().await?;
        Ok(daemon)
    }

    /// One connect, which the kernel completes or refuses at once: nobody holds the turn over an await without need.
    fn try_connect(&self) -> io::Result<UnixStream> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
        socket.connect(&SockAddr::unix(&self.path)?)?;
        UnixStream::from_std(socket.into())
    }
}

/// Whether a kept daemon connection can take a request. It may have been closed since the last response, perhaps together
/// with the client's next bytes, or hold bytes that nobody asked for. No system call is made unless something happened.
#[must_use]
pub fn is_quiet(daemon: &UnixStream) -> bool {
    matches!(daemon.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
