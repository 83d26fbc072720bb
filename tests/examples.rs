//! The compose files of examples/: what each client is known to ask for is allowed, with nothing to spare, and nobody else
//! reaches its proxy.

use docker_socket_proxy::config::{Config, frontends};
use docker_socket_proxy::guard::{Body, Fault, GUARD, Guard, LISTS, Refused};
use docker_socket_proxy::lookalike::lookalikes;
use docker_socket_proxy::policy::{Policy, ROUTES, VARIABLES};
use docker_socket_proxy::proxy::admit::{Admission, Refusal, admit};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A client's own file, the service that is its proxy there, what it asks the daemon for (as its source code says), and what is
/// dangerous and stays closed. In a file with several clients of one proxy, it has the name of its own file.
struct Example {
    file: &'static str,
    proxy: &'static str,
    asks: &'static [&'static str],
    closed: &'static [&'static str],
}

const EXAMPLES: &[Example] = &[
    Example {
        file: "traefik.yml",
        proxy: "docker",
        asks: &[
            "HEAD /_ping",
            "GET /v1.51/version",
            "GET /v1.51/containers/json?limit=0",
            "GET /v1.51/containers/4c01db0b339c/json",
            "GET /v1.51/events?filters=%7B%22type%22%3A%7B%22container%22%3Atrue%7D%7D",
        ],
        closed: &[
            "POST /containers/create",
            "GET /containers/4c01db0b339c/top",
            "GET /containers/4c01db0b339c/stats",
            "GET /info",
            "GET /containers/4c01db0b339c/archive?path=/etc",
            "GET /containers/4c01db0b339c/export",
            "GET /containers/4c01db0b339c/logs?stdout=1",
        ],
    },
    Example {
        file: "portainer-read-only.yml",
        proxy: "docker",
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
            "GET /v1.41/networks/web",
            "GET /v1.41/volumes/data",
            "GET /v1.41/volumes?filters=%7B%22dangling%22%3A%5B%22true%22%5D%7D",
            "GET /v1.41/events?since=1&until=2",
        ],
        closed: &[
            "POST /containers/create",
            "POST /containers/4c01db0b339c/exec",
            "GET /containers/4c01db0b339c/attach/ws",
            "GET /containers/4c01db0b339c/archive?path=/etc",
            "GET /images/get?names=app",
            "GET /images/search?term=registry.example%2Fapp",
            "DELETE /volumes/data",
        ],
    },
    Example {
        file: "portainer.yml",
        proxy: "docker",
        asks: &[
            "GET /_ping",
            "GET /v1.41/info",
            "GET /v1.41/version",
            "GET /v1.41/events?since=1&until=2",
            "GET /v1.41/plugins",
            "POST /v1.41/containers/create?name=web",
            "POST /v1.41/containers/4c01db0b339c/start",
            "GET /v1.41/containers/4c01db0b339c/logs?stdout=1&tail=100",
            "GET /v1.41/containers/4c01db0b339c/top",
            "GET /v1.41/containers/4c01db0b339c/json",
            "POST /v1.41/containers/4c01db0b339c/kill",
            "POST /v1.41/containers/4c01db0b339c/attach?stdin=1&stdout=1&stderr=1&stream=1",
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
        closed: &[
            "POST /swarm/init",
            "GET /secrets",
            "GET /configs",
            "POST /grpc",
            "POST /auth",
            "PUT /volumes/data",
        ],
    },
    Example {
        file: "watchtower.yml",
        proxy: "docker",
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
            "POST /containers/4c01db0b339c/exec",
            "POST /containers/4c01db0b339c/kill",
            "DELETE /volumes/data",
            "POST /plugins/pull",
        ],
    },
    Example {
        file: "dozzle.yml",
        proxy: "docker",
        asks: &[
            "HEAD /_ping",
            "GET /v1.51/version",
            "GET /v1.51/info",
            "GET /v1.51/containers/json?all=1",
            "GET /v1.51/containers/4c01db0b339c/json",
            "GET /v1.51/containers/4c01db0b339c/logs?follow=1&stdout=1&stderr=1&timestamps=1",
            "GET /v1.51/containers/4c01db0b339c/stats?stream=1",
            "GET /v1.51/events",
        ],
        closed: &[
            "POST /containers/4c01db0b339c/stop",
            "POST /containers/4c01db0b339c/start",
            "POST /containers/4c01db0b339c/attach",
            "GET /containers/4c01db0b339c/archive?path=/etc",
            "GET /containers/4c01db0b339c/export",
        ],
    },
    Example {
        file: "diun.yml",
        proxy: "docker",
        asks: &[
            "HEAD /_ping",
            "GET /v1.51/version",
            "GET /v1.51/containers/json?filters=%7B%7D",
            "GET /v1.51/images/registry.example/app:1/json",
            "GET /v1.51/images/sha256:4c01db0b339c/json",
        ],
        closed: &[
            "GET /containers/4c01db0b339c/json",
            "GET /images/get?names=app",
            "GET /images/search?term=registry.example%2Fapp",
            "POST /images/create?fromImage=alpine",
            "GET /containers/4c01db0b339c/logs?stdout=1",
            "GET /containers/4c01db0b339c/archive?path=/etc",
        ],
    },
    Example {
        file: "homepage.yml",
        proxy: "docker",
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
        proxy: "docker",
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
            "DELETE /images/app",
        ],
    },
    Example {
        file: "homarr.yml",
        proxy: "docker",
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
            "POST /containers/4c01db0b339c/kill",
            "POST /containers/create",
            "POST /containers/4c01db0b339c/exec",
            "GET /containers/4c01db0b339c/archive?path=/etc",
            "GET /events",
        ],
    },
    Example {
        file: "uptime-kuma.yml",
        proxy: "docker",
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
        proxy: "docker",
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
        proxy: "docker",
        asks: &[
            "GET /containers/json?filters={\"health\":[\"unhealthy\"]}",
            "POST /containers/4c01db0b339c/restart?t=10",
        ],
        closed: &[
            "GET /containers/4c01db0b339c/json",
            "POST /containers/4c01db0b339c/stop",
            "POST /containers/4c01db0b339c/kill",
            "POST /containers/create",
            "POST /containers/4c01db0b339c/exec",
            "DELETE /containers/4c01db0b339c",
            "GET /containers/4c01db0b339c/logs?stdout=1",
            "GET /events",
        ],
    },
    Example {
        file: "crowdsec.yml",
        proxy: "docker",
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
        proxy: "docker",
        asks: &[
            "HEAD /_ping",
            "GET /v1.54/version",
            "GET /v1.54/info",
            "GET /v1.54/events",
            "POST /v1.54/containers/create?name=web",
            "GET /v1.54/containers/4c01db0b339c/json",
            "POST /v1.54/containers/4c01db0b339c/start",
            "POST /v1.54/containers/4c01db0b339c/kill?signal=SIGKILL",
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
            "POST /containers/4c01db0b339c/attach",
            "GET /containers/4c01db0b339c/export",
        ],
    },
    Example {
        file: "gitlab-runner.yml",
        proxy: "docker",
        asks: &[
            "GET /v1.54/info",
            "GET /v1.54/version",
            "POST /v1.54/images/create?fromImage=alpine&tag=latest",
            "GET /v1.54/images/alpine:latest/json",
            "POST /v1.54/volumes/create",
            "POST /v1.54/containers/4c01db0b339c/exec",
            "POST /v1.54/exec/4c01db0b339c/start",
            "DELETE /v1.54/volumes/runner-cache?force=1",
            "POST /v1.54/networks/create",
            "GET /v1.54/networks",
            "POST /v1.54/networks/web/disconnect",
            "POST /v1.54/containers/create?name=runner-build",
            "POST /v1.54/containers/4c01db0b339c/attach?stderr=1&stdin=1&stdout=1&stream=1",
            "POST /v1.54/containers/4c01db0b339c/start",
            "GET /v1.54/containers/4c01db0b339c/json",
            "POST /v1.54/containers/4c01db0b339c/wait?condition=not-running",
            "GET /v1.54/containers/4c01db0b339c/logs?stderr=1&stdout=1&timestamps=1",
            "POST /v1.54/containers/4c01db0b339c/stop",
            "DELETE /v1.54/containers/4c01db0b339c?force=1&v=1",
        ],
        closed: &[
            "GET /events",
            "DELETE /volumes/data",
            "POST /volumes/prune",
            "POST /images/load?quiet=1",
            "POST /images/create?fromSrc=-&repo=app",
            "POST /images/app/tag?repo=node&tag=22",
            "PUT /containers/4c01db0b339c/archive?path=/",
            "POST /containers/4c01db0b339c/kill",
            "GET /containers/4c01db0b339c/export",
            "POST /swarm/init",
            "GET /secrets",
            "POST /plugins/pull",
            "POST /build",
        ],
    },
    Example {
        file: "gitea-runner.yml",
        proxy: "docker",
        asks: &[
            "HEAD /_ping",
            "GET /v1.54/version",
            "GET /v1.54/info",
            "GET /v1.54/images/node:22/json",
            "POST /v1.54/images/create?fromImage=node&tag=22",
            "GET /v1.54/networks",
            "POST /v1.54/networks/create",
            "POST /v1.54/containers/create?name=job",
            "GET /v1.54/containers/4c01db0b339c/json",
            "POST /v1.54/containers/4c01db0b339c/attach?stderr=1&stdout=1&stream=1",
            "POST /v1.54/containers/4c01db0b339c/start",
            "POST /v1.54/containers/4c01db0b339c/wait?condition=not-running",
            "PUT /v1.54/containers/4c01db0b339c/archive?path=%2Fvar%2Frun%2Fact",
            "GET /v1.54/containers/4c01db0b339c/archive?path=%2Fvar%2Frun%2Fact",
            "POST /v1.54/containers/4c01db0b339c/exec",
            "POST /v1.54/exec/4c01db0b339c/start",
            "GET /v1.54/exec/4c01db0b339c/json",
            "GET /v1.54/containers/4c01db0b339c/logs?stderr=1&stdout=1",
            "DELETE /v1.54/containers/4c01db0b339c?force=1&v=1",
            "GET /v1.54/volumes",
            "DELETE /v1.54/volumes/GITEA-ACTIONS-TASK-1_WORKFLOW-0_JOB-build-env?force=1",
        ],
        closed: &[
            "GET /events",
            "DELETE /volumes/data",
            "POST /containers/prune",
            "GET /containers/4c01db0b339c/export",
            "POST /containers/4c01db0b339c/kill",
            "POST /swarm/init",
            "GET /secrets",
            "POST /plugins/pull",
            "POST /build",
        ],
    },
    // The Docker CLI's `run` and `kill`.
    Example {
        file: "agent-sandbox.yml",
        proxy: "docker",
        asks: &[
            "HEAD /_ping",
            "POST /v1.51/containers/create?name=agent-1",
            "POST /v1.51/containers/4c01db0b339c/attach?stderr=1&stdin=1&stdout=1&stream=1",
            "POST /v1.51/containers/4c01db0b339c/start",
            "POST /v1.51/containers/4c01db0b339c/wait?condition=removed",
            "POST /v1.51/containers/agent-1/kill?signal=KILL",
        ],
        closed: &[
            "GET /containers/json",
            "GET /containers/4c01db0b339c/json",
            "GET /containers/4c01db0b339c/logs?stdout=1",
            "POST /containers/4c01db0b339c/exec",
            "POST /containers/web/kill",
            "PUT /containers/4c01db0b339c/archive?path=/",
            "DELETE /containers/4c01db0b339c",
            "POST /networks/create",
            "POST /volumes/create",
            "POST /images/create?fromImage=alpine",
            "POST /build",
        ],
    },
    // With what Ryuk asks for that lists and deletes. 0.8.1 prunes.
    Example {
        file: "testcontainers.yml",
        proxy: "docker",
        asks: &[
            "HEAD /_ping",
            "GET /version",
            "GET /info",
            "GET /v1.51/images/busybox/json",
            "POST /v1.51/images/create?fromImage=busybox&tag=latest",
            "POST /v1.51/containers/create",
            "PUT /v1.51/containers/4c01db0b339c/archive?path=%2F",
            "GET /v1.51/containers/4c01db0b339c/archive?path=%2Fetc",
            "POST /v1.51/containers/4c01db0b339c/start",
            "GET /v1.51/containers/4c01db0b339c/json",
            "GET /v1.51/containers/4c01db0b339c/logs?follow=1&stdout=1",
            "POST /v1.51/containers/4c01db0b339c/exec",
            "POST /v1.51/exec/4c01db0b339c/start",
            "GET /v1.51/exec/4c01db0b339c/json",
            "POST /v1.51/networks/create",
            "GET /v1.51/containers/json?all=1&filters=%7B%7D",
            "DELETE /v1.51/containers/4c01db0b339c?force=1&v=1",
            "GET /v1.51/networks?filters=%7B%7D",
            "DELETE /v1.51/networks/web",
            "GET /v1.51/volumes?filters=%7B%7D",
            "GET /v1.51/images/json?filters=%7B%7D",
        ],
        closed: &[
            "GET /events",
            "POST /networks/prune?filters=%7B%7D",
            "DELETE /volumes/data?force=1",
            "DELETE /images/app",
            "POST /containers/4c01db0b339c/kill",
            "POST /containers/4c01db0b339c/attach",
            "GET /containers/4c01db0b339c/export",
            "GET /containers/4c01db0b339c/top",
            "POST /build",
            "POST /swarm/init",
            "GET /secrets",
            "POST /plugins/pull",
        ],
    },
    // By the moby client 0.4, which asks for the version of the API first.
    Example {
        file: "swarm.yml",
        proxy: "docker-for-traefik",
        asks: &[
            "HEAD /_ping",
            "GET /v1.54/version",
            "GET /v1.54/services",
            "GET /v1.54/networks?filters=%7B%22scope%22%3A%7B%22swarm%22%3Atrue%7D%7D",
            "GET /v1.54/tasks?filters=%7B%22desired-state%22%3A%7B%22running%22%3Atrue%7D%7D",
            "GET /v1.54/nodes/1b5dv7hgu1wermf08p4axrlab",
        ],
        closed: &[
            "GET /nodes",
            "GET /events",
            "GET /info",
            "GET /swarm",
            "GET /secrets",
            "GET /configs",
            "GET /containers/json",
            "GET /services/1b5dv7hgu1wermf08p4axrlab/logs?stdout=1",
            "POST /services/1b5dv7hgu1wermf08p4axrlab/update?version=1",
            "POST /nodes/1b5dv7hgu1wermf08p4axrlab/update?version=1",
        ],
    },
    Example {
        file: "swarm.yml",
        proxy: "docker-for-swarm-cronjob",
        asks: &[
            "HEAD /_ping",
            "GET /v1.54/version",
            "GET /v1.54/services?filters=%7B%22label%22%3A%7B%22swarm.cronjob.enable%22%3Atrue%7D%7D",
            "GET /v1.54/nodes",
            "GET /v1.54/tasks?filters=%7B%22service%22%3A%7B%22job%22%3Atrue%7D%7D",
            "GET /v1.54/nodes/1b5dv7hgu1wermf08p4axrlab",
            "GET /v1.54/events?filters=%7B%22type%22%3A%7B%22service%22%3Atrue%7D%7D",
            "POST /v1.54/services/1b5dv7hgu1wermf08p4axrlab/update?registryAuthFrom=spec&version=11",
        ],
        closed: &[
            "POST /services/create",
            "DELETE /services/1b5dv7hgu1wermf08p4axrlab",
            "GET /services/1b5dv7hgu1wermf08p4axrlab/logs?stdout=1",
            "GET /info",
            "GET /swarm",
            "POST /swarm/leave",
            "GET /secrets",
            "GET /configs",
            "GET /containers/json",
            "POST /nodes/1b5dv7hgu1wermf08p4axrlab/update?version=1",
        ],
    },
];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn text(file: &str) -> String {
    std::fs::read_to_string(folder().join(file)).expect("the file")
}

