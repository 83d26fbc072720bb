//! GUARD: what a client makes is its own. It is heard in the daemon's answer, and nothing of the answer changes; a name that is taken
//! away is nobody's from then on.
//!
//! The daemon here answers what the requests themselves say: the field `Answer` has the status and the body, and one with the field
//! `Held` is answered when the test releases it.

use crate::support::daemon::response;
use crate::support::{Client, FakeDaemon, Kind, PATIENCE, Program, Proxy, Response, TempDir};
use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

const GUARD: &[(&str, &str)] = &[
    ("GUARD", "baseline"),
    ("POST", "1"),
    ("PUT", "1"),
    ("DELETE", "1"),
    ("CONTAINERS", "1"),
    ("IMAGES", "1"),
    ("NETWORKS", "1"),
    ("EXEC", "1"),
    ("COMMIT", "1"),
    ("VOLUMES", "1"),
];

/// What is used in most of these tests.
const WEB: &str = "5eb0";

/// An ID that begins so.
fn id(start: &str) -> String {
    format!("{start:0<64}")
}

/// What a daemon says of what it has made.
fn made(start: &str) -> String {
    format!("201 Created {{\"Id\":\"{}\",\"Warnings\":[]}}", id(start))
}

/// A request with the answer that it gets.
fn request(line: &str, answer: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{line} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nAnswer: {answer}\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
    )
}

/// Makes a container of this name, or of none.
fn create(name: &str, start: &str) -> String {
    let query = if name.is_empty() { String::new() } else { format!("?name={name}") };
    request(&format!("POST /containers/create{query}"), &made(start), "", r#"{"Image":"busybox"}"#)
}

fn start(reference: &str) -> String {
    request(&format!("POST /containers/{reference}/start"), "204 No Content", "", "")
}

/// Asks until it is so.
#[track_caller]
fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never is");
    }
}

/// A daemon that answers as it is told, and knows in which order it did.
struct Daemon {
    fake: FakeDaemon,
    course: Arc<Course>,
}

#[derive(Default)]
struct Course {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// `got LINE` and `answered LINE`.
    events: Vec<String>,
    released: BTreeSet<String>,
}

impl Course {
    fn note(&self, event: String) {
        self.state.lock().expect("no panic").events.push(event);
        self.changed.notify_all();
    }

    fn wait(&self, until: impl Fn(&State) -> bool) {
        let state = self.state.lock().expect("no panic");
        let (state, waited) =
            self.changed.wait_timeout_while(state, PATIENCE, |state| !until(state)).expect("no panic");
        assert!(!waited.timed_out(), "waited in vain: {:?}", state.events);
    }
}

impl Daemon {
    fn new() -> Self {
        let course = Arc::new(Course::default());
        let noted = Arc::clone(&course);
        let fake = FakeDaemon::serving(move |session| {
            while let Some(request) = session.read_request() {
                let field = |name: &str| request.head.lines().find_map(|line| line.strip_prefix(name));
                noted.note(format!("got {}", request.line()));
                if let Some(held) = field("Held: ") {
                    noted.wait(|state| state.released.contains(held));
                }
                if field("Answer: ") == Some("never") {
                    return;
                }
                let answer = field("Answer: ").unwrap_or("200 OK ");
                let (status, body) = answer.split_at(answer.find(['{', '[']).unwrap_or(answer.len()));
                let by = field("By: ").unwrap_or("Docker/29.1.0~Api-Version: 1.52").replace('~', "\r\n");
                noted.note(format!("answered {}", request.line()));
                let length = if status.starts_with("204") {
                    String::new()
                } else {
                    format!("Content-Length: {}\r\n", body.len())
                };
                session.send(format!("HTTP/1.1 {}\r\nServer: {by}\r\n{length}\r\n{body}", status.trim_end()));
            }
        });
        Self { fake, course }
    }

    /// Has the requests that are held by this word answered.
    fn release(&self, word: &str) {
        self.course.state.lock().expect("no panic").released.insert(word.to_owned());
        self.course.changed.notify_all();
    }

    /// Waits for an event, such as `got POST /x`.
    fn wait_for(&self, event: &str) {
        self.course.wait(|state| state.events.iter().any(|seen| seen == event));
    }

    /// What has come, in order.
    fn events(&self) -> Vec<String> {
        self.course.state.lock().expect("no panic").events.clone()
    }

    /// The place of an event that was there once.
    fn place(&self, event: &str) -> usize {
        let events = self.events();
        let mut places = (0..events.len()).filter(|place| events[*place] == event);
        let place = places.next().unwrap_or_else(|| panic!("no {event} in {events:?}"));
        assert_eq!(places.next(), None, "{event} twice in {events:?}");
        place
    }
}

/// A proxy in front of such a daemon.
struct Stage {
    daemon: Daemon,
    proxy: Proxy,
}

impl Stage {
    fn new() -> Self {
        let daemon = Daemon::new();
        let proxy = Proxy::start(&daemon.fake, GUARD);
        Self { daemon, proxy }
    }

    /// With the container `web`, which is the client's own.
    fn with_web() -> Self {
        let stage = Self::new();
        assert_eq!(stage.ask(create("web", WEB)).status, 201);
        stage
    }

    /// Asks on a connection of its own.
    fn ask(&self, request: impl AsRef<[u8]>) -> Response {
        self.proxy.client().ask(request)
    }

    /// Begins a request that is answered later.
    fn begin(&self, request: impl AsRef<[u8]>) -> Client {
        let mut client = self.proxy.client();
        client.send(request);
        client
    }

    /// Whether a request that uses this reference passes.
    #[track_caller]
    fn is_own(&self, reference: &str) -> bool {
        let reply = self.ask(start(reference));
        match reply.status {
            204 => true,
            403 => {
                assert!(
                    reply.text().contains("made through this proxy") || reply.text().contains("hexadecimal"),
                    "{}",
                    reply.text()
                );
                false
            }
            _ => panic!("{reference}: {reply:?}"),
        }
    }

