//! What a request's body can ask for besides, where the policy allows it without such a body.

use super::route::Hazard;
use crate::http::framing::BodyFraming;

/// The most bytes of body that can ask for nothing. dockerd from 1.12 to 24 takes the longer body of a start (or a chunked one) as
/// a new HostConfig, `Privileged` included (moby v24 `postContainersStart`). Nor has a form room here that names a checkpoint or a
/// signal: `checkpoint=` alone is longer, and so is `signal=9`. Go reads a form in the body before the query.
const MAX_BARE_BODY: u64 = 7;

/// What the media type of a form holds (net/http `parsePostForm`).
const FORM: &[u8] = b"form-urlencoded";

/// Whether the body of a request with this head could ask for what this hazard is about.
#[must_use]
pub fn asks_more(hazard: Hazard, head: &[u8], framing: BodyFraming) -> bool {
    let has_room = |most| {
        !matches!(framing, BodyFraming::None)
            && !matches!(framing, BodyFraming::Length(length) if length <= most)
    };
    // Clients send JSON with a stop, which nobody reads.
    let is_form = || head.windows(FORM.len()).any(|window| window.eq_ignore_ascii_case(FORM));
    match hazard {
        Hazard::Rewrites => has_room(MAX_BARE_BODY),
        // It needs but a letter, as the query can hold the rest.
        Hazard::OpensStore => has_room(0) && is_form(),
        _ => has_room(MAX_BARE_BODY) && is_form(),
    }
}
