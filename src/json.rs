//! Writing JSON strings: for replies of our own and for log lines.

use std::fmt::Write as _;

/// Appends `text` as the inside of a JSON string (RFC 8259 7). Bytes outside visible ASCII are escaped too, so that what
/// comes from a client cannot forge a line or steer a terminal.
pub fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String does not fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
}
