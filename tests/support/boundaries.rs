//! The numbers at which a reader's arithmetic breaks, as the framing of HTTP/1 writes them. Random bytes hit none of
//! these.

#![allow(dead_code, missing_docs, reason = "every test binary uses its own part of this")]

/// Each is used with the numbers beside it.
const BOUNDARIES: &[u128] = &[
    1,
    // Integers of 32 bits; a chunk of more than eight digits.
    1 << 31,
    1 << 32,
    // The largest Content-Length that is passed.
    1 << 50,
    // From here on a float64 misses integers.
    1 << 53,
    // Go 1.21 to 1.26 count twice a chunk's size in 64 bits with a sign: the first and the last with which that goes
    // wrong, and the one that was used in an attack.
    (1 << 62) + 2,
    0x7fff_ffff_ffff_e000,
    0x7fff_ffff_ffff_0000,
    // Integers of 63 and 64 bits.
    1 << 62,
    1 << 63,
    1 << 64,
];

/// In hexadecimal: in lower case and in upper case, and with zeros in front that fill up 8, 9, 16 and 17 digits.
pub fn hexadecimal() -> Vec<String> {
    let numbers = numbers();
    let lower = numbers.iter().map(|number| format!("{number:x}"));
    let upper = numbers.iter().map(|number| format!("{number:X}"));
    padded(lower.chain(upper), &[8, 9, 16, 17])
}

/// In decimal: plain, and with zeros in front that fill up 16, 17, 19 and 20 digits.
pub fn decimal() -> Vec<String> {
    padded(numbers().iter().map(u128::to_string), &[16, 17, 19, 20])
}

fn numbers() -> Vec<u128> {
    BOUNDARIES.iter().flat_map(|number| [number - 1, *number, number + 1]).collect()
}

/// Every text as it is, and filled up to each of these widths; each once.
fn padded(texts: impl Iterator<Item = String>, widths: &[usize]) -> Vec<String> {
    let mut all = Vec::new();
    for text in texts {
        all.extend(widths.iter().map(|&width| format!("{text:0>width$}")));
        all.push(text);
    }
    all.sort();
    all.dedup();
    all
}

/// Chunked bodies of pieces that each are at some limit, in any order; the same ones each time.
pub fn bodies() -> impl Iterator<Item = String> {
    let sizes = hexadecimal();
    let mut state = 1_u64;
    let mut below = move |limit: usize| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit as u64) as usize
    };
    std::iter::repeat_with(move || {
        let mut body = String::new();
        for _ in 0..=below(6) {
            match below(5) {
                0 => body.push_str(&format!("{}\r\n", sizes[below(sizes.len())])),
                1 => body.push_str(&format!("{};{}\r\n", sizes[below(sizes.len())], "x".repeat(below(1200)))),
                2 => body.push_str(&format!("{:0>1$}\r\nx\r\n", 1, 1 + below(9)).repeat(1 + below(40))),
                3 => body.push_str(&format!("1;{}\r\nx\r\n", "x".repeat(below(1100))).repeat(1 + below(9))),
                _ => {
                    let data = "y".repeat(1 + below(500));
                    body.push_str(&format!("{:x}\r\n{data}\r\n", data.len()));
                }
            }
        }
        let trailers = format!("A: {}\r\n", "x".repeat(below(300))).repeat(below(6));
        format!("{body}0\r\n{trailers}\r\n")
    })
}
