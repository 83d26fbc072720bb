//! `docker-socket-proxy explain`: what the environment grants, route by route, or for one request.
//!
//! Reads the same table and asks the same judgement as the proxy does, so that it cannot say otherwise.

use crate::guard::{self, Fault, Guard, Refused, Rule};
use crate::http::framing::BodyFraming;
use crate::http::method::Method;
use crate::http::target::Target;
use crate::policy::bare::asks_more;
use crate::policy::guarded::{self, Closed};
use crate::policy::lists::ALLOW_ROUTES;
use crate::policy::query::QUERIES;
use crate::policy::text::{listed, wrap};
use crate::policy::{
    Allowed, Denial, Grants, Hazard, Kind, LEARN_WARNING, Need, Policy, Section, VARIABLES, Verdict,
};
use crate::sorted::insert;
use std::fmt::{self, Write as _};

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

/// Judges one request, of a client whose variables have this prefix: without a body, or with this one.
///
/// # Errors
/// What is no request at all.
pub fn request(
    policy: &Policy,
    prefix: &str,
    method: &str,
    target: &str,
    body: Option<&[u8]>,
) -> Result<Explanation, BadCall> {
    let parsed = Method::parse(method.as_bytes()).ok_or(BadCall::Method)?;
    if !target.starts_with('/') {
        return Err(BadCall::Path);
    }
    let denied =
        |why: &str| Explanation { allowed: false, sentence: format!("denied: {method} {target}: {why}") };
    let clean = match Target::parse(parsed, target.as_bytes()) {
        Ok(clean) => clean,
        Err(error) => {
            let sentence = format!("refused: {method} {}: {error}", target.escape_default());
            return Ok(Explanation { allowed: false, sentence });
        }
    };
    let allowed = match policy.judge(parsed, &clean) {
        Verdict::Allow(allowed) => allowed,
        Verdict::Deny(denial) => return Ok(denied(&denial.told(prefix).to_string())),
    };
    let path = clean.decoded().unwrap_or(clean.path());
    let guarded = match (policy.guard(), allowed.rule) {
        (Some(guard), Some(rule)) => match judged(guard, rule, (parsed, path, clean.query()), body) {
            Ok(guarded) => guarded,
            Err(refused) if policy.learning() => format!(", though without LEARN=1 {}", refused.told(prefix)),
            Err(refused) => return Ok(denied(&refused.told(prefix))),
        },
        _ if body.is_some() => String::from("; nothing of its body is judged"),
        _ => String::new(),
    };
    let bare = match allowed.bare {
        Some((Hazard::Rewrites, _)) => ", as long as it has no body",
        Some((Hazard::OpensStore, _)) => ", as long as its body is no form",
        Some(_) => ", as long as its body names no signal",
        None => "",
    };
    let by = match policy.lists().and_then(|lists| lists.allowing(parsed, path, clean.query())) {
        Some(line) if allowed.variable == ALLOW_ROUTES.name => format!("ALLOW_ROUTES has {line}"),
        _ => format!("{}=1 allows it", allowed.variable),
    };
    Ok(Explanation { allowed: true, sentence: format!("allowed: {method} {target}: {by}{bare}{guarded}") })
}

/// Why GUARD refuses a request.
enum NotGuarded {
    Unreadable(guard::reader::Error),
    Refused(Vec<Refused>),
    Start,
}

impl NotGuarded {
    /// Each field in words.
    fn told(&self, prefix: &str) -> String {
        match self {
            Self::Unreadable(error) => format!("GUARD cannot judge a body that {error}"),
            Self::Refused(refused) => {
                let mut sentences: Vec<_> = refused.iter().map(|refused| refused.told(prefix)).collect();
                sentences.dedup();
                sentences.join("; ")
            }
            Self::Start => Closed::Start.told(prefix),
        }
    }
}

