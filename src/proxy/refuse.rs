//! What is said where a request does not reach the daemon: a line of the log, and a reply to the client.

use crate::http::reply::Reply;
use crate::logging::cut;
use crate::proxy::admit::{Refusal, RequestLine, told};
use crate::proxy::peer::{Peer, log_of};
use log::Level::Warn;

/// Says to the log why a request is refused, and returns what to say to the client. `line` is there where the head could be read.
#[must_use]
pub fn refuse(refusal: &Refusal, peer: &Peer, line: Option<RequestLine<'_>>) -> Reply {
    let status = refusal.status();
    let (method, path) = line.map(|line| (cut(line.method), cut(line.path))).unzip();
    let request = method.iter().chain(&path).fold(String::new(), |words, word| words + word + " ");
    let prefix = peer.door.prefix();
    let (mut variable, mut field) = (None, None);
    let why = match refusal {
        Refusal::Denied(denial) => {
            let missing: Vec<_> = denial.missing().variables().map(|variable| variable.name).collect();
            variable = (!missing.is_empty()).then(|| missing.join(","));
            denial.told(&prefix).to_string()
        }
        Refusal::Guarded(refused) => {
            field = refused.first().map(|refused| &*refused.path);
            told(refused, &prefix)
        }
        _ => {
            let message = refusal.to_string();
            log_of!(peer, Warn, event = "refused", method, path, status; "{request}refused with {status}: {message}");
            return Reply { status, message };
        }
    };
    let message = format!("{request}is denied: {why}");
    // Judged at once, and nothing passed either way.
    log_of!(
        peer, Warn, event = "denied", method, path, variable, field, status, ms = 0, up = 0, down = 0;
        "{message}"
    );
    Reply { status, message }
}
