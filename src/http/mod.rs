//! What bytes say: heads, targets, bodies and raw streams, each read in one way or refused. Pure, and without a word of Docker's
//! API but where a path is cut.

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
