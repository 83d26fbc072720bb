//! Every case of `tests/guard` through a proxy: what is allowed reaches the daemon as it was sent, and of what is refused the daemon
//! sees not even a connection.

#[path = "support/bodies.rs"]
mod bodies;
mod support;

use bodies::{Case, LISTS_OF_NAMES};
use std::collections::BTreeMap;
use support::{FakeDaemon, Proxy, show};

/// All that there is: what is refused is refused by the guard.
const OPEN: &str = "AUTH BUILD COMMIT CONFIGS CONTAINERS DISTRIBUTION EVENTS EXEC GRPC IMAGES INFO NETWORKS NODES PING PLUGINS POST \
    SECRETS SERVICES SESSION SWARM SYSTEM TASKS VERSION VOLUMES LIBPOD_CONTAINERS LIBPOD_EXEC LIBPOD_PODS LIBPOD_PLAY LIBPOD_SECRETS";

fn variables(case: &Case) -> Vec<(&'static str, &'static str)> {
    let open = OPEN.split_whitespace().map(|name| (name, "1"));
    let listed = LISTS_OF_NAMES.map(|name| (name, "*"));
    let mut variables: Vec<_> = open.chain([("GUARD", "baseline")]).chain(listed).collect();
    variables.retain(|(name, _)| case.vars.iter().all(|(other, _)| other != name));
    variables.extend(&case.vars);
    variables
}

fn request(case: &Case) -> Vec<u8> {
    let mut head =
        format!("{} {} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n", case.method, case.target);
    head += &format!("Content-Length: {}\r\n", case.body.len());
    if !case.body.is_empty() && case.headers.is_empty() {
        head += "Content-Type: application/json\r\n";
    }
    for (name, value) in &case.headers {
        head += &format!("{name}: {value}\r\n");
    }
    [head.as_bytes(), b"\r\n", &case.body].concat()
}

#[test]
fn every_case_passes_as_it_was_sent_or_not_at_all() {
    let mut by_variables: BTreeMap<_, Vec<Case>> = BTreeMap::new();
    for case in bodies::cases() {
        by_variables.entry(variables(&case)).or_default().push(case);
    }
    let mut counts = [0, 0];
    for (variables, cases) in by_variables {
        let daemon = FakeDaemon::answering("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        let proxy = Proxy::start(&daemon, &variables);
        let mut sent = Vec::new();
        for case in cases {
            // Shown where the test fails.
            println!("{} {variables:?}: {}", case.name, case.why);
            let request = request(&case);
            let response = proxy.client().ask(&request);
            counts[usize::from(case.allowed)] += 1;
            if case.allowed {
                assert_eq!(response.status, 204, "{}", show(&response.body));
                sent.push(request);
            } else {
                assert!(matches!(response.status, 400 | 403), "{}", response.status);
                assert!(response.body.starts_with(b"{\"message\":\"docker-socket-proxy: "));
            }
            let received: Vec<_> = daemon.connections().iter().map(|bytes| show(bytes)).collect();
            assert_eq!(received, sent.iter().map(|bytes| show(bytes)).collect::<Vec<_>>());
        }
    }
    assert!(counts[0] > 120 && counts[1] > 30, "{counts:?}");
}

/// Without GUARD each of these passes: it is the guard that refuses, and no other rule.
#[test]
fn without_the_guard_every_judged_body_passes() {
    let daemon = FakeDaemon::answering("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    let variables: Vec<_> = OPEN.split_whitespace().map(|name| (name, "1")).collect();
    let proxy = Proxy::start(&daemon, &variables);
    for case in bodies::cases().iter().filter(|case| case.kind().is_some()) {
        let response = proxy.client().ask(request(case));
        assert_eq!(response.status, 204, "{}: {}", case.name, show(&response.body));
    }
}
