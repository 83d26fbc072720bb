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
