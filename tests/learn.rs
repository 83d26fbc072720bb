//! LEARN=1: what is printed grants the same traffic, and no more than it.

mod support;

use docker_socket_proxy::config::{Config, frontends};
use docker_socket_proxy::guard::{Guard, LISTS, Rule};
use docker_socket_proxy::http::method::Method;
use docker_socket_proxy::policy::guarded::rule;
use docker_socket_proxy::policy::learn::{Defaults, Learner};
use docker_socket_proxy::policy::{Dialect, Policy, ROUTES, Route, VARIABLES, Verdict};
use docker_socket_proxy::proxy::admit::admit;
use docker_socket_proxy::vars::Environment;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use support::daemon::response;
use support::{Client, FakeDaemon, Program, Proxy};

/// The request heads of a Docker CLI 28.2 against dockerd 20.10, in the order of `version`, `info`, `images`, `network
/// create`, `volume create`, `build`, `run -d`, `ps`, `inspect`, `logs`, `top`, `exec`, `stats`, `cp` both ways, `diff`, `pause`,
/// `unpause`, `stop`, `start`, `restart`, `kill`, `rename`, `run --rm`, `run -i`, `tag`, `rmi`, `save`, `load`, `events`,
/// `system df`, `rm`, `network rm`, `volume rm`, `image prune`. A blank line ends each; line ends are LF here.
const DOCKER_CLI: &str = include_str!("sessions/docker-cli.txt");

/// What other clients asked (tests/sessions/README.md).
const DOCKER_PY: &str = include_str!("sessions/docker-py.txt");
const DOCKERODE: &str = include_str!("sessions/dockerode.txt");
const PODMAN: &str = include_str!("sessions/podman.txt");

/// Every head of a session, as sent.
fn heads(session: &str) -> Vec<String> {
    session.trim_end().split("\n\n").map(|head| format!("{}\r\n\r\n", head.replace('\n', "\r\n"))).collect()
}

/// A daemon that grants what a client of such a session asks for.
fn daemon() -> FakeDaemon {
    FakeDaemon::serving(|session| {
        while let Some(request) = session.read_request() {
            if request.head.contains("\r\nUpgrade: tcp\r\n") {
                session.send("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw");
                return;
            }
            let whole = response("200 OK", "ok");
            let sent = if request.line().starts_with("HEAD") { whole.len() - 2 } else { whole.len() };
            session.send(&whole[..sent]);
        }
    })
}

/// Sends one recorded request, with a body of the length that it had, on a connection of its own; returns the status.
fn replay(mut client: Client, head: &str) -> u16 {
    client.send(head);
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    if let Some(length) = length {
        let body = vec![b' '; length.parse().expect("a length")];
        // A denial ends the connection before all is taken.
        let _ = client.try_send(body);
    } else if head.contains("\r\nTransfer-Encoding: chunked\r\n") {
        let _ = client.try_send("0\r\n\r\n");
    }
    let answer =
        if head.starts_with("HEAD") { client.read_response_to_head() } else { client.read_response() };
    if answer.status == 101 {
        assert_eq!(client.read_exact(3), b"raw", "{head}");
    }
    answer.status
}

/// The variables of the first printed block, and the routes of the second.
fn blocks(report: &str) -> [Vec<(&str, String)>; 2] {
    let (first, second) = report.split_once(OR).unwrap_or((report, ""));
    [variables(first), variables(second)]
}

/// What is between the two blocks.
const OR: &str = "    # or, in place of all that, just these routes:\n";

/// The variables of a printed block, as YAML reads them.
fn variables(block: &str) -> Vec<(&str, String)> {
    let mut variables: Vec<(&str, String)> = Vec::new();
    for line in block.lines().skip(1) {
        match line.strip_prefix("        ") {
            // Of the text that the last variable starts.
            Some(text) if !line.trim_start().starts_with('#') => {
                let (_, value) = variables.last_mut().expect("a variable");
                *value = format!("{}{text}\n", value.trim_start_matches('|'));
            }
            _ => variables.extend(
                line.trim_start()
                    .split_once(": ")
                    .filter(|_| !line.contains('#'))
                    .map(|(name, value)| (name, value.to_owned())),
            ),
        }
    }
    variables
}

fn policy(variables: &[(&str, String)]) -> Policy {
    let set: BTreeMap<_, _> = variables.iter().cloned().collect();
    Policy::from_vars(&|name| set.get(name).cloned()).expect("a usable environment")
}

fn allows_all(policy: &Policy, heads: &[String]) -> bool {
    heads.iter().all(|head| admit(head.as_bytes(), policy).1.is_ok())
}