/// What is no compose file: the pod of the client of another file.
const POD: (&str, &str) = ("kubernetes-gitea-runner.yml", "gitea-runner.yml");

/// The compose files of the folder.
fn files() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).expect("the folder");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8"))
        .filter(|file| file != POD.0)
        .collect();
    files.sort();
    files
}

/// Every proxy, by its file and its name there.
fn places() -> Vec<(String, String)> {
    let of_file = |file: String| proxies(&file).into_iter().map(move |proxy| (file.clone(), proxy));
    files().into_iter().flat_map(of_file).collect()
}

/// A variable of a file's proxy.
#[derive(Clone)]
struct Setting {
    /// Without the name of a client.
    name: String,
    /// The client that it is for; `None` where it is for all.
    client: Option<String>,
    /// Of a `|` block its lines, as compose hands them on.
    value: String,
    /// The comment that stands above its group.
    why: String,
}

/// The services of a file that are proxies: `docker`, or `docker-for-` and the client where each has its own.
fn proxies(file: &str) -> Vec<String> {
    let text = text(file);
    let of_file = services(&text).into_iter();
    let proxies = of_file.filter(|(_, lines)| lines.contains(&"image: docker-socket-proxy"));
    proxies.map(|(name, _)| name.to_owned()).collect()
}

