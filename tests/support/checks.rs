//! What each fuzz target asserts of an input; `tests/replay.rs` runs the same over the corpus with a stable compiler.
//!
//! Each compares `src` with the oracles of [`naive`].

#![allow(dead_code, missing_docs, reason = "every fuzz target uses its own part of this")]

use super::go::{self, Reading};
use super::naive::{self, Stop};
use docker_socket_proxy::config::Config;
use docker_socket_proxy::guard::{GUARD, LISTS};
use docker_socket_proxy::http::body::Body;
use docker_socket_proxy::http::framing::BodyFraming;
use docker_socket_proxy::http::head::{Field, Finder, MAX_HEAD_BYTES, RequestHead, Version};
use docker_socket_proxy::http::hijack::Protocol;
use docker_socket_proxy::http::method::Method;
use docker_socket_proxy::http::target::Target;
use docker_socket_proxy::policy::{LEARN, Policy, ROUTES, Verdict};
use docker_socket_proxy::proxy::client::Client;
use docker_socket_proxy::proxy::clock::Timekeeper;
use docker_socket_proxy::proxy::conn::Connection;
use docker_socket_proxy::proxy::daemon::Daemon;
use docker_socket_proxy::vars::Environment;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

/// A head that is accepted has one reading: the oracle's and httparse's. Where it ends does not depend on how it comes.
pub fn head(input: &[u8]) {
    let found = Finder::default().find(input);
    match (found, naive::head_length(input)) {
        (Ok(Some(length)), naive) => assert_eq!(naive, Ok(length)),
        (Ok(None), naive) => assert_eq!(naive, Err(Stop::Partial)),
        (Err(_), naive) => assert!(matches!(naive, Err(Stop::Broken(_))), "refused, but {naive:?}"),
    }
    for cut in cuts(input) {
        let mut finder = Finder::default();
        let pieces = finder.find(&input[..cut]).and_then(|first| match first {
            None => finder.find(input),
            length => Ok(length),
        });
        assert_eq!(pieces, found, "cut at {cut}");
    }
    let mut finder = Finder::default();
    let bytewise =
        (0..=input.len().min(MAX_HEAD_BYTES)).find_map(|end| finder.find(&input[..end]).transpose());
    assert_eq!(bytewise.transpose(), found, "byte by byte");

    let Ok(Some(length)) = found else { return };
    let bytes = &input[..length];
    let naive = naive::Request::read(bytes);
    let head = match RequestHead::parse(bytes) {
        Ok(head) => head,
        Err(error) => {
            assert_eq!(naive, None, "refused: {error}");
            return;
        }
    };
    let naive = naive.expect("what is accepted conforms");
    assert_eq!(head.method_name, naive.method);
    assert_eq!(head.target.as_bytes(), naive.target);
    assert!(
        bytes.starts_with(format!("{} {} HTTP/1.{}\r\n", naive.method, head.target, naive.minor).as_bytes())
    );
    assert_eq!(head.version, if naive.minor == 0 { Version::Http10 } else { Version::Http11 });
    assert_eq!(head.persistent, naive.persistent());
    let fields = [
        (head.fields.host, "host"),
        (head.fields.content_length, "content-length"),
        (head.fields.transfer_encoding, "transfer-encoding"),
        (head.fields.upgrade, "upgrade"),
        (head.fields.expect, "expect"),
    ];
    for (field, name) in fields {
        match (field, &naive.head.values(name)[..]) {
            (Field::Absent, []) | (Field::Repeated, [_, _, ..]) => {}
            (Field::Once(value), [naive]) => assert_eq!(value, *naive, "{name}"),
            (field, naive) => panic!("{name} is {field:?}, not {naive:?}"),
        }
    }
    let framing = BodyFraming::of_request(&head);
    match naive.framing() {
        None => assert!(framing.is_err(), "framed as {framing:?}"),
        Some(naive::Framing::Chunked) => assert_eq!(framing, Ok(BodyFraming::Chunked)),
        Some(naive::Framing::Length(0)) => {
            assert!(matches!(framing, Ok(BodyFraming::None | BodyFraming::Length(0))), "{framing:?}");
        }
        Some(naive::Framing::Length(length)) => assert_eq!(framing, Ok(BodyFraming::Length(length))),
    }

    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut parsed = httparse::Request::new(&mut headers);
    assert_eq!(parsed.parse(input), Ok(httparse::Status::Complete(length)));
    assert_eq!(parsed.path, Some(head.target));
}

