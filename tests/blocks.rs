//! What is read many bytes at once is read as byte by byte, and refused for the same reason: every byte at every place of a block, and
//! mutations of any kind.

use docker_socket_proxy::http::method::Method;
use docker_socket_proxy::http::target::{Error, Target};

/// Xorshift: the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Lengths around those of one block, two and three.
fn lengths() -> impl Iterator<Item = usize> {
    (1..5).chain(15..19).chain(30..37).chain(62..69).chain(95..99)
}

fn is_of_a_path(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9') || b"/%-._~!$&'()*+,;=:@".contains(&byte)
}

/// Why a target is refused, in the order of [`Target::parse`], where all it escapes is ASCII.
fn refused(target: &[u8]) -> Result<(), Error> {
    if target.first() != Some(&b'/') {
        return Err(Error::NotOriginForm);
    }
    let mut in_path = true;
    for &byte in target {
        in_path &= byte != b'?';
        if (in_path && !is_of_a_path(byte)) || !(b'!'..=b'~').contains(&byte) || byte == b'#' {
            return Err(if byte == b'#' { Error::Fragment } else { Error::InvalidByte });
        }
    }
    let path: String =
        target.iter().map(|&byte| char::from(byte)).take_while(|&letter| letter != '?').collect();
    refused_segments(&path)?;
    let mut pieces = path.split('%');
    let mut decoded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.chars().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or(Error::BadEscape)?;
        if matches!(byte, 0..32 | 127 | b'%' | b'\\') {
            return Err(Error::ForbiddenEscape);
        }
        decoded.push(char::from(byte));
        decoded += &piece[2..];
    }
    refused_segments(&decoded)
}

fn refused_segments(path: &str) -> Result<(), Error> {
    let segments: Vec<_> = path.split('/').collect();
    for (place, segment) in segments.iter().enumerate().skip(1) {
        if segment.is_empty() && place + 1 < segments.len() {
            return Err(Error::EmptySegment);
        }
        if [".", ".."].contains(segment) || segment.starts_with(".;") || segment.starts_with("..;") {
            return Err(Error::DotSegment);
        }
    }
    Ok(())
}

fn check_target(target: &[u8]) {
    // What is escaped beyond ASCII has other readings: `tests/replay.rs` has them.
    if target.windows(2).any(|pair| matches!(pair, [b'%', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F'])) {
        return;
    }
    let parsed = Target::parse(Method::Get, target);
    assert_eq!(
        parsed.as_ref().map(|_| ()).map_err(|error| *error),
        refused(target),
        "{}",
        target.escape_ascii()
    );
    let Ok(parsed) = parsed else { return };
    let mut parts = target.splitn(2, |&byte| byte == b'?');
    assert_eq!((Some(parsed.path()), parsed.query()), (parts.next(), parts.next()));
    assert_eq!(parsed.decoded().is_some(), parsed.path().contains(&b'%'));
}

#[test]
fn every_byte_at_every_place_of_a_target_is_read_as_alone() {
    for length in lengths() {
        for query_at in [length, length / 2] {
            let mut target = vec![b'a'; length];
            target[0] = b'/';
            if query_at < length {
                target[query_at] = b'?';
            }
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut target = target.clone();
                    target[at] = byte;
                    check_target(&target);
                    // What starts a segment.
                    if at > 0 {
                        target[at - 1] = b'/';
                        check_target(&target);
                    }
                }
            }
        }
    }
}

#[test]
fn mutated_targets_are_refused_for_the_reasons_of_the_first_bad_byte() {
    const PIECES: [&str; 28] = [
        "/",
        "/",
        "/",
        "a",
        "Z",
        "0",
        "_",
        "~",
        "=",
        "@",
        "!",
        ";",
        ":",
        ".",
        "..",
        "/.",
        "/..;",
        "//",
        "%2F",
        "%2e",
        "%41",
        "%5C",
        "%",
        "?",
        "?a=/../",
        "#",
        "containers",
        "a-long-name-of-more-bytes-than-one-block",
    ];
    let mut random = Random(21);
    let mut accepted = 0;
    for _ in 0..200_000 {
        let mut target = String::from("/");
        for _ in 0..random.below(12) {
            target += random.one_of(&PIECES);
        }
        let mut target = target.into_bytes();
        if random.below(4) == 0 {
            let at = random.below(target.len());
            target[at] = random.below(256) as u8;
        }
        accepted += usize::from(refused(&target).is_ok());
        check_target(&target);
    }
    assert!(accepted > 10_000, "too little passes to prove anything: {accepted}");
}
