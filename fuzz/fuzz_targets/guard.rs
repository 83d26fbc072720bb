//! See `harmless::guard`.

#![no_main]

#[path = "../../tests/support/bodies.rs"]
mod bodies;
#[path = "../../tests/support/harmless.rs"]
mod harmless;

use bodies::{Case, Numbers};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use std::sync::LazyLock;

static CASES: LazyLock<Vec<Case>> = LazyLock::new(bodies::cases);

fuzz_target!(|input: &[u8]| harmless::guard(input));

// Most are mutated as bodies: changed bytes alone seldom make another one that can be read.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut numbers = Numbers::from_seed(seed.into());
    if size < 2 || numbers.one_in(4) {
        return fuzzer_mutate(data, size, max_size);
    }
    let body = bodies::mutate(&mut numbers, &data[1..size], &CASES);
    let length = body.len().min(max_size - 1);
    data[1..=length].copy_from_slice(&body[..length]);
    length + 1
});
