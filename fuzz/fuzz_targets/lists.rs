//! See `checks::lists`.

#![no_main]

#[path = "../../tests/support/checks.rs"]
mod checks;
#[path = "../../tests/support/go.rs"]
mod go;
#[path = "../../tests/support/naive.rs"]
mod naive;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::lists(input));
