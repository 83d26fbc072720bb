//! The proxy in front of Go's net/http, the parser that counts: `tests/godaemon`, whose path is in GO_DAEMON.

mod support;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read;
use std::net::Shutdown;
use std::path::Path;
use std::time::Duration;
use support::go::{self, Reading, Release};
use support::godaemon::{GoDaemon, GoReader, Report};
use support::{Client, Proxy, boundaries, naive, show};

/// One connection and what must become of it; `tests/cases/README.md` has the format.
#[derive(Debug, Default)]
struct Case {
    name: String,
    vars: Vec<(String, String)>,
    steps: Vec<Step>,
    requests: Vec<Expected>,
    raw: Vec<u8>,
}

#[derive(Debug)]
enum Step {
    Send(Vec<u8>),
    /// A response of the daemon, with its body if that matters.
    Answer(u16, Option<Vec<u8>>),
    AnswerToHead(u16),
    /// The head of a response that goes on, and how its body begins.
    Stream(u16, Vec<u8>),
    /// A response of the proxy, which then closes.
    Refused(u16),
    Raw(Vec<u8>),
    HalfClose,
    Reset,
}

/// A request that must reach the daemon.
#[derive(Debug)]
struct Expected {
    method: String,
    target: String,
    body: Option<Vec<u8>>,
}

impl Case {
    fn read(text: &str) -> Self {
        let mut case = Self::default();
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let mut words = rest.splitn(3, ' ');
            let status = || rest[..3].parse().expect("a status");
            let behind_status = || (rest.len() > 4).then(|| unescape(&rest[4..]));
            match word {
                "==" => case.name = rest.to_owned(),
                "vars" => {
                    let pairs = rest.split(' ').map(|pair| pair.split_once('=').expect("NAME=VALUE"));
                    case.vars = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                }
                ">" => match case.steps.last_mut() {
                    Some(Step::Send(bytes)) => bytes.extend(unescape(rest)),
                    _ => case.steps.push(Step::Send(unescape(rest))),
                },
                "<" => case.steps.push(Step::Answer(status(), behind_status())),
                "<head" => case.steps.push(Step::AnswerToHead(status())),
                "<stream" => case.steps.push(Step::Stream(status(), behind_status().unwrap_or_default())),
                "!" => case.steps.push(Step::Refused(status())),
                "raw<" => case.steps.push(Step::Raw(unescape(rest))),
                "raw=" => case.raw.extend(unescape(rest)),
                "half-close" => case.steps.push(Step::HalfClose),
                "reset" => case.steps.push(Step::Reset),
                "=" => case.requests.push(Expected {
                    method: words.next().expect("a method").to_owned(),
                    target: words.next().expect("a target").to_owned(),
                    body: match words.next().unwrap_or_default() {
                        "?" => None,
                        body => Some(unescape(body)),
                    },
                }),
                _ => panic!("{}: what is {line:?}?", case.name),
            }
        }
        case
    }

    /// All that the client sends.
    fn stream(&self) -> Vec<u8> {
        let sent = self.steps.iter().filter_map(|step| match step {
            Step::Send(bytes) => Some(&bytes[..]),
            _ => None,
        });
        sent.collect::<Vec<_>>().concat()
    }

    fn run(&self, proxy: &Proxy) {
        let mut client = proxy.client();
        for step in &self.steps {
            match step {
                // It may be refused before all of it is sent.
                Step::Send(bytes) => drop(client.try_send(bytes)),
                Step::Answer(status, body) => {
                    let head = read_head(&mut client, *status);
                    if *status != 101 {
                        let response = client.read_body(head, false);
                        if let Some(body) = body {
                            assert_eq!(show(&response.body), show(body));
                        }
                    }
                }
                Step::AnswerToHead(status) => drop(read_head(&mut client, *status)),
                Step::Stream(status, begin) => {
                    read_head(&mut client, *status);
                    assert_eq!(show(&client.read_exact(begin.len())), show(begin));
                }
                Step::Refused(status) => {
                    read_head(&mut client, *status);
                    let message = client.read_to_end();
                    let ours =
                        message.is_empty() || message.starts_with(b"{\"message\":\"docker-socket-proxy: ");
                    assert!(ours && message.len() < 1000, "{}", show(&message));
                    return;
                }
                Step::Raw(bytes) => assert_eq!(show(&client.read_exact(bytes.len())), show(bytes)),
                Step::HalfClose => client.half_close(),
                Step::Reset => return client.reset(),
            }
        }
        // It may have closed already.
        let _ = client.stream.shutdown(Shutdown::Write);
        let rest = client.read_to_end();
        let stream = self.steps.iter().any(|step| matches!(step, Step::Stream(..)));
        assert!(rest.is_empty() || stream, "then came {}", show(&rest));
    }

    fn check(&self, report: &Report) {
        let seen: Vec<_> = report.requests.iter().map(|seen| line(&seen.method, &seen.target)).collect();
        let expected = self.requests.iter().map(|request| format!("{} {}", request.method, request.target));
        assert_eq!(seen, expected.collect::<Vec<_>>());
        for (seen, expected) in report.requests.iter().zip(&self.requests) {
            if let Some(body) = &expected.body {
                assert!(seen.whole, "its body did not end");
                assert_eq!(show(&seen.body), show(body));
            }
        }
        if self.requests.is_empty() {
            assert_eq!(report.bytes, 0, "bytes of it reached the daemon");
        }
        let raw: Vec<u8> = report.requests.iter().flat_map(|seen| seen.raw.clone()).collect();
        assert_eq!(show(&raw), show(&self.raw));
    }
}

