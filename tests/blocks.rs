//! What is read many bytes at once is read as byte by byte, and refused for the same reason: every byte at every place of a block, and
//! mutations of any kind.

use docker_socket_proxy::http::chunked::ChunkScanner;
use docker_socket_proxy::http::framing;
use docker_socket_proxy::http::head::{Error as HeadError, RequestHead, ResponseHead};
use docker_socket_proxy::http::method::Method;
use docker_socket_proxy::http::target::{Error, Target};

/// Xorshift: the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Lengths around those of one block, two and three.
fn lengths() -> impl Iterator<Item = usize> {
    (1..5).chain(15..19).chain(30..37).chain(62..69).chain(95..99)
}

fn is_of_a_path(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9') || b"/%-._~!$&'()*+,;=:@".contains(&byte)
}

/// Why a target is refused, in the order of [`Target::parse`], where all it escapes is ASCII.
fn refused(target: &[u8]) -> Result<(), Error> {
    if target.first() != Some(&b'/') {
        return Err(Error::NotOriginForm);
    }
    let mut in_path = true;
    for &byte in target {
        in_path &= byte != b'?';
        if (in_path && !is_of_a_path(byte)) || !(b'!'..=b'~').contains(&byte) || byte == b'#' {
            return Err(if byte == b'#' { Error::Fragment } else { Error::InvalidByte });
        }
    }
    let path: String =
        target.iter().map(|&byte| char::from(byte)).take_while(|&letter| letter != '?').collect();
    refused_segments(&path)?;
    let mut pieces = path.split('%');
    let mut decoded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.chars().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or(Error::BadEscape)?;
        if matches!(byte, 0..32 | 127 | b'%' | b'\\') {
            return Err(Error::ForbiddenEscape);
        }
        decoded.push(char::from(byte));
        decoded += &piece[2..];
    }
    refused_segments(&decoded)
}

fn refused_segments(path: &str) -> Result<(), Error> {
    let segments: Vec<_> = path.split('/').collect();
    for (place, segment) in segments.iter().enumerate().skip(1) {
        if segment.is_empty() && place + 1 < segments.len() {
            return Err(Error::EmptySegment);
        }
        if [".", ".."].contains(segment) || segment.starts_with(".;") || segment.starts_with("..;") {
            return Err(Error::DotSegment);
        }
    }
    Ok(())
}

fn check_target(target: &[u8]) {
    // What is escaped beyond ASCII has other readings: `tests/replay.rs` has them.
    if target.windows(2).any(|pair| matches!(pair, [b'%', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F'])) {
        return;
    }
    let parsed = Target::parse(Method::Get, target);
    assert_eq!(
        parsed.as_ref().map(|_| ()).map_err(|error| *error),
        refused(target),
        "{}",
        target.escape_ascii()
    );
    let Ok(parsed) = parsed else { return };
    let mut parts = target.splitn(2, |&byte| byte == b'?');
    assert_eq!((Some(parsed.path()), parsed.query()), (parts.next(), parts.next()));
    assert_eq!(parsed.decoded().is_some(), parsed.path().contains(&b'%'));
}

#[test]
fn every_byte_at_every_place_of_a_target_is_read_as_alone() {
    for length in lengths() {
        for query_at in [length, length / 2] {
            let mut target = vec![b'a'; length];
            target[0] = b'/';
            if query_at < length {
                target[query_at] = b'?';
            }
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut target = target.clone();
                    target[at] = byte;
                    check_target(&target);
                    // What starts a segment.
                    if at > 0 {
                        target[at - 1] = b'/';
                        check_target(&target);
                    }
                }
            }
        }
    }
}

