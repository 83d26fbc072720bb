//! The log as its readers see it: people in text, collectors in JSON, and nobody more than one line a storm.

mod support;

use std::collections::BTreeMap;
use support::daemon::response;
use support::{Client, FakeDaemon, Program, TempDir};

const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";

/// Reads one object of strings and numbers; strictly, so that what is no JSON fails.
fn parse(line: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut rest = line.strip_prefix('{').and_then(|line| line.strip_suffix('}')).expect("an object");
    loop {
        let (key, after) = parse_string(rest);
        rest = after.strip_prefix(':').expect("a colon");
        let value;
        if rest.starts_with('"') {
            (value, rest) = parse_string(rest);
        } else {
            let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
            value = rest[..end].parse::<u64>().expect("a number").to_string();
            rest = &rest[end..];
        }
        assert!(fields.insert(key, value).is_none(), "twice the same field in {line}");
        if rest.is_empty() {
            return fields;
        }
        rest = rest.strip_prefix(',').expect("a comma");
    }
}

fn parse_string(text: &str) -> (String, &str) {
    let mut rest = text.strip_prefix('"').expect("a string").chars();
    let mut string = String::new();
    loop {
        match rest.next().expect("the string's end") {
            '"' => return (string, rest.as_str()),
            '\\' => match rest.next() {
                Some(escaped @ ('"' | '\\')) => string.push(escaped),
                Some('u') => {
                    let digits: String = rest.by_ref().take(4).collect();
                    let unit = u32::from_str_radix(&digits, 16).expect("four digits");
                    string.push(char::from_u32(unit).expect("no surrogate"));
                }
                other => panic!("the escape {other:?}"),
            },
            character => {
                assert!(matches!(character, ' '..='~'), "{character:?} as it is");
                string.push(character);
            }
        }
    }
}

/// A program whose log is JSON at debug, and the fields of the one line that holds `needle`.
struct Json(Program);

impl Json {
    fn start(daemon: &FakeDaemon, vars: &[(&str, &str)]) -> Self {
        let mut all = vec![("LOG_FORMAT", "json"), ("LOG_LEVEL", "debug")];
        all.extend(vars);
        Self(Program::start(&daemon.socket(), &all))
    }

    fn line(&self, needle: &str) -> BTreeMap<String, String> {
        parse(&self.0.wait_for_log(needle))
    }
}

fn fields<'f>(line: &'f BTreeMap<String, String>, names: &[&str]) -> Vec<&'f str> {
    names.iter().map(|&name| line.get(name).map_or("(absent)", String::as_str)).collect()
}

fn address(client: &Client) -> String {
    client.stream.local_addr().expect("an address").to_string()
}

#[test]
fn an_allowed_request_is_a_debug_object_with_what_it_took() {
    let answer = response("200 OK", "OK");
    let daemon = FakeDaemon::answering(&answer[..]);
    let program = Json::start(&daemon, &[]);
    let mut client = program.0.client();
    client.ask(b"GET /v1.41/_ping?token=secret HTTP/1.1\r\nHost: docker\r\nX-Registry-Auth: secret\r\n\r\n");
    let line = program.line("allowed");
    let names = ["level", "event", "method", "path", "variable", "status", "client"];
    let expected = ["debug", "allowed", "GET", "/v1.41/_ping", "PING", "200", &address(&client)];
    assert_eq!(fields(&line, &names), expected);
    let sent =
        "GET /v1.41/_ping?token=secret HTTP/1.1\r\nHost: docker\r\nX-Registry-Auth: secret\r\n\r\n".len();
    assert_eq!(fields(&line, &["up", "down"]), [sent.to_string(), answer.len().to_string()]);
    assert!(line["ms"].parse::<u64>().expect("a number") < 20_000);
    humantime::parse_rfc3339(&line["time"]).expect("a time");
    assert!(!program.0.log().concat().contains("secret"), "queries and headers carry credentials");
}