/// What is printed for these heads; checks that the first block grants them all, and that nothing of it can be left out.
fn learned(dialect: Dialect, heads: &[String]) -> String {
    let learner = Learner::new(Defaults::of(dialect));
    for head in heads {
        learner.note(head.as_bytes());
    }
    let report = learner.report();
    let [block, _] = blocks(&report);
    assert!(allows_all(&policy(&block), heads), "{report}");
    for (left_out, value) in block.iter().filter(|(_, value)| *value == "1") {
        let less: Vec<_> = block
            .iter()
            .map(|(name, value)| (*name, if name == left_out { String::from("0") } else { value.clone() }))
            .collect();
        assert!(!allows_all(&policy(&less), heads), "{left_out}={value} is not needed:\n{report}");
    }
    // Nothing more can be closed by a variable.
    let narrow = policy(&block);
    for variable in VARIABLES.iter().filter(|_| !heads.is_empty()) {
        let closed = [(variable.name, String::from("0"))];
        let less = policy(&[&block[..], &closed].concat());
        let closes =
            routes().find(|&(method, path)| is_open(&narrow, method, path) && !is_open(&less, method, path));
        if let Some((method, path)) = closes {
            assert!(!allows_all(&less, heads), "{}=0 closes {method:?} {path}:\n{report}", variable.name);
        }
    }
    report
}

/// Every known route with its methods.
fn routes() -> impl Iterator<Item = (Method, &'static str)> {
    ROUTES.iter().flat_map(|route| route.methods.iter().map(|&method| (method, route.path)))
}

fn is_open(policy: &Policy, method: Method, path: &str) -> bool {
    matches!(policy.judge_row(method, path, None), Verdict::Allow(_))
}

/// Checks that the second block of a report grants all these heads, and no route that none of them asks for.
fn grants_just_these(report: &str, heads: &[String]) {
    let [_, block] = blocks(report);
    let exact = policy(&block);
    assert!(allows_all(&exact, heads), "{report}");
    let asked: Vec<_> = heads
        .iter()
        .map(|head| {
            let mut words = head.split(' ');
            let method = Method::parse(words.next().expect("a method").as_bytes()).expect("a method");
            let target = words.next().expect("a target");
            let path = target.split('?').next().expect("a path");
            let version =
                path.split('/').nth(1).filter(|first| first.starts_with("v1.") || first.starts_with("v5."));
            let path = version.map_or(path, |version| &path[1 + version.len()..]);
            (method, Route::find(method, path.as_bytes()).expect("a known route").path)
        })
        .collect();
    for (method, path) in routes() {
        let expected = asked.contains(&(method, path))
            || (method == Method::Head && asked.contains(&(Method::Get, path)));
        assert_eq!(is_open(&exact, method, path), expected, "{method:?} {path}:\n{report}");
    }
}

fn requests(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| format!("{line} HTTP/1.1\r\nHost: docker\r\n\r\n")).collect()
}

#[test]
fn what_has_seen_nothing_says_so_and_proposes_nothing() {
    let nothing = "# LEARN=1 has seen no request yet, so that it proposes nothing\n";
    let learner = Learner::new(Defaults::of(Dialect::Tecnativa));
    assert_eq!(learner.report(), nothing);
    // What has no single reading is not seen.
    learner.note(b"GET /a/../b HTTP/1.1\r\nHost: docker\r\n\r\n");
    assert_eq!(learner.report(), nothing);
    // What nobody can allow is.
    learner.note(b"TRACE / HTTP/1.1\r\nHost: docker\r\n\r\n");
    assert!(learner.report().contains("TRACE (refused)"), "{}", learner.report());

    let daemon = daemon();
    let mut program = Program::start(&daemon.socket(), &[("LEARN", "1")]);
    program.signal("TERM");
    assert!(program.wait().success());
    assert_eq!(program.stdout(), nothing);
}

#[test]
fn there_is_news_while_a_report_would_say_more_than_the_last() {
    let learner = Learner::new(Defaults::of(Dialect::Tecnativa));
    let note = |request: &str| learner.note(requests(&[request])[0].as_bytes());
    assert!(!learner.has_news());
    for (known, new) in [
        ("GET /containers/json", "GET /containers/a/json"),
        ("GET /containers/a/json", "GET /containers/a/stats"),
        ("GET /containers/a/stats", "TRACE /"),
        ("TRACE /", "GET /debug/pprof/"),
        ("GET /debug/pprof/", "GET /libpod/images/containers-storage:%5Ba%5Db/json"),
        ("GET /libpod/images/containers-storage:%5Ba%5Db/json", "GET /containers/a/nonsense"),
        ("GET /containers/a/nonsense", "GET /info"),
    ] {
        note(known);
        let _ = learner.report();
        // What is known is none, whatever it is called there.
        note(&known.replace("/a/", "/b/"));
        assert!(!learner.has_news(), "{known}");
        note(new);
        note(known);
        assert!(learner.has_news(), "{new}");
    }
}

