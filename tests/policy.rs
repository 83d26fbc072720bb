//! The judgement by method and path: the other images' verdicts, the known routes, what must not get through, and what a
//! denial says.

use docker_socket_proxy::http::hijack::Protocol;
use docker_socket_proxy::http::method::Method;
use docker_socket_proxy::http::target::Target;
use docker_socket_proxy::policy::{Denial, Grants, Kind, Need, Policy, ROUTES, Route, VARIABLES, Verdict};
use docker_socket_proxy::proxy::admit::{Refusal, admit};
use std::collections::BTreeMap;

/// The policy of an environment, given as `NAME=value NAME=value`.
fn policy(environment: &str) -> Policy {
    listed(environment, "", "")
}

/// The policy of an environment with lists of routes, of which each may be empty.
fn listed(environment: &str, allow: &str, deny: &str) -> Policy {
    read(environment, allow, deny).expect("a usable environment")
}

fn read(environment: &str, allow: &str, deny: &str) -> Result<Policy, docker_socket_proxy::vars::Error> {
    let set: BTreeMap<_, _> =
        environment.split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
    Policy::from_vars(&|name| match name {
        "ALLOW_ROUTES" => Some(allow.to_owned()),
        "DENY_ROUTES" => Some(deny.to_owned()),
        name => set.get(name).map(|&value| value.to_owned()),
    })
}

/// An environment that grants everything.
fn everything() -> String {
    VARIABLES.iter().map(|variable| format!("{}=1 ", variable.name)).collect()
}

/// The whole judgement of a request without a body.
fn judged(policy: &Policy, method: &str, target: &str) -> Result<(), Refusal> {
    let head = format!("{method} {target} HTTP/1.1\r\nHost: docker\r\n\r\n");
    admit(head.as_bytes(), policy).1.map(drop)
}

fn opens(policy: &Policy, request: &str) -> bool {
    let (method, target) = request.split_once(' ').expect("METHOD target");
    judged(policy, method, target).is_ok()
}

fn allows(environment: &str, request: &str) -> bool {
    opens(&policy(environment), request)
}

/// What the denial of a request says.
fn denied(policy: &Policy, request: &str) -> String {
    let (method, target) = request.split_once(' ').expect("METHOD target");
    match judged(policy, method, target) {
        Err(Refusal::Denied(denial)) => denial.to_string(),
        other => panic!("{request} is not denied: {other:?}"),
    }
}

fn denial(environment: &str, request: &str) -> String {
    denied(&policy(environment), request)
}

/// A variable's place in the table as a set.
fn set(names: &[&str]) -> Grants {
    names.iter().fold(Grants::NONE, |set, name| {
        let place = VARIABLES.iter().position(|variable| variable.name == *name);
        set.union(Grants::of(place.unwrap_or_else(|| panic!("no variable {name}"))))
    })
}

// === The other images ===

/// The deliberate differences that show in a verdict, by the number that docs/coming-from.md gives them.
///
/// Each is told from the environment and the request alone, in the words of that page, without the code under test.
fn difference(image: &str, environment: &str, method: &str, target: &str) -> Option<(u8, bool)> {
    let set = |name: &str, value: &str| {
        environment.split_whitespace().any(|pair| pair == format!("{name}={value}"))
    };
    let on = |name: &str| set(name, "1");
    let unset = |name: &str| !on(name) && !set(name, "0");
    let gate = |name: &str| {
        let open = match image {
            "tecnativa" => true,
            "tecnativa-next" => ["ALLOW_TOP", "ALLOW_CHANGES"].contains(&name),
            _ => ["ALLOW_EXEC", "ALLOW_KILL", "ALLOW_ATTACH"].contains(&name),
        };
        on(name) || (open && unset(name))
    };
    let opened = match method {
        "GET" | "HEAD" => true,
        "DELETE" | "PUT" | "PATCH" if image == "tecnativa-next" || !unset(method) => on(method),
        _ => on("POST"),
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let segments = match segments[..] {
        [version, ref rest @ ..]
            if version.starts_with('v') && version[1..].starts_with(|c: char| c.is_ascii_digit()) =>
        {
            rest
        }
        ref all => all,
    };
    let (libpod, segments) = match segments {
        ["libpod", rest @ ..] => (true, rest),
        all => (false, all),
    };
    let of_container = segments.len() >= 3 && matches!(segments[0], "containers" | "pods");
    let last = segments.last().copied().unwrap_or_default();

    // 5: unclean paths are refused.
    if path.contains("//") || path.contains("/./") || path.contains("/../") || path.contains("%2e") {
        return Some((5, false));
    }
    // 6: unknown methods are refused.
    if !["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"].contains(&method) {
        return Some((6, false));
    }
    // 1: what acts or leaks by a read needs POST, whatever the method.
    let acts = of_container && (segments.ends_with(&["attach", "ws"]) || last == "healthcheck");
    let leaks = segments[0] == "secrets" && query.contains("showsecret=true");
    if (acts || leaks) && !on("POST") {
        return Some((1, false));
    }
    let section_of =
        |segment: &str| format!("{}{}", if libpod { "LIBPOD_" } else { "" }, segment.to_ascii_uppercase());
    let by_section = on(&section_of(segments[0])) && opened;
    // 9: what reaches folders of the host, files and changes of containers by another path.
    let closed = match last {
        "checkpoints" if of_container => !on("POST"),
        "copy" if of_container => !gate("ALLOW_ARCHIVE"),
        "start" if of_container && query.contains("checkpoint") => !by_section,
        "changes" if libpod && segments[0] == "images" && segments.len() >= 3 => {
            !gate("ALLOW_CHANGES") || !on("LIBPOD_CONTAINERS")
        }
        _ => false,
    };
    if closed {
        return Some((9, false));
    }
    // 2: actions work without POST, and grant POST alone.
    let actions: &[&str] = match last {
        "start" => &["ALLOW_START"],
        "stop" => &["ALLOW_STOP", "ALLOW_RESTARTS"],
        "restart" | "kill" => &["ALLOW_RESTARTS"],
        "pause" => &["ALLOW_PAUSE"],
        "unpause" => &["ALLOW_UNPAUSE"],
        _ => &[],
    };
    let by_action = of_container && actions.iter().any(|name| on(name));
    if by_action && method == "POST" && image != "linuxserver" && (last != "kill" || gate("ALLOW_KILL")) {
        return Some((2, true));
    }
    // 4: whole segments, in the case of the daemon's routes; an action is POST.
    let spelled = path.bytes().all(|byte| !byte.is_ascii_uppercase())
        && !["containersfoo", "startx"].iter().any(|word| segments.contains(word));
    if !spelled || (by_action && method != "POST" && !by_section) {
        return Some((4, false));
    }
    None
}

/// Holds every verdict of an image against ours in a dialect, where `named` comes before the environment. Returns how often each
/// difference showed.
///
/// The table is its requests, a blank line, and a line for each environment: `+` or `-` for each request, `.` for one that was
/// not asked. Nor was what is missing at the end.
fn compare(image: &str, recorded: &str, dialect: &str, named: &str) -> BTreeMap<u8, usize> {
    let (requests, verdicts) = recorded.split_once("\n\n").expect("requests, a blank line, verdicts");
    let requests: Vec<_> = requests.lines().filter_map(|request| request.split_once(' ')).collect();
    let mut differences = BTreeMap::new();
    for line in verdicts.lines() {
        let (verdicts, environment) = line.split_once(' ').unwrap_or((line, ""));
        assert!(verdicts.len() <= requests.len());
        let policy = policy(&format!("{named} {environment} DIALECT={dialect}"));
        for (&(method, target), verdict) in requests.iter().zip(verdicts.bytes()) {
            let theirs = match verdict {
                b'+' => true,
                b'-' => false,
                _ => continue,
            };
            if method == "OPTIONS" && image == "tecnativa-next" && dialect != image {
                // No variable is for this method: the dialect says whether POST opens it.
                continue;
            }
            let ours = judged(&policy, method, target).is_ok();
            let difference = difference(image, environment, method, target);
            let expected = difference.map_or(theirs, |(_, expected)| expected);
            assert_eq!(
                ours, expected,
                "{method} {target} under {named} {environment} DIALECT={dialect}; {image}: {theirs}"
            );
            if let Some((number, _)) = difference.filter(|_| ours != theirs) {
                *differences.entry(number).or_insert(0) += 1;
            }
        }
    }
    differences
}

const TECNATIVA: &str = include_str!("oracle/tecnativa.txt");
const TECNATIVA_0_5: &str = include_str!("oracle/tecnativa-0.5.txt");
const TECNATIVA_NEXT: &str = include_str!("oracle/tecnativa-next.txt");
const LINUXSERVER: &str = include_str!("oracle/linuxserver.txt");

#[test]
fn every_verdict_of_tecnativa_is_ours_but_for_the_deliberate_differences() {
    let differences = compare("tecnativa", TECNATIVA, "tecnativa", "");
    assert_eq!(differences, BTreeMap::from([(1, 5), (2, 10), (9, 5)]));
}

#[test]
fn every_verdict_of_tecnativa_0_5_is_ours_but_for_the_deliberate_differences() {
    let differences = compare("tecnativa", TECNATIVA_0_5, "tecnativa", "");
    assert_eq!(differences, BTreeMap::from([(1, 9), (2, 32), (9, 9)]));
}

#[test]
fn every_verdict_of_tecnativa_next_is_ours_but_for_the_deliberate_differences() {
    let differences = compare("tecnativa-next", TECNATIVA_NEXT, "tecnativa-next", "");
    assert_eq!(differences, BTreeMap::from([(1, 6), (2, 36), (9, 50)]));
}

#[test]
fn every_verdict_of_linuxserver_is_ours_but_for_the_deliberate_differences() {
    let differences = compare("linuxserver", LINUXSERVER, "linuxserver", "");
    assert_eq!(differences, BTreeMap::from([(1, 3), (9, 11)]));
}

/// What has another default in another dialect is named in the environment, as it is in Tecnativa's image.
#[test]
fn an_environment_that_names_what_dialects_differ_in_means_the_same_in_all_of_them() {
    const NEXT: &str = "DELETE=0 PUT=0 PATCH=0 ALLOW_ARCHIVE=0 ALLOW_ATTACH=0 ALLOW_EXEC=0 ALLOW_EXPORT=0 \
         ALLOW_KILL=0 ALLOW_LOGS=0";
    const BEYOND: &str = "ALLOW_CHANGES=1 ALLOW_TOP=1 LIBPOD_PING=0 LIBPOD_VERSION=0";
    let of_image = compare("tecnativa-next", TECNATIVA_NEXT, "tecnativa-next", "");
    for (dialect, named) in [
        ("tecnativa-next", NEXT.to_owned()),
        ("tecnativa", NEXT.to_owned()),
        ("linuxserver", format!("{NEXT} {BEYOND}")),
    ] {
        assert_eq!(compare("tecnativa-next", TECNATIVA_NEXT, dialect, &named), of_image, "{dialect}");
    }
    let named = format!("ALLOW_ARCHIVE=1 ALLOW_EXPORT=1 ALLOW_LOGS=1 {BEYOND}");
    let of_image = compare("tecnativa", TECNATIVA_0_5, "tecnativa", "");
    assert_eq!(compare("tecnativa", TECNATIVA_0_5, "linuxserver", &named), of_image);
}

/// Requests that Tecnativa's image lets through although it documents no such grant, and the difference that closes them.
const LET_THROUGH_BY_TECNATIVA: &[(u8, &str, &str)] = &[
    (4, "CONTAINERS=1", "GET /containersfoo"),
    (4, "CONTAINERS=1", "GET /v1.41/Containers/json"),
    (4, "ALLOW_START=1 POST=1", "POST /v1.41/containers/x/startx"),
    (4, "ALLOW_START=1 POST=1", "DELETE /v1.41/containers/x/start"),
    (5, "CONTAINERS=1", "GET /containers//json"),
    (5, "IMAGES=1", "GET /images/../containers/json"),
    (5, "IMAGES=1", "GET /images/%2e%2e/containers/json"),
    (5, "CONTAINERS=1", "GET /containers/./json"),
    (6, "CONTAINERS=1 POST=1", "TRACE /containers/json"),
    (6, "CONTAINERS=1 POST=1", "FOO /containers/json"),
    (9, "CONTAINERS=1", "GET /v1.41/containers/x/checkpoints?dir=/root"),
    (9, "CONTAINERS=1 POST=1 ALLOW_ARCHIVE=0", "POST /v1.20/containers/x/copy"),
    (9, "ALLOW_START=1 POST=1", "POST /v1.41/containers/x/start?checkpoint=x&checkpoint-dir=/root"),
];

#[test]
fn what_tecnativa_lets_through_beyond_its_words_is_closed() {
    for &(number, environment, request) in LET_THROUGH_BY_TECNATIVA {
        let (method, target) = request.split_once(' ').expect("METHOD target");
        assert_eq!(difference("tecnativa", environment, method, target), Some((number, false)), "{request}");
        assert!(!allows(environment, request), "{request}");
    }
}

#[test]
fn values_that_are_no_switch_stop_the_start() {
    for value in ["2", "-1", "1.5", "enabled", "y", "0x1"] {
        let read = Policy::from_vars(&|name| (name == "POST").then(|| value.to_owned()));
        let error = read.expect_err("no switch").to_string();
        assert!(error.starts_with(&format!("POST={value:?} cannot be used: ")), "{error}");
    }
    for (value, on) in
        [("TRUE", true), (" yes ", true), ("On", true), ("", false), ("off", false), ("No", false)]
    {
        let read = Policy::from_vars(&|name| (name == "POST").then(|| value.to_owned()));
        assert_eq!(read.expect("a switch").grants().contains(set(&["POST"])), on, "{value:?}");
    }
}

// === The routes ===

/// The facts about one API: method, path and variables of each route.
fn facts(api: &'static str) -> impl Iterator<Item = (&'static str, String, &'static str)> {
    api.lines().skip(1).map(|line| {
        let mut columns = line.split('\t');
        let mut next = || columns.next().expect("three columns");
        (next(), next().replace(":.*}", "}"), next())
    })
}

#[test]
fn every_known_route_has_its_one_section_or_is_known_to_have_none() {
    let apis = [include_str!("routes/docker-api.tsv"), include_str!("routes/libpod-api.tsv")];
    let mut known = 0;
    for (method, path, variables) in apis.into_iter().flat_map(facts) {
        if matches!(method, "PRI" | "OPTIONS") {
            // HTTP/2 is refused as such, and dockerd answers OPTIONS on every path alike.
            continue;
        }
        let method = Method::parse(method.as_bytes()).expect("a method");
        let route = ROUTES.iter().find(|route| route.path == path && route.methods.contains(&method));
        assert!(route.is_some(), "{path} is not in the table");
        known += 1;
        let need = Need::of(method, path.as_bytes(), None);
        let section = match variables.split([',', ' ']).next() {
            Some("-") => Grants::NONE,
            Some(name) => set(&[name]),
            None => unreachable!("split yields one"),
        };
        assert_eq!(need.section, section, "{method:?} {path}");
        if section.is_empty() {
            assert_eq!(need.judge(Grants::NONE), Verdict::Deny(Denial::NoSection), "{path}");
        }
        // Of the actions, what is a fact there is granted here; the LIBPOD_ALLOW_ ones of old are not taken over.
        let actions = variables.replace(" or ", ",");
        let actions: Vec<_> = actions
            .split(',')
            .skip(1)
            .filter(|name| name.starts_with("ALLOW_") && !variables.contains(" and "))
            .collect();
        if !actions.is_empty() {
            assert_eq!(need.any, set(&actions), "{path}");
        }
        if let Some((_, gate)) = variables.split_once(" and ") {
            assert!(need.gates.contains(set(&[gate])), "{path}");
        }
    }
    assert_eq!(known, ROUTES.iter().map(|route| route.methods.len()).sum::<usize>(), "no route is made up");
}

#[test]
fn every_section_has_a_route_and_every_route_is_found_again() {
    for (place, variable) in VARIABLES.iter().enumerate() {
        if variable.name == "PATCH" {
            // A method that no daemon serves yet.
            continue;
        }
        let names = |need: &Need| {
            [need.all, need.any, need.gates].iter().any(|some| some.contains(Grants::of(place)))
        };
        let mut needs = ROUTES.iter().flat_map(|route| {
            route.methods.iter().map(|&method| Need::of(method, route.path.as_bytes(), None))
        });
        assert!(needs.any(|need| names(&need)), "{} opens nothing", variable.name);
    }
    for route in ROUTES {
        for &method in route.methods {
            let path = route.path.replace("{name}", "a/b").replace(['{', '}'], "");
            let found = Route::find(method, path.as_bytes()).expect("it is found");
            assert_eq!(found.path, route.path, "{path}");
        }
    }
}

// === Attacks ===

#[test]
fn a_subresource_of_a_name_of_any_depth_and_spelling_is_closed_by_its_gate() {
    for (gate, variable) in [
        ("archive", "ALLOW_ARCHIVE"),
        ("attach", "ALLOW_ATTACH"),
        ("attach/ws", "ALLOW_ATTACH"),
        ("copy", "ALLOW_ARCHIVE"),
        ("changes", "ALLOW_CHANGES"),
        ("exec", "ALLOW_EXEC"),
        ("export", "ALLOW_EXPORT"),
        ("json", "ALLOW_INSPECT"),
        ("kill", "ALLOW_KILL"),
        ("logs", "ALLOW_LOGS"),
        ("top", "ALLOW_TOP"),
    ] {
        let (first, rest) = gate.split_at(1);
        let escaped = format!("%{:02x}{rest}", first.as_bytes()[0]);
        let sections = "CONTAINERS=1 LIBPOD_CONTAINERS=1 LIBPOD_PODS=1 POST=1";
        let actions = "ALLOW_START=1 ALLOW_STOP=1 ALLOW_RESTARTS=1 ALLOW_PAUSE=1 ALLOW_UNPAUSE=1";
        let (open, closed) =
            (policy(sections), policy(&format!("{sections} {actions} {variable}=0 DELETE=1 PUT=1 PATCH=1")));
        for path in [
            format!("/containers/a/{gate}"),
            format!("/v1.41/containers/a/{gate}"),
            format!("/v5.0.0-dev/containers/a/{gate}"),
            format!("/containers/a/b/{gate}"),
            format!("/containers/json/{gate}"),
            format!("/containers/a/b/c/d/{gate}"),
            format!("/containers/a%2F{gate}"),
            format!("/containers/a%2fb/{gate}"),
            format!("/containers/a/{escaped}"),
            format!("/containers/a%2F{escaped}"),
            format!("/containers/{gate}/{gate}"),
            format!("/containers/a/{gate}/"),
            format!("/containers/a/{gate}%2F"),
            format!("/containers/a/{}", gate.replace('/', "%2F")),
            format!("/libpod/containers/a/{gate}"),
            format!("/libpod/containers/a/b/{gate}"),
            format!("/libpod/containers/a/{gate}/"),
            format!("/libpod/containers/a/{escaped}"),
            format!("/v4.0.0/libpod/containers/a%2F{gate}"),
            format!("/libpod/pods/a/{gate}"),
            format!("/libpod/pods/a/b%2F{gate}"),
        ] {
            for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"] {
                assert!(!opens(&closed, &format!("{method} {path}")), "{method} {path}");
                assert!(opens(&open, &format!("{method} {path}")), "{method} {path}");
            }
        }
        // Of containers of such a name other things are open all the same.
        for name in [gate, &format!("a/{gate}")] {
            for below in ["json", "stats"].iter().filter(|below| **below != gate) {
                assert!(opens(&closed, &format!("GET /containers/{name}/{below}")), "{name} {below}");
            }
        }
    }
}

