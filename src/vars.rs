//! Reading variables of the environment: what the process's and the grants have in common.

use std::fmt;

/// A variable whose value cannot be used; printed as one sentence on stderr before exit status 64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The variable's name.
    pub variable: &'static str,
    /// Its value as given.
    pub value: String,
    /// What it takes, as the end of a sentence: "it takes 0 or 1 (...)".
    pub expected: &'static str,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?} cannot be used: it takes {}", self.variable, self.value, self.expected)
    }
}

impl std::error::Error for Error {}

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
    /// A value that `parse` does not take.
    pub fn read<T>(
        &self,
        var: Vars<'_>,
        parse: impl Fn(&'static str, &str) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let value = var(self.name).filter(|value| !value.trim().is_empty());
        parse(self.name, value.as_deref().map_or(self.default, str::trim))
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
        _ => Err(Error {
            variable,
            value: value.to_owned(),
            expected: "0 or 1 (also true, false, yes, no, on, off)",
        }),
    }
}
