//! Every way to take the host that runs on a real engine, run for real: without GUARD it takes the host, and with
//! `GUARD=baseline` it is refused and the engine does nothing.
//!
//! ```text
//! DOCKER_ENGINE_SOCKET=... cargo test --test guard_roots -- --ignored --nocapture
//! ```
//! It needs an engine that nobody else uses, with an image `busybox`: `tests/engine/start` makes one. It needs root, `losetup`,
//! `mkfs.ext4` and `perl`, an x86-64 machine, and the engine on it. It prints a row for each way, and a summary. What cannot be
//! shown on this machine is refused all the same, and its row says why. The engine is not to be used for volumes afterwards: until
//! it is restarted it waits for the plugin of the test.
//!
//! Beside each way stands the same without the danger. It passes the guard and takes nothing. So the guard refuses because of the
//! danger alone, and the proof can fail.
//!
//! What others made is something to take, too: a container of theirs has the engine's socket, as this proxy's own has. It is named in
//! each way that an engine takes. What GUARD does not promise is not here: `docs/guard.md`.

mod support;

use docker_socket_proxy::json::escape;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;
use support::daemon::response;
use support::{Address, Client, FakeDaemon, PATIENCE, Program, Response, TempDir, find, read_once};

/// Opens the kernel's setting for the programs of crashes, which run as root on the host, and writes what it holds.
const CORE_PATTERN: &str = "f=/proc/sys/kernel/core_pattern; v=$(cat $f) && echo \"$v\" >$f";

const READS_HOST: &str = "grep -q {secret} /host/secret";
const READS_LOOP: &str = "grep -q {secret} {loop}";
const ASKS_LOOPBACK: &str = "wget -qO- http://127.0.0.1:{port}/ | grep -q {secret}";
const ASKS_AS_IT_IS_BUILT: &str = "FROM busybox\nRUN wget -qO- http://127.0.0.1:{port}/\n";
const READS_OTHER: &str = r#"{"AttachStdout": true, "Cmd": ["cat", "/of-other/secret"]}"#;
const EXEC: &str = "POST /containers/root-other/exec";

/// What an engine takes for the container of somebody else: its name, its ID, the start of that, and the path of a link to it. With a slash
/// in front it is the same.
const OTHER: [&str; 5] = ["root-other", "/root-other", "{other}", "{other-start}", "root-link/alias"];

/// Asks the engine by the socket that the container has.
const ASKS_ENGINE: &str = r#"{"AttachStdout": true, "Cmd": ["perl", "-e",
    "socket(S, 1, 1, 0); connect(S, pack(q(Sa108), 1, q(/engine.sock))); syswrite(S, qq(GET /containers/root-other/json HTTP/1.0\\r\\n\\r\\n)); print <S>"]}"#;

/// Every engine; up to 25, which is API 1.44; from 28 on.
const EVERY: RangeInclusive<u32> = 0..=u32::MAX;
const UP_TO_25: RangeInclusive<u32> = 0..=44;
const SINCE_28: RangeInclusive<u32> = 48..=u32::MAX;

/// What runc says where this machine itself lacks a capability.
const LACKS_CAPABILITY: &str = "unable to apply caps";

