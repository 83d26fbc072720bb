//! A name goes from a client's container to another one's while the client uses it, on a real engine: under GUARD nothing that the client
//! asks for ever gets into the other one.
//!
//! ```text
//! DOCKER_ENGINE_SOCKET=... cargo test --test guard_races -- --ignored --nocapture
//! ```
//! It needs an engine on which nobody else uses the names here, with an image `busybox`: `tests/engine/start` makes one. GUARD_ROUNDS is
//! the number of rounds.
//!
//! In each round the client renames or removes its container, by name, by ID or both at once. On other connections it runs, copies,
//! attaches and commits by the name, one after the other, and one of these bodies comes slowly. At the daemon's own socket somebody else
//! waits for the name, and gives it to a container that runs. All that is done to that one shows in the daemon's events.

mod support;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Instant;
use support::{Address, Client, PATIENCE, Program, Response};

const GUARD: [(&str, &str); 8] = [
    ("GUARD", "baseline"),
    ("POST", "1"),
    ("PUT", "1"),
    ("DELETE", "1"),
    ("CONTAINERS", "1"),
    ("IMAGES", "1"),
    ("EXEC", "1"),
    ("COMMIT", "1"),
];

const ROUNDS: &str = "300";

/// So many uses on each connection are refused before the end of a round.
const REFUSED: usize = 8;

/// The name that goes round.
const NAME: &str = "races-name";
/// What the client's own running container is called meanwhile.
const ASIDE: &str = "races-aside";
/// What somebody else's container is called meanwhile.
const OTHER: &str = "races-other";
/// What is in the other one alone.
const MARKER: &str = "the-other-one";

/// What `docker run` sends.
fn create_body(script: &str) -> String {
    format!(
        r#"{{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":["sh","-c","{script}"],"Image":"busybox","Volumes":{{}},"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":{{}},"HostConfig":{{"Binds":null,"ContainerIDFile":"","LogConfig":{{"Type":"","Config":{{}}}},"NetworkMode":"none","PortBindings":{{}},"RestartPolicy":{{"Name":"no","MaximumRetryCount":0}},"AutoRemove":false,"VolumeDriver":"","VolumesFrom":null,"ConsoleSize":[0,0],"CapAdd":null,"CapDrop":null,"CgroupnsMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"GroupAdd":null,"IpcMode":"","Cgroup":"","Links":null,"OomScoreAdj":0,"PidMode":"","Privileged":false,"PublishAllPorts":false,"ReadonlyRootfs":false,"SecurityOpt":null,"UTSMode":"","UsernsMode":"","ShmSize":0,"Isolation":""}},"NetworkingConfig":{{"EndpointsConfig":{{}}}}}}"#
    )
}

/// One that waits, and ends at once when it is told to.
const SLEEPS: &str = "trap exit TERM; sleep 99999 & wait";

