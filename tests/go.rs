//! The proxy in front of Go's net/http, the parser that counts: `tests/godaemon`, whose path is in GO_DAEMON.

mod support;

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::net::Shutdown;
use std::path::Path;
use std::time::Duration;
use support::godaemon::{GoDaemon, Report};
use support::{Client, Proxy, naive, show};

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
            Proxy::at(&self.daemon.socket(), &vars)
        })
    }
}

#[test]
#[ignore = "needs GO_DAEMON, the path of tests/godaemon once built"]
fn every_case_ends_as_it_says() {
    let daemon = GoDaemon::start();
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
    "7fffffffffffffff",
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

/// Changes a stream of which something is allowed, with words of any.
fn mutate(numbers: &mut Numbers, allowed: &[Vec<u8>], all: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = numbers.one_of(allowed).clone();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(stream.len() + 1);
        let end = (at + numbers.below(12)).min(stream.len());
        match numbers.below(6) {
            0 => drop(stream.drain(at..end)),
            1 => drop(stream.splice(at..end, numbers.one_of(WORDS).bytes())),
            2 => drop(stream.splice(at..at, numbers.one_of(WORDS).bytes())),
            3 => {
                let word = numbers.one_of(WORDS).bytes();
                // Behind a line, where a header goes.
                let line = stream[at..].iter().position(|&byte| byte == b'\n').map_or(at, |lf| at + lf + 1);
                drop(stream.splice(line..line, word));
            }
            4 if at < end => stream[at] = numbers.below(256) as u8,
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

/// What Go has read is, in order and unchanged, what the oracle admits of the client's stream.
fn check_mutated(stream: &[u8], on: &[&str], report: &Report) {
    let mut rest = stream;
    for seen in &report.requests {
        let admitted = naive::admit(rest, on).expect("a request that was to be refused reached the daemon");
        assert_eq!(
            line(&seen.method, &seen.target),
            line(admitted.request.method.as_bytes(), &admitted.request.target)
        );
        assert_eq!(show(&seen.path), show(admitted.decoded_path.as_bytes()));
        match admitted.body {
            Ok((length, body)) => {
                rest = &rest[length..];
                if seen.whole {
                    assert_eq!(show(&seen.body), show(&body));
                }
            }
            Err(_) => {
                assert!(!seen.whole, "a body that does not end was read to an end");
                rest = &[];
            }
        }
        if !seen.raw.is_empty() {
            assert!(admitted.hijack.is_some(), "raw bytes behind a request that is no hijack");
            assert!(rest.starts_with(&seen.raw), "raw bytes that were not sent");
            rest = &[];
        }
    }
}

#[test]
#[ignore = "needs GO_DAEMON, the path of tests/godaemon once built"]
fn whatever_is_sent_go_reads_only_what_was_allowed() {
    let number =
        |name: &str, default| std::env::var(name).map_or(default, |value| value.parse().expect("a number"));
    let mut numbers = Numbers(number("GO_SEED", 1));
    let daemon = GoDaemon::start();
    let mut proxies = Proxies::before(&daemon);
    let cases: Vec<_> = cases().into_iter().filter(|case| case.stream().len() < 2000).collect();
    let all: Vec<_> = cases.iter().map(Case::stream).collect();
    let allowed = cases.iter().filter(|case| !case.requests.is_empty());
    let allowed: Vec<_> = allowed.map(Case::stream).collect();
    let environments = [
        vec![],
        ["POST", "CONTAINERS", "EXEC", "SESSION", "BUILD"]
            .map(|name| (name.to_owned(), "1".to_owned()))
            .to_vec(),
    ];
    let environments = environments.map(|vars| (naive::grants(&vars).expect("variables"), vars));
    let count = number("GO_STREAMS", 1000);
    let mut requests = 0;
    for _ in 0..count {
        let stream = mutate(&mut numbers, &allowed, &all);
        let (on, vars) = numbers.one_of(&environments);
        // Shown where the test fails.
        println!("{vars:?} {}", show(&stream));
        let mut client = proxies.with(vars).client();
        let (first, second) = stream.split_at(numbers.below(stream.len() + 1));
        let _ = client.try_send(first);
        let _ = client.try_send(second);
        let _ = client.stream.shutdown(Shutdown::Write);
        // What is still silent then is a stream that goes on behind bytes that wait for its end.
        client.stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a read timeout");
        let _ = client.stream.read_to_end(&mut Vec::new());
        client.reset();
        let report = daemon.report();
        check_mutated(&stream, on, &report);
        requests += report.requests.len();
    }
    println!("{requests} requests in {count} streams");
    assert!(requests as u64 > count / 5, "too little is passed on to prove anything");
}