#[test]
fn a_name_that_is_a_word_of_another_method_is_learned_as_a_name() {
    let report = learned(Dialect::Tecnativa, &requests(&["DELETE /containers/json"]));
    assert!(report.contains("        DELETE /containers/{name}\n"), "{report}");
}

#[test]
fn a_few_examples_are_listed_and_it_is_said_that_there_are_others() {
    let routes =
        ["json", "search", "get", "a/json", "a/history", "a/get"].map(|below| format!("GET /images/{below}"));
    for (count, others) in [(4, false), (5, true)] {
        let seen: Vec<_> = routes[..count].iter().map(String::as_str).collect();
        let learner = Learner::new(Defaults::of(Dialect::Tecnativa));
        requests(&seen).iter().for_each(|head| drop(learner.note(head.as_bytes())));
        assert_eq!(learner.report().contains("and others"), others, "{}", learner.report());
        learner.note(requests(&[&routes[0]])[0].as_bytes());
        assert!(!learner.has_news());
    }
}

#[test]
fn a_name_that_nothing_allows_is_listed_as_refused() {
    let learner = Learner::new(Defaults::of(Dialect::Tecnativa));
    learner.note(requests(&["GET /libpod/images/containers-storage:%5Ba%5Db/json"])[0].as_bytes());
    assert!(learner.report().contains("GET /libpod/images/{name}/json (refused)"), "{}", learner.report());
}

#[test]
fn the_printed_block_lets_a_recorded_docker_cli_do_the_same_again() {
    let heads = heads(DOCKER_CLI);
    assert_eq!(heads.len(), 84);
    let daemon = daemon();
    let mut learning = Program::start(&daemon.socket(), &[("LEARN", "1")]);
    learning.wait_for_log("granted: everything, as LEARN=1");
    learning.wait_for_log("ERROR LEARN=1: EVERYTHING IS ALLOWED");
    for head in &heads {
        assert_ne!(replay(learning.client(), head), 403, "{head}");
    }
    // Printed when asked, and again at the end.
    let mut stdout = BufReader::new(learning.child.stdout.take().expect("a pipe"));
    learning.signal("USR1");
    let mut first = String::new();
    assert!(stdout.read_line(&mut first).is_ok());
    assert_eq!(first, "    environment:\n");
    learning.signal("TERM");
    assert!(learning.wait().success());
    let mut rest = String::new();
    assert!(stdout.read_to_string(&mut rest).is_ok());
    let printed = first + &rest;
    let (once, again) = printed.split_at(printed.len() / 2);
    assert_eq!(once, again);

    for block in blocks(once) {
        let block: Vec<_> = block.iter().map(|(name, value)| (*name, &**value)).collect();
        let proxy = Proxy::start(&daemon, &block);
        for head in &heads {
            assert!(matches!(replay(proxy.client(), head), 101 | 200), "{head}\n{once}");
        }
    }
    assert_eq!(learned(Dialect::Tecnativa, &heads), once, "it was printed as it is learned");
}

#[test]
fn the_block_is_ready_to_paste_and_says_why() {
    let seen = requests(&[
        "HEAD /_ping",
        "GET /v1.41/containers/json?all=1&filters=secret",
        "GET /v1.41/containers/web/json",
        "GET /v1.41/containers/a/b/logs?follow=1",
        "POST /v1.41/containers/web/restart?t=5",
        "POST /v1.41/containers/web/stop",
        "POST /v4.0.0/libpod/pods/x/start",
        "GET /v1.41/debug/vars",
        "BREW /coffee",
        "GET /coffee/beans?sort=x",
    ]);
    let expected = "    environment:
      # GET /containers/json, GET /containers/{name}/json, GET /containers/{name}/logs
      CONTAINERS: 1
      # POST /libpod/pods/{name}/start
      ALLOW_START: 1
      # POST /containers/{name}/restart, POST /containers/{name}/stop
      ALLOW_RESTARTS: 1
      # open by default, and no request needed it
      EVENTS: 0
      VERSION: 0
      ALLOW_ARCHIVE: 0
      ALLOW_CHANGES: 0
      ALLOW_EXPORT: 0
      ALLOW_KILL: 0
      ALLOW_TOP: 0
      # beware: CONTAINERS=1 shows every container's environment variables, where passwords
      #   often are; ALLOW_INSPECT=0 closes that
      # no variable allows: BREW (refused), GET /coffee/..., GET /debug/vars
    # or, in place of all that, just these routes:
    environment:
      # beware: ALLOW_ROUTES with GET /containers/{name}/json shows environment variables, where
      #   passwords often are
      # beware: ALLOW_ROUTES with GET /debug/vars shows the memory of the daemon, or keeps it
      #   busy
      # no line of ALLOW_ROUTES allows: GET /coffee/...
      EVENTS: 0
      PING: 0
      VERSION: 0
      ALLOW_ROUTES: |
        HEAD /_ping
        GET /containers/json
        GET /containers/{name}/json
        GET /containers/{name}/logs
        POST /containers/{name}/restart
        POST /containers/{name}/stop
        GET /debug/vars
        POST /libpod/pods/{name}/start
";
    let learner = Learner::new(Defaults::of(Dialect::Tecnativa));
    assert!(!learner.has_news());
    for head in &seen {
        learner.note(head.as_bytes());
    }
    assert!(learner.has_news());
    assert_eq!(learner.report(), expected);
    assert!(!learner.has_news());
    learner.note(seen[1].as_bytes());
    assert!(!learner.has_news(), "the same request is no news");
    learned(Dialect::Tecnativa, &seen[..7]);
}