fn line(method: &[u8], target: &[u8]) -> String {
    format!("{} {}", String::from_utf8_lossy(method), String::from_utf8_lossy(target))
}

/// Reads up to the head of this status; interim ones before it pass.
fn read_head(client: &mut Client, status: u16) -> String {
    loop {
        let head = client.read_head();
        let got: u16 = head[9..12].parse().expect("a status");
        if got == status {
            return head;
        }
        assert!((102..200).contains(&got) || got == 100, "{status} was expected, but came {head}");
    }
}

/// Reads `\r`, `\n`, `\t`, `\0`, `\\`, `\xNN`, and `\{N*text}` for so many times that text.
fn unescape(text: &str) -> Vec<u8> {
    let mut letters = text.bytes();
    let bytes = unescape_until(&mut letters, None);
    assert_eq!(letters.len(), 0, "too many }} in {text:?}");
    bytes
}

fn unescape_until(letters: &mut std::str::Bytes<'_>, end: Option<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(letter) = letters.next().filter(|letter| Some(*letter) != end) {
        if letter != b'\\' {
            bytes.push(letter);
            continue;
        }
        match letters.next() {
            Some(b'r') => bytes.push(b'\r'),
            Some(b'n') => bytes.push(b'\n'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'0') => bytes.push(0),
            Some(b'\\') => bytes.push(b'\\'),
            Some(b'x') => {
                let digits: Vec<u8> = letters.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&show(&digits), 16).expect("two digits"));
            }
            Some(b'{') => {
                let count: Vec<u8> = letters.by_ref().take_while(|letter| *letter != b'*').collect();
                let unit = unescape_until(letters, Some(b'}'));
                bytes.extend(unit.repeat(show(&count).parse().expect("a count")));
            }
            other => panic!("what is \\ and {other:?}?"),
        }
    }
    bytes
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("a folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    let texts: Vec<String> = files.iter().map(|file| fs::read_to_string(file).expect("text")).collect();
    texts.iter().flat_map(|text| text.split("\n\n")).map(Case::read).collect()
}

/// Proxies in front of one daemon, one for each environment.
struct Proxies<'d> {
    daemon: &'d GoDaemon,
    started: HashMap<Vec<(String, String)>, Proxy>,
}

impl<'d> Proxies<'d> {
    fn before(daemon: &'d GoDaemon) -> Self {
        Self { daemon, started: HashMap::new() }
    }

    fn with(&mut self, vars: &[(String, String)]) -> &Proxy {
        self.started.entry(vars.to_vec()).or_insert_with(|| {
            let vars: Vec<_> = vars.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            let proxy = if self.daemon.added > 0 { Proxy::narrow_at } else { Proxy::at };
            proxy(&self.daemon.socket(), &vars)
        })
    }
}

#[test]
#[ignore = "needs GO_DAEMON, the path of tests/godaemon once built"]
fn every_case_ends_as_it_says() {
    let daemon = GoDaemon::start("after", 0);
    let mut proxies = Proxies::before(&daemon);
    let cases = cases();
    assert!(cases.len() > 200);
    for case in cases {
        // Shown where the test fails.
        println!("{}", case.name);
        case.run(proxies.with(&case.vars));
        case.check(&daemon.report());
    }
}

