//! A filter in front of the Docker socket.
pub mod config;
pub mod head;
pub mod policy;
pub mod target;