#[test]
fn either_block_lets_recorded_clients_do_the_same_again_and_the_second_nothing_else() {
    for (session, count) in [(DOCKER_CLI, 84), (DOCKER_PY, 67), (DOCKERODE, 32), (PODMAN, 109)] {
        let heads = heads(session);
        assert_eq!(heads.len(), count);
        for dialect in [Dialect::Tecnativa, Dialect::TecnativaNext, Dialect::Linuxserver] {
            grants_just_these(&learned(dialect, &heads), &heads);
        }
        // Of a part of it, too.
        for some in heads.chunks(7) {
            grants_just_these(&learned(Dialect::Tecnativa, some), some);
        }
    }
}

#[test]
fn what_no_line_allows_is_said() {
    let with_body = "POST /v1.23/containers/a/start HTTP/1.1\r\nHost: docker\r\nContent-Length: 80\r\n\r\n";
    let mut seen = requests(&[
        "GET /secrets/a?showsecret=1",
        "POST /containers/a/start?checkpoint=b",
        "GET /containers/a/nothing",
        "GET /info",
    ]);
    seen.push(with_body.to_owned());
    let report = learned(Dialect::Tecnativa, &seen);
    let expected =
        "      # no line of ALLOW_ROUTES allows: GET /containers/..., GET /secrets/{id}?showsecret=true,
      #   POST /containers/{name}/start, POST /containers/{name}/start?checkpoint
      EVENTS: 0
      PING: 0
      VERSION: 0
      ALLOW_ROUTES: |
        GET /info
";
    assert!(report.ends_with(expected), "{report}");
}

/// podman takes some paths for one route or for another, by its version: all are asked for.
#[test]
fn all_routes_that_a_path_may_be_are_in_the_second_block() {
    for (path, lines) in [
        ("/v3.4.0/libpod/manifests/a/push", &["POST /libpod/manifests/{name}/push"][..]),
        (
            "/v5.0.0/libpod/manifests/a/push",
            &["POST /libpod/manifests/{name}", "POST /libpod/manifests/{name}/push"],
        ),
        (
            "/v3.4.0/libpod/manifests/a/b/push",
            &["POST /libpod/manifests/{name}", "POST /libpod/manifests/{name}/push"],
        ),
    ] {
        let seen = requests(&[&format!("POST {path}")]);
        let report = learned(Dialect::Tecnativa, &seen);
        let [_, block] = blocks(&report);
        assert!(allows_all(&policy(&block), &seen), "{report}");
        assert_eq!(block.last().map(|(_, value)| value.lines().collect()), Some(lines.to_vec()));
    }
}

#[test]
fn a_method_alone_is_learned_as_such() {
    for (lines, expected) in [
        (&["DELETE /containers/a"][..], "DELETE CONTAINERS"),
        (&["DELETE /containers/a", "POST /containers/create"], "POST CONTAINERS"),
        (&["PUT /containers/a/archive"], "PUT CONTAINERS"),
        (&["OPTIONS /containers/json"], "POST CONTAINERS"),
        (&["POST /containers/a/kill", "DELETE /libpod/pods/a"], "DELETE LIBPOD_PODS ALLOW_RESTARTS"),
    ] {
        let report = learned(Dialect::Tecnativa, &requests(lines));
        let [block, _] = blocks(&report);
        let on: Vec<_> = block.iter().filter(|(_, value)| value == "1").map(|(name, _)| *name).collect();
        assert_eq!(on.join(" "), expected, "{report}");
    }
    let report = learned(Dialect::Tecnativa, &requests(&["POST /containers/a/attach", "GET /_ping"]));
    for closed in ["DELETE", "PUT", "ALLOW_EXEC", "ALLOW_INSPECT", "ALLOW_KILL", "ALLOW_LOGS"] {
        assert!(report.contains(&format!("      {closed}: 0\n")), "{closed}: {report}");
    }
    let report = learned(Dialect::TecnativaNext, &requests(&["POST /containers/a/exec"]));
    assert!(report.starts_with("    environment:\n      DIALECT: tecnativa-next\n"), "{report}");
    assert!(report.contains("      # POST /containers/{name}/exec\n      ALLOW_EXEC: 1\n"), "{report}");
    let learner = Learner::new(Defaults::of(Dialect::TecnativaNext));
    learner.note(requests(&["OPTIONS /containers/json"])[0].as_bytes());
    assert!(learner.report().contains("# no variable allows: OPTIONS (refused)\n"), "{}", learner.report());
}