// Whatever a handler does with the body

/// How handlers deal with a request's body, as `tests/godaemon` has them.
const MANNERS: [&str; 7] = ["after", "while", "before", "before-half-duplex", "part", "json", "elsewhere"];

/// More than is under way to a client with narrow buffers: Go has written such an answer long before the proxy has
/// passed it on and sees its end.
const LONG_ANSWER: usize = 55_000;

/// A daemon for each manner, with short answers and with long ones.
fn daemons() -> Vec<GoDaemon> {
    let manners = MANNERS.iter();
    manners.flat_map(|manner| [0, LONG_ANSWER].map(|added| GoDaemon::start(manner, added))).collect()
}

/// A request that no environment of these tests allows.
const DENIED: &str = "GET /images/json HTTP/1.1\r\nHost: x\r\n\r\n";

const CHUNKED_BUILD: &str = "POST /build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

fn variables_on(names: &[&str]) -> Vec<(String, String)> {
    names.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect()
}

impl Proxies<'_> {
    /// Has a client send this in two writes and then read to the end: slowly and with narrow buffers where the answers
    /// are long.
    fn deliver(&mut self, vars: &[(String, String)], stream: &[u8], cut: usize) -> Report {
        let slow = self.daemon.added > 0;
        let proxy = self.with(vars);
        let mut client = if slow { Client::connect_narrow(&proxy.address) } else { proxy.client() };
        let (first, second) = stream.split_at(cut);
        let _ = client.try_send(first);
        let _ = client.try_send(second);
        let _ = client.stream.shutdown(Shutdown::Write);
        // What is silent for longer is a stream that goes on, perhaps before bytes that wait for its end.
        client.stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a read timeout");
        let mut piece = vec![0; if slow { 512 } else { 64 * 1024 }];
        while let Ok(1..) = client.stream.read(&mut piece) {}
        client.reset();
        self.daemon.report()
    }
}

/// What Go has read is, in order and unchanged, what the oracle admits of the client's stream.
///
/// # Errors
/// What is not.
fn check_delivered(stream: &[u8], grants: &naive::Environment, report: &Report) -> Result<(), String> {
    let mut rest = stream;
    for (before, seen) in report.requests.iter().enumerate() {
        let read = line(&seen.method, &seen.target);
        let Ok(admitted) = naive::admit(rest, grants) else {
            return Err(format!("Go has read {read}, which is not admitted, behind {before} requests"));
        };
        if read != line(admitted.request.method.as_bytes(), &admitted.request.target)
            || seen.path != admitted.decoded_path.as_bytes()
        {
            return Err(format!("Go has read {read} with the path {}", show(&seen.path)));
        }
        let as_sent = match &admitted.body {
            Ok((_, body)) if seen.whole => seen.body == *body,
            Ok((_, body)) => body.starts_with(&seen.body),
            Err(_) => !seen.whole,
        };
        if !as_sent {
            return Err(format!("Go has read {read} with another body: {}", show(&seen.body)));
        }
        rest = admitted.body.map_or(&[], |(length, _)| &rest[length..]);
        if seen.raw.is_empty() {
            rest = &rest[naive::blanks(&admitted.request, rest)..];
        } else {
            if admitted.hijack.is_none() || !rest.starts_with(&seen.raw) {
                return Err(format!("Go has read raw bytes behind {read}: {}", show(&seen.raw)));
            }
            rest = &[];
        }
    }
    Ok(())
}

/// What is shown of a stream.
fn shortened(stream: &[u8]) -> String {
    match stream.len() {
        0..2000 => show(stream),
        length => format!("{}... {length} bytes", show(&stream[..2000])),
    }
}

/// Collects what went wrong with each daemon, so that it can be counted.
#[derive(Default)]
struct Failures(BTreeMap<String, Vec<String>>);

impl Failures {
    fn note(&mut self, daemon: &GoDaemon, stream: &[u8], outcome: Result<(), String>) {
        if let Err(error) = outcome {
            let name = format!("{}, {} bytes added", daemon.manner, daemon.added);
            self.0.entry(name).or_default().push(format!("{error}; sent: {}", shortened(stream)));
        }
    }

    fn assert_none_of(&self, count: usize) {
        let failed: usize = self.0.values().map(Vec::len).sum();
        let shown = self.0.iter().fold(String::new(), |shown, (daemon, failures)| {
            format!("{shown}\n{daemon}: {}, the first: {}", failures.len(), failures[0])
        });
        assert!(self.0.is_empty(), "{failed} of {count} streams failed:{shown}");
    }
}

