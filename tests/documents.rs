//! What the documents, the packages and `--help` say is what the program does: variables and their defaults, links, sizes.

#[path = "support/program.rs"]
mod program;

use docker_socket_proxy::config::{Config, Listen, SETTINGS, frontends};
use docker_socket_proxy::guard::MAX_BODY_BYTES;
use docker_socket_proxy::guard::{
    Body, Fault, GUARD, Guard, LISTS, MAX_HELD_BYTES, MAX_MADE, Refused, Rule, Why,
};
use docker_socket_proxy::lookalike::lookalikes;
use docker_socket_proxy::policy::{Need, Policy, VARIABLES, Verdict, WhenUnset};
use docker_socket_proxy::vars::Error;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const README: &str = include_str!("../README.md");
const PAGE: &str = include_str!("../docs/variables.md");
const GUARD_PAGE: &str = include_str!("../docs/guard.md");
const DOCKERFILE: &str = include_str!("../Dockerfile");
const PLATFORMS: &str = include_str!("../packaging/platforms");
const CONTRIBUTING: &str = include_str!("../CONTRIBUTING.md");
const ENV_FILE: &str = include_str!("../packaging/docker-socket-proxy.env");
const SERVICE: &str = include_str!("../packaging/docker-socket-proxy.service");
const SOCKET: &str = include_str!("../packaging/docker-socket-proxy.socket");
const SYSUSERS: &str = include_str!("../packaging/docker-socket-proxy.sysusers");
const COMPLETIONS: [&str; 3] = [
    include_str!("../packaging/completions/docker-socket-proxy.bash"),
    include_str!("../packaging/completions/docker-socket-proxy.fish"),
    include_str!("../packaging/completions/docker-socket-proxy.zsh"),
];
const QUADLET: &str = include_str!("../packaging/docker-socket-proxy.container");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

// === Variables ===

/// What stands below a heading of a page, up to the next one.
fn below<'p>(page: &'p str, heading: &str) -> &'p str {
    let section = page.split(&format!("\n{heading}\n")).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    section.split("\n#").next().expect("its end")
}

/// The rows of a table of docs/variables.md: the name, and the default in the second column, which is empty where there is none.
fn rows(heading: &str) -> Vec<(&'static str, &'static str)> {
    let section = below(PAGE, &format!("## {heading}"));
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let (name, cells) = row.split_once("` | ").expect("a name");
        let default = cells.split(" | ").next().expect("a default");
        (name, default.split('`').nth(1).unwrap_or_default())
    })
    .collect()
}

/// Every variable but the grants, which tests/explain.rs compares.
fn settings() -> Vec<(&'static str, &'static str)> {
    [rows("Exact routes"), rows("The guard"), rows("All grants at once"), rows("The process")].concat()
}

fn read(variables: &[(&str, &str)]) -> Result<Config, Error> {
    Config::of(&variables.iter().copied().collect())
}

/// The names of all variables.
fn asked() -> BTreeSet<String> {
    let of_process = SETTINGS.iter().map(|setting| setting.name);
    frontends::variables().chain(of_process).map(str::to_owned).collect()
}

/// What `--help` prints.
fn help_text() -> String {
    let output = program::command().arg("--help").output().expect("the program runs");
    String::from_utf8(output.stdout).expect("text")
}

/// The variables that `--help` lists, with the default in brackets behind; where none is said it is 0.
fn help() -> BTreeMap<String, String> {
    let help = help_text();
    let lines = help.lines().filter_map(|line| line.strip_prefix("  ")?.split_once("  "));
    lines
        .filter(|(name, _)| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || b"_6".contains(&byte))
        })
        .map(|(name, about)| {
            let default = about.rsplit_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or("0");
            (name.to_owned(), default.to_owned())
        })
        .collect()
}

#[test]
fn the_page_has_every_variable_of_the_process_with_its_default() {
    let table: Vec<_> = SETTINGS.iter().map(|setting| (setting.name, setting.default)).collect();
    assert_eq!(rows("The process"), table);
}

