//! Log lines: their two forms, and the summing-up of repeats.
//!
//! A line never holds a header or a body, which carry credentials, and what it holds of a client's bytes is escaped.
//! Lines carry no time in text form, because what collects them (Docker, journald) adds its own.

use crate::json;
use log::kv::{Key, Value, VisitSource, VisitValue};
use log::{Level, LevelFilter, Log, Metadata, Record, error};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Repeats of a warning are summed up over this long.
const REPEAT_WINDOW: Duration = Duration::from_secs(60);

/// So many different warnings are told apart within a window; further ones are summed up as one. With it, a storm of any
/// kind is some 50 KiB a minute.
const MAX_KINDS: usize = 100;

/// What these further ones are summed up as.
const MANY_KINDS: &str = "warnings of many kinds";

/// So many clients' warnings are told apart.
const MAX_CLIENTS: usize = 64;

/// What further ones are taken for.
const OTHER_CLIENTS: &str = "other clients";

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
    /// `LEVEL client: message`
    Text,
    /// One JSON object a line: time, level, message and the line's fields.
    Json,
}

/// The logger: env_logger behind a sieve for repeats.
pub struct Logger {
    inner: env_logger::Logger,
    repeats: Mutex<Repeats>,
}

/// Makes `format` the program's log on stderr, from `level` on; RUST_LOG wins. A panic becomes a line of it.
pub fn start(level: LevelFilter, format: Format) -> &'static Logger {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).parse_default_env();
    match format {
        Format::Text => builder.format(|out, record| out.write_all(text(record).as_bytes())),
        Format::Json => {
            builder.format(|out, record| out.write_all(object(record, SystemTime::now()).as_bytes()))
        }
    };
    let inner = builder.build();
    let filter = inner.filter();
    let logger: &'static Logger = Box::leak(Box::new(Logger { inner, repeats: Mutex::default() }));
    // Fails only where a logger is set already, which then stays.
    if log::set_logger(logger).is_ok() {
        log::set_max_level(filter);
    }
    std::panic::set_hook(Box::new(|panic| error!(event = "panic"; "{panic}")));
    logger
}

impl Logger {
    /// Says what was held back for a minute; to be called every few seconds.
    pub fn sum_up(&self) {
        self.end_windows(REPEAT_WINDOW);
    }

    /// Says what is held back; to be called in the end.
    pub fn sum_up_all(&self) {
        self.end_windows(Duration::ZERO);
    }

    fn end_windows(&self, length: Duration) {
        let ended = self.repeats().end_windows(Instant::now(), length);
        for Repeated { line, level, count, over } in ended {
            let seconds = over.as_secs_f64().round() as u64;
            let fields = [("event", Value::from("repeats")), ("repeats", Value::from(count))];
            self.inner.log(
                &Record::builder()
                    .level(level)
                    .target(module_path!())
                    .key_values(&fields)
                    .args(format_args!("{count} more like this in {seconds} s: {line}"))
                    .build(),
            );
        }
    }

    fn repeats(&self) -> MutexGuard<'_, Repeats> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.inner.matches(record) {
            return;
        }
        // Only what a client or a failing daemon can bring about at any rate.
        if record.level() <= Level::Warn {
            let fields = Fields::of(record);
            let client = fields.client.rsplit_once(':').map_or("", |(address, _port)| address);
            let line = record.args().to_string();
            if !self.repeats().is_first(client, &line, record.level(), Instant::now()) {
                return;
            }
        }
        self.inner.log(record);
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

/// The warnings of the last minute, by the client's address and their words: no client hides what others bring about.
#[derive(Default)]
struct Repeats {
    clients: HashMap<String, HashMap<String, Kind>>,
}

struct Kind {
    level: Level,
    since: Instant,
    repeated: u64,
}

/// What came again within a window.
#[derive(Debug, PartialEq, Eq)]
struct Repeated {
    line: String,
    level: Level,
    count: u64,
    over: Duration,
}

impl Repeats {
    /// Whether this line has not been seen within its window; otherwise it is counted.
    fn is_first(&mut self, client: &str, line: &str, level: Level, now: Instant) -> bool {
        let room = self.clients.len() < MAX_CLIENTS || self.clients.contains_key(client);
        let kinds = self.clients.entry(if room { client } else { OTHER_CLIENTS }.to_owned()).or_default();
        let known = kinds.contains_key(line);
        let first = !known && kinds.len() < MAX_KINDS;
        let line = if known || first { line } else { MANY_KINDS };
        let kind = kinds.entry(line.to_owned()).or_insert(Kind { level, since: now, repeated: 0 });
        kind.repeated += u64::from(!first);
        first
    }