#[test]
fn mutated_targets_are_refused_for_the_reasons_of_the_first_bad_byte() {
    const PIECES: [&str; 28] = [
        "/",
        "/",
        "/",
        "a",
        "Z",
        "0",
        "_",
        "~",
        "=",
        "@",
        "!",
        ";",
        ":",
        ".",
        "..",
        "/.",
        "/..;",
        "//",
        "%2F",
        "%2e",
        "%41",
        "%5C",
        "%",
        "?",
        "?a=/../",
        "#",
        "containers",
        "a-long-name-of-more-bytes-than-one-block",
    ];
    let mut random = Random(21);
    let mut accepted = 0;
    for _ in 0..100_000 {
        let mut target = String::from("/");
        for _ in 0..random.below(12) {
            target += random.one_of(&PIECES);
        }
        let mut target = target.into_bytes();
        if random.below(4) == 0 {
            let at = random.below(target.len());
            target[at] = random.below(256) as u8;
        }
        accepted += usize::from(refused(&target).is_ok());
        check_target(&target);
    }
    assert!(accepted > 5_000, "too little passes to prove anything: {accepted}");
}

/// How many bytes of a body were taken, fed in pieces of these lengths, and whether it is done or why it is refused.
fn scanned(body: &[u8], mut next_length: impl FnMut() -> usize) -> (usize, Result<bool, framing::Error>) {
    let mut scanner = ChunkScanner::default();
    let mut taken = 0;
    while taken < body.len() && !scanner.is_done() {
        let piece = &body[taken..][..next_length().clamp(1, body.len() - taken)];
        match scanner.advance(piece) {
            Ok(count) => taken += count,
            Err(error) => return (taken, Err(error)),
        }
    }
    (taken, Ok(scanner.is_done()))
}

/// Byte by byte no chunk is skipped as a whole. What comes before an error is counted in pieces alone, so it is left out.
fn check_chunks(body: &[u8], random: &mut Random) -> bool {
    let bytewise = scanned(body, || 1);
    let is_alike = |(taken, result): (usize, Result<bool, framing::Error>)| {
        result == bytewise.1 && (result.is_err() || taken == bytewise.0)
    };
    assert!(is_alike(scanned(body, || body.len())), "{bytewise:?}: {}", body.escape_ascii());
    for most in [3, 40, 300] {
        let pieces = scanned(body, || 1 + random.below(most));
        assert!(is_alike(pieces), "{bytewise:?}, not {pieces:?}: {}", body.escape_ascii());
    }
    bytewise.1 == Ok(true)
}

#[test]
fn chunks_that_are_skipped_as_a_whole_are_read_as_byte_by_byte() {
    let mut random = Random(22);
    let mut whole = 0;
    for _ in 0..20_000 {
        let mut body = Vec::new();
        let mut size = 0;
        for _ in 0..random.below(10) {
            // The same size again and again, in the same spelling or in another one.
            if random.below(2) == 0 {
                size = random.one_of(&[1, 2, 5, 10, 15, 16, 64, 171, 255, 256]);
            }
            let digits = match random.below(12) {
                0 => format!("{size:X}"),
                1 => format!("{size:0>8x}"),
                2 => format!("{size:0>9x}"),
                3 => format!("{size:0>6x}"),
                4 => format!("{size:0>7x}"),
                _ => format!("{size:x}"),
            };
            let end = random.one_of(&["\r\n", "\r\n", "\r\n", "\r\n", "\r\n", ";a=b\r\n"]);
            body.extend(digits.bytes().chain(end.bytes()));
            // What looks like the framing that would follow.
            body.extend(b"\r\n40\r\nxx".iter().cycle().take(size));
            body.extend(b"\r\n");
        }
        body.extend_from_slice(random.one_of(&[
            &b"0\r\n\r\n"[..],
            b"0\r\nA: b\r\n\r\n",
            b"000\r\n\r\nGET",
            b"1",
        ]));
        whole += usize::from(check_chunks(&body, &mut random));
        // One byte is another one, or is not there.
        let at = random.below(body.len());
        match random.below(3) {
            0 => body[at] = random.below(256) as u8,
            1 => body[at] = random.one_of(b"\r\n0f; "),
            _ => drop(body.remove(at)),
        }
        check_chunks(&body, &mut random);
    }
    assert!(whole > 5_000, "too little passes to prove anything: {whole}");
}

