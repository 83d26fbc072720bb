//! Why a request is denied.

use super::grants::Grants;
use super::guarded::Closed;
use super::route::{Hazard, Route};
use crate::http::method::Method;
use std::fmt;

/// Why a request is denied; displayed as the end of a sentence, with what would allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// These variables are off and would allow it.
    Missing(Grants),
    /// No variable grants what the path names.
    NoSection,
    /// The path names nothing: what health checks ask that were made for web servers.
    Root,
    /// No variable grants this method.
    Method,
    /// No variable grants what podman would do with such a name (`names.rs`).
    Name,
    /// Its body could ask for more than is allowed, which needs these.
    WithBody(Hazard, Grants),
    /// A line of DENY_ROUTES names the route.
    Listed(Method, &'static Route),
    /// GUARD closes it.
    Guarded(Closed),
}

impl Denial {
    /// What would allow it; empty where nothing does.
    #[must_use]
    pub const fn missing(self) -> Grants {
        match self {
            Self::Missing(grants) | Self::WithBody(.., grants) => grants,
            Self::NoSection
            | Self::Root
            | Self::Method
            | Self::Name
            | Self::Listed(..)
            | Self::Guarded(_) => Grants::NONE,
        }
    }
}

impl Denial {
    /// It as a client is told, whose variables have this prefix.
    #[must_use]
    pub fn told(self, prefix: &str) -> impl fmt::Display {
        struct Told<'p>(Denial, &'p str);
        impl fmt::Display for Told<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write(f, self.1)
            }
        }
        Told(self, prefix)
    }

    fn write(self, f: &mut fmt::Formatter<'_>, prefix: &str) -> fmt::Result {
        match self {
            Self::Missing(grants) => write_set(f, grants, prefix),
            Self::NoSection => f.write_str("no variable allows it, as it belongs to no section"),
            Self::Root => f.write_str(
                "no variable allows it, as nothing is served there; a health check asks for GET /_ping",
            ),
            Self::Method => f.write_str("no variable allows this method"),
            Self::Name => f.write_str(
                "no variable allows such a name, for which podman opens a store of images, or runs a command, of the client's \
                 making",
            ),
            Self::WithBody(hazard, grants) => {
                f.write_str(match hazard {
                    Hazard::Rewrites => {
                        "ALLOW_START and ALLOW_ROUTES cover starts without a body, which could change the container; "
                    }
                    Hazard::OpensStore => {
                        return f.write_str(
                            "no variable allows it with a form as its body, for which podman could open a store of images of the \
                             client's making",
                        );
                    }
                    _ => "it is allowed without a form as its body, which could name a signal; ",
                })?;
                write_set(f, grants, prefix)
            }
            Self::Guarded(closed) => f.write_str(&closed.told(prefix)),
            Self::Listed(method, route) => write!(f, "DENY_ROUTES closes {} {}", method.as_str(), route.path),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}

fn write_set(f: &mut fmt::Formatter<'_>, grants: Grants, prefix: &str) -> fmt::Result {
    write!(f, "set {} to allow it", grants.settings_of(prefix, " and "))
}