fn request(line: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: docker\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn json(line: &str, body: &str) -> Vec<u8> {
    request(line, "application/json", body.as_bytes())
}

fn exec(name: &str) -> Vec<u8> {
    json(
        &format!("POST /containers/{name}/exec"),
        r#"{"AttachStdout":true,"AttachStderr":true,"Cmd":["cat","/marker"]}"#,
    )
}

/// An archive with one empty file (POSIX ustar).
fn archive(name: &str) -> Vec<u8> {
    let mut tar = vec![0; 1536];
    for (at, text) in [
        (0, &b"taken"[..]),
        (100, b"0000644\0"),
        (108, b"0000000\0"),
        (116, b"0000000\0"),
        (124, b"00000000000\0"),
        (136, b"00000000000\0"),
        (148, b"        "),
        (156, b"0"),
        (257, b"ustar\x0000"),
    ] {
        tar[at..at + text.len()].copy_from_slice(text);
    }
    let sum: u32 = tar[..512].iter().map(|byte| u32::from(*byte)).sum();
    tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    request(&format!("PUT /containers/{name}/archive?path=/"), "application/x-tar", &tar)
}

fn attach(name: &str) -> Vec<u8> {
    format!(
        "POST /containers/{name}/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn commit(name: &str) -> Vec<u8> {
    json(&format!("POST /commit?container={name}&pause=0"), "{}")
}

/// The ID in an answer.
fn id_in(reply: &Response) -> Option<String> {
    let text = reply.text();
    let (_, rest) = text.split_once("\"Id\":\"")?;
    Some(rest.split('"').next()?.to_owned())
}

/// The daemon's own socket.
struct Engine(PathBuf);

impl Engine {
    fn client(&self) -> Client {
        Client::connect(Address::Unix(self.0.clone()))
    }

    fn ask(&self, request: impl AsRef<[u8]>) -> Response {
        self.client().ask(request)
    }

    fn remove(&self, reference: &str) {
        self.ask(json(&format!("DELETE /containers/{reference}?force=1&v=1"), ""));
    }

    /// Gives a name to a container, as soon as the name is free.
    fn rename(&self, id: &str, name: &str) {
        let deadline = Instant::now() + PATIENCE;
        let line = format!("POST /containers/{id}/rename?name={name}");
        let mut client = self.client();
        while client.ask(json(&line, "")).status != 204 {
            assert!(Instant::now() < deadline, "{name} is never free");
        }
    }
}

/// What the daemon says that is done to the other container, but for its renames by who owns it.
struct Watch {
    id: String,
    seen: Mutex<Vec<String>>,
    /// Events of any kind.
    events: Count,
}

impl Watch {
    /// Reads the events until its container gets the name `races-end`.
    fn run(&self, mut events: Client) {
        loop {
            let line = String::from_utf8(events.read_until(b"\n")).expect("text");
            let Some(action) = line.split_once("\"Action\":\"").and_then(|(_, rest)| rest.split('"').next())
            else {
                continue;
            };
            self.events.add();
            let has_name = |name: &str| line.contains(&format!("\"name\":\"{name}\""));
            if action == "rename" && has_name("races-end") {
                return;
            }
            if action != "rename" || !(has_name(NAME) || has_name(OTHER)) {
                self.seen.lock().expect("no panic").push(line.trim().to_owned());
            }
        }
    }

    fn has(&self, action: &str) -> bool {
        self.seen
            .lock()
            .expect("no panic")
            .iter()
            .any(|line| line.contains(&format!("\"Action\":\"{action}")))
    }
}

/// How the client takes the name away.
#[derive(Debug, Clone, Copy)]
enum Leave {
    RenameByName,
    RenameById,
    RemoveByName,
    RemoveById,
    /// Both at once.
    RemoveByNameAndRenameById,
}

const LEAVES: [Leave; 5] = [
    Leave::RenameByName,
    Leave::RemoveByName,
    Leave::RemoveByNameAndRenameById,
    Leave::RenameById,
    Leave::RemoveById,
];

/// What was counted.
#[derive(Debug, Default)]
struct Counts {
    passed: AtomicUsize,
    refused: AtomicUsize,
    failed: AtomicUsize,
    slow_passed: AtomicUsize,
}

/// Counts what threads wait for.
#[derive(Default)]
struct Count(Mutex<usize>, Condvar);

impl Count {
    fn add(&self) {
        *self.0.lock().expect("no panic") += 1;
        self.1.notify_all();
    }

    fn get(&self) -> usize {
        *self.0.lock().expect("no panic")
    }

    fn is(&self, least: usize) -> bool {
        self.get() >= least
    }

    fn wait(&self, least: usize) {
        let count = self.0.lock().expect("no panic");
        let (count, waited) =
            self.1.wait_timeout_while(count, PATIENCE, |count| *count < least).expect("no panic");
        assert!(!waited.timed_out(), "waited in vain for {least}: {count}");
    }
}

struct Races<'r> {
    engine: &'r Engine,
    proxy: &'r Address,
    /// The client's own, which runs.
    own: String,
    other: String,
    counts: Counts,
}

impl Races<'_> {
    /// Asks the proxy on a connection of its own.
    fn ask(&self, request: impl AsRef<[u8]>) -> Response {
        let mut client = Client::connect(self.proxy);
        // What is refused may not be read to its end.
        let _ = client.try_send(request);
        client.read_response()
    }

    fn must(&self, line: &str, body: &str) -> Response {
        let reply = self.ask(json(line, body));
        assert!(matches!(reply.status, 201 | 204), "{line}: {} {}", reply.status, reply.text());
        reply
    }

    fn rename_own(&self, name: &str) {
        self.must(&format!("POST /containers/{}/rename?name={name}", self.own), "");
    }

    fn round(&self, number: usize) {
        let leave = LEAVES[number % LEAVES.len()];
        let of_running = matches!(leave, Leave::RenameByName | Leave::RenameById);
        let id = if of_running {
            self.rename_own(NAME);
            self.own.clone()
        } else {
            let reply = self.must(&format!("POST /containers/create?name={NAME}"), &create_body(SLEEPS));
            let id = id_in(&reply).expect("an ID");
            if number.is_multiple_of(11) {
                self.must(&format!("POST /containers/{NAME}/start"), "");
            }
            id
        };
        let rename = |reference: &str, name: &str| {
            json(&format!("POST /containers/{reference}/rename?name={name}"), "")
        };
        let remove = |reference: &str| json(&format!("DELETE /containers/{reference}?force=1"), "");
        let leaves = match leave {
            Leave::RenameByName => vec![rename(NAME, ASIDE)],
            Leave::RenameById => vec![rename(&id, ASIDE)],
            Leave::RemoveByName => vec![remove(NAME)],
            Leave::RemoveById => vec![remove(&id[..12])],
            Leave::RemoveByNameAndRenameById => vec![remove(NAME), rename(&id, "races-left")],
        };

        // The engine takes most of the time for what comes seldom. The numbers share no divisor, so that each meets each.
        let mut uses: Vec<fn(&str) -> Vec<u8>> = vec![exec];
        uses.extend(number.is_multiple_of(2).then_some(attach as fn(&str) -> _));
        uses.extend(number.is_multiple_of(7).then_some(archive as fn(&str) -> _));
        uses.extend(number.is_multiple_of(27).then_some(commit as fn(&str) -> _));
        let (passed, refused, slow_began, over) = <(Count, Count, Count, Count)>::default();
        thread::scope(|scope| {
            for &make in &uses {
                let (over, passed, refused) = (&over, &passed, &refused);
                scope.spawn(move || {
                    // Some are refused on each connection, and one after all is over.
                    let mut last = REFUSED;
                    while last > 0 {
                        last -= usize::from(self.use_it(&make(NAME), number, passed, refused));
                    }
                    over.wait(1);
                    self.use_it(&make(NAME), number, passed, refused);
                });
            }
            // One whose body comes when the name has been taken away for a while, or nearly.
            let slow = scope.spawn(|| {
                let request = exec(NAME);
                let (begun, last) = request.split_at(request.len() - 1);
                let mut client = Client::connect(self.proxy);
                client.send(begun);
                slow_began.add();
                refused.wait(1 + number % (uses.len() * REFUSED));
                let _ = client.try_send(last);
                let reply = client.read_response();
                self.counts.slow_passed.fetch_add(usize::from(reply.status == 201), SeqCst);
                self.run(&reply, number);
            });
            let somebody = scope.spawn(|| {
                // The name is going to be free.
                refused.wait(1);
                self.engine.rename(&self.other, NAME);
            });
            // Some uses have passed by then; how many is another number each time.
            slow_began.wait(1);
            passed.wait(number % 4);
            let leaving: Vec<_> = leaves.iter().map(|leave| scope.spawn(move || self.ask(leave))).collect();
            let answers: Vec<_> =
                leaving.into_iter().map(|leaving| leaving.join().expect("no panic")).collect();
            assert!(
                answers.iter().any(|reply| reply.status == 204),
                "round {number}, {leave:?}: {answers:?}"
            );
            somebody.join().expect("no panic");
            over.add();
            slow.join().expect("no panic");
        });

        // Somebody else has the name, and the client nothing by it.
        assert_eq!(self.ask(exec(NAME)).status, 403, "round {number}, {leave:?}");
        self.engine.rename(&self.other, OTHER);
        if !of_running {
            self.engine.remove(&id);
        }
        self.counts.passed.fetch_add(passed.get(), SeqCst);
        self.counts.refused.fetch_add(refused.get(), SeqCst);
    }

    /// Uses the name, and says whether that was refused.
    fn use_it(&self, request: &[u8], number: usize, passed: &Count, refused: &Count) -> bool {
        let reply = self.ask(request);
        let is_refused = reply.status == 403;
        if is_refused {
            refused.add()
        } else {
            passed.add()
        }
        match reply.status {
            101 | 200 | 201 | 403 => {}
            // It does not run, or it is gone.
            404 | 409 => drop(self.counts.failed.fetch_add(1, SeqCst)),
            status => panic!("round {number}: {status} {}", reply.text()),
        }
        if request.starts_with(b"POST /commit")
            && let Some(id) = id_in(&reply)
        {
            self.engine.ask(json(&format!("DELETE /images/{id}?force=1"), ""));
        }
        self.run(&reply, number);
        is_refused
    }

    /// Runs now and then what was made, which shows where it runs.
    fn run(&self, made: &Response, number: usize) {
        if number.is_multiple_of(13)
            && made.status == 201
            && let Some(id) = id_in(made).filter(|id| !id.starts_with("sha256:"))
        {
            let reply = self.ask(json(&format!("POST /exec/{id}/start"), r#"{"Detach":false,"Tty":false}"#));
            assert!(!reply.text().contains(MARKER), "round {number}: it ran in the other one");
        }
    }
}

/// What the other container's owner does to it shows, so that what the client did would.
fn show_that_it_shows(engine: &Engine, other: &str, watch: &Watch) {
    let deadline = Instant::now() + PATIENCE;
    // The engine answers before it begins to tell.
    while !watch.events.is(1) {
        assert!(Instant::now() < deadline, "no event comes");
        engine.rename(other, NAME);
        engine.rename(other, OTHER);
    }
    let made = engine.ask(exec(other));
    let id = id_in(&made).expect("an ID");
    let ran = engine.ask(json(&format!("POST /exec/{id}/start"), r#"{"Detach":false,"Tty":false}"#));
    assert!(ran.text().contains(MARKER), "{}", ran.text());
    assert_eq!(engine.ask(archive(other)).status, 200);
    assert_eq!(engine.ask(attach(other)).status, 101);
    let image = id_in(&engine.ask(commit(other))).expect("an ID");
    engine.ask(json(&format!("DELETE /images/{image}?force=1"), ""));
    while !["exec_create", "exec_start", "extract-to-dir", "attach", "commit"]
        .iter()
        .all(|action| watch.has(action))
    {
        assert!(Instant::now() < deadline, "{:?}", watch.seen.lock().expect("no panic"));
        thread::yield_now();
    }
    // The end of what was run comes when it comes.
    while !watch.has("exec_die") {
        assert!(Instant::now() < deadline);
        thread::yield_now();
    }
    watch.seen.lock().expect("no panic").clear();
}

fn socket() -> PathBuf {
    let socket = std::env::var("DOCKER_ENGINE_SOCKET")
        .expect("DOCKER_ENGINE_SOCKET must name the socket of an engine: tests/engine/start makes one");
    Path::new(&socket).to_owned()
}

#[test]
#[ignore = "needs a Docker Engine, see tests/guard_races.rs"]
fn a_name_that_goes_to_another_container_takes_nothing_of_the_client_into_it() {
    let rounds = std::env::var("GUARD_ROUNDS").unwrap_or_else(|_| ROUNDS.to_owned());
    let rounds: usize = rounds.parse().expect("GUARD_ROUNDS is a number");
    let engine = Engine(socket());
    for name in [NAME, ASIDE, OTHER, "races-left", "races-end"] {
        engine.remove(name);
    }
    let proxy = Program::start(&engine.0, &GUARD);
    let made = engine.ask(json(
        &format!("POST /containers/create?name={OTHER}"),
        &create_body(&format!("echo {MARKER} >/marker; {SLEEPS}")),
    ));
    let other = id_in(&made).unwrap_or_else(|| panic!("{}", made.text()));
    assert_eq!(engine.ask(json(&format!("POST /containers/{other}/start"), "")).status, 204);
    let made = Client::connect(proxy.address())
        .ask(json(&format!("POST /containers/create?name={ASIDE}"), &create_body(SLEEPS)));
    let own = id_in(&made).unwrap_or_else(|| panic!("{}", made.text()));
    assert_eq!(
        Client::connect(proxy.address()).ask(json(&format!("POST /containers/{ASIDE}/start"), "")).status,
        204
    );

    let watch = Watch { id: other.clone(), seen: Mutex::default(), events: Count::default() };
    let mut events = engine.client();
    events.send(json(&format!("GET /events?filters=%7B%22container%22%3A%5B%22{}%22%5D%7D", watch.id), ""));
    events.read_head();
    let races = Races { engine: &engine, proxy: proxy.address(), own, other, counts: Counts::default() };
    let begun = Instant::now();
    thread::scope(|scope| {
        let watching = scope.spawn(|| watch.run(events));
        show_that_it_shows(&engine, &races.other, &watch);
        for number in 0..rounds {
            races.round(number);
            let seen = watch.seen.lock().expect("no panic");
            assert!(
                seen.is_empty(),
                "round {number}, {:?}: done to the other one: {seen:#?}",
                LEAVES[number % LEAVES.len()]
            );
            if number % 500 == 499 {
                println!("{} rounds in {:.0?}: {:?}", number + 1, begun.elapsed(), races.counts);
            }
        }
        engine.rename(&races.other, "races-end");
        watching.join().expect("no panic");
    });
    let seen = watch.seen.into_inner().expect("no panic");
    assert!(seen.is_empty(), "done to the other one: {seen:#?}");
    println!("{rounds} rounds in {:.0?}: {:?}", begun.elapsed(), races.counts);
    for reference in [&races.own, &races.other] {
        engine.remove(reference);
    }
}