#[test]
fn the_page_has_the_guard_and_its_lists_with_their_defaults() {
    let table: Vec<_> =
        [&GUARD].into_iter().chain(LISTS).map(|setting| (setting.name, setting.default)).collect();
    assert_eq!(rows("The guard"), table);
}

#[test]
fn what_is_read_is_what_is_documented() {
    let grants = VARIABLES.iter().map(|variable| variable.name);
    let documented = settings().into_iter().map(|(name, _)| name).chain(grants).map(str::to_owned);
    assert_eq!(asked(), documented.collect());
}

#[test]
fn help_has_every_variable_with_its_default() {
    let help = help();
    assert_eq!(help.keys().cloned().collect::<BTreeSet<_>>(), asked());
    for (name, default) in settings() {
        let default = if default.is_empty() { "0" } else { default };
        assert_eq!(help[name], default, "{name}");
    }
    let unset = read(&[]).expect("the defaults").frontends[0].policy.grants();
    for variable in VARIABLES {
        let default = match variable.default {
            WhenUnset::AsPostBut(_) => "as POST",
            _ if unset.variables().any(|on| on == variable) => "1",
            _ => "0",
        };
        assert_eq!(help[variable.name], default, "{}", variable.name);
    }
}

#[test]
fn a_default_is_what_holds_where_nothing_is_set() {
    let unset = format!("{:?}", read(&[]).expect("the defaults"));
    for (variable, default) in settings() {
        let set = read(&[(variable, default)]).expect("a default");
        assert_eq!(format!("{set:?}"), unset, "{variable}={default}");
    }
}

#[test]
fn every_documented_variable_is_read() {
    for (variable, _) in settings() {
        match read(&[(variable, "0.5.?")]) {
            Ok(config) => assert_eq!((variable, config.socket_path.to_str()), ("SOCKET_PATH", Some("0.5.?"))),
            Err(error) => {
                let error = error.to_string();
                assert!(error.starts_with(variable) && error.contains(" cannot be used: "), "{error}");
                assert!(error.contains("\"0.5.?\""), "{error}");
            }
        }
    }
}

#[test]
fn every_documented_variable_is_known_in_other_case() {
    for (variable, _) in settings() {
        let written = (variable.to_lowercase(), String::from("0.5."));
        let said = lookalikes(&[written].into_iter().collect())
            .map_or_else(|stop| stop, |warnings| warnings.concat());
        assert!(said.contains(&format!("did you mean {variable}?")), "{variable}: {said:?}");
    }
}

#[test]
fn switches_and_times_take_the_values_that_are_named() {
    let item = |start: &str| {
        let item = PAGE.split(start).nth(1).and_then(|rest| rest.split("\n- ").next()).expect("the item");
        item.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let (switches, times) = (item("- A switch takes"), item("- A time is"));
    // The last is of the sentence about the empty value.
    assert_eq!((switches.len(), times.len()), (9, 2));
    for value in switches {
        assert!(read(&[("DISABLE_IPV6", &value.to_uppercase()), ("POST", &value)]).is_ok(), "{value}");
    }
    for value in times {
        assert!(read(&[("HEAD_TIMEOUT", &value)]).is_ok(), "{value}");
    }
    for (value, milliseconds) in
        [("2.5", 2500), (".25s", 250), ("1.", 1000), ("0.75m", 45_000), ("0.0015h", 5400), ("1.0ms", 1)]
    {
        let config = read(&[("HEAD_TIMEOUT", value)]).expect(value);
        assert_eq!(config.head_timeout, std::time::Duration::from_millis(milliseconds), "{value}");
    }
    for value in [".", ".s", "ms", "1.2.3", "1,5", "99999999999999999999"] {
        assert!(read(&[("HEAD_TIMEOUT", value)]).is_err(), "{value}");
    }
    let empty: Vec<_> = asked().into_iter().map(|name| (name, String::new())).collect();
    let empty: Vec<_> = empty.iter().map(|(name, value)| (&**name, &**value)).collect();
    let empty = read(&empty).expect("empty values");
    assert!(empty.frontends[0].policy.grants().is_empty());
    assert_eq!(empty.frontends[0].listen, read(&[]).expect("the defaults").frontends[0].listen);
}

// === The guard ===

/// A row of a table of docs/guard.md.
struct Judged {
    /// The names in its first column.
    names: Vec<&'static str>,
    /// What passes.
    passes: &'static str,
    /// What opens more.
    opened: &'static str,
}

/// What a text has as code.
fn code(text: &'static str) -> Vec<&'static str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The rows of the table below a heading.
fn judged(heading: &str) -> Vec<Judged> {
    let rows = below(GUARD_PAGE, heading).lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let &[_, names, passes, opened, _] = &cells[..] else { panic!("{row}") };
        Judged { names: code(names), passes, opened }
    })
    .collect()
}