    /// Ends the windows of at least this length, and returns what was repeated in them. What goes on is counted further:
    /// a storm is one line a minute.
    fn end_windows(&mut self, now: Instant, length: Duration) -> Vec<Repeated> {
        let mut ended = Vec::new();
        self.clients.retain(|client, kinds| {
            kinds.retain(|line, kind| {
                let over = now.duration_since(kind.since);
                if over < length {
                    return true;
                }
                let count = std::mem::take(&mut kind.repeated);
                kind.since = now;
                if count > 0 {
                    let line = format!("{client} {line}").trim_start().to_owned();
                    ended.push(Repeated { line, level: kind.level, count, over });
                }
                count > 0
            });
            !kinds.is_empty()
        });
        ended
    }
}

/// A record's fields: the client by itself, the others as the inside of a JSON object.
#[derive(Default)]
struct Fields {
    client: String,
    others: String,
}

impl Fields {
    fn of(record: &Record<'_>) -> Self {
        let mut fields = Self::default();
        // The visitor below does not fail.
        let _ = record.key_values().visit(&mut fields);
        fields
    }
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        if key.as_str() == "client" {
            self.client = value.to_string();
            return Ok(());
        }
        let start = self.others.len();
        let _ = write!(self.others, ",\"{key}\":");
        let mut field = Field { out: &mut self.others, absent: false };
        value.visit(&mut field)?;
        if field.absent {
            self.others.truncate(start);
        }
        Ok(())
    }
}

/// The value of a field in JSON.
struct Field<'o> {
    out: &'o mut String,
    /// It is a `None`.
    absent: bool,
}

impl VisitValue<'_> for Field<'_> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), log::kv::Error> {
        self.visit_str(&value.to_string())
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

    fn visit_null(&mut self) -> Result<(), log::kv::Error> {
        self.absent = true;
        Ok(())
    }
}

fn text(record: &Record<'_>) -> String {
    let client = Fields::of(record).client;
    let separator = if client.is_empty() { "" } else { ": " };
    // Messages hold visible ASCII of the client's only; a daemon's or the system's words are escaped here.
    let message = record.args().to_string().replace(|character: char| character.is_control(), "?");
    format!("{:<5} {client}{separator}{message}\n", record.level())
}

fn object(record: &Record<'_>, now: SystemTime) -> String {
    let fields = Fields::of(record);
    let mut line = format!(
        "{{\"time\":\"{}\",\"level\":\"{}\"",
        humantime::format_rfc3339_millis(now),
        record.level().as_str().to_ascii_lowercase()
    );
    line.push_str(&fields.others);
    if !fields.client.is_empty() {
        let _ = write!(line, ",\"client\":\"{}\"", fields.client);
    }
    line.push_str(",\"message\":\"");
    json::escape(&mut line, &record.args().to_string());
    line.push_str("\"}\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_counted_from_window_to_window_and_what_ends_is_forgotten() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut repeats = Repeats::default();
        let say = |repeats: &mut Repeats, line, second| repeats.is_first("", line, Level::Warn, at(second));
        assert!(say(&mut repeats, "storm", 0));
        assert!(say(&mut repeats, "once", 0));
        for second in 1..59 {
            assert!(!say(&mut repeats, "storm", second));
        }
        assert_eq!(repeats.end_windows(at(59), REPEAT_WINDOW), []);
        let sum = |count, over| {
            let (line, over) = (String::from("storm"), Duration::from_secs(over));
            [Repeated { line, level: Level::Warn, count, over }]
        };
        assert_eq!(repeats.end_windows(at(62), REPEAT_WINDOW), sum(58, 62));
        assert!(!say(&mut repeats, "storm", 63), "one line a minute");
        assert!(say(&mut repeats, "once", 63), "forgotten");
        assert_eq!(repeats.end_windows(at(123), REPEAT_WINDOW), sum(1, 61));
        assert_eq!(repeats.end_windows(at(184), REPEAT_WINDOW), []);
        assert!(say(&mut repeats, "storm", 185), "it had ended");
    }
}