/// What GUARD says of a request, as the end of a sentence.
fn judged(
    guard: &Guard,
    rule: Rule,
    (method, path, query): (Method, &[u8], Option<&[u8]>),
    body: Option<&[u8]>,
) -> Result<String, NotGuarded> {
    let mut refused = guard.judge_target(rule, guarded::name(method, path), query).refused;
    let says = match (rule, body) {
        (Rule::Held(of), Some(body)) => {
            match guard.judge(of, body) {
                Ok(()) => {}
                Err(Fault::Unreadable(error)) => return Err(NotGuarded::Unreadable(error)),
                Err(Fault::Refused(more)) => refused.extend(more),
            }
            ", and GUARD its body"
        }
        (Rule::Held(_), None) => ", if GUARD allows its body",
        (Rule::Start(_), Some(body))
            if asks_more(Hazard::Rewrites, b"", BodyFraming::Length(body.len() as u64)) =>
        {
            return Err(NotGuarded::Start);
        }
        (Rule::Start(_), _) => ", as long as GUARD sees no body",
        (Rule::Build | Rule::Pull | Rule::Push | Rule::Tag, _) => ", and GUARD its query",
        _ => "",
    };
    if !refused.iter().all(Refused::may_be_own) {
        return Err(NotGuarded::Refused(refused));
    }
    let paths: Vec<_> = refused.into_iter().map(|refused| refused.path).collect();
    let says = match paths.is_empty() {
        true => says.to_owned(),
        false => format!("{says}, if this was made through this proxy: {}", listed(&paths)),
    };
    Ok(says)
}

/// Every known route with its verdict and the variable behind it, by section, and what to beware of: these warnings. With `only_allowed`,
/// nothing of what is closed.
#[must_use]
pub fn routes(policy: &Policy, only_allowed: bool, warnings: &[String]) -> String {
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
    let warnings: Vec<_> = learning.iter().chain(warnings).collect();
    if !warnings.is_empty() {
        out.push_str("\nbeware:\n");
    }
    for warning in warnings {
        wrap(&mut out, "  - ", "    ", warning.split(' '));
    }
    out
}

/// The routes of one section under its title.
fn group(out: &mut String, policy: &Policy, only_allowed: bool, section: Grants, title: &str) {
    let rows: Vec<_> = rows(&[policy], &QUERIES[..1])
        .filter(|row| row.section == section)
        .map(|row| (row.verdict(policy), row))
        .filter(|(verdict, _)| !only_allowed || matches!(verdict, Verdict::Allow(_)))
        .collect();
    let width = rows.iter().map(|(_, row)| row.path_and_query().len()).max().unwrap_or_default();
    if !rows.is_empty() {
        let _ = writeln!(out, "\n{title}");
    }
    for (verdict, row) in rows {
        let word = if matches!(verdict, Verdict::Allow(_)) { "allowed" } else { "denied" };
        let (method, path) = (row.method.as_str(), row.path_and_query());
        let _ = writeln!(out, "  {word:<7}  {method:<6}  {path:<width$}  {}", reason(&verdict));
    }
}

/// What a report says of: a route with one of its methods, or what of it is a request of its own to the policy.
struct Row {
    method: Method,
    path: String,
    query: Option<&'static str>,
    section: Grants,
}

impl Row {
    fn new(method: Method, path: String, query: Option<&'static str>) -> Self {
        let Need { section, .. } = Need::of(method, path.as_bytes(), None);
        Self { method, path, query, section }
    }

    fn path_and_query(&self) -> String {
        match self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    fn verdict(&self, policy: &Policy) -> Verdict {
        policy.judge_row(self.method, &self.path, self.query)
    }
}

/// Every route with its methods; what of it one of these queries makes another request to the policy; and the lines of lists that
/// are not whole rows.
fn rows<'p>(policies: &'p [&Policy], queries: &'p [&'static str]) -> impl Iterator<Item = Row> + 'p {
    let of_table = Need::of_routes()
        .map(|(route, method, _)| (route.path.to_owned(), method.as_str(), route.path.contains('{')));
    let lists = policies.iter().filter_map(|policy| policy.lists());
    let mut parts = Vec::new();
    for line in lists.flat_map(|lists| lists.allow.iter().chain(&lists.deny)).filter(|line| line.is_part()) {
        // Each once, of several policies.
        insert(&mut parts, (line.path(), line.method.as_str(), true));
    }
    of_table.chain(parts).flat_map(move |(path, method, has_name)| {
        let method = Method::parse(method.as_bytes()).unwrap_or(Method::Other);
        let need = |query: Option<&str>| Need::of(method, path.as_bytes(), query.map(str::as_bytes));
        let asks_more = |query: &&&'static str| has_name && need(Some(query)) != need(None);
        let asking = queries.iter().filter(asks_more).map(|query| Some(*query));
        let rows = std::iter::once(None).chain(asking).map(|query| Row::new(method, path.clone(), query));
        rows.collect::<Vec<_>>()
    })
}

