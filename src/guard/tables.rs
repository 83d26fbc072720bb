//! The tables: every field that Docker's documentation of the API has in the bodies that are judged, from Engine 20.10 to 29, and what
//! its value may be. They are to be read beside it.
//!
//! What stands in no table passes only where it is zero.

use super::fields::Check::{Free, Judged, List, Map, Object, OneOf, Shape, Whole, Zero};
use super::fields::{Check, Field, field};
use super::judges::{
    absent, are_permissions, bind, capability, container, device, device_ids, device_on_host, device_request,
    driver_options, endpoint_options, endpoints, gateway, ipc, is_plain_variable, is_size, is_tmpfs, link,
    log_options, masked_paths, mount, mount_source, network, network_options, oom_score, pid,
    read_only_paths, subnet, sysctls, tmpfs_pair, volume, volumes_from,
};
use super::path::{is_clean_below, is_clean_place, is_image, is_name};

/// The fields of an object.
pub(super) type Table = &'static [&'static [Field]];

/// `POST /containers/create`: moby `container.CreateRequest`. Up to Engine 25 the fields of HostConfig count at the top, too, as clients
/// sent them before API 1.18 (`runconfig.ContainerConfigWrapper`).
pub(super) const CREATE: Table = &[CONFIG, HOST_CONFIG, RESOURCES, RESTARTS, OF_CREATE, OF_OLD];

/// `POST /commit`: moby `container.Config`, which is the image's.
pub(super) const COMMIT: Table = &[CONFIG, OF_OLD];

/// `POST /containers/{name}/update`: moby `container.UpdateConfig`.
pub(super) const UPDATE: Table = &[RESOURCES, RESTARTS];

/// `POST /containers/{name}/exec`: moby `container.ExecCreateRequest`. docker-py sends the container, too.
pub(super) const EXEC: Table = &[&[
    field("User", Free),
    field("Privileged", Zero),
    field("Tty", Free),
    field("ConsoleSize", Free),
    field("AttachStdin", Free),
    field("AttachStderr", Free),
    field("AttachStdout", Free),
    field("Detach", Free),
    field("DetachKeys", Free),
    field("Env", ENV),
    field("WorkingDir", Free),
    field("Cmd", Free),
    field("Container", Free),
]];

/// `POST /volumes/create`: moby `volume.CreateOptions`.
pub(super) const VOLUME: Table = &[&[
    field("Name", Judged(volume)),
    field("Driver", OneOf(&["local"])),
    field("DriverOpts", Judged(driver_options)),
    field("Labels", Free),
    field("ClusterVolumeSpec", Whole(absent)),
]];

/// `POST /networks/create`: moby `network.CreateRequest`.
pub(super) const NETWORK: Table = &[&[
    field("Name", Shape(is_name, "a name")),
    field("CheckDuplicate", Free),
    field("Driver", OneOf(&["bridge"])),
    field("Scope", OneOf(&["local"])),
    field("EnableIPv4", Free),
    field("EnableIPv6", Free),
    field("IPAM", Object(&[IPAM])),
    field("Internal", Free),
    field("Attachable", Free),
    field("Ingress", Zero),
    field("ConfigOnly", Zero),
    field("ConfigFrom", Object(&[&[field("Network", Zero)]])),
    field("Options", Judged(network_options)),
    field("Labels", Free),
]];

/// `POST /networks/{id}/connect`: moby `network.ConnectRequest`.
pub(super) const CONNECT: Table =
    &[&[field("Container", Judged(container)), field("EndpointConfig", Object(&[ENDPOINT]))]];

/// `POST /networks/{id}/disconnect`: moby `network.DisconnectRequest`.
pub(super) const DISCONNECT: Table = &[&[field("Container", Judged(container)), field("Force", Free)]];

/// moby `container.Config`.
const CONFIG: &[Field] = &[
    field("Hostname", Free),
    field("Domainname", Free),
    field("User", Free),
    field("AttachStdin", Free),
    field("AttachStdout", Free),
    field("AttachStderr", Free),
    field("ExposedPorts", Free),
    field("Tty", Free),
    field("OpenStdin", Free),
    field("StdinOnce", Free),
    field("Env", ENV),
    field("Cmd", Free),
    field("Healthcheck", Object(&[HEALTHCHECK])),
    field("ArgsEscaped", Free),
    field("Image", IMAGE),
    // podman takes a key with a colon for a bind mount.
    field("Volumes", Map(is_clean_place, &Zero)),
    field("WorkingDir", Free),
    field("Entrypoint", Free),
    field("NetworkDisabled", Free),
    field("MacAddress", Free),
    field("OnBuild", Free),
    field("Labels", Free),
    field("StopSignal", Free),
    field("StopTimeout", Free),
    field("Shell", Free),
];

