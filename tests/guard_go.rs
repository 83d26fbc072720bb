//! What the guard accepts is harmless in every engine's reading: `tests/goguard`, whose path is in GO_GUARD, decodes it with Go's
//! encoding/json into structs with Docker's own names, and says what it has read.

#[path = "support/bodies.rs"]
mod bodies;

use bodies::{Case, Numbers, OPEN, Open, flaw, in_other_spellings, mutate_case, to_base64};
use docker_socket_proxy::guard::{Body, Guard};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The readers, in the order in which the program answers.
const READERS: [&str; 5] = ["docker-20.10", "docker-28", "podman", "podman-6", "loosest"];

/// What a reader makes of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reading {
    Undecodable,
    Harmless,
    /// The field.
    Dangerous(String),
}

/// The program.
struct GoGuard {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl GoGuard {
    fn start() -> Self {
        let path = std::env::var_os("GO_GUARD").expect("GO_GUARD is the path of tests/goguard once built");
        let mut command = Command::new(path);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut go = Self { child, stdin, stdout };
        println!("{}", go.line());
        go
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// What each reader makes of a body.
    fn read(&mut self, kind: Body, open: &Open, body: &[u8]) -> Vec<Reading> {
        let body = to_base64(body);
        let names = [open.containers, open.networks, open.volumes];
        let words = [open.bind_mounts, open.capabilities, open.devices, open.host_network];
        let words = words.into_iter().chain(names).chain([&*body]);
        let words: Vec<_> = words.map(|word| if word.is_empty() { "-" } else { word }).collect();
        let kind = format!("{kind:?}").to_lowercase();
        writeln!(self.stdin, "{kind} {}", words.join(" ")).expect("it reads");
        let line = self.line();
        let parts = line.split('\t').zip(READERS).map(|(part, reader)| {
            let verdict = part.strip_prefix(reader).and_then(|part| part.strip_prefix('='));
            match verdict.map(|verdict| verdict.split_once(' ').unwrap_or((verdict, ""))) {
                Some(("undecodable", _)) => Reading::Undecodable,
                Some(("harmless", _)) => Reading::Harmless,
                Some(("dangerous", field)) => Reading::Dangerous(field.to_owned()),
                _ => panic!("{line:?}"),
            }
        });
        let readings: Vec<Reading> = parts.collect();
        assert_eq!(readings.len(), READERS.len(), "{line:?}");
        readings
    }
}

impl Drop for GoGuard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn judged() -> Vec<Case> {
    bodies::cases().into_iter().filter(Case::is_of_the_body).collect()
}

fn dangers(readings: &[Reading]) -> usize {
    readings.iter().filter(|reading| matches!(reading, Reading::Dangerous(_))).count()
}

/// Refused though no reader takes the host by them: they have more than one reading, or none that any engine decodes, or the tables do
/// not know the field.
const OTHERWISE_REFUSED: [&str; 13] = [
    "a-future",
    "j-array",
    "j-binds-object",
    "j-deep",
    "j-form",
    "j-leading-object",
    "j-nan",
    "j-privileged-string",
    "j-surrogate",
    "j-trailing-object",
    "j-utf16",
    "n-connect-null",
    "n-link-inspected",
];

/// The program knows what is dangerous: what it calls harmless below is.
#[test]
#[ignore = "needs GO_GUARD, the path of tests/goguard once built"]
fn go_calls_dangerous_what_is_and_nothing_else() {
    let mut go = GoGuard::start();
    let mut missed = Vec::new();
    for case in judged() {
        let readings = go.read(case.kind().expect("a kind"), &case.open(), &case.body);
        // Shown where the test fails.
        println!("{} {readings:?}", case.name);
        if case.allowed {
            assert_eq!(dangers(&readings), 0, "{}: {}", case.name, case.why);
        } else if dangers(&readings) == 0 {
            missed.push(case.name);
        }
    }
    missed.sort_unstable();
    assert_eq!(missed, OTHERWISE_REFUSED);
}

/// What has come of a run.
#[derive(Debug, Default)]
struct Count {
    bodies: usize,
    accepted: usize,
    /// Of those that were accepted, by the reader.
    decoded: BTreeMap<&'static str, usize>,
    /// Of those that were refused, by the reader.
    dangerous: BTreeMap<&'static str, usize>,
    /// Refused though all readers decode it and none finds a danger.
    harmless: usize,
    /// Refused because it has not one reading.
    unreadable: usize,
}

impl Count {
    /// Accepted here means harmless there.
    fn compare(&mut self, go: &mut GoGuard, guard: &Guard, kind: Body, open: &Open, body: &[u8]) {
        let accepted = guard.judge(kind, body).is_ok();
        let readings = go.read(kind, open, body);
        self.bodies += 1;
        self.accepted += usize::from(accepted);
        for (reader, reading) in READERS.into_iter().zip(&readings) {
            match (accepted, reading) {
                (true, Reading::Dangerous(field)) => {
                    panic!("accepted, and {reader} reads {field}: {kind:?} {open:?} {}", body.escape_ascii());
                }
                (true, Reading::Harmless) => *self.decoded.entry(reader).or_default() += 1,
                (false, Reading::Dangerous(_)) => *self.dangerous.entry(reader).or_default() += 1,
                _ => {}
            }
        }
        if !accepted {
            let all = readings.iter().all(|reading| *reading == Reading::Harmless);
            self.unreadable += usize::from(flaw(body).is_some());
            self.harmless += usize::from(all && flaw(body).is_none());
        }
    }
}

#[test]
#[ignore = "needs GO_GUARD, the path of tests/goguard once built"]
fn whatever_is_accepted_is_harmless_in_every_reading() {
    let number =
        |name: &str, default| std::env::var(name).map_or(default, |value| value.parse().expect("a number"));
    let mut go = GoGuard::start();
    let cases = judged();
    let guards = OPEN.map(|open| open.guard());
    let mut numbers = Numbers::from_seed(number("GO_SEED", 1));
    let mut count = Count::default();
    for turn in 0..number("GO_BODIES", 20_000) as usize {
        let (case, body) = mutate_case(&mut numbers, &cases);
        let open = turn % OPEN.len();
        count.compare(&mut go, &guards[open], case.kind().expect("a kind"), &OPEN[open], &body);
    }
    println!("{count:?}");
    // Little would be proved if nothing was accepted, or if what was accepted could not be decoded, or nothing was dangerous.
    assert!(count.accepted > count.bodies / 5 && count.accepted < count.bodies * 3 / 4);
    for reader in READERS {
        assert!(count.decoded[reader] > count.bodies / 6, "{reader}");
        assert!(count.dangerous[reader] > count.bodies / 20, "{reader}");
    }
}

#[test]
#[ignore = "needs GO_GUARD, the path of tests/goguard once built"]
fn whatever_is_accepted_in_any_spelling_is_harmless_in_every_reading() {
    let mut go = GoGuard::start();
    let mut count = Count::default();
    for case in judged().iter().filter(|case| case.body.len() < 1000) {
        let Some((tree, _)) = bodies::Tree::read(&case.body) else { continue };
        let guard = case.open().guard();
        for body in in_other_spellings(&tree) {
            count.compare(&mut go, &guard, case.kind().expect("a kind"), &case.open(), &body);
        }
    }
    println!("{count:?}");
    assert!(count.bodies > 2000 && count.dangerous["docker-20.10"] > 100 && count.dangerous["loosest"] > 500);
}
