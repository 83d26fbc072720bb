//! The chunked framing (RFC 9112 7.1).
//!
//! The scanner is our own because httparse's takes an empty size as 0 and lets a bare LF pass inside an extension, where Go up to
//! 1.23.7 ends the line. Its limits are those of [`framing`](super::framing), "Numbers of the wire".

use crate::http::bytes::{FIELD_VALUE, TOKEN, hex_value};
use crate::http::framing::Error;

/// The most hexadecimal digits of a chunk size, leading zeros included. They fill 32 bits.
/// - The largest that is sent: a few MiB in 6 digits by curl and docker-py; a Python generator that makes an archive in one
///   piece can reach 8. No known client sends leading zeros.
/// - The smallest that fails: 0x4000000000000002. Go from 1.21 on counts the bytes of framing that exceed 16 and twice
///   the data (`chunkedReader.excess`), and that overflows. Up to 1.23.7 it gives up on lines of 16 digits too, for one byte
///   of data each, because each line has 2 bytes more than that.
pub const MAX_CHUNK_SIZE_DIGITS: u8 = 8;

/// The most bytes of extension on one chunk-size line.
/// - The largest that is sent: none by any client of Docker.
/// - The smallest that fails: a line of 4096 bytes (Go's `maxLineLength`).
pub const MAX_EXTENSION_BYTES: u16 = 1024;

/// The most bytes of extension in a whole body.
/// - The largest that is sent: none.
/// - The smallest that fails: 16 KiB, which is how much framing Go lets exceed what it deems fit. A line with no extension
///   exceeds nothing, as it has at most [`MAX_CHUNK_SIZE_DIGITS`].
pub const MAX_EXTENSIONS_BYTES: u16 = 8 * 1024;

/// The most bytes of a trailer section, its line ends included.
/// - The largest that is sent: none by any client of Docker; a digest would have some 100 bytes.
/// - The smallest that fails: 4095, because Go wants to see it with the blank line in its buffer of 4096 bytes; in lines of
///   4 bytes 2004, because Go 1.27 takes 500 lines.
pub const MAX_TRAILER_BYTES: u16 = 1024;

/// The chunked framing (RFC 9112 7.1), byte by byte but for data, and chunks without anything special, which are skipped.
#[derive(Debug, Default)]
pub struct ChunkScanner {
    expected: Expected,
    /// Bytes of extension so far, over all chunks.
    extensions: u16,
}

/// Named for the byte that is expected next.
#[derive(Debug, Clone, Copy)]
enum Expected {
    /// A hexadecimal digit, or what ends the digits.
    Size { size: u32, digits: u8 },
    /// A byte of the extension, or CR.
    Extension { size: u32, length: u16 },
    /// The LF of the chunk-size line.
    SizeLf { size: u32 },
    /// Data.
    Data { remaining: u32 },
    /// The CR behind the data.
    DataCr,
    /// The LF behind the data.
    DataLf,
    /// The first byte of a trailer line, or the CR of the blank line.
    TrailerStart { length: u16 },
    /// A byte of a trailer's name, or its colon.
    TrailerName { length: u16 },
    /// A byte of a trailer's value, or CR.
    TrailerValue { length: u16 },
    /// The LF of a trailer line.
    TrailerLf { length: u16 },
    /// The LF of the blank line.
    EndLf,
    /// Nothing: the body is complete.
    Nothing,
}

impl Default for Expected {
    fn default() -> Self {
        Self::Size { size: 0, digits: 0 }
    }
}

impl ChunkScanner {
    /// Whether the body is complete.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.expected, Expected::Nothing)
    }

    /// How many of the next bytes of the stream belong to the body: all of `bytes` unless it ends among them.
    ///
    /// # Errors
    /// The framing is broken within `bytes`.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let mut at = 0;
        loop {
            if matches!(self.expected, Expected::Size { digits: 0, .. }) {
                at += whole_chunks(&bytes[at..]);
            }
            let Some(&byte) = bytes.get(at) else { break };
            self.expected = match self.expected {
                Expected::Nothing => break,
                Expected::Data { remaining } => {
                    let left = bytes.len() - at;
                    if remaining as usize > left {
                        // Less than `remaining`, so it fits.
                        self.expected = Expected::Data { remaining: remaining - left as u32 };
                        return Ok(bytes.len());
                    }
                    at += remaining as usize;
                    Expected::DataCr.after_data(bytes, &mut at)
                }
                expected => {
                    at += 1;
                    let expected = expected.after(byte)?;
                    if matches!(expected, Expected::Extension { .. }) {
                        self.extensions += 1;
                        if self.extensions > MAX_EXTENSIONS_BYTES {
                            return Err(Error::ChunkExtension);
                        }
                    }
                    expected
                }
            };
        }
        Ok(at)
    }
}

/// How many bytes are whole chunks that a text starts with, as far as these are plain: with data, and without an extension. Behind them
/// a scanner expects what it expected before.
fn whole_chunks(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((size, data)) = size_line(rest)
        && let Some(behind) = data.get(size..).and_then(|behind| behind.strip_prefix(b"\r\n"))
    {
        let (line, chunk) = (rest.len() - data.len(), rest.len() - behind.len());
        let first = rest;
        rest = behind;
        // Who fills one buffer after the other starts each chunk with the same line. To compare it takes less than to read it.
        while rest.len() >= chunk && start_alike(rest, first, line) && rest[..chunk].ends_with(b"\r\n") {
            rest = &rest[chunk..];
        }
    }
    bytes.len() - rest.len()
}

