//! The few replies of our own, in dockerd's shape: `{"message":"..."}`, which the Docker CLI prints as a sentence.

use crate::json;

/// A reply of our own. It always ends the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// A sentence for the user, without the program's name.
    pub message: String,
}

impl Reply {
    /// The reply's bytes; without the body where the request was a HEAD (RFC 9110 9.3.2).
    #[must_use]
    pub fn render(&self, to_head: bool) -> Vec<u8> {
        let mut body = String::from("{\"message\":\"docker-socket-proxy: ");
        json::escape(&mut body, &self.message);
        body.push_str("\"}\n");
        let mut reply = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.status,
            reason(self.status),
            body.len()
        );
        if !to_head {
            reply.push_str(&body);
        }
        reply.into_bytes()
    }
}

/// The reason phrase (RFC 9110 15).
const fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        403 => "Forbidden",
        408 => "Request Timeout",
        413 => "Content Too Large",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "",
    }
}