#[test]
fn a_closed_gate_closes_nothing_but_its_own() {
    let all = "CONTAINERS=1 LIBPOD_CONTAINERS=1 LIBPOD_PODS=1 POST=1";
    for request in [
        "GET /containers/json",
        "GET /v1.41/containers/json?all=1",
        "GET /containers/json/",
        "GET /containers/a/logs",
        "GET /containers/a/stats",
        "GET /containers/a/top",
        "GET /v4.0.0/libpod/containers/json",
        "GET /v4.0.0/libpod/containers/a/exists",
        "GET /v4.0.0/libpod/pods/json",
        "GET /v4.0.0/libpod/pods/a/top",
    ] {
        assert!(allows(&format!("{all} ALLOW_INSPECT=0"), request), "{request}");
    }
    for (environment, request) in [
        // What is not of one container or pod.
        ("IMAGES=1 ALLOW_INSPECT=0", "GET /images/a/json"),
        ("EXEC=1 ALLOW_INSPECT=0", "GET /exec/a/json"),
        ("EXEC=1 POST=1 ALLOW_EXEC=0", "POST /exec/a/start"),
        ("LIBPOD_EXEC=1 POST=1 ALLOW_EXEC=0", "POST /v4.0.0/libpod/exec/a/start"),
        ("SERVICES=1 ALLOW_LOGS=0", "GET /services/a/logs"),
        // ALLOW_RESTARTS goes on without what kills.
        ("ALLOW_RESTARTS=1 ALLOW_KILL=0", "POST /containers/a/restart"),
        ("ALLOW_RESTARTS=1 ALLOW_KILL=0", "POST /v4.0.0/libpod/pods/a/stop"),
        ("ALLOW_RESTARTS=1", "POST /containers/a/kill"),
        ("CONTAINERS=1 POST=1 ALLOW_ATTACH=0", "POST /containers/a/resize"),
    ] {
        assert!(allows(environment, request), "{request} under {environment}");
    }
    for dialect in ["tecnativa", "tecnativa-next", "linuxserver"] {
        for kill in ["/containers/a/kill", "/v4.0.0/libpod/containers/a/kill", "/v4.0.0/libpod/pods/a/kill"] {
            let environment = format!("DIALECT={dialect} ALLOW_RESTARTS=1");
            assert!(!allows(&format!("{environment} ALLOW_KILL=0"), &format!("POST {kill}")), "{dialect}");
            assert!(allows(&format!("{environment} ALLOW_KILL=1"), &format!("POST {kill}")), "{dialect}");
        }
        let environment = format!("DIALECT={dialect} CONTAINERS=1 ALLOW_ATTACH=1");
        let websocket = "GET /containers/a/attach/ws";
        assert!(!allows(&environment, websocket), "{dialect}");
        assert!(allows(&format!("{environment} POST=1"), websocket), "{dialect}");
        assert!(!allows(&format!("{environment} POST=1 ALLOW_ATTACH=0"), websocket), "{dialect}");
    }
}