/// The environment of a proxy.
fn environment(file: &str, proxy: &str) -> Vec<Setting> {
    let text = text(file);
    let begin = format!("\n  {proxy}:\n    image: docker-socket-proxy\n    environment:\n");
    let block = text.split_once(&begin).expect("the proxy's block").1;
    let lines = block.lines().map_while(|line| line.strip_prefix("      ").or(line.is_empty().then_some("")));
    let mut lines = lines.peekable();
    let (mut found, mut why) = (Vec::new(), String::new());
    while let Some(line) = lines.next() {
        if line.is_empty() {
            // The next group.
            why.clear();
            continue;
        }
        if let Some(comment) = line.strip_prefix("# ") {
            comment.clone_into(&mut why);
            continue;
        }
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{file}: {line}"));
        let mut value = value.to_owned();
        if value == "|" {
            value.clear();
            while let Some(line) = lines.next_if(|line| line.starts_with("  ")) {
                value += &line[2..];
                value += "\n";
            }
        }
        let (client, name) =
            frontends::split(name).map_or((None, name), |(client, name)| (Some(client.to_owned()), name));
        found.push(Setting { name: name.to_owned(), client, value, why: why.clone() });
    }
    found
}

/// A client of a file.
struct Client {
    example: &'static Example,
    file: String,
    /// The service that is its proxy.
    proxy: String,
    /// `None` where it is the only one of its proxy.
    name: Option<String>,
    /// What holds for it: its own variables, and of the others those that it has not itself.
    environment: Vec<Setting>,
}

impl Client {
    fn policy(&self) -> Policy {
        policy(pairs(&self.environment))
    }

    /// The same with another value of one variable.
    fn with(&self, name: &str, value: &str) -> Policy {
        policy(pairs(&self.environment).into_iter().chain([(name.to_owned(), value.to_owned())]))
    }

    /// For whoever reads that a test failed.
    fn who(&self) -> String {
        format!("{} {} {}", self.file, self.proxy, self.name.as_deref().unwrap_or_default())
    }
}

/// Whether a client is called so, as the words after `docker-for-` say. A proxy without such words has all clients of its file.
fn is_proxy_of(proxy: &str, app: &str) -> bool {
    proxy.strip_prefix("docker-for-").is_none_or(|client| client == app.to_lowercase())
}

/// The clients of every file.
fn clients() -> Vec<Client> {
    let of_proxy = |(file, proxy): (String, String)| {
        let all = environment(&file, &proxy);
        let mut names: Vec<_> = all.iter().filter_map(|setting| setting.client.clone()).map(Some).collect();
        names.dedup();
        if names.is_empty() {
            names.push(None);
        }
        names
            .into_iter()
            .map(move |name| {
                let of_all = all.iter().filter(|setting| setting.client.is_none());
                let own: Vec<_> =
                    all.iter().filter(|setting| name.is_some() && setting.client == name).collect();
                let of_all = of_all.filter(|one| own.iter().all(|other| other.name != one.name));
                let environment = own.iter().copied().chain(of_all).cloned().collect();
                let app = |file: &str| file.trim_end_matches(".yml").replace('-', "").to_uppercase();
                let is_its = |example: &&Example| match &name {
                    Some(name) => app(example.file) == *name,
                    None => (example.file, example.proxy) == (&*file, &*proxy),
                };
                let example =
                    EXAMPLES.iter().find(is_its).unwrap_or_else(|| panic!("{file}: nobody knows {name:?}"));
                Client { example, file: file.clone(), proxy: proxy.clone(), name, environment }
            })
            .collect::<Vec<_>>()
    };
    places().into_iter().flat_map(of_proxy).collect()
}

