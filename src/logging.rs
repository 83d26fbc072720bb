//! Log lines: their two forms, and the summing-up of repeats.
//!
//! A line never holds a header or a body, which carry credentials, and what it holds of a client's bytes is escaped.
//! Lines carry no time in text form, because what collects them (Docker, journald) adds its own.

use crate::json;
use log::kv::{Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Repeats of a line are summed up over this long.
pub const REPEAT_WINDOW: Duration = Duration::from_secs(60);

/// So many different lines are told apart within a window; further ones are summed up as one.
const MAX_KINDS: usize = 256;

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

/// Makes `format` the program's log on stderr, from `level` on; RUST_LOG wins.
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
    logger
}

impl Logger {
    /// Says what was held back and is older than [`REPEAT_WINDOW`]; to be called now and then.
    pub fn sum_up(&self) {
        let ended = self.repeats().end_windows(Instant::now());
        for (repeated, line) in ended {
            let seconds = REPEAT_WINDOW.as_secs();
            self.inner.log(
                &Record::builder()
                    .level(Level::Warn)
                    .target(module_path!())
                    .key_values(&[("event", "repeats")])
                    .args(format_args!("{repeated} more like this in {seconds} s: {line}"))
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
            let line = format!("{client} {}", record.args());
            if !self.repeats().is_first(&line, Instant::now()) {
                return;
            }
        }
        self.inner.log(record);
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

/// The warnings of the current window.
#[derive(Default)]
struct Repeats {
    kinds: HashMap<String, Kind>,
    /// Lines that found no room.
    others: u64,
}

struct Kind {
    since: Instant,
    repeated: u64,
}

impl Repeats {
    /// Whether this line has not been seen within its window; otherwise it is counted.
    fn is_first(&mut self, line: &str, now: Instant) -> bool {
        if let Some(kind) = self.kinds.get_mut(line) {
            kind.repeated += 1;
            return false;
        }
        if self.kinds.len() >= MAX_KINDS {
            self.others += 1;
            return false;
        }
        self.kinds.insert(line.to_owned(), Kind { since: now, repeated: 0 });
        true
    }

    /// Forgets the lines whose window is over, and returns those that were repeated.
    fn end_windows(&mut self, now: Instant) -> Vec<(u64, String)> {
        let mut ended: Vec<_> = self
            .kinds
            .extract_if(|_, kind| now.duration_since(kind.since) >= REPEAT_WINDOW)
            .filter(|(_, kind)| kind.repeated > 0)
            .map(|(line, kind)| (kind.repeated, line.trim_start().to_owned()))
            .collect();
        if self.others > 0 && self.kinds.len() < MAX_KINDS {
            ended.push((std::mem::take(&mut self.others), String::from("lines of many kinds")));
        }
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
        let _ = write!(self.others, ",\"{key}\":");
        match value.to_u64() {
            Some(number) => {
                let _ = write!(self.others, "{number}");
            }
            None => {
                self.others.push('"');
                json::escape(&mut self.others, &value.to_string());
                self.others.push('"');
            }
        }
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