    /// How many connections the daemon has taken. One is made for this, so that those before it have been taken.
    fn connections(&self) -> usize {
        assert_eq!(self.ask("GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n").status, 200);
        self.daemon.fake.connections().len()
    }

    /// Begins a request that takes the name `web` away, while something uses the name. It is not with the daemon, and nobody else can use
    /// the name.
    #[track_caller]
    fn begin_to_leave(&self, leave: &str) -> Client {
        let mut bystander = self.proxy.client();
        assert_eq!(bystander.ask(start("web")).status, 204);
        let before = self.connections();
        let leaving = self.begin(leave);
        until(|| bystander.ask(start("web")).status == 403);
        assert_eq!(self.connections(), before + 1, "it was sent while the name was in use: {leave}");
        assert!(self.is_own(&id(WEB)), "the ID means nothing else");
        leaving
    }
}

// === What names it ===

#[test]
fn it_is_named_by_its_whole_id_by_12_digits_of_it_or_by_its_name() {
    let stage = Stage::new();
    let whole = "0123456789abcdef".repeat(4);
    assert_eq!(stage.ask(create("web", &whole)).status, 201);
    for reference in [&whole, &whole[..12], &whole[..13], &whole[..63], "web"] {
        assert!(stage.is_own(reference), "{reference}");
    }
    // A daemon decodes the path once, as the proxy does.
    assert!(stage.is_own("w%65b"));
    for reference in [
        &whole[..11],
        "012345678abc",
        "0123456789abcdee",
        &format!("{whole}0"),
        &whole.to_uppercase(),
        &whole[..12].to_uppercase(),
        &whole[1..],
        "Web",
        "WEB",
        "web1",
        "we",
        "web_",
    ] {
        assert!(!stage.is_own(reference), "{reference}");
    }
    // The path of a link is the child's; what has a slash is no name, however it is written.
    for reference in [
        "web/alias",
        "web%2Falias",
        "web%2falias",
        "%2Fweb",
        "/web",
        "web%2F",
        "web%00",
        "web%20",
        "web%252F",
        "./web",
        "x/../web",
    ] {
        let reply = stage.ask(start(reference));
        assert!(matches!(reply.status, 400 | 403), "{reference}: {reply:?}");
    }
    let sent = stage.daemon.events();
    assert!(sent.iter().all(|event| !event.contains("alias") && !event.contains("%2")), "{sent:?}");
}

#[test]
fn a_name_that_could_be_an_id_is_none() {
    let stage = Stage::new();
    for (name, start) in
        [("cafe", "c1"), ("c", "c2"), ("0123456789ab", "c3"), ("DEAD", "c5"), ("4444444444444444", "c6")]
    {
        assert_eq!(stage.ask(create(name, start)).status, 201);
        assert!(!stage.is_own(name), "{name}");
        assert!(stage.is_own(&id(start)), "{name}");
    }
    // podman takes an underscore for any digit.
    for (name, by, is_own) in [
        ("feed_beef", "Docker/20.10.24", true),
        ("feed_beef", "Libpod/5.8.2 (linux)", false),
        ("feed_beef", "x", false),
        ("cafe-", "Libpod/5.8.2 (linux)", true),
    ] {
        let stage = Stage::new();
        let line = format!("POST /containers/create?name={name}");
        let by = format!("By: {by}\r\n");
        let reply = stage.ask(request(&line, &made("c7"), &by, r#"{"Image":"busybox"}"#));
        assert_eq!(reply.status, 201);
        assert_eq!(stage.is_own(name), is_own, "{name}, {by}");
        assert!(stage.is_own(&id("c7")));
        // Nor by its rename.
        assert_eq!(stage.ask(create("old", "c8")).status, 201);
        let line = format!("POST /containers/old/rename?name={name}");
        assert_eq!(stage.ask(request(&line, "204 No Content", &by, "")).status, 204);
        assert_eq!(stage.is_own(name), is_own, "{name}, {by}");
    }
}

#[test]
fn digits_that_two_of_its_own_share_name_neither() {
    let stage = Stage::new();
    let (one, other) = (id("aaaaaaaaaaaa1"), id("aaaaaaaaaaaa2"));
    for start in [&one, &other, &id("aaaaaaaaaaab"), &id("aaaaaaaaaaa9")] {
        assert_eq!(stage.ask(create("", start)).status, 201);
    }
    for (reference, is_own) in [
        ("aaaaaaaaaaaa", false),
        ("aaaaaaaaaaaa1", true),
        ("aaaaaaaaaaaa2", true),
        ("aaaaaaaaaaaa0", false),
        ("aaaaaaaaaaab", true),
        ("aaaaaaaaaaa9", true),
        (&one, true),
        (&other, true),
    ] {
        assert_eq!(stage.is_own(reference), is_own, "{reference}");
    }
    assert_eq!(
        stage.ask(request(&format!("DELETE /containers/{one}"), "204 No Content", "", "")).status,
        204
    );
    assert!(stage.is_own("aaaaaaaaaaaa"), "one of them alone has it now");
}

#[test]
fn what_nobody_made_here_is_not_its_own() {
    let stage = Stage::with_web();
    for line in [
        "POST /containers/other/exec",
        "PUT /containers/other/archive?path=/",
        "POST /containers/other/attach?stream=1",
        "POST /containers/other/rename?name=mine",
        "POST /containers/other/kill",
        "POST /commit?container=other",
        "DELETE /containers/other",
    ] {
        let body = if line.ends_with("exec") { r#"{"Cmd":["true"]}"# } else { "" };
        let reply = stage.ask(request(line, "200 OK {}", "", body));
        assert_eq!(reply.status, 403, "{line}: {reply:?}");
        assert!(reply.text().contains("ALLOW_CONTAINERS"), "{line}: {}", reply.text());
        let own = line.replace("other", "web");
        let reply = stage.ask(request(&own, "200 OK {}", "", body));
        assert_eq!(reply.status, 200, "{own}: {reply:?}");
        if own.contains("rename") {
            assert_eq!(
                stage.ask(request("POST /containers/mine/rename?name=web", "204 No Content", "", "")).status,
                204
            );
        }
    }
}

// === What is heard ===

/// Passes each of the daemon's answers to creates, in pieces, and tells of each whether its ID and its name were own afterwards.
fn heard(answers: &[(&str, Vec<Vec<u8>>)]) -> Vec<(bool, bool)> {
    let scripts: Vec<_> = answers.iter().map(|(_, pieces)| pieces.clone()).collect();
    let daemon = FakeDaemon::serving(move |session| {
        while let Some(request) = session.read_request() {
            match request.line().split_once("?name=web") {
                None => session.send(b"HTTP/1.1 204 No Content\r\n\r\n"),
                Some((_, number)) => {
                    let pieces = &scripts[number.parse::<usize>().expect("a number")];
                    for piece in pieces {
                        session.send(piece);
                    }
                    let whole = pieces.concat();
                    if !whole.windows(8).any(|bytes| bytes == b"Content-")
                        && !whole.windows(8).any(|bytes| bytes == b"Transfer")
                    {
                        session.half_close();
                        return;
                    }
                }
            }
        }
    });
    let proxy = Proxy::start(&daemon, GUARD);
    let is_own = |reference: &str| proxy.client().ask(start(reference)).status == 204;
    let each = answers.iter().enumerate().map(|(number, (what, pieces))| {
        let mut client = proxy.client();
        client.send(create(&format!("web{number}"), ""));
        let sent = pieces.concat();
        let come = client.read_exact(sent.len());
        // At once, on another connection, by the name first.
        let named = is_own(&format!("web{number}"));
        assert!(come == sent, "{what}: {} instead of {}", come.escape_ascii(), sent.escape_ascii());
        (is_own(&numbered(number)), named)
    });
    each.collect()
}

/// The ID in the answer with this number.
fn numbered(number: usize) -> String {
    id(&format!("{number:04x}"))
}

fn whole(bytes: impl Into<Vec<u8>>) -> Vec<Vec<u8>> {
    vec![bytes.into()]
}

fn in_bytes(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.iter().map(|byte| vec![*byte]).collect()
}

fn in_chunks(body: &str, size: usize) -> String {
    let chunks = body
        .as_bytes()
        .chunks(size)
        .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)));
    format!(
        "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunks.collect::<String>()
    )
}