fn pairs(environment: &[Setting]) -> Vec<(String, String)> {
    environment.iter().map(|Setting { name, value, .. }| (name.clone(), value.clone())).collect()
}

/// The last value of a name holds.
fn policy(environment: impl IntoIterator<Item = (String, String)>) -> Policy {
    let set: BTreeMap<_, _> = environment.into_iter().collect();
    Policy::from_vars(&|name| set.get(name).cloned()).expect("a usable environment")
}

/// Whether a request passes where the client made what it names; without GUARD it does not matter who did.
fn allows(policy: &Policy, request: &str) -> bool {
    refusal(policy, request).is_none_or(|refusal| match refusal {
        Refusal::Guarded(refused) => refused.iter().all(Refused::may_be_own),
        _ => false,
    })
}

/// Whether it passes where others made that.
fn reaches_others(policy: &Policy, request: &str) -> bool {
    refusal(policy, request).is_none()
}

fn refusal(policy: &Policy, request: &str) -> Option<Refusal> {
    let head = format!("{request} HTTP/1.1\r\nHost: docker\r\n\r\n");
    admit(head.as_bytes(), policy).1.err()
}

fn allows_all(policy: &Policy, requests: &[&str]) -> bool {
    requests.iter().all(|request| allows(policy, request))
}

/// A request of every route that is allowed. No example is in front of podman, so only those of Docker's own API.
fn open(policy: &Policy) -> BTreeSet<String> {
    let routes = ROUTES.iter().filter(|route| !route.path.starts_with("/libpod/"));
    let requests = routes.flat_map(|route| {
        let name = |segment: &'static str| if segment.starts_with('{') { "4c01db0b339c" } else { segment };
        let path = route.path.split('/').map(name).collect::<Vec<_>>().join("/");
        // Without that it is no pull.
        let path = if path == "/images/create" { path + "?fromImage=app" } else { path };
        route.methods.iter().map(move |method| format!("{} {path}", method.as_str()))
    });
    requests.filter(|request| allows(policy, request)).collect()
}

#[test]
fn every_example_opens_what_its_client_asks_for_and_nothing_to_spare() {
    for client in clients() {
        let (who, Example { asks, closed, .. }) = (client.who(), client.example);
        for request in *asks {
            assert!(allows(&client.policy(), request), "{who}: {request}");
        }
        for request in *closed {
            assert!(!allows(&client.policy(), request), "{who}: {request}");
        }
        for Setting { name, value, why, .. } in &client.environment {
            if name == "LISTEN" {
                continue;
            }
            if name == "ALLOW_ROUTES" {
                let lines: Vec<_> = value.lines().collect();
                for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.starts_with('#')) {
                    let others = [&lines[..at], &lines[at + 1..]].concat().join("\n");
                    assert!(!allows_all(&client.with(name, &others), asks), "{who}: {line} is not needed");
                }
                assert!(
                    lines.first().is_some_and(|line| line.starts_with("# ")),
                    "{who}: lines say nothing about why"
                );
                continue;
            }
            assert!(!why.is_empty(), "{who}: {name} says nothing about why");
            if name == GUARD.name {
                assert_eq!(value, "baseline", "{who}");
                continue;
            }
            if LISTS.iter().any(|list| list.name == name) {
                let entries: Vec<_> = value.split(',').collect();
                for (at, entry) in entries.iter().enumerate() {
                    let others = [&entries[..at], &entries[at + 1..]].concat().join(",");
                    let without = client.with(name, &others);
                    let is_enough = allows_all(&without, asks) && passes(&without, client.example.file);
                    assert!(!is_enough, "{who}: {entry} of {name} is not needed");
                }
                continue;
            }
            assert!(VARIABLES.iter().any(|variable| variable.name == name), "{who}: {name}");
            match value.as_str() {
                "1" => assert!(!allows_all(&client.with(name, "0"), asks), "{who}: {name} is not needed"),
                _ => assert_ne!(client.with(name, "1").grants(), client.policy().grants(), "{who}: {name}"),
            }
        }
    }
}

#[test]
fn the_program_reads_every_example_and_takes_nothing_in_it_for_a_mistake() {
    for (file, proxy) in places() {
        let written =
            |setting: Setting| (frontends::prefix(setting.client.as_deref()) + &setting.name, setting.value);
        let environment = environment(&file, &proxy).into_iter().map(written).collect();
        let config = Config::of(&environment).unwrap_or_else(|error| panic!("{file}: {error}"));
        let names: Vec<_> = config.frontends.iter().map(|frontend| frontend.name.clone()).collect();
        let is_here = |client: &Client| (&client.file, &client.proxy) == (&file, &proxy);
        let mut known: Vec<_> = clients().into_iter().filter(is_here).map(|client| client.name).collect();
        known.sort();
        assert_eq!(names, known, "{file}");
        assert_eq!(lookalikes(&environment), Ok(Vec::new()), "{file}");
    }
}

/// What a file leaves to its reader, as comments: variables, and lines of ALLOW_ROUTES.
#[test]
fn what_a_file_offers_opens_something_more() {
    let mut offers = 0;
    for client in clients() {
        let (who, text) = (client.who(), text(&client.file));
        let prefix = frontends::prefix(client.name.as_deref());
        let comments = || text.lines().filter_map(|line| line.trim_start().strip_prefix("# "));
        let variables =
            || comments().filter_map(|comment| comment.strip_suffix(": 1")?.strip_prefix(&prefix));
        // Each beside the others, as one may open nothing alone.
        let all_but = |left_out: &str| {
            let taken = variables().filter(|name| *name != left_out);
            let taken = taken.map(|name| (name.to_owned(), String::from("1")));
            open(&policy(pairs(&client.environment).into_iter().chain(taken)))
        };
        for name in variables() {
            assert_ne!(all_but(name), all_but(""), "{who}: {name}");
            offers += 1;
        }
        let Some(routes) = client.environment.iter().find(|setting| setting.name == "ALLOW_ROUTES") else {
            continue;
        };
        let is_route = |comment: &&str| comment.split(' ').nth(1).is_some_and(|path| path.starts_with('/'));
        for line in routes.value.lines().filter_map(|line| line.strip_prefix("# ")).filter(is_route) {
            let more = client.with("ALLOW_ROUTES", &format!("{}{line}", routes.value));
            assert_ne!(open(&more), open(&client.policy()), "{who}: {line}");
            offers += 1;
        }
    }
    assert!(offers > 20, "{offers}");
}

