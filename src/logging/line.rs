//! The two forms of a line.

use crate::json;
use crate::logging::source::Source;
use log::Record;
use log::kv::{Key, Value, VisitSource, VisitValue};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::SystemTime;

/// The most bytes of a client's method or path in a line. Docker's own paths have some 100.
const MAX_SHOWN_BYTES: usize = 256;

/// Cuts a method or a path to what a line shows of it.
#[must_use]
pub fn cut(text: &str) -> Cow<'_, str> {
    match text.get(..MAX_SHOWN_BYTES) {
        Some(start) if start.len() < text.len() => Cow::Owned(format!("{start}...({} bytes)", text.len())),
        _ => Cow::Borrowed(text),
    }
}

/// The two forms of LOG_FORMAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `LEVEL source: message`
    Text,
    /// One JSON object a line: time, level, message and the line's fields.
    Json,
}

/// A record as a line.
pub fn render(format: Format, record: &Record<'_>, now: SystemTime) -> String {
    match format {
        Format::Text => text(record),
        Format::Json => object(record, now),
    }
}

fn text(record: &Record<'_>) -> String {
    let client = Source::of(record).to_string();
    let client = if client.is_empty() { client } else { client + ": " };
    // Messages hold visible ASCII of the client's only; a daemon's or the system's words are escaped here.
    let message = record.args().to_string().replace(|character: char| character.is_control(), "?");
    format!("{:<5} {client}{message}\n", record.level())
}

fn object(record: &Record<'_>, now: SystemTime) -> String {
    let mut line = format!(
        "{{\"time\":\"{}\",\"level\":\"{}\"",
        humantime::format_rfc3339_millis(now),
        record.level().as_str().to_ascii_lowercase()
    );
    // The visitor below does not fail.
    let _ = record.key_values().visit(&mut Object(&mut line));
    line.push_str(",\"message\":\"");
    json::escape(&mut line, &record.args().to_string());
    line.push_str("\"}\n");
    line
}

/// The inside of a JSON object, to which fields are added.
struct Object<'o>(&'o mut String);

impl<'kvs> VisitSource<'kvs> for Object<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        let start = self.0.len();
        let _ = write!(self.0, ",\"{key}\":");
        let mut field = FieldValue { out: self.0, absent: false };
        value.visit(&mut field)?;
        if field.absent {
            self.0.truncate(start);
        }
        Ok(())
    }
}

/// The value of a field in JSON.
struct FieldValue<'o> {
    out: &'o mut String,
    /// It is a `None`, or neither a string nor an integer, which no line has: the `Display` of [`Value`], which could write
    /// it, brings along how floats are written, 21 KB of the program.
    absent: bool,
}

impl VisitValue<'_> for FieldValue<'_> {
    fn visit_any(&mut self, _: Value<'_>) -> Result<(), log::kv::Error> {
        self.absent = true;
        Ok(())
    }

    fn visit_str(&mut self, text: &str) -> Result<(), log::kv::Error> {
        self.out.push('"');
        json::escape(self.out, text);
        self.out.push('"');
        Ok(())
    }

    fn visit_u64(&mut self, number: u64) -> Result<(), log::kv::Error> {
        let _ = write!(self.out, "{number}");
        Ok(())
    }

    fn visit_i64(&mut self, number: i64) -> Result<(), log::kv::Error> {
        let _ = write!(self.out, "{number}");
        Ok(())
    }
}
