//! The corpus: raw messages under tests/corpus, one a file, `{request,response,chunked,target}/{accept,reject}`. The folder
//! is the verdict; a refused one is named `<error>--<what-is-odd>.http`, where the error is a variant of the Error of head,
//! target or framing.
//!
//! Each is read by the library: whole, byte by byte, and cut in two at every offset. Each is sent through the proxy, too: whole, byte
//! by byte, and what is accepted also cut in two where a reader has something to decide.

mod support;

use docker_socket_proxy::http::body::Body;
use docker_socket_proxy::http::framing::BodyFraming;
use docker_socket_proxy::http::head::{Finder, RequestHead, ResponseHead};
use docker_socket_proxy::http::method::Method;
use docker_socket_proxy::http::target::Target;
use docker_socket_proxy::http::{framing, head};
use docker_socket_proxy::json;
use docker_socket_proxy::policy::{Policy, VARIABLES};
use docker_socket_proxy::proxy::admit::{Admission, Refusal, admit};
use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, LazyLock};
use support::daemon::response;
use support::{Client, FakeDaemon, PATIENCE, Proxy, show};

/// A file of the corpus.
struct Message {
    name: String,
    bytes: Vec<u8>,
    /// The error that it must be refused with.
    error: Option<String>,
}

/// Why a message is refused.
#[derive(Debug, PartialEq, Eq)]
struct Refused {
    error: String,
    message: String,
}

impl Refused {
    fn of(error: impl Debug + Display) -> Self {
        let mut name = String::new();
        for letter in format!("{error:?}").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        Self { error: name, message: error.to_string() }
    }

    /// The status that it is answered with.
    fn status(&self) -> u16 {
        match &self.error[..] {
            "too-large" | "too-many-headers" => 431,
            "expect" => 417,
            _ => 400,
        }
    }
}

impl From<head::Error> for Refused {
    fn from(error: head::Error) -> Self {
        let message = format!("{error}{}", error.advice());
        Self { message, ..Self::of(error) }
    }
}

impl From<framing::Error> for Refused {
    fn from(error: framing::Error) -> Self {
        Self::of(error)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Head(error) => error.into(),
            Refusal::Target(error) => Self::of(error),
            Refusal::Framing(error) => error.into(),
            Refusal::Upgrade(error) => Self { error: "other-upgrade".into(), ..Self::of(error) },
            // Everything is granted, the head is whole, and no body is judged.
            _ => panic!("{refusal}"),
        }
    }
}

/// The files of a folder.
fn files(folder: &str) -> Vec<Message> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
    let mut messages = Vec::new();
    for entry in fs::read_dir(&path).expect("a folder of the corpus") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name in UTF-8");
        let error = folder.ends_with("/reject").then(|| {
            let (error, _) = stem.split_once("--").unwrap_or_else(|| panic!("{stem} names no error"));
            error.to_owned()
        });
        let bytes = fs::read(&path).expect("a file of the corpus");
        messages.push(Message { name: format!("{folder}/{stem}"), bytes, error });
    }
    assert!(!messages.is_empty());
    messages.sort_by(|one, other| one.name.cmp(&other.name));
    messages
}

/// Requests; bodies and targets as parts of one.
fn requests(verdict: &str) -> Vec<Message> {
    let mut messages = files(&format!("request/{verdict}"));
    for mut body in files(&format!("chunked/{verdict}")) {
        let head = b"POST /build HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\n";
        body.bytes.splice(0..0, *head);
        messages.push(body);
    }
    for mut target in files(&format!("target/{verdict}")) {
        target.bytes.splice(0..0, *b"GET ");
        target.bytes.extend(b" HTTP/1.1\r\nHost: docker\r\n\r\n");
        messages.push(target);
    }
    messages
}

/// The places to cut a message at: all, or of a long one those near its ends and some between.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    let near = if length < 1500 { length } else { 64 };
    (1..length).filter(move |at| *at < near || length - at < near || at.is_multiple_of(length / 16))
}