/// Sends each of these streams to every daemon: a request that BUILD and POST allow, and behind its head what must not
/// be read as a second one.
fn deliver_everywhere(streams: &[Vec<u8>]) {
    let vars = variables_on(&["POST", "BUILD"]);
    let grants = naive::Environment::read(&vars).expect("variables");
    let mut failures = Failures::default();
    let daemons = daemons();
    for daemon in &daemons {
        let mut proxies = Proxies::before(daemon);
        for stream in streams {
            // Shown where the test fails.
            println!("{} {} {}", daemon.manner, daemon.added, shortened(stream));
            let head = naive::head_length(stream).expect("a head");
            let report = proxies.deliver(&vars, stream, if daemon.added > 0 { head } else { 0 });
            let outcome = check_delivered(stream, &grants, &report);
            let one = (report.requests.len() < 2).then_some(()).ok_or("more than one request".to_owned());
            failures.note(daemon, stream, outcome.and(one));
        }
    }
    failures.assert_none_of(daemons.len() * streams.len());
}

#[test]
#[ignore = "needs GO_DAEMON, the path of tests/godaemon once built"]
fn a_chunk_of_any_size_hides_no_request() {
    let lines = boundaries::hexadecimal()
        .into_iter()
        .flat_map(|size| [format!("{size}\r\n"), format!("{size};x=y\r\n")]);
    let streams = lines.map(|line| format!("{CHUNKED_BUILD}{line}{DENIED}").into_bytes());
    deliver_everywhere(&streams.collect::<Vec<_>>());
}

#[test]
#[ignore = "needs GO_DAEMON, the path of tests/godaemon once built"]
fn a_body_of_any_length_hides_no_request() {
    let streams = boundaries::decimal().into_iter().map(|length| {
        format!("POST /build HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{DENIED}").into_bytes()
    });
    deliver_everywhere(&streams.collect::<Vec<_>>());
}

#[test]
#[ignore = "needs GO_DAEMON, the path of tests/godaemon once built"]
fn framing_of_any_amount_hides_no_request() {
    let steps = (1..=10).map(|step| step * 1024);
    let trailers = steps.clone().flat_map(|length| [one_trailer(length), many_trailers(length)]);
    let size = format!("{:x}", DENIED.len());
    let extensions = (500..=5000)
        .step_by(500)
        .map(|length| format!("{}{DENIED}\r\n0\r\n\r\n", long_extension(&size, length)));
    let paddings = steps.map(|count| padded_chunks(count, 1000));
    let bodies = trailers.chain(extensions).chain(paddings);
    let streams = bodies.map(|body| format!("{CHUNKED_BUILD}{body}{DENIED}").into_bytes());
    deliver_everywhere(&streams.collect::<Vec<_>>());
}

/// Where the answer came before the request was complete, nobody knows what the daemon will take the rest for.
#[test]
#[ignore = "needs GO_DAEMON, the path of tests/godaemon once built"]
fn a_connection_that_was_answered_early_ends() {
    let vars = variables_on(&["POST", "BUILD"]);
    for manner in ["before", "part", "json"] {
        for added in [0, LONG_ANSWER] {
            let daemon = GoDaemon::start(manner, added);
            if !daemon.full_duplex {
                return println!("this Go never answers early");
            }
            let mut proxies = Proxies::before(&daemon);
            let mut client = proxies.with(&vars).client();
            client.send(format!("{CHUNKED_BUILD}2\r\n{{}}\r\n"));
            let response = client.read_response();
            assert_eq!(response.status, 200, "{manner}");
            // The proxy may have closed already.
            let _ = client.try_send("0\r\n\r\nGET /_ping HTTP/1.1\r\nHost: x\r\n\r\n");
            assert_eq!(show(&client.read_to_end()), "", "{manner}");
            assert_eq!(daemon.report().requests.len(), 1, "{manner}");
        }
    }
}

// Chunked bodies that count on a reader's patience

/// A trailer section of so many bytes, in one line.
fn one_trailer(length: usize) -> String {
    format!("0\r\nX: {}\r\n\r\n", "y".repeat(length - 5))
}

/// The same in lines of 17 bytes.
fn many_trailers(length: usize) -> String {
    format!("0\r\n{}\r\n", "X-Y: 0123456789\r\n".repeat(length / 17))
}

