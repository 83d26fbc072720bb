//! The head of a response.

use super::fields::{Fields, Version};
use super::lines::refuse_odd_bytes;
use super::{Error, MAX_HEADERS, refuse_unless_whole};
use std::mem::MaybeUninit;

/// The head of a response. The daemon is trusted more than the client: only what frames the body must be unambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHead<'b> {
    /// The status code, 100 to 999.
    pub status: u16,
    /// The version.
    pub version: Version,
    /// The fields that matter here.
    pub fields: Fields<'b>,
    /// Whether the daemon wants to go on with the connection.
    pub persistent: bool,
}

impl<'b> ResponseHead<'b> {
    /// Reads a whole head: the bytes up to and including the blank line that [`Finder`](super::Finder) found.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Version`], [`Error::TooManyHeaders`] and the bytes that no head may have.
    pub fn parse(head: &'b [u8]) -> Result<Self, Error> {
        refuse_odd_bytes(head)?;
        let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let parsed = config.parse_response_with_uninit_headers(&mut response, head, &mut headers);
        refuse_unless_whole(parsed, head)?;
        let version = Version::of_minor(response.version)?;
        let status = response.code.filter(|code| *code >= 100).ok_or(Error::Malformed)?;
        let fields = Fields::read(response.headers);
        let persistent = fields.persistent(version);
        Ok(Self { status, version, fields, persistent })
    }
}
