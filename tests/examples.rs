//! The compose files of examples/: what each client is known to ask for is allowed, with nothing to spare.

use docker_socket_proxy::lookalike::lookalikes;
use docker_socket_proxy::policy::{Grants, Kind, Policy, ROUTES, VARIABLES, Variable, Verdict, WhenUnset};
use docker_socket_proxy::proxy::admit::admit;
use std::collections::BTreeMap;
use std::path::Path;

/// A client's file, what it asks the daemon for (as its source code says), and what is dangerous and stays closed.
struct Example {
    file: &'static str,
    asks: &'static [&'static str],
    closed: &'static [&'static str],
}

const EXAMPLES: &[Example] = &[
    Example {
        file: "traefik.yml",
        asks: &[
            "HEAD /_ping",
            "GET /v1.51/version",
            "GET /v1.51/containers/json?limit=0",
            "GET /v1.51/containers/4c01db0b339c/json",
            "GET /v1.51/events?filters=%7B%22type%22%3A%7B%22container%22%3Atrue%7D%7D",
        ],
        closed: &[
            "POST /containers/create",
            "GET /containers/4c01db0b339c/archive?path=/etc",
            "GET /containers/4c01db0b339c/export",
            "GET /containers/4c01db0b339c/logs?stdout=1",
        ],
    },
    Example {
        file: "portainer-read-only.yml",
        asks: &[
            "GET /_ping",
            "GET /v1.41/version",
            "GET /v1.41/info",
            "GET /v1.41/containers/json?all=1",
            "GET /v1.41/containers/4c01db0b339c/json",
            "GET /v1.41/containers/4c01db0b339c/logs?stdout=1&tail=100",
            "GET /v1.41/containers/4c01db0b339c/stats?stream=false",
            "GET /v1.41/containers/4c01db0b339c/top",
            "GET /v1.41/images/json",
            "GET /v1.41/images/sha256:4c01db0b339c/json",
            "GET /v1.41/images/sha256:4c01db0b339c/history",
            "GET /v1.41/networks",
            "GET /v1.41/volumes?filters=%7B%22dangling%22%3A%5B%22true%22%5D%7D",
            "GET /v1.41/events?since=1&until=2",
        ],
        closed: &[
            "POST /containers/create",
            "POST /containers/4c01db0b339c/exec",
            "GET /containers/4c01db0b339c/attach/ws",
            "GET /containers/4c01db0b339c/archive?path=/etc",
            "DELETE /volumes/data",
        ],
    },
    Example {
        file: "portainer.yml",
        asks: &[
            "GET /_ping",
            "GET /v1.41/info",
            "GET /v1.41/plugins",
            "POST /v1.41/containers/create?name=web",
            "POST /v1.41/containers/4c01db0b339c/start",
            "GET /v1.41/containers/4c01db0b339c/logs?stdout=1&tail=100",
            "GET /v1.41/containers/4c01db0b339c/top",
            "DELETE /v1.41/containers/4c01db0b339c?force=true",
            "POST /v1.41/containers/4c01db0b339c/exec",
            "POST /v1.41/exec/4c01db0b339c/start",
            "POST /v1.41/exec/4c01db0b339c/resize?h=40&w=120",
            "POST /v1.41/images/create?fromImage=alpine",
            "POST /v1.41/build?t=app",
            "POST /v1.41/commit?container=4c01db0b339c",
            "POST /v1.41/networks/create",
            "DELETE /v1.41/volumes/data",
        ],
        closed: &["POST /swarm/init", "GET /secrets", "GET /configs", "POST /grpc", "POST /auth"],
    },
    Example {
        file: "watchtower.yml",
        asks: &[
            "HEAD /_ping",
            "GET /v1.54/info",
            "GET /v1.54/containers/json?filters=%7B%7D",
            "GET /v1.54/containers/4c01db0b339c/json",
            "GET /v1.54/images/sha256:4c01db0b339c/json",
            "POST /v1.54/images/create?fromImage=alpine&tag=latest",
            "POST /v1.54/containers/4c01db0b339c/stop?t=30",
            "DELETE /v1.54/containers/4c01db0b339c?force=1",
            "POST /v1.54/containers/create?name=web",
            "POST /v1.54/networks/web/connect",
            "POST /v1.54/containers/4c01db0b339c/start",
            "POST /v1.54/containers/4c01db0b339c/update",
            "POST /v1.54/containers/4c01db0b339c/rename?name=old",
            "DELETE /v1.54/images/sha256:4c01db0b339c?force=1",
        ],
        closed: &[
            "POST /exec/4c01db0b339c/start",
            "GET /containers/4c01db0b339c/export",
            "PUT /containers/4c01db0b339c/archive?path=/",
            "DELETE /volumes/data",
            "POST /plugins/pull",
        ],
    },
    Example {
        file: "dozzle.yml",
        asks: &[
            "GET /_ping",
            "GET /v1.51/info",
            "GET /v1.51/containers/json?all=1",
            "GET /v1.51/containers/4c01db0b339c/json",
            "GET /v1.51/containers/4c01db0b339c/logs?follow=1&stdout=1&stderr=1&timestamps=1",
            "GET /v1.51/containers/4c01db0b339c/stats?stream=1",
            "GET /v1.51/events",
        ],
        closed: &[
            "POST /containers/4c01db0b339c/stop",
            "POST /containers/4c01db0b339c/attach",
            "GET /containers/4c01db0b339c/archive?path=/etc",
            "GET /containers/4c01db0b339c/export",
        ],
    },
    Example {
        file: "diun.yml",
        asks: &[
            "HEAD /_ping",
            "GET /v1.51/version",
            "GET /v1.51/containers/json?filters=%7B%7D",
            "GET /v1.51/containers/4c01db0b339c/json",
            "GET /v1.51/images/sha256:4c01db0b339c/json",
        ],
        closed: &[
            "POST /images/create?fromImage=alpine",
            "GET /containers/4c01db0b339c/logs?stdout=1",
            "GET /containers/4c01db0b339c/archive?path=/etc",
        ],
    },
    Example {
        file: "homepage.yml",
        asks: &[
            "GET /containers/json?all=true",
            "GET /containers/web/json",
            "GET /containers/web/stats?stream=false",
        ],
        closed: &[
            "POST /containers/web/restart",
            "GET /containers/web/logs?stdout=1",
            "GET /containers/web/export",
            "GET /events",
        ],
    },
    Example {
        file: "ci-runner.yml",
        asks: &[
            "HEAD /_ping",
            "GET /v1.51/version",
            "POST /grpc",
            "POST /v1.51/grpc",
            "POST /session",
            "GET /v1.51/images/json",
            "POST /v1.51/images/app/tag?repo=registry.example%2Fapp&tag=1",
            "POST /v1.51/images/registry.example/app/push?tag=1",
            "POST /v1.51/images/create?fromImage=alpine",
        ],
        closed: &[
            "POST /containers/create",
            "GET /containers/json",
            "POST /exec/4c01db0b339c/start",
            "POST /volumes/create",
            "POST /plugins/pull",
        ],
    },
    Example {
        file: "homarr.yml",
        asks: &[
            "GET /containers/json?all=true",
            "GET /containers/4c01db0b339c/json",
            "GET /containers/4c01db0b339c/stats?stream=false&one-shot=true",
            "GET /containers/4c01db0b339c/logs?tail=200&stdout=true&stderr=true&follow=true",
            "POST /containers/4c01db0b339c/start",
            "POST /containers/4c01db0b339c/stop",
            "POST /containers/4c01db0b339c/restart",
        ],
        closed: &[
            "DELETE /containers/4c01db0b339c",
            "POST /containers/create",
            "POST /containers/4c01db0b339c/exec",
            "GET /containers/4c01db0b339c/archive?path=/etc",
            "GET /events",
        ],
    },
    Example {
        file: "uptime-kuma.yml",
        asks: &["GET /containers/json?all=true", "GET /containers/web/json"],
        closed: &[
            "POST /containers/web/restart",
            "GET /containers/web/logs?stdout=1",
            "GET /containers/web/archive?path=/etc",
            "GET /info",
            "GET /events",
        ],
    },
    Example {
        file: "beszel-agent.yml",
        asks: &[
            "GET /version",
            "GET /info",
            "GET /containers/json",
            "GET /containers/4c01db0b339c/json",
            "GET /containers/4c01db0b339c/stats?stream=0&one-shot=1",
            "GET /containers/4c01db0b339c/logs?stderr=1&stdout=1&tail=200",
        ],
        closed: &[
            "POST /containers/4c01db0b339c/restart",
            "GET /containers/4c01db0b339c/archive?path=/etc",
            "GET /containers/4c01db0b339c/export",
            "GET /events",
        ],
    },
    Example {
        file: "autoheal.yml",
        asks: &[
            "GET /containers/json?filters={\"health\":[\"unhealthy\"]}",
            "POST /containers/4c01db0b339c/restart?t=10",
        ],
        closed: &[
            "POST /containers/create",
            "POST /containers/4c01db0b339c/exec",
            "DELETE /containers/4c01db0b339c",
            "GET /containers/4c01db0b339c/logs?stdout=1",
            "GET /events",
        ],
    },
    Example {
        file: "crowdsec.yml",
        asks: &[
            "HEAD /_ping",
            "GET /v1.54/info",
            "GET /v1.54/containers/json",
            "GET /v1.54/containers/4c01db0b339c/json",
            "GET /v1.54/containers/4c01db0b339c/logs?follow=1&stderr=1&stdout=1",
            "GET /v1.54/events?filters=%7B%22type%22%3A%7B%22container%22%3Atrue%7D%7D",
        ],
        closed: &[
            "POST /containers/4c01db0b339c/stop",
            "POST /containers/4c01db0b339c/attach?stdout=1&stream=1",
            "GET /containers/4c01db0b339c/archive?path=/etc",
            "GET /containers/4c01db0b339c/export",
            "GET /services/web/logs?stdout=1",
        ],
    },
    Example {
        file: "arcane.yml",
        asks: &[
            "HEAD /_ping",
            "GET /v1.54/version",
            "GET /v1.54/info",
            "GET /v1.54/events",
            "POST /v1.54/containers/create?name=web",
            "POST /v1.54/containers/4c01db0b339c/start",
            "GET /v1.54/containers/4c01db0b339c/stats?stream=1",
            "GET /v1.54/containers/4c01db0b339c/logs?follow=1&stdout=1",
            "GET /v1.54/containers/4c01db0b339c/archive?path=%2Fvolume",
            "PUT /v1.54/containers/4c01db0b339c/archive?path=%2Fvolume",
            "DELETE /v1.54/containers/4c01db0b339c?force=1",
            "POST /v1.54/containers/4c01db0b339c/exec",
            "POST /v1.54/exec/4c01db0b339c/start",
            "POST /v1.54/images/create?fromImage=alpine",
            "POST /v1.54/networks/create",
            "DELETE /v1.54/volumes/data",
        ],
        closed: &[
            "POST /swarm/init",
            "GET /secrets",
            "GET /configs",
            "POST /plugins/pull",
            "POST /grpc",
            "POST /build",
            "GET /containers/4c01db0b339c/export",
        ],
    },
    Example {
        file: "gitlab-runner.yml",
        asks: &[
            "GET /v1.54/info",
            "GET /v1.54/version",
            "POST /v1.54/images/create?fromImage=alpine&tag=latest",
            "POST /v1.54/images/load?quiet=1",
            "GET /v1.54/images/alpine:latest/json",
            "POST /v1.54/volumes/create",
            "DELETE /v1.54/volumes/runner-cache?force=1",
            "POST /v1.54/networks/create",
            "GET /v1.54/networks",
            "POST /v1.54/networks/web/disconnect",
            "POST /v1.54/containers/create?name=runner-build",
            "POST /v1.54/containers/4c01db0b339c/attach?stderr=1&stdin=1&stdout=1&stream=1",
            "POST /v1.54/containers/4c01db0b339c/start",
            "POST /v1.54/containers/4c01db0b339c/wait?condition=not-running",
            "GET /v1.54/containers/4c01db0b339c/logs?stderr=1&stdout=1&timestamps=1",
            "POST /v1.54/containers/4c01db0b339c/exec",
            "POST /v1.54/exec/4c01db0b339c/start",
            "DELETE /v1.54/containers/4c01db0b339c?force=1&v=1",
        ],
        closed: &[
            "GET /events",
            "PUT /containers/4c01db0b339c/archive?path=/",
            "GET /containers/4c01db0b339c/export",
            "POST /swarm/init",
            "GET /secrets",
            "POST /plugins/pull",
            "POST /build",
        ],
    },
    Example {
        file: "gitea-runner.yml",
        asks: &[
            "HEAD /_ping",
            "GET /v1.54/version",
            "GET /v1.54/info",
            "GET /v1.54/images/node:22/json",
            "POST /v1.54/images/create?fromImage=node&tag=22",
            "GET /v1.54/networks",
            "POST /v1.54/networks/create",
            "POST /v1.54/containers/create?name=job",
            "POST /v1.54/containers/4c01db0b339c/start",
            "PUT /v1.54/containers/4c01db0b339c/archive?path=%2Fvar%2Frun%2Fact",
            "GET /v1.54/containers/4c01db0b339c/archive?path=%2Fvar%2Frun%2Fact",
            "POST /v1.54/containers/4c01db0b339c/exec",
            "POST /v1.54/exec/4c01db0b339c/start",
            "GET /v1.54/exec/4c01db0b339c/json",
            "GET /v1.54/containers/4c01db0b339c/logs?stderr=1&stdout=1",
            "DELETE /v1.54/containers/4c01db0b339c?force=1&v=1",
            "GET /v1.54/volumes",
            "DELETE /v1.54/volumes/job?force=1",
        ],
        closed: &[
            "GET /events",
            "GET /containers/4c01db0b339c/export",
            "POST /swarm/init",
            "GET /secrets",
            "POST /plugins/pull",
            "POST /build",
        ],
    },
];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// The environment of a file's proxy, and the comment that stands above each variable's group.
fn environment(file: &str) -> Vec<(String, String, String)> {
    let text = std::fs::read_to_string(folder().join(file)).expect("the file");
    let block =
        text.split_once("    image: docker-socket-proxy\n    environment:\n").expect("the proxy's block").1;
    let mut comment = String::new();
    let mut found = Vec::new();
    for line in block.lines().map_while(|line| line.strip_prefix("      ")) {
        match (line.strip_prefix("# "), line.split_once(": ")) {
            (Some(text), _) => text.clone_into(&mut comment),
            (None, Some((name, value))) => found.push((name.to_owned(), value.to_owned(), comment.clone())),
            _ => panic!("{file}: {line}"),
        }
    }
    found
}