/// podman copies variables of its own environment: all that begin alike, for a name with a star. A name alone, which it takes for one of them,
/// is what clients send to unset a variable of the image's.
const ENV: Check = List(&Shape(is_plain_variable, "NAME=value"));

/// podman opens stores and files of the host by names of images.
const IMAGE: Check = Shape(is_image, "the name of an image");

/// moby `container.HealthConfig`.
const HEALTHCHECK: &[Field] = &[
    field("Test", Free),
    field("Interval", Free),
    field("Timeout", Free),
    field("StartPeriod", Free),
    field("StartInterval", Free),
    field("Retries", Free),
];

/// moby `container.HostConfig`, but for its resources.
const HOST_CONFIG: &[Field] = &[
    field("Binds", List(&Judged(bind))),
    // podman deletes that file of the host.
    field("ContainerIDFile", Zero),
    field("LogConfig", Object(&[LOG_CONFIG])),
    field("NetworkMode", Judged(network)),
    field("PortBindings", Free),
    field("AutoRemove", Free),
    field("VolumeDriver", OneOf(&["local"])),
    field("VolumesFrom", List(&Judged(volumes_from))),
    field("Mounts", List(&Whole(mount))),
    field("ConsoleSize", Free),
    // What runtimes and hooks read.
    field("Annotations", Zero),
    field("CapAdd", List(&Judged(capability))),
    field("CapDrop", Free),
    field("CgroupnsMode", OneOf(&["private", "host"])),
    field("Dns", Free),
    field("DnsOptions", Free),
    field("DnsSearch", Free),
    field("ExtraHosts", Free),
    field("GroupAdd", Free),
    field("IpcMode", Judged(ipc)),
    field("Cgroup", Zero),
    field("Links", List(&Judged(link))),
    field("OomScoreAdj", Judged(oom_score)),
    field("PidMode", Judged(pid)),
    field("Privileged", Zero),
    field("PublishAllPorts", Free),
    field("ReadonlyRootfs", Free),
    field("SecurityOpt", List(&OneOf(SECURITY_OPTIONS))),
    field("StorageOpt", Map(is_size, &Free)),
    field("Tmpfs", Map(is_clean_place, &Shape(is_tmpfs, "options of a tmpfs"))),
    field("UTSMode", OneOf(&["private"])),
    field("UsernsMode", OneOf(&["private"])),
    field("ShmSize", Free),
    field("Sysctls", Judged(sysctls)),
    field("Runtime", OneOf(&["runc", "crun", "io.containerd.runc.v2", "oci"])),
    field("Isolation", OneOf(&["default"])),
    // An empty list is another thing than none: it takes the daemon's own paths away.
    field("MaskedPaths", Whole(masked_paths)),
    field("ReadonlyPaths", Whole(read_only_paths)),
    field("Init", Free),
];

/// What takes nothing away from a container's walls. The forms with a colon are older.
const SECURITY_OPTIONS: &[&str] = &[
    "no-new-privileges",
    "no-new-privileges=true",
    "no-new-privileges:true",
    "apparmor=docker-default",
    "apparmor:docker-default",
    "seccomp=builtin",
    "seccomp:builtin",
];

/// moby `container.Resources`.
const RESOURCES: &[Field] = &[
    field("CpuShares", Free),
    field("Memory", Free),
    field("NanoCpus", Free),
    // Out of what limits the others.
    field("CgroupParent", Zero),
    field("BlkioWeight", Free),
    field("BlkioWeightDevice", List(&Object(&[&[field("Path", Free), field("Weight", Free)]]))),
    field("BlkioDeviceReadBps", THROTTLES),
    field("BlkioDeviceWriteBps", THROTTLES),
    field("BlkioDeviceReadIOps", THROTTLES),
    field("BlkioDeviceWriteIOps", THROTTLES),
    field("CpuPeriod", Free),
    field("CpuQuota", Free),
    field("CpuRealtimePeriod", Free),
    field("CpuRealtimeRuntime", Free),
    field("CpusetCpus", Free),
    field("CpusetMems", Free),
    field("Devices", List(&Whole(device))),
    field("DeviceCgroupRules", Zero),
    field("DeviceRequests", List(&Judged(device_request))),
    field("KernelMemory", Free),
    field("KernelMemoryTCP", Free),
    field("MemoryReservation", Free),
    field("MemorySwap", Free),
    field("MemorySwappiness", Free),
    field("OomKillDisable", Zero),
    field("PidsLimit", Free),
    field("Ulimits", List(&Object(&[&[field("Name", Free), field("Soft", Free), field("Hard", Free)]]))),
    field("CpuCount", Free),
    field("CpuPercent", Free),
    field("IOMaximumIOps", Free),
    field("IOMaximumBandwidth", Free),
];

