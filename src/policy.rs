//! The policy.

use crate::config;
use crate::head::Method;
use crate::target::Target;
use std::fmt;

/// What the environment grants.
#[derive(Debug, Clone)]
pub struct Policy {}

/// The protocol that a route hijacks its connection to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hijack {
    /// POST attach and exec start, `Upgrade: tcp` or none.
    Tcp,
    /// GET attach/ws.
    WebSocket,
    /// POST session and grpc.
    H2c,
}

/// An allowed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// The variable that decided.
    pub variable: &'static str,
    /// On which hijack route the request is, if on any.
    pub hijack: Option<Hijack>,
    /// Granted by ALLOW_START alone: may carry no HostConfig body.
    pub bare_start: bool,
}

/// Why a request is denied, and what would allow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("set CONTAINERS=1 to allow it")
    }
}

/// The judgement of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may reach the daemon.
    Allow(Allowed),
    /// It may not.
    Deny(Denial),
}

impl Policy {
    /// Reads the grants from the environment.
    ///
    /// # Errors
    /// A value that is no switch.
    pub fn from_vars(_var: &dyn Fn(&str) -> Option<String>) -> Result<Self, config::Error> {
        Ok(Self {})
    }

    /// Judges one request.
    #[must_use]
    pub fn judge(&self, _method: Method, _target: &Target<'_>) -> Verdict {
        Verdict::Deny(Denial {})
    }
}
