//! Reading a list: its lines, and what to say of one that is no route.

use super::{Line, Name};
use crate::distance::distance;
use crate::http::method::Method;
use crate::http::path::without_version;
use crate::policy::{ROUTES, Route};
use crate::vars::Error;

/// Reads lines, or what stands between commas; a line that starts with # is a comment. DENY_ROUTES takes no names.
pub(super) fn lines(variable: &'static str, value: &str, takes_names: bool) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    for (at, text) in value.split('\n').enumerate() {
        let text = text.trim_matches([' ', '\t', '\r']);
        let because = |entry: &str, reason| Error::Line {
            variable: variable.into(),
            number: at + 1,
            line: entry.to_owned(),
            reason,
        };
        if text.chars().any(ends_a_line_elsewhere) {
            return Err(because(text, String::from("has a character that is no text")));
        }
        if let Some(comment) = text.strip_prefix('#') {
            if hides_a_line(comment) {
                let reason =
                    "is a comment with a line in it, which would be left out: a comment ends with its line";
                return Err(because(text, String::from(reason)));
            }
            continue;
        }
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            lines.push(line(entry, takes_names).map_err(|reason| because(entry, reason))?);
        }
    }
    if lines.is_empty() && !value.is_empty() {
        return Err(Error::value(variable, value, "lines of METHOD /path, and has none"));
    }
    Ok(lines)
}

/// Whether a character is a control, or the end of a line to some editor.
fn ends_a_line_elsewhere(letter: char) -> bool {
    (letter.is_control() && letter != '\t') || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// Whether a comment goes on with what looks like a line: YAML makes one line of several where the text is folded (`>`).
fn hides_a_line(comment: &str) -> bool {
    let comment = comment.split_whitespace().collect::<Vec<_>>().join(" ");
    let starts = |method: &str| comment.match_indices(&format!("{method} /")).any(|(at, _)| at > 0);
    ["GET", "HEAD", "POST", "PUT", "DELETE"].into_iter().any(starts)
}

/// Reads a line.
fn line(text: &str, takes_names: bool) -> Result<Line, String> {
    let mut words = text.split_whitespace();
    let (Some(method_name), Some(path), None) = (words.next(), words.next(), words.next()) else {
        return Err(String::from("is not METHOD /path, such as GET /containers/{name}/json"));
    };
    let method = Method::parse(method_name.as_bytes());
    let of_method = ROUTES.iter().filter(|route| method.is_some_and(|method| route.has(method)));
    // A word of a row is read as such, and not as the name of another row.
    let row = of_method.filter(|route| reads(route, path)).max_by_key(|route| route.words());
    let (Some(method), Some(route)) = (method, row) else {
        return Err(format!("is no route: the nearest is {}", nearest(method_name, path)));
    };
    let mut names = Vec::new();
    for (pattern, segment) in route.path.split('/').zip(path.split('/')) {
        // Docker's documentation has {id} where the table has {name}.
        let is_any = segment == pattern || matches!(segment, "{name}" | "{id}");
        let is_name = is_placeholder(pattern) && !is_any;
        names.push(if is_name { Some(name(segment, pattern)?) } else { None });
    }
    if names.iter().all(Option::is_none) {
        names.clear();
    } else if !takes_names {
        return Err(format!(
            "has a name, which an ID would pass by: DENY_ROUTES takes {} {}",
            method.as_str(),
            route.path
        ));
    }
    Ok(Line { names, ..Line::of_row(method, route) })
}

/// Reads what stands in place of a placeholder.
fn name(text: &str, placeholder: &str) -> Result<Name, String> {
    let (name, is_prefix) = text.strip_suffix('*').map_or((text, false), |name| (name, true));
    let is_of_a_name = |letter: char| {
        letter.is_ascii_alphanumeric()
            || "_.-~:@+=!$&'();".contains(letter)
            || (!letter.is_ascii() && !letter.is_control())
    };
    match name {
        "" => Err(format!(
            "has nothing for {placeholder}: a * stands behind the start of a name, and {placeholder} is any"
        )),
        "." | ".." => Err(String::from("has a . or .. segment, which no request has")),
        name if name.chars().all(is_of_a_name) => Ok(Name { text: name.to_owned(), is_prefix }),
        _ => Err(format!(
            "has {text:?} for {placeholder}: a name has letters and digits, no braces and no escapes; a * stands at its end alone"
        )),
    }
}

fn is_placeholder(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

/// Whether a path as a line has it is this row's: the same words, and something for each placeholder.
fn reads(route: &Route, path: &str) -> bool {
    let mut segments = path.split('/');
    let same = |pattern: &str| {
        segments
            .next()
            .is_some_and(|segment| segment == pattern || (is_placeholder(pattern) && !segment.is_empty()))
    };
    route.path.split('/').all(same) && segments.next().is_none()
}

/// The route that is most like this, as a line.
fn nearest(method: &str, path: &str) -> String {
    /// No route is longer.
    const MOST_LETTERS: usize = 100;
    let path = str::from_utf8(without_version(path.as_bytes())).unwrap_or(path);
    let [method, path] = [method, path].map(|text| text.chars().take(MOST_LETTERS).collect::<String>());
    let given = format!("{} {path}", method.to_ascii_uppercase());
    let away = |line: &str, route: &Route| {
        // What stands where the row has a placeholder is like it.
        let mut segments = path.split('/');
        let of_row = route.path.split('/').map(|pattern| match segments.next() {
            Some(segment) if is_placeholder(pattern) => segment,
            _ => pattern,
        });
        let method = line.split(' ').next().unwrap_or_default();
        distance(&given, &format!("{method} {}", of_row.collect::<Vec<_>>().join("/")))
    };
    let lines = ROUTES.iter().flat_map(|route| {
        route.methods.iter().map(move |method| (format!("{} {}", method.as_str(), route.path), route))
    });
    lines.min_by_key(|(line, route)| away(line, route)).map_or_else(String::new, |(line, _)| line)
}