/// DELETE, PUT and PATCH by their own variables; what is not set follows POST, but in the dialect that has it off.
#[test]
fn a_method_is_opened_and_closed_by_its_own_variable() {
    let requests = [
        ("DELETE", "DELETE /v1.41/containers/a"),
        ("DELETE", "DELETE /v1.41/volumes/a"),
        ("DELETE", "DELETE /v4.0.0/libpod/pods/a"),
        ("PUT", "PUT /v1.41/containers/a/archive?path=/"),
        ("PUT", "PUT /v1.41/volumes/a"),
        ("PATCH", "PATCH /v1.41/containers/a"),
    ];
    let sections = "CONTAINERS=1 VOLUMES=1 LIBPOD_PODS=1 ALLOW_ARCHIVE=1";
    for dialect in ["tecnativa", "tecnativa-next", "linuxserver"] {
        let follows = dialect != "tecnativa-next";
        for (variable, request) in requests {
            for (settings, expected) in [
                ("", false),
                ("POST=0", false),
                ("POST=1", follows),
                ("POST=1 ITSELF=0", false),
                ("POST=1 ITSELF=1", true),
                ("POST=0 ITSELF=1", true),
                ("ITSELF=1", true),
                ("ITSELF=0", false),
                ("POST=1 ITSELF=", false),
            ] {
                let settings = settings.replace("ITSELF", variable);
                let environment = format!("DIALECT={dialect} {sections} {settings}");
                assert_eq!(allows(&environment, request), expected, "{request} under {environment}");
                // Without its section it opens nothing.
                let environment = format!("DIALECT={dialect} ALLOW_ARCHIVE=1 {settings}");
                assert!(!allows(&environment, request), "{request} under {environment}");
            }
        }
        // Nor does any of them open another method.
        let all_but_post = format!("DIALECT={dialect} {sections} DELETE=1 PUT=1 PATCH=1");
        for request in ["POST /containers/create", "OPTIONS /containers/json", "GET /containers/a/attach/ws"]
        {
            assert!(!allows(&all_but_post, request), "{request} in {dialect}");
        }
        assert!(allows(
            &format!("DIALECT={dialect} CONTAINERS=1 POST=1 DELETE=0"),
            "POST /containers/create"
        ));
        let options = format!("DIALECT={dialect} {sections} POST=1 DELETE=1 PUT=1 PATCH=1");
        assert_eq!(allows(&options, "OPTIONS /containers/json"), follows, "{dialect}");
    }
    // Where a read acts, deleting needs POST too.
    for request in [
        "DELETE /containers/a/checkpoints",
        "DELETE /containers/a/attach/ws",
        "PUT /containers/a/healthcheck",
    ] {
        let environment = "CONTAINERS=1 DELETE=1 PUT=1";
        assert!(!allows(environment, request), "{request}");
        assert!(allows(&format!("{environment} POST=1"), request), "{request}");
        assert!(!allows("CONTAINERS=1 POST=1 DELETE=0 PUT=0", request), "{request}");
    }
    assert!(allows("SECRETS=1 DELETE=1", "DELETE /secrets/a?showsecret=true"));
    assert!(allows("CONTAINERS=1 DELETE=1", "DELETE /containers/a/checkpoints/b"));
}

#[test]
fn changes_of_a_container_are_closed_below_podman_s_images_too() {
    const IMAGES: &str = "LIBPOD_IMAGES=1 POST=1";
    const OPEN: &str = "LIBPOD_IMAGES=1 POST=1 LIBPOD_CONTAINERS=1";
    for path in [
        "a/changes",
        "a/b/changes",
        "docker.io/library/a/changes",
        "json/changes",
        "changes/changes",
        "a/changes/",
        "a/changes%2F",
        "a%2Fchanges",
        "a%2fb/changes",
        "a/%63hanges",
        "a%2F%63hanges",
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let request = format!("{method} /v4.0.0/libpod/images/{path}");
            assert!(allows(OPEN, &request), "{request}");
            for closed in [IMAGES, &format!("{OPEN} ALLOW_CHANGES=0"), &format!("{OPEN} DIALECT=linuxserver")]
            {
                assert!(!allows(closed, &request), "{request} under {closed}");
            }
        }
    }
    // Images of such a name are inspected all the same, and Docker's images have no such list.
    for path in ["changes", "changes/json", "a/changes/json", "a/changes/history"] {
        assert!(allows(IMAGES, &format!("GET /v4.0.0/libpod/images/{path}")), "{path}");
    }
    assert!(allows("IMAGES=1 POST=1", "DELETE /v1.41/images/team/changes"));
}

#[test]
fn an_action_grants_post_on_exactly_itself() {
    let all = "ALLOW_START=1 ALLOW_STOP=1 ALLOW_RESTARTS=1 ALLOW_PAUSE=1 ALLOW_UNPAUSE=1";
    for action in ["start", "stop", "restart", "kill", "pause", "unpause"] {
        for base in ["/containers", "/v1.41/containers", "/v4.0.0/libpod/containers", "/v4.0.0/libpod/pods"] {
            for allowed in [
                format!("POST {base}/a/{action}"),
                format!("POST {base}/a/b/{action}"),
                format!("POST {base}/prune/{action}"),
                format!("POST {base}/a%2Fb/{action}"),
                format!("POST {base}/{action}/{action}"),
            ] {
                assert!(allows(all, &allowed), "{allowed}");
            }
            for denied in [
                format!("GET {base}/a/{action}"),
                format!("HEAD {base}/a/{action}"),
                format!("PUT {base}/a/{action}"),
                format!("DELETE {base}/a/{action}"),
                format!("OPTIONS {base}/a/{action}"),
                format!("POST {base}/{action}"),
                format!("POST {base}/a/{action}/exec"),
                format!("POST {base}/a/{action}/"),
                format!("POST {base}/a/{action}x"),
                format!("POST {base}/a/x{action}"),
                format!("POST {base}/a/{}", action.to_ascii_uppercase()),
                // To podman these are names.
                format!("POST {base}/a%2F{action}"),
                format!("POST {base}/a/%{:02x}{}", action.as_bytes()[0], &action[1..]),
            ] {
                assert!(!allows(all, &denied), "{denied}");
            }
        }
        for denied in ["/images/a", "/pods/a", "/exec/a", "/services/a", "/plugins/a", "/libpod/images/a"] {
            assert!(!allows(all, &format!("POST {denied}/{action}")), "{denied}");
        }
    }
    for (on, actions) in [
        ("ALLOW_START=1", "start"),
        ("ALLOW_STOP=1", "stop"),
        ("ALLOW_RESTARTS=1", "stop restart kill"),
        ("ALLOW_PAUSE=1", "pause"),
        ("ALLOW_UNPAUSE=1", "unpause"),
    ] {
        for action in
            ["start", "stop", "restart", "kill", "pause", "unpause", "wait", "resize", "attach", "exec"]
        {
            let expected = actions.split(' ').any(|one| one == action);
            assert_eq!(allows(on, &format!("POST /containers/a/{action}")), expected, "{on}: {action}");
        }
    }
}

#[test]
fn reads_that_act_or_leak_need_post() {
    for (section, request) in [
        ("CONTAINERS", "GET /v1.41/containers/a/attach/ws"),
        ("CONTAINERS", "GET /containers/a/b/attach/ws?stdin=1"),
        ("CONTAINERS", "GET /containers/a%2Fattach%2Fws"),
        ("CONTAINERS", "GET /containers/a/attach/%77s"),
        ("CONTAINERS", "GET /containers/a/attach/ws/"),
        ("CONTAINERS", "HEAD /containers/a/attach/ws"),
        ("CONTAINERS", "GET /containers/a/healthcheck"),
        ("LIBPOD_CONTAINERS", "GET /v4.0.0/libpod/containers/a/healthcheck"),
        ("LIBPOD_CONTAINERS", "GET /v4.0.0/libpod/containers/a/b/healthcheck"),
        ("CONTAINERS", "GET /v1.41/containers/a/checkpoints"),
        ("CONTAINERS", "GET /containers/a/b/checkpoints?dir=/root"),
        ("CONTAINERS", "HEAD /containers/a/checkpoints?dir=/root"),
        ("CONTAINERS", "GET /containers/a/checkpoints/"),
        ("CONTAINERS", "GET /containers/a%2Fcheckpoints"),
        ("CONTAINERS", "GET /containers/a/%63heckpoints"),
        ("CONTAINERS", "GET /containers/a/checkpoints%2F"),
        ("CONTAINERS", "GET /containers/checkpoints/checkpoints"),
        ("LIBPOD_CONTAINERS", "GET /v4.0.0/libpod/containers/a/checkpoints"),
        ("SECRETS", "GET /secrets/a?showsecret=true"),
        ("SECRETS", "GET /v1.41/secrets/a?ShowSecret=1"),
        ("SECRETS", "GET /secrets/a?x=y&showsecret"),
        ("SECRETS", "GET /secrets/a?showsecret="),
        ("SECRETS", "GET /secrets/a?%73howsecret=true"),
        ("SECRETS", "GET /secrets/a?%C5%BFhowsecret=true"),
        ("SECRETS", "GET /secrets/a?showsecret=false&showsecret=true"),
        ("SECRETS", "GET /secrets/a?x;showsecret=true"),
        ("SECRETS", "GET /secrets/a?showsecret=%74rue"),
        ("LIBPOD_SECRETS", "GET /v4.0.0/libpod/secrets/a/json?showsecret=true"),
    ] {
        assert!(!allows(&format!("{section}=1"), request), "{request}");
        assert!(allows(&format!("{section}=1 POST=1"), request), "{request}");
    }
    for request in [
        "GET /secrets/a?showsecret=false",
        "GET /secrets/a?showsecret=0",
        "GET /secrets/a?x=showsecret",
        "GET /secrets/showsecret",
        "GET /secrets?filters=%7B%7D",
        "GET /containers/checkpoints/json",
        "GET /containers/a/checkpoints/json",
    ] {
        assert!(allows("SECRETS=1 CONTAINERS=1", request), "{request}");
    }
}

#[test]
fn no_spelling_reaches_a_closed_section() {
    let everything_else: String = VARIABLES
        .iter()
        .filter(|variable| !variable.name.contains("CONTAINERS") && !matches!(variable.kind, Kind::Action))
        .map(|variable| format!("{}=1 ", variable.name))
        .collect();
    for path in [
        "/containers/json",
        "/v1.41/containers/json",
        "/v1/containers/json",
        "/v.../containers/json",
        "/v1.41.1/containers/json",
        "/v4.0.0-dev/containers/json",
        "/%63ontainers/json",
        "/%76%31.41/containers/json",
        "/v1%2e41/containers/json",
        "/v1.41%2Fcontainers%2Fjson",
        "/containers%2fjson",
        "/libpod/containers/json",
        "/v4.0.0/libpod/containers/json",
        "/v4.0.0/%6cibpod/containers/json",
        "/libpod%2Fcontainers/json",
        "/v1.41/v1.41/containers/json",
        "/libpod/v4.0.0/containers/json",
        "/libpod/libpod/containers/json",
        "/vv1.41/containers/json",
        "/v/containers/json",
        "/V1.41/containers/json",
        "/v1_41/containers/json",
        "/CONTAINERS/json",
        "/container/json",
        "/containers",
        "/containers/",
        "/containersjson",
        "/containers;x/json",
        "/./containers/json",
        "/images/../containers/json",
        "/images/%2e%2e/containers/json",
        "/images/..%2fcontainers/json",
        "/images/..;/containers/json",
        "//containers/json",
        "http://docker/containers/json",
        "*",
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"] {
            assert!(!allows(&everything_else, &format!("{method} {path}")), "{method} {path}");
        }
    }
    // What merely holds the words is another section's.
    assert!(allows("IMAGES=1", "GET /images/v1.41/containers/json"));
    assert!(!allows("IMAGES=1", "GET /v1.41/v1.41/images/json"));
}

#[test]
fn what_belongs_to_no_variable_stays_closed_with_all_of_them() {
    let everything = everything();
    for path in [
        "/",
        "/v1.41",
        "/v1.41/",
        "/debug/pprof/",
        "/debug/vars",
        "/libpod",
        "/libpod/",
        "/libpod/autoupdate",
        "/libpod/swagger",
        "/libpod/build/x",
        "/libpod/commit/x",
        "/libpod/kubes/play",
        "/libpod/local",
        "/libpod/local/",
        "/libpod/local/build/",
        "/libpod/local/build/x",
        "/libpod/local%2Fbuild",
        "/libpod/local/images",
        "/libpod/local/images/json",
        "/libpod/local/images/load/",
        "/libpod/local/images/load/x",
        "/libpod/local/images%2Fload",
        "/libpod/local/containers/json",
        "/libpod/local/local/build",
        "/local/build",
        "/local/images/load",
        "/artifacts/json",
        "/kube/play",
        "/quadlets/json",
        "/secret/a",
        "/pods/json",
        "/_ping/x",
        "/events/x",
        "/commit/x",
        "/info/",
        "/metrics",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            assert!(!allows(&everything, &format!("{method} {path}")), "{method} {path}");
        }
    }
}

