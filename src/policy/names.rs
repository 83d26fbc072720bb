//! Names with which podman does more than to look something up.
//!
//! podman takes the name of an image for a reference with a transport (containers/image `alltransports.ParseImageName`). One of a
//! store of one's own, `containers-storage:[overlay@/folder+/folder:overlay.mount_program=/program]name`, it opens with these
//! options, on the way to a GET's answer too: the program runs as podman's user. The name may come in pieces: podman puts a colon
//! and a tag behind it, and before the name of what is pushed it puts `containers-storage:` itself, unless it has a transport
//! (podman `ParseStorageReference`). And `images/scp` makes a command of a name by cutting it at its spaces (podman up to 5.8,
//! `CreateCommands`).

use super::query::pairs;
use crate::http::bytes::{hex_value, next_byte, unescape};

/// How the name of an image in a store begins, up to its colon (containers/image `storage/storage_transport.go`).
const STORE: &[u8] = b"containers-storage";

/// Whether a path or a query holds the name of a store, or a piece that podman makes one of, in whatever parameter, once escapes of
/// URLs and then of JSON are read.
pub(super) fn open_store(path: &[u8], query: &[u8]) -> bool {
    let mut values = pairs(query).map(|(key, value)| value.strip_prefix(b"=").unwrap_or(key));
    (may_hold_store(path) && (names_store(path) || name_starts_with_store(path)))
        || (may_hold_store(query) && (names_store(query) || values.any(value_starts_with_store)))
}

/// Whether it has to be read letter by letter: it has the last word of the store's name, a bracket, or an escape that may be one of both.
fn may_hold_store(text: &[u8]) -> bool {
    const END: &[u8] = b"storage";
    let ends = |at: usize| text[at + 1..].get(..END.len()).is_some_and(|end| end.eq_ignore_ascii_case(END));
    memchr::memchr3(b'%', b'\\', b'[', text).is_some() || memchr::memchr_iter(b'-', text).any(ends)
}

/// Whether a bracket follows, or nothing of this piece does: then it may follow in another one.
fn names_store(mut text: &[u8]) -> bool {
    let mut matched = 0;
    while let Some((byte, rest)) = read_json(text) {
        text = rest;
        // The first letter comes once in it: where it does not go on, it can only start anew.
        matched = match byte.to_ascii_lowercase() {
            byte if byte == STORE[matched] => matched + 1,
            byte => usize::from(byte == STORE[0]),
        };
        if matched == STORE.len() {
            matched = 0;
            match read_json(text) {
                None | Some((b'/' | b'&' | b';', _)) => return true,
                Some((b':', rest)) if read_json(rest).is_some_and(|(byte, _)| byte == b'[') => return true,
                Some(_) => {}
            }
        }
    }
    false
}

/// Whether a name in a path starts with a bracket that is not that of a registry's IPv6 address.
fn name_starts_with_store(path: &[u8]) -> bool {
    let mut letters = unescape(path);
    let mut starts = true;
    while let Some(letter) = letters.next() {
        if starts && letter == b'[' && !is_address(letters.clone()) {
            return true;
        }
        starts = matches!(letter, b'/' | b':');
    }
    false
}

/// The same of the value of a parameter, which may be an array of JSON too.
fn value_starts_with_store(value: &[u8]) -> bool {
    let mut letters = unescape(value);
    letters.next() == Some(b'[')
        && !matches!(letters.clone().next(), Some(b'"' | b'{' | b'[' | b']'))
        && !is_address(letters)
}

/// Whether an IPv6 address and its closing bracket come next.
fn is_address(mut letters: impl Iterator<Item = u8>) -> bool {
    let mut length = 0;
    let end = letters.find(|&letter| {
        let goes_on = hex_value(letter).is_some() || matches!(letter, b':' | b'.');
        length += usize::from(goes_on);
        !goes_on
    });
    length > 0 && end == Some(b']')
}

/// Whether podman would take the name of an image to copy (`/scp/NAME`, and `destination` in the query) for arguments of its
/// command: it holds a space, or starts with a hyphen.
pub(super) fn add_arguments(below: &[u8], query: &[u8]) -> bool {
    let Some(name) = below.strip_prefix(b"/scp/") else { return false };
    let starts_with_hyphen = |text| unescape(text).next() == Some(b'-');
    let mut values = query.split(|&byte| byte == b'=').skip(1);
    [name, query].into_iter().any(|text| unescape(text).any(|byte| byte == b' '))
        || query.contains(&b'+')
        || starts_with_hyphen(name)
        || values.any(starts_with_hyphen)
}

/// The first byte of a text whose percent escapes are read, and which may be JSON in which characters are written as `\u005b`
/// (RFC 8259 7); and the rest.
fn read_json(text: &[u8]) -> Option<(u8, &[u8])> {
    let (byte, behind) = next_byte(text)?;
    let escaped = || {
        let (b'u', mut rest) = next_byte(behind)? else { return None };
        let mut value = 0;
        for _ in 0..4 {
            let (digit, behind) = next_byte(rest)?;
            value = value << 4 | u16::from(hex_value(digit)?);
            rest = behind;
        }
        Some((u8::try_from(value).ok()?, rest))
    };
    Some(if byte == b'\\' { escaped().unwrap_or((byte, behind)) } else { (byte, behind) })
}
