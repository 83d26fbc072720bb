//! What is measured: the rows of the tables.

use crate::address::Transport;
use crate::figures::Limit::{self, AtLeast, AtMost, MoreBy};
use crate::figures::Unit;
use crate::load::{self, NUMBER};
use crate::measure::{self, Measured, Scale, cpu_a_request, round_trip};
use crate::peer::{Environment, Running, Setup};
use crate::relay::Flow::{self, Bulk, Requests};
use docker_socket_proxy::policy::ROUTES;

/// One line of a table.
pub struct Row {
    /// What is measured.
    pub what: &'static str,
    /// In what.
    pub unit: Unit,
    /// Against the bare relay.
    pub relay: Option<Limit>,
    /// Against HAProxy.
    pub haproxy: Option<Limit>,
    /// Against the proxy itself, without what the group's environment asks of it.
    pub plain: Option<Limit>,
    /// By itself.
    pub alone: Option<Limit>,
}

/// Rows that one run gives.
pub struct Group {
    /// Its name, for `--only`.
    pub name: &'static str,
    /// How peers are started.
    pub setup: Setup,
    /// How many times as many rounds as others it gets. What is short has many: a round's figure depends on which CPUs the
    /// kernel happens to place its processes.
    pub repeats: usize,
    /// Its rows, in the order of the figures.
    pub rows: &'static [Row],
    /// Measures one peer, which has just been started.
    pub measure: fn(&Running, Scale) -> Measured,
}

const fn row(what: &'static str, unit: Unit) -> Row {
    Row { what, unit, relay: None, haproxy: None, plain: None, alone: None }
}

impl Row {
    const fn relay(self, limit: Limit) -> Self {
        Self { relay: Some(limit), ..self }
    }

    const fn haproxy(self, limit: Limit) -> Self {
        Self { haproxy: Some(limit), ..self }
    }

    const fn plain(self, limit: Limit) -> Self {
        Self { plain: Some(limit), ..self }
    }

    const fn alone(self, limit: Limit) -> Self {
        Self { alone: Some(limit), ..self }
    }
}

impl Group {
    /// Whether a row is held against the proxy itself.
    pub fn has_plain(&self) -> bool {
        self.rows.iter().any(|row| row.plain.is_some())
    }
}

const fn over(transport: Transport, flow: Flow) -> Setup {
    Setup { transport, flow, environment: Environment::new, two_clients: false, two_proxies: false }
}

/// Peers as most rows have them, for clients over TCP.
pub const fn tcp(flow: Flow) -> Setup {
    over(Transport::Tcp, flow)
}

/// Peers as most rows have them, for clients over Unix sockets.
pub const fn unix(flow: Flow) -> Setup {
    over(Transport::Unix, flow)
}