fn heading(body: Body) -> &'static str {
    match body {
        Body::Create => "### `POST /containers/create`",
        Body::Update => "### `POST /containers/NAME/update`",
        Body::Exec => "### `POST /containers/NAME/exec`",
        Body::Commit => "### `POST /commit`",
        Body::Volume => "### `POST /volumes/create`",
        Body::Network => "### `POST /networks/create`",
        Body::Connect => "### `POST /networks/NAME/connect`",
        Body::Disconnect => "### `POST /networks/NAME/disconnect`",
    }
}

const MOUNTS: &str = "### An entry of `Mounts`";

/// GUARD=baseline without lists.
fn guard() -> Guard {
    *Guard::from_vars(&|name| (name == GUARD.name).then(|| String::from("baseline")))
        .expect("it")
        .expect("on")
}

/// A body with this value at this path.
fn with(path: &str, value: &str) -> String {
    let (holders, name) = path.rsplit_once('.').unwrap_or(("", path));
    let holders = holders.rsplit('.').filter(|holder| !holder.is_empty());
    holders.fold(format!("{{\"{name}\":{value}}}"), |inner, holder| match holder {
        "Config" => format!("{{\"{holder}\":[{inner}]}}"),
        _ => format!("{{\"{holder}\":{inner}}}"),
    })
}

/// Values that ask for something of each kind: each field that is judged refuses at least one.
const ASKING: [&str; 21] = [
    "true",
    "-5",
    "[]",
    r#""zz""#,
    r#""host""#,
    r#""/zz""#,
    r#""container:zz""#,
    r#"["zz"]"#,
    r#"["/zz:/x"]"#,
    r#"["zz:/x"]"#,
    r#"["SYS_ADMIN"]"#,
    r#"[["dev"]]"#,
    r#"[{"Capabilities":[["gpu"]]}]"#,
    r#"[{"Type":"bind","Source":"/zz","Target":"/x"}]"#,
    r#"[{"Type":"volume","Source":"zz","Target":"/x"}]"#,
    r#"[{"PathOnHost":"/zz"}]"#,
    r#"{"zz":"zz"}"#,
    r#"{"host":{}}"#,
    r#"{"container:zz":{}}"#,
    r#"{"type":"none","o":"bind","device":"/zz"}"#,
    r#"{"Options":{"type":"none","o":"bind","device":"/zz"}}"#,
];

/// What is refused of bodies with one of these values each.
fn refused(body: Body, texts: impl Iterator<Item = String>) -> Vec<Refused> {
    let refused = texts.filter_map(|text| match guard().judge(body, text.as_bytes()) {
        Ok(()) => None,
        Err(Fault::Refused(refused)) => Some(refused),
        Err(fault) => panic!("{text}: {fault:?}"),
    });
    refused.flatten().collect()
}

/// Holds a row to what is refused of one of its fields.
fn hold(row: &Judged, name: &str, refused: &[Refused]) {
    assert!(!refused.is_empty(), "{name} is not judged");
    let mut lists = BTreeSet::new();
    for Refused { path, why } in refused {
        match why {
            Why::OneOf(words) if path.ends_with(name) => {
                let words = words.iter().copied().collect::<BTreeSet<_>>();
                assert_eq!(code(row.passes).into_iter().collect::<BTreeSet<_>>(), words, "{name}");
            }
            Why::Needs(_) => {
                let told = Refused { path: path.clone(), why: why.clone() }.to_string();
                lists.extend(LISTS.iter().map(|list| list.name).filter(|list| told.contains(list)));
            }
            _ => {}
        }
    }
    let said = LISTS.iter().map(|list| list.name).filter(|list| row.opened.contains(list));
    assert_eq!(said.collect::<BTreeSet<_>>(), lists, "{name}");
    assert_eq!(row.opened == "nothing", lists.is_empty(), "{name}");
}