fn policy(environment: impl IntoIterator<Item = (String, String)>) -> Policy {
    let set: BTreeMap<_, _> = environment.into_iter().collect();
    Policy::from_vars(&|name| set.get(name).cloned()).expect("a usable environment")
}

fn allows(policy: &Policy, request: &str) -> bool {
    let head = format!("{request} HTTP/1.1\r\nHost: docker\r\n\r\n");
    admit(head.as_bytes(), policy).1.is_ok()
}

#[test]
fn every_example_opens_what_its_client_asks_for_and_nothing_to_spare() {
    for Example { file, asks, closed } in EXAMPLES {
        let environment = environment(file);
        let pairs = || environment.iter().map(|(name, value, _)| (name.clone(), value.clone()));
        let policy_of_file = policy(pairs());
        for request in *asks {
            assert!(allows(&policy_of_file, request), "{file}: {request}");
        }
        for request in *closed {
            assert!(!allows(&policy_of_file, request), "{file}: {request}");
        }
        for (switched, value, comment) in &environment {
            assert!(!comment.is_empty(), "{file}: {switched} says nothing about why");
            let other = if value == "1" { "0" } else { "1" };
            let changed =
                pairs().filter(|(name, _)| name != switched).chain([(switched.clone(), other.to_owned())]);
            let changed = policy(changed);
            if value == "1" {
                let all = asks.iter().all(|request| allows(&changed, request));
                assert!(!all, "{file}: {switched} is not needed");
            } else {
                assert_ne!(changed.grants(), policy_of_file.grants(), "{file}: {switched}");
            }
            assert!(VARIABLES.iter().any(|variable| variable.name == switched), "{file}: {switched}");
        }
        assert_eq!(lookalikes(pairs()), Ok(Vec::new()), "{file}");
    }
}