/// For `tests/clients/sockets`, which asks for it in front of a real engine. It reads these lines, so that the rows may change their shape.
#[test]
#[ignore = "prints, and tests nothing"]
fn what_clients_ask_for_is_printed() {
    // The line has begun with this test's name.
    println!();
    for Example { file, proxy, asks, closed } in EXAMPLES {
        for (what, requests) in [("asks", asks), ("closed", closed)] {
            for request in *requests {
                println!("{file} {proxy} {what} {request}");
            }
        }
    }
}

/// What is on by default depends on the dialect, and on POST.
#[test]
fn every_example_means_the_same_in_every_dialect() {
    for client in clients() {
        let who = client.who();
        let names = |name: &str| client.environment.iter().any(|setting| setting.name == name);
        for method in ["DELETE", "PUT", "PATCH"] {
            assert_eq!(names(method), names("POST"), "{who}: {method}");
        }
        let in_dialect = |dialect: &str| open(&client.with("DIALECT", dialect));
        for dialect in ["linuxserver", "tecnativa-next"] {
            assert_eq!(in_dialect("tecnativa"), in_dialect(dialect), "{who}: {dialect}");
        }
    }
}

#[test]
fn a_client_among_others_has_nothing_that_it_has_not_alone() {
    let clients = clients();
    let alone = |example: &Example| {
        let client = clients.iter().find(|client| client.file == example.file).expect("its own file");
        open(&client.policy())
    };
    let among_others: Vec<_> = clients.iter().filter(|client| client.name.is_some()).collect();
    assert!(!among_others.is_empty());
    for client in among_others {
        assert!(open(&client.policy()).is_subset(&alone(client.example)), "{}", client.who());
    }
}

/// What a client can do that it should not: the word for it in docs/apps.md, those in the line of a compose file, and
/// requests of which each is enough.
const STILL: &[(&str, &str, &[&str])] = &[
    (ROOT, "root on the host", &["POST /containers/create", "POST /plugins/pull"]),
    ("root, of every node of the swarm", "swarm", &["POST /services/create", "POST /services/web/update"]),
    (
        ENVIRONMENT,
        "environment variables",
        &["GET /containers/web/json", "GET /services", "GET /libpod/containers/web/json"],
    ),
    (NAMES, "list containers", &["GET /containers/json", "GET /libpod/containers/json"]),
    ("logs", "logs", &["GET /containers/web/logs", "GET /libpod/containers/web/logs"]),
    ("processes", "processes", &["GET /containers/web/top", "GET /libpod/containers/web/top"]),
    (
        "files",
        "files",
        &["GET /containers/web/archive", "GET /containers/web/export", "GET /libpod/containers/web/export"],
    ),
    ("images", "download", &["GET /images/get", "GET /images/web/get", "GET /libpod/images/export"]),
    (
        "replace",
        "replace",
        &["POST /images/load", "POST /images/web/tag?repo=app", "POST /libpod/images/load"],
    ),
    ("prune", "prune", &["POST /containers/prune", "POST /images/prune", "POST /volumes/prune"]),
    (
        "servers",
        "any server",
        &[
            "GET /images/search",
            "POST /images/create?fromImage=app",
            "GET /libpod/images/search",
            "POST /auth",
        ],
    ),
    ("builds", "build", &["POST /build", "POST /grpc", "POST /libpod/build"]),
    ("start", "start", &["POST /containers/web/start"]),
    ("stop", "stop", &["POST /containers/web/stop"]),
    ("restart", "restart", &["POST /containers/web/restart"]),
    ("kill", "kill", &["POST /containers/web/kill"]),
    ("remove", "remove", &["DELETE /containers/web", "DELETE /images/web", "DELETE /volumes/web"]),
    ("attach", "attach", &["POST /containers/web/attach"]),
    ("volumes", "volumes", &["GET /libpod/volumes/web/export"]),
    ("networks", "networks", &["POST /networks/web/connect"]),
];
const ROOT: &str = "root";
const ENVIRONMENT: &str = "environment";
const NAMES: &str = "names";

/// The rows of it that hold. Root has all, and nobody has it by what GUARD judges; who reads the environment has the names.
fn still(policy: &Policy) -> Vec<(&'static str, &'static str)> {
    let held =
        STILL.iter().filter(|(.., requests)| requests.iter().any(|request| reaches_others(policy, request)));
    let held = held.filter(|(word, ..)| policy.guard().is_none() || !word.starts_with(ROOT));
    let mut held: Vec<_> = held.map(|&(word, line, _)| (word, line)).collect();
    if let Some(&root) = held.iter().find(|(word, _)| word.starts_with(ROOT)) {
        return vec![root];
    }
    if held.iter().any(|&(word, _)| word == ENVIRONMENT) {
        held.retain(|&(word, _)| word != NAMES);
    }
    held
}

#[test]
fn every_example_says_in_a_line_what_a_stolen_client_could_still_do() {
    let has = |line: &str, words: &str| {
        let padded = |text: &str| format!(" {} ", text.replace([',', '.', ';', ':'], ""));
        padded(line).contains(&padded(words))
    };
    for client in clients() {
        let (who, text) = (client.who(), text(&client.file));
        let of_client = |line: &&str| {
            let app = line.strip_prefix("# A stolen ").and_then(|line| line.split_once(" could still: "));
            app.is_some_and(|(app, _)| {
                let has_name = client.name.as_ref().is_none_or(|name| *name == app.to_uppercase());
                has_name && is_proxy_of(&client.proxy, app)
            })
        };
        let lines: Vec<_> = text.lines().filter(of_client).collect();
        let &[line] = &lines[..] else { panic!("{who}: {lines:?}") };
        let held: Vec<_> = still(&client.policy()).iter().map(|&(_, words)| words).collect();
        let said: Vec<_> =
            STILL.iter().map(|&(_, words, _)| words).filter(|words| has(line, words)).collect();
        assert_eq!(said, held, "{who}: {line}");
    }
}

/// A row of the table of docs/apps.md.
struct Row<'t> {
    app: &'t str,
    /// What is to be set, to 1 where it says no value.
    set: Vec<(String, String)>,
    /// What stays open of what is open by default.
    used: Vec<String>,
    still: &'t str,
}

/// The names of variables in a text.
fn names(text: &str) -> Vec<String> {
    let names = text.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// What the page closes above its table, and the table.
fn page(text: &str) -> (Vec<String>, Vec<Row<'_>>) {
    let closed = text.lines().filter_map(|line| line.strip_prefix("      ")?.strip_suffix(": 0"));
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(1).map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let &[_, app, set, used, _, still, _] = &cells[..] else { panic!("{line}") };
        let pair = |word: &str| {
            let (name, value) = word.split_once('=').unwrap_or((word, "1"));
            (name.to_owned(), value.to_owned())
        };
        let set = set.trim_matches('`').split_whitespace().map(pair).collect();
        Row { app, set, used: names(used), still }
    });
    (closed.map(str::to_owned).collect(), rows.collect())
}

