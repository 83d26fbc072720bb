//! The tests of `both/` over a Unix listener.

mod both;
mod support;
