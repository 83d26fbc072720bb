//! What a start can change besides: its body, in old daemons.

use crate::http::framing::BodyFraming;

/// The most bytes of body that a start granted by ALLOW_START alone may carry. dockerd from 1.12 to 24 takes a longer one (or a
/// chunked one) as a new HostConfig, `Privileged` included (moby v24 `postContainersStart`). Nor has a form room here that
/// names a checkpoint: `checkpoint=` alone is longer, and Go reads a form in the body before the query.
const MAX_BARE_START_BODY: u64 = 7;

/// Whether a start's body could be a new HostConfig.
#[must_use]
pub const fn may_rewrite(framing: BodyFraming) -> bool {
    !matches!(framing, BodyFraming::None | BodyFraming::Length(0..=MAX_BARE_START_BODY))
}
