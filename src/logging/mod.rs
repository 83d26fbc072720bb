//! The log: lines of two forms, the summing-up of repeats, and a queue between the program and who collects it.
//!
//! A line never holds a header or a body, which carry credentials, and what it holds of a client's bytes is escaped.
//! Lines carry no time in text form, because what collects them (Docker, journald) adds its own. `docs/log.md` lists every
//! event with its fields.

mod line;
mod output;
mod repeats;
mod source;

pub use line::{Format, cut};
pub use output::{MAX_WAITING_BYTES, Output};

use log::kv::{ToValue, Value};
use log::{Level, LevelFilter, Log, Metadata, Record, error};
use repeats::{Repeated, Repeats, WINDOW, Warning};
use rustix::time::{ClockId, Timespec, clock_gettime};
use source::{Source, field};
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The logger: env_logger between a sieve for repeats and a queue.
pub struct Logger {
    inner: env_logger::Logger,
    repeats: Mutex<Repeats>,
    output: Output,
}

/// Makes `format` the program's log on stderr, from `level` on; RUST_LOG's directives win. A panic becomes a line of it.
///
/// # Errors
/// The system has no thread left.
pub fn start(level: LevelFilter, directives: Option<&str>, format: Format) -> io::Result<&'static Logger> {
    let output = Output::to(io::stderr(), move |count| dropped(format, count))?;
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).parse_filters(directives.unwrap_or_default());
    builder.target(env_logger::Target::Pipe(Box::new(output.clone())));
    builder.format(move |out, record| out.write_all(line::render(format, record, now()).as_bytes()));
    let inner = builder.build();
    let filter = inner.filter();
    let logger: &'static Logger = Box::leak(Box::new(Logger { inner, repeats: Mutex::default(), output }));
    // Fails only where a logger is set already, which then stays.
    if log::set_logger(logger).is_ok() {
        log::set_max_level(filter);
    }
    std::panic::set_hook(Box::new(|panic| error!(event = "panic"; "{panic}")));
    Ok(logger)
}

/// The line that stands where lines are missing.
fn dropped(format: Format, count: u64) -> String {
    let fields = [("event", "dropped".to_value()), ("count", count.to_value())];
    line::render(
        format,
        &Record::builder()
            .level(Level::Warn)
            .key_values(&fields)
            .args(format_args!("{count} lines of the log were dropped here, as nobody read it"))
            .build(),
        now(),
    )
}

/// The time for a line.
fn now() -> SystemTime {
    // The standard library asks a musl of 32 bits for a time of 32 bits, and panics from 2038 on. rustix would take 5 KB of the
    // other programs.
    if cfg!(target_pointer_width = "32") {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Realtime);
        UNIX_EPOCH + Duration::new(tv_sec as u64, tv_nsec as u32)
    } else {
        SystemTime::now()
    }
}

impl Logger {
    /// Says what was held back for a minute; to be called every few seconds.
    pub fn sum_up(&self) {
        self.end_windows(WINDOW);
    }

    /// Says what is held back; to be called in the end.
    pub fn sum_up_all(&self) {
        self.end_windows(Duration::ZERO);
    }

    /// The stream that the log goes to: for a sentence that belongs on it whatever the level, and to wait for its end.
    #[must_use]
    pub const fn output(&self) -> &Output {
        &self.output
    }

    fn end_windows(&self, length: Duration) {
        let ended = self.repeats().end_windows(Instant::now(), length);
        ended.iter().for_each(|repeated| self.say(repeated));
    }

    fn say(&self, Repeated { source, warning, count, over }: &Repeated) {
        let seconds = over.as_secs_f64().round() as u64;
        let [name, listener, client, uid] = source.fields();
        let fields = [
            ("event", "repeats".to_value()),
            name,
            listener,
            client,
            uid,
            ("method", warning.method.to_value()),
            ("path", warning.path.to_value()),
            ("variable", warning.variable.to_value()),
            ("count", count.to_value()),
            ("seconds", Value::from(seconds)),
        ];
        self.inner.log(
            &Record::builder()
                .level(warning.level)
                .target(module_path!())
                .key_values(&fields)
                .args(format_args!("{count} more like this in {seconds} s: {}", warning.message))
                .build(),
        );
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
            let source = Source::of(record).without_port();
            let warning = Warning {
                level: record.level(),
                message: record.args().to_string(),
                method: field(record, "method"),
                path: field(record, "path"),
                variable: field(record, "variable"),
            };
            let mut ended = Vec::new();
            let first = self.repeats().is_first(&source, warning, Instant::now(), &mut ended);
            ended.iter().for_each(|repeated| self.say(repeated));
            if !first {
                return;
            }
        }
        self.inner.log(record);
    }

    fn flush(&self) {}
}
