//! What the README says of the process variables is what the program does, and no document links to what is not there.

use docker_socket_proxy::config::Config;
use docker_socket_proxy::lookalike::lookalikes;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../README.md");

#[test]
fn the_table_and_help_name_the_same_variables_and_defaults() {
    let help = help();
    let table = table();
    assert!(table.len() > 5, "{table:?}");
    for (variable, default) in &table {
        assert_eq!(help.get(variable), Some(default), "{variable} in --help and in README.md");
    }
    for variable in help.keys() {
        assert!(README.contains(&format!("`{variable}`")), "README.md does not name {variable}");
    }
}

#[test]
fn defaults_are_those_of_the_table() {
    let unset = format!("{:?}", read(&[]).unwrap());
    for (variable, default) in table() {
        assert_eq!(format!("{:?}", read(&[(&variable, &default)]).unwrap()), unset, "{variable}={default}");
    }
}

#[test]
fn every_variable_of_the_table_is_read() {
    for (variable, default) in table() {
        match read(&[(&variable, "0.5.")]) {
            Ok(config) => assert_eq!(
                (&*variable, config.socket_path.to_str()),
                ("SOCKET_PATH", Some("0.5.")),
                "{default}"
            ),
            Err(error) => assert!(
                error.to_string().starts_with(&format!("{variable}=\"0.5.\" cannot be used")),
                "{error}"
            ),
        }
    }
}

#[test]
fn every_variable_that_is_documented_is_known_in_other_case() {
    let documented = help().into_keys().chain(table().into_keys()).chain([String::from("RUST_LOG")]);
    for variable in documented {
        let written = (variable.to_lowercase(), String::from("0.5."));
        let said = lookalikes([written]).map_or_else(|stop| stop, |warnings| warnings.concat());
        assert!(said.contains(&format!("did you mean {variable}?")), "{variable}: {said:?}");
    }
}

#[test]
fn switches_and_times_take_the_values_that_are_named() {
    let sentence = README.split("Switches take").nth(1).unwrap().split("Any\nother").next().unwrap();
    let (switches, times) = sentence.split_once("times take a unit").unwrap();
    let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!((quoted(switches).len(), quoted(times).len()), (8, 2));
    for value in quoted(switches) {
        assert!(read(&[("DISABLE_IPV6", &value.to_uppercase()), ("POST", &value)]).is_ok(), "{value}");
    }
    for value in quoted(times) {
        assert!(read(&[("HEAD_TIMEOUT", &value)]).is_ok(), "{value}");
    }
}

#[test]
fn links_lead_to_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = [
        "README.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/apps.md",
        "docs/clients.md",
        "docs/how-it-works.md",
        "docs/log.md",
    ];
    for document in documents.map(|document| root.join(document)) {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            if !file.is_empty() && !file.contains("://") {
                assert!(document.with_file_name(file).exists(), "{link} in {}", document.display());
            }
        }
    }
}

/// The variables of the table under "Other variables", with the value in the second column.
fn table() -> BTreeMap<String, String> {
    let section = README.split("## Other variables").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let mut cells = row.split('`');
        (cells.next().unwrap().to_owned(), cells.nth(1).unwrap().to_owned())
    })
    .collect()
}

/// The variables that `--help` lists, with the default in brackets behind; where none is said it is 0.
fn help() -> BTreeMap<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_docker-socket-proxy")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let lines = help.lines().filter_map(|line| line.strip_prefix("  ")?.split_once("  "));
    lines
        .filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_uppercase() || b"_6".contains(&byte)))
        .map(|(name, about)| {
            let default = about.rsplit_once('(').and_then(|(_, rest)| rest.split(')').next()).unwrap_or("0");
            (name.to_owned(), default.to_owned())
        })
        .collect()
}

fn read(variables: &[(&str, &str)]) -> Result<Config, docker_socket_proxy::vars::Error> {
    Config::from_vars(&|name| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
    })
}