impl Row<'_> {
    /// What somebody sets who takes the row at its word, but for one variable of it.
    fn without(&self, closed: &[String], left_out: &str) -> Policy {
        let used = self.used.iter().map(|name| (name.clone(), String::from("1")));
        let open = self.set.iter().cloned().chain(used).filter(|(name, _)| name != left_out);
        policy(closed.iter().map(|name| (name.clone(), String::from("0"))).chain(open))
    }

    fn policy(&self, closed: &[String]) -> Policy {
        self.without(closed, "")
    }
}

#[test]
fn the_page_of_apps_closes_what_is_open_by_default() {
    let text = text("../docs/apps.md");
    let (closed, rows) = page(&text);
    let post = || [(String::from("POST"), String::from("1"))];
    let open = policy(post()).grants();
    let left = ["POST", "PING", "VERSION"];
    let open = open.variables().map(|variable| variable.name).filter(|name| !left.contains(name));
    assert_eq!(closed.iter().cloned().collect::<BTreeSet<_>>(), open.map(str::to_owned).collect());
    for Row { app, set, used, .. } in rows {
        let set: Vec<_> = set.into_iter().map(|(name, _)| name).collect();
        assert!(set.iter().all(|name| !closed.contains(name)), "{app}: {set:?}");
        assert!(used.iter().all(|name| closed.contains(name)), "{app}: {used:?}");
        for names in [set, used] {
            assert!(names.is_sorted(), "{app}: {names:?}");
        }
    }
}

#[test]
fn the_table_of_apps_says_what_a_stolen_client_could_still_do() {
    let text = text("../docs/apps.md");
    let (closed, rows) = page(&text);
    assert!(rows.len() > 30, "{}", rows.len());
    for row in rows {
        let held: Vec<_> = still(&row.policy(&closed)).iter().map(|&(word, _)| word).collect();
        assert_eq!(row.still, held.join(", "), "{}", row.app);
        for word in held.iter().filter_map(|word| word.split(',').next()) {
            assert!(text.contains(&format!("**{word}**")), "{word} is not explained");
        }
    }
}

/// A file that lists routes opens less than its row; another opens the same.
#[test]
fn the_table_of_apps_has_the_set_of_every_example() {
    let text = text("../docs/apps.md");
    let (closed, rows) = page(&text);
    for Example { file, proxy, asks, .. } in EXAMPLES {
        let link = format!("](../examples/{file})");
        let is_its = |row: &&Row| {
            let app = row.app.split_once(&link).and_then(|(before, _)| before.split_once('['));
            app.is_some_and(|(_, app)| is_proxy_of(proxy, app))
        };
        let row = rows.iter().find(is_its).unwrap_or_else(|| panic!("{file} {proxy} has no row"));
        assert!(allows_all(&row.policy(&closed), asks), "{file}");
        let of_guard = |name: &str| [&GUARD].iter().chain(&LISTS).any(|setting| setting.name == name);
        let grants = row.set.iter().map(|(name, _)| name).chain(&row.used);
        for name in grants.filter(|name| !of_guard(name)) {
            assert!(!allows_all(&row.without(&closed, name), asks), "{file}: {name} is not needed");
        }
        let environment = environment(file, proxy);
        assert_eq!(row.policy(&closed).guard(), policy(pairs(&environment)).guard(), "{file}");
        let (of_row, of_file) = (open(&row.policy(&closed)), open(&policy(pairs(&environment))));
        if environment.iter().any(|setting| setting.name == "ALLOW_ROUTES") {
            assert!(of_file.is_subset(&of_row), "{file}: {of_file:?}");
        } else {
            assert_eq!(of_file, of_row, "{file}");
        }
    }
}

