//! What a user may not expect of what is open, in sentences for those who do not know the API.

mod routes;
mod variables;

use super::lists::Lists;
use super::{Dialect, Grants};
use crate::guard::Guard;

/// What is said of it at start, every hour, and by `explain`.
pub const LEARN_WARNING: &str = "LEARN=1: EVERYTHING IS ALLOWED, which is root on this host for whoever reaches this proxy; take \
                           LEARN away once you have the variables, which SIGUSR1 and the exit print";

// What a variable and a route can both be about.

const PODMAN_USER: &str = "gives all rights of the user that podman runs as, often root: a client can start a \
                           container that mounts any folder of the host";

const ENVIRONMENTS: &str = "shows the environment variables of every container, where passwords often are";

const COMMITS: &str = "makes an image of any container, also under a name that others start containers from";

const CALLS: &str =
    "has the daemon call any server that a client names, also one that only this host reaches";

const FILES: &str = "overwrites any file of any container, in folders of the host that it mounts too";

const MANIFESTS: &str = "gives all rights of the user that podman runs as, often root: podman opens any store of images that a \
                         body names, and runs the program that it names for it; it replaces manifest lists, and pushes \
                         images to any registry";

const BUILDKIT: &str =
    "is all of BuildKit: a client runs any command while an image is built, and reads the build cache";

const SESSIONS: &str = "lets a client hand files and credentials to image builds, also to those of others";

const DOWNLOADS: &str = "downloads any image of this host, with whatever was built into it";

const NODES: &str = "makes any node a manager of the Swarm cluster, or removes it";

const VOLUMES: &str = "deletes volumes with their data";

/// What is dangerous in these variables and lines, and what of them opens nothing: one sentence each.
pub(super) fn warnings(
    grants: Grants,
    dialect: Dialect,
    lists: Option<&Lists>,
    guard: Option<&Guard>,
) -> Vec<String> {
    let of_lists = lists.into_iter().flat_map(|lists| routes::warnings(lists, guard));
    let of_guard = guard.into_iter().flat_map(Guard::warnings);
    variables::warnings(grants, dialect, guard).chain(of_lists).chain(of_guard).collect()
}