/// Whether a reader of the message has something to decide here, at the start or the end of a line; or it is one place of eight.
fn is_of_note(bytes: &[u8], at: usize) -> bool {
    let is_end = |at: usize| matches!(bytes.get(at), Some(b'\r' | b'\n'));
    at == 1 || at == bytes.len() - 1 || at.is_multiple_of(8) || is_end(at - 1) || is_end(at)
}

/// A message in pieces: whole, byte by byte, and in two.
fn deliveries(bytes: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    delivered(bytes, |_, _| true)
}

/// The same with fewer cuts, for the way through the proxy, which takes longer.
fn few_deliveries(bytes: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    delivered(bytes, is_of_note)
}

fn delivered(bytes: &[u8], wanted: impl Fn(&[u8], usize) -> bool) -> impl Iterator<Item = Vec<&[u8]>> {
    let small = bytes.chunks(bytes.len().div_ceil(1500)).collect();
    let halves = cuts(bytes.len()).filter(move |&cut| wanted(bytes, cut));
    [vec![bytes], small].into_iter().chain(halves.map(|cut| vec![&bytes[..cut], &bytes[cut..]]))
}

fn everything() -> Vec<(&'static str, &'static str)> {
    VARIABLES.iter().map(|variable| (variable.name, "1")).collect()
}

/// A policy that grants everything.
static PERMISSIVE: LazyLock<Policy> = LazyLock::new(|| {
    let grants = |name: &str| VARIABLES.iter().any(|one| one.name == name).then(|| String::from("1"));
    Policy::from_vars(&grants).expect("switches")
});

/// Reads a head that comes in pieces, judges it, and reads the body that it says: the message's length, `None` if it is not
/// whole, or why it is refused and how many bytes had been read by then.
fn read(
    pieces: &[&[u8]],
    judge: impl Fn(&[u8]) -> Result<Option<BodyFraming>, Refused>,
) -> Result<Option<usize>, (Refused, usize)> {
    let (mut buffer, mut start, mut finder) = (Vec::new(), 0, Finder::default());
    let mut body = None;
    let mut end = 0;
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let read = buffer.len();
        let refused = |error: Refused| (error, read);
        while body.is_none() {
            let head = finder.find(&buffer[start..]).map_err(|error| refused(error.into()))?;
            let Some(length) = head else { break };
            end = start + length;
            match judge(&buffer[start..end]).map_err(refused)? {
                Some(framing) => body = Some(Body::from(framing)),
                // An interim response.
                None => (start, finder) = (end, Finder::default()),
            }
        }
        if let Some(body) = &mut body {
            end += body.advance(&buffer[end..]).map_err(|error| refused(error.into()))?;
        }
    }
    let whole = body.is_some_and(|body| body.is_done() || matches!(body, Body::UntilClose));
    Ok(whole.then_some(end))
}

fn read_request(pieces: &[&[u8]]) -> Result<Option<usize>, (Refused, usize)> {
    read(pieces, |head| match admit(head, &PERMISSIVE).1 {
        Ok(Admission::Admitted(admitted)) => Ok(Some(admitted.framing())),
        Ok(pending) => panic!("nothing is judged here: {pending:?}"),
        Err(refusal) => Err(refusal.into()),
    })
}

fn read_response(pieces: &[&[u8]]) -> Result<Option<usize>, (Refused, usize)> {
    read(pieces, |head| {
        let head = ResponseHead::parse(head)?;
        let framing = BodyFraming::of_response(&head, Method::Get)?;
        Ok((!matches!(head.status, 100..=199)).then_some(framing))
    })
}

#[test]
fn what_is_accepted_is_read_to_its_end_however_it_is_cut() {
    const NEXT: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";
    for Message { name, bytes, .. } in requests("accept") {
        // The next request must stay, in whatever piece it comes.
        for pieces in deliveries(&[&bytes, NEXT].concat()) {
            assert_eq!(read_request(&pieces), Ok(Some(bytes.len())), "{name}: {}", show(&bytes));
        }
        assert_eq!(read_request(&[&bytes[..bytes.len() - 1]]), Ok(None), "{name}: {}", show(&bytes));
    }
    for Message { name, bytes, .. } in files("response/accept") {
        for pieces in deliveries(&bytes) {
            assert_eq!(read_response(&pieces), Ok(Some(bytes.len())), "{name}: {}", show(&bytes));
        }
    }
}