#[test]
fn an_answer_is_heard_however_it_comes_and_passes_byte_for_byte() {
    let body = |number| format!("{{\"Id\":\"{}\",\"Warnings\":[\"a\\u0000b\"]}}\n", numbered(number));
    let sized = |number| response("201 Created", &body(number));
    let long = format!("{{\"Warnings\":[\"{}\"],\"Id\":\"{}\"}}", "w".repeat(16_000), numbered(8));
    let answers = [
        ("in one piece", whole(sized(0))),
        ("byte for byte", in_bytes(&sized(1))),
        ("chunked", whole(in_chunks(&body(2), 1000))),
        ("in chunks of one byte, byte for byte", in_bytes(in_chunks(&body(3), 1).as_bytes())),
        ("behind a 100", whole([b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), sized(4)].concat())),
        (
            "behind two, byte for byte",
            in_bytes(
                &[b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\n".to_vec(), sized(5)]
                    .concat(),
            ),
        ),
        (
            "with an extension and a trailer",
            whole(
                in_chunks(&body(6), 9)
                    .replace("9\r\n", "9;x=y\r\n")
                    .replace("0\r\n\r\n", "0\r\nX: y\r\n\r\n"),
            ),
        ),
        (
            "with other members",
            whole(response(
                "201 Created",
                &format!("{{\"a\":{{\"Id\":\"x\"}},\"Id\":\"{}\",\"b\":null}}", numbered(7)),
            )),
        ),
        ("a long one", whole(response("201 Created", &long))),
    ];
    for ((what, _), heard) in answers.iter().zip(heard(&answers)) {
        assert_eq!(heard, (true, true), "{what}");
    }
}

