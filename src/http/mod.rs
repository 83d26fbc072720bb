//! What bytes say: heads, targets, bodies and raw streams, each read in one way or refused. Pure: no I/O, and no policy.
//!
//! | module | what it reads |
//! |---|---|
//! | [`head`], [`method`] | a request's head and a response's: where it ends, and what is in it |
//! | [`target`], [`path`], [`unicode`] | a request's target: a clean path, how it is split, and which characters look like others |
//! | [`framing`], [`body`], [`chunked`] | how a body is delimited; how much of what comes belongs to it |
//! | [`hijack`] | which request and response make a raw stream |
//! | [`bytes`] | classes of bytes, for all of these |
//! | [`reply`] | nothing: it writes the few replies of our own |

pub mod body;
pub mod bytes;
pub mod chunked;
pub mod framing;
pub mod head;
pub mod hijack;
pub mod method;
pub mod path;
pub mod reply;
pub mod target;
pub mod unicode;