/// linuxserver's image has no variable for these: that they are off by default means the same.
#[test]
fn sections_that_podman_alone_has_are_closed_until_their_own_variable_opens_them() {
    let own = [
        ("LIBPOD_ARTIFACTS", "GET /v5.8.0/libpod/artifacts/json"),
        ("LIBPOD_ARTIFACTS", "POST /v5.8.0/libpod/artifacts/local/add"),
        ("LIBPOD_ARTIFACTS", "GET /v5.8.0/libpod/artifacts/a%2Fb/extract"),
        ("LIBPOD_BUILD", "POST /v5.8.0/libpod/build"),
        ("LIBPOD_BUILD", "POST /v5.8.0/libpod/local/build"),
        ("LIBPOD_COMMIT", "POST /v5.8.0/libpod/commit?container=a"),
        ("LIBPOD_IMAGES", "POST /v5.8.0/libpod/local/images/load?path=/a"),
        ("LIBPOD_KUBE", "GET /v5.8.0/libpod/kube/generate"),
        ("LIBPOD_KUBE", "DELETE /v5.8.0/libpod/kube/play"),
        ("LIBPOD_QUADLETS", "POST /v5.8.0/libpod/quadlets"),
        ("LIBPOD_QUADLETS", "GET /v5.8.0/libpod/quadlets/a.container/file"),
    ];
    for (variable, request) in own {
        let others: String = VARIABLES
            .iter()
            .filter(|other| other.name != variable)
            .map(|other| format!("{}=1 ", other.name))
            .collect();
        for dialect in ["tecnativa", "linuxserver"] {
            let environment = format!("DIALECT={dialect} {others}");
            assert!(!allows(&environment, request), "{request} under {environment}");
            let environment = format!("DIALECT={dialect} {variable}=1");
            assert_eq!(allows(&environment, request), request.starts_with("GET "), "{request} by {variable}");
            assert!(allows(&format!("{environment} POST=1"), request), "{request} by {variable} with POST");
        }
    }
}

#[test]
fn a_start_granted_by_allow_start_alone_carries_no_host_config() {
    let start = |environment: &str, path: &str, framing: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nHost: docker\r\n{framing}\r\n\r\n");
        admit(head.as_bytes(), &policy(environment)).1.map(drop)
    };
    let path = "/v1.23/containers/a/start";
    for framing in ["X: y", "Content-Length: 0", "Content-Length: 7"] {
        assert!(start("ALLOW_START=1", path, framing).is_ok(), "{framing}");
    }
    for framing in ["Content-Length: 8", "Content-Length: 1125899906842624", "Transfer-Encoding: chunked"] {
        for path in [path, "/containers/a/b/start", "/containers/a%2Fb/start", "/v4.0.0/libpod/pods/a/start"]
        {
            assert!(start("ALLOW_START=1", path, framing).is_err(), "{path} {framing}");
            assert!(start("ALLOW_START=1 CONTAINERS=1 LIBPOD_PODS=1", path, framing).is_err(), "{framing}");
            assert!(
                start("ALLOW_START=1 CONTAINERS=1 LIBPOD_PODS=1 POST=1", path, framing).is_ok(),
                "{framing}"
            );
        }
    }
    let says = |environment, path| match start(environment, path, "Content-Length: 8") {
        Err(Refusal::Denied(denial)) => denial.to_string(),
        other => panic!("{other:?}"),
    };
    let reason =
        "ALLOW_START and ALLOW_ROUTES cover starts without a body, which could change the container; ";
    assert_eq!(says("ALLOW_START=1", path), format!("{reason}set CONTAINERS=1 and POST=1 to allow it"));
    assert_eq!(says("ALLOW_START=1 POST=1", path), format!("{reason}set CONTAINERS=1 to allow it"));
    let pod = "/v4.0.0/libpod/pods/a/start";
    assert_eq!(says("ALLOW_START=1", pod), format!("{reason}set LIBPOD_PODS=1 and POST=1 to allow it"));
}

#[test]
fn a_start_granted_by_allow_start_alone_names_no_checkpoint() {
    let sections = "CONTAINERS=1 LIBPOD_CONTAINERS=1 LIBPOD_PODS=1";
    let paths = [
        "/containers/a/start",
        "/v1.41/containers/a/b/start",
        "/containers/a%2Fb/start",
        "/v4.0.0/libpod/containers/a/start",
        "/v4.0.0/libpod/pods/a/start",
    ];
    for path in paths {
        for query in [
            "checkpoint=../../../../root",
            "checkpoint",
            "checkpoint=",
            "checkpoint-dir=/root",
            "CheckPoint=x",
            "detachKeys=ctrl-p&checkpoint=x",
            "detachKeys=ctrl-p;checkpoint=x",
            "checkpoint=x;detachKeys=ctrl-p",
            "x&&checkpoint=x",
            "=x&checkpoint-dir",
            "%63heckpoint=x",
            "checkpoin%74",
            "checkpoint%2Ddir=x",
            "%C5%BFtart=x",
            "+checkpoint=x",
            "checkpoint+=x",
            "a=?checkpoint=x&checkpoint=x",
        ] {
            let request = format!("POST {path}?{query}");
            for environment in ["ALLOW_START=1", "ALLOW_START=1 POST=1", &format!("ALLOW_START=1 {sections}")]
            {
                assert!(!allows(environment, &request), "{request} under {environment}");
            }
            assert!(allows(&format!("{sections} POST=1"), &request), "{request}");
        }
        for query in [
            "",
            "detachKeys=ctrl-p,ctrl-q",
            "detachKeys=ctrl-p%2Cctrl-q",
            "detachKeys=ctrl-p+ctrl-q",
            "detachKeys=checkpoint",
            "detachKeys=checkpoint=x",
            "checkpoints=x",
            "t=1&",
        ] {
            let request = format!("POST {path}?{query}");
            assert!(allows("ALLOW_START=1", &request), "{request}");
        }
    }
    // The other actions take no checkpoint.
    assert!(allows("ALLOW_STOP=1", "POST /containers/a/stop?checkpoint=x"));
}

/// Go reads a form that is a body before the query: `checkpoint=x` must not fit into what a bare start may carry.
#[test]
fn a_start_granted_by_allow_start_alone_carries_no_form_with_a_checkpoint() {
    let start = |content_type: &str, framing: &str| {
        let fields = format!("Content-Type: {content_type}\r\n{framing}");
        let head = format!("POST /containers/a/start HTTP/1.1\r\nHost: docker\r\n{fields}\r\n\r\n");
        admit(head.as_bytes(), &policy("ALLOW_START=1")).1.map(drop)
    };
    for content_type in [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded; charset=utf-8",
        "multipart/form-data; boundary=x",
        "application/json",
    ] {
        // The shortest form that names one, in any spelling; one in parts is far longer.
        for form in ["checkpoint", "checkpoint=", "checkpoint=x", "checkpoint-dir=/"] {
            let refused = start(content_type, &format!("Content-Length: {}", form.len()));
            assert!(refused.is_err(), "{content_type}: {form}");
        }
        assert!(start(content_type, "Transfer-Encoding: chunked").is_err(), "{content_type}");
        // What clients are known to send goes on: nothing, `{}` and `null`.
        for length in [0, 2, 4] {
            assert!(
                start(content_type, &format!("Content-Length: {length}")).is_ok(),
                "{content_type}: {length}"
            );
        }
    }
}

#[test]
fn a_hijack_is_possible_on_its_routes_alone() {
    let everything = policy(&everything());
    for learning in [&everything, &policy("LEARN=1")] {
        let hijack = |method, target: &str| {
            let target = Target::parse(method, target.as_bytes()).expect("a clean target");
            match learning.judge(method, &target) {
                Verdict::Allow(allowed) => allowed.hijack,
                Verdict::Deny(_) => None,
            }
        };
        for (method, target, expected) in [
            (Method::Post, "/v1.41/containers/a/attach?stream=1", Protocol::Tcp),
            (Method::Post, "/containers/a/b/attach", Protocol::Tcp),
            (Method::Post, "/containers/a%2Fattach", Protocol::Tcp),
            (Method::Post, "/v4.0.0/libpod/containers/a/attach", Protocol::Tcp),
            (Method::Post, "/exec/a/start", Protocol::Tcp),
            (Method::Post, "/v4.0.0/libpod/exec/a/start", Protocol::Tcp),
            (Method::Get, "/containers/a/attach/ws", Protocol::WebSocket),
            (Method::Post, "/session", Protocol::H2c),
            (Method::Post, "/v1.41/grpc", Protocol::H2c),
        ] {
            assert_eq!(hijack(method, target), Some(expected), "{target}");
            for other in [Method::Get, Method::Head, Method::Post, Method::Put, Method::Delete, Method::Patch]
            {
                assert!(other == method || hijack(other, target).is_none(), "{other:?} {target}");
            }
            let (path, _) = target.split_once('?').unwrap_or((target, ""));
            for odd in [format!("{path}/"), format!("{path}x"), format!("{path}/x"), format!("{path}%2F")] {
                assert_eq!(hijack(method, &odd), None, "{odd}");
            }
        }
        for target in [
            "/containers/attach",
            "/exec/start",
            "/containers/a/ws",
            "/containers/attach/ws",
            "/images/a/attach",
        ] {
            assert_eq!(hijack(Method::Post, target), None, "{target}");
            assert_eq!(hijack(Method::Get, target), None, "{target}");
        }
    }
}

// === Routes one by one ===

/// Every route with each of its methods, and HEAD where it has GET, as paths with `a` for each placeholder.
fn concrete_routes() -> Vec<(&'static Route, Method, String)> {
    let concrete = |route: &Route| {
        let segments =
            route.path.split('/').map(|segment| if segment.starts_with('{') { "a" } else { segment });
        segments.collect::<Vec<_>>().join("/")
    };
    let mut all = Vec::new();
    for route in ROUTES {
        let head = (route.methods.contains(&Method::Get) && !route.methods.contains(&Method::Head))
            .then_some(Method::Head);
        all.extend(route.methods.iter().copied().chain(head).map(|method| (route, method, concrete(route))));
    }
    all
}

#[test]
fn a_line_of_allow_routes_opens_its_route_and_no_other() {
    let all = concrete_routes();
    for &(route, method, _) in &all {
        let line = format!("{} {}", method.as_str(), route.path);
        let policy = listed("PING=0 VERSION=0 EVENTS=0", &line, "");
        for (other, with, path) in &all {
            let covered = *with == method || (method == Method::Get && *with == Method::Head);
            let expected = *other == route && covered;
            let request = format!("{} {path}", with.as_str());
            assert_eq!(opens(&policy, &request), expected, "{request} by {line}");
            if expected {
                for version in ["/v1.41", "/v3.4.4", "/v9"] {
                    let request = format!("{} {version}{path}", with.as_str());
                    // podman from 4 on takes what is posted below for the name of a list.
                    let swallowed = version == "/v9"
                        && *with == Method::Post
                        && path.starts_with("/libpod/manifests/")
                        && path != "/libpod/manifests/a";
                    assert_eq!(opens(&policy, &request), !swallowed, "{request} by {line}");
                }
            }
        }
    }
}

