//! What the guard makes of bodies: the cases of `tests/guard`, and thousands that are made of them. Its reader of JSON beside serde_json.

#[path = "support/bodies.rs"]
mod bodies;
#[path = "support/harmless.rs"]
mod harmless;

use bodies::{Case, Numbers, OPEN, flaw, mutate_case};
use docker_socket_proxy::guard::{Body, Fault, reader};
use reader::{Kind, Value};
use serde_json::Value as Tree;

fn judged() -> Vec<Case> {
    bodies::cases().into_iter().filter(Case::is_of_the_body).collect()
}

#[test]
fn every_case_is_judged_as_it_says() {
    let cases = judged();
    assert!(cases.len() > 80);
    let mut wrong = Vec::new();
    for case in &cases {
        let kind = case.kind().expect("a body that is judged");
        let verdict = case.open().guard().judge(kind, &case.body);
        if verdict.is_ok() != case.allowed {
            wrong.push(format!("{} ({}): {verdict:?}", case.name, case.why));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// They are refused without a danger that is known: the tables do not know the field, or it is not what the daemon takes.
const OTHERWISE_REFUSED: [&str; 3] = ["a-future", "j-array", "j-binds-object"];

#[test]
fn the_slow_reading_agrees_on_every_case() {
    let mut missed = Vec::new();
    for case in judged().iter().filter(|case| flaw(&case.body).is_none()) {
        let (tree, _) = bodies::Tree::read(&case.body).expect("JSON");
        let danger = harmless::danger(case.kind().expect("a body that is judged"), &tree, &case.open());
        match case.allowed {
            true => assert_eq!(danger, None, "{}", case.name),
            false => missed.extend(danger.is_none().then_some(case.name)),
        }
    }
    assert_eq!(missed, OTHERWISE_REFUSED);
}

#[test]
fn what_is_accepted_is_harmless_and_has_one_reading() {
    let cases = judged();
    let mut numbers = Numbers::from_seed(18);
    let (mut accepted, mut unreadable, count) = (0, 0, 20_000);
    for turn in 0..count {
        let open = &OPEN[turn % OPEN.len()];
        let (case, body) = mutate_case(&mut numbers, &cases);
        // Shown where the test fails.
        println!("{:?} {open:?} {}", case.kind(), body.escape_ascii());
        accepted += usize::from(harmless::check(case.kind().expect("a kind"), open, &body));
        unreadable += usize::from(flaw(&body).is_some());
    }
    println!("{accepted} of {count} are accepted, and {unreadable} have not one reading");
    assert!(accepted > count / 5 && unreadable > count / 20 && accepted + unreadable < count * 3 / 4);
}

/// Each key of each short case, in each spelling that some reader takes for it, and once more.
#[test]
fn no_spelling_of_any_key_hides_what_it_asks_for() {
    let mut tried = 0;
    for case in judged().iter().filter(|case| case.body.len() < 1000 && flaw(&case.body).is_none()) {
        let (tree, _) = bodies::Tree::read(&case.body).expect("JSON");
        for body in bodies::in_other_spellings(&tree) {
            // Shown where the test fails.
            println!("{} {}", case.name, body.escape_ascii());
            let accepted = harmless::check(case.kind().expect("a kind"), &case.open(), &body);
            assert!(case.allowed || !accepted, "what is refused is accepted in another spelling");
            tried += 1;
        }
    }
    assert!(tried > 2000, "{tried}");
}

/// Each field that names what others may have made, with `{}` for the name.
const NAMING: [(Body, &str); 18] = [
    (Body::Create, r#"{"HostConfig":{"PidMode":"container:{}"}}"#),
    (Body::Create, r#"{"HostConfig":{"IpcMode":"container:{}"}}"#),
    (Body::Create, r#"{"HostConfig":{"NetworkMode":"container:{}"}}"#),
    (Body::Create, r#"{"NetworkingConfig":{"EndpointsConfig":{"container:{}":null}}}"#),
    (Body::Create, r#"{"HostConfig":{"VolumesFrom":["{}"]}}"#),
    (Body::Create, r#"{"HostConfig":{"VolumesFrom":["ci-a:ro","{}:ro"]}}"#),
    (Body::Create, r#"{"HostConfig":{"VolumesFrom":["{}:rw"]}}"#),
    (Body::Create, r#"{"HostConfig":{"Links":["{}"]}}"#),
    (Body::Create, r#"{"HostConfig":{"Links":["ci-a","{}:x"]}}"#),
    (Body::Create, r#"{"NetworkingConfig":{"EndpointsConfig":{"bridge":{"Links":["/{}:/web/x"]}}}}"#),
    (Body::Connect, r#"{"Container":"{}"}"#),
    (Body::Disconnect, r#"{"Container":"{}"}"#),
    (Body::Create, r#"{"HostConfig":{"NetworkMode":"{}"}}"#),
    (Body::Create, r#"{"NetworkingConfig":{"EndpointsConfig":{"bridge":{"NetworkID":"{}"}}}}"#),
    (Body::Create, r#"{"NetworkingConfig":{"EndpointsConfig":{"{}":null}}}"#),
    (Body::Create, r#"{"HostConfig":{"Binds":["{}:/x"]}}"#),
    (Body::Create, r#"{"HostConfig":{"Mounts":[{"Type":"volume","Source":"{}","Target":"/x"}]}}"#),
    (Body::Volume, r#"{"Name":"{}"}"#),
];

/// Names as clients have them, those that no daemon takes, and those that one could take for another.
const NAMES: [&str; 40] = [
    "ci-a",
    "ci-",
    "ci",
    "xci-a",
    "CI-A",
    "k1",
    "k12",
    "data",
    "tour_back",
    "/ci-a",
    "ci-a/k1",
    "ci-a/",
    "/ci-a/k1",
    "ci-a:k1",
    "ci-a,k1",
    "ci-a k1",
    "ci-*",
    "*",
    "..",
    "ci-a/..",
    "../ci-a",
    "%2Fci-a",
    "ci-a\\u0000",
    "ci-\u{212a}",
    "a",
    "dead",
    "DEAD",
    "dead_beef",
    "_",
    "0123456789a",
    "0123456789ab",
    "0123456789AB",
    "0123456789abc",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "host",
    "Host",
    "none",
    "default",
    "pasta",
    "slirp4netns",
];

const ALIASES: [&str; 14] =
    ["x", "x.y", "..", ".", "../x", "x/y", "/x", "/p/x", "/p/..", "/..", "/", "x:y", "-x", "x/../y"];

/// Here the two agree in what they refuse, too.
#[test]
fn names_pass_just_where_the_slow_reading_has_them_listed() {
    let named = NAMING.iter().flat_map(|(kind, body)| NAMES.map(|name| (*kind, body.replace("{}", name))));
    let aliased = ["ci-a", "/ci-a"].into_iter().flat_map(|name| {
        ALIASES.map(|alias| (Body::Create, format!(r#"{{"HostConfig":{{"Links":["{name}:{alias}"]}}}}"#)))
    });
    let mut accepted = [0; OPEN.len()];
    let mut count = 0;
    for (kind, body) in named.chain(aliased) {
        let (tree, _) = bodies::Tree::read(body.as_bytes()).expect("JSON");
        for (open, accepted) in OPEN.iter().zip(&mut accepted) {
            // Shown where the test fails.
            println!("{kind:?} {open:?} {body}");
            let danger = harmless::danger(kind, &tree, open);
            assert_eq!(open.guard().judge(kind, body.as_bytes()).is_ok(), danger.is_none(), "{danger:?}");
            *accepted += usize::from(danger.is_none());
        }
        count += 1;
    }
    println!("of {count} {accepted:?} are accepted");
    assert!(accepted[0] < accepted[1] && accepted[1] * 2 < accepted[2] && accepted[2] < count);
}

// === The reader beside serde_json ===

/// Whether serde_json read the same. Its numbers are near those of f64 where they are no integers.
fn is_same(ours: Value<'_>, theirs: &Tree) -> bool {
    match theirs {
        Tree::Null => ours.kind() == Kind::Null,
        Tree::Bool(value) => ours.kind() == Kind::Bool && ours.raw() == value.to_string(),
        Tree::Number(number) => {
            let value: f64 = ours.raw().parse().expect("a number");
            let is_near = number.as_f64().is_some_and(|theirs| (theirs - value).abs() <= value.abs() * 1e-15);
            ours.kind() == Kind::Number && is_near && (!ours.is_zero() || value == 0.0)
        }
        Tree::String(text) => ours.kind() == Kind::Text && ours.text().as_deref() == Some(text),
        Tree::Array(items) => {
            ours.kind() == Kind::List
                && ours.items().count() == items.len()
                && ours.items().zip(items).all(|(ours, theirs)| is_same(ours, theirs))
        }
        Tree::Object(members) => {
            ours.kind() == Kind::Object
                && ours.members().count() == members.len()
                && ours
                    .members()
                    .all(|(key, value)| members.get(&*key).is_some_and(|theirs| is_same(value, theirs)))
        }
    }
}

/// What the two make of a text: whether ours takes it, and whether serde_json does.
fn beside_serde_json(text: &[u8]) -> (bool, bool) {
    let ours = reader::read(text);
    let theirs = serde_json::from_slice::<Tree>(text);
    match (ours, &theirs) {
        (Ok(ours), Ok(theirs)) => {
            assert!(is_same(ours, theirs), "read otherwise: {}", text.escape_ascii());
        }
        // It holds numbers as f64, and these are too large for it.
        (Ok(_), Err(error)) => {
            assert!(error.to_string().starts_with("number out of range"), "{error}: {}", text.escape_ascii());
        }
        (Err(error), Ok(_)) => {
            assert!(
                matches!(error, reader::Error::Twice(_) | reader::Error::Deep(_)),
                "refused for {error}: {}",
                text.escape_ascii()
            );
        }
        (Err(_), Err(_)) => {}
    }
    (ours.is_ok(), theirs.is_ok())
}

#[test]
fn the_reader_reads_as_serde_json_does_or_refuses_what_comes_twice_or_deep() {
    let cases = judged();
    let mut numbers = Numbers::from_seed(8259);
    let (mut both, mut neither, mut theirs_alone, count) = (0, 0, 0, 20_000);
    for _ in 0..count {
        let (_, body) = mutate_case(&mut numbers, &cases);
        match beside_serde_json(&body) {
            (true, true) => both += 1,
            (false, false) => neither += 1,
            (false, true) => theirs_alone += 1,
            (true, false) => {}
        }
    }
    println!("of {count} both take {both}, neither {neither}, serde_json alone {theirs_alone}");
    assert!(both > count / 3 && neither > count / 50 && theirs_alone > count / 50);
}

/// Each short text of these letters: all that can stand beside each other.
#[test]
fn every_short_text_is_read_as_serde_json_reads_it() {
    const LETTERS: &[u8] = b"{}[]:,\"\\u0-1.eE tn\xc3\xa9";
    let mut taken = 0;
    for length in 0..=4 {
        for number in 0..LETTERS.len().pow(length) {
            let text: Vec<u8> =
                (0..length).map(|place| LETTERS[number / LETTERS.len().pow(place) % LETTERS.len()]).collect();
            taken += usize::from(beside_serde_json(&text).0);
        }
    }
    assert!(taken > 500, "{taken}");
}

/// Each escape, and each byte at each place of a text that has all kinds of values.
#[test]
fn every_byte_and_every_escape_is_read_as_serde_json_reads_it() {
    let text = br#"{"a\u00e9":[-1.5e+3,0,"\ud83d\ude00\n",true,false,null],"":{}}"#;
    for at in 0..text.len() {
        for byte in 0..=u8::MAX {
            beside_serde_json(&[&text[..at], &[byte], &text[at + 1..]].concat());
            beside_serde_json(&[&text[..at], &[byte], &text[at..]].concat());
        }
        beside_serde_json(&text[..at]);
    }
    for unit in 0..=u16::MAX {
        beside_serde_json(format!("\"\\u{unit:04x}\"").as_bytes());
        beside_serde_json(format!("\"\\ud83d\\u{unit:04X}\"").as_bytes());
    }
}

#[test]
fn it_reads_to_32_levels() {
    for (depth, is_read) in [(32, true), (33, false), (100, false)] {
        let lists = [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert_eq!(beside_serde_json(&lists), (is_read, true), "{depth}");
        let objects = [b"{\"a\":".repeat(depth - 1), b"{".to_vec(), b"}".repeat(depth)].concat();
        assert_eq!(beside_serde_json(&objects), (is_read, true), "{depth}");
    }
    // No stack is spent on what is deeper.
    assert_eq!(reader::read(&b"[".repeat(1 << 20)).map(drop), Err(reader::Error::Deep(32)));
}

#[test]
fn no_body_is_one_where_the_daemon_takes_it_for_an_empty_one() {
    let guard = OPEN[0].guard();
    for kind in Body::ALL {
        // What it asks for is in the body, and a later daemon could take it from elsewhere.
        let needs_something = matches!(kind, Body::Create | Body::Connect | Body::Disconnect);
        for body in [&b""[..], b"null", b" null\r\n"] {
            assert_eq!(guard.judge(kind, body).is_ok(), !needs_something, "{kind:?}");
        }
        // What is no object is none of both.
        for body in [&b"[]"[..], b"0", b"\"\"", b"false", b"[null]", b"\"x\""] {
            assert!(guard.judge(kind, body).is_err(), "{kind:?} {}", body.escape_ascii());
        }
        for body in [&b" "[..], b"\n", b"nul", b"nullx", b"null null"] {
            assert!(matches!(guard.judge(kind, body), Err(Fault::Unreadable(_))), "{kind:?}");
        }
    }
}