/// The table.
pub const GROUPS: &[Group] = &[
    Group {
        name: "keep-alive",
        setup: tcp(Requests),
        repeats: 6,
        rows: &[
            row("keep-alive `GET /_ping`, 32 clients: CPU a request", Unit::Microseconds)
                .relay(AtMost(1.1))
                .haproxy(AtMost(0.4)),
            row("the same: requests a second", Unit::PerSecond).relay(AtLeast(0.9)).haproxy(AtLeast(1.8)),
        ],
        measure: measure::pings,
    },
    Group {
        name: "different",
        setup: tcp(Requests),
        repeats: 6,
        rows: &[row(
            "a request that differs from the one before, `GET /containers/NAME/json`: CPU a request",
            Unit::Microseconds,
        )
        .relay(AtMost(1.1))],
        measure: inspect,
    },
    Group {
        name: "routes",
        setup: Setup { environment: fifty_routes, ..tcp(Requests) },
        repeats: 6,
        rows: &[row("the same, with 50 lines of ALLOW_ROUTES: CPU a request", Unit::Microseconds)
            .relay(AtMost(1.1))
            .plain(AtMost(1.1))],
        measure: inspect,
    },
    Group {
        name: "two-clients",
        setup: Setup { environment: two_policies, two_clients: true, ..tcp(Requests) },
        repeats: 6,
        rows: &[row("the same, of two clients at once that have grants of their own: CPU a request", Unit::Microseconds)
            .relay(AtMost(1.1))
            .plain(AtMost(1.1))],
        measure: inspect,
    },
    Group {
        name: "create",
        setup: tcp(Requests),
        repeats: 6,
        rows: &[row("`POST /containers/create` with a body of 2 KiB: CPU a request", Unit::Microseconds)
            .relay(AtMost(1.1))],
        measure: create,
    },
    Group {
        name: "guard-create",
        setup: Setup { environment: guard, ..tcp(Requests) },
        repeats: 6,
        rows: &[row("the same with GUARD, which judges the body: CPU a request", Unit::Microseconds).plain(MoreBy(20.0))],
        measure: create,
    },
    Group {
        name: "guard-list",
        setup: Setup { environment: guard, ..tcp(Requests) },
        repeats: 6,
        rows: &[row("with GUARD, `GET /containers/json`, which is not judged: CPU a request", Unit::Microseconds)
            .relay(AtMost(1.1))
            .plain(AtMost(1.05))],
        measure: |peer, scale| cpu_a_request(peer, &load::get("/v1.51/containers/json"), scale),
    },
    Group {
        name: "latency",
        setup: tcp(Requests),
        repeats: 6,
        rows: &[row("one client, one request at a time: median latency", Unit::Microseconds)
            .relay(AtMost(1.1))
            .haproxy(AtMost(0.8))],
        measure: |peer, scale| round_trip(peer, true, scale),
    },
    Group {
        name: "connections",
        setup: tcp(Requests),
        // More would fill the kernel's table of connections, where a firewall makes it keep one.
        repeats: 2,
        rows: &[row("a new connection for each request: CPU a request", Unit::Microseconds)
            .relay(AtMost(1.1))
            .haproxy(AtMost(1.0))],
        measure: measure::new_connections,
    },
    Group {
        name: "download-chunked",
        setup: tcp(Bulk),
        repeats: 4,
        rows: &[row("download of 1 GiB, chunked: CPU a GiB", Unit::MillisecondsPerGib)
            .relay(AtMost(1.1))
            .haproxy(AtMost(1.0))],
        measure: measure::download_chunked,
    },
    Group {
        name: "download-length",
        setup: tcp(Bulk),
        repeats: 4,
        rows: &[row("download of 1 GiB with Content-Length: CPU a GiB", Unit::MillisecondsPerGib)
            .relay(AtMost(1.1))
            .haproxy(AtMost(1.0))],
        measure: measure::download_with_length,
    },
    Group {
        name: "upload",
        setup: tcp(Bulk),
        repeats: 4,
        rows: &[row("upload of 1 GiB, chunked: CPU a GiB", Unit::MillisecondsPerGib)
            .relay(AtMost(1.1))
            .haproxy(AtMost(0.7))],
        measure: measure::upload_chunked,
    },
    Group {
        name: "hijack",
        setup: tcp(Bulk),
        repeats: 4,
        rows: &[row("hijacked stream, 512 MiB each way at once: CPU a GiB", Unit::MillisecondsPerGib)
            .relay(AtMost(1.05))],
        measure: measure::hijacked,
    },
    Group {
        name: "frames",
        setup: tcp(Bulk),
        repeats: 6,
        rows: &[row("frames of 100 bytes on a hijacked stream: median round trip", Unit::Microseconds)
            .relay(AtMost(1.1))
            .haproxy(AtMost(0.9))],
        measure: |peer, scale| round_trip(peer, false, scale),
    },
    Group {
        name: "unix-keep-alive",
        setup: unix(Requests),
        repeats: 6,
        rows: &[
            row("over Unix sockets, keep-alive `GET /_ping`, 32 clients: CPU a request", Unit::Microseconds)
                .relay(AtMost(1.1)),
            row("the same: requests a second", Unit::PerSecond).relay(AtLeast(0.9)),
        ],
        measure: measure::pings,
    },
    Group {
        name: "unix-different",
        setup: unix(Requests),
        repeats: 6,
        rows: &[row("over Unix sockets, a request that differs from the one before: CPU a request", Unit::Microseconds)
            .relay(AtMost(1.1))],
        measure: inspect,
    },
    Group {
        name: "unix-latency",
        setup: unix(Requests),
        repeats: 6,
        rows: &[row("over Unix sockets, one client, one request at a time: median latency", Unit::Microseconds)
            .relay(AtMost(1.1))],
        measure: |peer, scale| round_trip(peer, true, scale),
    },
    Group {
        name: "unix-beside-a-hostile-client",
        setup: Setup { two_clients: true, ..unix(Requests) },
        repeats: 2,
        rows: &[row(
            "over Unix sockets, beside another client that has taken all its places and knocks: requests a second, as a part of those \
             without it",
            Unit::Part,
        )
        .alone(AtLeast(0.8))],
        measure: measure::beside_a_hostile_client,
    },
    Group {
        name: "unix-beside-a-storm",
        setup: Setup { two_clients: true, two_proxies: true, ..unix(Requests) },
        repeats: 4,
        rows: &[row(
            "over Unix sockets, new connections beside another client that opens as many as it can for what is denied: requests a \
             second, as a part of those where that client has a proxy of its own",
            Unit::Part,
        )
        .alone(AtLeast(0.8))],
        measure: measure::beside_a_storm,
    },
    Group {
        name: "unix-connections",
        setup: unix(Requests),
        repeats: 6,
        rows: &[row("over Unix sockets, a new connection for each request: CPU a request", Unit::Microseconds)
            .relay(AtMost(1.1))],
        measure: measure::new_connections,
    },
    Group {
        name: "unix-download-chunked",
        setup: unix(Bulk),
        repeats: 4,
        rows: &[row("over Unix sockets, download of 1 GiB, chunked: CPU a GiB", Unit::MillisecondsPerGib)
            .relay(AtMost(1.1))],
        measure: measure::download_chunked,
    },
    Group {
        name: "unix-upload",
        setup: unix(Bulk),
        repeats: 4,
        rows: &[row("over Unix sockets, upload of 1 GiB, chunked: CPU a GiB", Unit::MillisecondsPerGib)
            .relay(AtMost(1.1))],
        measure: measure::upload_chunked,
    },
    Group {
        name: "events",
        setup: tcp(Requests),
        repeats: 1,
        rows: &[row("memory per idle `GET /events` stream, 5,000 of them", Unit::Kib)
            .haproxy(AtMost(0.5))
            .alone(AtMost(3.0))],
        measure: |peer, scale| measure::memory_per_stream(peer, scale.choose(5000, 500, 10), false),
    },
    Group {
        name: "idle-hijack",
        setup: tcp(Bulk),
        repeats: 1,
        rows: &[row("memory per idle hijacked stream, 2,000 of them", Unit::Kib).alone(AtMost(8.0))],
        measure: |peer, scale| measure::memory_per_stream(peer, scale.choose(2000, 200, 10), true),
    },
    Group {
        name: "rest",
        setup: tcp(Requests),
        repeats: 4,
        rows: &[
            row("memory at rest, after one request", Unit::Megabytes).alone(AtMost(3.0)),
            row("start to first answer", Unit::Milliseconds).alone(AtMost(10.0)),
        ],
        measure: |peer, _| measure::rest(peer),
    },
];

