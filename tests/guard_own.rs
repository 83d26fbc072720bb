//! What a client made is remembered within a bound, without a connection: `both/own.rs` has the rest.

use docker_socket_proxy::config::Config;
use docker_socket_proxy::guard::{Claim, MAX_MADE, Server};
use docker_socket_proxy::policy::Policy;
use docker_socket_proxy::proxy::admit::{Admission, admit};
use docker_socket_proxy::vars::Environment;
use std::pin::pin;
use std::task::{Context, Waker};

fn policy(lists: &[(&str, &str)]) -> Policy {
    let vars = ["POST", "DELETE", "CONTAINERS", "EXEC", "NETWORKS"].map(|name| (name, "1"));
    let vars = vars.into_iter().chain([("GUARD", "baseline")]).chain(lists.iter().copied());
    let environment: Environment = vars.collect();
    Config::of(&environment).expect("variables that can be used").frontends[0].policy.clone()
}

/// Has a request judged; `None` where it is refused.
fn judge(policy: &Policy, line: &str, body: &str) -> Option<Option<Box<Claim>>> {
    let length = body.len();
    let head = format!("{line} HTTP/1.1\r\nHost: docker\r\nContent-Length: {length}\r\n\r\n");
    let mut admitted = match admit(head.as_bytes(), policy).1.ok()? {
        Admission::Admitted(admitted) => admitted,
        Admission::Pending(pending) => pending.judge(body.as_bytes()).ok()?,
    };
    Some(admitted.take_claim())
}

/// Has a daemon answer a request with what it made.
fn make(policy: &Policy, line: &str, body: &str, id: &str) {
    let mut claim = judge(policy, line, body).expect("it passes").expect("it makes something");
    claim.send(true);
    assert!(claim.answered(201, Server::Unique));
    claim.read(format!("{{\"Id\":\"{id}\"}}").as_bytes(), Server::Unique);
}

/// An ID that is no other number's in its first 12 digits.
fn id(number: usize) -> String {
    // Not in the order of making.
    format!("{:012x}{:052x}", (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16, number)
}

#[test]
fn so_many_are_remembered_and_the_oldest_are_forgotten_first() {
    let policy = policy(&[]);
    let is_own =
        |reference: &str| judge(&policy, &format!("POST /containers/{reference}/start"), "").is_some();
    let create = |number: usize| {
        make(
            &policy,
            &format!("POST /containers/create?name=n-{number}"),
            r#"{"Image":"busybox"}"#,
            &id(number),
        );
    };
    (0..MAX_MADE).for_each(create);
    assert!(is_own("n-0") && is_own(&id(0)));
    // Other kinds have their own room.
    make(&policy, "POST /containers/n-0/exec", r#"{"Cmd":["true"]}"#, &id(0));
    make(&policy, "POST /networks/create", r#"{"Name":"n-0"}"#, &id(0));
    create(MAX_MADE);
    assert!(!is_own("n-0") && !is_own(&id(0)) && !is_own(&id(0)[..12]));
    for number in [1, 2, MAX_MADE - 1, MAX_MADE] {
        assert!(is_own(&format!("n-{number}")) && is_own(&id(number)[..12]), "{number}");
    }
    assert!(judge(&policy, &format!("POST /exec/{}/start", id(0)), "{}").is_some());
    assert!(judge(&policy, "POST /networks/n-0/connect", r#"{"Container":"n-1"}"#).is_some());
    // One that is being removed stays until that is through, though it is the oldest now.
    let removal = judge(&policy, &format!("DELETE /containers/{}", id(1)), "").expect("it passes");
    create(MAX_MADE + 1);
    assert!(is_own(&id(1)) && !is_own("n-1"));
    assert!(!is_own(&id(2)) && !is_own("n-2"));
    drop(removal);
    assert!(is_own("n-1"));
    create(MAX_MADE + 2);
    assert!(!is_own(&id(1)) && !is_own("n-1"));
}

/// Whether a request may be sent.
fn is_next(claim: &mut Claim) -> bool {
    pin!(claim.wait()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// What a list opens can be the client's own at the daemon, where its name is being taken away, or was never told.
#[test]
fn a_listed_name_is_not_taken_away_beside_a_rename_of_what_may_have_it() {
    let policy = policy(&[("ALLOW_CONTAINERS", "ci-*")]);
    let body = r#"{"Image":"busybox"}"#;
    let claim = |line: &str| judge(&policy, line, "").expect("it passes").expect("it moves a name");
    make(&policy, "POST /containers/create?name=ci-known", body, &id(1));
    make(&policy, "POST /containers/create?name=ci-twice&name=ci-twice", body, &id(2));
    for (number, name) in [(1, "ci-known"), (2, "ci-twice")] {
        for line in
            [format!("DELETE /containers/{name}?force=1"), format!("POST /containers/{name}/rename?name=z")]
        {
            // The rename came first.
            let mut rename = claim(&format!("POST /containers/{}/rename?name=victim", id(number)));
            let mut listed = claim(&line);
            assert!(is_next(&mut rename) && !is_next(&mut listed), "{line}");
            drop(rename);
            assert!(is_next(&mut listed), "{line}");
            drop(listed);
            // Of what has no name here, the removal can come first, too.
            if number == 2 {
                let mut listed = claim(&line);
                let mut rename = claim(&format!("POST /containers/{}/rename?name=victim", id(number)));
                assert!(is_next(&mut listed) && !is_next(&mut rename), "{line}");
            }
        }
    }
    // What has another name goes on beside it.
    make(&policy, "POST /containers/create?name=other", body, &id(3));
    let mut listed = claim("DELETE /containers/ci-known-too");
    let mut other = claim("DELETE /containers/other");
    assert!(is_next(&mut listed) && is_next(&mut other));
}