/// What clients send to proxies with GUARD, after their source, and what is dangerous: the field that is refused.
const BODIES: &[(&str, Body, &str, Option<&str>)] = &[
    (
        "gitlab-runner.yml",
        Body::Create,
        r#"{"Hostname":"runner-abc-project-1-concurrent-0","Image":"sha256:4c01db0b339c","AttachStdin":true,"AttachStdout":true,
            "AttachStderr":true,"OpenStdin":true,"StdinOnce":true,"Tty":false,"Cmd":["sh","-c","exec sh"],"Env":["CI=true"],
            "Labels":{"com.gitlab.gitlab-runner.managed":"true"},"Volumes":null,"Entrypoint":null,"OnBuild":null,
            "HostConfig":{"Binds":["runner-abc-cache-3c3f060a0374fc8bc39395164f415a70:/cache",
            "runner-abc-cache-c33bcaa1fd2c77edfc3893b41966cea8:/builds"],"NetworkMode":"runner-abc-job-1-network",
            "RestartPolicy":{"Name":"no","MaximumRetryCount":0},"LogConfig":{"Type":"json-file","Config":null},"CapAdd":null,
            "Privileged":false,"PidMode":"","IpcMode":"","UsernsMode":"","ExtraHosts":null,"Devices":null,"DeviceRequests":null,
            "DeviceCgroupRules":null,"SecurityOpt":null,"OomKillDisable":false,"OomScoreAdj":0,"VolumesFrom":null,"Sysctls":null,
            "Runtime":"","Isolation":"","CgroupParent":""},
            "NetworkingConfig":{"EndpointsConfig":{"runner-abc-job-1-network":{"Aliases":["build"]}}}}"#,
        None,
    ),
    (
        "gitlab-runner.yml",
        Body::Volume,
        r#"{"Name":"runner-abc-cache-3c3f060a","Driver":"","DriverOpts":null,"Labels":{"type":"cache"}}"#,
        None,
    ),
    (
        "gitlab-runner.yml",
        Body::Network,
        r#"{"Name":"runner-abc-job-1-network","EnableIPv6":false,"Labels":{},"Options":{"com.docker.network.driver.mtu":"1400"}}"#,
        None,
    ),
    // `privileged = true` for docker:dind, `volumes = ["/var/run/docker.sock:/var/run/docker.sock"]`, `network_mode = "host"`.
    (
        "gitlab-runner.yml",
        Body::Create,
        r#"{"Image":"docker:dind","HostConfig":{"Privileged":true}}"#,
        Some("HostConfig.Privileged"),
    ),
    (
        "gitlab-runner.yml",
        Body::Create,
        r#"{"Image":"docker","HostConfig":{"Binds":["/var/run/docker.sock:/var/run/docker.sock"]}}"#,
        Some("HostConfig.Binds"),
    ),
    (
        "gitlab-runner.yml",
        Body::Create,
        r#"{"Image":"app","HostConfig":{"NetworkMode":"host"}}"#,
        Some("HostConfig.NetworkMode"),
    ),
    // Somebody else's volume, and one with a name that no job has.
    (
        "gitlab-runner.yml",
        Body::Create,
        r#"{"Image":"app","HostConfig":{"Binds":["portainer_data:/data"]}}"#,
        Some("HostConfig.Binds"),
    ),
    ("gitlab-runner.yml", Body::Exec, r#"{"Cmd":["sh"],"Privileged":true}"#, Some("Privileged")),
    (
        "gitea-runner.yml",
        Body::Create,
        r#"{"Image":"node:22","Entrypoint":["/bin/sleep","10800"],"WorkingDir":"/workspace/owner/repository","Env":["RUNNER_OS=Linux"],
            "HostConfig":{"Binds":null,"Mounts":[
            {"Type":"volume","Source":"act-toolcache","Target":"/opt/hostedtoolcache"},
            {"Type":"volume","Source":"GITEA-ACTIONS-TASK-1_WORKFLOW-0_JOB-build-env","Target":"/var/run/act"},
            {"Type":"volume","Source":"GITEA-ACTIONS-TASK-1_WORKFLOW-0_JOB-build","Target":"/workspace/owner/repository"}],
            "NetworkMode":"GITEA-ACTIONS-TASK-1_WORKFLOW-0_JOB-build-build-network","Privileged":false,"UsernsMode":"","AutoRemove":true},
            "NetworkingConfig":{"EndpointsConfig":{"GITEA-ACTIONS-TASK-1_WORKFLOW-0_JOB-build-build-network":{"Aliases":["build"]}}}}"#,
        None,
    ),
    // A step that is a container of its own.
    (
        "gitea-runner.yml",
        Body::Create,
        r#"{"Image":"alpine","HostConfig":{"NetworkMode":"container:GITEA-ACTIONS-TASK-1_WORKFLOW-0_JOB-build"}}"#,
        None,
    ),
    (
        "gitea-runner.yml",
        Body::Create,
        r#"{"Image":"node:22","HostConfig":{"Binds":["/var/run/docker.sock:/var/run/docker.sock"]}}"#,
        Some("HostConfig.Binds"),
    ),
    (
        "testcontainers.yml",
        Body::Create,
        r#"{"Image":"testcontainers/ryuk:0.14.0","Volumes":{"/var/run/docker.sock":{}},"HostConfig":{"NetworkMode":"default",
            "Binds":["/run/docker-socket-proxy/docker.sock:/var/run/docker.sock:rw"],
            "PortBindings":{"8080/tcp":[{"HostIp":"","HostPort":""}]},"AutoRemove":true},
            "Labels":{"org.testcontainers":"true"}}"#,
        None,
    ),
    (
        "testcontainers.yml",
        Body::Create,
        r#"{"Image":"app","HostConfig":{"Binds":["/run/docker-socket-proxy:/run"]}}"#,
        Some("HostConfig.Binds"),
    ),
    (
        "agent-sandbox.yml",
        Body::Create,
        r#"{"Image":"busybox","Cmd":["sh"],"AttachStdin":true,"OpenStdin":true,"HostConfig":{"NetworkMode":"none",
            "ReadonlyRootfs":true,"CapDrop":["ALL"],"SecurityOpt":["no-new-privileges"],"Tmpfs":{"/tmp":""},"PidsLimit":64,
            "Memory":268435456,"AutoRemove":true,"MemorySwappiness":-1,"MaskedPaths":null,"ReadonlyPaths":null}}"#,
        None,
    ),
    (
        "agent-sandbox.yml",
        Body::Create,
        r#"{"Image":"busybox","HostConfig":{"Mounts":[{"Type":"bind","Source":"/","Target":"/host"}]}}"#,
        Some("HostConfig.Mounts[0].Source"),
    ),
    (
        "agent-sandbox.yml",
        Body::Create,
        r#"{"Image":"busybox","HostConfig":{"PidMode":"host","CapAdd":["SYS_PTRACE"]}}"#,
        Some("HostConfig.PidMode"),
    ),
];

/// The first field of a body that is refused, where the client made what it names.
fn refused(guard: &Guard, body: Body, text: &str) -> Option<String> {
    match guard.judge(body, text.as_bytes()) {
        Ok(()) => None,
        Err(Fault::Refused(refused)) => {
            refused.into_iter().find(|refused| !refused.may_be_own()).map(|refused| refused.path)
        }
        Err(fault) => panic!("{text}: {fault:?}"),
    }
}

/// Whether all bodies pass that a file's client sends.
fn passes(policy: &Policy, file: &str) -> bool {
    let guard = policy.guard().expect("lists are for GUARD");
    let mut sent = BODIES.iter().filter(|(of, .., field)| *of == file && field.is_none());
    sent.all(|(_, body, text, _)| refused(guard, *body, text).is_none())
}

#[test]
fn what_clients_with_a_guard_send_passes_and_what_is_dangerous_does_not() {
    let with_guard =
        |client: &Client| client.policy().guard().cloned().map(|guard| (client.file.clone(), guard));
    let guards: BTreeMap<_, _> = clients().iter().filter_map(with_guard).collect();
    let files = |passes: bool| -> BTreeSet<&str> {
        BODIES.iter().filter(|(.., field)| field.is_none() == passes).map(|(file, ..)| *file).collect()
    };
    let guarded: BTreeSet<_> = guards.keys().map(String::as_str).collect();
    assert_eq!((files(true), files(false)), (guarded.clone(), guarded));
    for (file, body, text, field) in BODIES {
        assert_eq!(refused(&guards[*file], *body, text).as_deref(), *field, "{file}: {text}");
    }
}

/// A guard that is never asked would judge nothing.
#[test]
fn a_container_that_a_client_with_a_guard_makes_is_judged() {
    for client in clients() {
        let policy = client.policy();
        let head = b"POST /v1.51/containers/create HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\n\r\n";
        let is_held = matches!(admit(head, &policy).1, Ok(Admission::Pending(_)));
        assert_eq!(is_held, policy.guard().is_some(), "{}", client.who());
    }
}

#[test]
fn every_client_has_a_file_of_its_own() {
    let files = files();
    assert!(EXAMPLES.iter().all(|example| files.iter().any(|file| file == example.file)), "{files:?}");
}

/// The services of a file, each with its lines.
fn services(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut services: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut name = "";
    for line in text.lines().skip_while(|line| *line != "services:").skip(1) {
        match line.strip_prefix("  ") {
            None if !line.is_empty() => break,
            Some(line) if !line.starts_with([' ', '#']) => name = line.trim_end_matches(':'),
            _ => services.entry(name).or_default().push(line.trim()),
        }
    }
    services
}

/// What a service mounts: the volume or folder, where, and how.
fn mounts<'t>(lines: &[&'t str]) -> Vec<(&'t str, &'t str, &'t str)> {
    let words = lines.iter().filter(|line| !line.starts_with('#'));
    let words = words.flat_map(|line| line.split([' ', ',', '[', ']', '"']));
    let mount = |word: &'t str| {
        let (source, rest) = word.split_once(':')?;
        let (target, how) = rest.split_once(':').unwrap_or((rest, ""));
        target.starts_with('/').then_some((source, target, how))
    };
    words.filter_map(mount).collect()
}

