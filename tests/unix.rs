//! The tests of `both/` over a Unix listener, and what only that has.

mod both;
mod support;

use both::hijack::{ALL, ATTACH, SWITCHED};
use std::sync::mpsc;
use support::daemon::wait_patiently;
use support::{FakeDaemon, Proxy, pattern};

/// Also where the client has closed without reading what the daemon wrote, and where the daemon writes to it after that. Over TCP the
/// kernel resets such a connection, and forgets its input.
#[test]
fn all_that_a_client_sent_reaches_the_daemon_whatever_it_has_not_read() {
    let input = pattern(150_000);
    for writes_again in [false, true] {
        let (closed, goes_on) = mpsc::channel();
        let goes_on = std::sync::Mutex::new(goes_on);
        let daemon = FakeDaemon::serving(move |session| {
            session.read_until(b"\r\n\r\n");
            session.send(SWITCHED);
            session.send("unread");
            wait_patiently(&goes_on.lock().expect("no panic"));
            if writes_again {
                session.send("to nobody");
            }
            while session.read_some() > 0 {}
        });
        let proxy = Proxy::start(&daemon, ALL);
        let mut client = proxy.client();
        client.send(ATTACH);
        client.read_exact(SWITCHED.len());
        client.send(&input);
        drop(client);
        closed.send(()).expect("the daemon waits");
        daemon.wait_for_ends(1);
        assert!(daemon.received().ends_with(&input), "{}", daemon.received().len());
    }
}
