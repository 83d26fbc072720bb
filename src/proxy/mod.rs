//! Who moves bytes: clients come in, requests are admitted, and what is admitted goes to the daemon and back.

pub mod access;
pub mod admit;
pub mod advice;
pub mod backlog;
pub mod client;
pub mod clock;
pub mod conn;
pub mod daemon;
pub mod limits;
pub mod listener;
pub mod pump;
pub mod refuse;
pub mod relay;
pub mod scratch;
pub mod splice;