#[test]
fn an_answer_that_cannot_be_read_in_one_way_passes_and_nothing_is_remembered() {
    let object = |member: &str| whole(response("201 Created", &format!("{{{member}}}")));
    let good = |number| format!("\"Id\":\"{}\"", numbered(number));
    let fields = |fields: &str, body: &str| whole(format!("HTTP/1.1 201 Created\r\n{fields}\r\n{body}"));
    let gzip = [
        b"HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n".to_vec(),
        vec![0x1f; 20],
    ]
    .concat();
    let large = format!("{{{},\"Warnings\":[\"{}\"]}}", good(21), "w".repeat(400_000));
    let answers = [
        ("200", whole(response("200 OK", &format!("{{{}}}", good(0))))),
        ("202", whole(response("202 Accepted", &format!("{{{}}}", good(1))))),
        ("409", whole(response("409 Conflict", &format!("{{{}}}", good(2))))),
        ("63 digits", object(&format!("\"Id\":\"{}\"", &numbered(3)[..63]))),
        ("65 digits", object(&format!("\"Id\":\"{}0\"", numbered(4)))),
        ("12 digits", object(&format!("\"Id\":\"{}\"", &numbered(5)[..12]))),
        ("upper case", object(&format!("\"Id\":\"{}\"", numbered(6).replace("0000", "ABCD")))),
        ("no digits", object(&format!("\"Id\":\"{}\"", "g".repeat(64)))),
        ("a digest", object(&format!("\"Id\":\"sha256:{}\"", numbered(8)))),
        ("a number", object("\"Id\":1")),
        ("an empty string", object("\"Id\":\"\"")),
        ("null", object("\"Id\":null")),
        ("none", object("\"Warnings\":[]")),
        ("id", object(&good(13).replace("Id", "id"))),
        ("ID", object(&good(14).replace("Id", "ID"))),
        ("deeper", object(&format!("\"a\":{{{}}}", good(15)))),
        ("twice", object(&format!("{},{}", good(16), good(16)))),
        ("twice, once escaped", object(&format!("{},{}", good(17), good(17).replace('I', "\\u0049")))),
        ("in a list", whole(response("201 Created", &format!("[{{{}}}]", good(18))))),
        ("with more behind it", whole(response("201 Created", &format!("{{{}}} {{}}", good(19))))),
        ("cut", whole(response("201 Created", &format!("{{{}", good(20))))),
        ("larger than what is read", whole(response("201 Created", &large))),
        ("gzip", whole(gzip)),
        ("no body", fields("Content-Length: 0\r\n", "")),
        ("without an end", fields("", &format!("{{{}}}", good(24)))),
        ("text", whole(response("201 Created", &numbered(25)))),
    ];
    for ((what, _), heard) in answers.iter().zip(heard(&answers)) {
        assert_eq!(heard, (false, false), "{what}");
    }
}

