//! Who moves bytes: clients come in, requests are admitted, and what is admitted goes to the daemon and back.
//!
//! | module | what it knows |
//! |---|---|
//! | [`bind`], [`socket_file`] | where is listened; the file of a Unix socket |
//! | [`listener`], [`places`], [`backlog`] | who is accepted, who is served, and who waits |
//! | [`conn`], [`clock`] | one client's loop over its requests; how long it may be idle |
//! | [`admit`], [`refuse`], [`access`] | the judgement of a request; what is said of one that is refused, and of one that is allowed |
//! | [`hold`] | a body that is judged before any of it goes on |
//! | [`hearing`] | what GUARD wants to know of an answer, read while it passes |
//! | [`relay`], [`splice`] | an exchange; a raw stream |
//! | [`direction`], [`pump`], [`scratch`] | one direction of either; the copy of one message; the buffer that it reads into |
//! | [`client`], [`stream`], [`peer`] | the client's socket, of TCP or of a file; what the log says of who is behind it |
//! | [`daemon`], [`advice`] | the daemon's socket, and what to do where it cannot be reached |
//! | [`limits`] | how many descriptors all this takes |

pub mod access;
pub mod admit;
pub mod advice;
pub mod backlog;
pub mod bind;
pub mod client;
pub mod clock;
pub mod conn;
pub mod daemon;
pub mod direction;
pub mod hearing;
pub mod hold;
pub mod limits;
pub mod listener;
pub mod peer;
pub mod places;
pub mod pump;
pub mod refuse;
pub mod relay;
pub mod scratch;
pub mod socket_file;
pub mod splice;
pub mod stream;