#[test]
fn the_block_of_the_readme_is_what_is_printed() {
    let readme = include_str!("../README.md");
    let section = readme.split("\n## Find out what a client needs\n").nth(1).expect("the section");
    let shown = section.split("```yaml\n").nth(1).expect("the block").split("```").next();
    let seen = requests(&[
        "GET /version",
        "GET /events",
        "GET /containers/json",
        "GET /containers/web/logs?stdout=1",
        "POST /containers/web/restart",
    ]);
    assert_eq!(shown, Some(&*learned(Dialect::Tecnativa, &seen)));
}

#[test]
fn the_smallest_set_is_found_whatever_comes_together() {
    for (lines, expected) in [
        (&["POST /containers/a/stop"][..], "ALLOW_STOP"),
        (&["POST /containers/a/stop", "POST /containers/a/kill"], "ALLOW_RESTARTS"),
        (&["POST /containers/a/stop", "POST /v4.0.0/libpod/pods/a/kill"], "ALLOW_RESTARTS"),
        (&["POST /containers/a/stop", "POST /containers/create"], "POST CONTAINERS"),
        (&["POST /containers/a/start", "GET /containers/json"], "CONTAINERS ALLOW_START"),
        (&["POST /containers/a%2Fstart"], "POST CONTAINERS"),
        (&["POST /containers/a%2Fb/start"], "ALLOW_START"),
        (&["GET /containers/a/attach/ws"], "POST CONTAINERS"),
        (&["GET /secrets/a?showsecret=1"], "POST SECRETS"),
        (&["GET /secrets/a"], "SECRETS"),
        (&["GET /containers/a/checkpoints"], "POST CONTAINERS"),
        (&["POST /containers/a/copy"], "POST CONTAINERS"),
        (&["GET /v4.0.0/libpod/images/a/changes"], "LIBPOD_CONTAINERS LIBPOD_IMAGES"),
        (&["POST /containers/a/start?checkpoint=b"], "POST CONTAINERS"),
        (&["POST /containers/a/start?detachKeys=ctrl-p%2Cctrl-q"], "ALLOW_START"),
        (&["POST /v4.0.0/libpod/pods/a/pause", "POST /containers/a/unpause"], "ALLOW_PAUSE ALLOW_UNPAUSE"),
        (&[], ""),
    ] {
        let report = learned(Dialect::Tecnativa, &requests(lines));
        let [block, _] = blocks(&report);
        let on: Vec<_> = block.iter().filter(|(_, value)| value == "1").map(|(name, _)| *name).collect();
        assert_eq!(on.join(" "), expected, "{lines:?}");
    }
    let with_body = "POST /v1.23/containers/a/start HTTP/1.1\r\nHost: docker\r\nContent-Length: 80\r\n\r\n";
    let report = learned(Dialect::Tecnativa, &[with_body.to_owned()]);
    assert!(report.contains("CONTAINERS: 1\n") && report.contains("POST: 1\n"), "{report}");
    let private = ["POST /containers/a/start?checkpoint=b&checkpoint-dir=/c", "GET /secrets/a?ShowSecret=1"];
    let report = learned(Dialect::Tecnativa, &requests(&private));
    assert!(report.contains("# POST /containers/{name}/start?checkpoint\n      CONTAINERS: 1\n"), "{report}");
    assert!(report.contains("# GET /secrets/{id}?showsecret=true\n      SECRETS: 1\n"), "{report}");
    let logs = requests(&["GET /containers/a/logs", "GET /libpod/_ping"]);
    let report = learned(Dialect::Linuxserver, &logs);
    assert!(report.starts_with("    environment:\n      DIALECT: linuxserver\n"), "{report}");
    assert!(report.contains("      # GET /containers/{name}/logs\n      ALLOW_LOGS: 1\n"), "{report}");
    let nothing_to_set = requests(&["GET /_ping", "GET /version", "GET /events"]);
    let report = learned(Dialect::Tecnativa, &nothing_to_set);
    assert!(report.starts_with("    environment: {}\n    # or, "), "{report}");
}