/// The size that a text starts with, not 0, and what is behind its line, where the line holds nothing else.
fn size_line(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut size = 0;
    for (digits, &byte) in bytes.iter().enumerate().take(1 + usize::from(MAX_CHUNK_SIZE_DIGITS)) {
        let Some(digit) = hex_value(byte) else {
            let data = bytes[digits..].strip_prefix(b"\r\n")?;
            return (size > 0).then_some((usize::try_from(size).ok()?, data));
        };
        size = size << 4 | u64::from(digit);
    }
    None
}

/// Whether two texts have the same first bytes, of 1 to 8, where 8 are at hand of both.
fn start_alike(one: &[u8], other: &[u8], count: usize) -> bool {
    match (one.first_chunk(), other.first_chunk()) {
        (Some(one), Some(other)) if count <= 8 => {
            // The first byte is the lowest, so that those behind are shifted out.
            (u64::from_le_bytes(*one) ^ u64::from_le_bytes(*other)) << (64 - 8 * count) == 0
        }
        _ => false,
    }
}

/// The data of a whole body, without its framing.
///
/// # Errors
/// The framing is broken.
pub fn decode(mut body: &[u8]) -> Result<Vec<u8>, Error> {
    let mut scanner = ChunkScanner::default();
    let mut data = Vec::with_capacity(body.len());
    while !body.is_empty() && !scanner.is_done() {
        let length = match scanner.expected {
            Expected::Data { remaining } => body.len().min(remaining as usize).max(1),
            _ => 1,
        };
        let (part, rest) = body.split_at(length);
        if matches!(scanner.expected, Expected::Data { .. }) {
            data.extend_from_slice(part);
        }
        scanner.advance(part)?;
        body = rest;
    }
    Ok(data)
}

impl Expected {
    /// Skips the CRLF behind the data where both bytes are there, as they nearly always are.
    fn after_data(self, bytes: &[u8], at: &mut usize) -> Self {
        if bytes[*at..].starts_with(b"\r\n") {
            *at += 2;
            return Self::default();
        }
        self
    }

    fn after(self, byte: u8) -> Result<Self, Error> {
        Ok(match self {
            Self::Size { size, digits } => match byte {
                b'\r' if digits > 0 => Self::SizeLf { size },
                b';' if digits > 0 => Self::Extension { size, length: 1 },
                _ => match hex_value(byte) {
                    // 8 digits are 32 bits: the shift loses nothing.
                    Some(digit) if digits < MAX_CHUNK_SIZE_DIGITS => {
                        Self::Size { size: size << 4 | u32::from(digit), digits: digits + 1 }
                    }
                    _ => return Err(Error::ChunkSize),
                },
            },
            Self::Extension { size, length } => match byte {
                b'\r' => Self::SizeLf { size },
                _ if length >= MAX_EXTENSION_BYTES || !FIELD_VALUE.holds(byte) => {
                    return Err(Error::ChunkExtension);
                }
                _ => Self::Extension { size, length: length + 1 },
            },
            Self::SizeLf { size } => match byte {
                b'\n' if size == 0 => Self::TrailerStart { length: 0 },
                b'\n' => Self::Data { remaining: size },
                _ => return Err(Error::ChunkLineEnd),
            },
            Self::DataCr if byte == b'\r' => Self::DataLf,
            Self::DataLf if byte == b'\n' => Self::default(),
            Self::DataCr | Self::DataLf => return Err(Error::ChunkLineEnd),
            Self::TrailerStart { .. } if byte == b'\r' => Self::EndLf,
            Self::TrailerStart { length } if TOKEN.holds(byte) => {
                Self::TrailerName { length: longer(length)? }
            }
            Self::TrailerName { length } if TOKEN.holds(byte) => {
                Self::TrailerName { length: longer(length)? }
            }
            Self::TrailerName { length } if byte == b':' => Self::TrailerValue { length: longer(length)? },
            // obs-fold and white space before the colon end here too.
            Self::TrailerStart { .. } | Self::TrailerName { .. } => return Err(Error::Trailer),
            Self::TrailerValue { length } => match byte {
                b'\r' => Self::TrailerLf { length: longer(length)? },
                _ if FIELD_VALUE.holds(byte) => Self::TrailerValue { length: longer(length)? },
                _ => return Err(Error::Trailer),
            },
            Self::TrailerLf { length } if byte == b'\n' => Self::TrailerStart { length: longer(length)? },
            Self::EndLf if byte == b'\n' => Self::Nothing,
            Self::TrailerLf { .. } | Self::EndLf => return Err(Error::ChunkLineEnd),
            Self::Data { .. } | Self::Nothing => self,
        })
    }
}

const fn longer(length: u16) -> Result<u16, Error> {
    if length < MAX_TRAILER_BYTES { Ok(length + 1) } else { Err(Error::Trailer) }
}
