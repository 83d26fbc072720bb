//! The raw copy behind a hijack.
//!
//! Owns invariant 10: each side's end is passed on as the half-close that it is, and a client that has vanished ends it
//! all.

use crate::client::Watch;
use crate::daemon::UntilClosed;
use crate::relay::Pump;
use std::io;
use tokio::io::{copy_bidirectional_with_sizes, join};
use tokio::net::{TcpStream, UnixStream};

/// Bytes of the copy's buffer for each direction: with as many, bulk data costs half the CPU of tokio's default of 8 KiB.
const COPY_BUFFER_BYTES: usize = 64 * 1024;

/// Copies raw bytes both ways until both ends are done, first those that the pumps hold because they came early. The
/// client's EOF shuts down only the daemon's write half, and the other way round; there is no deadline.
///
/// # Errors
/// The client is gone.
pub async fn splice(
    client: &mut TcpStream,
    daemon: &mut UnixStream,
    from_client: &mut Pump,
    from_daemon: &mut Pump,
) -> io::Result<()> {
    // Once the client has half-closed, the copy reads it no more, and on a silent container does not write to it either.
    let watch = Watch::over(client)?;
    let before = from_client.passed;
    let (reader, writer) = daemon.split();
    let mut daemon = join(UntilClosed::new(reader), UntilClosed::new(writer));
    let copy = async {
        from_client.pour(&mut daemon).await?;
        from_daemon.pour(client).await?;
        // The copy takes its buffers with the first byte: until then, be it for hours, a stream holds none.
        tokio::select! {
            ready = client.readable() => ready?,
            ready = daemon.reader().half.readable() => ready?,
        }
        copy_bidirectional_with_sizes(client, &mut daemon, COPY_BUFFER_BYTES, COPY_BUFFER_BYTES).await
    };
    let copied = tokio::select! {
        copied = copy => copied.map(drop),
        error = watch.client_gone() => Err(error),
    };
    from_client.passed = before + daemon.writer().passed;
    from_daemon.passed += daemon.reader().passed;
    copied
}