/// A port is for who shares the proxy's network, and a socket for who mounts its folder: this is one client each time.
#[test]
fn nobody_but_its_client_reaches_a_listener() {
    for client in clients() {
        let (who, text) = (client.who(), text(&client.file));
        let mut services = services(&text);
        let proxy = services.remove(&*client.proxy).expect("the proxy");
        let has = |lines: &[&str], line: &str| lines.contains(&line);
        assert!(!proxy.iter().any(|line| line.starts_with("ports:")), "{who}");
        let Some(listen) = client.environment.iter().find(|setting| setting.name == "LISTEN") else {
            // It has the name of the proxy.
            let network = &*client.proxy;
            let is_in = |lines: &[&str]| {
                let networks =
                    lines.iter().find_map(|line| line.strip_prefix("networks: [")?.strip_suffix(']'));
                networks.is_some_and(|networks| networks.split(", ").any(|other| other == network))
            };
            let in_network: Vec<_> =
                services.iter().filter(|(_, lines)| is_in(lines)).map(|(name, _)| *name).collect();
            let &[service] = &in_network[..] else { panic!("{who}: {in_network:?}") };
            assert!(is_proxy_of(network, service), "{who}: {service}");
            assert!(has(&proxy, &format!("networks: [{network}]")), "{who}");
            assert!(text.contains(&format!("\n  {network}:\n    internal: true\n")), "{who}");
            continue;
        };
        assert!(has(&proxy, "network_mode: none"), "{who}");
        let (folder, _) =
            listen.value.strip_prefix("unix:").and_then(|path| path.rsplit_once('/')).expect("a file");
        let of_proxy = mounts(&proxy);
        let &[(source, _, "")] =
            &of_proxy.iter().filter(|(_, target, _)| *target == folder).collect::<Vec<_>>()[..]
        else {
            panic!("{who}: {of_proxy:?}")
        };
        let of_others: Vec<_> = services
            .iter()
            .flat_map(|(name, lines)| mounts(lines).into_iter().map(move |mount| (*name, mount)))
            .filter(|(_, (of_other, ..))| of_other == source)
            .collect();
        let &[(service, (.., how))] = &of_others[..] else { panic!("{who}: {of_others:?}") };
        assert!(client.name.as_ref().is_none_or(|name| *name == service.to_uppercase()), "{who}: {service}");
        assert_eq!(how, "ro", "{who}");
        assert_eq!(of_proxy.iter().filter(|(other, ..)| other == source).count(), 1, "{who}");
    }
}

/// A client with CONTAINERS=1 and POST=1 could replace the program in the proxy's own container otherwise.
#[test]
fn the_proxy_runs_on_a_read_only_file_system_wherever_it_is_shown() {
    let root = folder().join("..");
    let read = |file: &str| std::fs::read_to_string(root.join(file)).expect("a text");
    let examples = files().into_iter().map(|file| format!("examples/{file}"));
    for file in examples.chain([String::from("README.md")]) {
        let text = read(&file);
        let services: Vec<_> = text.split("\n    image: docker-socket-proxy\n").skip(1).collect();
        assert!(!services.is_empty(), "{file}");
        for service in services {
            let mut lines = service.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
            assert!(lines.any(|line| line.starts_with("    read_only: true")), "{file}");
        }
    }
    assert!(read("packaging/docker-socket-proxy.container").contains("\nReadOnly=true\n"));
}

/// The containers of the pod, each with its lines.
fn containers(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut containers: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut name = "";
    for line in text.lines().skip_while(|line| *line != "  initContainers:").skip(1) {
        if line == "  volumes:" {
            break;
        }
        match line.strip_prefix("    - name: ") {
            Some(next) => name = next,
            None => containers.entry(name).or_default().push(line.trim()),
        }
    }
    containers
}

#[test]
fn the_pod_has_the_grants_of_the_compose_file_of_its_client() {
    let (pod, compose) = (text(POD.0), text(POD.1));
    let stolen = |text: &str| {
        text.lines().find(|line| line.starts_with("# A stolen ")).expect("what is left to it").to_owned()
    };
    assert_eq!(stolen(&pod), stolen(&compose));
    let variable = |line: &&str| {
        let (name, value) = line.strip_prefix("- { name: ")?.strip_suffix(" }")?.split_once(", value: ")?;
        Some((name.to_owned(), value.trim_matches('"').to_owned()))
    };
    let all: Vec<_> = containers(&pod)["proxy"].iter().filter_map(variable).collect();
    let set = all.iter().cloned().collect();
    Config::of(&set).expect("a usable environment");
    assert_eq!(lookalikes(&set), Ok(Vec::new()));
    let (of_pod, grants): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(name, _)| ["LISTEN", "LISTEN_MODE", "SOCKET_PATH"].contains(&&**name));
    assert_eq!(of_pod.len(), 3, "{of_pod:?}");
    let sorted = |pairs: Vec<(String, String)>| pairs.into_iter().collect::<BTreeMap<_, _>>();
    assert_eq!(sorted(grants), sorted(pairs(&environment(POD.1, "docker"))));
}

#[test]
fn in_the_pod_the_runner_reaches_the_proxy_alone_and_the_proxy_alone_the_engine() {
    let text = text(POD.0);
    let containers = containers(&text);
    assert_eq!(containers.keys().copied().collect::<Vec<_>>(), ["dind", "proxy", "runner"]);
    let with = |line: &str| -> Vec<&str> {
        containers.iter().filter(|(_, lines)| lines.contains(&line)).map(|(name, _)| *name).collect()
    };
    assert_eq!(with("- { name: engine-socket, mountPath: /run/dind }"), ["dind"]);
    assert_eq!(with("- { name: engine-socket, mountPath: /run/dind, readOnly: true }"), ["proxy"]);
    assert_eq!(with("- { name: proxy-socket, mountPath: /run/docker-socket-proxy }"), ["proxy"]);
    assert_eq!(
        with("- { name: proxy-socket, mountPath: /run/docker-socket-proxy, readOnly: true }"),
        ["runner"]
    );
    // Each mount is one of these, and one volume each.
    for volume in ["engine-socket", "proxy-socket"] {
        assert_eq!(text.matches(&format!("{{ name: {volume}, ")).count(), 3, "{volume}");
    }
    assert_eq!(with("privileged: true"), ["dind"]);
    assert_eq!(with("restartPolicy: Always"), ["dind", "proxy"]);
    for line in ["runAsNonRoot: true", "readOnlyRootFilesystem: true"] {
        assert_eq!(with(line), ["proxy"], "{line}");
    }
    for line in [
        "allowPrivilegeEscalation: false",
        "capabilities: { drop: [ALL] }",
        "seccompProfile: { type: RuntimeDefault }",
    ] {
        assert_eq!(with(line), ["proxy", "runner"], "{line}");
    }
    for word in ["hostPath", "hostNetwork", "hostPID", "hostPort", "ports:", "tcp://"] {
        assert!(!text.contains(word), "{word}");
    }
}
