//! Holding the body of a request until it is judged.
//!
//! Nothing of such a request reaches the daemon before, and no connection to it is made. What is held is bounded: for each body, for all of
//! them together, and in time. Nobody pays for this whose body is not judged.

use crate::guard::{Held, MAX_BODY_BYTES, MAX_FRAMING_BYTES, Room};
use crate::http::body::Body;
use crate::http::chunked;
use crate::http::framing::BodyFraming;
use crate::proxy::admit::{Pending, Refusal};
use crate::proxy::client::Client;
use crate::proxy::pump::{Halt, Pump};
use std::borrow::Cow;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout_at};

/// The proxy's own word to who waits before the body is sent (RFC 9110 15.2.1). The daemon's comes too, once it is asked.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Why a body is not held whole.
#[derive(Debug)]
pub enum Stop {
    /// It is refused.
    Refused(Refusal),
    /// The client is gone.
    ClientGone,
}

/// Reads until the whole body of the request is held that starts what `request` holds.
///
/// # Errors
/// What is too large, too late, cut or badly framed, and where there is no room.
pub async fn hold<'r>(
    client: &mut Client,
    request: &mut Pump,
    pending: &Pending<'_>,
    room: &'r Room,
    patience: Duration,
) -> Result<Held<'r>, Stop> {
    let deadline = Instant::now() + patience;
    let refuse = Stop::Refused;
    let head_length = pending.head_length();
    let most = match pending.framing() {
        BodyFraming::Length(length) if length > MAX_BODY_BYTES as u64 => {
            return Err(refuse(Refusal::LargeBody));
        }
        BodyFraming::Chunked => MAX_BODY_BYTES + MAX_FRAMING_BYTES,
        _ => MAX_BODY_BYTES,
    };
    let mut body = Body::from(pending.framing());
    let mut length = 0;
    let mut held = Held::default();
    loop {
        let more = &request.held()[head_length + length..];
        let taken = body.advance(more).map_err(|error| refuse(Refusal::Framing(error)))?;
        room.take(&mut held, taken).ok_or(refuse(Refusal::NoRoom))?;
        length += taken;
        if length > most {
            return Err(refuse(Refusal::LargeBody));
        }
        if body.is_done() {
            return Ok(held);
        }
        if length == 0 && pending.expects_continue() {
            let mut writer = client.split().1;
            match timeout_at(deadline, writer.write_all(CONTINUE)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Stop::ClientGone),
                Err(_) => return Err(refuse(Refusal::LateBody(patience))),
            }
        }
        // Of a body that says its length nothing behind is read.
        let limit = match body {
            Body::Length(left) => usize::try_from(left).unwrap_or(most),
            _ => most,
        };
        match timeout_at(deadline, request.fill(&mut client.reader(), limit)).await {
            Ok(Ok(())) => {}
            Ok(Err(Halt::SourceEnded)) => return Err(refuse(Refusal::CutBody)),
            Ok(Err(_)) => return Err(Stop::ClientGone),
            Err(_) => return Err(refuse(Refusal::LateBody(patience))),
        }
    }
}

/// The body that is held whole behind such a head, without its framing.
///
/// # Errors
/// It is too large.
pub fn content<'h>(request: &'h Pump, pending: &Pending<'_>) -> Result<Cow<'h, [u8]>, Refusal> {
    let behind = &request.held()[pending.head_length()..];
    let content = match pending.framing() {
        BodyFraming::Chunked => Cow::Owned(chunked::decode(behind).map_err(Refusal::Framing)?),
        BodyFraming::Length(length) => {
            let length = usize::try_from(length).map_err(|_| Refusal::LargeBody)?;
            Cow::Borrowed(behind.get(..length).ok_or(Refusal::CutBody)?)
        }
        BodyFraming::None | BodyFraming::UntilClose => Cow::Borrowed(&[][..]),
    };
    if content.len() > MAX_BODY_BYTES { Err(Refusal::LargeBody) } else { Ok(content) }
}