#[test]
fn every_byte_at_every_place_of_chunks_is_read_as_alone() {
    let mut random = Random(23);
    for line in ["1\r\n", "4\r\n", "00a\r\n", "000004\r\n", "00000004\r\n"] {
        let size = usize::from_str_radix(line.trim(), 16).expect("a size");
        let body = format!("{line}{}\r\n", "x".repeat(size)).repeat(3) + "0\r\n\r\n";
        for at in 0..body.len() {
            for byte in 0..=u8::MAX {
                let mut body = body.clone().into_bytes();
                body[at] = byte;
                check_chunks(&body, &mut random);
            }
        }
    }
}

/// What is odd in the bytes of a head, whatever it says.
fn odd_bytes(head: &[u8]) -> Option<HeadError> {
    let before = |at: usize| if at == 0 { b'\n' } else { head[at - 1] };
    let has = |is: &dyn Fn(usize) -> bool| (0..head.len()).any(is);
    let ends_bare = |at| head[at] == b'\n' && before(at) != b'\r';
    let is_control = |at| match head[at] {
        b'\r' => at == 0 || head.get(at + 1).is_some_and(|&byte| byte != b'\n'),
        b'\t' => at == 0,
        byte => byte != b'\n' && byte.is_ascii_control(),
    };
    // A request line is asked for by httparse.
    let folds = |at| at > 0 && before(at) == b'\n' && matches!(head[at], b' ' | b'\t');
    [
        (has(&ends_bare), HeadError::BareLf),
        (has(&is_control), HeadError::ControlByte),
        (has(&folds), HeadError::Fold),
    ]
    .into_iter()
    .find_map(|(is, error)| is.then_some(error))
    .or(if head.ends_with(b"\n") { None } else { Some(HeadError::Malformed) })
}

/// What httparse makes of a head that is to be whole, with nothing behind it.
fn by_httparse(parsed: httparse::Result<usize>, head: &[u8]) -> Option<HeadError> {
    match parsed {
        Ok(httparse::Status::Complete(length)) if length == head.len() => None,
        Err(httparse::Error::Version) => Some(HeadError::Version),
        Err(httparse::Error::TooManyHeaders) => Some(HeadError::TooManyHeaders),
        Ok(_) | Err(_) => Some(HeadError::Malformed),
    }
}

/// Holds both kinds of heads against httparse behind a look at each byte. Returns whether it can be read as a request, and as a response.
fn check_head(head: &[u8]) -> (bool, bool) {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(head);
    let refused = odd_bytes(head).or_else(|| by_httparse(parsed, head)).map(|error| match error {
        HeadError::Version if head.starts_with(b"PRI * HTTP/2") => HeadError::Http2,
        error => error,
    });
    let is_capital = |name: &str| name.bytes().all(|byte| byte.is_ascii_uppercase());
    let (method, path) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let refused = refused
        .or(if is_capital(method) { None } else { Some(HeadError::Method) })
        .or(if path.is_ascii() { None } else { Some(HeadError::Target) });
    // Of what goes by single fields the oracle of `tests/replay.rs` knows.
    let by_fields = [
        HeadError::HostMissing,
        HeadError::HostRepeated,
        HeadError::HostInvalid,
        HeadError::Expect,
        HeadError::Upgrade,
    ];
    let parsed = RequestHead::parse(head);
    match (&parsed, refused) {
        (Ok(parsed), None) => assert_eq!((parsed.method_name, parsed.target), (method, path)),
        (Err(error), None) if by_fields.contains(error) => {}
        (Err(error), Some(refused)) if *error == refused => {}
        (parsed, refused) => panic!("{parsed:?}, not {refused:?}: {}", head.escape_ascii()),
    }

    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut headers);
    let by_httparse = by_httparse(response.parse(head), head);
    let refused = odd_bytes(head).or(by_httparse);
    let refused = refused.or(if response.code.is_some_and(|code| code < 100) {
        Some(HeadError::Malformed)
    } else {
        None
    });
    let as_response = ResponseHead::parse(head);
    match (&as_response, refused) {
        (Ok(parsed), None) => assert_eq!(Some(parsed.status), response.code),
        (Err(error), Some(refused)) if *error == refused => {}
        (parsed, refused) => panic!("{parsed:?}, not {refused:?}: {}", head.escape_ascii()),
    }
    (parsed.is_ok(), as_response.is_ok())
}