/// What is behind a verdict, in few words.
fn reason(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Allow(Allowed { variable, bare, rule, .. }) => {
            let limit = match (rule, bare) {
                (Some(Rule::Held(_)), _) => ", if GUARD allows its body",
                (Some(Rule::Build | Rule::Pull | Rule::Push | Rule::Tag), _) => ", if GUARD allows its query",
                (Some(Rule::Start(_)), _) => ", if GUARD allows its name, no body or checkpoint",
                (Some(_), _) => ", if GUARD allows its name",
                (_, Some((Hazard::Rewrites, _))) => ", no body or checkpoint",
                (_, Some((Hazard::OpensStore, _))) => ", no form",
                (_, Some(_)) => ", no signal",
                (_, None) => "",
            };
            format!("{variable}{limit}")
        }
        Verdict::Deny(Denial::Guarded(_)) => String::from("GUARD"),
        Verdict::Deny(Denial::Missing(missing)) => format!("needs {}", missing.settings(" ")),
        Verdict::Deny(Denial::Listed(..)) => String::from("DENY_ROUTES"),
        Verdict::Deny(_) => String::from("no variable"),
    }
}

/// What changes between two environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Whether anything is open that was not.
    pub opens: bool,
    /// A line for each route that opens or closes.
    pub text: String,
}

/// Which routes open and which close where the new one takes the old one's place.
#[must_use]
pub fn difference(old: &Policy, new: &Policy) -> Difference {
    let policies = [old, new];
    let mut changes: Vec<Change> = Vec::new();
    for change in rows(&policies, &QUERIES).filter_map(|row| Change::of(row, old, new)) {
        let route = |change: &Change| (change.opens, change.row.method, change.row.path.clone());
        // With a query it is news where the route itself does not change alike.
        if change.row.query.is_none() || !changes.iter().any(|other| route(other) == route(&change)) {
            changes.push(change);
        }
    }
    for change in elsewhere().filter_map(|row| Change::of(row, old, new)) {
        let kind = |change: &Change| (change.opens, change.row.section, change.row.method);
        if !changes.iter().any(|other| kind(other) == kind(&change)) {
            changes.push(change);
        }
    }
    let width = changes.iter().map(|change| change.row.path_and_query().len()).max().unwrap_or_default();
    let mut text = String::new();
    for (opens, word) in [(true, "opens"), (false, "closes")] {
        for Change { row, after, .. } in changes.iter().filter(|change| change.opens == opens) {
            let (method, path) = (row.method.as_str(), row.path_and_query());
            let _ = writeln!(text, "{word:<6}  {method:<7}  {path:<width$}  {}", reason(after));
        }
    }
    let mut opens = changes.iter().any(|change| change.opens);
    if let (Some(old), Some(new)) = (old.guard(), new.guard()) {
        let (old, new) = (old.allow().named(), new.allow().named());
        for ((name, before), (_, after)) in old.into_iter().zip(new) {
            let mut say = |word, from: &[String], to: &[String]| {
                for entry in to.iter().filter(|entry| !from.contains(entry)) {
                    let _ = writeln!(text, "{word:<6}  {name}={entry}");
                }
            };
            say("opens", &before, &after);
            say("closes", &after, &before);
            opens |= after.iter().any(|entry| !before.contains(entry));
        }
    }
    text.push_str(if opens { "" } else { "nothing more is open\n" });
    Difference { opens, text }
}

/// A row on which two environments disagree.
struct Change {
    opens: bool,
    row: Row,
    after: Verdict,
}

impl Change {
    fn of(row: Row, old: &Policy, new: &Policy) -> Option<Self> {
        // What may have any body is more open than what may not.
        let openness = |verdict: &Verdict| match verdict {
            Verdict::Deny(_) => 0,
            Verdict::Allow(allowed) if allowed.bare.is_some() || allowed.rule.is_some() => 1,
            Verdict::Allow(_) => 2,
        };
        let after = row.verdict(new);
        let (before_is, after_is) = (openness(&row.verdict(old)), openness(&after));
        (before_is != after_is).then_some(Self { opens: before_is < after_is, row, after })
    }
}

/// For each section that has room for more than known routes, a path of none with each method.
fn elsewhere() -> impl Iterator<Item = Row> {
    use Method::{Delete, Get, Options, Patch, Post, Put};
    let below = VARIABLES.iter().filter_map(|variable| match variable.kind {
        Kind::Section(Section { libpod, segment, exact: false }) => {
            Some(format!("{}/{segment}/...", if libpod { "/libpod" } else { "" }))
        }
        _ => None,
    });
    let methods = [Get, Post, Put, Delete, Patch, Options];
    below.flat_map(move |path| methods.map(|method| Row::new(method, path.clone(), None)))
}
