//! Reading variables of the environment: what the process's and the grants have in common.

use std::borrow::Cow;
use std::fmt;

/// A variable whose value cannot be used; printed as one sentence on stderr before exit status 64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The value as a whole.
    Value {
        /// The variable's name.
        variable: Cow<'static, str>,
        /// Its value as given.
        value: String,
        /// What it takes, as the end of a sentence: "it takes 0 or 1 (...)".
        expected: &'static str,
    },
    /// A line of it.
    Line {
        /// The variable's name.
        variable: Cow<'static, str>,
        /// The line's number, from 1.
        number: usize,
        /// What stands there.
        line: String,
        /// What is wrong with it, as the end of a sentence.
        reason: String,
    },
    /// What is wrong with several, or with a name, as a whole sentence.
    Sentence(String),
}

impl Error {
    /// For a value that is none of what is expected.
    pub fn value(variable: &'static str, value: &str, expected: &'static str) -> Self {
        Self::Value { variable: variable.into(), value: value.to_owned(), expected }
    }

    /// The name of the one variable that it is about, so that a prefix can be put before.
    pub const fn variable(&mut self) -> Option<&mut Cow<'static, str>> {
        match self {
            Self::Value { variable, .. } | Self::Line { variable, .. } => Some(variable),
            Self::Sentence(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { variable, value, expected } => {
                // docker run --env-file keeps them, where compose takes them away.
                let quotes = if value.starts_with(['"', '\'']) {
                    "; take the quotes away that are part of it"
                } else {
                    ""
                };
                write!(f, "{variable}={value:?} cannot be used: it takes {expected}{quotes}")
            }
            Self::Line { variable, number, line, reason } => {
                write!(f, "{variable} cannot be used: line {number}, {line:?}, {reason}")
            }
            Self::Sentence(sentence) => f.write_str(sentence),
        }
    }
}

impl std::error::Error for Error {}

/// The variables of a process or of a file. What is not UTF-8 is replaced, so that it is refused where it means something.
#[derive(Debug, Clone, Default)]
pub struct Environment(
    /// By their names. A map of the standard library's would take 9 KB more of the program.
    Vec<(String, String)>,
);

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))).collect()
    }

    /// The value of a variable; `None` where it is not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.value(name).map(str::to_owned)
    }

    /// Whether it is set to anything.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| !value.trim().is_empty())
    }

    /// Every name with its value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The same with this variable set to this value.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut with = self.clone();
        with.set(name, value);
        with
    }

    /// Where it is, or where it would be.
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.place(name).ok().map(|place| &*self.0[place].1)
    }

    fn set(&mut self, name: &str, value: &str) {
        match self.place(name) {
            Ok(place) => value.clone_into(&mut self.0[place].1),
            Err(place) => self.0.insert(place, (name.to_owned(), value.to_owned())),
        }
    }
}

/// Of a name that is given twice, the first counts (getenv(3)).
impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            let name = name.into();
            if let Err(place) = environment.place(&name) {
                environment.0.insert(place, (name, value.into()));
            }
        }
        environment
    }
}

/// Looks a variable up; `None` where it is not set.
pub type Vars<'v> = &'v dyn Fn(&str) -> Option<String>;

/// A variable of the process: its name, its default and its meaning, each in this one place.
#[derive(Debug)]
pub struct Setting {
    /// Its name in the environment.
    pub name: &'static str,
    /// The value that is read where it is unset or empty.
    pub default: &'static str,
    /// Its meaning in a few words, for `--help`.
    pub about: &'static str,
}

impl Setting {
    /// Its value, or its default where it is unset or empty.
    ///
    /// # Errors
    /// A value that `parse` does not take, and what was no text ([`Environment`]).
    pub fn read<T>(
        &self,
        var: Vars<'_>,
        parse: impl Fn(&'static str, &str) -> Result<T, Error>,
    ) -> Result<T, Error> {
        parse(self.name, &self.value(var)?)
    }

    fn value(&self, var: Vars<'_>) -> Result<String, Error> {
        let value = var(self.name).unwrap_or_default();
        if value.contains(char::REPLACEMENT_CHARACTER) {
            return Err(Error::value(self.name, &value, "text in UTF-8, without U+FFFD"));
        }
        Ok(String::from(match value.trim() {
            "" => self.default,
            value => value,
        }))
    }
}

/// Reads a switch: 0/1/true/false/yes/no/on/off in any case, trimmed; empty is 0.
///
/// # Errors
/// Any other value. Tecnativa's image takes `true` as 0 without a word, which is how grants get lost.
pub fn parse_switch(variable: &'static str, value: &str) -> Result<bool, Error> {
    match value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(Error::value(variable, value, "0 or 1 (also true, false, yes, no, on, off)")),
    }
}

/// Reads a file of variables, as `docker run --env-file` and `env_file:` take it: lines of `NAME=value`, blank ones, and such
/// that start with `#`. Quotes around a whole value are no part of it, as in compose. The last line of a name counts.
///
/// # Errors
/// The first line that is none of these, as a sentence.
pub fn parse_file(text: &str) -> Result<Environment, String> {
    let mut variables = Environment::default();
    // Docker leaves out a byte order mark, too.
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let bad = |what: &str| format!("line {}, {line:?}, {what}", at + 1);
        let (name, value) = line.split_once('=').ok_or_else(|| bad("is not NAME=value"))?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(bad("is not NAME=value"));
        }
        let value = match value.trim().chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let value = value.trim().strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
                value.ok_or_else(|| bad("has a quote that does not end: a value ends with its line"))?
            }
            _ => value,
        };
        variables.set(name, value);
    }
    Ok(variables)
}
