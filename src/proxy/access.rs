//! What the log says of an allowed request: when its answer has begun, where that goes on, and what became of it.

use crate::config::Config;
use crate::logging::cut;
use crate::proxy::admit::Admitted;
use crate::proxy::client::Client;
use crate::proxy::peer::{Peer, log_of};
use crate::proxy::relay::Begun;
use log::{Level, log_enabled};
use tokio::time::Instant;

/// An allowed request in flight, as far as the log shows it.
pub struct Access {
    level: Level,
    peer: Peer,
    method: &'static str,
    /// Cut for the log.
    path: String,
    variable: &'static str,
    started: Instant,
    /// Of the answer, once its head has been passed on.
    status: Option<u16>,
}

impl Access {
    const fn level(config: &Config) -> Level {
        if config.log_requests { Level::Info } else { Level::Debug }
    }

    /// Whether the log shows allowed requests.
    #[must_use]
    pub fn is_shown(config: &Config) -> bool {
        log_enabled!(Self::level(config))
    }

    /// Of an admitted request with this path; `None` where the log does not show it.
    #[must_use]
    pub fn new(config: &Config, client: &Client, admitted: &Admitted, path: &str) -> Option<Self> {
        if !Self::is_shown(config) {
            return None;
        }
        let level = Self::level(config);
        let path = cut(path).into_owned();
        let (method, variable) = (admitted.method().as_str(), admitted.variable());
        let peer = client.peer();
        Some(Self { level, peer, method, path, variable, started: Instant::now(), status: None })
    }

    /// The answer has begun. Says so where it goes on: it may do so for days, and until then the log would not know of it.
    pub fn begin(&mut self, Begun { status, streams, .. }: Begun) {
        self.status = Some(status);
        let Self { level, peer, method, path, variable, .. } = &*self;
        if streams {
            log_of!(
                peer, *level, event = "begun", method, path, variable, status;
                "{method} {path} is allowed by {variable}: {status}, and goes on"
            );
        }
    }

    /// Answered by the proxy itself, with this status.
    pub const fn answer(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// Says what became of it: the bytes that were passed each way, and what cut it.
    pub fn end(self, up: u64, down: u64, cut: Option<&str>) {
        let Self { level, peer, method, path, variable, started, status } = self;
        let ms = started.elapsed().as_millis() as u64;
        let answer = status.map_or_else(|| String::from("no answer"), |status| status.to_string());
        let end = cut.map_or_else(String::new, |cut| format!(", cut by the {cut}"));
        log_of!(
            &peer, level, event = "allowed", method, path, variable, status, ms, up, down, cut;
            "{method} {path} is allowed by {variable}: {answer} in {ms} ms, {up} bytes up, {down} down{end}"
        );
    }
}