#[test]
fn a_line_of_deny_routes_closes_its_route_in_every_spelling_and_no_other() {
    let all = concrete_routes();
    let everything = everything();
    let (mut closed, mut open_else) = (0, 0);
    let without = policy(&everything);
    for &(route, method, ref path) in &all {
        let line = format!("{} {}", method.as_str(), route.path);
        let policy = listed(&everything, "", &line);
        let says = format!("DENY_ROUTES closes {line}");
        for (other, with, path) in &all {
            let covered = *with == method || (method == Method::Get && *with == Method::Head);
            // A slash at the end of a path is no difference.
            let same = *other == route || (route.path == "/networks" && other.path == "/networks/");
            let request = format!("{} {path}", with.as_str());
            match judged(&policy, with.as_str(), path) {
                Err(Refusal::Denied(denial)) if denial.to_string() == says => {
                    assert!(same && covered, "{request} by {line}");
                }
                verdict => {
                    assert!(!(same && covered), "{request} by {line}");
                    let has_section = !Need::of(*with, path.as_bytes(), None).section.is_empty();
                    assert_eq!(verdict.is_ok(), has_section, "{request} by {line}");
                }
            }
        }
        for spelled in spellings(path, route) {
            let request = format!("{} {spelled}", method.as_str());
            assert!(!opens(&policy, &request), "{request} by {line}");
            closed += 1;
            open_else += usize::from(opens(&without, &request));
        }
    }
    // Others have a section in one reading alone.
    assert!(open_else > closed / 3, "{open_else} of {closed} would be open");
}

/// A path in every spelling that a daemon may take for the same.
fn spellings(path: &str, route: &Route) -> Vec<String> {
    let named = ["a", "a/b/c", "a%2Fb", "a%2fb%2Fc", "m%C3%BCll"].map(|name| {
        let segments =
            route.path.split('/').map(|segment| if segment.starts_with('{') { name } else { segment });
        segments.collect::<Vec<_>>().join("/")
    });
    let mut all = Vec::new();
    for named in named {
        for version in ["", "/v1.41", "/v4.0.0-dev", "/v5", "/%761.24"] {
            all.push(format!("{version}{named}"));
            if !named.ends_with('/') {
                all.extend(["/", "%2F"].map(|end| format!("{version}{named}{end}")));
            }
        }
    }
    // A path starts with a slash.
    for (at, byte) in path.bytes().enumerate().skip(1) {
        let spelled = format!("{}%{byte:02x}{}", &path[..at], &path[at + 1..]);
        all.extend([format!("/v1.41{spelled}"), spelled]);
    }
    all
}

#[test]
fn a_name_in_a_line_is_one_segment_read_without_its_escapes() {
    for (line, open, closed) in [
        (
            "GET /containers/web/json",
            "GET /containers/web/json
             HEAD /containers/web/json
             GET /v1.41/containers/web/json?size=1
             GET /containers/%77eb/json
             GET /containers/w%65%62/json",
            "GET /containers/we/json
             GET /containers/web2/json
             GET /containers/Web/json
             GET /containers/a/web/json
             GET /containers/web/b/json
             GET /containers/web%2Fb/json
             GET /containers/a%2fweb/json
             GET /containers/web/json/
             GET /containers/web/%6Ason
             GET /%63ontainers/web/json
             GET /containers/web%2Fjson
             POST /containers/web/json
             OPTIONS /containers/web/json
             GET /containers/json
             GET /containers/web/logs
             GET /v4.0.0/libpod/containers/web/json
             GET /containers/../web/json",
        ),
        (
            "GET /containers/web-*/json",
            "GET /containers/web-1/json
             GET /containers/web-/json
             GET /containers/web-a.b_c/json
             GET /containers/web%2D1/json
             GET /containers/%77eb-m%C3%BCll/json",
            "GET /containers/web/json
             GET /containers/aweb-1/json
             GET /containers/web-1/b/json
             GET /containers/web-1%2Fb/json
             GET /containers/web-%2f1/json
             GET /containers/web-1/logs",
        ),
        ("HEAD /containers/web/json", "HEAD /containers/web/json", "GET /containers/web/json"),
        (
            "HEAD /containers/{name}/archive",
            "HEAD /containers/a/b/archive
             HEAD /containers/a%2Fb/archive",
            "GET /containers/a/archive
             PUT /containers/a/archive",
        ),
        (
            "GET /networks/müll",
            "GET /networks/m%C3%BCll
             GET /v1.41/networks/m%c3%bcll
             GET /networks/%6d%C3%BC%6cl",
            "GET /networks/m%CC%88ll
             GET /networks/m%C3%BCll2
             GET /networks/m%C3%9Cll
             GET /networks/mull
             GET /networks/m%C3%BC
             GET /networks/m%C3ll",
        ),
        ("GET /networks/mü*", "GET /networks/m%C3%BCll", "GET /networks/m%C3%BC%2Fll\nGET /networks/m%C3"),
        (
            "GET /containers/json/json",
            "GET /containers/json/json",
            "GET /containers/json\nGET /containers/a/json",
        ),
        (
            "DELETE /containers/{id}/checkpoints/c*",
            "DELETE /containers/a/checkpoints/c1",
            "DELETE /containers/a/checkpoints/d1\nDELETE /containers/a/b/checkpoints/c1\nDELETE /containers/c1",
        ),
        (
            "GET /containers/{id}/json",
            "GET /containers/a/json\nGET /containers/a/b/c/json\nGET /containers/a%2Fb/json",
            "GET /containers/json\nGET /containers/a/json/\nGET /containers/a/json%2F",
        ),
        (
            "GET /networks/{id}",
            "GET /networks/a\nGET /networks/a/b",
            "GET /networks\nGET /networks/\nGET /networks/a/",
        ),
        // A word is read as one, and of two routes that serve a path the one with more words is taken.
        (
            "DELETE /libpod/images/{name}",
            "DELETE /libpod/images/a\nDELETE /libpod/images/remove/a",
            "DELETE /libpod/images/remove",
        ),
        ("DELETE /libpod/images/remove", "DELETE /libpod/images/remove", "DELETE /libpod/images/remove/a"),
    ] {
        let policy = listed("", line, "");
        for request in open.lines().map(str::trim) {
            assert!(opens(&policy, request), "{request} by {line}");
        }
        for request in closed.lines().map(str::trim) {
            assert!(!opens(&policy, request), "{request} by {line}");
        }
    }
}

/// Where nobody knows which of several routes a daemon takes a path for, all of them are named, or it is closed.
#[test]
fn a_path_of_several_routes_is_open_where_all_of_them_are() {
    const SCP: &str = "POST /libpod/images/scp/{name}";
    const TAG: &str = "POST /libpod/images/{name}/tag";
    const LIST: &str = "POST /libpod/manifests/{name}";
    const ADD: &str = "POST /libpod/manifests/{name}/add";
    const PUSH: &str = "POST /libpod/manifests/{name}/registry/{destination}";
    for (lines, request) in [
        ([SCP, TAG], "POST /v5.0.0/libpod/images/scp/tag"),
        ([LIST, PUSH], "POST /libpod/manifests/a/b/registry/c"),
        ([LIST, PUSH], "POST /v5.0.0/libpod/manifests/a/registry/b"),
        ([LIST, ADD], "POST /v4.0.0/libpod/manifests/a/add"),
        ([LIST, ADD], "POST /v9.0.0/libpod/manifests/a/add"),
        ([LIST, ADD], "POST /libpod/manifests/a/b/add"),
    ] {
        for line in lines {
            assert!(!opens(&listed("", line, ""), request), "{request} by {line}");
            assert!(!opens(&listed(&everything(), "", line), request), "{request}, {line} is closed");
        }
        assert!(opens(&listed("", &lines.join("\n"), ""), request), "{request}");
        // Each is open in the other way, by its line or by variables, as one.
        assert!(
            opens(&listed("LIBPOD_IMAGES=1 LIBPOD_MANIFESTS=1 POST=1", lines[0], ""), request),
            "{request}"
        );
    }
    // Before podman 4 and without a version, the route with more words is taken.
    for request in ["POST /libpod/manifests/a/add", "POST /v3.4/libpod/manifests/a/add"] {
        assert!(opens(&listed("", ADD, ""), request), "{request}");
        assert!(!opens(&listed("", LIST, ""), request), "{request}");
        assert!(opens(&listed(&everything(), "", LIST), request), "{request}");
    }
    assert!(!opens(&listed(&everything(), "", LIST), "POST /v4/libpod/manifests/a/add"));
}

#[test]
fn each_reading_is_open_by_lists_or_by_variables_and_closed_by_either() {
    let inspect = "GET /containers/{name}/json";
    // To podman this is a container, which CONTAINERS opens; to Docker it is one's details.
    let request = "GET /containers/a%2Fjson";
    assert!(!opens(&listed("CONTAINERS=1 ALLOW_INSPECT=0", "", ""), request));
    assert!(!opens(&listed("", inspect, ""), request));
    assert!(opens(&listed("CONTAINERS=1 ALLOW_INSPECT=0", inspect, ""), request));
    // To podman this is a container to delete, to Docker it is a checkpoint of one.
    let request = "DELETE /containers/a%2Fcheckpoints%2Fb";
    let (container, checkpoint) =
        ("DELETE /containers/{name}", "DELETE /containers/{name}/checkpoints/{checkpoint}");
    for line in [container, checkpoint] {
        assert_eq!(denied(&listed(&everything(), "", line), request), format!("DENY_ROUTES closes {line}"));
        assert!(!opens(&listed("", line, ""), request), "{line}");
    }
    assert!(opens(&listed("", &format!("{container}, {checkpoint}"), ""), request));
    // What holds a slash to Docker is no name that a line means.
    assert!(!opens(&listed("", &format!("DELETE /containers/a*, {checkpoint}"), ""), request));
}

#[test]
fn lists_stand_above_sections_methods_gates_and_actions() {
    for (line, request) in [
        ("POST /containers/{name}/exec", "POST /containers/a/exec"),
        ("DELETE /containers/{name}", "DELETE /v1.41/containers/a"),
        ("PUT /containers/{name}/archive", "PUT /containers/a/archive?path=/"),
        ("GET /containers/{name}/attach/ws", "GET /containers/a/attach/ws?stdin=1"),
        ("GET /containers/{name}/checkpoints", "GET /containers/a/checkpoints"),
        ("POST /containers/{name}/kill", "POST /containers/a/kill"),
        ("POST /containers/{name}/start", "POST /containers/a/start"),
        ("GET /libpod/images/{name}/changes", "GET /v5.0.0/libpod/images/a/changes"),
        ("GET /debug/vars", "GET /debug/vars"),
        ("GET /debug/pprof/", "GET /debug/pprof/"),
        ("GET /libpod/swagger", "GET /v5.0.0/libpod/swagger"),
        ("POST /libpod/autoupdate", "POST /v5.0.0/libpod/autoupdate"),
    ] {
        for closed in [
            "POST=0 ALLOW_EXEC=0 ALLOW_KILL=0 ALLOW_ATTACH=0 ALLOW_ARCHIVE=0 ALLOW_CHANGES=0 DELETE=0",
            "CONTAINERS=1 DELETE=0 PUT=0 ALLOW_EXEC=0 ALLOW_ATTACH=0 ALLOW_KILL=0 ALLOW_ARCHIVE=0",
            "DIALECT=linuxserver",
            "DIALECT=tecnativa-next",
        ] {
            assert!(!allows(closed, request), "{request} under {closed}");
            let policy = listed(closed, line, "");
            assert!(opens(&policy, request), "{request} by {line} under {closed}");
            let (method, target) = request.split_once(' ').expect("METHOD target");
            let method = Method::parse(method.as_bytes()).expect("a method");
            let target = Target::parse(method, target.as_bytes()).expect("a clean target");
            let Verdict::Allow(allowed) = policy.judge(method, &target) else { panic!("{request}") };
            assert_eq!(allowed.variable, "ALLOW_ROUTES", "{request}");
        }
        for open in [everything(), String::from("ALLOW_START=1 ALLOW_RESTARTS=1")] {
            let policy = listed(&open, line, line);
            assert_eq!(denied(&policy, request), format!("DENY_ROUTES closes {line}"), "{request}");
        }
        assert!(opens(&listed("LEARN=1", "", line), request), "{request}");
    }
    // What variables allow is theirs.
    let policy = listed("CONTAINERS=1", "GET /containers/json", "");
    let target = Target::parse(Method::Get, b"/containers/json").expect("a clean target");
    let Verdict::Allow(allowed) = policy.judge(Method::Get, &target) else { panic!("it is allowed") };
    assert_eq!(allowed.variable, "CONTAINERS");
}