#[test]
fn what_is_refused_has_its_error_however_it_is_cut() {
    let refused = |message: &Message, reading: Result<Option<usize>, (Refused, usize)>| {
        let error = reading.map_err(|(refused, _)| refused.error);
        let expected = Err(message.error.clone().expect("a name with an error"));
        assert_eq!(error, expected, "{}: {}", message.name, show(&message.bytes));
    };
    for message in requests("reject") {
        deliveries(&message.bytes).for_each(|pieces| refused(&message, read_request(&pieces)));
    }
    for message in files("response/reject") {
        deliveries(&message.bytes).for_each(|pieces| refused(&message, read_response(&pieces)));
    }
}

#[test]
fn a_head_is_refused_for_its_line_ends_whoever_found_its_end() {
    // The finder sees them first; httparse would let them pass.
    for message in files("request/reject") {
        if message.error.as_deref() == Some("bare-lf") {
            let parsed = RequestHead::parse(&message.bytes);
            assert_eq!(parsed, Err(head::Error::BareLf), "{}", message.name);
        }
    }
}

#[test]
fn a_head_is_refused_that_has_more_behind_its_blank_line() {
    // Whoever found its end: all of it would be sent, and the first part of it judged.
    for more in ["\r\n", "A: b\r\n\r\n", "GET /secrets HTTP/1.1\r\nHost: docker\r\n\r\n"] {
        let request = format!("GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n{more}");
        assert_eq!(RequestHead::parse(request.as_bytes()), Err(head::Error::Malformed), "{request}");
        let response = format!("HTTP/1.1 200 OK\r\n\r\n{more}");
        assert_eq!(ResponseHead::parse(response.as_bytes()), Err(head::Error::Malformed), "{response}");
    }
}

#[test]
fn the_target_s_error_is_the_target_s() {
    for Message { name, bytes, error } in files("target/reject") {
        let refused = Target::parse(Method::Get, &bytes).map_err(|error| Refused::of(error).error);
        assert_eq!(refused.err(), error, "{name}");
    }
}

#[test]
fn every_error_has_a_message_that_is_refused_with_it() {
    let named: BTreeSet<String> = ["request", "chunked", "target"]
        .iter()
        .flat_map(|kind| files(&format!("{kind}/reject")))
        .filter_map(|message| message.error)
        .collect();
    let sources = [
        include_str!("../src/http/head/mod.rs"),
        include_str!("../src/http/target.rs"),
        include_str!("../src/http/framing.rs"),
    ];
    let mut variants = BTreeSet::new();
    for source in sources {
        let (_, declared) = source.split_once("\npub enum Error {\n").expect("an Error");
        let (declared, _) = declared.split_once("\n}\n").expect("its end");
        let names = declared.lines().filter_map(|line| line.trim().strip_suffix(','));
        variants.extend(
            names
                .filter(|name| name.chars().all(|letter| letter.is_ascii_alphanumeric()))
                .map(|name| Refused::of(Plain(name)).error),
        );
    }
    // Of hijack, which has this one.
    variants.insert("other-upgrade".into());
    assert_eq!(named, variants);
}

/// A variant's name as its Debug would show it.
struct Plain<'n>(&'n str);

impl Debug for Plain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