/// The size that the program may have.
pub const BINARY: Row =
    row("binary, and image but for a few hundred bytes", Unit::Megabytes).alone(Limit::AtMost(1.6));

/// Each request names another container, so that none is judged as the one before it was.
fn inspect(peer: &Running, scale: Scale) -> Measured {
    cpu_a_request(peer, &load::get(&format!("/v1.51/containers/web-{NUMBER}/json")), scale)
}

fn create(peer: &Running, scale: Scale) -> Measured {
    cpu_a_request(peer, &load::create(2048), scale)
}

/// Docker's routes, of which the last line is the one that opens what is asked.
fn fifty_routes() -> Environment {
    const ASKED: &str = "/containers/{name}/json";
    let others = ROUTES.iter().filter(|route| !route.path.starts_with("/libpod/") && route.path != ASKED);
    let others = others.flat_map(|route| route.methods.iter().map(|method| (method.as_str(), route.path)));
    let lines = others.take(49).chain([("GET", ASKED)]);
    let lines = lines.fold(String::new(), |all, (method, path)| all + method + " " + path + "\n");
    vec![("CONTAINERS", "0".into()), ("ALLOW_ROUTES", lines)]
}

fn two_policies() -> Environment {
    let grants =
        ["ONE__EXEC", "ONE__VOLUMES", "OTHER__INFO", "OTHER__ALLOW_RESTARTS"].map(|name| (name, "1".into()));
    let closed = ["ONE__ALLOW_LOGS", "OTHER__POST", "OTHER__IMAGES"].map(|name| (name, "0".into()));
    [grants.as_slice(), &closed].concat()
}

fn guard() -> Environment {
    vec![("GUARD", "baseline".into())]
}
