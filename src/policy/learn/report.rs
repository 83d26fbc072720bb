//! What LEARN=1 prints: two blocks of a compose file.

use super::{Defaults, Examples, MAX_EXAMPLES, Seen, Ways};
use crate::guard::{self, GUARD, LISTS};
use crate::http::method::Method;
use crate::policy::danger;
use crate::policy::lists::{ALLOW_ROUTES, Line, Lists};
use crate::policy::text::wrap;
use crate::policy::{Grants, Kind, Need, ROUTES, VARIABLES};
use std::fmt::Write as _;

/// Both blocks; the second one where there is any route.
pub(super) fn both(out: &mut String, seen: &Seen, defaults: &Defaults) {
    variables(out, seen, defaults);
    if !seen.routes.is_empty() {
        routes(out, seen, defaults);
    }
}

/// The smallest set of variables.
fn variables(out: &mut String, seen: &Seen, defaults: &Defaults) {
    let Defaults { prefix, dialect, guard, .. } = defaults;
    let wanted = seen.smallest();
    let post = wanted.contains(Grants::POST);
    let places = || VARIABLES.iter().enumerate().map(|(place, variable)| (Grants::of(place), variable));
    let open = places().filter(|(one, _)| wanted.contains(*one) || defaults.is_on(*one, post));
    let open = open.fold(Grants::NONE, |open, (one, _)| open.union(one));
    let start = out.len();
    out.push_str("    environment:\n");
    if *dialect != defaults.dialect_of_all {
        set(out, prefix, "DIALECT", dialect.name());
    }
    let mut to_close = Vec::new();
    for (one, variable) in places() {
        match (wanted.contains(one), defaults.is_on(one, post)) {
            (true, false) => {
                comment(out, seen.examples_of(one, wanted));
                set(out, prefix, variable.name, "1");
            }
            (false, true) if Need::is_opened_by(one, open.without(one)) => to_close.push(variable.name),
            _ => {}
        }
    }
    if !to_close.is_empty() {
        comment(out, words("open by default, and no request needed it"));
    }
    for name in to_close {
        set(out, prefix, name, "0");
    }
    for list in &defaults.lists {
        set(out, prefix, list, "\"\"");
    }
    guarded(out, seen, defaults);
    if out[start..].lines().count() == 1 {
        out.truncate(out.trim_end().len());
        out.push_str(" {}\n");
    }
    for warning in danger::warnings(wanted, *dialect, None, guard.as_ref()) {
        comment(out, words(&format!("beware: {warning}")));
    }
    list(out, "no variable allows:", &seen.never);
}

/// The routes themselves.
fn routes(out: &mut String, seen: &Seen, defaults: &Defaults) {
    let Defaults { prefix, dialect, guard, .. } = defaults;
    out.push_str("    # or, in place of all that, just these routes:\n    environment:\n");
    let lists = seen.lists();
    for warning in danger::warnings(Grants::NONE, *dialect, Some(&lists), guard.as_ref()) {
        comment(out, words(&format!("beware: {warning}")));
    }
    list(out, "no line of ALLOW_ROUTES allows:", &seen.beyond);
    for (place, variable) in VARIABLES.iter().enumerate() {
        let opens = matches!(variable.kind, Kind::Section(_) | Kind::Action);
        if opens && defaults.is_on(Grants::of(place), false) {
            set(out, prefix, variable.name, "0");
        }
    }
    for list in defaults.lists.iter().filter(|list| **list != ALLOW_ROUTES.name) {
        set(out, prefix, list, "\"\"");
    }
    guarded(out, seen, defaults);
    let _ = writeln!(out, "      {prefix}{}: |", ALLOW_ROUTES.name);
    for line in &lists.allow {
        let _ = writeln!(out, "        {line}");
    }
}

/// GUARD, where it is on, with the lists that the traffic needed.
fn guarded(out: &mut String, seen: &Seen, defaults: &Defaults) {
    if defaults.guard.is_none() {
        return;
    }
    list(out, "GUARD refuses, whatever its lists say:", &seen.guarded);
    list(out, "GUARD refuses, and no entry is proposed for what is named in:", &seen.unlisted);
    set(out, &defaults.prefix, GUARD.name, "baseline");
    for list in LISTS {
        let entries =
            seen.wanted.iter().filter_map(guard::Need::entry).filter(|(of, _)| of.name == list.name);
        let entries: Vec<_> = entries.map(|(_, entry)| entry).collect();
        if !entries.is_empty() {
            // A path may hold what YAML reads otherwise; it has no quotes, no backslashes and nothing that compose fills in.
            set(out, &defaults.prefix, list.name, &format!("\"{}\"", entries.join(",")));
        }
    }
}

fn comment(out: &mut String, pieces: Vec<String>) {
    wrap(out, "      # ", "      #   ", pieces);
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn set(out: &mut String, prefix: &str, name: &str, value: &str) {
    let _ = writeln!(out, "      {prefix}{name}: {value}");
}

fn list(out: &mut String, lead: &str, examples: &Examples) {
    if !examples.kept.is_empty() {
        comment(out, [lead.to_owned()].into_iter().chain(examples.listed()).collect());
    }
}

impl Seen {
    /// ALLOW_ROUTES with just these routes. A line of GET stands for HEAD too.
    fn lists(&self) -> Lists {
        let routes = self.routes.iter().filter(|(place, method)| {
            *method != Method::Head.as_str() || !self.routes.contains(&(*place, Method::Get.as_str()))
        });
        let line = |(place, method): &(usize, &str)| {
            Some(Line::of_row(Method::parse(method.as_bytes())?, ROUTES.get(*place)?))
        };
        Lists { allow: routes.filter_map(line).collect(), deny: Vec::new() }
    }

    /// The smallest set that meets all needs: gates, what has no alternative, and of the actions those that are still lacking,
    /// ALLOW_RESTARTS before ALLOW_STOP, which it covers.
    fn smallest(&self) -> Grants {
        let mut wanted = Grants::NONE;
        for ways in self.needs.keys() {
            wanted = wanted.union(ways.gates);
            if ways.any.is_empty() {
                wanted = wanted.union(ways.all);
            }
        }
        // Those with the least choice first.
        for choice in 1..=VARIABLES.len() as u32 {
            for ways in self.needs.keys().filter(|ways| ways.any.len() == choice) {
                if !ways.are_met_by(wanted) {
                    wanted = wanted.union(ways.any.iter().next().unwrap_or_default());
                }
            }
        }
        wanted
    }

    /// What needed this variable, where all of `wanted` is on.
    fn examples_of(&self, variable: Grants, wanted: Grants) -> Vec<String> {
        let mut of_it = Examples::default();
        for (ways, examples) in &self.needs {
            let needed = if wanted.contains(ways.all) { ways.all } else { ways.any };
            if needed.union(ways.gates).contains(variable) {
                for example in &examples.kept {
                    of_it.add(example.clone(), MAX_EXAMPLES);
                }
                of_it.more |= examples.more;
            }
        }
        of_it.listed()
    }
}

impl Ways {
    const fn are_met_by(&self, grants: Grants) -> bool {
        grants.contains(self.gates) && (grants.contains(self.all) || grants.intersects(self.any))
    }
}

impl Examples {
    /// In pieces that stay whole: `GET /info,`, `GET /version`, `and others`.
    fn listed(&self) -> Vec<String> {
        let last = self.kept.len().saturating_sub(1);
        let punctuated =
            |(at, example): (usize, &String)| if at < last { format!("{example},") } else { example.clone() };
        let more = self.more.then(|| String::from("and others"));
        self.kept.iter().enumerate().map(punctuated).chain(more).collect()
    }
}