#[test]
fn a_line_opens_a_hijack_as_a_variable_does() {
    for (line, method, target, expected) in [
        ("POST /containers/{name}/attach", Method::Post, "/containers/a/attach", Some(Protocol::Tcp)),
        ("POST /exec/{id}/start", Method::Post, "/v1.41/exec/a/start", Some(Protocol::Tcp)),
        (
            "GET /containers/{name}/attach/ws",
            Method::Get,
            "/containers/a/attach/ws",
            Some(Protocol::WebSocket),
        ),
        ("GET /containers/{name}/attach/ws", Method::Head, "/containers/a/attach/ws", None),
        ("POST /session", Method::Post, "/session", Some(Protocol::H2c)),
        ("POST /containers/{name}/wait", Method::Post, "/containers/a/wait", None),
    ] {
        let target = Target::parse(method, target.as_bytes()).expect("a clean target");
        let Verdict::Allow(allowed) = listed("", line, "").judge(method, &target) else { panic!("{line}") };
        assert_eq!(allowed.hijack, expected, "{line}");
    }
}

#[test]
fn a_line_of_allow_routes_covers_the_plain_request_alone() {
    let lines = "GET /secrets/{id}, GET /libpod/secrets/{name}/json, DELETE /secrets/{id}, \
                 POST /containers/{name}/start, POST /libpod/pods/{name}/start";
    let lists = listed("", lines, "");
    for (plain, beyond, open) in [
        ("GET /secrets/a", "GET /secrets/a?showsecret=true", "SECRETS=1 POST=1"),
        ("HEAD /secrets/a", "HEAD /secrets/a?x&ShowSecret", "SECRETS=1 POST=1"),
        ("GET /secrets/a?showsecret=0", "GET /secrets/a?%73howsecret=0x", "SECRETS=1 POST=1"),
        (
            "GET /v5.0.0/libpod/secrets/a/json",
            "GET /v5.0.0/libpod/secrets/a/json?showsecret=true",
            "LIBPOD_SECRETS=1 POST=1",
        ),
        ("POST /containers/a/start", "POST /containers/a/start?checkpoint=b", "CONTAINERS=1 POST=1"),
        (
            "POST /containers/a/start?detachKeys=ctrl-p",
            "POST /containers/a/start?%63heckpoint-dir=/root",
            "CONTAINERS=1 POST=1",
        ),
        (
            "POST /v5.0.0/libpod/pods/a/start",
            "POST /v5.0.0/libpod/pods/a/start?checkpoint",
            "LIBPOD_PODS=1 POST=1",
        ),
    ] {
        assert!(opens(&lists, plain), "{plain}");
        assert!(!opens(&lists, beyond), "{beyond}");
        assert!(!opens(&listed("ALLOW_START=1 SECRETS=1", lines, ""), beyond), "{beyond}");
        assert!(opens(&listed(open, lines, ""), beyond), "{beyond}");
    }
    // What deletes a secret shows none.
    assert!(opens(&lists, "DELETE /secrets/a?showsecret=1"));
    // No name of a store, and no arguments of a command, whatever is listed.
    for (line, request) in [
        (
            "GET /libpod/images/{name}/json",
            "GET /v5.0.0/libpod/images/containers-storage:%5Bvfs@%2Fa%5Db/json",
        ),
        ("GET /images/get", "GET /images/get?names=containers-storage:[vfs@/a]b"),
        ("GET /debug/vars", "GET /debug/vars?names=containers-storage:[vfs@/a]b"),
        (
            "POST /libpod/images/scp/{name}",
            "POST /v5.0.0/libpod/images/scp/busybox%20--root?destination=a@b::",
        ),
        (
            "POST /libpod/images/scp/{name}",
            "POST /v5.0.0/libpod/images/scp/busybox?destination=-oProxyCommand",
        ),
    ] {
        assert_eq!(denied(&listed("", line, ""), request), Denial::Name.to_string(), "{request}");
    }
    assert!(opens(
        &listed("", "POST /libpod/images/scp/{name}", ""),
        "POST /libpod/images/scp/a?destination=b"
    ));
    assert_eq!(denied(&lists, "TRACE /secrets/a"), Denial::Method.to_string());
}

#[test]
fn a_start_granted_by_a_line_alone_carries_no_host_config() {
    let path = "/v1.23/containers/a/start";
    let start = |policy: &Policy, framing: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nHost: docker\r\n{framing}\r\n\r\n");
        admit(head.as_bytes(), policy).1.map(drop)
    };
    let line = "POST /containers/a/start";
    for environment in ["", "ALLOW_START=1", "CONTAINERS=1", "POST=1"] {
        let policy = listed(environment, line, "");
        for framing in ["X: y", "Content-Length: 0", "Content-Length: 7"] {
            assert!(start(&policy, framing).is_ok(), "{framing}");
        }
        for framing in ["Content-Length: 8", "Transfer-Encoding: chunked"] {
            assert!(start(&policy, framing).is_err(), "{framing} under {environment}");
        }
    }
    for framing in ["Content-Length: 8", "Transfer-Encoding: chunked"] {
        assert!(start(&listed("CONTAINERS=1 POST=1", line, ""), framing).is_ok(), "{framing}");
    }
    let reason =
        "ALLOW_START and ALLOW_ROUTES cover starts without a body, which could change the container; ";
    for (environment, missing) in
        [("", "set CONTAINERS=1 and POST=1 to allow it"), ("POST=1", "set CONTAINERS=1 to allow it")]
    {
        match start(&listed(environment, line, ""), "Content-Length: 8") {
            Err(Refusal::Denied(denial)) => assert_eq!(denial.to_string(), format!("{reason}{missing}")),
            other => panic!("{other:?}"),
        }
    }
    // Other routes that only a line opens carry what they like.
    let head = "POST /containers/create HTTP/1.1\r\nHost: docker\r\nContent-Length: 80\r\n\r\n";
    assert!(admit(head.as_bytes(), &listed("", "POST /containers/create", "")).1.is_ok());
}

#[test]
fn lists_are_read_line_by_line() {
    let text = "\n# GET /info, and what else there is\n GET   /version \r\n,,HEAD /info,GET /containers/{id}/json\n\t# end\n";
    for (allow, deny) in [(text, ""), ("", text)] {
        let policy = listed(if deny.is_empty() { "VERSION=0" } else { "INFO=1 CONTAINERS=1" }, allow, deny);
        for request in ["GET /version", "HEAD /info", "GET /containers/a/json"] {
            assert_eq!(opens(&policy, request), deny.is_empty(), "{request}");
        }
        assert_eq!(opens(&policy, "GET /info"), allow.is_empty());
    }
    for (line, reason) in [
        ("GET /containers/{name}/jsn", "is no route: the nearest is GET /containers/{name}/json"),
        ("get /info", ""),
        ("GET info", ""),
        ("GET /info x", ""),
        ("GET", ""),
        ("/info", ""),
        ("*", ""),
        ("GET *", ""),
        ("* /info", ""),
        ("TRACE /info", ""),
        ("OPTIONS /info", ""),
        ("POST /info", "is no route: the nearest is GET /info"),
        ("HEAD /containers/create", ""),
        ("GET /v1.41/info", ""),
        ("GET /info/", ""),
        ("GET /containers/a/b/json", ""),
        ("GET /containers//json", ""),
        ("GET /containers/*/json", ""),
        ("GET /containers/./json", ""),
        ("GET /containers/../json", ""),
        ("GET /containers/..*/json", ""),
        ("GET /containers/a*b/json", ""),
        ("GET /containers/a**/json", ""),
        ("GET /containers/%61/json", ""),
        ("GET /containers/{a/json", ""),
        ("GET /containers/a|b/json", ""),
        ("GET /containers/^a/json", ""),
        ("GET /containers/{name}/json?all=1", ""),
        ("GET /containers/{name}/json # why", ""),
    ] {
        for (variable, [allow, deny]) in [("ALLOW_ROUTES", [line, ""]), ("DENY_ROUTES", ["", line])] {
            let before = |list: &str| {
                if list.is_empty() { String::new() } else { format!("# one\nGET /info\n{list}") }
            };
            let error = read("", &before(allow), &before(deny)).expect_err(line).to_string();
            let named = format!("{variable} cannot be used: line 3, {line:?}, ");
            assert!(error.starts_with(&named) && error.contains(reason), "{error}");
        }
    }
    // A denial by name would be passed by with the container's ID.
    for line in ["GET /containers/web/json", "GET /containers/web-*/json"] {
        assert!(read("", line, "").is_ok(), "{line}");
        let error = read("", "", line).expect_err(line).to_string();
        assert!(
            error.starts_with("DENY_ROUTES cannot be used: line 1, ") && error.contains("{name}"),
            "{error}"
        );
    }
    for name in ["a", "A-9", "_.-~:@+=!$&'();", "müll", "名", "a.*", "..a", "...", "-"] {
        assert!(read("", &format!("GET /containers/{name}/json"), "").is_ok(), "{name}");
    }
}

// === What a denial says ===

