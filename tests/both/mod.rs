//! What holds over every kind of listener: `tests/tcp.rs` and `tests/unix.rs` run all of it.

pub mod docker;
mod exchange;
mod faults;
mod guard;
pub mod hijack;
mod limits;
mod own;
mod shutdown;
mod smuggling;