/// What is on by default depends on the dialect for gates and for podman alone. No example is in front of podman, so only the
/// routes of Docker's own API count.
#[test]
fn every_example_means_the_same_in_every_dialect() {
    let is_gate = |variable: &&Variable| matches!(variable.kind, Kind::Gate);
    for Example { file, .. } in EXAMPLES {
        let environment = environment(file);
        let in_dialect = |dialect: &str| {
            let pairs = environment.iter().map(|(name, value, _)| (name.clone(), value.clone()));
            policy(pairs.chain([(String::from("DIALECT"), String::from(dialect))]))
        };
        let (tecnativa, linuxserver) = (in_dialect("tecnativa"), in_dialect("linuxserver"));
        for route in ROUTES.iter().filter(|route| !route.path.starts_with("/libpod/")) {
            for method in route.methods {
                let allowed = |policy: &Policy| {
                    matches!(policy.judge_row(*method, route.path, None), Verdict::Allow(_))
                };
                assert_eq!(allowed(&tecnativa), allowed(&linuxserver), "{file}: {method:?} {}", route.path);
            }
        }
        if !tecnativa.grants().intersection(Grants::CONTAINER_SECTIONS).is_empty() {
            for gate in VARIABLES.iter().filter(is_gate) {
                let named = environment.iter().any(|(name, ..)| name == gate.name);
                assert!(named, "{file}: {} is not named", gate.name);
            }
        }
    }
}

