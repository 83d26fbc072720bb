//! The head of a request.

use super::fields::{Field, Fields, Version};
use super::lines::refuse_odd_bytes;
use super::{Error, MAX_HEADERS, refuse_unless_whole};
use crate::http::bytes::{HOST, any_pair};
use crate::http::method::Method;
use std::mem::MaybeUninit;

/// The head of a request, read in the one way that every parser behind reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHead<'b> {
    /// The method.
    pub method: Method,
    /// The method as sent.
    pub method_name: &'b str,
    /// The request-target as sent: visible ASCII.
    pub target: &'b str,
    /// The version.
    pub version: Version,
    /// The fields that matter here.
    pub fields: Fields<'b>,
    /// Whether the client wants to go on with the connection.
    pub persistent: bool,
}

impl<'b> RequestHead<'b> {
    /// Reads a whole head: the bytes up to and including the blank line that [`Finder`](super::Finder) found.
    ///
    /// # Errors
    /// Whatever has not one reading; see [`Error`].
    pub fn parse(head: &'b [u8]) -> Result<Self, Error> {
        let read = Self::read(head);
        // Up to the end of the target a head that can be read is visible ASCII. An odd byte is the reason before any other one.
        let visible = read.as_ref().map_or(0, |read| read.method_name.len() + " ".len() + read.target.len());
        refuse_odd_bytes(&head[visible..])?;
        read
    }

    fn read(head: &'b [u8]) -> Result<Self, Error> {
        let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut []);
        let parsed = request.parse_with_uninit_headers(head, &mut headers);
        refuse_unless_whole(parsed, head).map_err(|error| match error {
            Error::Version if head.starts_with(b"PRI * HTTP/2") => Error::Http2,
            error => error,
        })?;
        let (Some(method_name), Some(target)) = (request.method, request.path) else {
            return Err(Error::Malformed);
        };
        let version = Version::of_minor(request.version)?;
        let method = Method::parse(method_name.as_bytes()).ok_or(Error::Method)?;
        if any_pair(&head[method_name.len()..][..=target.len()], |_, byte| !byte.is_ascii_graphic()) {
            return Err(Error::Target);
        }
        let line = method_name.len() + " ".len() + target.len() + " HTTP/1.1".len();
        if head.get(line) != Some(&b'\r') {
            return Err(Error::Malformed);
        }
        let fields = Fields::read(request.headers);
        match fields.host {
            Field::Once(host) if host.iter().all(|&byte| HOST.holds(byte)) => {}
            Field::Once(_) => return Err(Error::HostInvalid),
            Field::Repeated => return Err(Error::HostRepeated),
            Field::Absent if version == Version::Http11 => return Err(Error::HostMissing),
            Field::Absent => {}
        }
        match fields.expect {
            Field::Absent | Field::Once(b"") => {}
            Field::Once(value) if value.eq_ignore_ascii_case(b"100-continue") => {}
            _ => return Err(Error::Expect),
        }
        if matches!(fields.upgrade, Field::Repeated | Field::Once(b"")) {
            return Err(Error::Upgrade);
        }
        let persistent = fields.persistent(version);
        Ok(Self { method, method_name, target, version, fields, persistent })
    }
}