#[test]
fn a_name_is_what_the_query_says_once_and_in_one_way() {
    let stage = Stage::new();
    let queries = [
        ("?name=web", true),
        ("?platform=linux&name=web", true),
        ("?name=w%65b&platform=", true),
        // Docker and the later podman leave it out.
        ("?name=/web", true),
        ("?name=%2Fweb", true),
        ("", false),
        ("?", false),
        ("?name", false),
        ("?name=", false),
        ("?name=web&name=web", false),
        ("?name=web&name=other", false),
        ("?name=other&name=web", false),
        // Docker does not know it, and finds a name by itself; podman takes either.
        ("?Name=web", false),
        ("?NAME=web", false),
        ("?name=web&Name=other", false),
        ("?Name=other&name=web", false),
        ("?Name=web&name=", false),
        ("?name=//web", false),
        ("?name=web/", false),
        ("?name=web/other", false),
        ("?name=other/web", false),
        ("?name=+web", false),
        ("?name=web%00", false),
        ("?name=web;name=other", false),
        ("?xname=web", false),
    ];
    for (number, (query, is_named)) in queries.into_iter().enumerate() {
        let line = format!("POST /containers/create{query}");
        let reply = stage.ask(request(&line, &made(&format!("{number:04x}")), "", r#"{"Image":"busybox"}"#));
        // What is refused makes nothing.
        assert!(matches!(reply.status, 201 | 400 | 403), "{query}: {reply:?}");
        assert_eq!(stage.is_own("web"), is_named, "{query}");
        assert!(!stage.is_own("other"), "{query}");
        if reply.status == 201 {
            assert!(stage.is_own(&numbered(number)), "{query}");
            stage.ask(request(&format!("DELETE /containers/{}", numbered(number)), "204 No Content", "", ""));
            assert!(!stage.is_own("web"), "{query}");
        }
    }
    // Nor by what a body says, which podman reads.
    for body in [r#"{"Image":"busybox","Name":"web"}"#, r#"{"Image":"busybox","name":"web"}"#] {
        stage.ask(request("POST /containers/create", &made("b0d1"), "", body));
        assert!(!stage.is_own("web"), "{body}");
    }
}

#[test]
fn a_name_is_of_the_last_that_was_made_with_it() {
    let stage = Stage::new();
    for start in ["01", "02"] {
        assert_eq!(stage.ask(create("web", start)).status, 201);
    }
    // The first one has ended by itself, and is forgotten late.
    assert_eq!(
        stage.ask(request(&format!("DELETE /containers/{}", id("01")), "404 Not Found {}", "", "")).status,
        404
    );
    assert!(stage.is_own("web"));
    assert_eq!(
        stage.ask(request(&format!("DELETE /containers/{}", id("02")), "204 No Content", "", "")).status,
        204
    );
    assert!(!stage.is_own("web"));
}

// === What is taken away ===

const USES: [(&str, &str); 7] = [
    ("POST /containers/web/exec", r#"{"Cmd":["true"]}"#),
    ("PUT /containers/web/archive?path=/", "tar"),
    ("POST /containers/web/attach?stream=1&stdin=1", ""),
    ("POST /containers/web/kill", ""),
    ("POST /commit?container=web", "{}"),
    ("POST /containers/create", r#"{"Image":"busybox","HostConfig":{"VolumesFrom":["web"]}}"#),
    ("POST /containers/create", r#"{"Image":"busybox","HostConfig":{"Links":["web:alias"]}}"#),
];

fn leaves() -> [String; 4] {
    let whole = id(WEB);
    [
        "DELETE /containers/web?force=1".to_owned(),
        format!("DELETE /containers/{whole}"),
        format!("DELETE /containers/{}", &whole[..12]),
        "POST /containers/web/rename?name=other".to_owned(),
    ]
}

#[test]
fn what_takes_a_name_away_waits_for_the_answers_of_those_that_use_it() {
    for (used, body) in USES {
        for leave in leaves() {
            let stage = Stage::with_web();
            let mut using = stage.begin(request(used, "200 OK {}", "Held: use\r\n", body));
            stage.daemon.wait_for(&format!("got {used}"));
            let mut leaving = stage.begin_to_leave(&request(&leave, "204 No Content", "", ""));
            stage.daemon.release("use");
            assert_eq!(using.read_response().status, 200, "{used}");
            assert_eq!(leaving.read_response().status, 204, "{leave}");
            let (answered, got) = (format!("answered {used}"), format!("got {leave}"));
            assert!(stage.daemon.place(&answered) < stage.daemon.place(&got), "{used}, {leave}");
            assert!(!stage.is_own("web"));
        }
    }
}

#[test]
fn it_waits_for_each_of_them() {
    let stage = Stage::with_web();
    let used = |number| format!("POST /containers/web/kill?signal={number}");
    let mut using = Vec::new();
    for number in 0..3 {
        using.push(stage.begin(request(&used(number), "204 No Content", &format!("Held: {number}\r\n"), "")));
        stage.daemon.wait_for(&format!("got {}", used(number)));
    }
    let mut leaving = stage.begin_to_leave(&request("DELETE /containers/web", "204 No Content", "", ""));
    for (number, mut client) in using.into_iter().enumerate() {
        let before = stage.connections();
        assert_eq!(stage.connections(), before + 1, "it was sent before {number} had its answer");
        stage.daemon.release(&number.to_string());
        assert_eq!(client.read_response().status, 204);
    }
    assert_eq!(leaving.read_response().status, 204);
    let got = stage.daemon.place("got DELETE /containers/web");
    assert!((0..3).all(|number| stage.daemon.place(&format!("answered {}", used(number))) < got));
}

#[test]
fn a_use_whose_body_has_not_come_yet_is_one() {
    let stage = Stage::with_web();
    let used = request("POST /containers/web/exec", &made("ec"), "", r#"{"Cmd":["true"]}"#);
    let (begun, rest) = used.split_at(used.len() - 1);
    let mut using = stage.begin(begun);
    let mut leaving = stage.begin_to_leave(&request("DELETE /containers/web", "204 No Content", "", ""));
    using.send(rest);
    assert_eq!(using.read_response().status, 201);
    assert_eq!(leaving.read_response().status, 204);
    let answered = stage.daemon.place("answered POST /containers/web/exec");
    assert!(answered < stage.daemon.place("got DELETE /containers/web"));
}

#[test]
fn a_use_that_is_refused_is_over() {
    let stage = Stage::with_web();
    for body in [r#"{"Cmd":["true"],"Privileged":true}"#, "{"] {
        let reply = stage.ask(request("POST /containers/web/exec", &made("ec"), "", body));
        assert!(matches!(reply.status, 400 | 403), "{reply:?}");
    }
    // One that is cut, and one with a second name that is not its own.
    let mut cut =
        stage.begin("POST /containers/web/exec HTTP/1.1\r\nHost: docker\r\nContent-Length: 9\r\n\r\n{");
    cut.half_close();
    assert_eq!(cut.read_response().status, 400);
    let body = r#"{"Image":"busybox","HostConfig":{"VolumesFrom":["web","other"]}}"#;
    assert_eq!(stage.ask(request("POST /containers/create", &made("ec"), "", body)).status, 403);
    assert_eq!(stage.ask(request("DELETE /containers/web", "204 No Content", "", "")).status, 204);
}

#[test]
fn what_is_forgotten_goes_by_the_answer() {
    let whole = id(WEB);
    let rename = "POST /containers/web/rename?name=other";
    for (line, answer, web, other, by_id) in [
        ("DELETE /containers/web", "204 No Content", false, false, false),
        ("DELETE /containers/web", "200 OK []", false, false, false),
        ("DELETE /containers/web", "404 Not Found {}", false, false, false),
        ("DELETE /containers/web", "409 Conflict {}", true, false, true),
        ("DELETE /containers/web", "400 Bad Request {}", true, false, true),
        ("DELETE /containers/web", "500 Internal Server Error {}", false, false, true),
        (rename, "204 No Content", false, true, true),
        (rename, "404 Not Found {}", false, false, false),
        (rename, "409 Conflict {}", true, false, true),
        (rename, "400 Bad Request {}", true, false, true),
        (rename, "500 Internal Server Error {}", false, false, true),
        ("POST /containers/web/rename?name=a&name=other", "204 No Content", false, false, true),
        ("POST /containers/web/rename?name=cafe", "204 No Content", false, false, true),
    ] {
        let by_name = Stage::with_web();
        let reply = by_name.ask(request(line, answer, "", ""));
        // What cannot be told in one way may be refused, and changes nothing then.
        if reply.status == 403 {
            assert!(line.contains("&name"), "{line}: {reply:?}");
            continue;
        }
        let stage = Stage::with_web();
        stage.ask(request(&line.replace("/web", &format!("/{whole}")), answer, "", ""));
        for (stage, how) in [(by_name, "by name"), (stage, "by ID")] {
            let own = ["web", "other", &whole].map(|reference| stage.is_own(reference));
            assert_eq!(own, [web, other, by_id], "{line}, {how}: {answer}");
            assert!(!stage.is_own("cafe"));
        }
    }
}

#[test]
fn a_name_that_came_by_rename_is_waited_for_too() {
    let stage = Stage::with_web();
    assert_eq!(
        stage.ask(request("POST /containers/web/rename?name=old", "204 No Content", "", "")).status,
        204
    );
    assert_eq!(stage.ask(create("web", "5ec0")).status, 201);
    let mut using = stage.begin(request("POST /containers/old/kill", "204 No Content", "Held: use\r\n", ""));
    stage.daemon.wait_for("got POST /containers/old/kill");
    // Nobody uses that one.
    assert_eq!(stage.ask(request("DELETE /containers/web", "204 No Content", "", "")).status, 204);
    let mut bystander = stage.proxy.client();
    assert_eq!(bystander.ask(start("old")).status, 204);
    let before = stage.connections();
    let mut leaving = stage.begin(request("DELETE /containers/old", "204 No Content", "", ""));
    until(|| bystander.ask(start("old")).status == 403);
    assert_eq!(stage.connections(), before + 1);
    stage.daemon.release("use");
    assert_eq!(using.read_response().status, 204);
    assert_eq!(leaving.read_response().status, 204);
}

#[test]
fn of_two_removals_the_second_waits_for_the_answer_of_the_first() {
    for (answer, is_there) in
        [("409 Conflict {}", true), ("500 Internal Server Error {}", true), ("204 No Content", false)]
    {
        let stage = Stage::with_web();
        let (by_name, by_id) =
            ("DELETE /containers/web".to_owned(), format!("DELETE /containers/{}", id(WEB)));
        let mut first = stage.begin(request(&by_name, answer, "Held: first\r\n", ""));
        stage.daemon.wait_for(&format!("got {by_name}"));
        assert_eq!(
            stage.ask(request(&by_name, "204 No Content", "", "")).status,
            403,
            "the name is nobody's"
        );
        let before = stage.connections();
        let mut second = stage.begin(request(&by_id, "204 No Content", "", ""));
        // It is judged by then, as the proxy here has one thread.
        assert_eq!(stage.connections(), before + 1, "both are with the daemon");
        stage.daemon.release("first");
        assert_eq!(first.read_response().status, answer[..3].parse::<u16>().expect("a status"));
        let second = second.read_response();
        assert!(second.status == 204 || (second.status == 403 && !is_there), "{second:?}");
        assert!(!stage.is_own("web") && !stage.is_own(&id(WEB)));
    }
}

/// The daemon would look the name up when it is another one's.
#[test]
fn a_removal_by_name_is_not_sent_once_another_request_has_taken_the_name_away() {
    let daemon = Daemon::new();
    // With its own threads, so that those that wait go on in any order.
    let program = Program::start(&daemon.fake.socket(), GUARD);
    for round in 0..50 {
        let name = format!("web-{round}");
        let whole = numbered(round);
        let ask = |request: String| program.client().ask(request).status;
        assert_eq!(ask(create(&name, &whole)), 201);
        let held = request(
            &format!("POST /containers/{name}/kill"),
            "204 No Content",
            &format!("Held: {name}\r\n"),
            "",
        );
        let mut using = program.client();
        using.send(held);
        daemon.wait_for(&format!("got POST /containers/{name}/kill"));
        let rename = format!("POST /containers/{whole}/rename?name=other-{round}");
        let delete = format!("DELETE /containers/{name}");
        let mut leaving = [&delete, &rename].map(|line| {
            let mut client = program.client();
            client.send(request(line, "204 No Content", "", ""));
            until(|| ask(start(&name)) == 403);
            client
        });
        daemon.release(&name);
        assert_eq!(using.read_response().status, 204);
        let statuses = leaving.each_mut().map(|client| client.read_response().status);
        let events = daemon.events();
        let place = |event: String| events.iter().position(|seen| *seen == event);
        if let (Some(renamed), Some(deleted)) =
            (place(format!("answered {rename}")), place(format!("got {delete}")))
        {
            assert!(
                deleted < renamed,
                "round {round}: {delete} was sent when the name was free: {statuses:?}"
            );
        }
    }
}

#[test]
fn a_client_that_vanishes_while_it_waits_takes_nothing_away() {
    let stage = Stage::with_web();
    let mut using = stage.begin(request("POST /containers/web/kill", "204 No Content", "Held: use\r\n", ""));
    stage.daemon.wait_for("got POST /containers/web/kill");
    let leaving = stage.begin_to_leave(&request("DELETE /containers/web", "409 Conflict {}", "", ""));
    leaving.reset();
    // The end of a Unix socket does not tell that its client is gone for good.
    if matches!(Kind::HERE, Kind::Tcp) {
        until(|| stage.is_own("web"));
        assert!(!stage.daemon.events().contains(&"got DELETE /containers/web".to_owned()));
        assert_eq!(stage.ask(request("POST /containers/web/pause", "204 No Content", "", "")).status, 204);
    }
    stage.daemon.release("use");
    assert_eq!(using.read_response().status, 204);
    until(|| stage.is_own("web"));
}

/// The daemon goes on, and what it says then counts. Where it says nothing, nobody knows who has the name.
#[test]
fn the_answer_to_a_client_that_has_gone_is_heard() {
    let (delete, rename) = ("DELETE /containers/web", "POST /containers/web/rename?name=other");
    for (line, answer, after) in [
        (delete, "204 No Content", [false, false, false]),
        (delete, "409 Conflict {}", [true, false, true]),
        (delete, "never", [false, false, true]),
        (rename, "204 No Content", [false, true, true]),
        (rename, "never", [false, false, true]),
    ] {
        let stage = Stage::with_web();
        let ended = stage.connections();
        let leaving = stage.begin(request(line, answer, "Held: leave\r\n", ""));
        stage.daemon.wait_for(&format!("got {line}"));
        leaving.reset();
        let own = || ["web", "other", &id(WEB)].map(|reference| stage.is_own(reference));
        assert_eq!(own(), [false, false, true], "{line}");
        stage.daemon.release("leave");
        stage.daemon.fake.wait_for_ends(ended + 1);
        // One of its threads may still be at it after another has answered others.
        let begun = Instant::now();
        while own() != after {
            assert!(begun.elapsed() < PATIENCE, "{line}: {answer}");
            stage.connections();
        }
    }
}

/// The daemon may still look the name up.
#[test]
fn a_use_whose_client_has_gone_is_waited_for() {
    let volumes = r#"{"Image":"busybox","HostConfig":{"VolumesFrom":["web"]}}"#;
    for (used, body) in [("DELETE /containers/web", ""), ("POST /containers/create", volumes)] {
        let stage = Stage::with_web();
        let using = stage.begin(request(used, "409 Conflict {}", "Held: use\r\n", body));
        stage.daemon.wait_for(&format!("got {used}"));
        using.reset();
        // After two rounds the proxy has seen it.
        stage.connections();
        let before = stage.connections();
        let rename = format!("POST /containers/{}/rename?name=other", id(WEB));
        let mut leaving = stage.begin(request(&rename, "204 No Content", "", ""));
        assert_eq!(stage.connections(), before + 1, "{used}: the name may be looked up yet");
        stage.daemon.release("use");
        assert_eq!(leaving.read_response().status, 204);
        assert!(
            stage.daemon.place(&format!("answered {used}")) < stage.daemon.place(&format!("got {rename}"))
        );
    }
}

/// The daemon has looked it up long ago: a stop can take minutes, and who removes the container meanwhile need not wait.
#[test]
fn what_is_answered_late_is_not_waited_for() {
    let stage = Stage::with_web();
    let stop = "POST /containers/web/stop?t=600";
    let mut stopping = stage.begin(request(stop, "204 No Content", "Held: stop\r\n", ""));
    stage.daemon.wait_for(&format!("got {stop}"));
    assert_eq!(stage.ask(request("DELETE /containers/web?force=1", "204 No Content", "", "")).status, 204);
    stage.daemon.release("stop");
    assert_eq!(stopping.read_response().status, 204);
}

#[test]
fn a_request_that_passed_before_is_judged_again() {
    let stage = Stage::with_web();
    let mut client = stage.proxy.client();
    for _ in 0..3 {
        assert_eq!(client.ask(start("web")).status, 204);
    }
    assert_eq!(stage.ask(request("DELETE /containers/web", "204 No Content", "", "")).status, 204);
    assert_eq!(client.ask(start("web")).status, 403);
    // The other way round: what was refused passes once it is made.
    assert_eq!(stage.ask(create("web", "5ec0")).status, 201);
    assert!(stage.is_own("web"));
}

// === Other things ===

#[test]
fn an_exec_is_started_by_who_made_it() {
    let stage = Stage::with_web();
    let exec = "ecec".repeat(16);
    let made = format!("201 Created {{\"Id\":\"{exec}\"}}");
    assert_eq!(stage.ask(request("POST /containers/web/exec", &made, "", r#"{"Cmd":["true"]}"#)).status, 201);
    let run = |id: &str, what: &str| {
        stage.ask(request(&format!("POST /exec/{id}/{what}"), "200 OK {}", "", "{}")).status
    };
    let other = "eced".repeat(16);
    for what in ["start", "resize?h=1&w=1"] {
        assert_eq!(run(&exec, what), 200, "{what}");
        // That of the container is none.
        for reference in [&other, &exec[..12], &exec[..63], &id(WEB), "web", "x"] {
            assert_eq!(run(reference, what), 403, "{what} of {reference}");
        }
    }
    // It is no container either.
    assert!(!stage.is_own(&exec));
}

#[test]
fn a_network_is_named_by_its_name_and_by_its_id() {
    let stage = Stage::with_web();
    let body = r#"{"Name":"inner","CheckDuplicate":true}"#;
    assert_eq!(stage.ask(request("POST /networks/create", &made("7e7"), "", body)).status, 201);
    let connect = |network: &str| {
        let line = format!("POST /networks/{network}/connect");
        stage.ask(request(&line, "200 OK {}", "", r#"{"Container":"web"}"#)).status
    };
    let create_in = |network: &str| {
        let body = format!("{{\"Image\":\"busybox\",\"HostConfig\":{{\"NetworkMode\":\"{network}\"}}}}");
        stage.ask(request("POST /containers/create", &made("5ed"), "", &body)).status
    };
    for network in ["inner", &id("7e7"), &id("7e7")[..12], "bridge"] {
        assert_eq!((connect(network), create_in(network)), (200, 201), "{network}");
    }
    for network in ["outer", "7e700000000", &id("7e8"), "host", &id(WEB)] {
        assert_eq!((connect(network), create_in(network)), (403, 403), "{network}");
    }
    // A container of that name is another thing.
    assert_eq!(create_in("web"), 403);
    assert_eq!(create_in("container:inner"), 403);
    // Its removal waits for those that use it.
    let used = "POST /networks/inner/connect";
    let mut using = stage.begin(request(used, "200 OK {}", "Held: use\r\n", r#"{"Container":"web"}"#));
    stage.daemon.wait_for(&format!("got {used}"));
    let before = stage.connections();
    let mut leaving = stage.begin(request("DELETE /networks/inner", "204 No Content", "", ""));
    assert_eq!(stage.connections(), before + 1);
    assert_eq!(connect("inner"), 403);
    stage.daemon.release("use");
    assert_eq!((using.read_response().status, leaving.read_response().status), (200, 204));
    assert_eq!((connect("inner"), connect(&id("7e7"))), (403, 403));
}

/// Docker says 403 where a container is in it (moby `libnetwork/error.go`, ActiveEndpointsError).
#[test]
fn a_network_that_cannot_be_removed_keeps_its_name() {
    let stage = Stage::with_web();
    let body = r#"{"Name":"inner","CheckDuplicate":true}"#;
    assert_eq!(stage.ask(request("POST /networks/create", &made("7e7"), "", body)).status, 201);
    let said = r#"403 Forbidden {"message":"error while removing network: inner has active endpoints"}"#;
    let reply = stage.ask(request("DELETE /networks/inner", said, "", ""));
    assert!(reply.text().contains("active endpoints"), "{reply:?}");
    let connect = request("POST /networks/inner/connect", "200 OK {}", "", r#"{"Container":"web"}"#);
    assert_eq!(stage.ask(connect).status, 200);
}

/// podman 4.5 to 4.9 answers with the ID of a network that is there; Docker up to 24 makes another one of its name.
#[test]
fn a_network_is_new_where_the_daemon_says_so() {
    for (by, body, by_name, by_id) in [
        ("Docker/29.1.0\r\nApi-Version: 1.52", "", true, true),
        ("Docker/25.0.0\r\nApi-Version: 1.44", "", true, true),
        ("Docker/20.10.24\r\nApi-Version: 1.41", "", false, true),
        ("Docker/20.10.24\r\nApi-Version: 1.41", r#","CheckDuplicate":true"#, true, true),
        ("Docker/20.10.24\r\nApi-Version: 1.41", r#","CheckDuplicate":false"#, false, true),
        ("Docker/29.1.0", "", false, true),
        ("Docker/29.1.0\r\nApi-Version: 1.52\r\nApi-Version: 1.52", "", false, true),
        ("Libpod/4.9.4 (linux)\r\nApi-Version: 1.41", "", false, false),
        ("Libpod/4.9.4 (linux)\r\nApi-Version: 1.44", "", false, false),
        ("Libpod/4.9.4 (linux)\r\nApi-Version: 1.41", r#","CheckDuplicate":true"#, true, true),
        ("Libpod/4.9.4 (linux)\r\nApi-Version: 1.41", r#","CheckDuplicate":false"#, false, false),
        ("x\r\nServer: Docker/29.1.0\r\nApi-Version: 1.52", "", false, false),
        ("x", "", false, false),
    ] {
        let stage = Stage::with_web();
        // What a field of the request says has no line ends.
        let fields = format!("By: {}\r\n", by.replace("\r\n", "~"));
        let body = format!("{{\"Name\":\"inner\"{body}}}");
        assert_eq!(stage.ask(request("POST /networks/create", &made("7e7"), &fields, &body)).status, 201);
        let connect = |network: &str| {
            let line = format!("POST /networks/{network}/connect");
            stage.ask(request(&line, "200 OK {}", "", r#"{"Container":"web"}"#)).status == 200
        };
        assert_eq!((connect("inner"), connect(&id("7e7"))), (by_name, by_id), "{by}: {body}");
    }
    // That Docker says where there is another one.
    for (warning, by_name) in [("", true), ("Network with name inner (id : 1) already exists", false)] {
        let stage = Stage::with_web();
        let answer = format!("201 Created {{\"Id\":\"{}\",\"Warning\":\"{warning}\"}}", id("7e7"));
        let by = "By: Docker/20.10.24~Api-Version: 1.41\r\n";
        let reply = stage.ask(request("POST /networks/create", &answer, by, r#"{"Name":"inner"}"#));
        assert_eq!(reply.status, 201);
        let connect = request("POST /networks/inner/connect", "200 OK {}", "", r#"{"Container":"web"}"#);
        assert_eq!(stage.ask(connect).status == 200, by_name, "{warning}");
    }
}

#[test]
fn a_volume_without_a_name_is_removed_by_who_made_it() {
    let stage = Stage::new();
    let make = |body: &str, name: &str| {
        let answer = format!("201 Created {{\"Name\":\"{name}\"}}");
        stage.ask(request("POST /volumes/create", &answer, "", body)).status
    };
    let remove =
        |name: &str| stage.ask(request(&format!("DELETE /volumes/{name}"), "409 Conflict {}", "", "")).status;
    assert_eq!((make("{}", &id("a0")), make(r#"{"Labels":{}}"#, "short")), (201, 201));
    // It has the name that it was given, and may have been there.
    assert_eq!(make(&format!("{{\"Name\":\"{}\"}}", id("a1")), &id("a1")), 403);
    for (name, status) in [(&id("a0")[..], 409), ("short", 403), (&id("a1"), 403), (&id("a0")[..12], 403)] {
        assert_eq!(remove(name), status, "{name}");
    }
}

#[test]
fn clients_with_names_have_each_their_own() {
    let daemon = Daemon::new();
    let dirs = [TempDir::new(), TempDir::new()];
    let listens = dirs.each_ref().map(|dir| Kind::HERE.free(dir));
    let mut vars = GUARD.to_vec();
    vars.extend([("A__LISTEN", &listens[0][..]), ("B__LISTEN", &listens[1])]);
    let socket = daemon.fake.socket();
    vars.push(("SOCKET_PATH", socket.to_str().expect("a path in UTF-8")));
    let program = Program::spawn(Program::command(&[], &vars));
    let addresses = ["A", "B"].map(|name| {
        let line = program.wait_for_log(&format!(" for {name} on "));
        let (_, listens) = line.split_once(" on ").expect("an address");
        listens
            .split([' ', ','])
            .next()
            .expect("a word")
            .parse::<crate::support::Address>()
            .expect("an address")
    });
    let [a, b] =
        addresses.each_ref().map(|address| move |request: &str| Client::connect(address).ask(request).status);
    assert_eq!((a(&create("web", "0a")), b(&create("db-1", "0b"))), (201, 201));
    let exec = |name: &str| {
        request(&format!("POST /containers/{name}/exec"), &made("ec"), "", r#"{"Cmd":["true"]}"#)
    };
    assert_eq!(a(&exec("web")), 201);
    let uses = |reference: &str| {
        let mut uses = vec![start(reference), exec(reference)];
        uses.push(request(&format!("DELETE /containers/{reference}"), "409 Conflict {}", "", ""));
        uses
    };
    for (reference, by_a) in [("web", true), (&id("0a"), true), ("db-1", false), (&id("0b"), false)] {
        for used in uses(reference) {
            assert_eq!((a(&used) != 403, b(&used) != 403), (by_a, !by_a), "{used}");
        }
    }
    let run = request(&format!("POST /exec/{}/start", id("ec")), "200 OK {}", "", "{}");
    assert_eq!((a(&run), b(&run)), (200, 200), "each has made one with this ID here");
}
