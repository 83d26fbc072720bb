//! A filter in front of the Docker socket.
//!
//! This library is for the program, its tests, its benches and its fuzzers. It is no API.
//!
//! # The promise
//! Until the daemon itself grants a hijack, it receives only bytes of requests that the policy allowed, exactly as the
//! client sent them.
//!
//! # Where what is
//! Floors, each of which uses those below it and none above (`tests/floors.rs`):
//!
//! | floor | what it knows |
//! |---|---|
//! | `main`, [`service`], [`healthcheck`], [`mod@explain`] | the life of the program, and its other commands |
//! | [`lookalike`] | of an environment what is misspelt |
//! | [`proxy`] | who moves bytes: clients, the daemon, and what passes between |
//! | [`config`] | the variables of the process |
//! | [`policy`] | what is granted, what that opens, and what traffic needs |
//! | [`guard`] | what a body may ask for, with GUARD |
//! | [`http`] | what bytes say |
//! | [`logging`], [`signals`], [`vars`], [`json`], [`distance`], [`sorted`] | lines of the log, signals, variables, strings of JSON, slips, lists |
//!
//! # How a request flows
//! [`proxy::bind`] listens, [`proxy::listener`] accepts a client; [`proxy::conn`] reads one [`http::head`] at a time and has it judged by [`proxy::admit`]:
//! [`http::target`] reads the path, [`policy`] decides, [`http::framing`] says where the body ends. What was admitted is passed by
//! [`proxy::relay`] over a connection that [`proxy::daemon`] made, while the response comes back; where that response is a
//! [`http::hijack`], [`proxy::splice`] copies raw bytes from there. Everything else ends in a [`http::reply`] of our own.
//!
//! The two ends are the *client*, which comes over TCP or a Unix socket, and the *daemon*, behind its Unix socket. There is no HTTP stack:
//! the bytes that were judged are the bytes that are sent. `docs/how-it-works.md` draws the flow and lists the invariants
//! that the modules name by number.

// Invariant 13; tests and benches may.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod guard;
pub mod http;
pub mod policy;
pub mod proxy;

pub mod config;
pub mod distance;
pub mod explain;
pub mod healthcheck;
pub mod json;
pub mod logging;
pub mod lookalike;
pub mod service;
pub mod signals;
pub mod sorted;
pub mod vars;