/// The ways. In a body, `{run}` is an image and a command; [`Host::fill`] says what the other words stand for.
fn ways() -> Vec<Way> {
    let mut ways = vec![
        host_config(r#""Privileged": true"#, READS_LOOP).or_engine_says(LACKS_CAPABILITY),
        // Files of the host.
        host_config(r#""Binds": ["{dir}:/host"]"#, READS_HOST),
        host_config(r#""Binds": ["/:/all:ro"]"#, "grep -q {secret} /all{dir}/secret"),
        host_config(r#""Binds": ["{shared}/..:/host"]"#, READS_HOST)
            .beside(r#""Binds": ["{shared}:/host"]"#)
            .with("ALLOW_BIND_MOUNTS", "{shared},{shared}/"),
        host_config(r#""Binds": ["{shared}/.//../:/host"]"#, READS_HOST)
            .beside(r#""Binds": ["{shared}:/host"]"#)
            .with("ALLOW_BIND_MOUNTS", "{shared},{shared}/"),
        host_config(r#""Binds": ["{shared}:/host:rshared"], "Tmpfs": {"/host/deep": ""}"#, "touch /host/deep/made")
            .beside(r#""Binds": ["{shared}:/host"], "Tmpfs": {"/host/deep": ""}"#)
            .with("ALLOW_BIND_MOUNTS", "{shared}")
            .shown_by(made_on_the_host),
        host_config(r#""Mounts": [{"Type": "bind", "Source": "{dir}", "Target": "/host"}]"#, READS_HOST),
        host_config(
            r#""Mounts": [{"Type": "bind", "Source": "{shared}", "Target": "/host", "BindOptions": {"Propagation": "rshared"}}],
                "Tmpfs": {"/host/deep": ""}"#,
            "touch /host/deep/made",
        )
        .beside(r#""Mounts": [{"Type": "bind", "Source": "{shared}", "Target": "/host"}], "Tmpfs": {"/host/deep": ""}"#)
        .with("ALLOW_BIND_MOUNTS", "{shared}")
        .shown_by(made_on_the_host),
        // Before API 1.44, no mount that is read-only is so below.
        host_config(
            r#""Mounts": [{"Type": "bind", "Source": "{nested}", "Target": "/host", "ReadOnly": true,
                "BindOptions": {"ReadOnlyNonRecursive": true}}]"#,
            "touch /host/below/made",
        )
        .beside(r#""Mounts": [{"Type": "bind", "Source": "{nested}", "Target": "/host", "ReadOnly": true}]"#)
        .with("ALLOW_BIND_MOUNTS", "{nested}:ro")
        .on(SINCE_28),
        host_config(r#""Binds": ["root-plugged:/host"], "VolumeDriver": "root-plugin""#, READS_HOST)
            .beside(r#""Binds": ["root-local:/host"], "VolumeDriver": "local""#),
        host_config(
            r#""Mounts": [{"Type": "volume", "Source": "root-plugged", "Target": "/host",
                "VolumeOptions": {"DriverConfig": {"Name": "root-plugin"}}}]"#,
            READS_HOST,
        )
        .beside(
            r#""Mounts": [{"Type": "volume", "Source": "root-local", "Target": "/host",
                "VolumeOptions": {"DriverConfig": {"Name": "local"}}}]"#,
        ),
        host_config(&volume(r#""Options": {"type": "none", "device": "{dir}", "o": "bind"}"#), READS_HOST),
        host_config(&volume(r#""Options": {"type": "none", "device": "{dir}", "o": "rbind"}"#), READS_HOST),
        host_config(&volume(r#""Options": {"type": "", "device": "{dir}", "o": "rbind"}"#), READS_HOST),
        host_config(&volume(r#""Options": {"type": "tmpfs", "device": "{dir}", "o": "bind"}"#), READS_HOST)
            .beside(&volume(r#""Options": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}"#)),
        host_config(
            &volume(r#""Options": {"type": "overlay", "device": "overlay", "o": "lowerdir={dir}:/usr"}"#),
            READS_HOST,
        ),
        host_config(&volume(r#""Options": {"type": "ext4", "device": "{disk}"}"#), READS_HOST),
        host_config(
            &volume(r#""Options": {"type": "proc", "device": "proc"}"#),
            "f=/host/sys/kernel/core_pattern; v=$(cat $f) && echo \"$v\" >$f",
        ),
        host_config(
            &volume(r#""Options": {"type": "sysfs", "device": "sysfs"}"#),
            "f=/host/kernel/mm/transparent_hugepage/defrag; v=$(sed 's/.*\\[//; s/\\].*//' $f) && echo \"$v\" >$f",
        ),
        host_config(
            &volume(r#""Options": {"type": "cgroup2", "device": "cgroup2"}"#),
            "mkdir /host/root-tried && rmdir /host/root-tried && test -e /host/cgroup.procs",
        ),
        host_config(&volume(r#""Options": {"type": "devtmpfs", "device": "devtmpfs"}"#), "test -b /host/{loop-name}"),
        host_config(
            &volume(r#""Options": {"type": "nfs", "device": ":/", "o": "addr=127.0.0.1"}"#),
            READS_HOST,
        )
        .nowhere("no NFS server on this machine"),
        host_config(r#""Mounts": [{"Type": "npipe", "Source": "\\\\.\\pipe\\docker_engine", "Target": "\\\\.\\pipe\\x"}]"#, "")
            .nowhere("Windows alone has named pipes"),
        host_config(r#""Mounts": [{"Type": "cluster", "Source": "root", "Target": "/host"}]"#, "")
            .nowhere("needs a Swarm with a CSI driver"),
        host_config(r#""Mounts": [{"Target": "/host,type=bind,src=/etc"}]"#, "").nowhere("podman alone reads it so"),
        // Namespaces of the host and of other containers.
        host_config(r#""PidMode": "host""#, "grep -q {secret} /proc/{pid}/cmdline && kill -0 {pid}"),
        host_config(
            r#""PidMode": "host", "CapAdd": ["SYS_PTRACE"]"#,
            "grep -q {secret} /proc/{pid}/root{dir}/secret",
        )
        .beside(r#""CapAdd": ["SYS_PTRACE"]"#)
        .with("ALLOW_CAPABILITIES", "SYS_PTRACE"),
        host_config(r#""IpcMode": "host""#, "grep -q {secret} /dev/shm/{secret}"),
        host_config(r#""NetworkMode": "host""#, ASKS_LOOPBACK).with_network(),
        host_config(r#""UTSMode": "host""#, "test $(hostname) = {hostname}"),
        host_config(r#""UsernsMode": "host""#, "")
            .nowhere("needs an engine that remaps users, and this one does not"),
        // What a process may do.
        host_config(
            r#""CapAdd": ["SYS_ADMIN"]"#,
            &format!("mount -o remount,rw /proc/sys && {CORE_PATTERN}"),
        ),
        host_config(r#""CapAdd": ["ALL"]"#, &format!("mount -o remount,rw /proc/sys && {CORE_PATTERN}"))
            .or_engine_says(LACKS_CAPABILITY),
        // A kernel without modules does not know what it is asked for. It has not refused to do it.
        host_config(
            r#""CapAdd": ["cap_sys_module"]"#,
            "echo x >/module; insmod /module 2>/said; grep insert /said && ! grep 'not permitted' /said",
        ),
        // With a network, /etc/hosts is a file on the host's disk.
        host_config(
            r#""CapAdd": ["DAC_READ_SEARCH"]"#,
            "perl -e 'open F, \"</etc/hosts\"; my $h = pack(\"H*\", \"{handle}\");
                my $d = syscall(304, fileno(F), $h, 0); die $! if $d < 0; open G, \"<&=\", $d; print <G>' | grep -q {secret}",
        )
        .with_network(),
        host_config(
            r#""CapAdd": ["BPF"]"#,
            "perl -e 'my $map = pack(\"IIII\", 2, 4, 4, 1) . \"\\0\" x 56; die $! if syscall(321, 0, $map, 72) < 0'",
        )
        .on(SINCE_28),
        host_config(r#""SecurityOpt": ["seccomp=unconfined"]"#, "unshare -r true"),
        host_config(r#""SecurityOpt": ["seccomp:unconfined"]"#, "unshare -r true"),
        host_config(r#""SecurityOpt": ["seccomp={\"defaultAction\": \"SCMP_ACT_ALLOW\"}"]"#, "unshare -r true"),
        host_config(
            r#""SecurityOpt": ["writable-cgroups=true"]"#,
            "d=/sys/fs/cgroup/memory/root-tried; mkdir $d && rmdir $d",
        )
        .on(SINCE_28),
        host_config(r#""SecurityOpt": ["apparmor=unconfined"]"#, "").nowhere("this kernel has no AppArmor"),
        host_config(r#""SecurityOpt": ["label=disable"]"#, "").nowhere("this kernel has no SELinux"),
        host_config(r#""SecurityOpt": ["disable"]"#, "").nowhere("this kernel has no SELinux"),
        host_config(r#""MaskedPaths": [], "ReadonlyPaths": []"#, CORE_PATTERN),
        host_config(r#""ReadonlyPaths": []"#, CORE_PATTERN),
        host_config(r#""MaskedPaths": []"#, "grep -q . /proc/timer_list"),
        host_config(r#""Sysctls": {"kernel.core_pattern": "core"}"#, "")
            .nowhere("runc itself refuses what is not of a namespace"),
        host_config(r#""OomScoreAdj": -500"#, "grep -qx -- -500 /proc/self/oom_score_adj")
            .or_engine_says("can't get final child's PID from pipe"),
        host_config(r#""CgroupParent": "/root-made""#, "grep -q /root-made/ /proc/self/cgroup"),
        host_config(r#""Runtime": "io.containerd.lax.v1""#, "").nowhere("no runtime here lets out of a container"),
        host_config(r#""Annotations": {"run.oci.handler": "krun"}"#, "").nowhere("runc heeds no such annotation"),
        host_config(r#""Isolation": "process""#, "").nowhere("Windows alone has it"),
        // Devices.
        host_config(
            r#""Devices": [{"PathOnHost": "{loop}", "PathInContainer": "{loop}", "CgroupPermissions": "r"}]"#,
            READS_LOOP,
        ),
        host_config(r#""DeviceCgroupRules": ["b 7:* rwm"]"#, "mknod /l b 7 {loop-minor} && grep -q {secret} /l"),
        host_config(r#""DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["root.test/host=all"]}]"#, READS_HOST)
            .on(SINCE_28),
        host_config(r#""DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}]"#, "")
            .nowhere("no GPU on this machine"),
        // What the daemon does for a container with its own power.
        host_config(
            r#""LogConfig": {"Type": "syslog", "Config": {"syslog-address": "tcp://127.0.0.1:{port}"}}"#,
            "echo {secret}",
        )
        .shown_by(heard_on_loopback),
        host_config(
            r#""LogConfig": {"Type": "gelf", "Config": {"gelf-address": "tcp://127.0.0.1:{port}"}}"#,
            "echo {secret}",
        )
        .shown_by(heard_on_loopback),
        host_config(r#""LogConfig": {"Type": "k8s-file", "Config": {"path": "/etc/x"}}"#, "")
            .nowhere("podman alone has it"),
        host_config(r#""ContainerIDFile": "{dir}/secret""#, "").nowhere("podman alone heeds it"),
        host_config(r#""StorageOpt": {"overlay.mount_program": "/bin/sh"}"#, "").nowhere("podman alone heeds it"),
        body(r#"{{run}, "Volumes": {"{dir}:/host": {}}}"#, "").nowhere("podman alone reads it as a bind mount"),
    ];
    ways.extend(shares_with(OTHER[0]));
    // Up to 25 each of them counts beside HostConfig too.
    ways.extend(ways.clone().into_iter().filter_map(Way::at_the_top_level));
    ways.extend([
        // One and the same bind mount, in words that not every reader takes for it.
        body(r#"{{run}, "hostconfig": {"binds": ["{dir}:/host"]}}"#, READS_HOST),
        body(r#"{{run}, "HOSTCONFIG": {"BINDS": ["{dir}:/host"]}}"#, READS_HOST),
        body("{{run}, \"Ho\u{17f}tConfig\": {\"Bind\u{17f}\": [\"{dir}:/host\"]}}", READS_HOST),
        body(r#"{{run}, "Ho\u017ftConfig": {"Binds": ["{dir}:/host"]}}"#, READS_HOST),
        body(r#"{{run}, "\u0048ostConfig": {"\u0042inds": ["{dir}:/host"]}}"#, READS_HOST),
        body(r#"{{run}, "HostConfig": {"Binds": ["\u002f{dir}:/host"]}}"#, READS_HOST),
        body(r#"{{run}, "HostConfig": {}, "hostConfig": {"Binds": ["{dir}:/host"]}}"#, READS_HOST),
        body(r#"{{run}, "HostConfig": {"Binds": ["{dir}:/host"]}, "HostConfig": {}}"#, READS_HOST),
        body(
            r#"{{run}, "HostConfig": {"PidMode": "host", "PidMode": null}}"#,
            "grep -q {secret} /proc/{pid}/cmdline",
        ),
        body(
            r#"{{run}, "HostConfig": {"Mounts": [{"Type": "bind", "Source": "{dir}"}], "Mounts": [{"Target": "/host"}]}}"#,
            READS_HOST,
        ),
        body(r#"{{run}, "Binds": ["{dir}:/host"], "HostConfig": null}"#, READS_HOST).on(UP_TO_25),
        body(r#"{{run}, "Binds": ["{dir}:/host"], "HostConfig": {}, "HostConfig": null}"#, READS_HOST).on(UP_TO_25),
        body(r#"{{run}, "HostConfig": {"Binds": ["{dir}:/host"]}}}"#, READS_HOST),
        // The engines since 23 want nothing behind it.
        body(r#"{{run}, "HostConfig": {"Binds": ["{dir}:/host"]}}{"HostConfig": {}}"#, READS_HOST).on(0..=41),
        host_config(r#""Binds": ["{dir}:/host"]"#, READS_HOST).in_chunks(),
        body(&format!(r#"{{{{run}}, "HostConfig": {{"Binds": ["{{dir}}:/host"]}}{}}}"#, " ".repeat(1 << 20)), READS_HOST)
            .named("a body of more than 1 MiB"),
        // The other doors.
        way("POST /volumes/create: a bind mount")
            .asks("POST /volumes/create", r#"{"Name": "root", "DriverOpts": {"type": "none", "device": "{dir}", "o": "bind"}}"#)
            .or_asks("POST /volumes/create", r#"{"Name": "root"}"#)
            .both_run(r#"{{run}, "HostConfig": {"Binds": ["root:/host"]}}"#, READS_HOST),
        way("POST /volumes/create: a bind mount that is read-only, and not so below")
            .asks(
                "POST /volumes/create",
                r#"{"Name": "root", "DriverOpts": {"type": "none", "device": "{nested}", "o": "rbind,ro"}}"#,
            )
            .both_run(r#"{{run}, "HostConfig": {"Binds": ["root:/host"]}}"#, "touch /host/below/made")
            .with("ALLOW_BIND_MOUNTS", "{nested}:ro"),
        way("POST /volumes/create: an overlay")
            .asks(
                "POST /volumes/create",
                r#"{"Name": "root", "Driver": "local",
                    "DriverOpts": {"type": "overlay", "device": "overlay", "o": "lowerdir={dir}:/usr"}}"#,
            )
            .or_asks("POST /volumes/create", r#"{"Name": "root", "Driver": "local", "DriverOpts": null}"#)
            .both_run(r#"{{run}, "HostConfig": {"Binds": ["root:/host"]}}"#, READS_HOST),
        way("POST /volumes/create: a plugin")
            .asks("POST /volumes/create", r#"{"Name": "root-plugged", "Driver": "root-plugin"}"#)
            .or_asks("POST /volumes/create", r#"{"Name": "root-plugged", "Driver": "local"}"#)
            .both_run(r#"{{run}, "HostConfig": {"Binds": ["root-plugged:/host"]}}"#, READS_HOST),
        way("POST /containers/{x}/start with a body")
            .both_ask("POST /containers/create?name=root", "{{run}}", READS_HOST)
            .asks("POST /v1.23/containers/root/start", r#"{"Binds": ["{dir}:/host"]}"#)
            .or_asks("POST /containers/root/start", "")
            .both_ask("POST /containers/root/wait", "", "")
            .on(UP_TO_25),
        way("POST /containers/{x}/start of a checkpoint")
            .both_ask("POST /containers/create?name=root", "{{run}}", "")
            .asks("POST /containers/root/start?checkpoint=c&checkpoint-dir={dir}", "")
            .or_asks("POST /containers/root/start", "")
            .nowhere("needs an experimental engine, and CRIU"),
        // Every capability, one of which is shown.
        way("POST /containers/{x}/exec of a privileged command")
            .runs_its_own()
            .asks(
                "POST /containers/root/exec",
                r#"{"Privileged": true, "AttachStdout": true, "Cmd": ["ip", "link", "set", "lo", "down"]}"#,
            )
            .asks("POST /exec/{id}/start", "{}")
            .or_asks("POST /containers/root/exec", r#"{"AttachStdout": true, "Cmd": ["ip", "link", "set", "lo", "down"]}"#)
            .or_asks("POST /exec/{id}/start", "{}")
            .shown_by(ended_well)
            .or_engine_says(LACKS_CAPABILITY),
        way("POST /containers/{x}/exec of what asks the engine by the other one's socket")
            .asks(EXEC, ASKS_ENGINE)
            .asks("POST /exec/{id}/start", "{}")
            .shown_by(answered),
        way("POST /exec/{x}/start of what another one made")
            .somebody_asks(EXEC, READS_OTHER)
            .asks("POST /exec/{id}/start", "{}")
            .shown_by(answered),
        way("PUT /containers/{x}/archive into a bind mount of another")
            .sends("PUT /containers/root-other/archive?path=/of-other", "made", "")
            .shown_by(made_on_the_host),
        way("POST /images/create?fromSrc= of the host's loopback")
            .asks("POST /images/create?fromSrc=http://127.0.0.1:{port}/{secret}&repo=root", "")
            .shown_by(heard_on_loopback),
        way("POST /build?remote= of the host's loopback")
            .asks("POST /build?remote=http://127.0.0.1:{port}/{secret}", "")
            .shown_by(heard_on_loopback),
        way("POST /build?networkmode=host")
            .sends("POST /build?networkmode=host&t=root&forcerm=1", "Dockerfile", ASKS_AS_IT_IS_BUILT)
            .or_sends("POST /build?t=root&forcerm=1", "Dockerfile", ASKS_AS_IT_IS_BUILT)
            .shown_by(answered),
    ]);
    ways.extend(OTHER[1..].iter().flat_map(|other| shares_with(other)));
    ways.extend(OTHER.into_iter().filter(|other| !other.starts_with('/')).flat_map(ways_by));
    ways.extend(["root-others", "{others}", "{others-start}"].into_iter().flat_map(ways_into));
    ways.extend(ways_over());
    ways
}

/// Containers that have something of that of somebody else.
fn shares_with(other: &str) -> Vec<Way> {
    let mode = |name: &str| format!(r#""{name}": "container:{other}""#);
    let ways = vec![
        host_config(&format!(r#""VolumesFrom": ["{other}"]"#), "grep -q {secret} /of-other/secret"),
        host_config(&mode("PidMode"), "grep -q {secret} /proc/1/root/of-other/secret"),
        host_config(&mode("IpcMode"), "grep -q {secret} /dev/shm/secret"),
        host_config(&mode("NetworkMode"), "wget -qO- http://127.0.0.1/secret | grep -q {secret}")
            .with_network(),
        host_config(&format!(r#""Links": ["{other}:x"]"#), "env | grep X_ENV_SECRET={secret}").with_network(),
    ];
    ways.into_iter().map(|way| way.by(other)).collect()
}

/// The other ways that go by it.
fn ways_by(other: &str) -> Vec<Way> {
    let ways = vec![
        way(&format!("POST /containers/{other}/exec"))
            .asks(&format!("POST /containers/{other}/exec"), READS_OTHER)
            .asks("POST /exec/{id}/start", "{}")
            .or_runs_its_own()
            .or_asks("POST /containers/root/exec", READS_OTHER)
            .or_asks("POST /exec/{id}/start", "{}")
            .shown_by(answered),
        way(&format!("POST /containers/{other}/attach"))
            .asks(&format!("POST /containers/{other}/attach?logs=1&stdout=1"), "")
            .or_runs_its_own()
            .or_asks("POST /containers/root/attach?logs=1&stdout=1", "")
            .shown_by(answered),
        way(&format!("PUT /containers/{other}/archive"))
            .sends(&format!("PUT /containers/{other}/archive?path=/of-other"), "made", "")
            .or_runs_its_own()
            .or_sends("PUT /containers/root/archive?path=/tmp", "made", "")
            .shown_by(made_on_the_host),
        way(&format!("POST /containers/{other}/rename"))
            .asks(&format!("POST /containers/{other}/rename?name=root-renamed"), "")
            .shown_by(|host, _| host.engine("GET /containers/root-renamed/json").status == 200),
        way(&format!("POST /commit?container={other}"))
            .asks(&format!("POST /commit?container={other}&repo=root"), "{}")
            .asks(
                "POST /containers/create?name=root",
                r#"{"Image": "root", "Cmd": ["grep", "-q", "{secret}", "/served/secret"], "NetworkDisabled": true}"#,
            )
            .asks("POST /containers/root/start", "")
            .asks("POST /containers/root/wait", "")
            .or_runs_its_own()
            .or_asks("POST /commit?container=root&repo=root", "{}"),
        way(&format!("POST /networks/root-net/connect of {other}"))
            .asks("POST /networks/root-net/connect", &format!(r#"{{"Container": "{other}"}}"#))
            .shown_by(|host, _| host.engine("GET /containers/root-other/json").text().contains("\"root-net\"")),
        way(&format!("POST /networks/root-others/disconnect of {other}"))
            .somebody_asks("POST /networks/root-others/connect", r#"{"Container": "root-other"}"#)
            .asks("POST /networks/root-others/disconnect", &format!(r#"{{"Container": "{other}"}}"#))
            .shown_by(|host, _| {
                !host.engine("GET /containers/root-other/json").text().contains("\"root-others\"")
            }),
    ];
    ways.into_iter().map(|way| way.by(other)).collect()
}

/// The ways into a network of somebody else.
fn ways_into(network: &'static str) -> Vec<Way> {
    let joined = |host: &Host, _: &[Response]| {
        host.engine("GET /containers/root/json").text().contains("\"root-others\"")
    };
    vec![
        way(&format!("POST /networks/{network}/connect"))
            .runs_its_own()
            .asks(&format!("POST /networks/{network}/connect"), r#"{"Container": "root"}"#)
            .with_network()
            .shown_by(joined),
        host_config(&format!(r#""NetworkMode": "{network}""#), "true").with_network().shown_by(joined),
    ]
}

/// The ways that put something in the place of what others use, and those by names that a client did not get.
fn ways_over() -> Vec<Way> {
    let moved = |host: &Host, _: &[Response]| {
        let [image, kept] =
            ["root-image", "root-kept"].map(|name| host.engine(&format!("GET /images/{name}/json")));
        let id = |answer: &Response| answer.text().split("\"RepoTags\"").next().map(str::to_owned);
        id(&image) != id(&kept)
    };
    vec![
        way("POST /images/{x}/tag over the name of another image")
            .asks("POST /images/busybox/tag?repo=root-image", "")
            .or_asks("POST /images/busybox/tag?repo=root", "")
            .shown_by(moved),
        way("POST /images/{x}/tag with a tag in both parameters")
            .asks("POST /images/busybox/tag?repo=root-image:1&tag=latest", "")
            .or_asks("POST /images/busybox/tag?repo=root-image&tag=1", "")
            .with("ALLOW_TAGS", "root-image:1")
            .shown_by(moved),
        way("POST /commit over the name of another image")
            .runs_its_own()
            .asks("POST /commit?container=root&repo=root-image", "{}")
            .or_asks("POST /commit?container=root&repo=root", "{}")
            .shown_by(moved),
        way("POST /build over the name of another image")
            .sends("POST /build?t=root-image", "Dockerfile", "FROM busybox\nLABEL a=b\n")
            .or_sends("POST /build?t=root", "Dockerfile", "FROM busybox\nLABEL a=b\n")
            .shown_by(moved),
        way("DELETE /images/{x} of others").asks("DELETE /images/root-image", "").shown_by(moved),
        host_config(r#""Binds": ["root-others:/host"]"#, READS_HOST)
            .beside(r#""Binds": ["root-local:/host"]"#),
        host_config(
            r#""Mounts": [{"Type": "volume", "Source": "root-others", "Target": "/host"}]"#,
            READS_HOST,
        )
        .beside(r#""Mounts": [{"Type": "volume", "Source": "root-local", "Target": "/host"}]"#),
        way("POST /containers/create?Name=, which gives no name")
            .leads(
                "POST /containers/create?Name=root-other",
                r#"{"Image": "busybox", "Cmd": ["true"], "Labels": {"root": ""}}"#,
            )
            .asks(EXEC, READS_OTHER)
            .asks("POST /exec/{id}/start", "{}")
            .shown_by(answered),
        way("POST /containers/{x}/rename by a form, which gives another name than the query")
            .runs_its_own()
            .sends_form("POST /containers/root/rename?name=root-other", "name=root-renamed")
            .or_asks("POST /containers/root/rename?name=root-renamed", "")
            .or_asks("POST /containers/root-renamed/rename?name=root", "")
            .shown_by(|host, _| host.engine("GET /containers/root-renamed/json").status == 200),
    ]
}

/// A way to take the host, or what others run on it.
#[derive(Clone)]
struct Way {
    what: String,
    dangerous: Vec<Request>,
    /// The same without the danger; empty where nothing is left of it.
    harmless: Vec<Request>,
    /// How many requests lead to the dangerous one, where that is more than the harmless ones tell.
    leading: usize,
    /// What the guard's lists hold: it is refused all the same, and what is harmless is not.
    list: Option<(&'static str, &'static str)>,
    /// Whether it has taken what it was after.
    shown_by: fn(&Host, &[Response]) -> bool,
    /// API versions, by their second number, of the engines on which it works.
    engines: RangeInclusive<u32>,
    /// Why it cannot be shown on this machine.
    nowhere: Option<&'static str>,
    /// What the engine says where this machine is why it cannot be shown.
    unless: Option<&'static str>,
}

#[derive(Clone, PartialEq, Eq)]
struct Request {
    /// `METHOD target`.
    line: String,
    body: Body,
    /// Whether somebody else asks the engine itself.
    by_somebody: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum Body {
    Json(String),
    /// JSON in chunks of one byte.
    Chunked(String),
    /// A tar archive with one file.
    Archive(&'static str, String),
    Form(&'static str),
}

fn way(what: &str) -> Way {
    Way {
        what: what.to_owned(),
        dangerous: Vec::new(),
        harmless: Vec::new(),
        leading: 0,
        list: None,
        shown_by: ends_well,
        engines: EVERY,
        nowhere: None,
        unless: None,
    }
}

/// What stands between an image with its command and the members of a host configuration.
const BESIDE_RUN: &str = ", \"HostConfig\": {";

/// A container of this host configuration, where the script ends well only if it has the power.
fn host_config(members: &str, script: &str) -> Way {
    body(&format!("{{{{run}}{BESIDE_RUN}{members}}}}}"), script).named(members)
}

/// A container made by this whole body.
fn body(text: &str, script: &str) -> Way {
    let (dangerous, harmless) = (run(text, script), run("{{run}}", script));
    Way { dangerous, harmless, ..way(text) }
}

/// Members of a host configuration with a volume that is made for it.
fn volume(driver: &str) -> String {
    let options = format!(r#""VolumeOptions": {{"DriverConfig": {{{driver}}}}}"#);
    format!(r#""Mounts": [{{"Type": "volume", "Source": "root", "Target": "/host", {options}}}]"#)
}

/// Requests that make a container, start it, and wait for its end.
fn run(body: &str, script: &str) -> Vec<Request> {
    vec![
        request("POST /containers/create?name=root", with_script(body, script)),
        request("POST /containers/root/start", String::new()),
        request("POST /containers/root/wait", String::new()),
    ]
}

fn request(line: &str, json: String) -> Request {
    request_of(line, Body::Json(json))
}

fn request_of(line: &str, body: Body) -> Request {
    Request { line: line.to_owned(), body, by_somebody: false }
}

fn with_script(body: &str, script: &str) -> String {
    let script = escaped(script);
    let run = format!(r#""Image": "root-image", "Cmd": ["sh", "-c", "{script}"]{WITHOUT_NETWORK}"#);
    body.replace("{run}", &run)
}

/// To give a container a network takes the engine as long as all the rest.
const WITHOUT_NETWORK: &str = ", \"NetworkDisabled\": true";

/// The inside of a JSON string.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    escape(&mut escaped, text);
    escaped
}

impl Way {
    fn named(self, what: &str) -> Self {
        Self { what: what.split_whitespace().collect::<Vec<_>>().join(" "), ..self }
    }

    /// The host configuration that is harmless; without it, there is none.
    fn beside(mut self, members: &str) -> Self {
        let Body::Json(body) = &mut self.harmless[0].body else {
            unreachable!("a container is made by JSON")
        };
        body.pop();
        *body += &format!("{BESIDE_RUN}{members}}}}}");
        self
    }

    fn with(self, list: &'static str, entries: &'static str) -> Self {
        Self { list: Some((list, entries)), ..self }
    }

    /// By this reference. The container with the link may be used, and that does not open what it is linked to.
    fn by(self, other: &str) -> Self {
        if other.starts_with("root-link") {
            self.with("ALLOW_CONTAINERS", "root-link,root-link*")
        } else {
            self
        }
    }

    fn shown_by(self, shown_by: fn(&Host, &[Response]) -> bool) -> Self {
        Self { shown_by, ..self }
    }

    fn on(self, engines: RangeInclusive<u32>) -> Self {
        Self { engines, ..self }
    }

    fn nowhere(self, why: &'static str) -> Self {
        Self { nowhere: Some(why), ..self }
    }

    fn or_engine_says(self, words: &'static str) -> Self {
        Self { unless: Some(words), ..self }
    }

    fn asks(mut self, line: &str, json: &str) -> Self {
        self.dangerous.push(request(line, json.to_owned()));
        self
    }

    fn or_asks(mut self, line: &str, json: &str) -> Self {
        self.harmless.push(request(line, json.to_owned()));
        self
    }

    /// Asks for what passes, and leads to the danger.
    fn leads(mut self, line: &str, json: &str) -> Self {
        self.leading += 1;
        self.asks(line, json)
    }

    /// Somebody else asks the engine itself for what leads to the danger.
    fn somebody_asks(mut self, line: &str, json: &str) -> Self {
        self.leading += 1;
        self.dangerous.push(Request { by_somebody: true, ..request(line, json.to_owned()) });
        self
    }

    /// A container of the client's own runs.
    fn runs_its_own(self) -> Self {
        let own = "{{run}, \"StopTimeout\": 0}";
        let made = self.both_ask("POST /containers/create?name=root", own, "exec sleep 999");
        let started = made.both_ask("POST /containers/root/start", "", "");
        Self { leading: started.dangerous.len(), ..started }
    }

    /// The same where nothing dangerous is done with it.
    fn or_runs_its_own(self) -> Self {
        let body = with_script("{{run}}", "exec sleep 999");
        self.or_asks("POST /containers/create?name=root", &body).or_asks("POST /containers/root/start", "")
    }

    fn sends_form(mut self, line: &str, form: &'static str) -> Self {
        self.dangerous.push(request_of(line, Body::Form(form)));
        self
    }

    fn both_ask(self, line: &str, json: &str, script: &str) -> Self {
        let json = with_script(json, script);
        self.asks(line, &json).or_asks(line, &json)
    }

    fn both_run(mut self, body: &str, script: &str) -> Self {
        self.dangerous.extend(run(body, script));
        self.harmless.extend(run(body, script));
        self
    }

    fn sends(mut self, line: &str, file: &'static str, text: &str) -> Self {
        self.dangerous.push(request_of(line, Body::Archive(file, text.to_owned())));
        self
    }

    fn or_sends(mut self, line: &str, file: &'static str, text: &str) -> Self {
        self.harmless.push(request_of(line, Body::Archive(file, text.to_owned())));
        self
    }

    fn with_network(mut self) -> Self {
        for one in self.dangerous.iter_mut().chain(&mut self.harmless) {
            if let Body::Json(text) = &mut one.body {
                *text = text.replace(WITHOUT_NETWORK, "");
            }
        }
        self
    }

    fn in_chunks(mut self) -> Self {
        for one in &mut self.dangerous {
            if let Body::Json(text) = &one.body
                && !text.is_empty()
            {
                one.body = Body::Chunked(text.clone());
            }
        }
        self.what += ", in chunks of one byte";
        self
    }

    /// The same members beside HostConfig.
    fn at_the_top_level(mut self) -> Option<Self> {
        for one in [&mut self.dangerous, &mut self.harmless] {
            let Body::Json(text) = &mut one.first_mut()?.body else { return None };
            if let Some(at) = text.find(BESIDE_RUN) {
                text.replace_range(at..at + BESIDE_RUN.len(), ", ");
                text.pop();
            }
        }
        // What is harmless is most often just the same.
        if self.list.is_none() {
            self.harmless.clear();
        }
        let works = self.nowhere.is_none() && self.engines == EVERY;
        works.then(|| Self { what: format!("beside HostConfig: {}", self.what), engines: UP_TO_25, ..self })
    }

    /// Where the danger is: the first request that is not harmless.
    fn danger(&self) -> usize {
        let same = self.dangerous.iter().zip(&self.harmless).take_while(|(one, other)| one == other);
        same.count().max(self.leading)
    }
}

/// The command in the container has ended well.
fn ends_well(_: &Host, answers: &[Response]) -> bool {
    answers.last().is_some_and(|last| last.status == 200 && last.text().contains("\"StatusCode\":0"))
}

/// The command that was started last has ended well.
fn ended_well(host: &Host, answers: &[Response]) -> bool {
    let made = answers.iter().rev().nth(1).map(Response::text).unwrap_or_default();
    let Some(id) = made.split('"').nth(3) else { return false };
    host.engine(&format!("GET /exec/{id}/json")).text().contains("\"ExitCode\":0")
}

/// What the engine answered holds the secret.
fn answered(host: &Host, answers: &[Response]) -> bool {
    answers.last().is_some_and(|last| last.text().contains(&host.secret))
}

/// The service on the host's loopback has heard of it.
fn heard_on_loopback(host: &Host, _: &[Response]) -> bool {
    // It serves one after the other: who was there before has been heard by now.
    let port = host.fill("{port}").parse().expect("a port");
    Client::connect(Address::Tcp(([127, 0, 0, 1], port).into())).ask("?");
    let heard = host.heard.lock().expect("no panic");
    find(&heard, host.secret.as_bytes()).is_some()
}

/// A file has come to be on the host.
fn made_on_the_host(host: &Host, _: &[Response]) -> bool {
    ["made", "shared/deep/made"].iter().any(|path| host.dir.join(path).exists())
}

/// What there is to take: files, devices, processes and services of this machine, and a container of somebody else.
struct Host {
    socket: PathBuf,
    dir: TempDir,
    secret: String,
    words: Vec<(&'static str, String)>,
    heard: Arc<Mutex<Vec<u8>>>,
    _plugin: FakeDaemon,
    process: Child,
    /// Commands that undo what was done, in the order of doing.
    undo: Vec<String>,
}

/// Runs a script of this machine's shell, and returns what it prints.
fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).stderr(Stdio::inherit()).output().expect("a shell");
    assert!(output.status.success(), "{script}: {}", output.status);
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

impl Host {
    fn new(socket: PathBuf) -> Self {
        let dir = TempDir::new();
        let secret = format!("secret-{}", now().replace('.', "-"));
        let heard = Arc::default();
        let port = listen(&secret, Arc::clone(&heard));
        let mountpoint = dir.join("").to_str().expect("text").to_owned();
        let plugin = FakeDaemon::serving(move |session| {
            while let Some(asked) = session.read_request() {
                let answer = match asked.line() {
                    "POST /Plugin.Activate" => r#"{"Implements": ["VolumeDriver"]}"#.to_owned(),
                    "POST /VolumeDriver.Get" if find(&asked.body, b"root-plugged").is_none() => {
                        r#"{"Err": "no such volume"}"#.to_owned()
                    }
                    "POST /VolumeDriver.Get" => r#"{"Volume": {"Name": "root-plugged"}}"#.to_owned(),
                    _ => format!("{{\"Mountpoint\": \"{mountpoint}\"}}"),
                };
                session.send(response("200 OK", &answer));
            }
        });
        let process = Command::new("sleep").arg0(&secret).arg("999").spawn().expect("a process");
        let path = dir.join("").to_str().expect("text").trim_end_matches('/').to_owned();
        let words = vec![
            ("{shared}", format!("{path}/shared")),
            ("{nested}", format!("{path}/nested")),
            ("{dir}", path),
            ("{secret}", secret.clone()),
            ("{port}", port.to_string()),
            ("{pid}", process.id().to_string()),
            ("{hostname}", sh("hostname")),
            ("{plugin}", plugin.socket().to_str().expect("text").to_owned()),
        ];
        let mut host = Self { socket, dir, secret, words, heard, _plugin: plugin, process, undo: Vec::new() };
        host.prepare();
        host
    }

    fn prepare(&mut self) {
        self.does(
            "mkdir -p {shared}/deep {nested}/below {dir}/files; echo {secret} | tee {dir}/files/secret >{dir}/secret",
            ":",
        );
        self.does("mount --bind {shared} {shared}; mount --make-shared {shared}", "umount {shared}");
        self.does("mount -t tmpfs none {nested}/below", "umount {nested}/below");
        self.does("echo {secret} >/dev/shm/{secret}", "rm /dev/shm/{secret}");
        self.does("cp {dir}/secret {dir}/loop; truncate -s 1M {dir}/loop", ":");
        let device = self.does("losetup -f --show {dir}/loop", ":");
        self.words.push(("{loop-name}", device.trim_start_matches("/dev/").to_owned()));
        self.words.push(("{loop-minor}", sh(&format!("printf %d 0x$(stat -c %T {device})"))));
        self.words.push(("{loop}", device));
        self.does("", "losetup -d {loop}");
        self.does("truncate -s 4M {dir}/disk; mkfs.ext4 -q -d {dir}/files {dir}/disk", ":");
        let device = self.does("losetup -f --show {dir}/disk", ":");
        self.words.push(("{disk}", device));
        self.does("", "losetup -d {disk}");
        // An engine keeps in mind where a plugin is until it is restarted, so this is the same place each time.
        self.does(
            "mkdir -p /run/docker/plugins; ln -sf {plugin} /run/docker/plugins/root-plugin.sock",
            "rm /run/docker/plugins/root-plugin.sock",
        );
        self.does(
            "mkdir -p /var/run/cdi; cat >/var/run/cdi/root-test.json <<'E'
                {\"cdiVersion\": \"0.5.0\", \"kind\": \"root.test/host\", \"devices\": [{\"name\": \"all\", \"containerEdits\":
                    {\"mounts\": [{\"hostPath\": \"{dir}\", \"containerPath\": \"/host\", \"options\": [\"rbind\"]}]}}]}
E
",
            "rm /var/run/cdi/root-test.json",
        );
        // name_to_handle_at (303) tells what open_by_handle_at (304) takes.
        let handle = self.does(
            "perl -e '$f = \"{dir}/secret\"; $h = pack(\"Ii\", 128, 0) . \"\\0\" x 128; $m = pack(\"i\", 0);
                syscall(303, -100, $f, $h, $m, 0) == 0 or die $!;
                print unpack(\"H*\", substr($h, 0, 8 + unpack(\"I\", $h)))'",
            ":",
        );
        self.words.push(("{handle}", handle));
        // busybox as it is, and a perl that makes any system call.
        self.does(
            "export DOCKER_HOST=unix://{socket}; docker create --name root busybox true >/dev/null
                tar -chP --transform s:^/:: /usr/bin/perl $(ldd /usr/bin/perl | grep -o '/[^ ]*') | docker cp - root:/
                docker commit root root-image >/dev/null; docker rm root >/dev/null; docker tag root-image root-kept
                for net in root-net root-others; do docker network create $net >/dev/null; done
                docker run --rm -v root-others:/x -v {dir}:/y busybox cp /y/secret /x",
            "export DOCKER_HOST=unix://{socket}
                docker rmi root-image root-kept >/dev/null; docker network rm root-net root-others >/dev/null; docker volume rm root-others >/dev/null",
        );
        self.does(
            "docker -H unix://{socket} run -d --name root-other -e SECRET={secret} -v {dir}:/of-other -v {socket}:/engine.sock \
                --ipc shareable root-image sh -c '
                echo {secret}; mkdir /served; cp /of-other/secret /served; cp /of-other/secret /dev/shm; mkfifo /ready
                busybox httpd -p 127.0.0.1:80 -h /served; echo >/ready; exec sleep 999' >/dev/null
                docker -H unix://{socket} exec root-other cat /ready
                # Some clients refuse links without a network, and engines take them.
                curl -fsS --unix-socket {socket} -H 'Content-Type: application/json' -o /dev/null \
                    -d '{\"Image\":\"busybox\",\"Cmd\":[\"true\"],\"HostConfig\":{\"NetworkMode\":\"none\",\"Links\":[\"root-other:alias\"]}}' \
                    'http://docker/containers/create?name=root-link'",
            "docker -H unix://{socket} rm -fv root-link root-other >/dev/null",
        );
        let id = |name: &str| {
            sh(&self.fill(&format!("docker -H unix://{{socket}} inspect -f '{{{{.Id}}}}' {name}")))
        };
        let [other, others] = ["--type container root-other", "--type network root-others"].map(id);
        self.words.push(("{other-start}", other[..12].to_owned()));
        self.words.push(("{others-start}", others[..12].to_owned()));
        self.words.push(("{other}", other));
        self.words.push(("{others}", others));
    }

    /// Runs a script, and another one in the end.
    fn does(&mut self, script: &str, undo: &str) -> String {
        self.undo.push(self.fill(undo));
        sh(&self.fill(script))
    }

    /// Puts this machine's own in the place of words.
    fn fill(&self, text: &str) -> String {
        let socket = ("{socket}", self.socket.to_str().expect("text").to_owned());
        self.words.iter().chain([&socket]).fold(text.to_owned(), |text, (word, own)| text.replace(word, own))
    }

    fn bytes(&self, request: &Request) -> Vec<u8> {
        let (kind, framing, body) = match &request.body {
            Body::Json(text) => {
                let body = self.fill(text).into_bytes();
                ("application/json", format!("Content-Length: {}", body.len()), body)
            }
            Body::Chunked(text) => {
                let text = self.fill(text);
                let chunks: String = text.chars().map(|one| format!("1\r\n{one}\r\n")).collect();
                (
                    "application/json",
                    "Transfer-Encoding: chunked".to_owned(),
                    (chunks + "0\r\n\r\n").into_bytes(),
                )
            }
            Body::Archive(name, text) => {
                let folder = TempDir::new();
                fs::write(folder.join(name), self.fill(text)).expect("a file");
                let tar = Command::new("tar").arg("-C").arg(folder.join("")).args(["-c", name]).output();
                let body = tar.expect("tar runs").stdout;
                ("application/x-tar", format!("Content-Length: {}", body.len()), body)
            }
            Body::Form(text) => {
                let kind = "application/x-www-form-urlencoded";
                (kind, format!("Content-Length: {}", text.len()), text.as_bytes().to_vec())
            }
        };
        let line = self.fill(&request.line);
        let head = format!("{line} HTTP/1.1\r\nHost: docker\r\nContent-Type: {kind}\r\n{framing}\r\n\r\n");
        [head.into_bytes(), body].concat()
    }

    /// Asks one after the other, up to the first that is no success; returns all answers.
    fn attempt(&self, address: &Address, requests: &[Request]) -> Vec<Response> {
        let mut answers: Vec<Response> = Vec::new();
        for request in requests {
            if answers.last().is_some_and(|last| last.status >= 300) {
                break;
            }
            answers.push(self.ask(address, request, answers.last()));
        }
        answers
    }

    /// Asks for one thing; `{id}` is what the last answer has made.
    fn ask(&self, address: &Address, request: &Request, last: Option<&Response>) -> Response {
        let last = last.map(Response::text).unwrap_or_default();
        let id = last.split_once("{\"Id\":\"").and_then(|(_, rest)| rest.split('"').next());
        let line = request.line.replace("{id}", id.unwrap_or("{id}"));
        let mut client = match request.by_somebody {
            true => Client::connect(Address::Unix(self.socket.clone())),
            false => Client::connect(address),
        };
        // What is refused may not be read to its end.
        let _ = client.try_send(self.bytes(&Request { line, ..request.clone() }));
        client.read_response()
    }

    /// What the engine itself answers.
    fn engine(&self, line: &str) -> Response {
        let request = request(line, String::new());
        Client::connect(Address::Unix(self.socket.clone())).ask(self.bytes(&request))
    }

    /// Takes away what an attempt has left.
    fn restore(&self) {
        self.engine("DELETE /containers/root?force=1&v=1");
        // It is that of somebody else, or the client's own.
        self.engine("POST /containers/root-renamed/rename?name=root-other");
        self.engine("DELETE /containers/root-renamed?force=1&v=1");
        self.engine("POST /containers/prune?filters=%7B%22label%22:%5B%22root%22%5D%7D");
        for network in ["root-net", "root-others"] {
            let other = String::from(r#"{"Container": "root-other", "Force": true}"#);
            let line = format!("POST /networks/{network}/disconnect");
            Client::connect(Address::Unix(self.socket.clone())).ask(self.bytes(&request(&line, other)));
        }
        self.engine("POST /images/root-kept/tag?repo=root-image");
        self.engine("DELETE /images/root-image:1");
        for volume in ["root", "root-plugged", "root-local"] {
            self.engine(&format!("DELETE /volumes/{volume}?force=1"));
        }
        self.engine("DELETE /images/root?force=1");
        sh(&self.fill(
            "while umount {shared}/deep 2>/dev/null; do :; done; rm -f {dir}/made; rmdir /sys/fs/cgroup/*/root-made 2>/dev/null || :",
        ));
        self.heard.lock().expect("no panic").clear();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        for undo in self.undo.iter().rev() {
            let _ = Command::new("sh").args(["-c", undo]).status();
        }
    }
}

/// A service on the host's loopback: it serves one client after the other, hears what each says first, and tells the secret.
fn listen(secret: &str, heard: Arc<Mutex<Vec<u8>>>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let answer = response("200 OK", secret);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            let mut buffer = [0; 4096];
            let read = read_once(&mut stream, &mut buffer).unwrap_or(0);
            heard.lock().expect("no panic").extend_from_slice(&buffer[..read]);
            let _ = stream.write_all(&answer);
        }
    });
    port
}

/// The time as the engine's events take it.
fn now() -> String {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}

/// All that the ways need.
const OPEN: [&str; 9] =
    ["BUILD", "COMMIT", "CONTAINERS", "EXEC", "IMAGES", "NETWORKS", "POST", "PUT", "VOLUMES"];

/// What the harmless ways name of what is not made by the same client.
const LISTED: [(&str, &str); 3] = [
    ("ALLOW_NETWORKS", "root-net"),
    ("ALLOW_VOLUMES", "root,root-plugged,root-local"),
    ("ALLOW_TAGS", "root"),
];

#[test]
#[ignore = "needs a Docker Engine, see tests/guard_roots.rs"]
fn every_way_takes_the_host_without_the_guard_and_none_with_it() {
    let socket = std::env::var("DOCKER_ENGINE_SOCKET")
        .expect("DOCKER_ENGINE_SOCKET must name the socket of an engine: tests/engine/start makes one");
    let host = Host::new(socket.into());
    let ping = host.engine("GET /_ping");
    let api = ping.header("api-version").expect("a version").strip_prefix("1.").expect("version 1").parse();
    let api: u32 = api.expect("a number");
    let open = OPEN.map(|name| (name, "1"));
    // It would be seen in what happened if the engine did anything.
    assert!(host.engine(&format!("GET /events?since=1&until={}", now())).text().contains("root-other"));
    host.restore();
    let unguarded = Program::start(&host.socket, &open);
    // One for each list.
    let mut guarded: BTreeMap<Option<(&str, String)>, Program> = BTreeMap::new();
    // What is harmless is often the same.
    let mut passed: Vec<&[Request]> = Vec::new();
    let (mut taken, mut of_others, mut not_here, mut failures) = (0, 0, 0, String::new());
    let mut refused = 0;
    let ways = ways();
    for way in &ways {
        let mut fails = |what: &str, answers: &[Response]| {
            let last = answers.last().map(|last| format!("{} {}", last.status, last.text()));
            let _ = writeln!(failures, "{}: {what}; last answer: {last:?}", way.what);
        };
        let shown = if let Some(why) = way.nowhere {
            not_here += 1;
            format!("not shown: {why}")
        } else if !way.engines.contains(&api) {
            of_others += 1;
            "of other engines".to_owned()
        } else {
            let answers = host.attempt(unguarded.address(), &way.dangerous);
            let last = answers.last().expect("an answer").text();
            let is_taken = (way.shown_by)(&host, &answers);
            host.restore();
            if is_taken {
                taken += 1;
                "takes the host".to_owned()
            } else if let Some(words) = way.unless.filter(|words| last.contains(words)) {
                not_here += 1;
                format!("not shown: the engine says {words:?}")
            } else {
                fails("does not take the host", &answers);
                "FAILS".to_owned()
            }
        };

        let list = way.list.map(|(list, entries)| (list, host.fill(entries)));
        let guarded = guarded.entry(list.clone()).or_insert_with(|| {
            let list = list.as_ref().map(|(list, entries)| (*list, &entries[..]));
            let mut listed = LISTED.to_vec();
            listed.retain(|(name, _)| list.is_none_or(|(other, _)| other != *name));
            let variables = open.iter().copied().chain([("GUARD", "baseline")]).chain(listed).chain(list);
            Program::start(&host.socket, &variables.collect::<Vec<_>>())
        });
        let (before, danger) = way.dangerous.split_at(way.danger());
        let led = host.attempt(guarded.address(), before);
        if led.len() < before.len() || led.last().is_some_and(|last| last.status >= 300) {
            fails("what leads to it does not pass", &led);
        }
        let since = now();
        let answer = host.ask(guarded.address(), &danger[0], led.last());
        let events = host.engine(&format!("GET /events?since={since}&until={}", now())).text();
        let is_refused =
            [400, 403, 413].contains(&answer.status) && answer.text().contains("docker-socket-proxy");
        if is_refused && events.is_empty() {
            refused += 1;
        } else {
            fails(
                &format!("PASSES THE GUARD, and the engine says {events:?}"),
                std::slice::from_ref(&answer),
            );
        }
        if way.nowhere.is_none() && !way.harmless.is_empty() && !passed.contains(&&way.harmless[..]) {
            host.restore();
            passed.push(&way.harmless);
            let answers = host.attempt(guarded.address(), &way.harmless);
            if answers.len() < way.harmless.len() || answers.last().is_some_and(|last| last.status >= 300) {
                fails("what is harmless does not pass", &answers);
            } else if way.engines.contains(&api) && (way.shown_by)(&host, &answers) {
                fails("what is harmless takes the host", &answers);
            }
        }
        host.restore();
        println!("{} | {shown} | {}", way.what, answer.status);
    }
    println!(
        "{} ways: {taken} take the host, {of_others} are of other engines, {not_here} cannot be shown here; {refused} are refused by GUARD; {} \
         that are harmless pass it and take nothing",
        ways.len(),
        passed.len()
    );
    assert!(failures.is_empty(), "{failures}");
}