/// The fields that are judged, but for those that only hold others, and for the copies of what HostConfig has.
#[test]
fn the_tables_of_the_guard_have_every_field_that_is_judged_and_no_other() {
    for body in Body::ALL {
        let judged_here = body.judged();
        let holds_others =
            |path: &str| judged_here.iter().any(|other| other.starts_with(&format!("{path}.")));
        let is_copy = |path: &str| judged_here.contains(&format!("HostConfig.{path}"));
        let expected: BTreeSet<&str> = judged_here
            .iter()
            .map(|path| &**path)
            .filter(|path| !holds_others(path) && !is_copy(path))
            .collect();
        let rows = judged(heading(body));
        let named: Vec<_> = rows.iter().flat_map(|row| row.names.iter().copied()).collect();
        assert_eq!(named.iter().copied().collect::<BTreeSet<_>>(), expected, "{body:?}");
        assert_eq!(named.len(), expected.len(), "{body:?}: a field is there twice");
    }
}

#[test]
fn the_tables_of_the_guard_say_which_words_pass_and_which_list_opens_more() {
    for body in Body::ALL {
        for row in judged(heading(body)) {
            for name in &row.names {
                hold(&row, name, &refused(body, ASKING.iter().map(|value| with(name, value))));
            }
        }
    }
    let rows = judged(MOUNTS);
    assert!(!rows.is_empty());
    for row in rows {
        for name in &row.names {
            let of_type = |kind| {
                let kind = format!("{{\"Type\":\"{kind}\",");
                let kind = if *name == "Type" { "{" } else { &kind };
                let mounts = ASKING.map(|value| with(name, value).replacen('{', kind, 1));
                mounts.map(|mount| with("HostConfig.Mounts", &format!("[{mount}]")))
            };
            let texts = ["bind", "volume", "tmpfs"].into_iter().flat_map(of_type);
            hold(&row, name, &refused(Body::Create, texts));
        }
    }
}

#[test]
fn the_table_of_parameters_has_those_that_pass_and_those_that_a_list_opens() {
    let rows = judged("### Parameters of the query");
    for row in &rows {
        let (rule, path, needed) = match row.names[..] {
            ["POST /build"] => (Rule::Build, "/build", ""),
            ["POST /images/create"] => (Rule::Pull, "/images/create", "&fromImage=app"),
            ["POST /images/NAME/push"] => (Rule::Push, "/images/app/push", ""),
            ["POST /images/NAME/tag"] => (Rule::Tag, "/images/app/tag", ""),
            ["POST /commit"] => (Rule::Held(Body::Commit), "/commit", ""),
            ref names => panic!("{names:?}"),
        };
        let refused = |pair: &str| {
            let value = match pair {
                "cachefrom" => "=[%22app%22]",
                pair if pair.contains('=') => "",
                _ => "=zz",
            };
            // It is there once.
            let needed = if pair == "fromImage" { "" } else { needed };
            let query = format!("{pair}{value}{needed}");
            guard().judge_target(rule, Some("app"), Some(query.as_bytes())).refused
        };
        for pair in code(row.passes) {
            assert_eq!(refused(pair), [], "{path}: {pair}");
        }
        let is_list = |word: &str| LISTS.iter().any(|list| list.name == word);
        let opened: Vec<_> = code(row.opened).into_iter().filter(|pair| !is_list(pair)).collect();
        assert_eq!(opened.is_empty(), row.opened == "nothing", "{path}");
        for pair in opened {
            assert!(matches!(refused(pair)[..], [Refused { why: Why::Needs(_), .. }]), "{path}: {pair}");
        }
        assert!(!refused("zz").is_empty(), "{path}");
    }
    assert_eq!(rows.len(), 5);
}

