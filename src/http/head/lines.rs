//! What the lines of a head may hold, byte by byte: asked before httparse is, which takes more than Go does or less.

use super::Error;
use crate::http::bytes::any_pair;

/// Refuses control bytes (tab aside) inside lines, and lines that start with white space. Where LF may stand is
/// [`Finder`](super::Finder)'s to say; here a CR must stand before it and nowhere else.
pub(super) fn refuse_odd_bytes(head: &[u8]) -> Result<(), Error> {
    let Some(first) = head.first() else { return Err(Error::Malformed) };
    let is_odd = |before, byte| is_bare_lf(before, byte) | is_control(before, byte) | is_fold(before, byte);
    if !first.is_ascii_control() && head.ends_with(b"\n") && !any_pair(head, is_odd) {
        return Ok(());
    }
    let any = |is: fn(u8, u8) -> bool| head.windows(2).any(|pair| is(pair[0], pair[1]));
    Err(if *first == b'\n' || any(is_bare_lf) {
        Error::BareLf
    } else if first.is_ascii_control() || any(is_control) {
        Error::ControlByte
    } else if any(is_fold) {
        Error::Fold
    } else {
        Error::Malformed
    })
}

const fn is_bare_lf(before: u8, byte: u8) -> bool {
    (byte == b'\n') & (before != b'\r')
}

/// Whether `byte` is a control byte that no line holds, or follows a CR that ends none.
const fn is_control(before: u8, byte: u8) -> bool {
    ((before == b'\r') & (byte != b'\n'))
        | ((byte < b' ') & (byte != b'\t') & (byte != b'\r') & (byte != b'\n'))
        | (byte == 0x7f)
}

/// Whether `byte` starts a line with white space.
const fn is_fold(before: u8, byte: u8) -> bool {
    (before == b'\n') & ((byte == b' ') | (byte == b'\t'))
}

/// The values of a field (no white space around them), one for each of its lines, in a head that was read before: so each line ends in
/// CRLF, and has a colon right behind its name.
pub fn values<'b>(head: &'b [u8], name: &'static str) -> impl Iterator<Item = &'b [u8]> {
    head.split(|&byte| byte == b'\n').skip(1).filter_map(move |line| {
        let (given, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":").filter(|_| given.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(value.trim_ascii())
    })
}