/// moby `blkiodev.ThrottleDevice`.
const THROTTLES: Check = List(&Object(&[&[field("Path", Free), field("Rate", Free)]]));

/// Of an update, and of HostConfig.
const RESTARTS: &[Field] =
    &[field("RestartPolicy", Object(&[&[field("Name", Free), field("MaximumRetryCount", Free)]]))];

/// What a create has besides. The name and what follows are the query's, and some clients send them here too.
const OF_CREATE: &[Field] = &[
    field("HostConfig", Object(&[HOST_CONFIG, RESOURCES, RESTARTS])),
    field("NetworkingConfig", Object(&[&[field("EndpointsConfig", Judged(endpoints))]])),
    field("name", Free),
    field("platform", Free),
    field("authConfig", Free),
    // podman.
    field("EnvMerge", ENV),
    field("UnsetEnv", Free),
    field("UnsetEnvAll", Free),
];

/// Fields of Config that were there before API 1.18.
const OF_OLD: &[Field] = &[field("Cpuset", Free), field("PortSpecs", Free)];

/// moby `network.EndpointSettings`.
pub(super) const ENDPOINT: &[Field] = &[
    field(
        "IPAMConfig",
        Object(&[&[field("IPv4Address", Free), field("IPv6Address", Free), field("LinkLocalIPs", Free)]]),
    ),
    field("Links", List(&Judged(link))),
    field("Aliases", Free),
    field("MacAddress", Free),
    field("GwPriority", Free),
    field("DriverOpts", Judged(endpoint_options)),
    // Docker goes by it, where it is there, and not by the name.
    field("NetworkID", Judged(network)),
    field("EndpointID", Free),
    field("Gateway", Free),
    field("IPAddress", Free),
    field("IPPrefixLen", Free),
    field("IPv6Gateway", Free),
    field("GlobalIPv6Address", Free),
    field("GlobalIPv6PrefixLen", Free),
    field("DNSNames", Free),
];

/// moby `network.IPAM`.
const IPAM: &[Field] = &[
    field("Driver", OneOf(&["default"])),
    field("Options", Zero),
    field(
        "Config",
        List(&Object(&[&[
            field("Subnet", Judged(subnet)),
            field("IPRange", Judged(subnet)),
            field("Gateway", Judged(gateway)),
            field("AuxiliaryAddresses", Free),
        ]])),
    ),
];

/// moby `mount.Mount`. Its type says which of the options count, and the others must be zero.
pub(super) const MOUNT: &[Field] = &[
    field("Type", OneOf(&["bind", "volume", "tmpfs", "image"])),
    field("Source", Judged(mount_source)),
    field("Target", Shape(is_clean_place, "a clean path")),
    field("ReadOnly", Free),
    field("Consistency", OneOf(&["default", "consistent", "cached", "delegated"])),
    field(
        "BindOptions",
        Object(&[&[
            field("Propagation", OneOf(&["private", "rprivate"])),
            field("NonRecursive", Free),
            field("CreateMountpoint", Free),
            // What is mounted below could be written.
            field("ReadOnlyNonRecursive", Zero),
            field("ReadOnlyForceRecursive", Free),
        ]]),
    ),
    field(
        "VolumeOptions",
        Object(&[&[
            field("NoCopy", Free),
            field("Labels", Free),
            field("Subpath", SUBPATH),
            field(
                "DriverConfig",
                Object(&[&[field("Name", OneOf(&["local"])), field("Options", Judged(driver_options))]]),
            ),
        ]]),
    ),
    field("ImageOptions", Object(&[&[field("Subpath", SUBPATH)]])),
    field(
        "TmpfsOptions",
        Object(&[&[
            field("SizeBytes", Free),
            field("Mode", Free),
            field("Options", List(&Judged(tmpfs_pair))),
        ]]),
    ),
    field("ClusterOptions", Zero),
];

const SUBPATH: Check = Shape(is_clean_below, "a path below, without ..");

/// moby `container.DeviceMapping`.
pub(super) const DEVICE: &[Field] = &[
    field("PathOnHost", Judged(device_on_host)),
    field("PathInContainer", Shape(is_clean_place, "a clean path")),
    field("CgroupPermissions", Shape(are_permissions, "some of r, w and m")),
];

/// moby `container.DeviceRequest`. What its driver may be given is judged as a whole.
pub(super) const DEVICE_REQUEST: &[Field] = &[
    field("Driver", OneOf(&["nvidia", "amd", "cdi"])),
    field("Count", Free),
    field("DeviceIDs", Judged(device_ids)),
    field("Capabilities", Free),
    field("Options", Zero),
];

/// moby `container.LogConfig`.
const LOG_CONFIG: &[Field] = &[
    field("Type", OneOf(&["json-file", "local", "none", "journald", "k8s-file"])),
    field("Config", Judged(log_options)),
];
