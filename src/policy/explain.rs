//! `docker-socket-proxy explain`: what the environment grants, route by route, or for one request.
//!
//! Reads the same table and asks the same judgement as the proxy does, so that it cannot say otherwise.

use crate::http::method::Method;
use crate::http::target::Target;
use crate::policy::text::wrap;
use crate::policy::{
    Denial, Grants, Kind, LEARN_WARNING, Need, Policy, ROUTES, VARIABLES, Verdict, warnings,
};
use std::fmt::{self, Write as _};

/// A query that makes podman show a secret in clear: a request of its own to the policy.
const SHOW_SECRET: &str = "showsecret=true";

/// The judgement of one request, as `explain METHOD PATH` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whether it would reach the daemon.
    pub allowed: bool,
    /// One line with the reason.
    pub sentence: String,
}

/// A call of `explain` that asks nothing that can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadCall {
    /// The method has other letters than A to Z, so that the proxy takes it for no HTTP at all.
    Method,
    /// The path starts with no slash.
    Path,
}

impl fmt::Display for BadCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Method => "METHOD is written in capitals, such as GET",
            Self::Path => "PATH starts with a slash, such as /containers/json",
        })
    }
}

/// Judges one request without a body.
///
/// # Errors
/// What is no request at all.
pub fn request(policy: &Policy, method: &str, target: &str) -> Result<Explanation, BadCall> {
    let parsed = Method::parse(method.as_bytes()).ok_or(BadCall::Method)?;
    if !target.starts_with('/') {
        return Err(BadCall::Path);
    }
    let (allowed, sentence) = match Target::parse(parsed, target.as_bytes()) {
        Err(error) => (false, format!("refused: {method} {}: {error}", target.escape_default())),
        Ok(clean) => match policy.judge(parsed, &clean) {
            Verdict::Allow(allowed) => {
                let bare = if allowed.bare_start.is_some() { ", as long as it has no body" } else { "" };
                (true, format!("allowed: {method} {target}: {}=1 allows it{bare}", allowed.variable))
            }
            Verdict::Deny(denial) => (false, format!("denied: {method} {target}: {denial}")),
        },
    };
    Ok(Explanation { allowed, sentence })
}

/// Every known route with its verdict and the variable behind it, by section, and what to beware of: the warnings of the
/// grants, then `more`. With `only_allowed`, nothing of what is closed.
#[must_use]
pub fn routes(policy: &Policy, only_allowed: bool, more: &[String]) -> String {
    let mut out = format!("granted: {}\n", policy.granted());
    for (place, variable) in VARIABLES.iter().enumerate() {
        let section = Grants::of(place);
        if matches!(variable.kind, Kind::Section(_)) {
            let on = u8::from(policy.grants().contains(section));
            let title = format!("{}={on}: {}", variable.name, variable.about);
            group(&mut out, policy, only_allowed, section, &title);
        }
    }
    group(&mut out, policy, only_allowed, Grants::NONE, "no variable");
    let learning = policy.learning().then(|| String::from(LEARN_WARNING));
    let mut warnings: Vec<_> =
        learning.into_iter().chain(warnings(policy.grants(), policy.dialect())).collect();
    warnings.extend_from_slice(more);
    if !warnings.is_empty() {
        out.push_str("\nbeware:\n");
    }
    for warning in &warnings {
        wrap(&mut out, "  - ", "    ", warning.split(' '));
    }
    out
}

/// The routes of one section under its title.
fn group(out: &mut String, policy: &Policy, only_allowed: bool, section: Grants, title: &str) {
    let mut rows = Vec::new();
    for route in ROUTES {
        for &method in route.methods {
            let plain = Need::of(method, route.path.as_bytes(), None);
            if plain.section != section {
                continue;
            }
            rows.push((method, route.path.to_owned(), plain));
            let shown = Need::of(method, route.path.as_bytes(), Some(SHOW_SECRET.as_bytes()));
            if shown != plain && route.path.contains('{') {
                rows.push((method, format!("{}?{SHOW_SECRET}", route.path), shown));
            }
        }
    }
    let rows: Vec<_> = rows
        .iter()
        .map(|(method, path, need)| (method.as_str(), path, policy.decide(need)))
        .filter(|(.., verdict)| !only_allowed || matches!(verdict, Verdict::Allow(_)))
        .collect();
    let width = rows.iter().map(|(_, path, _)| path.len()).max().unwrap_or_default();
    if !rows.is_empty() {
        let _ = writeln!(out, "\n{title}");
    }
    for (method, path, verdict) in rows {
        let (word, reason) = match verdict {
            Verdict::Allow(allowed) if allowed.bare_start.is_some() => {
                ("allowed", format!("{}, no body or checkpoint", allowed.variable))
            }
            Verdict::Allow(allowed) => ("allowed", allowed.variable.to_owned()),
            Verdict::Deny(Denial::Missing(missing)) => ("denied", format!("needs {}", missing.settings(" "))),
            Verdict::Deny(_) => ("denied", String::from("no variable")),
        };
        let _ = writeln!(out, "  {word:<7}  {method:<6}  {path:<width$}  {reason}");
    }
}