#[test]
fn every_byte_at_every_place_of_a_head_is_read_as_alone() {
    let target = format!("/{}", "a".repeat(70));
    for head in [
        format!("GET {target} HTTP/1.1\r\nHost: d\r\n\r\n"),
        String::from(
            "POST / HTTP/1.0\r\nA-long-name-of-a-field:\r\nB: \tlonger than one block is, with\ttabs \t\r\n\r\n",
        ),
        String::from("HTTP/1.1 200 OK\r\nServer: Docker/28.5.1 (linux)\r\n\r\n"),
        String::from("HTTP/1.0 204\r\nA:b\r\n\r\n"),
    ] {
        let head = head.as_bytes();
        for at in 0..head.len() {
            for byte in 0..=u8::MAX {
                check_head(&[&head[..at], &[byte], &head[at + 1..]].concat());
            }
            check_head(&head[..at]);
            check_head(&[&head[..at], &head[at + 1..]].concat());
        }
    }
}

#[test]
fn mutated_heads_are_refused_as_by_httparse_behind_a_look_at_each_byte() {
    const PIECES: [&str; 34] = [
        "GET",
        "GET",
        "HTTP/1.1",
        "HTTP/1.1",
        "HTTP/1.0",
        "HTTP/1.",
        "HTTP/2.0",
        "HTTP/1.11",
        " ",
        " ",
        " ",
        "/",
        "/a?b",
        "200",
        "99",
        "099",
        "2000",
        "OK",
        "\r\n",
        "\r\n",
        "\r\n",
        "\r\n\r\n",
        "Host: d\r\n",
        "A:b\r\n",
        ":",
        "Name",
        "b c",
        "\t",
        "\u{fc}",
        "a-name-longer-than-one-block-of-32",
        "get",
        "G@T",
        "PRI * HTTP/2",
        "\n",
    ];
    const STARTS: [&str; 7] = [
        "",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: d\r\n",
        "GET /\u{fc} HTTP/1.1\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 099\r\n",
        "HTTP/1.1 200",
    ];
    let mut random = Random(24);
    let (mut requests, mut responses) = (0, 0);
    for _ in 0..100_000 {
        let mut head = random.one_of(&STARTS).to_owned();
        for _ in 0..random.below(8) {
            head += random.one_of(&PIECES);
        }
        head += random.one_of(&["\r\n\r\n", "\r\n", ""]);
        let mut head = head.into_bytes();
        if !head.is_empty() && random.below(4) == 0 {
            let at = random.below(head.len());
            head[at] = random.below(256) as u8;
        }
        let (request, response) = check_head(&head);
        requests += usize::from(request);
        responses += usize::from(response);
    }
    assert!(requests.min(responses) > 500, "too little passes to prove anything: {requests}, {responses}");
}

#[test]
fn what_is_wrong_with_the_last_of_too_many_fields_is_said_in_the_same_order() {
    for count in 99..=102 {
        for last in ["", "A:b\r\n", "A b\r\n", ":b\r\n", "A: \r\n", "A"] {
            let fields = "A: b\r\n".repeat(count - 1);
            let requests = check_head(format!("GET / HTTP/1.0\r\n{fields}{last}\r\n").as_bytes());
            let responses = check_head(format!("HTTP/1.1 200 OK\r\n{fields}{last}\r\n").as_bytes());
            let passes = match last {
                "" => count <= 101,
                "A:b\r\n" | "A: \r\n" => count <= 100,
                _ => false,
            };
            assert_eq!((requests, responses), ((passes, false), (false, passes)), "{count} {last}");
        }
    }
}
