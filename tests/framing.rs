//! No body that passes makes any Go give up: at the limits of every integer, over many chunks, and with long trailers. All of it
//! is made on purpose, as random bytes come to none of it.

#[path = "support/boundaries.rs"]
mod boundaries;
#[path = "support/checks.rs"]
mod checks;
#[path = "support/go.rs"]
mod go;
#[path = "support/naive.rs"]
mod naive;

use docker_socket_proxy::http::framing::{BodyFraming, MAX_CONTENT_LENGTH};
use docker_socket_proxy::http::head::RequestHead;
use go::Reading;

/// A request that nobody has granted: where Go gives up behind a size, it is the next thing to read.
const DENIED: &str = "POST /containers/create HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\n\r\n{}";

/// What [`checks::framing`] asserts, with the body where it fails.
fn check(body: &str) {
    // Shown where the test fails.
    println!("{} bytes: {}", body.len(), body[..body.len().min(200)].escape_debug());
    checks::framing(body.as_bytes());
}

#[test]
fn a_chunk_size_at_any_limit_is_refused_or_counted_right() {
    for size in boundaries::hexadecimal() {
        for extension in ["", ";", ";x=y"] {
            let line = format!("{size}{extension}\r\n");
            check(&format!("{line}{DENIED}"));
            check(&format!("5\r\nhello\r\n{line}{DENIED}"));
            // With a count that is not 0 before it.
            check(&format!("1;{}\r\nx\r\n{line}{DENIED}", "x".repeat(1000)));
            check(&line.repeat(3));
        }
    }
}

#[test]
fn many_small_chunks_are_refused_or_no_excess_whatever_their_padding() {
    for width in 1..=17 {
        let chunk = format!("{:0>width$}\r\nx\r\n", 1);
        check(&format!("1;{}\r\nx\r\n{}0\r\n\r\n{DENIED}", "x".repeat(1000), chunk.repeat(8192)));
    }
}

#[test]
fn extensions_are_refused_before_any_go_has_too_many() {
    for length in [1, 100, 1000, 1022, 1023, 1024, 4000, 4090, 4096] {
        let line = format!("1;{}\r\nx\r\n", "x".repeat(length));
        for count in [1, 2, 7, 8, 9, 16, 17, 200] {
            check(&format!("{}0\r\n\r\n{DENIED}", line.repeat(count)));
        }
    }
}

#[test]
fn trailers_are_refused_before_any_go_has_too_many() {
    for line in ["A:\r\n", "Name: value\r\n", &format!("A: {}\r\n", "x".repeat(495))] {
        for length in [1, 512, 1020, 1024, 1028, 2004, 2048, 4080, 4092, 4094, 4096, 4100, 8192, 10_000] {
            let lines = line.repeat(length / line.len());
            check(&format!("0\r\n{lines}\r\n{DENIED}"));
            let last = format!("B: {}\r\n", "x".repeat((length - lines.len()).max(5) - 5));
            check(&format!("1\r\nx\r\n0\r\n{lines}{last}\r\n{DENIED}"));
        }
    }
}

#[test]
fn a_length_at_any_limit_is_refused_or_far_from_every_overflow() {
    let mut accepted = 0;
    for digits in boundaries::decimal() {
        let head = format!("POST /build HTTP/1.1\r\nHost: docker\r\nContent-Length: {digits}\r\n\r\n");
        checks::head(head.as_bytes());
        let parsed = RequestHead::parse(head.as_bytes()).expect("a head");
        if let Ok(BodyFraming::Length(length)) = BodyFraming::of_request(&parsed) {
            assert!(length <= MAX_CONTENT_LENGTH);
            assert_eq!(digits.parse(), Ok(length));
            // In 64 bits with a sign there is room for a multiple of it, and in a float64 for all of its digits.
            let length = i64::try_from(length).expect("63 bits");
            assert!(length.checked_mul(4096).is_some() && length as f64 as i64 == length, "{digits}");
            accepted += 1;
        }
    }
    assert!(accepted > 0, "all are refused");
}

#[test]
fn pieces_at_their_limits_are_refused_or_counted_right_in_any_order() {
    let mut passed = 0;
    for body in boundaries::bodies().take(3000) {
        let body = format!("{body}{DENIED}");
        passed += usize::from(naive::chunked(body.as_bytes()).is_ok());
        check(&body);
    }
    assert!(passed > 300, "too little passes to prove anything: {passed}");
}

/// The oracle itself: it gives up where Go does, or it would prove nothing.
#[test]
fn the_oracle_gives_up_where_go_is_known_to() {
    let give_up = |body: &str| {
        go::RELEASES.map(|release| matches!(go::read_chunked(body.as_bytes(), release), Reading::GaveUp(..)))
    };
    // The first, one in the middle, and the last; a line that is counted with its end overflows once more at the first.
    for (size, with_line_end, without) in [
        ("4000000000000001", false, false),
        ("4000000000000002", false, true),
        ("4000000000000003", true, true),
        ("7fffffffffff0000", true, true),
        ("7fffffffffffe000", true, true),
        ("7fffffffffffffff", false, false),
    ] {
        let body = format!("{size}\r\n{DENIED}");
        assert_eq!(give_up(&body), [false, with_line_end, with_line_end, without], "{size}");
    }
    let padded = format!("1;{}\r\nx\r\n{}", "x".repeat(1000), "0000000000000001\r\nx\r\n".repeat(8192));
    assert_eq!(give_up(&padded), [false, true, true, false]);
    assert_eq!(give_up(&format!("0\r\nA: {}\r\n\r\n", "x".repeat(4090))), [true; 4]);
    assert_eq!(give_up(&format!("0\r\n{}\r\n", "A:\r\n".repeat(501))), [true; 4]);
    assert_eq!(give_up(&format!("0\r\nA: {}\r\n\r\n", "x".repeat(4089))), [false; 4]);
}
