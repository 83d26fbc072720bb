//! Texts that are wrapped to a terminal.

/// Columns of a terminal that texts are wrapped to.
const COLUMNS: usize = 96;

/// Adds a text, broken between its pieces: `first` leads its first line, `next` the others.
pub fn wrap(out: &mut String, first: &str, next: &str, pieces: impl IntoIterator<Item: AsRef<str>>) {
    let mut column = first.len();
    out.push_str(first);
    for (at, piece) in pieces.into_iter().enumerate() {
        let piece = piece.as_ref();
        if at > 0 && column + 1 + piece.len() > COLUMNS {
            out.push('\n');
            out.push_str(next);
            column = next.len();
        } else if at > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(piece);
        column += piece.len();
    }
    out.push('\n');
}

/// Words as one lists them: `a`, `a and b`, `a, b and c`.
pub fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_filled_to_its_last_column_and_no_further() {
        for (last, lines) in [(44, 1), (45, 2)] {
            let mut out = String::new();
            // Two and one columns around.
            wrap(&mut out, "- ", "  ", ["x".repeat(49), "y".repeat(last)]);
            assert_eq!(out.lines().count(), lines, "{out}");
            assert!(out.lines().all(|line| line.len() <= COLUMNS));
        }
    }
}
