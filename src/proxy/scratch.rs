//! The buffer that bytes are read into. Each worker thread has one, so that a silent connection holds none.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// Reads once, up to `limit` bytes, and hands them to `take`, which must not read in turn. No bytes are the end of the stream.
///
/// # Errors
/// The stream's.
pub fn poll_read<T>(
    cx: &mut Context<'_>,
    reader: &mut (impl AsyncRead + Unpin),
    limit: usize,
    take: impl FnOnce(&mut Context<'_>, &[u8]) -> T,
) -> Poll<io::Result<T>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let limit = limit.min(scratch.len());
        let mut read = ReadBuf::new(&mut scratch[..limit]);
        ready!(Pin::new(reader).poll_read(cx, &mut read))?;
        Poll::Ready(Ok(take(cx, read.filled())))
    })
}

/// Reads once, up to `limit` bytes, and forgets them; 0 is the end of the stream.
///
/// # Errors
/// The stream's.
pub async fn discard(reader: &mut (impl AsyncRead + Unpin), limit: usize) -> io::Result<usize> {
    poll_fn(|cx| poll_discard(cx, reader, limit)).await
}

/// The same, polled.
///
/// # Errors
/// The stream's.
pub fn poll_discard(
    cx: &mut Context<'_>,
    reader: &mut (impl AsyncRead + Unpin),
    limit: usize,
) -> Poll<io::Result<usize>> {
    poll_read(cx, reader, limit, |_, bytes| bytes.len())
}
