//! Names with which podman does more than to look something up.
//!
//! podman takes the name of an image for a reference with a transport (containers/image `alltransports.ParseImageName`). One of a
//! store of one's own, `containers-storage:[overlay@/folder+/folder:overlay.mount_program=/program]name`, it opens with these
//! options, on the way to a GET's answer too: the program runs as podman's user. And `images/scp` makes a command of a name by
//! cutting it at its spaces (podman up to 5.8, `CreateCommands`).

use crate::http::bytes::{hex_value, next_byte, unescape};

/// How the name of an image in a store of the client's choice begins (containers/image `storage/storage_transport.go`).
const STORE: &[u8] = b"containers-storage:[";

/// Whether a path or a query holds the name of a store, in whatever parameter, once escapes of URLs and then of JSON are read.
pub(super) fn open_store(path: &[u8], query: &[u8]) -> bool {
    let may_hold = |text| memchr::memchr3(b'[', b'%', b'\\', text).is_some();
    [path, query].into_iter().any(|text| may_hold(text) && names_store(text))
}

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
            return true;
        }
    }
    false
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

/// The first byte of a text whose percent escapes are read, and which may be JSON in which characters are written as `\u005b` (RFC 8259 7); and the rest.
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
