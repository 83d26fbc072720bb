//! The log as its readers see it: people in text, collectors in JSON, and nobody more than one line a storm.

mod support;

use docker_socket_proxy::logging::MAX_WAITING_BYTES;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
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
    client.stream.local_addr().expect("an address").as_socket().expect("TCP").to_string()
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
    let line = program.line("this is TLS, not HTTP");
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
    let (documented, _) = documented();
    let mut events = BTreeSet::new();
    for line in program.log() {
        let mut fields = parse(&line);
        let event = fields.remove("event").expect("an event");
        for always in ["time", "level", "message"] {
            assert!(fields.remove(always).is_some(), "no {always} in {line}");
        }
        assert!(fields.keys().all(|field| documented[&event].contains(field)), "{line}");
        events.insert(event);
    }
    for event in ["start", "daemon", "allowed", "denied", "repeats", "stop"] {
        assert!(events.contains(event), "no {event} in {events:?}");
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
    assert!(sum.starts_with("WARN  127.0.0.1: 17 more like this in "), "{sum}");
    assert!(sum.ends_with(" s: GET /info is denied: set INFO=1 to allow it"), "{sum}");
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
    let address = program.address().clone();
    let mut other = Client::connect_from([127, 0, 0, 2].into(), &address);
    assert_eq!(other.ask(b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n").status, 403);
    let line = program.wait_for_log("GET /info is denied");
    assert!(line.starts_with("WARN  127.0.0.2:"), "{line}");
}

#[test]
fn the_first_denial_of_every_address_is_shown_whatever_others_do() {
    let daemon = FakeDaemon::echoing();
    let mut program = Program::start(&daemon.socket(), &[]);
    let address = program.address().clone();
    let denied = |last: u8| {
        let mut client = Client::connect_from([127, 0, 1, last].into(), &address);
        assert_eq!(client.ask(b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n").status, 403);
    };
    // Each twice, and one of them in a storm of many kinds.
    for last in 1..=200 {
        denied(last);
        program.client().ask(format!("GET /{last} HTTP/1.1\r\nHost: docker\r\n\r\n"));
        denied(last);
    }
    program.signal("TERM");
    assert!(program.wait().success());
    program.wait_for_log("stopped");
    let lines = program.log();
    for last in 1..=200 {
        let of_it = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!(of_it(&format!("WARN  127.0.1.{last}:")), 2, "{last}: {lines:#?}");
        assert_eq!(of_it(&format!("WARN  127.0.1.{last}: 1 more like this in ")), 1, "{last}: {lines:#?}");
    }
}

#[test]
fn a_sum_in_json_has_the_fields_of_what_it_sums_up() {
    let daemon = FakeDaemon::echoing();
    let mut program = Json::start(&daemon, &[]);
    for _ in 0..5 {
        program.0.client().ask(b"POST /v1.41/info HTTP/1.1\r\nHost: docker\r\n\r\n");
        program.0.client().ask(b"\x16\x03\x01");
    }
    program.0.signal("TERM");
    assert!(program.0.wait().success());
    program.0.wait_for_log("stopped");
    let lines = program.0.log();
    let sum = |needle: &str| {
        let is_it = |line: &&String| line.contains("more like this") && line.contains(needle);
        parse(lines.iter().find(is_it).unwrap_or_else(|| panic!("no sum with {needle} in {lines:#?}")))
    };
    let names = ["level", "event", "client", "method", "path", "variable", "count"];
    let denied = sum("is denied");
    let expected = ["warn", "repeats", "127.0.0.1", "POST", "/v1.41/info", "POST,INFO", "4"];
    assert_eq!(fields(&denied, &names), expected);
    denied["seconds"].parse::<u64>().expect("a number");
    let expected = ["warn", "repeats", "127.0.0.1", "(absent)", "(absent)", "(absent)", "4"];
    assert_eq!(fields(&sum("refused with 400"), &names), expected);
}

/// By the rules of the collector in docs/fleet.md, which was run.
#[test]
fn a_collector_counts_every_denial_by_its_variable() {
    let page = include_str!("../docs/fleet.md");
    for rule in [
        "regex: event ^denied$\n",
        "regex: [event ^repeats$, \"message  is denied: \"]\n",
        "value_field: count\n",
        "label_field: [name, variable]\n",
    ] {
        assert!(page.contains(rule), "{rule}");
    }
    let daemon = FakeDaemon::echoing();
    let mut program = Json::start(&daemon, &[]);
    for (path, times) in [("/containers/json", 3), ("/secrets", 2)] {
        for _ in 0..times {
            program.0.client().ask(format!("GET {path} HTTP/1.1\r\nHost: docker\r\n\r\n").as_bytes());
            program.0.client().ask(b"\x16\x03\x01");
        }
    }
    program.0.signal("TERM");
    assert!(program.0.wait().success());
    program.0.wait_for_log("stopped");
    let mut counts: BTreeMap<_, u64> = BTreeMap::new();
    for line in program.0.log().iter().map(|line| parse(line)) {
        let count = match &*line["event"] {
            "denied" => 1,
            "repeats" if line["message"].contains(" is denied: ") => line["count"].parse().expect("a number"),
            _ => continue,
        };
        *counts.entry(line["variable"].clone()).or_default() += count;
    }
    assert_eq!(counts, BTreeMap::from([("CONTAINERS".to_owned(), 3), ("SECRETS".to_owned(), 2)]));
}

#[test]
fn what_goes_on_has_a_line_when_it_has_begun_and_one_when_it_ends_or_is_cut() {
    // The answer to the last one says how long it is, so that it has a line in the end only.
    let requests = ["GET /events", "POST /containers/c1/attach", "GET /containers/c1/json"].map(|line| {
        format!("{line} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
    });
    let answers = [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
        "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\npart",
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npart",
    ];
    let daemon = {
        let requests = requests.clone();
        FakeDaemon::serving(move |session| {
            let Some(request) = session.read_request() else { return };
            let asked = requests.iter().position(|other| other.starts_with(request.line()));
            session.send(answers[asked.expect("a request of the test")]);
            session.read_to_end();
        })
    };
    let vars = [("CONTAINERS", "1"), ("POST", "1"), ("SHUTDOWN_GRACE", "1ms")];
    let mut program = Json::start(&daemon, &vars);
    let mut clients = requests.clone().map(|request| {
        let mut client = program.0.client();
        client.send(&request);
        client.read_until(b"part");
        client
    });
    let names = ["level", "event", "client", "method", "path", "variable", "status"];
    let line = program.line("/events is allowed by EVENTS: 200, and goes on");
    assert_eq!(
        fields(&line, &names),
        ["debug", "begun", &address(&clients[0]), "GET", "/events", "EVENTS", "200"]
    );
    let line = program.line("/attach is allowed by CONTAINERS: 101, and goes on");
    assert_eq!(fields(&line, &names[3..]), ["POST", "/containers/c1/attach", "CONTAINERS", "101"]);
    clients[1].send("input");
    daemon.wait_for(b"input");

    program.0.signal("TERM");
    assert!(program.0.wait().success());
    program.0.wait_for_log("\"stopped\"");
    let lines = program.0.log();
    for (which, client) in clients.iter().enumerate() {
        let client = address(client);
        let is_end = |line: &BTreeMap<_, _>| line["event"] == "allowed" && line["client"] == client;
        let mut ends =
            lines.iter().map(|line| parse(line)).filter(|line| line.contains_key("client") && is_end(line));
        let end = ends.next().unwrap_or_else(|| panic!("no end of {} in {lines:#?}", requests[which]));
        let input = if which == 1 { "input".len() } else { 0 };
        let (up, down) = (requests[which].len() + input, answers[which].len());
        assert_eq!(fields(&end, &["cut", "up", "down"]), ["stop", &up.to_string(), &down.to_string()]);
        assert!(end["message"].ends_with(" down, cut by the stop"), "{}", end["message"]);
        assert_eq!(ends.next(), None);
    }
    assert_eq!(lines.iter().filter(|line| line.contains("and goes on")).count(), 2, "{lines:#?}");
    assert!(lines.last().is_some_and(|line| line.contains("\"stopped\"")), "{lines:#?}");
}

#[test]
fn log_requests_shows_allowed_requests_at_info() {
    let daemon = FakeDaemon::answering(response("200 OK", "OK"));
    for (vars, level) in [
        (&[("LOG_REQUESTS", "1")][..], Some("INFO ")),
        (&[("LOG_REQUESTS", "1"), ("LOG_LEVEL", "debug")], Some("INFO ")),
        (&[("LOG_REQUESTS", "1"), ("LOG_LEVEL", "warning")], None),
        (&[("LOG_REQUESTS", "0")], None),
    ] {
        // Where it listens is a line at info.
        let (mut program, [stderr, _stdout]) = Program::start_stuck(&daemon.socket(), vars);
        program.collect(stderr);
        assert_eq!(program.client().ask(PING).status, 200);
        program.client().ask(b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n");
        program.wait_for_log("/info is denied");
        program.signal("TERM");
        assert!(program.wait().success());
        let lines = program.log();
        let allowed: Vec<_> = lines.iter().filter(|line| line.contains("GET /_ping is allowed")).collect();
        assert_eq!(allowed.len(), usize::from(level.is_some()), "{vars:?}: {lines:#?}");
        assert!(allowed.iter().all(|line| Some(&line[..5]) == level), "{vars:?}: {allowed:#?}");
    }
}

/// Where nobody reads a log of this form, in which a line for a long path has so many bytes or more, all goes on.
fn goes_on_without_a_reader(format: &str, bytes: usize) {
    let daemon = FakeDaemon::answering(response("200 OK", "OK"));
    let vars = [("LOG_LEVEL", "debug"), ("LOG_FORMAT", format), ("SHUTDOWN_GRACE", "1ms"), ("LEARN", "1")];
    let (program, [stderr, stdout]) = Program::start_stuck(&daemon.socket(), &vars);
    let mut client = program.client();
    let long = format!("GET /{} HTTP/1.1\r\nHost: docker\r\n\r\n", "x".repeat(250));
    let requests = [PING, &long.repeat(49).into_bytes()].concat();
    // More than the queue holds, by clients that were there before and by new ones, and signals that want to print.
    let lines = (2 * MAX_WAITING_BYTES / bytes).next_multiple_of(50);
    for _ in 0..lines / 50 {
        client.send(&requests);
        (0..50).for_each(|_| assert_eq!(client.read_response().status, 200));
    }
    program.signal("USR1");
    program.signal("HUP");
    assert_eq!(program.client().ask(PING).status, 200);
    // Once somebody reads again, the log says what is missing, and goes on.
    program.collect(stderr);
    let dropped = program.wait_for_log("lines of the log were dropped here");
    let count: usize = if format == "json" {
        let line = parse(&dropped);
        assert_eq!(fields(&line, &["level", "event"]), ["warn", "dropped"]);
        line["count"].parse().expect("a number")
    } else {
        assert!(dropped.starts_with("WARN  "), "{dropped}");
        dropped.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number")
    };
    assert!(count < lines, "{count} of {lines}");
    assert_eq!(program.client().ask(b"GET /_ping?last HTTP/1.1\r\nHost: last\r\n\r\n").status, 200);
    drop(stdout);
}

#[test]
fn a_log_that_nobody_reads_stops_neither_requests_nor_the_program() {
    goes_on_without_a_reader("text", 300);
}

#[test]
fn a_log_in_json_that_nobody_reads_stops_neither_requests_nor_the_program() {
    goes_on_without_a_reader("json", 750);
}

#[test]
fn a_stop_does_not_wait_for_whoever_reads_the_log() {
    let daemon = FakeDaemon::answering(response("200 OK", "OK"));
    for signals in [&["TERM"][..], &["INT"], &["TERM", "TERM"]] {
        let vars = [("LOG_LEVEL", "debug"), ("SHUTDOWN_GRACE", "1ms"), ("LEARN", "1")];
        let (mut program, streams) = Program::start_stuck(&daemon.socket(), &vars);
        assert_eq!(program.client().ask(PING).status, 200);
        signals.iter().for_each(|signal| program.signal(signal));
        // It fails where this takes long; benchmarks say how long.
        assert!(program.wait().success(), "{signals:?}");
        drop(streams);
    }
}

/// What `docs/log.md`, which those who collect the log go by, says in its tables: the fields of each event, and every field.
fn documented() -> (BTreeMap<String, BTreeSet<String>>, BTreeSet<String>) {
    let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let (mut events, mut fields) = (BTreeMap::new(), BTreeSet::new());
    for line in include_str!("../docs/log.md").lines().filter(|line| line.starts_with("| `")) {
        match line.split('|').map(str::trim).collect::<Vec<_>>()[..] {
            ["", event, _level, _when, fields, ""] => {
                events.insert(event.trim_matches('`').to_owned(), quoted(fields));
            }
            ["", names, _meaning, ""] => fields.extend(quoted(names)),
            _ => panic!("neither an event nor a field: {line}"),
        }
    }
    (events, fields)
}

#[test]
fn every_event_and_every_field_is_in_the_document() {
    let (documented, fields) = documented();
    let of_events: BTreeSet<String> = documented.values().flatten().cloned().collect();
    assert_eq!(of_events, fields);
    let mut files = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut events = BTreeSet::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).expect("a folder");
            files.extend(entries.map(|entry| entry.expect("an entry").path()));
            continue;
        }
        let source = std::fs::read_to_string(path).expect("text");
        for start in ["event = \"", "(\"event\", \""] {
            let found = source.split(start).skip(1).filter_map(|rest| rest.split_once('"'));
            events.extend(found.map(|(event, _)| event.to_owned()));
        }
    }
    assert_eq!(documented.into_keys().collect::<BTreeSet<_>>(), events);
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