/// Of Docker's own API, whose requests are all granted.
#[test]
fn the_table_of_what_the_guard_closes_has_every_request_that_it_closes() {
    let policy = |guard: &str| {
        let is_on = |name: &str| VARIABLES.iter().any(|variable| variable.name == name);
        let var = |name: &str| match name {
            "GUARD" => Some(guard.to_owned()),
            name => is_on(name).then(|| String::from("1")),
        };
        Policy::from_vars(&var).expect("a usable environment")
    };
    let (without, with) = (policy("0"), policy("baseline"));
    let is_allowed =
        |policy: &Policy, method, path| matches!(policy.judge_row(method, path, None), Verdict::Allow(_));
    let closed: BTreeSet<_> = Need::of_routes()
        .filter(|(route, method, _)| {
            is_allowed(&without, *method, route.path) && !is_allowed(&with, *method, route.path)
        })
        .map(|(route, method, _)| format!("{} {}", method.as_str(), route.path))
        .filter(|request| !request.contains(" /libpod/"))
        .collect();
    let rows = below(GUARD_PAGE, "## What is closed").lines().filter(|line| line.starts_with("| `"));
    let named: Vec<_> = rows.flat_map(|row| code(row.split('|').nth(1).expect("a column"))).collect();
    let is = |name: &str, request: &str| match name.strip_suffix("...") {
        Some(start) => request.starts_with(start),
        None => name == request,
    };
    for request in &closed {
        assert!(named.iter().any(|name| is(name, request)), "{request} is not in the table");
    }
    for name in named {
        assert!(closed.iter().any(|request| is(name, request)), "{name} is not closed");
    }
}

#[test]
fn the_limits_of_the_guard_are_those_of_the_documents() {
    let section = below(GUARD_PAGE, "## Limits");
    for (row, bytes) in [("| a body | ", MAX_BODY_BYTES), ("| all bodies that are held | ", MAX_HELD_BYTES)] {
        let said = section.split(row).nth(1).and_then(|rest| rest.split(' ').next()).expect("the row");
        assert_eq!(said.parse(), Ok(bytes >> 20), "{row}");
    }
    let made = format!("{},{}", MAX_MADE / 1000, MAX_MADE % 1000);
    for page in [GUARD_PAGE, PAGE] {
        assert!(page.contains(&made), "{made}");
    }
}

// === Packages ===

/// The variables of these lines, each as `NAME=value`.
fn pairs<'t>(lines: impl Iterator<Item = &'t str>) -> Vec<(&'t str, &'t str)> {
    lines.flat_map(str::split_whitespace).filter_map(|pair| pair.split_once('=')).collect()
}

/// The value of a key of a unit of systemd.
fn value<'t>(unit: &'t str, key: &str) -> &'t str {
    let mut values = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    values.next().unwrap_or_else(|| panic!("{key}"))
}

/// Reads what a package sets, which must be a variable of the program's each.
fn packaged(variables: &[(&str, &str)]) -> Config {
    for (name, _) in variables {
        assert!(asked().contains(*name), "{name}");
    }
    read(variables).expect("values that can be used")
}

