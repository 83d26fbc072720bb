//! How far two words are apart, to find what somebody had in mind.

/// A name without the case of its letters, what stands between its words or around them, a plural, and zeros for an O.
#[must_use]
pub fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    letters.to_ascii_uppercase().replace('0', "O").trim_end_matches('S').to_owned()
}

/// How many bytes to insert, delete, replace or swap with their neighbour make one word of the other (optimal string alignment).
#[must_use]
pub fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    // Row i holds the distances of the first i bytes of `one` from all starts of `other`: this one, the last, the last but one.
    let first: Vec<usize> = (0..=other.len()).collect();
    let mut rows = [first.clone(), first.clone(), first];
    for i in 1..=one.len() {
        rows.rotate_right(1);
        let [row, last, last_but_one] = &mut rows;
        row[0] = i;
        for j in 1..=other.len() {
            let replaced = last[j - 1] + usize::from(one[i - 1] != other[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                row[j] = row[j].min(last_but_one[j - 2] + 1);
            }
        }
    }
    rows[0][other.len()]
}