/// The table of docs/apps.md: the second column is what is granted, the third what stays open of what is open by default.
#[test]
fn the_table_of_apps_has_the_set_of_every_example() {
    let table = std::fs::read_to_string(folder().join("../docs/apps.md")).expect("the table");
    for Example { file, .. } in EXAMPLES {
        let link = format!("(../examples/{file})");
        let row = table.lines().find(|line| line.starts_with("| [") && line.contains(&link));
        let mut cells = row.unwrap_or_else(|| panic!("{file} has no row")).split(" | ").skip(1);
        let mut names = || -> Vec<_> {
            let cell = cells.next().expect("a cell");
            cell.split(|byte: char| !byte.is_ascii_uppercase() && byte != '_')
                .filter(|name| !name.is_empty())
                .collect()
        };
        let (granted, used) = (names(), names());
        let environment = environment(file);
        let open = policy(environment.iter().map(|(name, value, _)| (name.clone(), value.clone()))).grants();
        let sorted = |of: &dyn Fn(&Variable) -> bool| {
            let mut names: Vec<_> =
                open.variables().filter(|variable| of(variable)).map(|variable| variable.name).collect();
            names.sort_unstable();
            names
        };
        let by_default = |variable: &Variable| variable.default != WhenUnset::Off;
        assert_eq!(granted, sorted(&|variable| !by_default(variable)), "{file}");
        let gates_matter = !open.intersection(Grants::CONTAINER_SECTIONS).is_empty();
        let may_be_closed = |variable: &Variable| match variable.kind {
            Kind::Gate => gates_matter,
            _ => variable.name == "EVENTS",
        };
        assert_eq!(used, sorted(&may_be_closed), "{file}");
    }
}

#[test]
fn every_file_is_held_against_its_client() {
    let mut files: Vec<_> = std::fs::read_dir(folder())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8"))
        .collect();
    files.sort();
    let mut known: Vec<_> = EXAMPLES.iter().map(|example| example.file.to_owned()).collect();
    known.sort();
    assert_eq!(files, known);
}

/// A client with CONTAINERS=1 and POST=1 could replace the program in the proxy's own container otherwise.
#[test]
fn the_proxy_runs_on_a_read_only_file_system_wherever_it_is_shown() {
    let root = folder().join("..");
    let read = |file: &str| std::fs::read_to_string(root.join(file)).expect("a text");
    let examples = EXAMPLES.iter().map(|example| format!("examples/{}", example.file));
    for file in examples.chain([String::from("README.md")]) {
        let text = read(&file);
        let services: Vec<_> = text.split("\n    image: docker-socket-proxy\n").skip(1).collect();
        assert!(!services.is_empty(), "{file}");
        for service in services {
            let mut lines = service.lines().take_while(|line| line.starts_with("    "));
            assert!(lines.any(|line| line.starts_with("    read_only: true")), "{file}");
        }
    }
    assert!(read("packaging/docker-socket-proxy.container").contains("\nReadOnly=true\n"));
}