/// The port of all addresses that a package sets.
fn port(variables: &[(&str, &str)]) -> u16 {
    match packaged(variables).frontends[0].listen[..] {
        [Listen::All(port)] => port,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn the_image_changes_no_default_but_that_of_the_documents() {
    let image = pairs(DOCKERFILE.lines().filter_map(|line| line.strip_prefix("ENV ")));
    let in_image = |row: &'static str| Some((row.split('`').next()?, row.split("; in the image `").nth(1)?));
    let documented = PAGE.lines().filter_map(|line| in_image(line.strip_prefix("| `")?));
    let documented: Vec<_> =
        documented.map(|(name, rest)| (name, rest.split('`').next().expect("a value"))).collect();
    assert_eq!(image, documented);
    let port = port(&image);
    assert!(DOCKERFILE.lines().any(|line| line == format!("EXPOSE {port}")), "{port}");
}

#[test]
fn the_label_of_the_image_has_the_version_of_the_program() {
    let version = concat!("ARG VERSION=", env!("CARGO_PKG_VERSION"), " ");
    assert!(DOCKERFILE.lines().any(|line| line.starts_with(version)), "{version}");
}

/// The Dockerfile's platforms are those of the table, but for one.
#[test]
fn the_command_for_all_platforms_has_them_all() {
    let rows = PLATFORMS.lines().filter(|line| !line.starts_with('#'));
    let table: BTreeSet<_> = rows.filter_map(|row| row.split_whitespace().nth(1)).collect();
    let command =
        CONTRIBUTING.split("--platform ").nth(1).expect("a command").split(' ').next().expect("a list");
    let command: BTreeSet<_> = command.split(',').chain(["linux/s390x"]).collect();
    assert_eq!(command, table);
}

#[test]
fn the_service_grants_nothing_and_has_room_for_the_defaults() {
    let config = packaged(&pairs(ENV_FILE.lines().filter(|line| !line.starts_with('#'))));
    let defaults = read(&[]).expect("the defaults");
    assert_eq!(config.frontends[0].listen, [Listen::Systemd(Some("docker-socket-proxy.socket".into()))]);
    let sections = ["/_ping", "/version", "/events", "/containers/json", "/info"];
    for path in sections {
        let head = format!("GET {path} HTTP/1.1\r\nHost: docker\r\n\r\n");
        let judged = docker_socket_proxy::proxy::admit::admit(head.as_bytes(), &config.frontends[0].policy);
        assert!(judged.1.is_err(), "{path}");
    }
    let commented = ENV_FILE.lines().filter_map(|line| line.strip_prefix('#'));
    packaged(&pairs(commented.filter(|line| !line.contains(' '))));

    let stop: u64 = value(SERVICE, "TimeoutStopSec").parse().expect("seconds");
    assert!(stop > defaults.shutdown_grace.as_secs(), "{stop}");
    let files: usize = value(SERVICE, "LimitNOFILE").parse().expect("a number");
    assert!(files > 3 * defaults.max_connections, "{files}");
}

#[test]
fn the_groups_of_the_units_are_made_where_they_are_missing() {
    let made: BTreeSet<_> =
        SYSUSERS.lines().filter_map(|line| line.strip_prefix("g ")?.strip_suffix(" -")).collect();
    assert_eq!(made, BTreeSet::from([value(SERVICE, "SupplementaryGroups"), value(SOCKET, "SocketGroup")]));
}

#[test]
fn the_completions_have_the_commands_and_options_of_help_and_no_others() {
    fn words(text: &str) -> impl Iterator<Item = &str> {
        text.split(|letter: char| !letter.is_ascii_lowercase() && letter != '-')
    }
    fn options(text: &str) -> BTreeSet<&str> {
        words(text).filter(|word| word.starts_with("--") && word.len() > 2).collect()
    }
    let help = help_text();
    let rows = help.lines().take_while(|line| !line.starts_with("Everything"));
    let calls: Vec<_> = rows.filter_map(|line| line.strip_prefix("  ")?.split("  ").next()).collect();
    let calls = calls.join(" ");
    let commands: BTreeSet<_> = calls
        .split([' ', ','])
        .filter(|word| word.starts_with(|first: char| first.is_ascii_lowercase()))
        .collect();
    assert!(commands.len() > 1, "{calls}");
    for completion in COMPLETIONS {
        assert_eq!(options(completion), options(&calls), "{completion}");
        let words: BTreeSet<_> = words(completion).collect();
        assert!(commands.is_subset(&words), "{completion}");
    }
}

#[test]
fn the_quadlet_mounts_the_folders_of_both_sockets_and_opens_no_port() {
    let set = pairs(QUADLET.lines().filter_map(|line| line.strip_prefix("Environment=")));
    let config = packaged(&set);
    let mounted: Vec<_> = QUADLET.lines().filter_map(|line| line.strip_prefix("Volume=%t/")).collect();
    let of_daemon = config.socket_path.parent().expect("a folder").display();
    let [Listen::Unix(socket)] = &config.frontends[0].listen[..] else {
        panic!("{:?}", config.frontends[0].listen)
    };
    let own = socket.parent().expect("a folder").display();
    let made = value(QUADLET, "RuntimeDirectory");
    assert_eq!(mounted, [format!("podman:{of_daemon}:ro"), format!("{made}:{own}")]);
    assert_eq!(value(QUADLET, "Network"), "none");
}

// === Links ===

/// Every document: the top level, `docs`, and a README below `tests`.
fn documents() -> Vec<PathBuf> {
    let in_folder = |folder: PathBuf| {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
    };
    let below_tests = in_folder(root().join("tests")).into_iter().map(|folder| folder.join("README.md"));
    let others = in_folder(root().to_owned()).into_iter().chain(in_folder(root().join("docs")));
    let others = others.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    others.chain(below_tests.filter(|path| path.exists())).collect()
}

/// A document without its blocks of code.
fn prose(document: &Path) -> String {
    let text = fs::read_to_string(document).expect("a document");
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(document: &Path) -> BTreeSet<String> {
    let text = prose(document);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let headings = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    headings
        .map(|heading| {
            let kept = heading.chars().filter(|&letter| letter.is_alphanumeric() || " -_".contains(letter));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

#[test]
fn links_lead_to_files_and_headings() {
    let documents = documents();
    assert!(documents.len() > 10, "{documents:?}");
    for document in documents {
        let text = prose(&document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { document.clone() } else { document.with_file_name(file) };
            assert!(target.exists(), "{link} in {}", document.display());
            let found = anchor.is_empty() || anchors(&target).contains(anchor);
            assert!(found, "{link} in {}", document.display());
        }
    }
}

#[test]
fn the_readme_links_every_document() {
    for document in documents() {
        let path = document.strip_prefix(root()).expect("a path below the root");
        let linked = README.contains(&format!("]({}", path.display()));
        assert!(linked || path == Path::new("README.md") || path.starts_with("tests"), "{}", path.display());
    }
}

// === Sizes ===

/// The number that stands before these words of the README.
fn figure(words: &str) -> f64 {
    let text = README.replace('\n', " ");
    let before = text.split(words).next().filter(|before| before.len() < text.len()).expect("the words");
    let number = before.rsplit(' ').next().expect("a word").replace(',', "");
    number.parse().unwrap_or_else(|_| panic!("{number} {words}"))
}

#[test]
fn the_readme_is_short() {
    assert!(README.lines().count() <= 220);
}

/// The claim is rounded, so that it holds for a while.
#[test]
fn the_readme_says_about_how_many_lines_there_are() {
    fn lines(folder: &Path) -> usize {
        let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        paths
            .map(|path| match path.is_dir() {
                true => lines(&path),
                false => fs::read_to_string(path).expect("a source").lines().count(),
            })
            .sum()
    }
    let (claimed, counted) = (figure(" lines of Rust"), lines(&root().join("src")));
    assert!((claimed - counted as f64).abs() <= 400.0, "README.md says {claimed}, and there are {counted}");
}

#[test]
fn the_readme_says_how_many_crates_there_are() {
    let arguments = ["tree", "--offline", "--locked", "-e", "normal,no-proc-macro", "--prefix", "none"];
    let tree = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().expect("cargo runs");
    let tree = String::from_utf8(tree.stdout).expect("text");
    let crates: BTreeSet<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("docker-socket-proxy"), "{tree}");
    assert_eq!(figure(" crates") as usize, crates.len() - 1, "{crates:?}");
}

#[test]
fn the_readme_says_how_large_the_image_may_be() {
    let script = include_str!("engine/image");
    let bytes = script.lines().find_map(|line| line.strip_prefix("max_bytes=")).expect("the limit");
    assert_eq!(format!("{:.0}", figure(" MB. A bare relay") * 1e6), bytes);
}

#[test]
fn the_figures_of_the_readme_are_those_that_were_measured() {
    let measured = include_str!("../docs/performance.md");
    let section = README.split("\n## Size and speed\n").nth(1).expect("the section");
    let rows: Vec<_> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 2, "{rows:?}");
    for row in rows {
        assert!(measured.lines().any(|line| line.starts_with(row)), "not in docs/performance.md: {row}");
    }
}