#[test]
fn a_denial_names_the_smallest_set_that_would_allow_it() {
    for (environment, request, expected) in [
        ("", "GET /containers/json", "set CONTAINERS=1 to allow it"),
        ("", "POST /containers/create", "set CONTAINERS=1 and POST=1 to allow it"),
        ("CONTAINERS=1", "POST /containers/create", "set POST=1 to allow it"),
        ("POST=1", "POST /containers/create", "set CONTAINERS=1 to allow it"),
        ("", "POST /containers/a/start", "set ALLOW_START=1 to allow it"),
        ("CONTAINERS=1", "POST /containers/a/start", "set ALLOW_START=1 to allow it"),
        ("", "POST /containers/a/stop", "set ALLOW_STOP=1 to allow it"),
        ("", "POST /containers/a/kill", "set ALLOW_RESTARTS=1 to allow it"),
        ("CONTAINERS=1 ALLOW_LOGS=0", "GET /containers/a/logs", "set ALLOW_LOGS=1 to allow it"),
        ("ALLOW_LOGS=0", "GET /containers/a/logs", "set CONTAINERS=1 and ALLOW_LOGS=1 to allow it"),
        ("DIALECT=linuxserver CONTAINERS=1", "GET /containers/a/logs", "set ALLOW_LOGS=1 to allow it"),
        (
            "DIALECT=linuxserver",
            "PUT /containers/a/archive",
            "set CONTAINERS=1 and ALLOW_ARCHIVE=1 and PUT=1 to allow it",
        ),
        ("", "GET /v4.0.0/libpod/info", "set LIBPOD_INFO=1 to allow it"),
        ("CONTAINERS=1", "GET /containers/a/attach/ws", "set POST=1 to allow it"),
        ("CONTAINERS=1", "GET /containers/a/checkpoints", "set POST=1 to allow it"),
        ("CONTAINERS=1 POST=1 ALLOW_ARCHIVE=0", "POST /containers/a/copy", "set ALLOW_ARCHIVE=1 to allow it"),
        (
            "DIALECT=linuxserver",
            "GET /v4.0.0/libpod/images/a/changes",
            "set LIBPOD_CONTAINERS=1 and LIBPOD_IMAGES=1 and ALLOW_CHANGES=1 to allow it",
        ),
        ("ALLOW_START=1", "POST /containers/a/start?checkpoint=b", "set CONTAINERS=1 and POST=1 to allow it"),
        ("PING=0", "HEAD /_ping", "set PING=1 to allow it"),
        ("CONTAINERS=1", "DELETE /containers/a", "set DELETE=1 to allow it"),
        ("CONTAINERS=1 POST=1 DELETE=0", "DELETE /containers/a", "set DELETE=1 to allow it"),
        ("", "DELETE /containers/a", "set CONTAINERS=1 and DELETE=1 to allow it"),
        ("CONTAINERS=1", "PUT /containers/a/archive", "set PUT=1 to allow it"),
        ("CONTAINERS=1", "PATCH /containers/a", "set PATCH=1 to allow it"),
        ("CONTAINERS=1 DELETE=1", "OPTIONS /containers/json", "set POST=1 to allow it"),
        ("SECRETS=1", "DELETE /secrets/a?showsecret=true", "set DELETE=1 to allow it"),
        ("DIALECT=tecnativa-next CONTAINERS=1 POST=1", "DELETE /containers/a", "set DELETE=1 to allow it"),
        ("DIALECT=tecnativa-next POST=1", "OPTIONS /containers/json", "no variable allows this method"),
        ("ALLOW_RESTARTS=1 ALLOW_KILL=0", "POST /containers/a/kill", "set ALLOW_KILL=1 to allow it"),
        (
            "DIALECT=tecnativa-next",
            "POST /containers/a/kill",
            "set ALLOW_RESTARTS=1 and ALLOW_KILL=1 to allow it",
        ),
        ("CONTAINERS=1 POST=1 ALLOW_EXEC=0", "POST /containers/a/exec", "set ALLOW_EXEC=1 to allow it"),
        ("CONTAINERS=1 ALLOW_INSPECT=0", "GET /containers/a/json", "set ALLOW_INSPECT=1 to allow it"),
        (
            "CONTAINERS=1 ALLOW_ATTACH=0",
            "GET /containers/a/attach/ws",
            "set ALLOW_ATTACH=1 and POST=1 to allow it",
        ),
        ("POST=1", "POST /libpod/autoupdate", "no variable allows it, as it belongs to no section"),
        ("", "GET /libpod/", "no variable allows it, as it belongs to no section"),
        ("", "GET /libpod", "no variable allows it, as it belongs to no section"),
        (
            "",
            "GET /",
            "no variable allows it, as nothing is served there; a health check asks for GET /_ping",
        ),
        ("POST=1", "POST /v5.8.0/libpod/local/build", "set LIBPOD_BUILD=1 to allow it"),
        ("", "POST /v5.8.0/libpod/local/images/load", "set LIBPOD_IMAGES=1 and POST=1 to allow it"),
        ("CONTAINERS=1", "TRACE /containers/json", "no variable allows this method"),
        // Two readings: what both need, and what neither can have.
        ("", "GET /containers/a%2Flogs", "set CONTAINERS=1 to allow it"),
        ("", "POST /containers/a%2Fstart", "set CONTAINERS=1 and POST=1 to allow it"),
        ("ALLOW_START=1", "POST /containers/a%2Fstart", "set CONTAINERS=1 and POST=1 to allow it"),
        ("", "GET /%63ontainers/json", "no variable allows it, as it belongs to no section"),
        ("CONTAINERS=1", "GET /%63ontainers/json", "no variable allows it, as it belongs to no section"),
    ] {
        assert_eq!(denial(environment, request), expected, "{request} under {environment:?}");
    }
}

#[test]
fn no_smaller_set_than_the_named_one_allows_a_known_route() {
    let one_by_one: Vec<_> = (0..VARIABLES.len()).map(Grants::of).collect();
    for environment in
        ["", "POST=1", "CONTAINERS=1", "DIALECT=linuxserver", "DIALECT=linuxserver LIBPOD_PODS=1"]
    {
        let grants = policy(environment).grants();
        for route in ROUTES {
            for &method in route.methods {
                let need = Need::of(method, route.path.as_bytes(), Some(b"showsecret=true"));
                let Verdict::Deny(Denial::Missing(named)) = need.judge(grants) else { continue };
                let allows = |more: Grants| matches!(need.judge(grants.union(more)), Verdict::Allow(_));
                assert!(allows(named), "{}", route.path);
                if named.len() > 1 {
                    assert!(!one_by_one.iter().any(|&one| allows(one)), "{}", route.path);
                }
                if named.len() > 2 {
                    let two = |one: Grants| one_by_one.iter().any(|&other| allows(one.union(other)));
                    assert!(!one_by_one.iter().any(|&one| two(one)), "{}", route.path);
                }
            }
        }
    }
}

#[test]
fn learning_allows_what_can_be_read_and_no_more() {
    for request in [
        "GET /containers/json",
        "POST /containers/create",
        "DELETE /v1.41/containers/a",
        "POST /libpod/build",
        "GET /anything/else",
        "GET /%63ontainers/json",
        "OPTIONS /x",
    ] {
        assert!(allows("LEARN=1", request), "{request}");
    }
    for request in ["TRACE /containers/json", "CONNECT /x", "GET //x", "GET /a/../b", "GET *", "GET /%zz"] {
        assert!(!allows("LEARN=1", request), "{request}");
    }
    let head = b"POST /v1.23/containers/a/start HTTP/1.1\r\nHost: docker\r\nContent-Length: 80\r\n\r\n";
    assert!(admit(head, &policy("LEARN=1 ALLOW_START=1")).1.is_ok());
    let head =
        b"POST /info HTTP/1.1\r\nHost: docker\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(matches!(admit(head, &policy("LEARN=1")).1, Err(Refusal::Framing(_))));
}

/// podman opens a store of the client's choice for such a name, to answer a GET too, and runs the program that it names.
#[test]
fn no_name_of_a_store_is_allowed_whatever_is_granted() {
    let everything = everything();
    let store = "containers-storage:%5Boverlay@/a+/b:overlay.mount_program=/c%5Dlocalhost/x:latest";
    for environment in [&everything[..], "LEARN=1"] {
        for request in [
            &format!("GET /v5.0.0/libpod/images/{store}/get?format=docker-archive"),
            &format!("GET /v5.0.0/libpod/images/{}/json", store.replace('/', "%2F")),
            &format!("GET /v5.0.0/libpod/manifests/{store}/exists"),
            &format!("POST /v5.0.0/libpod/manifests/l?images={store}"),
            &format!("GET /v1.41/images/{store}/history"),
            &format!("DELETE /images/{store}"),
            &format!("GET /v5.0.0/libpod/images/export?references=a&references={store}"),
            "GET /images/get?names=containers-storage:[vfs@/a]b",
            "GET /images/get?names=%63ontainers-storage%3a%5bvfs@/a]b",
            "GET /images/get?names=Containers-Storage:[vfs@/a]b",
            "GET /images/get?names=ccontainers-storage:[vfs@/a]b",
            "POST /commit?repo=containers-storage:%5Bvfs@/a%5Db",
            "POST /images/a/push?destination=containers-storage:%5Bvfs@/a%5Db",
            r#"GET /images/json?filters={"before":["containers-storage:[vfs@/a]b"]}"#,
            r#"GET /images/json?filters={"before":["containers-storage:\u005bvfs@/a]b"]}"#,
            r#"GET /images/json?filters={"before":["\u0063ontainers-storage%3A%5Cu005Bvfs@/a]b"]}"#,
            r#"GET /images/json?filters={"before":["%5c%75%30%30%36%33ontainers-storage:[vfs@/a]b"]}"#,
            // podman puts a colon and the tag behind, and the transport before what it pushes.
            "POST /images/a/tag?repo=containers-storage&tag=%5Bvfs@/a%2B/b%5Dc",
            "POST /images/a/tag?tag=x&repo=%43ontainers%2Dstorage",
            "POST /images/create?fromImage=containers-storage&tag=a",
            "POST /images/a/tag?repo=a&tag=[vfs@/a]b",
            "POST /images/a/tag?repo=a&tag=%5B",
            "POST /images/a/tag?repo=a&tag=[:overlay.mount_program=/a]b",
            "POST /images/containers-storage/push?tag=a",
            "POST /images/containers-storage%2Fpush",
            "POST /v4.0.0/libpod/images/%5Boverlay@/a+/b%5Dx/push",
            "POST /v1.40/images/%5Boverlay@/a/push?tag=%2B/b%5Dx",
            "POST /v4.0.0/libpod/images/scp/a@b::%5Bvfs@/a%5Db",
            "POST /v4.0.0/libpod/images/%5B%5Dx/push",
        ] {
            assert_eq!(denial(environment, request), Denial::Name.to_string(), "{request}");
        }
        for request in [
            "GET /v5.0.0/libpod/images/containers-storage:localhost%2Fbusybox/json",
            "GET /v5.0.0/libpod/images/%5B::1%5D:5000%2Fbusybox/json",
            "GET /images/get?names=containers-storage:b",
            r#"GET /images/json?filters={"label":["a:[b"],"reference":["containers-storage"]}"#,
            r#"GET /images/json?filters={"before":["\u00zz","\u12","\\"]}"#,
            "GET /images/json?filters=%",
            "POST /images/containers-storage-x/push?tag=containers-storages",
            r#"POST /build?cachefrom=["a/b"]&cachefrom=[]&t=[::1]:5000/a"#,
            "POST /build?cachefrom=%5B%22a%22%5D",
        ] {
            assert!(allows(environment, request), "{request}");
        }
    }
}

/// podman cuts the command with which it saves the image at spaces.
#[test]
fn a_name_that_is_copied_by_ssh_adds_no_arguments() {
    let environment = "LIBPOD_IMAGES=1 POST=1 ALLOW_CHANGES=1 LIBPOD_CONTAINERS=1";
    for request in [
        "POST /v5.0.0/libpod/images/scp/busybox%20--conmon%20/evil?destination=a@b::",
        "POST /v5.0.0/libpod/images/scp/busybox%20--conmon%20%2Fevil?destination=a@b::",
        "POST /v5.0.0/libpod/images/scp/busybox%20--conmon%20/evil/changes?destination=a@b::",
        "POST /v5.0.0/libpod/images/scp/--root=/evil?destination=a@b::",
        "POST /v5.0.0/libpod/images/scp/%2D-root=/evil?destination=a@b::",
        "POST /v5.0.0/libpod/images/scp/busybox?destination=a@b::c+--root",
        "POST /v5.0.0/libpod/images/scp/busybox?destination=a@b::c%20--root",
        "POST /v5.0.0/libpod/images/scp/busybox?destination=-oProxyCommand",
        "POST /v5.0.0/libpod/images/scp/busybox?destination=%2doProxyCommand",
    ] {
        assert_eq!(denial(environment, request), Denial::Name.to_string(), "{request}");
    }
    for request in [
        "POST /v5.0.0/libpod/images/scp/busybox?destination=a@b::",
        "POST /v5.0.0/libpod/images/scp/localhost%2Fmy-busybox:latest?destination=a@my-host::&quiet=true",
        "GET /v5.0.0/libpod/images/scp/a%20b/json",
        "POST /v5.0.0/libpod/images/scp%20a/tag?repo=b+c",
    ] {
        assert!(allows(environment, request), "{request}");
    }
}

// === What a query or a body asks for besides ===

/// The whole judgement of a request with these fields in its head.
fn with_fields(environment: &str, request: &str, fields: &str) -> Result<(), Refusal> {
    let head = format!("{request} HTTP/1.1\r\nHost: docker\r\n{fields}\r\n\r\n");
    admit(head.as_bytes(), &policy(environment)).1.map(drop)
}