/// The line of a chunk with an extension of so many bytes.
fn long_extension(size: &str, length: usize) -> String {
    format!("{size};{}\r\n", "a".repeat(length - 1))
}

/// So many chunks of one byte, whose sizes are as long as Go takes them, and one with an extension, whose data is a
/// request. With 8,192 of them Go 1.21 to 1.23.7 give up at the extension.
fn padded_chunks(count: usize, extension: usize) -> String {
    let last = long_extension(&format!("{:016x}", DENIED.len()), extension);
    format!("{}{last}{DENIED}\r\n0\r\n\r\n", "0000000000000001\r\nx\r\n".repeat(count))
}

// The oracle of Go's count

/// What `go1.26.6` is one of.
fn release(version: &str) -> Release {
    let numbers: Vec<u32> =
        version.trim_start_matches("go").split('.').map_while(|part| part.parse().ok()).collect();
    match numbers[..] {
        [1, ..=20, ..] => Release::UpTo1_20,
        [1, 21, ..] => Release::UpTo1_21,
        [1, 22, ..] | [1, 23, ..=7] | [1, 24, ..=1] => Release::UpTo1_23_7,
        [1, ..] => Release::Later,
        _ => panic!("which Go is {version}?"),
    }
}

/// What the fuzz target `framing` and `tests/framing.rs` lean on is right for this Go.
#[test]
#[ignore = "needs GO_DAEMON, the path of tests/godaemon once built"]
fn the_oracle_counts_as_this_go_does() {
    let mut reader = GoReader::start();
    let release = release(&reader.version);
    let lines = boundaries::hexadecimal().into_iter().map(|size| format!("{size}\r\n{DENIED}"));
    let trailers = (4080..4100).flat_map(|length| [one_trailer(length), many_trailers(length)]);
    let extensions = (4080..4100).map(|length| long_extension("1", length));
    let paddings = [8191, 8192].map(|count| padded_chunks(count, 1000));
    let bodies =
        lines.chain(trailers).chain(extensions).chain(paddings).chain(boundaries::bodies().take(3000));
    let mut given_up = 0;
    for body in bodies {
        let expected = match go::read_chunked(body.as_bytes(), release) {
            Reading::Complete(length, data) => {
                let data: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("complete {length} {data}")
            }
            Reading::Waits => String::from("waits"),
            Reading::GaveUp(..) => String::from("gave up"),
        };
        given_up += usize::from(expected == "gave up");
        assert_eq!(
            reader.read(body.as_bytes()),
            expected.trim_end(),
            "{}: {}",
            reader.version,
            shortened(body.as_bytes())
        );
    }
    assert!(given_up > 100, "{given_up}");
}

// Mutated streams

/// A generator of numbers that look random and are the same each time (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn one_of<'t, T>(&mut self, these: &'t [T]) -> &'t T {
        &these[self.below(these.len())]
    }
}

/// What framing, targets and grants hang on.
const WORDS: &[&str] = &[
    "\r\n",
    "\r",
    "\n",
    "\r\n\r\n",
    " ",
    "\t",
    "\0",
    ":",
    ";",
    ",",
    "/",
    "//",
    "/../",
    "%2f",
    "%2e",
    "%00",
    "?",
    "#",
    "\\",
    "0",
    "5",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
    "1;x=y\r\nz\r\n",
    "+",
    "-",
    "0x",
    "chunked",
    "identity",
    "close",
    "keep-alive",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Content-Length:\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: identity\r\n",
    "Trailer: X\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Connection: Upgrade\r\nUpgrade: tcp\r\n",
    "Upgrade: h2c\r\n",
    "Expect: 100-continue\r\n",
    "Host: x\r\n",
    "Host: y\r\n",
    " HTTP/1.0\r\n",
    " HTTP/1.1\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /images/json HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    "POST /containers/c/attach HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\n\r\n",
    "POST /containers/missing/attach HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST /exec/missing/start HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\n\r\n",
    "POST /build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
];

/// Words that are made: numbers at the limits, and what goes on for long.
struct MadeWords {
    hexadecimal: Vec<String>,
    decimal: Vec<String>,
}

impl MadeWords {
    fn new() -> Self {
        Self { hexadecimal: boundaries::hexadecimal(), decimal: boundaries::decimal() }
    }

