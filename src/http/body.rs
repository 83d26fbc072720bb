//! A body on its way.
//!
//! Owns invariant 7: a [`Body`] consumes exactly what its framing says, so that the byte behind is known to start the next head
//! (RFC 9112, sections 6 and 7).

use crate::http::chunked::ChunkScanner;
use crate::http::framing::{BodyFraming, Error};

/// A body in flight: a cursor that says how many of the next bytes belong to it.
#[derive(Debug)]
pub enum Body {
    /// So many bytes to come; 0 is the end.
    Length(u64),
    /// Chunks to come.
    Chunked(ChunkScanner),
    /// Bytes to come until the end of the stream.
    UntilClose,
}

impl From<BodyFraming> for Body {
    fn from(framing: BodyFraming) -> Self {
        match framing {
            BodyFraming::None => Self::Length(0),
            BodyFraming::Length(length) => Self::Length(length),
            BodyFraming::Chunked => Self::Chunked(ChunkScanner::default()),
            BodyFraming::UntilClose => Self::UntilClose,
        }
    }
}

impl Body {
    /// How many of the next bytes of the stream belong to the body: all of `bytes` unless it ends among them.
    ///
    /// # Errors
    /// The chunked framing is broken within `bytes`.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        match self {
            Self::Length(remaining) => {
                let taken = usize::try_from(*remaining).map_or(bytes.len(), |left| left.min(bytes.len()));
                *remaining -= taken as u64;
                Ok(taken)
            }
            Self::Chunked(scanner) => scanner.advance(bytes),
            Self::UntilClose => Ok(bytes.len()),
        }
    }

    /// Whether every byte of the body has been consumed. Never true of one that lasts until close.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        match self {
            Self::Length(remaining) => *remaining == 0,
            Self::Chunked(scanner) => scanner.is_done(),
            Self::UntilClose => false,
        }
    }
}