/// The places to cut an input at: all, or of a long one a dozen.
fn cuts(input: &[u8]) -> impl Iterator<Item = usize> {
    let step = if input.len() < 128 { 1 } else { input.len() / 12 };
    (0..=input.len()).step_by(step)
}

/// A chunked body ends, or is found broken, where the oracle says, however it comes. No Go gives up on what is passed of it,
/// and every Go reads the same.
pub fn framing(input: &[u8]) {
    let read = naive::chunked(input);
    for release in go::RELEASES {
        match &read {
            Ok((end, data)) => {
                assert_eq!(
                    go::read_chunked(&input[..*end], release),
                    Reading::Complete(*end, data.clone()),
                    "{release:?}"
                );
            }
            Err(Stop::Partial) => assert_eq!(go::read_chunked(input, release), Reading::Waits, "{release:?}"),
            // What came before the broken byte may have gone, and nothing may be read behind it.
            Err(Stop::Broken(at)) => {
                assert_eq!(go::read_chunked(&input[..*at], release), Reading::Waits, "{release:?}");
            }
        }
    }
    let naive = read.map(|(end, _)| end);
    // The offset of the error is that of the byte fed last.
    let mut body = Body::from(BodyFraming::Chunked);
    let mut bytewise = Err(Stop::Partial);
    for (at, byte) in input.iter().enumerate() {
        match body.advance(std::slice::from_ref(byte)) {
            Ok(taken) => assert_eq!(taken, 1),
            Err(_) => {
                bytewise = Err(Stop::Broken(at));
                break;
            }
        }
        if body.is_done() {
            bytewise = Ok(at + 1);
            break;
        }
    }
    assert_eq!(bytewise, naive, "byte by byte");
    for cut in cuts(input) {
        let mut body = Body::from(BodyFraming::Chunked);
        let pieces = body.advance(&input[..cut]).and_then(|first| {
            if body.is_done() {
                return Ok(first);
            }
            assert_eq!(first, cut, "a body that goes on takes all there is");
            Ok(first + body.advance(&input[cut..])?)
        });
        match (pieces, naive) {
            (Ok(taken), Ok(end)) => {
                assert!(taken == end && body.is_done(), "cut at {cut}: {taken}, not {end}")
            }
            (Ok(taken), Err(Stop::Partial)) => {
                assert!(taken == input.len() && !body.is_done(), "cut at {cut}")
            }
            (Err(_), Err(Stop::Broken(_))) => {}
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
}

/// A target that is accepted is clean in both readings, and the oracle reads the same.
pub fn target(input: &[u8]) {
    for method in [Method::Get, Method::Post] {
        target_of(method, input);
    }
}

fn target_of(method: Method, input: &[u8]) {
    let naive = naive::Target::read(method.as_str(), input);
    let target = match Target::parse(method, input) {
        Ok(target) => target,
        Err(error) => {
            assert_eq!(naive, None, "refused: {error}");
            return;
        }
    };
    let naive = naive.expect("what is accepted is clean");
    assert_eq!(target.path(), naive.sent.as_bytes());
    assert_eq!(target.decoded().unwrap_or(target.path()), naive.decoded.as_bytes());
    assert_eq!(target.decoded().is_some(), naive.sent.contains('%'));
    assert_eq!(target.query(), naive.query.as_deref().map(str::as_bytes));
    assert_eq!(naive::decode(&naive.decoded).as_ref(), Some(&naive.decoded), "nothing is left to decode");
}

/// A request is allowed where the oracle allows it. The input is `METHOD target`, and `NAME=VALUE` on lines behind.
pub fn policy(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let mut lines = text.lines();
    let Some((method, target)) = lines.next().and_then(|line| line.split_once(' ')) else { return };
    // The oracle knows neither LEARN nor GUARD, which has oracles of its own (`harmless.rs`, `tests/goguard`).
    let is_known =
        |name: &str| ![LEARN.name, GUARD.name].contains(&name) && LISTS.iter().all(|list| list.name != name);
    let environment = lines.filter_map(|line| line.split_once('=')).filter(|(name, _)| is_known(name));
    let environment: Vec<(String, String)> =
        environment.map(|(name, value)| (name.into(), value.into())).collect();
    judgement(&environment, method, target);
}

/// A request has the oracle's verdict, and an environment is refused where the oracle refuses it. GUARD opens nothing.
fn judgement(environment: &[(String, String)], method: &str, target: &str) {
    let var =
        |name: &str| environment.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    let (policy, environment) = match (Policy::from_vars(&var), naive::Environment::read(environment)) {
        (Ok(policy), Some(environment)) => (policy, environment),
        (policy, environment) => {
            assert!(policy.is_err() && environment.is_none(), "{policy:?}, {environment:?}");
            return;
        }
    };
    let Some(parsed) = Method::parse(method.as_bytes()) else { return };
    let Ok(clean) = Target::parse(parsed, target.as_bytes()) else { return };
    for listed in ["", "*"] {
        let guarded = |name: &str| match name {
            "GUARD" => Some(String::from("baseline")),
            "ALLOW_CONTAINERS" | "ALLOW_NETWORKS" | "ALLOW_VOLUMES" | "ALLOW_TAGS" => Some(listed.to_owned()),
            _ => var(name),
        };
        let guarded = Policy::from_vars(&guarded).expect("GUARD starts with whatever starts without it");
        if let Verdict::Allow(_) = guarded.judge(parsed, &clean) {
            assert!(
                matches!(policy.judge(parsed, &clean), Verdict::Allow(_)),
                "GUARD opens {method} {target}"
            );
        }
    }
    let readings = naive::Target::read(method, target.as_bytes()).expect("what is accepted is clean");
    match (policy.judge(parsed, &clean), naive::judge(&environment, method, &readings)) {
        (Verdict::Allow(allowed), Some(naive)) => {
            assert_eq!(allowed.bare.is_some(), naive.bare);
            assert_eq!(allowed.hijack.map(protocol), naive.hijack);
            assert_eq!(allowed.variable == "ALLOW_ROUTES", naive.by_line, "{}", allowed.variable);
            let variable = allowed.variable;
            assert!(naive.by_line || environment.on.contains(&variable), "{variable} is off");
        }
        (Verdict::Deny(_), None) => {}
        (verdict, naive) => {
            panic!("{verdict:?}, not {naive:?}: {method} {target} under {environment:?}")
        }
    }
}

/// Lists of routes decide as the oracle says. What an input is: see [`Choices`].
pub fn lists(input: &[u8]) {
    let mut choices = Choices(input);
    let mut environment: Vec<(String, String)> = choices
        .one_of(&ENVIRONMENTS_OF_LISTS)
        .split_whitespace()
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut lists = ["ALLOW_ROUTES", "DENY_ROUTES"].map(|name| (name.to_owned(), String::new()));
    let mut routes = Vec::new();
    for _ in 0..choices.below(5) {
        let route = choices.one_of(ROUTES);
        let method = match choices.below(8) {
            0 => "HEAD",
            _ => choices.one_of(route.methods).as_str(),
        };
        let (variable, list) = &mut lists[choices.below(2)];
        // One that takes no names is seldom given one.
        let named = variable == "ALLOW_ROUTES" || choices.below(16) == 15;
        let path = filled(route.path, |placeholder| match named {
            true => choices.one_of(&NAMES_OF_LINES).replace("{}", placeholder),
            false => placeholder.to_owned(),
        });
        *list += &format!("{method} {path}{}", choices.one_of(&["\n", ",", "\n# , \n", " \r\n"]));
        routes.push(route);
    }
    environment.extend(lists.into_iter().filter(|(_, list)| !list.is_empty()));

    let route = match routes.get(choices.below(routes.len() + 1)) {
        Some(route) => *route,
        None => choices.one_of(ROUTES),
    };
    let method = match choices.below(8) {
        0 => choices.one_of(&["HEAD", "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]),
        _ => choices.one_of(route.methods).as_str(),
    };
    let version = choices.one_of(&["", "", "/v1.41", "/v1.41", "/v3.4", "/v4.0.0", "/v5.0.0-dev", "/%76%34"]);
    let mut path = filled(route.path, |_| choices.one_of(&NAMES_OF_REQUESTS).to_owned());
    let at = choices.below(path.len());
    if choices.below(4) == 3 && path.as_bytes()[at].is_ascii_alphanumeric() {
        let escape = format!("%{:02x}", path.as_bytes()[at]);
        path.replace_range(at..=at, &escape);
    }
    path += choices.one_of(&["", "", "", "", "", "/", "%2F", "/x"]);
    let query = choices.one_of(&[
        "",
        "",
        "",
        "",
        "?a=b",
        "?showsecret=true",
        "?showsecret=0",
        "?%63heckpoint",
        "?signal=9",
        "?ps_args=e",
        "?All=1",
        "?t=1&parent=x",
        "?force=false",
        "?force=1",
        "?dir=/",
        "?x=containers-storage:[",
    ]);
    judgement(&environment, method, &format!("{version}{path}{query}"));
}

/// A path with something in place of each placeholder.
fn filled(path: &str, mut name: impl FnMut(&str) -> String) -> String {
    let segments = path.split('/').map(|segment| match segment.starts_with('{') {
        true => name(segment),
        false => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

/// What is left of an input of [`lists`]. Its bytes choose, one after the other: variables; up to four lines, by their route,
/// method, list, names and end; a request, by its route (that of a line, or any), method, version, names, an escaped letter, end and
/// query.
struct Choices<'i>(&'i [u8]);

impl Choices<'_> {
    /// A number below this one: one byte, or two where that is too small. 0 where nothing is left.
    fn below(&mut self, end: usize) -> usize {
        let width = if end > 256 { 2 } else { 1 };
        let (bytes, rest) = self.0.split_at(self.0.len().min(width));
        self.0 = rest;
        bytes.iter().fold(0, |number, byte| number * 256 + usize::from(*byte)) % end.max(1)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

const ENVIRONMENTS_OF_LISTS: [&str; 7] = [
    "",
    "POST=1 CONTAINERS=1 LIBPOD_CONTAINERS=1 LIBPOD_PODS=1 IMAGES=1 LIBPOD_IMAGES=1 LIBPOD_MANIFESTS=1",
    "POST=1 CONTAINERS=1 LIBPOD_CONTAINERS=1 DELETE=0 ALLOW_INSPECT=0 ALLOW_KILL=0 ALLOW_ATTACH=0 ALLOW_EXEC=0",
    "ALLOW_START=1 ALLOW_RESTARTS=1",
    "SECRETS=1 LIBPOD_SECRETS=1 NETWORKS=1 DELETE=1",
    "DIALECT=tecnativa-next POST=1 CONTAINERS=1 ALLOW_RESTARTS=1",
    "DIALECT=linuxserver POST=1 CONTAINERS=1 LIBPOD_PODS=1",
];

/// In place of a placeholder in a line, `{}` being itself. The last are no names.
const NAMES_OF_LINES: [&str; 24] = [
    "{}", "{}", "{}", "{id}", "a", "b", "a*", "A", "web", "web-*", "json", "create", "start", "scp", "tag",
    "remove", "registry", "müll", "mü*", "x;y", ".*", ".", "*", "a%2Fb",
];

/// In place of a placeholder in a request.
const NAMES_OF_REQUESTS: [&str; 24] = [
    "a",
    "b",
    "A",
    "a/b",
    "a/b/c",
    "a%2Fb",
    "a%2fb/c",
    "%61",
    "web",
    "web-",
    "web-1",
    "web%2D1",
    "json",
    "create",
    "start",
    "scp",
    "tag",
    "remove",
    "registry",
    "a/registry/b",
    "m%C3%BCll",
    "x;y",
    ".a",
    "containers-storage:%5B",
];

const fn protocol(hijack: Protocol) -> &'static str {
    match hijack {
        Protocol::Tcp => "tcp",
        Protocol::WebSocket => "websocket",
        Protocol::H2c => "h2c",
    }
}

// The connection

/// Ends the client's stream in an input of [`conn`], and each answer of the daemon.
const SEPARATOR: &[u8] = b"\n=\n";

/// What the daemon answers where the input says nothing else.
const DEFAULT_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

const ENVIRONMENTS: [&[(&str, &str)]; 6] = [
    &[("POST", "1"), ("CONTAINERS", "1"), ("EXEC", "1"), ("SESSION", "1"), ("GRPC", "1")],
    &[],
    &[("CONTAINERS", "1")],
    &[("ALLOW_START", "1"), ("ALLOW_RESTARTS", "1")],
    &[("DIALECT", "linuxserver"), ("POST", "1"), ("CONTAINERS", "1"), ("LIBPOD_CONTAINERS", "1")],
    &[("POST", "1"), ("IMAGES", "1"), ("BUILD", "1"), ("LIBPOD_EXEC", "1"), ("LIBPOD_BUILD", "1")],
];

/// What a fuzz input makes of both ends of a connection.
///
/// The client's stream; behind a [`SEPARATOR`] one byte for the environment, one for [`Manners`], then one for the length
/// of each of the client's writes; behind further separators the daemon's answers, in order. An answer that starts with `!`
/// ends the daemon's stream, one that starts with `~` closes its connection.
struct Script<'i> {
    stream: &'i [u8],
    environment: usize,
    manners: Manners,
    writes: &'i [u8],
    answers: Vec<&'i [u8]>,
}

/// How the two ends behave.
struct Manners {
    /// The client goes on without an end of its stream.
    stays: bool,
    /// The client closes without reading.
    vanishes: bool,
    /// The daemon answers when it has the head, not the whole request.
    hasty: bool,
    /// The daemon writes byte by byte.
    dribbles: bool,
}

impl<'i> Script<'i> {
    fn read(input: &'i [u8]) -> Self {
        let mut parts = split(input);
        let stream = parts.next().unwrap_or_default();
        let (environment, manners, writes) = match parts.next().unwrap_or_default() {
            [] => (0, 0, &[][..]),
            [environment] => (*environment, 0, &[][..]),
            [environment, manners, writes @ ..] => (*environment, *manners, writes),
        };
        let bit = |bit: u8| manners & bit != 0;
        Self {
            stream,
            environment: usize::from(environment) % ENVIRONMENTS.len(),
            manners: Manners { stays: bit(1), vanishes: bit(2), hasty: bit(4), dribbles: bit(8) },
            writes,
            answers: parts.collect(),
        }
    }

    /// Whether nothing odd is asked of either end, so that all that happens can be foretold.
    fn is_plain(&self) -> bool {
        self.answers.is_empty() && !self.manners.vanishes && !self.manners.hasty
    }
}

fn split(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(input);
    std::iter::from_fn(move || {
        let input = rest?;
        let end = input.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
        rest = end.map(|end| &input[end + SEPARATOR.len()..]);
        Some(&input[..end.unwrap_or(input.len())])
    })
}

/// What reached the daemon on one of its connections.
#[derive(Debug, Default)]
struct Received {
    bytes: Vec<u8>,
    /// From here on it is a raw stream, by the daemon's word.
    raw_from: Option<usize>,
}

/// What is set up once for all inputs: time stands still but for waiting, when it jumps.
struct Bench {
    runtime: Runtime,
    listener: UnixListener,
    configs: Vec<(Config, naive::Environment)>,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        // An abstract name, which needs no file and no cleaning up.
        let socket = format!("\0dsp-{}-{:?}", std::process::id(), std::thread::current().id());
        let listener = runtime.block_on(async { UnixListener::bind(&socket) }).expect("a socket");
        let configs = ENVIRONMENTS.map(|environment| {
            let mut environment: Vec<(String, String)> =
                environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            let grants = naive::Environment::read(&environment).expect("variables that can be used");
            environment.push(("SOCKET_PATH".into(), socket.clone()));
            let environment: Environment = environment.into_iter().collect();
            (Config::of(&environment).expect("variables that can be used"), grants)
        });
        Self { runtime, listener, configs: configs.into() }
    }
}

/// The promise, for an arbitrary client and an arbitrary daemon: what reaches the daemon is a prefix of what the client
/// sent, made of requests that the oracle admits, until the daemon grants a hijack. Where the daemon answers plainly, all
/// that the oracle admits is delivered and answered.
pub fn conn(input: &[u8]) {
    thread_local!(static BENCH: RefCell<Bench> = RefCell::new(Bench::new()));
    let script = Script::read(input);
    BENCH.with_borrow_mut(|bench| {
        let (config, grants) = &bench.configs[script.environment];
        let mut received = Vec::new();
        let answered = bench.runtime.block_on(async {
            let (client, proxied) = std::os::unix::net::UnixStream::pair().expect("a pair of sockets");
            client.set_nonblocking(true).expect("a socket that does not block");
            proxied.set_nonblocking(true).expect("a socket that does not block");
            let client = UnixStream::from_std(client).expect("a socket");
            let proxied = UnixStream::from_std(proxied).expect("a socket");
            let (timekeeper, period) = (Timekeeper::default(), Timekeeper::period(config.idle_timeout));
            let clock = timekeeper.clock();
            let (ended, served) = oneshot::channel();
            let to_daemon = Daemon::new(config);
            let accepted = Client::unix(proxied, Arc::default());
            let serve = async {
                Connection::new(accepted, config, &config.frontends[0], &to_daemon, clock).serve().await;
                drop(ended);
            };
            let daemon = daemon(&bench.listener, served, &script, grants, &mut received);
            let tick = async {
                loop {
                    sleep(period).await;
                    timekeeper.tick();
                }
            };
            let all = async { tokio::join!(serve, send_and_read(client, &script), daemon).1 };
            tokio::select! {
                answered = all => answered,
                () = tick => unreachable!("the clock never ends"),
            }
        });
        judge(&script, grants, &received, &answered);
    });
}

/// The client: writes its pieces, each once all else has come to rest, and reads to the end.
async fn send_and_read(client: UnixStream, script: &Script<'_>) -> Vec<u8> {
    let (mut reader, mut writer) = client.into_split();
    let mut read = Vec::new();
    let write = async {
        let mut rest = script.stream;
        for length in script.writes {
            let (piece, behind) = rest.split_at(rest.len().min(usize::from(*length)));
            if writer.write_all(piece).await.is_err() {
                return;
            }
            rest = behind;
            sleep(Duration::from_millis(1)).await;
        }
        let _ = writer.write_all(rest).await;
        if !script.manners.stays {
            let _ = writer.shutdown().await;
        }
        writer.forget();
    };
    if script.manners.vanishes {
        write.await;
    } else {
        let _ = tokio::join!(write, reader.read_to_end(&mut read));
    }
    read
}

/// The daemon: serves one connection after the other until the proxy is done, and takes note of all that reaches it.
async fn daemon(
    listener: &UnixListener,
    mut served: oneshot::Receiver<()>,
    script: &Script<'_>,
    grants: &naive::Environment,
    received: &mut Vec<Received>,
) {
    let mut answers = script.answers.iter();
    let mut over = false;
    loop {
        let accepted = tokio::select! {
            biased;
            accepted = listener.accept() => accepted,
            _ = &mut served, if !over => {
                over = true;
                continue;
            }
            // What was connected to before the end is in the backlog.
            () = sleep(Duration::from_millis(1)), if over => return,
        };
        let (stream, _) = accepted.expect("a connection");
        received.push(Received::default());
        let record = received.last_mut().expect("just pushed");
        serve_daemon(stream, script, grants, &mut answers, record).await;
    }
}

async fn serve_daemon<'i>(
    mut stream: UnixStream,
    script: &Script<'i>,
    grants: &naive::Environment,
    answers: &mut std::slice::Iter<'_, &'i [u8]>,
    received: &mut Received,
) {
    // Where the request that is to be answered next starts.
    let mut next = 0;
    loop {
        while received.raw_from.is_none() {
            let Some(rest) = received.bytes.get(next..) else { break };
            let Ok(admitted) = naive::admit(rest, grants) else { break };
            next = match &admitted.body {
                Ok((length, _)) => next + length,
                Err(_) if script.manners.hasty => usize::MAX,
                Err(_) => break,
            };
            let answer = answers.next().copied().unwrap_or(DEFAULT_ANSWER);
            let (answer, close) = match answer {
                [b'~', answer @ ..] => (answer, Some(true)),
                [b'!', answer @ ..] => (answer, Some(false)),
                answer => (answer, None),
            };
            if naive::grants_hijack(answer, &admitted).is_some() {
                received.raw_from = Some(received.bytes.len().min(next));
            }
            let step = if script.manners.dribbles { 1 } else { answer.len().max(1) };
            for piece in answer.chunks(step) {
                // It may have been let go of.
                if stream.write_all(piece).await.is_err() {
                    break;
                }
                yield_now().await;
            }
            match close {
                Some(true) => {
                    // All that has arrived counts; nothing else runs between this and the close.
                    while let Ok(1..) = stream.try_read_buf(&mut received.bytes) {}
                    return;
                }
                Some(false) => drop(stream.shutdown().await),
                None => {}
            }
        }
        // Nobody waits for longer: both ends have fallen silent for good.
        match timeout(Duration::from_secs(3600), stream.read_buf(&mut received.bytes)).await {
            Ok(Ok(1..)) => {}
            _ => return,
        }
    }
}

fn judge(script: &Script<'_>, grants: &naive::Environment, received: &[Received], answered: &[u8]) {
    let sent = script.stream;
    // Where in the client's stream the next request starts; `None` where there can be no next one.
    let mut next = Some(0);
    for connection in received.iter().filter(|connection| !connection.bytes.is_empty()) {
        let mut start = next.take().expect("a connection starts with a request");
        let raw_from = connection.raw_from.unwrap_or(usize::MAX);
        let mut at = 0;
        while at < connection.bytes.len().min(raw_from) {
            let rest = &connection.bytes[at..];
            let Ok(request) = naive::admit(&sent[start..], grants) else {
                panic!("not admitted: {}", rest.escape_ascii())
            };
            let length = match request.body {
                Ok((length, _)) => length,
                Err(Stop::Partial) => sent.len() - start,
                Err(Stop::Broken(broken)) => {
                    assert!(rest.len().min(raw_from - at) <= broken, "a broken body passed its break");
                    broken
                }
            };
            let passed = rest.len().min(length).min(raw_from - at);
            assert_same(&rest[..passed], &sent[start..start + passed]);
            at += passed;
            start += passed;
            next = None;
            if request.body.is_ok() && passed == length && at < raw_from {
                start += naive::blanks(&request.request, &sent[start..]);
                next = Some(start);
            }
        }
        let raw = &connection.bytes[at..];
        assert!(sent[start..].starts_with(raw), "bytes that were not sent: {}", raw.escape_ascii());
    }

    if !script.is_plain() {
        return;
    }
    let mut expected = Vec::new();
    let mut at = 0;
    let mut requests = 0;
    let mut refused = false;
    loop {
        match naive::admit(&sent[at..], grants) {
            Ok(naive::Admitted { body: Ok((length, _)), request, .. }) => {
                expected.extend_from_slice(&sent[at..at + length]);
                at += length;
                requests += 1;
                if !request.persistent() {
                    break;
                }
                at += naive::blanks(&request, &sent[at..]);
            }
            // Some of it may reach the daemon.
            Ok(_) => return,
            Err(stop) => {
                refused = stop != Stop::Partial || at < sent.len();
                break;
            }
        }
    }
    let all: Vec<u8> = received.iter().flat_map(|connection| connection.bytes.iter().copied()).collect();
    assert_same(&all, &expected);
    let rest = answered.strip_prefix(&DEFAULT_ANSWER.repeat(requests)[..]);
    let Some(rest) = rest else { panic!("{requests} requests, answered {}", answered.escape_ascii()) };
    assert!(
        if refused { rest.starts_with(b"HTTP/1.1 4") } else { rest.is_empty() },
        "{}",
        rest.escape_ascii()
    );
}

fn assert_same(received: &[u8], sent: &[u8]) {
    assert_eq!(received.escape_ascii().to_string(), sent.escape_ascii().to_string());
}
