//! Characters beyond ASCII that a reader could take for others, or for nothing.

/// Whether some reader turns this character into a slash, a backslash, a dot or a percent sign, alone or among others: the
/// slashes of mathematics and of tables, the full stops that host names take for a dot (UTS 46), and every character whose
/// compatibility decomposition (Unicode 14, NFKD) holds one of all these.
#[must_use]
pub const fn is_punctuation_elsewhere(character: char) -> bool {
    matches!(
        character,
        '\u{bc}'..='\u{be}'
            | '\u{2024}'..='\u{2026}'
            | '\u{2044}'
            | '\u{2100}'..='\u{2101}'
            | '\u{2105}'..='\u{2106}'
            | '\u{2150}'..='\u{215f}'
            | '\u{2189}'
            | '\u{2215}'..='\u{2216}'
            | '\u{2488}'..='\u{249b}'
            | '\u{2571}'..='\u{2572}'
            | '\u{27cb}'
            | '\u{27cd}'
            | '\u{29f5}'
            | '\u{29f8}'..='\u{29f9}'
            | '\u{3002}'
            | '\u{33a7}'..='\u{33a8}'
            | '\u{33ae}'..='\u{33af}'
            | '\u{33c2}'
            | '\u{33c6}'..='\u{33c7}'
            | '\u{33d8}'
            | '\u{33de}'..='\u{33df}'
            | '\u{fe12}'
            | '\u{fe19}'
            | '\u{fe30}'
            | '\u{fe52}'
            | '\u{fe68}'
            | '\u{fe6a}'
            | '\u{ff05}'
            | '\u{ff0e}'..='\u{ff0f}'
            | '\u{ff3c}'
            | '\u{ff61}'
            | '\u{1f100}'
    )
}

/// Whether this character is nothing to see, and so nothing to some readers: Unicode's `Default_Ignorable_Code_Point`.
#[must_use]
pub const fn is_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
