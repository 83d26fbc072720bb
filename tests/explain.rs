//! What the program says about its grants: `explain`, the warnings at start, and the documents.

mod support;

use docker_socket_proxy::guard::{GUARD, LISTS};
use docker_socket_proxy::lookalike::lookalikes;
use docker_socket_proxy::policy::{Dialect, Kind, Policy, ROUTES, Section, VARIABLES, Variable, WhenUnset};
use std::collections::BTreeMap;
use std::process::Output;
use support::{FakeDaemon, Program, TempDir};

/// Runs `explain` with these arguments in an environment given as `NAME=value NAME=value`.
fn explain(environment: &str, arguments: &[&str]) -> Output {
    let arguments: Vec<_> = ["explain"].iter().chain(arguments).copied().collect();
    Program::command(&arguments, &pairs(environment)).output().expect("the program runs")
}

fn pairs(environment: &str) -> Vec<(&str, &str)> {
    environment.split_whitespace().filter_map(|pair| pair.split_once('=')).collect()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// The warnings of an environment.
fn warnings_of(environment: &str) -> Vec<String> {
    let set: BTreeMap<_, _> = pairs(environment).into_iter().collect();
    let policy = Policy::from_vars(&|name| set.get(name).map(|&value| value.to_owned()));
    let policy = policy.expect("a usable environment");
    policy.warnings()
}

fn lookalikes_of(environment: &str) -> Result<Vec<String>, String> {
    lookalikes(&pairs(environment).into_iter().collect())
}

// === explain ===

#[test]
fn explain_lists_every_known_route_with_its_verdict() {
    let output = explain("CONTAINERS=1 ALLOW_LOGS=0 ALLOW_START=1 SECRETS=1", &[]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    for route in ROUTES {
        for method in route.methods {
            let row = text.lines().find(|line| {
                let mut words = line.split_whitespace().skip(1);
                words.next() == Some(method.as_str()) && words.next() == Some(route.path)
            });
            assert!(row.is_some(), "{} {}", method.as_str(), route.path);
        }
    }
    for expected in [
        "granted: CONTAINERS EVENTS PING SECRETS VERSION ALLOW_START ALLOW_LOGS=0\n",
        "\nCONTAINERS=1: list and inspect containers, ",
        "\n  allowed  GET     /containers/json                             CONTAINERS\n",
        "\n  denied   GET     /containers/{name}/logs                      needs ALLOW_LOGS=1\n",
        "\n  allowed  POST    /containers/{name}/start                     ALLOW_START, no body or checkpoint\n",
        "\n  denied   POST    /containers/create                           needs POST=1\n",
        "\n  denied   GET     /containers/{name}/checkpoints               needs POST=1\n",
        "\n  denied   GET     /libpod/images/{name}/changes  needs LIBPOD_CONTAINERS=1 LIBPOD_IMAGES=1\n",
        "\n  denied   GET     /secrets/{id}?showsecret=true  needs POST=1\n",
        "\n  denied   POST    /networks/prune            needs NETWORKS=1 POST=1\n",
        "\nno variable\n",
        "  no variable\n",
        "\nbeware:\n  - CONTAINERS=1 shows every container's environment variables, ",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    let widest = text.lines().max_by_key(|line| line.len()).expect("lines");
    assert!(widest.len() <= 101, "{widest}");
}

#[test]
fn explain_allowed_lists_what_is_open_and_nothing_else() {
    let text = stdout(&explain("IMAGES=1", &["--allowed"]));
    assert!(text.contains("\n  allowed  GET     /images/json "), "{text}");
    assert!(text.contains("\n  allowed  HEAD    /_ping "), "{text}");
    assert!(!text.contains("denied") && !text.contains("CONTAINERS"), "{text}");
    let learning = stdout(&explain("LEARN=1", &["--allowed"]));
    assert!(learning.starts_with("granted: everything, as LEARN=1\n"), "{learning}");
    assert!(learning.contains("\n  allowed  POST    /containers/create ") && !learning.contains("denied"));
    assert!(learning.contains("\nbeware:\n  - LEARN=1: EVERYTHING IS ALLOWED, "), "{learning}");
    let closed = stdout(&explain("PING=0 VERSION=0 EVENTS=0", &["--allowed"]));
    assert_eq!(closed, "granted: nothing\n");
}

#[test]
fn explain_of_a_request_gives_one_verdict_and_exits_with_it() {
    for (environment, method, path, status, expected) in [
        (
            "CONTAINERS=1",
            "GET",
            "/v1.41/containers/json?all=1",
            0,
            "allowed: GET /v1.41/containers/json?all=1: CONTAINERS=1 allows it",
        ),
        (
            "CONTAINERS=1",
            "POST",
            "/containers/create",
            1,
            "denied: POST /containers/create: set POST=1 to allow it",
        ),
        ("", "POST", "/build", 1, "denied: POST /build: set BUILD=1 and POST=1 to allow it"),
        (
            "ALLOW_START=1",
            "POST",
            "/containers/a/start",
            0,
            "allowed: POST /containers/a/start: ALLOW_START=1 allows it, as long as it has no body",
        ),
        (
            "POST=1",
            "GET",
            "/debug/vars",
            1,
            "denied: GET /debug/vars: no variable allows it, as it belongs to no section",
        ),
        ("POST=1", "TRACE", "/info", 1, "denied: TRACE /info: no variable allows this method"),
        (
            "IMAGES=1",
            "GET",
            "/images/../containers/json",
            1,
            "refused: GET /images/../containers/json: the path holds a . or .. segment",
        ),
        ("LEARN=1", "DELETE", "/containers/a", 0, "allowed: DELETE /containers/a: LEARN=1 allows it"),
        (
            "ALLOW_START=1",
            "POST",
            "/containers/a/start?checkpoint=b",
            1,
            "denied: POST /containers/a/start?checkpoint=b: set CONTAINERS=1 and POST=1 to allow it",
        ),
        (
            "DIALECT=linuxserver CONTAINERS=1",
            "GET",
            "/containers/a/top",
            1,
            "denied: GET /containers/a/top: set ALLOW_TOP=1 to allow it",
        ),
    ] {
        let output = explain(environment, &[method, path]);
        assert_eq!(output.status.code(), Some(status), "{method} {path}");
        assert_eq!(stdout(&output), format!("{expected}\n"));
        assert_eq!(stderr(&output), "");
    }
}

#[test]
fn a_bad_call_of_explain_exits_with_64_and_one_line() {
    for (environment, arguments, expected) in [
        (
            "",
            &["GET"][..],
            "explain takes nothing, --allowed, METHOD PATH, --body FILE METHOD PATH, or --diff and two files, each after --client NAME or not; see --help",
        ),
        (
            "",
            &["GET", "/a", "/b"],
            "explain takes nothing, --allowed, METHOD PATH, --body FILE METHOD PATH, or --diff and two files, each after --client NAME or not; see --help",
        ),
        (
            "",
            &["GET", "/info", "--client", "A"],
            "explain --client NAME comes first, and then the rest; see --help",
        ),
        ("", &["--client=A"], "explain --client NAME comes first, and then the rest; see --help"),
        ("", &["--client"], "explain --client NAME comes first, and then the rest; see --help"),
        (
            "A__LISTEN=:1 B__LISTEN=:2",
            &["--client", "a"],
            "there is no client a: no a__LISTEN says where it is listened for, but there is A and B",
        ),
        ("", &["--client", "A"], "there is no client A: no A__LISTEN says where it is listened for"),
        ("", &["--all"], "unknown argument \"--all\"; see --help"),
        ("", &["get", "/info"], "METHOD is written in capitals, such as GET; see --help"),
        ("", &["", "/info"], "METHOD is written in capitals, such as GET; see --help"),
        ("", &["GET", "info"], "PATH starts with a slash, such as /containers/json; see --help"),
        (
            "POST=maybe",
            &[],
            "POST=\"maybe\" cannot be used: it takes 0 or 1 (also true, false, yes, no, on, off)",
        ),
        (
            "DIALECT=x",
            &["GET", "/info"],
            "DIALECT=\"x\" cannot be used: it takes tecnativa, tecnativa-next or linuxserver",
        ),
        (
            "LEARN=x",
            &["GET", "/info"],
            "LEARN=\"x\" cannot be used: it takes 0 or 1 (also true, false, yes, no, on, off)",
        ),
    ] {
        let output = explain(environment, arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert_eq!(stderr(&output), format!("docker-socket-proxy: {expected}\n"));
        assert_eq!(stdout(&output), "");
    }
}

// === The lists ===

/// Runs `explain` with these lists, in which a space cannot stand for the end of a variable, and CONTAINERS.
fn explain_lists(allow: &str, deny: &str, containers: &str, arguments: &[&str]) -> Output {
    let arguments: Vec<_> = ["explain"].iter().chain(arguments).copied().collect();
    let set = [("ALLOW_ROUTES", allow), ("DENY_ROUTES", deny), ("CONTAINERS", containers), ("EVENTS", "0")];
    Program::command(&arguments, &set).output().expect("the program runs")
}

#[test]
fn lists_are_shown_as_the_reason() {
    let allow = "# what the button does\nGET /containers/{id}/json , POST /containers/web-*/restart\r\n\n\tHEAD /info\nGET /debug/vars";
    let deny = "GET /containers/{name}/logs";
    let says = |method: &str, path: &str| {
        let output = explain_lists(allow, deny, "1", &[method, path]);
        (output.status.code().expect("a status"), stdout(&output).trim_end().to_owned())
    };
    for (method, path, status, reason) in [
        ("GET", "/v1.41/containers/a%2Fb/json", 0, "CONTAINERS=1 allows it"),
        (
            "POST",
            "/containers/web-1/restart",
            0,
            "ALLOW_ROUTES has POST /containers/web-*/restart, as long as its body names no signal",
        ),
        ("POST", "/containers/web/restart", 1, "set ALLOW_RESTARTS=1 to allow it"),
        ("HEAD", "/info", 0, "ALLOW_ROUTES has HEAD /info"),
        ("GET", "/info", 1, "set INFO=1 to allow it"),
        ("GET", "/debug/vars", 0, "ALLOW_ROUTES has GET /debug/vars"),
        ("GET", "/containers/a/b/logs/", 1, "DENY_ROUTES closes GET /containers/{name}/logs"),
        ("HEAD", "/containers/a/logs", 1, "DENY_ROUTES closes GET /containers/{name}/logs"),
    ] {
        let word = if status == 0 { "allowed" } else { "denied" };
        assert_eq!(says(method, path), (status, format!("{word}: {method} {path}: {reason}")));
    }
    let text = stdout(&explain_lists(allow, deny, "0", &[]));
    assert!(text.starts_with("granted: PING VERSION ALLOW_ROUTES (4) DENY_ROUTES (1)\n"), "{text}");
    for (expected, row) in [
        ("allowed  GET     /containers/{name}/json ", "ALLOW_ROUTES"),
        ("denied   GET     /containers/{name}/logs ", "DENY_ROUTES"),
        ("allowed  POST    /containers/web-*/restart ", "ALLOW_ROUTES, no signal"),
        ("denied   POST    /containers/{name}/restart ", "needs ALLOW_RESTARTS=1"),
        ("allowed  HEAD    /info ", "ALLOW_ROUTES"),
        ("allowed  GET     /debug/vars ", "ALLOW_ROUTES"),
    ] {
        let line = text.lines().find(|line| line.trim_start().starts_with(expected));
        assert!(line.is_some_and(|line| line.ends_with(row)), "{expected} {row}: {text}");
    }
    let start = explain_lists("POST /containers/web/start", "", "0", &["POST", "/containers/web/start"]);
    let says = "ALLOW_ROUTES has POST /containers/web/start, as long as it has no body\n";
    assert!(stdout(&start).ends_with(says), "{}", stdout(&start));
}

const COMMENT: &str = "is a comment with a line in it, which would be left out: a comment ends with its line";

#[test]
fn a_list_that_is_set_has_a_line() {
    for list in ["# GET /info", ",", "# a\n\n#\n , "] {
        let output = explain_lists("", list, "1", &[]);
        assert_eq!(output.status.code(), Some(64), "{list}");
        let expected = format!(
            "docker-socket-proxy: DENY_ROUTES={:?} cannot be used: it takes lines of METHOD /path, and has none\n",
            list.trim()
        );
        assert_eq!(stderr(&output), expected);
    }
    let output = explain_lists(" \n", "", "1", &["GET", "/info"]);
    assert_eq!(output.status.code(), Some(1), "an empty one is none");
}

#[test]
fn a_line_that_is_no_route_stops_the_start_and_names_the_nearest() {
    for (line, reason) in [
        ("GET", "is not METHOD /path, such as GET /containers/{name}/json"),
        ("GET /info x", "is not METHOD /path, such as GET /containers/{name}/json"),
        ("/info", "is not METHOD /path, such as GET /containers/{name}/json"),
        ("GET /container/json", "is no route: the nearest is GET /containers/json"),
        ("get /containers/json", "is no route: the nearest is GET /containers/json"),
        ("GET containers/json", "is no route: the nearest is GET /containers/json"),
        ("GET /containers/json/", "is no route: the nearest is GET /containers/json"),
        ("GET /v1.41/containers/json", "is no route: the nearest is GET /containers/json"),
        ("GET /containers/web/jsn", "is no route: the nearest is GET /containers/{name}/json"),
        ("PUT /containers/web/restart", "is no route: the nearest is POST /containers/{name}/restart"),
        ("PATCH /info", "is no route: the nearest is GET /info"),
        ("TRACE /info", "is no route: the nearest is GET /info"),
        ("GET /*", "is no route: the nearest is GET /info"),
        ("GET /images/library/nginx/json", "is no route: the nearest is GET /images/{name}/json"),
        ("POST /containers/{name}/{action}", "is no route: the nearest is POST /containers/{name}/stop"),
        (
            "POST /containers/*/restart",
            "has nothing for {name}: a * stands behind the start of a name, and {name} is any",
        ),
        (
            "POST /containers/w*b/restart",
            "has \"w*b\" for {name}: a name has letters and digits, no braces and no escapes; a * stands at its end alone",
        ),
        (
            "POST /containers/a%2Fb/restart",
            "has \"a%2Fb\" for {name}: a name has letters and digits, no braces and no escapes; a * stands at its end alone",
        ),
        ("POST /containers/../restart", "has a . or .. segment, which no request has"),
        (
            "POST /containers/{web-*}/restart",
            "has \"{web-*}\" for {name}: a name has letters and digits, no braces and no escapes; a * stands at its end alone",
        ),
        ("# no deleting DELETE /containers/{name}", COMMENT),
        ("# a, DELETE /containers/{name}", COMMENT),
        ("#GET /info\\nDELETE   /containers/{name}", COMMENT),
        ("# a\u{2028}DELETE /containers/{name}", "has a character that is no text"),
        ("# a\u{b}DELETE /containers/{name}", "has a character that is no text"),
        ("# a\rDELETE /containers/{name}", "has a character that is no text"),
    ] {
        let output = explain_lists(&format!("GET /info\n{line}"), "", "0", &[]);
        assert_eq!(output.status.code(), Some(64), "{line}");
        let expected =
            format!("docker-socket-proxy: ALLOW_ROUTES cannot be used: line 2, {line:?}, {reason}\n");
        assert_eq!(stderr(&output), expected);
    }
    let output = explain_lists("", "POST /containers/web/restart", "1", &[]);
    let expected = "docker-socket-proxy: DENY_ROUTES cannot be used: line 1, \"POST /containers/web/restart\", has a name, which an ID \
                    would pass by: DENY_ROUTES takes POST /containers/{name}/restart\n";
    assert_eq!((output.status.code(), &*stderr(&output)), (Some(64), expected));
    // The program itself too.
    let mut program = Program::spawn(Program::command(&[], &[("ALLOW_ROUTES", "GET /inf")]));
    assert_eq!(program.wait().code(), Some(64));
    program.wait_for_log("the nearest is GET /info");
    // Whatever is in it.
    for hostile in [
        "GET /\u{fc}".repeat(100),
        "/".repeat(100_000),
        "GET \u{1f980}{name}".to_owned(),
        format!("POST /containers/{}/x", "\u{fc}".repeat(40_000)),
        format!("{} /info", "G".repeat(100_000)),
    ] {
        let output = explain_lists(&hostile, "", "0", &[]);
        assert_eq!(output.status.code(), Some(64));
        assert!(stderr(&output).starts_with("docker-socket-proxy: ALLOW_ROUTES cannot be used: line 1, "));
    }
}

/// What changes something, and yet no more than what the name says.
const PLAIN: &[&str] = &[
    "/build/cancel",
    "/containers/{name}/init",
    "/containers/{name}/kill",
    "/containers/{name}/pause",
    "/containers/{name}/resize",
    "/containers/{name}/restart",
    "/containers/{name}/start",
    "/containers/{name}/stop",
    "/containers/{name}/unmount",
    "/containers/{name}/unpause",
    "/containers/{name}/wait",
    "/exec/{id}/remove",
    "/exec/{id}/resize",
    "/pods/{name}/kill",
    "/pods/{name}/pause",
    "/pods/{name}/restart",
    "/pods/{name}/start",
    "/pods/{name}/stop",
    "/pods/{name}/unpause",
    "/volumes/{name}/rename",
];

#[test]
fn what_a_line_opens_is_warned_of() {
    let warnings_of = |allow: String, deny: &str| {
        let read = Policy::from_vars(&|name| match name {
            "ALLOW_ROUTES" => Some(allow.clone()),
            "DENY_ROUTES" => Some(deny.to_owned()),
            _ => None,
        });
        read.expect("a usable list").warnings()
    };
    let mut reads = 0;
    for route in ROUTES {
        for method in route.methods.iter().map(|method| method.as_str()) {
            let line = format!("{method} {}", route.path);
            match &warnings_of(line.clone(), "")[..] {
                [warning] => assert!(warning.starts_with(&format!("ALLOW_ROUTES with {line} ")), "{warning}"),
                [] if ["GET", "HEAD"].contains(&method) => reads += 1,
                [] => {
                    let path = route.path.strip_prefix("/libpod").unwrap_or(route.path);
                    assert!(PLAIN.contains(&path), "{line} is not warned of");
                }
                several => panic!("{several:#?}"),
            }
        }
    }
    assert_eq!(reads, 70, "a GET that shows no more than its name says");
    for (allow, deny, expected) in [
        (
            "POST /containers/create",
            "",
            "ALLOW_ROUTES with POST /containers/create is root on this host once ",
        ),
        (
            "GET /containers/web/json, GET /tasks",
            "",
            "ALLOW_ROUTES with GET /containers/web/json and GET /tasks shows environment variables, ",
        ),
        (
            "POST /containers/beef/restart",
            "",
            "ALLOW_ROUTES with POST /containers/beef/restart names what can be the start of an ID: ",
        ),
        (
            "POST /containers/7_*/restart",
            "",
            "ALLOW_ROUTES with POST /containers/7_*/restart names what can be the start of an ID: ",
        ),
        ("GET /nodes/x*", "", "ALLOW_ROUTES with GET /nodes/x* names what can be the start of an ID: "),
        (
            "POST /containers/be*/restart",
            "",
            "ALLOW_ROUTES with POST /containers/be*/restart names what can be the start of an ID: ",
        ),
        (
            "GET /containers/{name}/logs",
            "GET /containers/{name}/logs",
            "ALLOW_ROUTES opens nothing with GET /containers/{name}/logs, as DENY_ROUTES closes it",
        ),
    ] {
        let warnings = warnings_of(allow.to_owned(), deny);
        assert_eq!(warnings.len(), 1, "{warnings:#?}");
        assert!(warnings[0].starts_with(expected), "{warnings:#?}");
    }
    // Names that are no start of an ID, and lines beside what is closed.
    for (allow, deny) in [
        ("POST /containers/web-*/restart, GET /nodes/web-*, GET /nodes/x, GET /containers/x*/stats", ""),
        ("GET /containers/{name}/stats", "GET /containers/{name}/logs"),
        ("GET /volumes/{name}", "DELETE /volumes/{name}"),
    ] {
        assert_eq!(warnings_of(allow.to_owned(), deny), Vec::<String>::new(), "{allow}");
    }
}

// === What an edited environment changes ===

/// Runs `explain --diff` over two files with these texts.
fn difference(old: &str, new: &str) -> Output {
    let folder = TempDir::new();
    let [old, new] = [("old.env", old), ("new.env", new)].map(|(name, text)| {
        std::fs::write(folder.join(name), text).expect("a file");
        folder.join(name).to_str().expect("UTF-8").to_owned()
    });
    // What is set here does not count.
    let arguments = ["explain", "--diff", &old, &new];
    Program::command(&arguments, &[("CONTAINERS", "1"), ("POST", "x")]).output().expect("the program runs")
}

#[test]
fn a_difference_names_what_opens_and_what_closes() {
    for (old, new, opens, expected) in [
        ("", "", false, "nothing more is open\n"),
        ("CONTAINERS=1\n", "# a comment\n\nCONTAINERS='yes'\r\nPOST=0\n", false, "nothing more is open\n"),
        (
            "CONTAINERS=1\nPOST=1\n",
            "CONTAINERS=1\nPOST=1\nDELETE=0\nALLOW_EXEC=0\n",
            false,
            "closes  POST     /containers/{name}/exec                      needs ALLOW_EXEC=1\n\
             closes  DELETE   /containers/{name}                           needs DELETE=1\n\
             closes  DELETE   /containers/{name}/checkpoints/{checkpoint}  needs DELETE=1\n\
             nothing more is open\n",
        ),
        (
            "PING=1\nEVENTS=1",
            "EVENTS=0\nINFO=1",
            true,
            "opens   GET      /info    INFO\ncloses  GET      /events  needs EVENTS=1\n",
        ),
        (
            "ALLOW_ROUTES=POST /containers/web/start,GET /info",
            "ALLOW_ROUTES=\"POST /containers/web-*/start, HEAD /info\"",
            true,
            "opens   POST     /containers/web-*/start  ALLOW_ROUTES, no body or checkpoint\n\
             closes  GET      /info                    needs INFO=1\n\
             closes  POST     /containers/web/start    needs ALLOW_START=1\n",
        ),
        // Beside lines and actions that stay.
        (
            "ALLOW_ROUTES=POST /services/create\nALLOW_START=1\nCONTAINERS=1\nDENY_ROUTES=POST /containers/create",
            "ALLOW_ROUTES=POST /services/create, DELETE /containers/{name}\nALLOW_START=1\nCONTAINERS=1\nDENY_ROUTES=POST /containers/create",
            true,
            "opens   DELETE   /containers/{name}  ALLOW_ROUTES\n",
        ),
        // What no route is known of.
        ("NETWORKS=1", "NETWORKS=1\nPATCH=1", true, "opens   PATCH    /networks/...  NETWORKS\n"),
        ("SECRETS=1\nDELETE=1", "SECRETS=1\nDELETE=1\nLEARN=0", false, "nothing more is open\n"),
    ] {
        let output = difference(old, new);
        assert_eq!(stderr(&output), "", "{new}");
        assert_eq!(stdout(&output), expected, "{new}");
        assert_eq!(output.status.code(), Some(i32::from(opens)), "{new}");
    }
    // A restart that may name a signal is more than one that may not, and so the route itself.
    let text = stdout(&difference("ALLOW_RESTARTS=1", "ALLOW_RESTARTS=1\nALLOW_KILL=0"));
    let of_restart: Vec<_> =
        text.lines().filter(|line| line.contains(" /containers/{name}/restart")).collect();
    assert_eq!(
        of_restart,
        ["closes  POST     /containers/{name}/restart         ALLOW_RESTARTS, no signal"],
        "{text}"
    );
}

#[test]
fn whatever_opens_more_is_told_by_the_status_of_a_difference() {
    let of_images = ROUTES.iter().filter(|route| route.path.starts_with("/images/"));
    let of_images: Vec<_> = of_images
        .filter(|route| route.methods[0].as_str() == "GET")
        .map(|route| format!("GET {}", route.path))
        .collect();
    for (old, new) in [
        ("ALLOW_START=1", "ALLOW_START=1\nCONTAINERS=1\nPOST=1"),
        ("SECRETS=1", "SECRETS=1\nPOST=1"),
        ("CONTAINERS=1\nPOST=1\nDIALECT=tecnativa-next", "CONTAINERS=1\nPOST=1"),
        ("CONTAINERS=1", "LEARN=1"),
        ("CONTAINERS=1\nDENY_ROUTES=HEAD /containers/{name}/json", "CONTAINERS=1"),
        ("CONTAINERS=1", "\u{feff}POST=1\nCONTAINERS=1"),
        (
            "ALLOW_RESTARTS=1\nALLOW_KILL=0\nDENY_ROUTES=POST /containers/{name}/kill",
            "ALLOW_RESTARTS=1\nDENY_ROUTES=POST /containers/{name}/kill",
        ),
        ("ALLOW_STOP=1", "ALLOW_STOP=1\nCONTAINERS=1\nPOST=1"),
        (
            "ALLOW_ROUTES=GET /containers/web/top\nALLOW_INSPECT=0",
            "ALLOW_ROUTES=GET /containers/web/top\nALLOW_INSPECT=1",
        ),
        // By the arguments of ps.
        (
            "CONTAINERS=1\nALLOW_INSPECT=0\nDENY_ROUTES=GET /containers/{name}/json",
            "CONTAINERS=1\nDENY_ROUTES=GET /containers/{name}/json",
        ),
        // Known routes close, and others open.
        ("ALLOW_ROUTES=GET /images/json", &*format!("IMAGES=1\nDENY_ROUTES={}", of_images.join(","))),
    ] {
        assert_eq!(
            difference(old, new).status.code(),
            Some(1),
            "{old} and {new}: {}",
            stdout(&difference(old, new))
        );
    }
    assert_eq!(difference("LEARN=1", "CONTAINERS=1\nPOST=1").status.code(), Some(0));
}

#[test]
fn a_difference_says_where_others_may_be_able_to_connect() {
    for (old, new, expected) in [
        ("LISTEN=127.0.0.1:2375", "LISTEN=:2375", "LISTEN=127.0.0.1:2375 -> LISTEN=:2375"),
        ("", "LISTEN=:2375", "LISTEN=127.0.0.1:2375 -> LISTEN=:2375"),
        ("DISABLE_IPV6=1\nLISTEN=:1", "LISTEN=:1", "LISTEN=0.0.0.0:1 -> LISTEN=:1"),
        ("LISTEN=:1", "LISTEN=:1,:2", "LISTEN=:1 -> LISTEN=:1,:2"),
        (
            "LISTEN=unix:/a\nLISTEN_MODE=0600",
            "LISTEN=unix:/a",
            "LISTEN=unix:/a LISTEN_MODE=0600 LISTEN_OWNER=: -> LISTEN=unix:/a LISTEN_MODE=0660 LISTEN_OWNER=:",
        ),
        (
            "LISTEN=unix:/a",
            "LISTEN=unix:/a\nLISTEN_OWNER=4:5",
            "LISTEN=unix:/a LISTEN_MODE=0660 LISTEN_OWNER=: -> LISTEN=unix:/a LISTEN_MODE=0660 LISTEN_OWNER=4:5",
        ),
        (
            "A__LISTEN=unix:/a\nLISTEN_MODE=0600",
            "A__LISTEN=unix:/a\nA__LISTEN_MODE=0606",
            "LISTEN=unix:/a LISTEN_MODE=0600 LISTEN_OWNER=: -> LISTEN=unix:/a LISTEN_MODE=0606 LISTEN_OWNER=:",
        ),
        // Fewer, or the same ones.
        ("LISTEN=:2375", "LISTEN=127.0.0.1:2375", ""),
        ("LISTEN=unix:/a\nLISTEN_MODE=0666", "LISTEN=unix:/a\nLISTEN_MODE=0600", ""),
        ("LISTEN=unix:/a,:1", "LISTEN=:1", ""),
        ("LISTEN=:1\nLISTEN_MODE=0600", "LISTEN=:1\nLISTEN_MODE=0666", ""),
        ("A__LISTEN=:1\nB__LISTEN=:2", "A__LISTEN=:1", ""),
    ] {
        let output = difference(old, new);
        let said = stdout(&output);
        let line = said.lines().find_map(|line| line.strip_prefix("more may be able to connect: "));
        assert_eq!(line.unwrap_or_default(), expected, "{old:?} and {new:?}: {said}");
        assert_eq!(output.status.code(), Some(i32::from(!expected.is_empty())), "{said}");
    }
}

#[test]
fn a_difference_of_what_cannot_be_read_says_which_file_and_why() {
    for (old, new, file, reason) in [
        ("CONTAINERS", "", "old.env", "line 1, \"CONTAINERS\", is not NAME=value"),
        ("", "\nexport X=1", "new.env", "line 2, \"export X=1\", is not NAME=value"),
        (
            "",
            "ALLOW_ROUTES=\"GET /info\nGET /version\"",
            "new.env",
            "line 1, \"ALLOW_ROUTES=\\\"GET /info\", has a quote that does not end: a value ends with its line",
        ),
        ("POST=2", "", "old.env", "POST=\"2\" cannot be used: "),
        (
            "",
            "ALLOW_ROUTES=GET /inf",
            "new.env",
            "ALLOW_ROUTES cannot be used: line 1, \"GET /inf\", is no route: ",
        ),
        ("", "EVENT=0", "new.env", "EVENT=0 changes nothing, "),
    ] {
        let output = difference(old, new);
        assert_eq!(output.status.code(), Some(64), "{file}");
        assert!(stderr(&output).contains(&format!("/{file}: {reason}")), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
    let missing = explain("", &["--diff", "/nowhere.env", "/nowhere.env"]);
    assert_eq!(missing.status.code(), Some(64));
    assert!(stderr(&missing).starts_with("docker-socket-proxy: /nowhere.env: cannot read it: "));
    let warned = difference("LOGS=1", "LOGS=1");
    assert_eq!(warned.status.code(), Some(0));
    assert_eq!(stderr(&warned).matches(": LOGS=1 changes nothing, ").count(), 2);
}

#[test]
fn the_environment_that_is_shipped_for_systemd_grants_nothing() {
    let file = include_str!("../packaging/docker-socket-proxy.env");
    let set: Vec<_> = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(set.contains(&"LISTEN=systemd:docker-socket-proxy.socket"), "{set:?}");
    assert_eq!(stdout(&explain(&set.join(" "), &["--allowed"])), "granted: nothing\n");
    assert!(stdout(&explain(&set.join(" "), &[])).starts_with("granted: nothing\n"));
}

// === Warnings ===

#[test]
fn dangerous_grants_are_warned_of_in_a_sentence() {
    let files = "CONTAINERS=1 shows every container's environment variables, where passwords often are";
    for (environment, expected) in [
        ("CONTAINERS=1 POST=1", "CONTAINERS=1 with POST=1 is root on this host: "),
        (
            "CONTAINERS=1",
            &format!(
                "{files}, and reads all its files; ALLOW_ARCHIVE=0, ALLOW_EXPORT=0 and ALLOW_INSPECT=0 close that"
            ),
        ),
        (
            "CONTAINERS=1 ALLOW_EXPORT=0",
            &format!("{files}, and reads all its files; ALLOW_ARCHIVE=0 and ALLOW_INSPECT=0 close that"),
        ),
        (
            "CONTAINERS=1 ALLOW_INSPECT=0",
            "CONTAINERS=1 reads all files of every container; ALLOW_ARCHIVE=0 and ALLOW_EXPORT=0 close that",
        ),
        ("CONTAINERS=1 ALLOW_ARCHIVE=0 ALLOW_EXPORT=0", &format!("{files}; ALLOW_INSPECT=0 closes that")),
        ("CONTAINERS=1 DIALECT=linuxserver", &format!("{files}; ALLOW_INSPECT=0 closes that")),
        (
            "CONTAINERS=1 PUT=1 ALLOW_ARCHIVE=0 ALLOW_EXPORT=0 ALLOW_INSPECT=0",
            "PUT=1 opens nothing without ALLOW_ARCHIVE=1",
        ),
        ("VOLUMES=1 DELETE=1", "VOLUMES=1 with DELETE=1 deletes volumes with their data"),
        ("NETWORKS=1 DELETE=1", "NETWORKS=1 with DELETE=1 deletes networks that no container is in"),
        ("BUILD=1 POST=1", "BUILD=1 with POST=1 runs any command while an image is built, "),
        ("EXEC=1 POST=1", "EXEC=1 with POST=1 starts the commands "),
        ("SWARM=1", "SWARM=1 shows the tokens to join the Swarm cluster "),
        ("SWARM=1 POST=1", "SWARM=1 with POST=1 shows the tokens of the Swarm cluster, "),
        ("PLUGINS=1 POST=1", "PLUGINS=1 with POST=1 is root on this host: "),
        ("SERVICES=1 POST=1", "SERVICES=1 with POST=1 is root on every node "),
        ("SECRETS=1 POST=1", "SECRETS=1 with POST=1 creates and deletes Swarm secrets; "),
        ("CONFIGS=1", "CONFIGS=1 shows the contents of every Swarm config, "),
        ("GRPC=1 POST=1", "GRPC=1 with POST=1 is all of BuildKit: "),
        ("SESSION=1 POST=1", "SESSION=1 with POST=1 lets a client hand files "),
        ("AUTH=1 POST=1", "AUTH=1 with POST=1 has the daemon send credentials "),
        ("LIBPOD_ARTIFACTS=1", "LIBPOD_ARTIFACTS=1 downloads any artifact of this host"),
        ("LIBPOD_BUILD=1 POST=1", "LIBPOD_BUILD=1 with POST=1 gives all rights of the user "),
        ("LIBPOD_COMMIT=1 POST=1", "LIBPOD_COMMIT=1 with POST=1 makes an image of any container, "),
        ("LIBPOD_KUBE=1", "LIBPOD_KUBE=1 shows the environment variables of every container, "),
        ("LIBPOD_QUADLETS=1", "LIBPOD_QUADLETS=1 shows every quadlet of podman's user, "),
        (
            "LIBPOD_MANIFESTS=1 POST=1",
            "LIBPOD_MANIFESTS=1 with POST=1 gives all rights of the user that podman runs as, often root: ",
        ),
        ("LIBPOD_PLAY=1 POST=1", "LIBPOD_PLAY=1 with POST=1 gives all rights of the user "),
        ("LIBPOD_SECRETS=1 POST=1", "LIBPOD_SECRETS=1 with POST=1 runs any command on this host, "),
        ("LIBPOD_VOLUMES=1", "LIBPOD_VOLUMES=1 reads every file of every volume"),
        (
            "LIBPOD_VOLUMES=1 POST=1",
            "LIBPOD_VOLUMES=1 with POST=1 makes a volume of any folder of this host, ",
        ),
        ("DISTRIBUTION=1", "DISTRIBUTION=1 has the daemon call any server that a client names, "),
        ("PLUGINS=1", "PLUGINS=1 has the daemon call any server that a client names, "),
        ("BUILD=1", "BUILD=1 opens nothing without POST=1"),
        ("POST=1", "POST=1 opens nothing without a section, such as CONTAINERS=1"),
        ("DELETE=1", "DELETE=1 opens nothing without a section, such as CONTAINERS=1"),
        ("PATCH=1", "PATCH=1 opens no route that is known"),
        ("DIALECT=tecnativa-next ALLOW_EXEC=1", "ALLOW_EXEC=1 opens nothing without CONTAINERS=1 and POST=1"),
        ("DIALECT=tecnativa-next ALLOW_KILL=1", "ALLOW_KILL=1 opens nothing without ALLOW_RESTARTS=1"),
        ("DIALECT=linuxserver ALLOW_LOGS=1", "ALLOW_LOGS=1 opens nothing without CONTAINERS=1"),
    ] {
        let warnings = warnings_of(environment);
        assert_eq!(warnings.len(), 1, "{environment}: {warnings:#?}");
        assert!(warnings[0].starts_with(expected), "{environment}: {warnings:#?}");
    }
}

#[test]
fn images_are_warned_of_for_what_they_hold_and_for_the_servers_that_are_called() {
    for section in ["IMAGES", "LIBPOD_IMAGES"] {
        for (environment, expected) in [
            (format!("{section}=1"), format!("{section}=1 downloads any image of this host, ")),
            (
                format!("{section}=1 POST=1"),
                format!("{section}=1 with POST=1 downloads and deletes images, "),
            ),
        ] {
            let warnings = warnings_of(&environment);
            assert_eq!(warnings.len(), 2, "{environment}: {warnings:#?}");
            let calls = format!("{section}=1 has the daemon call any server that a client names, ");
            for expected in [expected, calls] {
                assert!(warnings.iter().any(|warning| warning.starts_with(&expected)), "{warnings:#?}");
            }
        }
    }
}

#[test]
fn warnings_name_what_few_would_think_of() {
    for (environment, part) in [
        ("BUILD=1 POST=1", "; podman also gives a build any folder of the host"),
        (
            "EXEC=1 POST=1",
            "; with CONTAINERS=1 and ALLOW_EXEC=1 as well, any command in any container, this proxy's own too, ",
        ),
        (
            "LIBPOD_EXEC=1 POST=1",
            "; with LIBPOD_CONTAINERS=1 and ALLOW_EXEC=1 as well, any command in any container, this proxy's own too, ",
        ),
        ("IMAGES=1 POST=1", "; podman also writes images to any path of the host, and reads archives there"),
        ("LIBPOD_IMAGES=1 POST=1", ", and reads images and archives at any path of this host"),
        ("LIBPOD_ARTIFACTS=1 POST=1", "reads any file of this host"),
        ("LIBPOD_ARTIFACTS=1 POST=1", "has the daemon call any server that a client names"),
        ("LIBPOD_KUBE=1 POST=1", "gives all rights of the user that podman runs as"),
        ("LIBPOD_KUBE=1 POST=1", "has the daemon call the cluster of any kubeconfig file of this host"),
        ("LIBPOD_QUADLETS=1 POST=1", "runs any command on this host, as the user that podman runs as"),
        ("LIBPOD_SECRETS=1 POST=1", "shows every secret in clear"),
        ("CONTAINERS=1 PUT=1", "CONTAINERS=1 with PUT=1 overwrites any file of any container, "),
        (
            "LIBPOD_CONTAINERS=1 PUT=1",
            "LIBPOD_CONTAINERS=1 with PUT=1 overwrites any file of any container, ",
        ),
        ("LIBPOD_MANIFESTS=1 PUT=1", "LIBPOD_MANIFESTS=1 with PUT=1 gives all rights of the user "),
        ("CONTAINERS=1 DELETE=1", "CONTAINERS=1 with DELETE=1 removes any container, "),
        ("LIBPOD_VOLUMES=1 POST=1", "reads, overwrites and deletes the files of every volume"),
    ] {
        let warnings = warnings_of(environment);
        assert!(warnings.iter().any(|warning| warning.contains(part)), "{environment}: {warnings:#?}");
    }
}

#[test]
fn what_is_harmless_is_not_warned_of() {
    for environment in [
        "",
        "DIALECT=linuxserver",
        "ALLOW_START=1 ALLOW_STOP=1 ALLOW_RESTARTS=1 ALLOW_PAUSE=1 ALLOW_UNPAUSE=1",
        "INFO=1 NETWORKS=1 VOLUMES=1 NODES=1 SYSTEM=1 SECRETS=1 EXEC=1",
        "LIBPOD_INFO=1 LIBPOD_PING=1 LIBPOD_VERSION=1 LIBPOD_NETWORKS=1 LIBPOD_EVENTS=1",
    ] {
        assert_eq!(warnings_of(environment), <[String; 0]>::default(), "{environment}");
    }
}

#[test]
fn variables_that_look_like_grants_are_named_with_the_one_that_was_meant() {
    for (setting, meant) in [
        ("CONTAINER=1", "did you mean CONTAINERS?"),
        ("CONTAINRES=1", "did you mean CONTAINERS?"),
        ("IMAGE=true", "did you mean IMAGES?"),
        ("NETWORK=0", "did you mean NETWORKS?"),
        ("EVENT=1", "did you mean EVENTS?"),
        ("ALLOW_RESTART=1", "did you mean ALLOW_RESTARTS?"),
        ("ALLOWSTART=1", "did you mean ALLOW_START?"),
        ("ALLOW_KILLS=1", "did you mean ALLOW_KILL?"),
        ("ALLOW_IMAGES=1", "did you mean IMAGES?"),
        ("LOGS=1", "did you mean ALLOW_LOGS?"),
        ("START=1", "did you mean ALLOW_START?"),
        ("KILL=on", "did you mean ALLOW_KILL?"),
        ("INSPECT=0", "did you mean ALLOW_INSPECT?"),
        ("ATTACH=1", "did you mean ALLOW_ATTACH?"),
        ("COPY=1", "did you mean ALLOW_ARCHIVE?"),
        ("LIBPOD_ALLOW_START=1", "did you mean ALLOW_START?"),
        ("LIBPOD_ALLOW_POD_RESTARTS=1", "did you mean ALLOW_RESTARTS?"),
        ("LIBPOD_CONTAINER=1", "did you mean LIBPOD_CONTAINERS?"),
        ("OPTIONS=1", "POST=1 stands for it too"),
        ("ALLOW_DELETE=0", "did you mean DELETE?"),
        ("REMOVE=1", "CONTAINERS=1 with DELETE=1 opens it"),
        ("GET=1", "GET and HEAD are allowed in every section that is open"),
        ("PULL=1", "IMAGES=1 with POST=1 opens it"),
        ("CREATE=1", "CONTAINERS=1 with POST=1 opens it"),
        ("IAMGES=1", "did you mean IMAGES?"),
        ("INF0=1", "did you mean INFO?"),
        ("SESSSION=0", "did you mean SESSION?"),
        ("containers=1", "did you mean CONTAINERS?"),
        ("post=1", "did you mean POST?"),
        ("Allow_Start=true", "did you mean ALLOW_START?"),
        ("learn=1", "did you mean LEARN?"),
        ("RESTARTS=1", "did you mean ALLOW_RESTARTS?"),
        ("PORTS=0", "CONTAINERS=1 shows the ports of containers"),
    ] {
        let expected =
            format!("{setting} changes nothing, as no variable of this program has that name: {meant}");
        assert_eq!(lookalikes_of(setting), Ok(vec![expected]));
    }
    for setting in ["ALLOW_ANYTHING=1", "LIBPOD_SWARM=1"] {
        let expected = format!("{setting} changes nothing, as no variable of this program has that name");
        assert_eq!(lookalikes_of(setting), Ok(vec![expected]));
    }
}

/// The program's own variables and those of other images are not switches: what they are set to is not said.
#[test]
fn a_name_that_no_switch_has_is_named_whatever_its_value() {
    let routes = "ALLOW_ROUTES takes routes here, one a line, and LEARN=1 finds those that are needed";
    for (setting, meant) in [
        ("DIALET=tecnativa", "did you mean DIALECT?"),
        ("LOGLEVEL=debug", "did you mean LOG_LEVEL?"),
        ("log_level=debug", "did you mean LOG_LEVEL?"),
        ("LOG_FROMAT=json", "did you mean LOG_FORMAT?"),
        ("LOG_REQUEST=all", "did you mean LOG_REQUESTS?"),
        ("rust_log=debug", "did you mean RUST_LOG?"),
        ("SOCKETPATH=/run/docker.sock", "did you mean SOCKET_PATH?"),
        ("LISTN=:2375", "did you mean LISTEN?"),
        ("HEAD_TIMOUT=20", "did you mean HEAD_TIMEOUT?"),
        ("IDLE_TIMEOUTS=never", "did you mean IDLE_TIMEOUT?"),
        ("CONECT_TIMEOUT=20", "did you mean CONNECT_TIMEOUT?"),
        ("SHUTDOWN_GRASE=1m", "did you mean SHUTDOWN_GRACE?"),
        ("MAX_CONNECTION=100", "did you mean MAX_CONNECTIONS?"),
        ("RESTARTS=always", "did you mean ALLOW_RESTARTS?"),
        ("PORTS=2375:2375", "CONTAINERS=1 shows the ports of containers"),
        ("ALLOWED_PATHS=/v1.*/containers/.*", routes),
        ("SP_ALLOW_GET=/v1[.].*/containers/.*", routes),
        ("SP_ALLOW_POST=.*", routes),
    ] {
        let name = setting.split('=').next().expect("a name");
        let expected =
            format!("{name} changes nothing, as no variable of this program has that name: {meant}");
        assert_eq!(lookalikes_of(setting), Ok(vec![expected]));
    }
}

/// What under its right name would close something that is open as it is, or would not be understood.
#[test]
fn a_misspelt_name_that_leaves_more_open_than_was_meant_stops_every_command() {
    for (environment, misspelt, meant) in [
        ("DIALET=linuxserver", "DIALET", "DIALECT"),
        ("dialect=linuxserver", "dialect", "DIALECT"),
        ("DIALET=linux", "DIALET", "DIALECT"),
        ("ALLOW_LOG=0", "ALLOW_LOG=0", "ALLOW_LOGS"),
        ("allow_log=0", "allow_log=0", "ALLOW_LOGS"),
        ("ALLOW-LOGS=0", "ALLOW-LOGS=0", "ALLOW_LOGS"),
        ("ALLOW_LOGS.=0", "ALLOW_LOGS.=0", "ALLOW_LOGS"),
        ("ALLOW_LOG=none", "ALLOW_LOG", "ALLOW_LOGS"),
        ("EVENT=0", "EVENT=0", "EVENTS"),
        ("version=off", "version=off", "VERSION"),
        // As in the image, which sets each section to its default.
        ("EVENTS=1 EVENT=0", "EVENT=0", "EVENTS"),
        ("CONTAINERS=1 POST=1 DELET=0", "DELET=0", "DELETE"),
        ("CONTAINERS=1 POST=1 ALLOW_EXECS=0", "ALLOW_EXECS=0", "ALLOW_EXEC"),
        ("CONTAINERS=1 DIALECT=tecnativa DIALECTS=tecnativa-next", "DIALECTS", "DIALECT"),
        ("DENY_ROUTE=GET_/version", "DENY_ROUTE", "DENY_ROUTES"),
        ("DENY_PATHS=/version", "DENY_PATHS", "DENY_ROUTES or ALLOW_ROUTES"),
        ("DENY_EXEC=1", "DENY_EXEC=1", "DENY_ROUTES or ALLOW_ROUTES"),
        ("DENYLIST=x", "DENYLIST", "DENY_ROUTES or ALLOW_ROUTES"),
        ("BLOCK_ROUTES=x", "BLOCK_ROUTES", "DENY_ROUTES or ALLOW_ROUTES"),
        ("CONTAINERS=1 POST=1 ALLOW_DELETE=0", "ALLOW_DELETE=0", "DELETE"),
        ("CONTAINERS=1 POST=1 LIBPOD_ALLOW_EXEC=0", "LIBPOD_ALLOW_EXEC=0", "ALLOW_EXEC"),
        ("ALLOW_EVENTS=0", "ALLOW_EVENTS=0", "EVENTS"),
        ("POST=1 post=0", "post=0", "POST"),
        ("LEARN=1 learn=0", "learn=0", "LEARN"),
        ("LISTEN=:2375 LISTN=127.0.0.1:2375", "LISTN", "LISTEN"),
        ("LISTEN=:2375 LISTN=localhost:2375", "LISTN", "LISTEN"),
        ("LISTEN=:2375 listen=:2376", "listen", "LISTEN"),
        ("LISTEN=0.0.0.0:2375 LISTN=10.0.0.1:2375", "LISTN", "LISTEN"),
        ("LISTEN=127.0.0.1:2375 LISTN=0.0.0.0:2376", "LISTN", "LISTEN"),
        ("LISTEN=127.0.0.1:2375 LISTN=127.0.0.2:2375", "LISTN", "LISTEN"),
        ("LISTEN=[::1]:2375 LISTN=0.0.0.0:2375", "LISTN", "LISTEN"),
        ("LISTEN=:2375 DISABLE_IP6=1", "DISABLE_IP6=1", "DISABLE_IPV6"),
        // Whatever else there is to be said.
        ("LOGS=0 DIALECTT=linuxserver IAMGES=1", "DIALECTT", "DIALECT"),
    ] {
        let sentence = format!(
            "docker-socket-proxy: {misspelt} changes nothing, as no variable of this program has that name: did you mean \
             {meant}? More may be open as it is than you want: correct the name, or take it away"
        );
        for arguments in [&[][..], &["explain"], &["explain", "GET", "/info"], &["healthcheck"]] {
            let mut program = Program::spawn(Program::command(arguments, &pairs(environment)));
            assert_eq!(program.wait().code(), Some(64), "{environment}: {arguments:?}");
            assert_eq!(program.wait_for_log(misspelt), sentence, "{environment}: {arguments:?}");
        }
    }
}

#[test]
fn a_misspelt_name_that_leaves_nothing_more_open_is_a_warning() {
    for environment in [
        "DIALECT=linuxserver DIALET=linuxserver",
        "ALLOW_LOGS=0 ALLOW_LOG=0",
        "EVENTS=0 EVENT=0",
        // A word of the API is not a misspelt name.
        "LOGS=0",
        "KILL=0",
        "ALLOW_DELETE=0",
        // What is learned from is everything either way.
        "LEARN=1 DIALET=linuxserver",
        "LISTN=:2375",
        "LISTEN=127.0.0.1:2375 LISTN=0.0.0.0:2375",
        "LISTEN=0.0.0.0:2375 LISTN=[::]:2375",
        // It is IPv4 alone already.
        "LISTEN=127.0.0.1:2375 DISABLE_IP6=1",
        "LISTEN=:2375 DISABLE_IPV6=1 LISTN=0.0.0.0:2375",
        // What cannot be used stops the start by itself.
        "LISTEN=nonsense EVENT=0",
    ] {
        let warnings = lookalikes_of(environment).unwrap_or_else(|stop| panic!("{environment}: {stop}"));
        assert_eq!(warnings.len(), 1, "{environment}: {warnings:#?}");
    }
}

#[test]
fn a_misspelt_list_stops_the_start_where_it_would_leave_less_open() {
    let lookalikes_of = |environment: [(&str, &str); 2]| lookalikes(&environment.into_iter().collect());
    let (one, two) = ("GET /info", "GET /info, GET /swarm");
    for (list, misspelt, lines, instead) in [
        ("ALLOW_ROUTES", "ALLOW_ROUTE", two, one),
        ("ALLOW_ROUTES", "ALLOW_ROUTE", "GET /swarm", one),
        ("DENY_ROUTES", "DENY_ROUTE", one, two),
        ("DENY_ROUTES", "DENY_ROUTE", "GET /swarm", one),
    ] {
        let stop = lookalikes_of([(list, lines), (misspelt, instead)]).expect_err(lines);
        assert!(stop.contains(&format!("did you mean {list}? More may be open")), "{stop}");
    }
    for (list, misspelt, lines, instead) in [
        ("ALLOW_ROUTES", "ALLOW_ROUTE", one, two),
        ("ALLOW_ROUTES", "ALLOW_ROUTE", one, one),
        ("DENY_ROUTES", "DENY_ROUTE", two, one),
    ] {
        let warnings =
            lookalikes_of([(list, lines), (misspelt, instead)]).unwrap_or_else(|stop| panic!("{stop}"));
        assert_eq!(warnings.len(), 1, "{warnings:#?}");
    }
}

#[test]
fn other_variables_of_a_container_raise_no_alarm() {
    let others = "PATH=/bin HOME=/ PWD=/ OLDPWD=/ SHLVL=1 TERM=xterm HOSTNAME=a USER=root LOGNAME=root SHELL=/bin/sh MAIL=/m _=/x \
        LANG=C LC_ALL=C.UTF-8 TZ=Etc/UTC EDITOR=vi DISPLAY=:0 TMPDIR=/tmp LD_LIBRARY_PATH=/lib SSL_CERT_FILE=/c container=podman \
        CI=true DEBUG=1 VERBOSE=1 TEST=1 HOST=0 PORT=1 AUTO=1 HOST=a PORT=80 TIMEOUT=5 \
        PUID=0 PGID=0 UMASK=0 LSIO_FIRST_PARTY=true S6_VERBOSITY=1 DOCKER_BUILDKIT=1 NO_COLOR=1 RUST_BACKTRACE=1 RUST_LOG_STYLE=x \
        logs=1 LOGS=all REMOVE=never CONTAINER=web IMAGE=a/b:1.2 VERSION_ID=1 LIBPOD_X=yes,no UPDATE=1 TRACE=0 \
        version=1.2.3 info=x system=linux images= \
        HTTP_PROXY=http://p:1 HTTPS_PROXY=http://p:1 NO_PROXY=a,b http_proxy=http://p:1 https_proxy=http://p:1 no_proxy=a,b \
        DOCKER_HOST=tcp://d:2375 DOCKER_CONFIG=/d DOCKER_API_VERSION=1.41 DOCKER_TLS_VERIFY=1 COMPOSE_PROJECT_NAME=a \
        LISTEN_PID=1 LISTEN_FDS=1 LISTEN_FDNAMES=a:b NOTIFY_SOCKET=/n WATCHDOG_USEC=1 WATCHDOG_PID=1 INVOCATION_ID=0a \
        JOURNAL_STREAM=9:1 SYSTEMD_EXEC_PID=1 MAINPID=1 MANAGERPID=1 RUNTIME_DIRECTORY=/r STATE_DIRECTORY=/s \
        CREDENTIALS_DIRECTORY=/c MEMORY_PRESSURE_WATCH=/m MEMORY_PRESSURE_WRITE=x XDG_RUNTIME_DIR=/run/user/1 DBUS_SESSION_BUS_ADDRESS=x \
        KUBERNETES_PORT=1 KUBERNETES_PORT=tcp://k:443 KUBERNETES_SERVICE_HOST=k KUBERNETES_SERVICE_PORT=443 \
        KUBERNETES_SERVICE_PORT_HTTPS=443 KUBERNETES_PORT_443_TCP=tcp://k:443 KUBERNETES_PORT_443_TCP_PROTO=tcp \
        KUBERNETES_PORT_443_TCP_PORT=443 KUBERNETES_PORT_443_TCP_ADDR=k \
        INIT=1 LOGS= LISTN= DIALET= NODE_ENV=1 AUTO_UPDATE=1 FORCE_COLOR=0";
    // Each by itself, as one name can hide another.
    for other in others.split_whitespace() {
        assert_eq!(lookalikes_of(other), Ok(vec![]), "{other}");
    }
    // Nor do the variables themselves.
    let ours: String = VARIABLES.iter().map(|variable| format!("{}=1 ", variable.name)).collect();
    let process = "DISABLE_IPV6=1 LOG_LEVEL=info SOCKET_PATH=/x LISTEN=:1 LOG_FORMAT=json LOG_REQUESTS=1 LEARN=1 \
        DIALECT=tecnativa MAX_CONNECTIONS=1 HEAD_TIMEOUT=1 IDLE_TIMEOUT=1 CONNECT_TIMEOUT=1 SHUTDOWN_GRACE=1 RUST_LOG=info";
    assert_eq!(lookalikes_of(&(ours + process)), Ok(vec![]));
}

#[test]
fn who_may_open_a_socket_file_is_named_where_there_is_none() {
    let beware = |environment: &str, of: &str| {
        let all = stdout(&explain(environment, &["--allowed"]));
        let one = if of.is_empty() {
            all.clone()
        } else {
            stdout(&explain(environment, &["--client", of, "--allowed"]))
        };
        let words = one.split_whitespace().collect::<Vec<_>>().join(" ");
        ["LISTEN_MODE", "LISTEN_OWNER"]
            .map(|name| words.contains(&format!("{name} does nothing, as no LISTEN=unix:/PATH is there")))
    };
    for (environment, of, expected) in [
        ("LISTEN=:1 LISTEN_MODE=0600", "", [true, false]),
        ("LISTEN=systemd LISTEN_OWNER=1:2 LISTEN_MODE=0600", "", [true, true]),
        ("LISTEN=:1,unix:/a LISTEN_MODE=0600", "", [false, false]),
        ("LISTEN=:1", "", [false, false]),
        // What is the default of all has to be somebody's.
        ("LISTEN_MODE=0600 A__LISTEN=:1 B__LISTEN=unix:/b", "A", [false, false]),
        ("LISTEN_MODE=0600 A__LISTEN=:1 B__LISTEN=:2", "A", [true, false]),
        ("A__LISTEN_OWNER=1:2 A__LISTEN=:1 B__LISTEN=unix:/b", "A", [false, true]),
        ("A__LISTEN_OWNER=1:2 A__LISTEN=:1 B__LISTEN=unix:/b", "B", [false, false]),
    ] {
        assert_eq!(beware(environment, of), expected, "{environment}, {of}");
    }
    let of_systemd = stdout(&explain("LISTEN=systemd LISTEN_MODE=0600", &[]));
    assert!(of_systemd.contains("SocketMode=, SocketUser="), "{of_systemd}");
    let program =
        Program::spawn(Program::command(&[], &[("LISTEN", "127.0.0.1:0"), ("LISTEN_MODE", "0600")]));
    program.wait_for_log("LISTEN_MODE does nothing");
}

#[test]
fn the_start_says_what_is_granted_and_warns() {
    let daemon = FakeDaemon::echoing();
    let vars = [("CONTAINERS", "1"), ("POST", "1"), ("LOGS", "1"), ("ALLOW_TOP", "0"), ("TERM", "1")];
    let mut program = Program::start(&daemon.socket(), &vars);
    let first = program.wait_for_log("granted: ");
    assert!(first.ends_with(", granted: POST CONTAINERS EVENTS PING VERSION ALLOW_TOP=0"), "{first}");
    program.wait_for_log("CONTAINERS=1 with POST=1 is root on this host: ");
    program.wait_for_log("LOGS=1 changes nothing, ");
    program.signal("TERM");
    assert!(program.wait().success());
    let warned = program.log().iter().filter(|line| line.starts_with("WARN")).count();
    assert_eq!(warned, 2, "{:#?}", program.log());
}

// === The documents ===

/// The rows of the table about these variables in docs/variables.md, as the code has them.
fn rows(belongs: impl Fn(Kind) -> bool) -> Vec<String> {
    let names = |dialects: &[Dialect]| dialects.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ");
    let default = |variable: &Variable| match variable.default {
        WhenUnset::Off => String::from("`0`"),
        WhenUnset::On => String::from("`1`"),
        WhenUnset::OnBut(those) => format!("`1`; {}: `0`", names(those)),
        WhenUnset::OffBut(those) => format!("`0`; {}: `1`", names(those)),
        WhenUnset::AsPostBut(those) => format!("as `POST`; {}: `0`", names(those)),
    };
    let of_table = VARIABLES.iter().filter(|variable| belongs(variable.kind));
    of_table
        .map(|variable| format!("| `{}` | {} | {} |", variable.name, default(variable), variable.about))
        .collect()
}

#[test]
fn the_tables_of_the_grants_are_those_of_the_code() {
    let page = include_str!("../docs/variables.md");
    let of_grants = page.split("\n## The process\n").next().expect("the tables");
    let mut tables = of_grants.split("\n\n").filter_map(|part| {
        let mut lines = part.lines().skip_while(|line| !line.starts_with("| "));
        assert!(lines.next()?.starts_with("| variable | default | "), "{part}");
        Some(lines.skip(1).collect::<Vec<_>>())
    });
    let mut is_of_code = |group: fn(Kind) -> bool| {
        let rows = rows(group);
        assert_eq!(tables.next().unwrap_or_default(), rows, "it should be:\n{}\n", rows.join("\n"));
    };
    is_of_code(|kind| matches!(kind, Kind::Method | Kind::Section(Section { libpod: false, .. })));
    is_of_code(|kind| matches!(kind, Kind::Action));
    is_of_code(|kind| matches!(kind, Kind::Gate));
    let mut names = |expected: &[&str]| {
        let table = tables.next().expect("a table");
        let names: Vec<_> = table.iter().filter_map(|row| row.split('`').nth(1)).collect();
        assert_eq!(names, expected);
    };
    names(&["ALLOW_ROUTES", "DENY_ROUTES"]);
    let guard: Vec<_> = [&GUARD].into_iter().chain(LISTS).map(|setting| setting.name).collect();
    names(&guard);
    let rows = rows(|kind| matches!(kind, Kind::Section(Section { libpod: true, .. })));
    assert_eq!(tables.next().unwrap_or_default(), rows, "it should be:\n{}\n", rows.join("\n"));
    let others = tables.next().expect("DIALECT and LEARN");
    let others: Vec<_> = others.iter().filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(others, ["DIALECT", "LEARN"]);
    assert_eq!(tables.next(), None);
}

#[test]
fn the_deliberate_differences_are_listed_by_their_numbers() {
    let page = include_str!("../docs/coming-from.md");
    let section = page.split("\n### What differs on purpose\n").nth(1).expect("the section");
    let section = section.split("\n## ").next().expect("its end");
    let items: Vec<_> = (1..=10).map(|number| section.find(&format!("\n{number}. "))).collect();
    assert!(
        items.iter().all(Option::is_some) && items.is_sorted() && !section.contains("\n11. "),
        "{items:?}"
    );
    for (number, about) in [
        (1, "attach/ws"),
        (2, "work without `POST=1`"),
        (3, "`true`"),
        (4, "/containersfoo"),
        (5, "`//`"),
        (6, "TRACE"),
        (7, "HostConfig"),
        (8, "JSON"),
        (9, "checkpoint"),
        (10, "containers-storage:["),
    ] {
        let item = section.split(&format!("\n{number}. ")).nth(1).expect("the item");
        let item = item.split(&format!("\n{}. ", number + 1)).next().expect("its end");
        assert!(item.contains(about), "{number}: {item}");
    }
}

#[test]
fn it_is_said_that_attach_shows_logs() {
    let page = include_str!("../docs/variables.md");
    let sentence = "`ALLOW_LOGS=0` does not close attach: with `POST=1`, `/containers/{name}/attach?logs=1` shows the logs too.";
    assert!(page.contains(sentence));
    let output = explain("CONTAINERS=1 POST=1 ALLOW_LOGS=0", &["POST", "/containers/a/attach?logs=1"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn what_the_readme_shows_of_explain_is_what_it_prints() {
    let readme = include_str!("../README.md");
    let shown = readme.split(" docker-socket-proxy explain --allowed\n").nth(1).expect("the example");
    let shown = shown.split("```").next().expect("its end");
    let printed = stdout(&explain("CONTAINERS=1 ALLOW_START=1 LOGS=1", &["--allowed"]));
    for line in shown.lines().filter(|line| *line != "  ...") {
        assert!(printed.lines().any(|printed| printed == line), "{line:?} is not in\n{printed}");
    }
}

#[test]
fn the_help_names_every_call_and_every_variable_that_is_no_plain_section() {
    let output = Program::command(&["--help"], &[]).output().expect("the program runs");
    let help = stdout(&output);
    let special = VARIABLES.iter().filter(|variable| {
        matches!(variable.kind, Kind::Method | Kind::Action | Kind::Gate) || variable.default == WhenUnset::On
    });
    let names = special.map(|variable| variable.name).chain(["DIALECT", "LEARN"]);
    for name in
        names.chain(["explain --allowed", "explain METHOD PATH", "healthcheck", "--help", "--version"])
    {
        assert!(help.contains(name), "{name}");
    }
}
