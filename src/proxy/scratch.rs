//! Buffers of each worker thread, so that a silent connection holds none: the one that bytes are read into, and one that is lent to whoever
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

/// A buffer of more bytes than this is not lent again. It has room for what is left of one read: bulk data that is faster than its reader
/// would otherwise take a buffer from musl's allocator for each write that is not taken whole.
const MAX_LENT_BYTES: usize = READ_BYTES;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
    static LENT: Cell<BytesMut> = Cell::default();
}

/// An empty buffer.
#[must_use]
pub fn borrow() -> BytesMut {
    LENT.take()
}

/// Takes a buffer back that is wanted no more, and held some bytes. What was taken from its start is still allocated, though a part of its
/// capacity only once it is reclaimed.
pub fn give_back(mut buffer: BytesMut) {
    buffer.clear();
    if !buffer.try_reclaim(MAX_LENT_BYTES + 1) {
        LENT.set(buffer);
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
