//! What a user may not expect of a line of ALLOW_ROUTES.

use super::{BUILDKIT, CALLS, COMMITS, DOWNLOADS, MANIFESTS, NODES, PODMAN_USER, SESSIONS, VOLUMES};
use crate::guard::{Guard, Rule};
use crate::policy::guarded;
use crate::policy::lists::{Line, Lists};
use crate::policy::text::listed;

/// What these routes do, each `METHOD /path`.
struct Danger {
    routes: &'static [&'static str],
    says: &'static str,
}

const fn danger(says: &'static str, routes: &'static [&'static str]) -> Danger {
    Danger { routes, says }
}

const DANGERS: &[Danger] = &[
    danger(
        "is root on this host once the container runs: a client can make it privileged, or have it mount any folder of the host",
        &["POST /containers/create"],
    ),
    danger(
        PODMAN_USER,
        &[
            "POST /libpod/containers/create",
            "POST /libpod/containers/{name}/restore",
            "POST /libpod/pods/create",
            "POST /libpod/play/kube",
            "POST /libpod/kube/play",
        ],
    ),
    danger(
        "prepares any command in these containers, which the start of an exec then runs; in this proxy's own a client can start \
         this program again with everything allowed",
        &["POST /containers/{name}/exec", "POST /libpod/containers/{name}/exec"],
    ),
    danger(
        "starts the commands that were prepared inside containers",
        &["POST /exec/{id}/start", "POST /libpod/exec/{id}/start"],
    ),
    danger(
        "reads what these containers print, and writes to their input, where a shell may wait",
        &[
            "POST /containers/{name}/attach",
            "GET /containers/{name}/attach/ws",
            "POST /libpod/containers/{name}/attach",
        ],
    ),
    danger(
        "overwrites any file of these containers, in folders of the host that they mount too",
        &["PUT /containers/{name}/archive", "PUT /libpod/containers/{name}/archive"],
    ),
    danger(
        "reads any file of these containers",
        &[
            "GET /containers/{name}/archive",
            "GET /containers/{name}/export",
            "POST /containers/{name}/copy",
            "GET /libpod/containers/{name}/archive",
            "GET /libpod/containers/{name}/export",
            "POST /libpod/containers/{name}/checkpoint",
            "POST /libpod/containers/{name}/mount",
        ],
    ),
    danger(
        "shows environment variables, where passwords often are",
        &[
            "GET /containers/{name}/json",
            "GET /containers/{name}/top",
            "GET /services",
            "GET /services/{id}",
            "GET /tasks",
            "GET /tasks/{id}",
            "GET /libpod/containers/{name}/json",
            "GET /libpod/containers/{name}/top",
            "GET /libpod/pods/{name}/json",
            "GET /libpod/pods/{name}/top",
            "GET /libpod/generate/kube",
            "GET /libpod/generate/{name}/systemd",
            "GET /libpod/kube/generate",
            "GET /libpod/quadlets/{name}/file",
        ],
    ),
    danger(
        "gives any container a name that others know another one by",
        &["POST /containers/{name}/rename", "POST /libpod/containers/{name}/rename"],
    ),
    danger(
        "removes containers",
        &[
            "DELETE /containers/{name}",
            "POST /containers/prune",
            "DELETE /libpod/containers/{name}",
            "POST /libpod/containers/prune",
            "DELETE /libpod/pods/{name}",
            "POST /libpod/pods/prune",
            "DELETE /libpod/play/kube",
            "DELETE /libpod/kube/play",
        ],
    ),
    danger(
        "reads and writes folders of the host, where the daemon is experimental",
        &[
            "GET /containers/{name}/checkpoints",
            "POST /containers/{name}/checkpoints",
            "DELETE /containers/{name}/checkpoints/{checkpoint}",
        ],
    ),
    danger(
        "runs the command that checks the container's health",
        &["GET /libpod/containers/{name}/healthcheck"],
    ),
    danger("takes limits of memory and processes away from a container", &["POST /containers/{name}/update"]),
    danger(
        "runs any command in a container as its health check, and writes what it prints to any folder of the host",
        &["POST /libpod/containers/{name}/update"],
    ),
    danger(COMMITS, &["POST /commit", "POST /libpod/commit"]),
    danger(
        "runs any command while an image is built, in the host's network if the client asks for it; podman also gives a build any \
         folder of the host",
        &["POST /build", "POST /libpod/build", "POST /libpod/local/build"],
    ),
    danger(BUILDKIT, &["POST /grpc"]),
    danger(SESSIONS, &["POST /session"]),
    danger(
        DOWNLOADS,
        &[
            "GET /images/get",
            "GET /images/{name}/get",
            "GET /libpod/images/export",
            "GET /libpod/images/{name}/get",
            "GET /libpod/artifacts/{name}/extract",
        ],
    ),
    danger(
        "sends any image of this host to any registry that a client names; podman also writes it to any path of the host",
        &["POST /images/{name}/push"],
    ),
    danger(
        "sends what this host has to any registry that a client names",
        &[
            "POST /plugins/{name}/push",
            "POST /libpod/images/{name}/push",
            "POST /libpod/artifacts/{name}/push",
            "POST /libpod/manifests/{name}/push",
            "POST /libpod/manifests/{name}/registry/{destination}",
        ],
    ),
    danger(
        "replaces any image by another of the same name, which runs at the next start; podman also reads images and archives at \
         any path of the host",
        &[
            "POST /images/load",
            "POST /images/create",
            "POST /images/{name}/tag",
            "POST /libpod/images/load",
            "POST /libpod/images/import",
            "POST /libpod/images/pull",
            "POST /libpod/images/{name}/tag",
            "POST /libpod/local/images/load",
        ],
    ),
    danger(
        "copies images by ssh to any server with the keys of the user that podman runs as",
        &["POST /libpod/images/scp/{name}"],
    ),
    danger(
        "deletes images and what is built of them",
        &[
            "DELETE /images/{name}",
            "POST /images/prune",
            "POST /build/prune",
            "DELETE /libpod/images/{name}",
            "DELETE /libpod/images/remove",
            "POST /libpod/images/prune",
            "POST /libpod/images/{name}/untag",
            "DELETE /libpod/manifests/{name}",
            "DELETE /libpod/artifacts/{name}",
            "DELETE /libpod/artifacts/remove",
        ],
    ),
    danger(
        "reads any file of this host, as the user that podman runs as, often root",
        &["POST /libpod/artifacts/add", "POST /libpod/artifacts/local/add"],
    ),
    danger(
        MANIFESTS,
        &[
            "POST /libpod/manifests/create",
            "POST /libpod/manifests/{name}",
            "PUT /libpod/manifests/{name}",
            "POST /libpod/manifests/{name}/add",
        ],
    ),
    danger(
        CALLS,
        &[
            "POST /auth",
            "GET /distribution/{name}/json",
            "GET /images/search",
            "GET /plugins/privileges",
            "GET /libpod/images/search",
            "GET /libpod/manifests/{name}/json",
            "POST /libpod/artifacts/pull",
        ],
    ),
    danger(
        "connects containers to networks and cuts them off, past the walls between them",
        &[
            "POST /networks/create",
            "POST /networks/{id}/connect",
            "POST /networks/{id}/disconnect",
            "POST /libpod/networks/create",
            "POST /libpod/networks/{name}/connect",
            "POST /libpod/networks/{name}/disconnect",
            "POST /libpod/networks/{name}/update",
        ],
    ),
    danger(
        "deletes networks",
        &[
            "DELETE /networks/{id}",
            "POST /networks/prune",
            "DELETE /libpod/networks/{name}",
            "POST /libpod/networks/prune",
        ],
    ),
    danger(
        "makes a volume of any folder of this host",
        &["POST /volumes/create", "PUT /volumes/{name}", "POST /libpod/volumes/create"],
    ),
    danger(
        VOLUMES,
        &[
            "DELETE /volumes/{name}",
            "POST /volumes/prune",
            "DELETE /libpod/volumes/{name}",
            "POST /libpod/volumes/prune",
        ],
    ),
    danger("reads every file of a volume", &["GET /libpod/volumes/{name}/export"]),
    danger("overwrites the files of a volume", &["POST /libpod/volumes/{name}/import"]),
    danger(
        "is root on this host: plugins run as root",
        &[
            "POST /plugins/pull",
            "POST /plugins/create",
            "POST /plugins/{name}/enable",
            "POST /plugins/{name}/set",
            "POST /plugins/{name}/upgrade",
        ],
    ),
    danger("switches plugins off", &["POST /plugins/{name}/disable", "DELETE /plugins/{name}"]),
    danger(
        "shows the tokens to join the Swarm cluster or the key to its data: whoever has them can add a manager of their own",
        &["GET /swarm", "GET /swarm/unlockkey"],
    ),
    danger(
        "can have this host make, join or leave a cluster, whose managers are root on it",
        &[
            "POST /swarm/init",
            "POST /swarm/join",
            "POST /swarm/leave",
            "POST /swarm/update",
            "POST /swarm/unlock",
        ],
    ),
    danger(NODES, &["POST /nodes/{id}/update", "DELETE /nodes/{id}"]),
    danger(
        "is root on every node of the Swarm cluster: a client can have a service mount any folder of its host",
        &["POST /services/create", "POST /services/{id}/update"],
    ),
    danger("deletes Swarm services", &["DELETE /services/{id}"]),
    danger(
        "creates, replaces or deletes what Swarm services are given as secrets and configs",
        &[
            "POST /secrets/create",
            "POST /secrets/{id}/update",
            "DELETE /secrets/{id}",
            "POST /configs/create",
            "POST /configs/{id}/update",
            "DELETE /configs/{id}",
            "DELETE /libpod/secrets/{name}",
        ],
    ),
    danger(
        "shows the contents of Swarm configs, where passwords often are",
        &["GET /configs", "GET /configs/{id}"],
    ),
    danger(
        "runs any command on this host, as the user that podman runs as, often root",
        &["POST /libpod/secrets/create", "POST /libpod/quadlets"],
    ),
    danger("deletes quadlets", &["DELETE /libpod/quadlets", "DELETE /libpod/quadlets/{name}"]),
    danger(
        "has the daemon call the cluster of any kubeconfig file of this host, with the keys in it, and create what a client names \
         there",
        &["POST /libpod/kube/apply"],
    ),
    danger(
        "deletes containers, images and volumes that are not in use, or such as are damaged",
        &["POST /libpod/system/prune", "POST /libpod/system/check"],
    ),
    danger("replaces containers by newer ones of images that it pulls", &["POST /libpod/autoupdate"]),
    danger(
        "shows the memory of the daemon, or keeps it busy",
        &[
            "GET /debug/vars",
            "GET /debug/pprof/",
            "GET /debug/pprof/cmdline",
            "GET /debug/pprof/profile",
            "GET /debug/pprof/symbol",
            "GET /debug/pprof/trace",
            "GET /debug/pprof/{name}",
        ],
    ),
];

/// What is dangerous in the lines of ALLOW_ROUTES, and what they do not do: one sentence each.
pub(super) fn warnings(lists: &Lists, guard: Option<&Guard>) -> impl Iterator<Item = String> {
    let of = |danger: &Danger, line: &Line| {
        let is_of =
            |route: &&str| route.strip_prefix(line.method.as_str()) == Some(&format!(" {}", line.route.path));
        danger.routes.iter().any(is_of)
    };
    // What GUARD closes or judges is not that dangerous.
    let is_open = move |line: &&Line| {
        let rule = || guarded::rule(line.method, line.route.path.as_bytes());
        guard.is_none() || rule() == Some(Rule::Open)
    };
    let dangers = DANGERS.iter().filter_map(move |danger| {
        let lines = lists.allow.iter().filter(is_open).filter(|line| of(danger, line));
        let lines: Vec<_> = lines.map(Line::to_string).collect();
        (!lines.is_empty()).then(|| format!("ALLOW_ROUTES with {} {}", listed(&lines), danger.says))
    });
    let ids = lists.allow.iter().filter(|line| line.names_an_id()).map(|line| {
        format!(
            "ALLOW_ROUTES with {line} names what can be the start of an ID: daemons take it for whatever has such an ID, by any name"
        )
    });
    let closed = lists.allow.iter().filter_map(move |line| {
        let by_guard =
            || guard.is_some_and(|guard| guarded::closes(guard, line.method, line.route.path.as_bytes()));
        let by = match lists.deny.iter().any(|deny| deny.takes_in(line)) {
            true => "DENY_ROUTES",
            false if by_guard() => "GUARD",
            false => return None,
        };
        Some(format!("ALLOW_ROUTES opens nothing with {line}, as {by} closes it"))
    });
    dangers.chain(ids).chain(closed)
}