#[test]
fn what_is_remembered_is_bounded_and_holds_nothing_private() {
    let learner = Learner::new(Defaults::of(Dialect::Tecnativa));
    let long = "x".repeat(3000);
    // As many segments as a head has room for.
    learner.note(requests(&[&format!("GET /images/{}json", "a/".repeat(30_000))])[0].as_bytes());
    for number in 0..500 {
        for head in requests(&[
            &format!("GET /containers/private{number}/json?token=private{number}"),
            &format!("POST /images/private{number}/a/b/push"),
            &format!("GET /images/private{number}/{long}/nowhere"),
            &format!("DELETE /libpod/volumes/private{number}/x"),
            &format!("GET /unknown{number}/private{number}"),
            &format!("{}{long} /", "PRIVATE".repeat(number % 7 + 1)).to_ascii_uppercase(),
        ]) {
            learner.note(head.as_bytes());
        }
    }
    let report = learner.report();
    assert!(!report.contains("private") && !report.contains("token"), "{report}");
    assert!(report.len() < 6 * 1024, "{} bytes:\n{report}", report.len());
    assert!(report.contains("GET /images/...") && report.contains(" and others"), "{report}");
}

// === What a client writes is no line of the report ===

/// The report on these requests of the client A, under GUARD.
fn guarded(requests: &[(String, String)]) -> String {
    let variables = [("A__LISTEN", ":1"), ("B__LISTEN", ":2"), ("A__LEARN", "1"), ("A__GUARD", "baseline")];
    let config = Config::of(&variables.into_iter().collect::<Environment>()).expect("a usable environment");
    let mut frontends = config.frontends.iter();
    let frontend = frontends.find(|frontend| frontend.name.as_deref() == Some("A")).expect("it has a name");
    let learner = frontend.learner.as_ref().expect("it learns");
    for (line, body) in requests {
        let head = format!("{line} HTTP/1.1\r\nHost: d\r\nContent-Length: {}\r\n\r\n", body.len());
        let _ = learner.note(head.as_bytes());
        let path = line.split([' ', '?']).nth(1).expect("a path");
        if let Some(Rule::Held(kind)) = rule(Method::Post, path.as_bytes()) {
            let _ = learner.note_body(kind, body.as_bytes());
        }
    }
    learner.report()
}

/// Each variable of a report with its values, as a strict reading has it: every line is a comment, a variable of A, or a route.
fn lines_of_a(report: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    assert!(!report.chars().any(|letter| letter.is_control() && letter != '\n'), "{report:?}");
    for line in report.split(['\n', '\u{2028}', '\u{2029}']) {
        let is_comment = ["# ", "    # ", "      # "].iter().any(|start| line.starts_with(start));
        if is_comment || ["", "    environment:", "    environment: {}"].contains(&line) {
            continue;
        }
        if let Some(route) = line.strip_prefix("        ") {
            let (method, path) = route.split_once(' ').expect("a route");
            assert!(ROUTES.iter().any(|row| row.path == path) && Method::parse(method.as_bytes()).is_some());
            continue;
        }
        let (name, value) =
            line.strip_prefix("      A__").and_then(|line| line.split_once(": ")).unwrap_or_else(|| {
                panic!("{line:?} is no variable of A's:\n{report}");
            });
        assert!(frontends::variables().any(|known| known == name), "{line:?}");
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let is_text = |text: &str| !text.contains(['"', '\\', '$']);
        assert!(quoted.map_or(["0", "1", "baseline", "|"].contains(&value), is_text), "{line:?}");
        found.push((name, quoted.unwrap_or(value)));
    }
    found
}

