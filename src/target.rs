//! The request-target.

/// A request-target in origin-form with one reading, or two where it holds escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<'b> {
    /// The path as sent, without the query.
    pub path: &'b [u8],
}
