//! A filter in front of the Docker socket.
//!
//! # The promise
//! Until the daemon itself grants a hijack, it receives only bytes of requests that the policy allowed, exactly as the
//! client sent them.
//!
//! # How a request flows
//! [`listener`] accepts a [`client`]; [`conn`] reads one [`head`] at a time and has it judged by [`admit`]: [`target`]
//! reads the path, in which [`unicode`] tells names from look-alikes, [`policy`] decides, [`framing`] says where the body
//! ends. What was admitted is passed by [`relay`] over a connection that [`daemon`] made, while the response comes back;
//! where that response is a [`hijack`], [`splice`] copies raw bytes from there. Everything else ends in a [`reply`] of
//! our own; where there is no daemon, with [`advice`]. [`access`] is what the log says of it.
//!
//! Around it, [`service`] is the life of the program from its start to its stop, of which [`signals`] tell; [`clock`] tells
//! idle connections how time passes, [`vars`] reads variables, [`config`] knows those of the process, [`lookalike`] finds those
//! that are misspelt, [`logging`] writes the log, [`limits`] makes room for descriptors, and [`backlog`] asks the kernel who
//! waits to be accepted. [`explain`] says what the environment grants, [`learn`] which environment the traffic needs, and
//! [`healthcheck`] asks from outside whether all this works.
//!
//! The two ends are the *client*, which speaks TCP, and the *daemon*, behind its Unix socket. There is no HTTP stack:
//! the bytes that were judged are the bytes that are sent. `docs/how-it-works.md` draws the flow and lists the invariants
//! that the modules name by number.

// Invariant 13; tests and benches may.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod access;
pub mod admit;
pub mod advice;
pub mod backlog;
pub mod client;
pub mod clock;
pub mod conn;
pub mod daemon;
pub mod framing;
pub mod head;
pub mod hijack;
pub mod listener;
pub mod policy;
pub mod relay;
pub mod reply;
pub mod splice;
pub mod target;
pub mod unicode;

pub mod config;
pub mod explain;
pub mod healthcheck;
pub mod json;
pub mod learn;
pub mod limits;
pub mod logging;
pub mod lookalike;
pub mod service;
pub mod signals;
pub mod vars;