#[test]
fn what_is_accepted_reaches_the_daemon_unchanged() {
    let expected = Arc::new(AtomicUsize::new(0));
    let (read, received) = mpsc::channel();
    let daemon = FakeDaemon::serving({
        let expected = Arc::clone(&expected);
        move |session| {
            // The first byte says that the test has set what is expected.
            while let Some(mut request) = session.read_exact(1) {
                let left = expected.load(Ordering::SeqCst) - 1;
                request.extend(session.read_exact(left).unwrap_or_default());
                read.send((request, session.ahead().to_vec())).expect("the test waits");
                session.send(response("200 OK", ""));
            }
        }
    });
    let proxy = Proxy::start(&daemon, &everything());
    let mut before = 0;
    for Message { name, bytes, .. } in requests("accept") {
        expected.store(bytes.len(), Ordering::SeqCst);
        let length = Finder::default().find(&bytes).expect("a head").expect("whole");
        let head = RequestHead::parse(&bytes[..length]).expect("it is accepted");
        let (method, persistent) = (head.method, head.persistent);
        let mut kept: Option<Client> = None;
        for pieces in few_deliveries(&bytes) {
            let mut client = kept.take().unwrap_or_else(|| proxy.client());
            // What is cut within its body is a read of its own, since the daemon has it before the rest is sent.
            let cut_in_body = pieces.len() == 2 && pieces[0].len() > length;
            for piece in pieces {
                client.send(piece);
                if cut_in_body {
                    daemon.wait_for_bytes(before + piece.len());
                }
            }
            before += bytes.len();
            let (request, ahead) =
                received.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{name} is lost"));
            assert!(request == bytes, "{name}: {}", show(&request));
            assert_eq!(show(&ahead), "", "{name}");
            let answer = match method {
                Method::Head => client.read_response_to_head(),
                _ => client.read_response(),
            };
            assert_eq!(answer.status, 200, "{name}");
            if persistent {
                kept = Some(client);
            } else {
                assert_eq!(show(&client.read_to_end()), "", "{name}");
            }
        }
    }
}

#[test]
fn what_is_refused_does_not_reach_the_daemon() {
    for Message { name, bytes, error } in requests("reject") {
        let daemon = FakeDaemon::serving(|_| {});
        let proxy = Proxy::start(&daemon, &everything());
        let deliveries: Vec<_> = deliveries(&bytes).take(2).collect();
        let (refused, read) = read_request(&deliveries[1]).expect_err("it is refused");
        assert_eq!(Some(&refused.error), error.as_ref(), "{name}");
        for pieces in deliveries {
            let at_once = pieces.len() == 1;
            let mut client = proxy.client();
            for piece in pieces {
                // The reply may come before all is sent.
                let _ = client.try_send(piece);
            }
            let reply = client.read_response();
            assert_eq!(reply.status, refused.status(), "{name}");
            let mut message = String::from("{\"message\":\"docker-socket-proxy: ");
            json::escape(&mut message, &refused.message);
            assert_eq!(reply.text(), message + "\"}\n", "{name}");
            assert_eq!(show(&client.read_to_end()), "", "{name}");
            let received = daemon.ended().concat();
            let head = Finder::default().find(&bytes).ok().flatten();
            match head.filter(|head| *head < read && !at_once) {
                // Found broken in its body: what came before the bad byte may have gone.
                Some(_) => assert!(bytes[..read - 1].starts_with(&received), "{name}: {}", show(&received)),
                None => assert_eq!(show(&received), "", "{name}"),
            }
        }
    }
}

#[test]
fn responses_reach_the_client_unchanged_or_as_a_502() {
    const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";
    for Message { name, bytes, error } in files("response/accept").into_iter().chain(files("response/reject"))
    {
        let deliveries: Vec<Vec<Vec<u8>>> =
            few_deliveries(&bytes).map(|pieces| pieces.into_iter().map(<[u8]>::to_vec).collect()).collect();
        let count = deliveries.len();
        let next = AtomicUsize::new(0);
        let daemon = FakeDaemon::serving(move |session| {
            session.read_request();
            for piece in &deliveries[next.fetch_add(1, Ordering::SeqCst)] {
                session.send(piece);
            }
            session.half_close();
        });
        let proxy = Proxy::start(&daemon, &[]);
        for round in 0..count {
            let mut client = proxy.client();
            client.send(PING);
            client.half_close();
            let answer = client.read_to_end();
            match &error {
                None => assert_eq!(show(&answer), show(&bytes), "{name}"),
                // What came before the error may have gone, if it came by itself.
                Some(_) if round > 0 && bytes.starts_with(&answer) => {}
                Some(_) => {
                    assert!(answer.starts_with(b"HTTP/1.1 502 Bad Gateway\r\n"), "{name}: {}", show(&answer));
                }
            }
        }
    }
}