#[test]
fn a_denied_request_is_a_warning_that_names_what_is_missing() {
    let daemon = FakeDaemon::echoing();
    let program = Json::start(&daemon, &[]);
    let mut client = program.0.client();
    client
        .ask(b"POST /v1.41/containers/create?name=x HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\n\r\n{}");
    let line = program.line("denied");
    let names = ["level", "event", "method", "path", "variable", "status", "client", "ms", "up", "down"];
    let expected = [
        "warn",
        "denied",
        "POST",
        "/v1.41/containers/create",
        "POST,CONTAINERS",
        "403",
        &address(&client),
        "0",
        "0",
        "0",
    ];
    assert_eq!(fields(&line, &names), expected);
    let message = "POST /v1.41/containers/create is denied: set CONTAINERS=1 and POST=1 to allow it";
    assert_eq!(line["message"], message);

    program.0.client().ask(b"GET /nothing HTTP/1.1\r\nHost: docker\r\n\r\n");
    let line = program.line("/nothing");
    assert_eq!(fields(&line, &["event", "variable"]), ["denied", "(absent)"]);
}

#[test]
fn a_refused_request_shows_its_line_where_it_could_be_read() {
    let daemon = FakeDaemon::echoing();
    let program = Json::start(&daemon, &[]);
    program.0.client().ask(b"GET /a/../b HTTP/1.1\r\nHost: docker\r\n\r\n");
    let line = program.line("segment");
    assert_eq!(
        fields(&line, &["level", "event", "method", "path", "status"]),
        ["warn", "refused", "GET", "/a/../b", "400"]
    );
    program.0.client().ask(b"\x16\x03\x01");
    let line = program.line("not an HTTP/1 request");
    assert_eq!(
        fields(&line, &["event", "method", "path", "status"]),
        ["refused", "(absent)", "(absent)", "400"]
    );
}

#[test]
fn a_request_without_an_answer_says_so() {
    let daemon = FakeDaemon::serving(|session| drop(session.read_to_end()));
    let program = Json::start(&daemon, &[]);
    let mut client = program.0.client();
    client.send(PING);
    daemon.wait_for(PING);
    client.reset();
    let line = program.line("allowed");
    assert_eq!(fields(&line, &["status", "up", "down"]), ["(absent)", &PING.len().to_string(), "0"]);
    assert!(line["message"].contains("no answer in "), "{}", line["message"]);
}