/// dockerd from API 1.42 on sends any signal with a stop or a restart.
#[test]
fn a_stop_that_could_name_a_signal_is_a_kill() {
    let form = "Content-Type: Application/X-WWW-Form-Urlencoded; charset=utf-8\r\n";
    let paths = [
        "/containers/a/stop",
        "/v1.51/containers/a/restart",
        "/containers/a%2Fb/stop",
        "/v5.0.0/libpod/pods/a/stop",
    ];
    for path in paths {
        for environment in ["ALLOW_RESTARTS=1", "CONTAINERS=1 LIBPOD_PODS=1 POST=1"] {
            let closed = format!("{environment} ALLOW_KILL=0");
            for query in ["signal=USR1", "t=-1&Signal=9", "%73ignal=9", "x;signal=9"] {
                let request = format!("POST {path}?{query}");
                assert!(allows(environment, &request), "{request} by {environment}");
                assert_eq!(denial(&closed, &request), "set ALLOW_KILL=1 to allow it", "{request}");
            }
            let request = format!("POST {path}?t=5");
            assert!(allows(&closed, &request), "{request}");
            for framing in ["Content-Length: 8", "Transfer-Encoding: chunked"] {
                let fields = format!("{form}{framing}");
                assert!(with_fields(environment, &request, &fields).is_ok(), "{request}: {fields}");
                assert!(with_fields(&closed, &request, &fields).is_err(), "{request}: {fields}");
                // What nobody reads, and clients send.
                let json = format!("Content-Type: application/json\r\n{framing}");
                assert!(with_fields(&closed, &request, &json).is_ok(), "{request}: {json}");
            }
            assert!(with_fields(&closed, &request, &format!("{form}Content-Length: 7")).is_ok());
        }
    }
    let lists = |request: &str, fields: &str| {
        let line = |name: &str| (name == "ALLOW_ROUTES").then(|| String::from("POST /containers/a/stop"));
        let policy = Policy::from_vars(&line).expect("a list");
        let head = format!("{request} HTTP/1.1\r\nHost: docker\r\n{fields}\r\n\r\n");
        admit(head.as_bytes(), &policy).1.is_ok()
    };
    assert!(lists("POST /containers/a/stop?t=5", "X: y"));
    assert!(!lists("POST /containers/a/stop?signal=9", "X: y"));
    assert!(!lists("POST /containers/a/stop", &format!("{form}Content-Length: 8")));
    let says = with_fields(
        "ALLOW_STOP=1 ALLOW_KILL=0",
        "POST /containers/a/stop",
        &format!("{form}Content-Length: 8"),
    );
    assert_eq!(
        says.expect_err("denied").to_string(),
        "it is allowed without a form as its body, which could name a signal; set ALLOW_RESTARTS=1 and ALLOW_KILL=1 to allow it"
    );
}

/// The host's ps shows the environment of processes with `e`.
#[test]
fn arguments_of_ps_need_the_gate_of_inspect() {
    for path in [
        "/containers/a/top",
        "/v1.41/containers/a/b/top",
        "/v5.0.0/libpod/containers/a/top",
        "/v5.0.0/libpod/pods/a/top",
    ] {
        let open = "CONTAINERS=1 LIBPOD_CONTAINERS=1 LIBPOD_PODS=1";
        let closed = format!("{open} ALLOW_INSPECT=0");
        assert!(allows(&closed, &format!("GET {path}")), "{path}");
        assert!(allows(&closed, &format!("GET {path}?stream=false")), "{path}");
        for query in ["ps_args=eww", "x=y&PS_ARGS=e", "%70s_args=e"] {
            let request = format!("GET {path}?{query}");
            assert!(allows(open, &request), "{request}");
            assert_eq!(denial(&closed, &request), "set ALLOW_INSPECT=1 to allow it", "{request}");
        }
    }
    // To whoever has a line of it, too.
    let line = "GET /containers/{name}/top";
    assert!(opens(&listed("ALLOW_INSPECT=0", line, ""), "GET /containers/a/top"));
    assert!(!opens(&listed("ALLOW_INSPECT=0", line, ""), "GET /containers/a/top?ps_args=e"));
    assert!(opens(&listed("", line, ""), "GET /containers/a/top?ps_args=e"));
}

/// What needs more to kill needs as much to stop with a signal.
#[test]
fn allow_stop_alone_sends_no_signal() {
    let request = "POST /v1.51/containers/a/stop?signal=USR1&t=-1";
    assert_eq!(denial("ALLOW_STOP=1", request), "set ALLOW_RESTARTS=1 to allow it");
    assert!(allows("ALLOW_STOP=1", "POST /containers/a/stop?t=-1"));
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8";
    assert!(with_fields("ALLOW_STOP=1", "POST /containers/a/stop", form).is_err());
    for environment in ["ALLOW_RESTARTS=1", "CONTAINERS=1 POST=1", "ALLOW_STOP=1 CONTAINERS=1 POST=1"] {
        assert!(allows(environment, request), "{environment}");
        assert!(with_fields(environment, "POST /containers/a/stop", form).is_ok(), "{environment}");
    }
}

/// podman reads the form of a tag.
#[test]
fn no_form_names_a_store_whatever_is_granted() {
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 80";
    let all = [everything(), String::from("LEARN=1")];
    for path in [
        "/v1.41/images/a/b/tag",
        "/v5.0.0/libpod/images/a/tag",
        "/v5.0.0/libpod/images/a%2Fb/untag",
        "/images/%61/tag",
    ] {
        for environment in &all {
            let request = format!("POST {path}?repo=c");
            assert!(allows(environment, &request), "{request}");
            assert!(
                with_fields(environment, &request, "Content-Type: application/json\r\nContent-Length: 80")
                    .is_ok()
            );
            let denied = with_fields(environment, &request, form).expect_err("a form").to_string();
            assert!(denied.starts_with("no variable allows it with a form as its body, "), "{denied}");
        }
        let line = |name: &str| (name == "ALLOW_ROUTES").then(|| String::from("POST /images/{name}/tag"));
        let policy = Policy::from_vars(&line).expect("a list");
        let head = format!("POST /images/a/tag HTTP/1.1\r\nHost: docker\r\n{form}\r\n\r\n");
        assert!(admit(head.as_bytes(), &policy).1.is_err());
    }
}

/// The rest can be in the query.
#[test]
fn not_even_a_short_form_tags() {
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ";
    let tag =
        |length: &str| with_fields(&everything(), "POST /images/a/tag?repo=b", &format!("{form}{length}"));
    assert!(tag("0").is_ok());
    assert!(tag("1").is_err() && tag("7").is_err());
}

/// A line of DENY_ROUTES is lifted by LEARN=1, and what nothing allows is not.
#[test]
fn while_learning_a_line_of_deny_routes_opens_nothing() {
    for (line, request) in [
        ("GET /images/{name}/json", "GET /images/containers-storage:%5Bvfs@/a%5Db/json"),
        ("POST /libpod/images/scp/{name}", "POST /v4.0.0/libpod/images/scp/a%20b"),
    ] {
        let lists = |name: &str| match name {
            "DENY_ROUTES" => Some(line.to_owned()),
            "LEARN" => Some(String::from("1")),
            _ => None,
        };
        let policy = Policy::from_vars(&lists).expect("a list");
        let (method, target) = request.split_once(' ').expect("METHOD target");
        assert!(judged(&policy, method, target).is_err(), "{request}");
        assert!(judged(&policy, "GET", "/images/a/json").is_ok());
    }
}

/// An experimental dockerd removes it in any folder.
#[test]
fn a_checkpoint_in_a_folder_of_the_host_needs_post_to_be_removed() {
    let request = "DELETE /containers/a/checkpoints/b?dir=/root";
    assert_eq!(denial("CONTAINERS=1 DELETE=1", request), "set POST=1 to allow it");
    assert!(allows("CONTAINERS=1 DELETE=1", "DELETE /containers/a/checkpoints/b"));
    assert!(!allows("CONTAINERS=1 DELETE=1", "DELETE /containers/a%2Fcheckpoints/b?Dir=/root"));
    assert!(allows("CONTAINERS=1 POST=1", request));
    let line = |name: &str| {
        (name == "ALLOW_ROUTES").then(|| String::from("DELETE /containers/{name}/checkpoints/{checkpoint}"))
    };
    let by_line = Policy::from_vars(&line).expect("a list");
    assert!(judged(&by_line, "DELETE", "/containers/a/checkpoints/b").is_ok());
    assert!(judged(&by_line, "DELETE", "/containers/a/checkpoints/b?dir=/root").is_err());
}

/// podman restarts every container, removes others, and compares with others, whatever the name in the path is.
#[test]
fn a_line_with_a_name_opens_nothing_that_a_query_does_to_others() {
    let judged = |line: &str, request: &str| {
        let policy =
            Policy::from_vars(&|name| (name == "ALLOW_ROUTES").then(|| line.to_owned())).expect("a list");
        let (method, target) = request.split_once(' ').expect("METHOD target");
        judged(&policy, method, target).is_ok()
    };
    for (line, any, request) in [
        (
            "POST /containers/web-*/restart",
            "POST /containers/{name}/restart",
            "POST /containers/web-1/restart?all=true&t=1",
        ),
        (
            "POST /containers/web-1/restart",
            "POST /containers/{id}/restart",
            "POST /containers/web-1/restart?t=1;ALL",
        ),
        (
            "GET /containers/web-1/changes",
            "GET /containers/{name}/changes",
            "GET /containers/web-1/changes?%70arent=x",
        ),
        (
            "DELETE /libpod/containers/web-1",
            "DELETE /libpod/containers/{name}",
            "DELETE /v5.0.0/libpod/containers/web-1?depend=true",
        ),
    ] {
        assert!(!judged(line, request), "{request}");
        assert!(judged(any, request), "{request}");
        assert!(judged(line, request.split('?').next().expect("a path")), "{request}");
    }
    // What is removed with force beside what is named; podman's client says that it is off.
    for (line, request) in [
        ("DELETE /libpod/volumes/a", "DELETE /v5.0.0/libpod/volumes/a?force=true"),
        ("DELETE /images/a*", "DELETE /images/a?force=1"),
        ("DELETE /libpod/networks/a", "DELETE /v5.0.0/libpod/networks/a?Force"),
    ] {
        assert!(!judged(line, request), "{request}");
        assert!(judged(
            line,
            &request.replace("=true", "=false").replace("=1", "=0").replace("?Force", "?force=0")
        ));
    }
    let rm =
        "DELETE /v5.0.0/libpod/containers/web?depend=false&force=true&ignore=false&timeout=10&volumes=false";
    assert!(judged("DELETE /libpod/containers/web", rm));
    // Nor does the start of a name stand for where an image is, or for its ID.
    for name in ["containers-storage:vault", "dir:x", "docker-archive:x", "sha256:1150", "sha256%3A1150"] {
        let line = format!("GET /images/{}*/json", &name[..2]);
        assert!(!judged(&line, &format!("GET /images/{name}/json")), "{name}");
    }
    assert!(judged("GET /images/do*/json", "GET /images/dozzle:v9/json"));
    assert!(judged("GET /images/do*/json", "GET /images/docker/json"));
    // An image's digest is that of any image, whatever name is before it.
    assert!(judged("GET /images/bus*/json", "GET /images/busybox:latest/json"));
    assert!(!judged("GET /images/bus*/json", "GET /images/bus@sha256:1150/json"));
    assert!(!judged("GET /images/bus*/json", "GET /images/bus%40sha256:1150/json"));
    assert!(judged("GET /images/bus@sha256:1150/json", "GET /images/bus@sha256:1150/json"));
}

#[test]
fn a_line_of_deny_routes_closes_a_name_of_no_letters_too() {
    for (line, request) in [
        ("DELETE /volumes/{name}", "DELETE /v1.41/volumes/"),
        ("DELETE /networks/{id}", "DELETE /v1.41/networks/"),
        ("DELETE /libpod/images/{name}", "DELETE /v5.0.0/libpod/images/"),
        ("POST /libpod/images/scp/{name}", "POST /v4.0.0/libpod/images/scp/?destination=a"),
        ("POST /libpod/manifests/{name}", "POST /v4.0.0/libpod/manifests/"),
    ] {
        let lists = |name: &str| match name {
            "DENY_ROUTES" => Some(line.to_owned()),
            _ => VARIABLES.iter().any(|variable| variable.name == name).then(|| String::from("1")),
        };
        let (method, target) = request.split_once(' ').expect("METHOD target");
        let closed = Policy::from_vars(&lists).expect("a list");
        assert!(judged(&closed, method, target).is_err(), "{request}");
        assert!(allows(&everything(), request), "{request}");
    }
}