    /// A word of either sort.
    fn word(&self, numbers: &mut Numbers) -> String {
        match numbers.below(8) {
            0 => numbers.one_of(&self.hexadecimal).clone(),
            1 => numbers.one_of(&self.decimal).clone(),
            2 => format!("Content-Length: {}\r\n", numbers.one_of(&self.decimal)),
            3 => self.chunks(numbers),
            _ => (*numbers.one_of(WORDS)).to_owned(),
        }
    }

    /// Some of a chunked body where it is sure to be read as one.
    fn build(&self, numbers: &mut Numbers) -> String {
        format!("{CHUNKED_BUILD}{}{DENIED}", self.chunks(numbers))
    }

    /// Some of a chunked body.
    fn chunks(&self, numbers: &mut Numbers) -> String {
        let length = 1000 + numbers.below(9241);
        let size = numbers.one_of(&self.hexadecimal);
        match numbers.below(8) {
            0 => format!("{size}\r\n"),
            1 => format!("{size};x=y\r\n"),
            2 | 3 => format!("{size}\r\n{DENIED}"),
            4 => long_extension(size, 1000 + length % 4001),
            5 => padded_chunks(8192, 1000),
            6 => one_trailer(length),
            _ => many_trailers(length),
        }
    }
}

/// Changes a stream of which something is allowed, with words of any.
fn mutate(numbers: &mut Numbers, made: &MadeWords, allowed: &[Vec<u8>], all: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = match numbers.below(4) {
        0 => made.build(numbers).into_bytes(),
        _ => numbers.one_of(allowed).clone(),
    };
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(stream.len() + 1);
        let end = (at + numbers.below(12)).min(stream.len());
        match numbers.below(7) {
            0 => drop(stream.drain(at..end)),
            1 => drop(stream.splice(at..end, made.word(numbers).into_bytes())),
            2 => drop(stream.splice(at..at, made.word(numbers).into_bytes())),
            3 => {
                let word = made.word(numbers).into_bytes();
                // Behind a line, where a header goes.
                let line = stream[at..].iter().position(|&byte| byte == b'\n').map_or(at, |lf| at + lf + 1);
                drop(stream.splice(line..line, word));
            }
            4 => stream.extend(made.build(numbers).bytes()),
            5 if at < end => stream[at] = numbers.below(256) as u8,
            _ => {
                let other = numbers.one_of(all);
                let from = numbers.below(other.len() + 1);
                stream.truncate(at);
                stream.extend_from_slice(&other[from..]);
            }
        }
    }
    stream
}

#[test]
#[ignore = "needs GO_DAEMON, the path of tests/godaemon once built"]
fn whatever_is_sent_go_reads_only_what_was_allowed() {
    let number =
        |name: &str, default| std::env::var(name).map_or(default, |value| value.parse().expect("a number"));
    let mut numbers = Numbers(number("GO_SEED", 1));
    let made = MadeWords::new();
    let daemons = daemons();
    let mut proxies: Vec<_> = daemons.iter().map(Proxies::before).collect();
    let cases: Vec<_> = cases().into_iter().filter(|case| case.stream().len() < 2000).collect();
    let all: Vec<_> = cases.iter().map(Case::stream).collect();
    let allowed = cases.iter().filter(|case| !case.requests.is_empty());
    let allowed: Vec<_> = allowed.map(Case::stream).collect();
    let environments = [vec![], variables_on(&["POST", "CONTAINERS", "EXEC", "SESSION", "BUILD"])];
    let environments = environments.map(|vars| (naive::Environment::read(&vars).expect("variables"), vars));
    let count = number("GO_STREAMS", 1000) as usize;
    let mut requests = 0;
    let mut failures = Failures::default();
    for turn in 0..count {
        let stream = mutate(&mut numbers, &made, &allowed, &all);
        let (grants, vars) = numbers.one_of(&environments);
        let proxies = &mut proxies[turn % daemons.len()];
        // Shown where the test fails.
        println!("{} {} {vars:?} {}", proxies.daemon.manner, proxies.daemon.added, shortened(&stream));
        let report = proxies.deliver(vars, &stream, numbers.below(stream.len() + 1));
        failures.note(proxies.daemon, &stream, check_delivered(&stream, grants, &report));
        requests += report.requests.len();
    }
    println!("{requests} requests in {count} streams");
    failures.assert_none_of(count);
    assert!(requests > count / 5, "too little is passed on to prove anything");
}
