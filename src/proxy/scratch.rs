//! Buffers of each worker thread, so that a silent connection holds none: the one that bytes are read into, and those that are lent to whoever
//! holds bytes. Nearly all are written before the thread turns to another connection.

use bytes::BytesMut;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// Who holds few bytes gets a buffer of at most so many: it may hold them for long.
const SMALL_BYTES: usize = 16 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
    /// A small one, and one that has room for what is left of a read. Bulk data that is faster than its reader would otherwise take such a
    /// buffer from musl's allocator for each write that is not taken whole.
    static LENT: [Cell<BytesMut>; 2] = Default::default();
}

/// An empty buffer for so many bytes. One that has no room for them goes: it would grow behind what was taken from its start, and hold twice
/// as much.
#[must_use]
pub fn borrow(length: usize) -> BytesMut {
    let mut buffer = LENT.with(|lent| lent[usize::from(length > SMALL_BYTES)].take());
    if buffer.try_reclaim(length) { buffer } else { BytesMut::new() }
}

/// Takes a buffer back that is wanted no more, and held some bytes. What was taken from its start is still allocated, though a part of its
/// capacity only once it is reclaimed.
pub fn give_back(mut buffer: BytesMut) {
    buffer.clear();
    let is_large = buffer.try_reclaim(SMALL_BYTES + 1);
    if !is_large || !buffer.try_reclaim(READ_BYTES + 1) {
        LENT.with(|lent| lent[usize::from(is_large)].set(buffer));
    }
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