#[test]
fn every_line_of_a_life_is_one_object_and_has_an_event() {
    let dir = TempDir::new();
    let vars = [("LOG_FORMAT", "json"), ("LOG_LEVEL", "debug"), ("SHUTDOWN_GRACE", "1ms")];
    let mut program = Program::start(&dir.join("none.sock"), &vars);
    assert_eq!(program.client().ask(PING).status, 502);
    assert_eq!(program.client().ask(b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n").status, 403);
    assert_eq!(program.client().ask(b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n").status, 403);
    program.signal("TERM");
    program.wait();
    program.wait_for_log("\"stop\"");
    let events: Vec<String> =
        program.log().iter().map(|line| parse(line).remove("event").expect("an event")).collect();
    for event in ["start", "daemon", "allowed", "denied", "repeats", "stop"] {
        assert!(events.iter().any(|seen| seen == event), "no {event} in {events:?}");
    }
}

#[test]
fn no_byte_of_a_client_forges_or_steers_a_line() {
    let daemon = FakeDaemon::echoing();
    let text = Program::start(&daemon.socket(), &[("LOG_LEVEL", "debug")]);
    let json = Json::start(&daemon, &[]);
    // What is visible ASCII passes the parser, what is not is refused before it is shown.
    let targets = [
        r#"/info","level":"error","event":"stop","message":"forged"#,
        r#"/info\"}{"level":"error"#,
        "/info%0aERROR%20forged",
        "/info\x1b[31m",
        "/info\rERROR forged",
        "/info\nERROR forged",
        "/info\u{2028}ERROR",
    ];
    for program in [&text, &json.0] {
        let before = program.log().len();
        for target in targets {
            let mut client = program.client();
            client.send(format!("GET {target} HTTP/1.1\r\nHost: docker\r\nX: \x1b]0;forged\x07\r\n\r\n"));
            assert!(matches!(client.read_response().status, 400 | 403), "{target:?}");
        }
        // A line more shows that all of them are there.
        program.client().ask(b"GET /last HTTP/1.1\r\nHost: docker\r\n\r\n");
        program.wait_for_log("/last");
        let lines = program.log().split_off(before);
        for line in &lines {
            assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
        }
    }
    for line in text.log() {
        assert!(["INFO  ", "WARN  127.0.0.1:"].iter().any(|start| line.starts_with(start)), "{line}");
    }
    for line in json.0.log() {
        let level = parse(&line).remove("level").expect("a level");
        assert!(["info", "warn"].contains(&level.as_str()), "{line}");
    }
}

#[test]
fn long_methods_and_paths_are_cut_in_the_log_and_in_the_reply() {
    let daemon = FakeDaemon::echoing();
    let program = Program::start(&daemon.socket(), &[("PING", "1"), ("LOG_LEVEL", "debug")]);
    let long = "x".repeat(60_000);
    let denied = program.client().ask(format!("GET /{long} HTTP/1.1\r\nHost: docker\r\n\r\n"));
    assert_eq!(denied.status, 403);
    assert!(denied.text().contains("xxx...(60001 bytes) is denied"), "{}", denied.text());
    let method = "X".repeat(60_000);
    assert_eq!(program.client().ask(format!("{method} / HTTP/1.1\r\nHost: docker\r\n\r\n")).status, 403);
    program.wait_for_log("XXX...(60000 bytes) / is denied");
    assert!(program.log().iter().all(|line| line.len() < 1000));
}

#[test]
fn a_storm_is_one_line_and_a_sum() {
    let daemon = FakeDaemon::echoing();
    let mut program = Program::start(&daemon.socket(), &[("SHUTDOWN_GRACE", "1ms")]);
    for _ in 0..18 {
        let denied = program.client().ask(b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n");
        assert_eq!(denied.status, 403);
    }
    // Of ever new kinds only the first hundred are told apart.
    for kind in 0..150 {
        program.client().ask(format!("GET /{kind} HTTP/1.1\r\nHost: docker\r\n\r\n"));
    }
    program.signal("TERM");
    assert!(program.wait().success());
    program.wait_for_log("stopped");
    let lines = program.log();
    assert_eq!(lines.iter().filter(|line| line.contains("/info is denied")).count(), 2, "{lines:#?}");
    let sum = lines.iter().find(|line| line.contains("more like this") && line.contains("/info"));
    let sum = sum.expect("a sum");
    let (count, rest) = sum.strip_prefix("WARN  ").and_then(|line| line.split_once(' ')).expect("a sum");
    assert_eq!(count, "17");
    assert!(rest.ends_with(" s: 127.0.0.1 GET /info is denied: set INFO=1 to allow it"), "{sum}");
    assert_eq!(lines.iter().filter(|line| line.contains("is denied")).count(), 101, "{lines:#?}");
    assert!(
        lines
            .iter()
            .any(|line| line.contains("51 more like this") && line.ends_with("warnings of many kinds"))
    );
}

#[test]
fn no_storm_of_one_client_hides_another() {
    let daemon = FakeDaemon::echoing();
    let program = Program::start(&daemon.socket(), &[]);
    for kind in 0..150 {
        program.client().ask(format!("GET /{kind} HTTP/1.1\r\nHost: docker\r\n\r\n"));
    }
    let address = program.address.expect("it listens");
    let mut other = Client::connect_from([127, 0, 0, 2].into(), address);
    assert_eq!(other.ask(b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n").status, 403);
    let line = program.wait_for_log("GET /info is denied");
    assert!(line.starts_with("WARN  127.0.0.2:"), "{line}");
}

#[test]
fn levels_go_by_their_syslog_names_and_rust_log_wins() {
    let daemon = FakeDaemon::echoing();
    let cases: [(&[(&str, &str)], bool); 4] = [
        (&[], false),
        (&[("LOG_LEVEL", "notice")], false),
        (&[("LOG_LEVEL", "debug")], true),
        (&[("LOG_LEVEL", "err"), ("RUST_LOG", "debug")], true),
    ];
    for (vars, shows_allowed) in cases {
        let program = Program::start(&daemon.socket(), vars);
        let mut client = program.client();
        assert_eq!(client.ask(PING).status, 200);
        client.ask(b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n");
        program.wait_for_log("/info is denied");
        let allowed =
            program.log().iter().any(|line| line.contains("GET /_ping is allowed by PING: 200 in "));
        assert_eq!(allowed, shows_allowed, "{vars:?}: {:#?}", program.log());
    }
}
