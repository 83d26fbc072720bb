//! What the fuzz targets assert, over the corpus, over `fuzz/seeds` and over what is made here, with a stable compiler.

#[path = "support/bodies.rs"]
mod bodies;
#[path = "support/boundaries.rs"]
mod boundaries;
#[path = "support/checks.rs"]
mod checks;
#[path = "support/go.rs"]
mod go;
#[path = "support/harmless.rs"]
mod harmless;
#[path = "support/naive.rs"]
mod naive;

use docker_socket_proxy::http::method::Method;
use docker_socket_proxy::http::target::Target;
use std::fs;
use std::path::Path;

/// Runs a target over the corpus and over its own seeds; the output of a failed test names the input.
fn replay(name: &str, target: impl Fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut inputs = 0;
    let mut folders = vec![root.join("tests/corpus"), root.join("fuzz/seeds").join(name)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of inputs") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            println!("{}", path.display());
            target(&fs::read(&path).expect("an input"));
            inputs += 1;
        }
    }
    assert!(inputs > 0, "no inputs for {name}");
}

#[test]
fn heads_have_one_reading() {
    replay("head", checks::head);
}

#[test]
fn chunked_bodies_end_where_the_oracle_says() {
    replay("framing", checks::framing);
}

#[test]
fn targets_are_clean_in_both_readings() {
    replay("target", checks::target);
}

#[test]
fn the_policy_decides_as_the_oracle() {
    replay("policy", checks::policy);
}

#[test]
fn lists_of_routes_decide_as_the_oracle() {
    replay("lists", checks::lists);
}

/// The same over inputs that are made here: lines, variables and requests in any mixture.
#[test]
fn lists_of_routes_in_any_mixture_decide_as_the_oracle() {
    let mut state: u64 = 16;
    for _ in 0..2000 {
        // Xorshift: the same in every run.
        let input: [u8; 32] = std::array::from_fn(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        });
        checks::lists(&input);
    }
}

#[test]
fn the_promise_holds_for_a_connection() {
    replay("conn", checks::conn);
}

#[test]
fn bodies_that_are_accepted_are_harmless() {
    replay("guard", harmless::guard);
}

/// Heads are searched in blocks: every arrangement of line ends, at every place of a block.
#[test]
fn the_end_of_a_head_is_found_at_every_place() {
    for before in 1..72 {
        for arrangement in 0..3_usize.pow(5) {
            let ends = (0..5).map(|place| b"A\r\n"[arrangement / 3_usize.pow(place) % 3]);
            checks::head(&vec![b'A'; before].into_iter().chain(ends).chain(*b"AA").collect::<Vec<u8>>());
        }
    }
}

/// Runs a target over a message with each byte in the place of each of its own.
fn with_every_byte(message: &str, target: impl Fn(&[u8])) {
    let message = message.as_bytes();
    for at in 0..message.len() {
        for byte in 0..=u8::MAX {
            target(&[&message[..at], &[byte], &message[at + 1..]].concat());
        }
    }
}

#[test]
fn every_byte_at_every_place_is_read_as_the_oracle_reads_it() {
    with_every_byte("GET / HTTP/1.1\r\nHost: d\r\n\r\n", checks::head);
    with_every_byte("A / HTTP/1.0\r\nExpect:\r\n\r\n", checks::head);
    with_every_byte("a;x=y\r\n0123456789\r\n0\r\nA: b\r\n\r\n", checks::framing);
    with_every_byte("/v1.41/a/b%2Fc/.d?e=%2F", checks::target);
    with_every_byte("/libpod/manifests/a/registry/docker:%2F%2Fb", checks::target);
}

/// Each character, behind a dot: it is part of a name, or taken for another, or for nothing. Planes 2 and 3 have ideographs
/// alone, 15 and 16 are for private use, and the others are empty.
#[test]
fn every_character_is_read_as_the_oracle_reads_it() {
    for character in ('\0'..'\u{20000}').chain('\u{e0000}'..'\u{e1001}') {
        let escaped: String = character.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
        let target = format!("/networks/.{escaped}");
        let accepted = Target::parse(Method::Get, target.as_bytes()).is_ok();
        assert_eq!(accepted, naive::Target::read("GET", target.as_bytes()).is_some(), "{target}");
    }
}

/// The lines of the dictionary are made by `WRITE_DICTIONARY=1 cargo test --test replay dictionary`.
#[test]
fn the_dictionary_holds_every_boundary() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/dictionaries/http.dict");
    let text = fs::read_to_string(&path).expect("a dictionary");
    let (words, made) = text.split_once(BOUNDARIES_FOLLOW).expect("the line that the boundaries follow");
    let mut numbers = boundaries::hexadecimal();
    numbers.extend(boundaries::decimal());
    numbers.sort();
    numbers.dedup();
    let expected: String = numbers.iter().map(|number| format!("\"{number}\"\n")).collect();
    if std::env::var_os("WRITE_DICTIONARY").is_some() {
        fs::write(&path, [words, BOUNDARIES_FOLLOW, &expected].concat()).expect("a file to write");
    } else {
        assert!(made == expected, "it is not what tests/support/boundaries.rs makes: see above");
    }
}

/// Ends what is written by hand in the dictionary.
const BOUNDARIES_FOLLOW: &str = "# Made of tests/support/boundaries.rs; tests/replay.rs says how.\n";
