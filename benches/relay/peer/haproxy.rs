//! HAProxy as Tecnativa's image has it.

use crate::address::Address;
use std::path::Path;

/// The sections of Tecnativa's image, in its order, and their paths.
const SECTIONS: [&str; 23] = [
    "auth",
    "build",
    "commit",
    "configs",
    "containers",
    "distribution",
    "events",
    "exec",
    "grpc",
    "images",
    "info",
    "networks",
    "nodes",
    "_ping",
    "plugins",
    "secrets",
    "services",
    "session",
    "swarm",
    "system",
    "tasks",
    "version",
    "volumes",
];

/// The judgement of Tecnativa's image in rules of our own: a regular expression for each section, matched in turn
/// against the decoded path. As there, each request is logged, to a standard output that is thrown away here, and has a
/// connection to the daemon of its own; where it is `tuned`, there is no log, and connections to the daemon are kept.
pub fn configuration(address: &Address, socket: &Path, tuned: bool) -> String {
    let address = match address {
        Address::Tcp(address) => address.to_string(),
        Address::Unix(path) => format!("unix@{}", path.display()),
    };
    let settings = if tuned {
        ""
    } else {
        "    log stdout format raw daemon info\n    option httplog\n    option http-server-close\n"
    };
    let allow = |path: &str, variable: &str| {
        format!(
            "    http-request allow if {{ path,url_dec -m reg -i ^(/v[\\d\\.]+)?/{path} }} {{ env({variable}) -m bool }}\n"
        )
    };
    let actions =
        [("(stop|restart|kill)", "ALLOW_RESTARTS"), ("start", "ALLOW_START"), ("stop", "ALLOW_STOP")];
    let actions =
        actions.map(|(action, variable)| allow(&format!("containers/[a-zA-Z0-9_.-]+/{action}"), variable));
    let sections = SECTIONS.map(|section| allow(section, &section.trim_start_matches('_').to_uppercase()));
    format!(
        "global\n    maxconn 6000\n\
         defaults\n{settings}    mode http\n    timeout connect 10s\n    timeout client 10m\n    timeout server 10m\n    \
         timeout tunnel 1h\n\
         frontend clients\n    bind {address}\n    \
         http-request deny unless METH_GET || {{ env(POST) -m bool }}\n{}{}    http-request deny\n    \
         default_backend daemon\n\
         backend daemon\n    server daemon unix@{}\n",
        actions.concat(),
        sections.concat(),
        socket.display(),
    )
}
