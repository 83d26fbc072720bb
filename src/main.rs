//! docker-socket-proxy.
fn main() {}
