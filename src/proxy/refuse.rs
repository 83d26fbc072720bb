//! What is said where a request does not reach the daemon: a line of the log, and a reply to the client.

use crate::http::reply::Reply;
use crate::logging::cut;
use crate::proxy::admit::{Refusal, RequestLine};
use log::warn;
use std::net::SocketAddr;

/// Says to the log why a request is refused, and returns what to say to the client. `line` is there where the head could be read.
#[must_use]
pub fn refuse(refusal: &Refusal, client: SocketAddr, line: Option<RequestLine<'_>>) -> Reply {
    let status = refusal.status();
    let (method, path) = line.map(|line| (cut(line.method), cut(line.path))).unzip();
    let request = method.iter().chain(&path).fold(String::new(), |words, word| words + word + " ");
    if let Refusal::Denied(denial) = refusal {
        let missing: Vec<_> = denial.missing().variables().map(|variable| variable.name).collect();
        let variable = (!missing.is_empty()).then(|| missing.join(","));
        let message = format!("{request}is denied: {denial}");
        // Judged at once, and nothing passed either way.
        warn!(
            client:%, event = "denied", method, path, variable, status, ms = 0, up = 0, down = 0;
            "{message}"
        );
        return Reply { status, message };
    }
    let message = refusal.to_string();
    warn!(client:%, event = "refused", method, path, status; "{request}refused with {status}: {message}");
    Reply { status, message }
}
