//! Connecting to the daemon's Unix socket.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

/// The first pause after a connect that found the daemon's backlog full; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Why the daemon cannot be reached.
#[derive(Debug)]
pub enum Error {
    /// Its backlog stayed full until the deadline.
    Busy,
    /// The system's reason.
    Unreachable(io::Error),
}

impl Error {
    /// The status code to answer with.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Busy => 503,
            Self::Unreachable(_) => 502,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("its backlog is full"),
            Self::Unreachable(error) => {
                error.fmt(f)?;
                f.write_str(match error.kind() {
                    io::ErrorKind::ConnectionRefused => {
                        "; nothing listens behind this socket file: either the daemon is down, or it made a new file \
                         and a bind mount still shows the old one, which mounting the file's directory avoids"
                    }
                    io::ErrorKind::NotFound => "; is the socket mounted here, and SOCKET_PATH right?",
                    io::ErrorKind::PermissionDenied => "; this user needs the group of the socket",
                    _ => "",
                })
            }
        }
    }
}

/// Connects to the daemon. A Unix connect answers EAGAIN at once while the daemon's backlog is full, where TCP would
/// wait: it is tried again, with a small growing pause, until `deadline` from now.
///
/// # Errors
/// [`Error::Busy`] after the deadline, [`Error::Unreachable`] at once.
pub async fn connect(path: &Path, deadline: Duration) -> Result<UnixStream, Error> {
    let deadline = Instant::now() + deadline;
    let mut pause = FIRST_PAUSE;
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if Instant::now() + pause > deadline {
                    return Err(Error::Busy);
                }
                sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
            connected => return connected.map_err(Error::Unreachable),
        }
    }
}