/// Every way to name something, with a place for the name in a query, a path or a body.
const NAMING: [(&str, &str); 24] = [
    ("POST /networks/x/connect", r#"{"Container":@}"#),
    ("POST /networks/x/disconnect", r#"{"Container":@}"#),
    ("POST /containers/create", r#"{"HostConfig":{"PidMode":"container:"@}}"#),
    ("POST /containers/create", r#"{"HostConfig":{"IpcMode":"container:"@}}"#),
    ("POST /containers/create", r#"{"HostConfig":{"NetworkMode":"container:"@}}"#),
    ("POST /containers/create", r#"{"HostConfig":{"NetworkMode":@}}"#),
    ("POST /containers/create", r#"{"HostConfig":{"VolumesFrom":[@]}}"#),
    ("POST /containers/create", r#"{"HostConfig":{"Links":[@":a"]}}"#),
    ("POST /containers/create", r#"{"HostConfig":{"Binds":["/"@":/x"]}}"#),
    ("POST /containers/create", r#"{"HostConfig":{"Binds":[@":/x:ro"]}}"#),
    ("POST /containers/create", r#"{"HostConfig":{"Mounts":[{"Type":"volume","Source":@,"Target":"/x"}]}}"#),
    ("POST /containers/create", r#"{"HostConfig":{"Devices":[{"PathOnHost":"/dev/"@}]}}"#),
    ("POST /containers/create", r#"{"HostConfig":{"CapAdd":[@]}}"#),
    ("POST /containers/create", r#"{"HostConfig":{@:1},@:{@:1}}"#),
    ("POST /containers/create", r#"{"NetworkingConfig":{"EndpointsConfig":{@:{"Links":[@]}}}}"#),
    ("POST /volumes/create", r#"{"Name":@}"#),
    ("POST /images/busybox/tag?repo=@", ""),
    ("POST /build?t=@&@=@", ""),
    ("POST /commit?container=@&repo=@", "{}"),
    ("POST /containers/@/start", ""),
    ("DELETE /volumes/@", ""),
    ("DELETE /networks/@", ""),
    ("POST /images/@/push", ""),
    ("GET /@/x", ""),
];

/// A request that names this.
fn naming((line, body): (&str, &str), name: &str) -> (String, String) {
    let escaped: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    // Beside quotes it goes on with their text.
    let text = serde_json::to_string(name).expect("JSON");
    let (open, inner) = (&text[1..], &text[1..text.len() - 1]);
    let body = body.replace("\"@\"", inner).replace("\"@", open).replace("@\"", &text[..text.len() - 1]);
    (line.replace('@', &escaped), body.replace('@', &text))
}

#[test]
fn what_a_client_names_is_proposed_only_where_its_list_reads_just_that_back() {
    let attack = "web\"\n      B__CONTAINERS: 1\n      B__POST: 1\n      B__GUARD: \"0";
    for (name, list) in [
        ("web", "ALLOW_CONTAINERS"),
        ("docker.io/library/app:1", ""),
        (attack, ""),
        ("a,*", ""),
        ("*", ""),
        ("web*", ""),
        ("w\"x", ""),
        ("w\\x", ""),
        ("a b", ""),
        ("a\u{2028}B__POST: 1", ""),
        ("${A}", ""),
    ] {
        for way in [NAMING[0], NAMING[2], NAMING[19]] {
            let report = guarded(&[naming(way, name)]);
            let found = lines_of_a(&report);
            let entries: Vec<_> = found.iter().filter(|(of, _)| *of == "ALLOW_CONTAINERS").collect();
            match list {
                "" => assert!(entries.is_empty(), "{way:?}: {report}"),
                list => assert_eq!(entries, [&(list, name); 2], "{way:?}: {report}"),
            }
        }
        let tagged = guarded(&[naming(NAMING[16], name)]);
        let tags: Vec<_> = lines_of_a(&tagged).into_iter().filter(|(of, _)| *of == "ALLOW_TAGS").collect();
        let expected = ["web", "docker.io/library/app:1"]
            .contains(&name)
            .then(|| name.trim_start_matches("docker.io/library/"));
        assert_eq!(tags.first().map(|(_, tag)| *tag), expected, "{tagged}");
    }
    // What is not proposed is told by its field.
    let report = guarded(&[naming(NAMING[0], attack), naming(NAMING[2], "a,*")]);
    let told = "# GUARD refuses, and no entry is proposed for what is named in: Container,\n      #   HostConfig.PidMode\n";
    assert!(report.contains(told), "{report}");
    // Text that is nobody's name.
    assert!(
        guarded(&[(String::from("GET /a%20b,/x"), String::new())])
            .contains("no variable allows: GET /.../...\n")
    );
    // In compose `$` would fill in what the machine has.
    for path in ["srv/$HOME", "srv/${X:-*}", "srv/it's", "srv/a\u{85}b", "srv/a\u{202e}b"] {
        let report = guarded(&[naming(NAMING[8], path)]);
        assert!(!report.contains("ALLOW_BIND_MOUNTS"), "{report}");
    }
    let report = guarded(&[naming(NAMING[8], "srv/M\u{fc}ller & Co")]);
    assert!(report.contains("A__ALLOW_BIND_MOUNTS: \"/srv/M\u{fc}ller & Co\"\n"), "{report}");
}

/// Names of pieces that mean something to YAML, compose or the lists. LEARN_ROUNDS is their number, 500 without it.
#[test]
fn whatever_a_client_names_the_report_has_its_own_variables_and_no_more_than_it_named() {
    const PIECES: [&str; 34] = [
        "web",
        "A",
        "0",
        "*",
        ",",
        "\"",
        "'",
        "\\",
        "\n",
        "\r",
        "\t",
        " ",
        "/",
        ":",
        "ro",
        "$",
        "{",
        "}",
        "#",
        "- ",
        "|",
        "@",
        "%",
        "~",
        "\0",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{fffd}",
        "\u{fc}",
        "\n      B__POST: 1",
        "docker.io/library/",
        "NET_ADMIN",
        "gpu",
    ];
    let mut state = 1_u64;
    let mut below = |most: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % most as u64).expect("a small number")
    };
    let rounds = std::env::var("LEARN_ROUNDS").map_or(500, |rounds| rounds.parse().expect("a number"));
    let mut proposed = 0;
    for _ in 0..rounds {
        let names: Vec<String> =
            (0..3).map(|_| (0..1 + below(4)).map(|_| PIECES[below(PIECES.len())]).collect()).collect();
        let asked: Vec<_> = names.iter().map(|name| naming(NAMING[below(NAMING.len())], name)).collect();
        let report = guarded(&asked);
        let lists = lines_of_a(&report);
        for (list, value) in lists.iter().filter(|(name, _)| LISTS.iter().any(|list| list.name == *name)) {
            let var = |name: &str| match name {
                "GUARD" => Some(String::from("baseline")),
                name => (name == *list).then(|| (*value).to_owned()),
            };
            let guard = Guard::from_vars(&var).expect("a list that can be used").expect("a guard");
            let entries = guard.allow().named().into_iter().flat_map(|(_, entries)| entries);
            for entry in entries {
                // As far as the ways to name something go: with a path around it, in front of a mode, an image as Docker shows it.
                let plain = |name: &str| {
                    let name = name.trim_matches('/').trim_start_matches("dev/");
                    name.trim_start_matches("docker.io/")
                        .trim_start_matches("library/")
                        .trim_matches('/')
                        .to_owned()
                };
                let of_cases = ["x", "busybox", "gpu"].map(String::from);
                let asked = names.iter().flat_map(|name| [name, name.split(':').next().expect("a part")]);
                let asked: Vec<_> = asked.map(plain).chain(of_cases).collect();
                assert!(
                    asked.contains(&plain(entry.trim_end_matches(":ro"))),
                    "{entry:?} of {names:?}:\n{report}"
                );
                assert!(!entry.contains('*'), "{report}");
                proposed += 1;
            }
        }
    }
    assert!(proposed > rounds / 20, "{proposed} entries of {rounds} rounds");
}

#[test]
fn what_has_two_readings_is_refused_while_learning_too() {
    let daemon = daemon();
    let proxy = Proxy::start(&daemon, &[("LEARN", "1")]);
    for (request, status) in [
        ("GET //x HTTP/1.1\r\nHost: docker\r\n\r\n", 400),
        ("GET /x HTTP/1.1\r\n\r\n", 400),
        ("TRACE /x HTTP/1.1\r\nHost: docker\r\n\r\n", 403),
        ("POST /x HTTP/1.1\r\nHost: docker\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ] {
        assert_eq!(proxy.client().ask(request).status, status, "{request}");
    }
    assert_eq!(proxy.client().ask("GET /anything HTTP/1.1\r\nHost: docker\r\n\r\n").status, 200);
    drop(proxy);
    assert_eq!(daemon.received(), b"GET /anything HTTP/1.1\r\nHost: docker\r\n\r\n");
}

#[test]
fn hijacks_work_while_learning() {
    let daemon = FakeDaemon::serving(|session| {
        let Some(request) = session.read_request() else { return };
        let upgrade =
            request.head.lines().find_map(|line| line.strip_prefix("Upgrade: ")).expect("an upgrade");
        session.send(format!("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\r\n"));
        let said = session.read_exact(2).expect("raw bytes");
        session.send(said);
    });
    let proxy = Proxy::start(&daemon, &[("LEARN", "1")]);
    for (request, upgrade) in [
        ("POST /v1.41/containers/a/attach?stream=1", "tcp"),
        ("POST /v1.41/containers/a%2Fb/attach?stream=1", "tcp"),
        ("POST /v1.41/exec/a/start", "tcp"),
        ("GET /v1.41/containers/a/attach/ws", "websocket"),
        ("POST /session", "h2c"),
        ("POST /grpc", "h2c"),
    ] {
        let mut client = proxy.client();
        client.send(format!(
            "{request} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\r\n"
        ));
        assert!(client.read_head().starts_with("HTTP/1.1 101 "), "{request}");
        client.send("hi");
        assert_eq!(client.read_exact(2), b"hi", "{request}");
    }
}

#[test]
fn the_block_is_printed_as_soon_as_the_stop_begins() {
    let daemon = FakeDaemon::serving(|session| while session.read_request().is_some() {});
    let mut learning = Program::start(&daemon.socket(), &[("LEARN", "1"), ("SHUTDOWN_GRACE", "1h")]);
    let mut client = learning.client();
    client.send("GET /events HTTP/1.1\r\nHost: docker\r\n\r\n");
    daemon.wait_for(b"GET /events ");
    let mut stdout = BufReader::new(learning.child.stdout.take().expect("a pipe"));
    learning.signal("TERM");
    let mut first = String::new();
    assert!(stdout.read_line(&mut first).is_ok());
    assert_eq!(first, "    environment:\n");
    assert!(matches!(learning.child.try_wait(), Ok(None)), "the stream is still served");
    drop(client);
    assert!(learning.wait().success());
    let mut rest = String::new();
    assert!(stdout.read_to_string(&mut rest).is_ok());
    assert_eq!(rest.matches("environment:").count(), 1, "of the second block: nothing was learned since");
}
