package main

// Whether what was decoded has power over the host: a slow and obvious reading, one field after the other, which knows nothing of the
// program's own tables. What is allowed is listed; anything else is a danger.

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"strings"
)

// What the ALLOW_ variables open, and the dangers found so far, by the path of the field.
type lists struct {
	bindMounts, capabilities, devices []string
	hostNetwork                       bool
	containers, networks, volumes     []string
	dangers                           []string
}

func (open *lists) expect(ok bool, field string) {
	if !ok {
		open.dangers = append(open.dangers, field)
	}
}

func oneOf(value string, allowed ...string) bool {
	for _, one := range allowed {
		if value == one {
			return true
		}
	}
	return false
}

// Of volumes, networks and containers.
var plainName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// An absolute path below the root that has one reading, also where podman pastes it into a list with commas.
func clean(p string) bool {
	p = strings.TrimSuffix(p, "/")
	return strings.HasPrefix(p, "/") && path.Clean(p) == p && unquoted(p)
}

// The same, or what no engine takes: it says that the field is missing.
func cleanOrMissing(p string) bool {
	return p == "" || clean(p)
}

// Nothing that separates or quotes.
func unquoted(text string) bool {
	for _, char := range text {
		if char < ' ' || char == 0x7f || strings.ContainsRune(`,:"\`, char) {
			return false
		}
	}
	return true
}

// Whether a folder of the host is listed, for writing or for reading.
func (open *lists) mayBind(source string, readOnly bool) bool {
	source = strings.TrimSuffix(source, "/")
	for _, entry := range open.bindMounts {
		folder, onlyToRead := strings.CutSuffix(entry, ":ro")
		whole := strings.HasSuffix(folder, "/")
		folder = path.Clean(folder)
		below := whole && strings.HasPrefix(source, strings.TrimSuffix(folder, "/")+"/")
		if clean(source) && (source == folder || below) && (readOnly || !onlyToRead) {
			return true
		}
	}
	return false
}

func (open *lists) bind(spec, field string) {
	parts := strings.Split(spec, ":")
	if len(parts) == 1 {
		// A volume without a name.
		open.expect(cleanOrMissing(spec), field)
		return
	}
	if len(parts) > 3 {
		open.expect(false, field)
		return
	}
	readOnly, written := false, false
	if len(parts) == 3 {
		for _, mode := range strings.Split(parts[2], ",") {
			open.expect(oneOf(mode, "", "ro", "rw", "z", "Z", "nocopy", "cached", "delegated", "consistent", "private", "rprivate",
				"nosuid", "nodev", "noexec"), field)
			readOnly = readOnly || mode == "ro"
			// Labels of SELinux are written into the host's files.
			written = written || oneOf(mode, "rw", "z", "Z")
		}
	}
	open.expect(open.volume(parts[0]) || open.mayBind(parts[0], readOnly && !written), field)
	open.expect(clean(parts[1]), field)
}

func (open *lists) mount(mount *Mount, field string) {
	if *mount == (Mount{}) {
		// No engine takes it.
		return
	}
	open.expect(oneOf(mount.Type, "bind", "volume", "tmpfs", "image"), field+".Type")
	open.expect(cleanOrMissing(mount.Target), field+".Target")
	open.expect(oneOf(mount.Consistency, "", "default", "consistent", "cached", "delegated"), field+".Consistency")
	switch mount.Type {
	case "bind":
		// Without the recursion what is mounted below stays writable.
		readOnly := mount.ReadOnly && (mount.BindOptions == nil || !mount.BindOptions.ReadOnlyNonRecursive)
		open.expect(mount.Source == "" || open.mayBind(mount.Source, readOnly), field+".Source")
	case "volume":
		open.expect(mount.Source == "" || open.volume(mount.Source), field+".Source")
	case "image":
		open.expect(unquoted(strings.ReplaceAll(mount.Source, ":", "")), field+".Source")
	default:
		open.expect(mount.Source == "", field+".Source")
	}
	if options := mount.BindOptions; options != nil {
		open.expect(oneOf(options.Propagation, "", "private", "rprivate"), field+".BindOptions.Propagation")
	}
	if options := mount.VolumeOptions; options != nil {
		open.expect(subpath(options.Subpath), field+".VolumeOptions.Subpath")
		if driver := options.DriverConfig; driver != nil {
			open.expect(oneOf(driver.Name, "", "local"), field+".VolumeOptions.DriverConfig.Name")
			open.driverOptions(driver.Options, field+".VolumeOptions.DriverConfig.Options")
		}
	}
	if options := mount.ImageOptions; options != nil {
		open.expect(subpath(options.Subpath), field+".ImageOptions.Subpath")
	}
	if options := mount.TmpfsOptions; options != nil {
		for _, option := range options.Options {
			open.tmpfs(strings.Join(option, "="), field+".TmpfsOptions.Options")
		}
	}
}

func subpath(text string) bool {
	return text == "" || clean("/"+text)
}

var number = regexp.MustCompile(`^[a-zA-Z0-9%]*$`)

// One option of a file system in memory: how large it is, whose it is, and less than what it may do by default.
func (open *lists) tmpfs(option, field string) {
	name, value, valued := strings.Cut(option, "=")
	if valued {
		open.expect(oneOf(name, "size", "mode", "uid", "gid", "nr_inodes", "nr_blocks") && number.MatchString(value), field)
		return
	}
	open.expect(oneOf(name, "", "ro", "rw", "exec", "noexec", "nosuid", "nodev", "sync", "async", "dirsync", "atime", "noatime",
		"diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime"), field)
}

// The options of the driver local. It mounts any file system, and with bind among its options any folder whatever the type is.
func (open *lists) driverOptions(options map[string]string, field string) {
	for name := range options {
		open.expect(oneOf(name, "type", "device", "o", "size"), field+"."+name)
	}
	words := strings.Split(options["o"], ",")
	bind, readOnly := false, false
	for _, word := range words {
		bind = bind || oneOf(word, "bind", "rbind")
		readOnly = readOnly || word == "ro"
	}
	switch {
	case options["type"] == "" && options["device"] == "" && options["o"] == "":
	case options["type"] == "tmpfs" && !bind:
		open.expect(options["device"] == "" || plainName.MatchString(options["device"]), field+".device")
		for _, word := range words {
			open.tmpfs(word, field+".o")
		}
	case bind:
		open.expect(oneOf(options["type"], "none", "bind", ""), field+".type")
		open.expect(open.mayBind(options["device"], readOnly), field+".device")
		for _, word := range words {
			open.expect(oneOf(word, "", "bind", "rbind", "ro", "rw", "private", "rprivate"), field+".o")
		}
	default:
		open.expect(false, field)
	}
}

// What a container may do by default.
var defaultCapabilities = []string{"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
	"NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}

func (open *lists) capability(name string) bool {
	name = strings.TrimPrefix(strings.ToUpper(name), "CAP_")
	return name == "" || oneOf(name, defaultCapabilities...) || oneOf(name, open.capabilities...)
}

// What others made is named by its list. Nothing is the client's own here: it has made nothing.

func entryFor(entry, name string) bool {
	start, begins := strings.CutSuffix(entry, "*")
	return name == entry || begins && strings.HasPrefix(name, start)
}

func (open *lists) volume(name string) bool {
	for _, entry := range open.volumes {
		if plainName.MatchString(name) && entryFor(entry, name) {
			return true
		}
	}
	return false
}

// Podman's database takes an underscore for any digit.
var startOfID = regexp.MustCompile(`^[0-9a-fA-F_]*$`)

// Of containers and networks. What could be the start of an ID goes by itself alone, and has to be long enough to be one.
func listed(name string, entries []string) bool {
	for _, entry := range entries {
		if entry == "*" {
			return true
		}
		if startOfID.MatchString(name) {
			if name == entry && len(name) >= 12 && !strings.Contains(name, "_") {
				return true
			}
		} else if entryFor(entry, name) {
			return true
		}
	}
	return false
}

var linkPath = regexp.MustCompile(`^[a-zA-Z0-9_./-]+$`)

// The path of a link names what the listed one is linked to: that is another one.
func (open *lists) container(name string) bool {
	if plainName.MatchString(name) {
		return listed(name, open.containers)
	}
	return linkPath.MatchString(name) && oneOf("*", open.containers...)
}

func (open *lists) ofContainer(mode string) bool {
	name, ok := strings.CutPrefix(mode, "container:")
	return ok && open.container(name)
}

func (open *lists) networkMode(mode string) bool {
	switch mode {
	case "", "bridge", "default", "none":
		return true
	case "host", "pasta", "slirp4netns":
		return open.hostNetwork
	}
	return open.ofContainer(mode) || plainName.MatchString(mode) && listed(mode, open.networks)
}

// With Docker a mode can take rights away, and with podman any that is not ro gives the right to write.
func (open *lists) volumesFrom(spec string) bool {
	name, mode, _ := strings.Cut(spec, ":")
	onlyToRead := false
	for _, entry := range open.bindMounts {
		onlyToRead = onlyToRead || strings.HasSuffix(entry, ":ro")
	}
	return spec == "" || open.container(name) && (oneOf(mode, "", "ro") || mode == "rw" && !onlyToRead)
}

// Docker reserves the parent's name with the alias below it, after path.Join.
func (open *lists) link(spec string) bool {
	name, alias, two := strings.Cut(spec, ":")
	if !two {
		alias = path.Base(name)
	} else if strings.HasPrefix(name, "/") {
		_, alias = path.Split(alias)
	}
	return spec == "" || open.container(strings.TrimPrefix(name, "/")) && plainName.MatchString(alias)
}

func (open *lists) links(links []string, field string) {
	for _, link := range links {
		open.expect(open.link(link), field+".Links")
	}
}

func (open *lists) endpoint(settings *EndpointSettings, field string) {
	if settings == nil {
		return
	}
	for name, value := range settings.DriverOpts {
		switch name {
		case "com.docker.network.endpoint.ifname":
		case "com.docker.network.endpoint.sysctls":
			for _, sysctl := range strings.Split(value, ",") {
				open.expect(strings.HasPrefix(sysctl, "net."), field+".DriverOpts."+name)
			}
		default:
			open.expect(false, field+".DriverOpts."+name)
		}
	}
	open.expect(open.networkMode(settings.NetworkID), field+".NetworkID")
	open.links(settings.Links, field)
}

// What every runtime hides and protects, in all releases.
var (
	masked = []string{"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
		"/proc/sched_debug", "/proc/scsi", "/sys/firmware"}
	readOnly = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// An empty list is not an absent one.
func covers(paths, least []string) bool {
	for _, one := range least {
		if paths != nil && !oneOf(one, paths...) {
			return false
		}
	}
	return true
}

func (open *lists) resources(resources *Resources, in string) {
	open.expect(resources.CgroupParent == "", in+"CgroupParent")
	for _, device := range resources.Devices {
		allowed := false
		for _, entry := range open.devices {
			allowed = allowed || device.PathOnHost == entry || strings.HasPrefix(device.PathOnHost, entry+"/")
		}
		// Without one there is no device.
		open.expect(device.PathOnHost == "" || allowed && unquoted(strings.ReplaceAll(device.PathOnHost, ":", "")) &&
			path.Clean(device.PathOnHost) == device.PathOnHost, in+"Devices.PathOnHost")
		open.expect(cleanOrMissing(device.PathInContainer), in+"Devices.PathInContainer")
		open.expect(strings.Trim(device.CgroupPermissions, "rwm") == "", in+"Devices.CgroupPermissions")
	}
	open.expect(len(resources.DeviceCgroupRules) == 0, in+"DeviceCgroupRules")
	for _, request := range resources.DeviceRequests {
		if request.Driver == "" && len(request.Capabilities) == 0 {
			// No driver can do nothing.
			continue
		}
		if request.Driver == "cdi" {
			for _, device := range request.DeviceIDs {
				// What starts with a slash names no device there.
				open.expect(device == "" || device[0] == '/' || oneOf(device, open.devices...), in+"DeviceRequests.DeviceIDs")
			}
		} else {
			open.expect(oneOf(request.Driver, "", "nvidia", "amd") && oneOf("gpu", open.devices...), in+"DeviceRequests.Driver")
		}
		open.expect(len(request.Options) == 0, in+"DeviceRequests.Options")
	}
	open.expect(resources.OomKillDisable == nil || !*resources.OomKillDisable, in+"OomKillDisable")
}

func (c create) judge(open *lists) {
	if c.config != nil {
		for target := range c.config.Volumes {
			// podman takes a colon for that of a bind.
			open.expect(clean(target), "Volumes")
		}
	}
	if c.networking != nil {
		for name, settings := range c.networking.EndpointsConfig {
			open.expect(open.networkMode(name), "NetworkingConfig.EndpointsConfig")
			open.endpoint(settings, "NetworkingConfig.EndpointsConfig")
		}
	}
	if c.host != nil {
		c.host.judge(open)
	}
}

func (host *HostConfig) judge(open *lists) {
	const in = "HostConfig."
	open.expect(!host.Privileged, in+"Privileged")
	for _, spec := range host.Binds {
		open.bind(spec, in+"Binds")
	}
	for i := range host.Mounts {
		open.mount(&host.Mounts[i], in+"Mounts")
	}
	for target, options := range host.Tmpfs {
		open.expect(clean(target), in+"Tmpfs")
		for _, option := range strings.Split(options, ",") {
			open.tmpfs(option, in+"Tmpfs")
		}
	}
	for _, spec := range host.VolumesFrom {
		open.expect(open.volumesFrom(spec), in+"VolumesFrom")
	}
	open.links(host.Links, "HostConfig")
	open.expect(oneOf(host.VolumeDriver, "", "local"), in+"VolumeDriver")
	for _, name := range host.CapAdd {
		open.expect(open.capability(name), in+"CapAdd")
	}
	open.expect(len(host.Capabilities) == 0, in+"Capabilities")
	for _, option := range host.SecurityOpt {
		open.expect(oneOf(strings.Replace(option, ":", "=", 1), "", "no-new-privileges", "no-new-privileges=true",
			"apparmor=docker-default", "seccomp=builtin"), in+"SecurityOpt")
	}
	open.expect(covers(host.MaskedPaths, masked), in+"MaskedPaths")
	open.expect(covers(host.ReadonlyPaths, readOnly), in+"ReadonlyPaths")
	open.resources(&host.Resources, in)
	open.expect(oneOf(host.PidMode, "", "private") || open.ofContainer(host.PidMode), in+"PidMode")
	open.expect(oneOf(host.IpcMode, "", "private", "shareable", "none") || open.ofContainer(host.IpcMode), in+"IpcMode")
	open.expect(oneOf(host.UTSMode, "", "private"), in+"UTSMode")
	open.expect(oneOf(host.UsernsMode, "", "private"), in+"UsernsMode")
	open.expect(oneOf(host.CgroupnsMode, "", "private", "host"), in+"CgroupnsMode")
	open.expect(host.Cgroup == "", in+"Cgroup")
	open.expect(open.networkMode(host.NetworkMode), in+"NetworkMode")
	for name := range host.Sysctls {
		ownNetwork := strings.HasPrefix(name, "net.") && host.NetworkMode != "host" && !strings.HasPrefix(host.NetworkMode, "container:")
		ownQueues := strings.HasPrefix(name, "fs.mqueue.") || strings.HasPrefix(name, "kernel.msg") ||
			strings.HasPrefix(name, "kernel.shm") || name == "kernel.sem"
		open.expect(ownNetwork || ownQueues, in+"Sysctls")
	}
	open.expect(host.OomScoreAdj >= 0, in+"OomScoreAdj")
	open.expect(oneOf(host.Runtime, "", "runc", "crun", "io.containerd.runc.v2", "oci"), in+"Runtime")
	open.expect(oneOf(host.Isolation, "", "default"), in+"Isolation")
	// The others connect out of the host's own network, or write what others believe.
	open.expect(oneOf(host.LogConfig.Type, "", "none", "json-file", "local", "journald", "k8s-file", "passthrough"), in+"LogConfig.Type")
	for name := range host.LogConfig.Config {
		open.expect(oneOf(name, "max-size", "max-file", "max-buffer-size", "mode", "compress", "tag", "labels", "labels-regex",
			"env", "env-regex"), fmt.Sprintf("%sLogConfig.Config.%s", in, name))
	}
	for name := range host.StorageOpt {
		open.expect(name == "size", in+"StorageOpt")
	}
	open.expect(len(host.Annotations) == 0, in+"Annotations")
	open.expect(host.ContainerIDFile == "", in+"ContainerIDFile")
}

func (update *UpdateConfig) judge(open *lists) {
	open.resources(&update.Resources, "")
}

func (exec *ExecConfig) judge(open *lists) {
	open.expect(!exec.Privileged, "Privileged")
}

func (volume *VolumeCreate) judge(open *lists) {
	open.expect(volume.Name == "" || open.volume(volume.Name), "Name")
	open.expect(oneOf(volume.Driver, "", "local"), "Driver")
	open.driverOptions(volume.DriverOpts, "DriverOpts")
	// An empty one is there: Docker asks whether it is nil.
	open.expect(volume.ClusterVolumeSpec == nil, "ClusterVolumeSpec")
}

var private = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fc00::/7")}

func (network *NetworkCreate) judge(open *lists) {
	open.expect(oneOf(network.Driver, "", "bridge"), "Driver")
	open.expect(oneOf(network.Scope, "", "local"), "Scope")
	open.expect(!network.Ingress, "Ingress")
	open.expect(network.ConfigFrom == nil || network.ConfigFrom.Network == "", "ConfigFrom")
	for name := range network.Options {
		open.expect(oneOf(name, "com.docker.network.bridge.enable_icc", "com.docker.network.bridge.enable_ip_masquerade",
			"com.docker.network.bridge.host_binding_ipv4", "com.docker.network.bridge.gateway_mode_ipv4",
			"com.docker.network.bridge.gateway_mode_ipv6", "com.docker.network.driver.mtu",
			"com.docker.network.container_iface_prefix", "com.docker.network.enable_ipv4", "com.docker.network.enable_ipv6", "mtu",
			"isolate"), "Options."+name)
	}
	if network.IPAM == nil {
		return
	}
	open.expect(oneOf(network.IPAM.Driver, "", "default"), "IPAM.Driver")
	open.expect(len(network.IPAM.Options) == 0, "IPAM.Options")
	for _, config := range network.IPAM.Config {
		if config.Subnet == "" {
			continue
		}
		subnet, err := netip.ParsePrefix(config.Subnet)
		inside := false
		for _, range_ := range private {
			inside = inside || err == nil && range_.Contains(subnet.Addr()) && range_.Bits() <= subnet.Bits()
		}
		open.expect(inside, "IPAM.Config.Subnet")
	}
}

func (connect *NetworkConnect) judge(open *lists) {
	open.expect(open.container(connect.Container), "Container")
	open.endpoint(connect.EndpointConfig, "EndpointConfig")
}

func (disconnect *NetworkDisconnect) judge(open *lists) {
	open.expect(open.container(disconnect.Container), "Container")
}
