//! Rights, what is hidden, and what a container writes of itself.

use super::super::allow::{is_capability, plain_capability};
use super::super::fields::Walk;
use super::super::reader::{Kind, Value};
use super::super::refused::{Need, Why};
use super::text_of;

/// A capability.
pub(in super::super) fn capability(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    match value.text() {
        Some(name) if walk.allow().has_capability(&name) => {}
        Some(name) if is_capability(&plain_capability(&name)) => {
            walk.refuse(Why::Needs(Need::Capability(plain_capability(&name))));
        }
        _ => walk.refuse(Why::Takes("names of capabilities")),
    }
}

/// Paths that no container may see, or write, since Engine 20.10 (moby `oci/defaults.go`). Newer ones have more.
const MASKED: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
];
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

pub(in super::super) fn masked_paths(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    has_all(walk, value, &MASKED);
}

pub(in super::super) fn read_only_paths(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    has_all(walk, value, &READ_ONLY);
}

fn has_all(walk: &mut Walk<'_>, value: Value<'_>, paths: &[&str]) {
    let has = |path: &&str| value.items().any(|item| item.text().is_some_and(|text| text == *path));
    if value.kind() != Kind::Null && !paths.iter().all(has) {
        walk.refuse(Why::Takes("null, or all of Docker's own paths"));
    }
}

/// Settings of the kernel that each container has of its own (moby `opts/opts.go`, runc `validate/validator.go`).
pub(in super::super) fn sysctls(walk: &mut Walk<'_>, value: Value<'_>, host_config: Value<'_>) {
    const OF_IPC: [&str; 8] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    let network = text_of(host_config, "NetworkMode");
    let own_network = network != "host" && !network.starts_with("container:");
    let is_plain = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    walk.entries(value, |walk, key, _| {
        let of_network = key.starts_with("net.") && own_network;
        if !is_plain(key) || !(of_network || key.starts_with("fs.mqueue.") || OF_IPC.contains(&key)) {
            walk.refuse(Why::Never);
        }
    });
}

/// Nothing at all: the daemon asks whether it is there, and an empty object is.
pub(in super::super) fn absent(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    if value.kind() != Kind::Null {
        walk.refuse(Why::Never);
    }
}

/// From 0 to 1000: with less, others would be ended first.
pub(in super::super) fn oom_score(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    let digits = value.raw();
    if digits.len() > 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        walk.refuse(Why::Takes("a number from 0 to 1000"));
    }
}

/// Whether a variable says its value. podman reads others from its own environment, where they end in a star.
pub(in super::super) fn is_plain_variable(text: &str) -> bool {
    text.contains('=') || !text.contains('*')
}

/// What the driver of the logs is told. Others than these name servers, files and fields of the host's.
pub(in super::super) fn log_options(walk: &mut Walk<'_>, value: Value<'_>, config: Value<'_>) {
    const OF_ALL: [&str; 5] = ["max-size", "max-file", "compress", "mode", "max-buffer-size"];
    const OF_FILES: [&str; 5] = ["tag", "labels", "labels-regex", "env", "env-regex"];
    let is_file = matches!(&*text_of(config, "Type"), "json-file" | "local");
    walk.entries(value, |walk, key, value| {
        let is_known = OF_ALL.contains(&key) || (is_file && OF_FILES.contains(&key));
        if !is_known || value.kind() != Kind::Text {
            walk.refuse(Why::Never);
        }
    });
}
