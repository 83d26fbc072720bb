package main

// The bodies of Docker's API, with its own names and types: the fields of all releases from 19.03 to 29 together. What a release does
// not have it ignores, and then asks for less.

import (
	"encoding/json"
	"os"
	"time"
)

type Config struct {
	Hostname, Domainname, User              string
	AttachStdin, AttachStdout, AttachStderr bool
	ExposedPorts                            map[string]struct{}
	Tty, OpenStdin, StdinOnce               bool
	Env                                     []string
	Cmd                                     StrSlice
	Healthcheck                             *HealthConfig
	ArgsEscaped                             bool
	Image                                   string
	Volumes                                 map[string]struct{}
	WorkingDir                              string
	Entrypoint                              StrSlice
	NetworkDisabled                         bool
	MacAddress                              string
	OnBuild                                 []string
	Labels                                  map[string]string
	StopSignal                              string
	StopTimeout                             *int
	Shell                                   StrSlice
}

type HealthConfig struct {
	Test                                          []string
	Interval, Timeout, StartPeriod, StartInterval time.Duration
	Retries                                       int
}

// StrSlice is a list, or a text that stands for a list of one.
type StrSlice []string

func (s *StrSlice) UnmarshalJSON(bytes []byte) error {
	if len(bytes) == 0 {
		return nil
	}
	var list []string
	if err := json.Unmarshal(bytes, &list); err != nil {
		var text string
		if err := json.Unmarshal(bytes, &text); err != nil {
			return err
		}
		list = []string{text}
	}
	*s = list
	return nil
}

type HostConfig struct {
	Binds           []string
	ContainerIDFile string
	LogConfig       LogConfig
	NetworkMode     string
	PortBindings    map[string][]PortBinding
	RestartPolicy   RestartPolicy
	AutoRemove      bool
	VolumeDriver    string
	VolumesFrom     []string
	ConsoleSize     [2]uint
	Annotations     map[string]string
	CapAdd, CapDrop StrSlice
	// Of 19.03 alone.
	Capabilities                                []string
	CgroupnsMode                                string
	DNS                                         []string `json:"Dns"`
	DNSOptions                                  []string `json:"DnsOptions"`
	DNSSearch                                   []string `json:"DnsSearch"`
	ExtraHosts, GroupAdd                        []string
	IpcMode, Cgroup                             string
	Links                                       []string
	OomScoreAdj                                 int
	PidMode                                     string
	Privileged, PublishAllPorts, ReadonlyRootfs bool
	SecurityOpt                                 []string
	StorageOpt, Tmpfs                           map[string]string
	UTSMode, UsernsMode                         string
	ShmSize                                     int64
	Sysctls                                     map[string]string
	Runtime, Isolation                          string
	Resources
	Mounts                     []Mount
	MaskedPaths, ReadonlyPaths []string
	Init                       *bool
}

type LogConfig struct {
	Type   string
	Config map[string]string
}

type PortBinding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

type RestartPolicy struct {
	Name              string
	MaximumRetryCount int
}

type Resources struct {
	CPUShares                                 int64 `json:"CpuShares"`
	Memory                                    int64
	NanoCPUs                                  int64 `json:"NanoCpus"`
	CgroupParent                              string
	BlkioWeight                               uint16
	BlkioWeightDevice                         []*WeightDevice
	BlkioDeviceReadBps, BlkioDeviceWriteBps   []*ThrottleDevice
	BlkioDeviceReadIOps, BlkioDeviceWriteIOps []*ThrottleDevice
	CPUPeriod                                 int64 `json:"CpuPeriod"`
	CPUQuota                                  int64 `json:"CpuQuota"`
	CPURealtimePeriod                         int64 `json:"CpuRealtimePeriod"`
	CPURealtimeRuntime                        int64 `json:"CpuRealtimeRuntime"`
	CpusetCpus, CpusetMems                    string
	Devices                                   []DeviceMapping
	DeviceCgroupRules                         []string
	DeviceRequests                            []DeviceRequest
	KernelMemory, KernelMemoryTCP             int64
	MemoryReservation, MemorySwap             int64
	MemorySwappiness                          *int64
	OomKillDisable                            *bool
	PidsLimit                                 *int64
	Ulimits                                   []*Ulimit
	CPUCount                                  int64 `json:"CpuCount"`
	CPUPercent                                int64 `json:"CpuPercent"`
	IOMaximumIOps, IOMaximumBandwidth         uint64
}

type WeightDevice struct {
	Path   string
	Weight uint16
}

type ThrottleDevice struct {
	Path string
	Rate uint64
}

type DeviceMapping struct {
	PathOnHost, PathInContainer, CgroupPermissions string
}

type DeviceRequest struct {
	Driver       string
	Count        int
	DeviceIDs    []string
	Capabilities [][]string
	Options      map[string]string
}

type Ulimit struct {
	Name       string
	Hard, Soft int64
}

type Mount struct {
	Type, Source, Target string
	ReadOnly             bool
	Consistency          string
	BindOptions          *BindOptions
	VolumeOptions        *VolumeOptions
	ImageOptions         *ImageOptions
	TmpfsOptions         *TmpfsOptions
	ClusterOptions       *struct{}
}

type BindOptions struct {
	Propagation                                                                  string
	NonRecursive, CreateMountpoint, ReadOnlyNonRecursive, ReadOnlyForceRecursive bool
}

type VolumeOptions struct {
	NoCopy       bool
	Labels       map[string]string
	Subpath      string
	DriverConfig *Driver
}

type Driver struct {
	Name    string
	Options map[string]string
}

type ImageOptions struct {
	Subpath string
}

type TmpfsOptions struct {
	SizeBytes int64
	Mode      os.FileMode
	Options   [][]string
}

type NetworkingConfig struct {
	EndpointsConfig map[string]*EndpointSettings
}

type EndpointSettings struct {
	IPAMConfig *struct {
		IPv4Address, IPv6Address string
		LinkLocalIPs             []string
	}
	Links, Aliases                 []string
	MacAddress                     string
	DriverOpts                     map[string]string
	GwPriority                     int
	NetworkID, EndpointID          string
	Gateway, IPAddress             string
	IPPrefixLen                    int
	IPv6Gateway, GlobalIPv6Address string
	GlobalIPv6PrefixLen            int
	DNSNames                       []string
}

// The body of containers/{id}/update.
type UpdateConfig struct {
	Resources
	RestartPolicy RestartPolicy
}

// The body of containers/{id}/exec. Container is docker-py's.
type ExecConfig struct {
	User                                    string
	Privileged, Tty                         bool
	ConsoleSize                             *[2]uint
	AttachStdin, AttachStderr, AttachStdout bool
	Detach                                  bool
	DetachKeys                              string
	Env                                     []string
	WorkingDir                              string
	Cmd                                     []string
	Container                               string
}

// The body of volumes/create.
type VolumeCreate struct {
	Name, Driver       string
	DriverOpts, Labels map[string]string
	ClusterVolumeSpec  *struct{ Group string }
}

// The body of networks/create.
type NetworkCreate struct {
	Name                                      string
	CheckDuplicate                            bool
	Driver, Scope                             string
	EnableIPv4, EnableIPv6                    *bool
	IPAM                                      *IPAM
	Internal, Attachable, Ingress, ConfigOnly bool
	ConfigFrom                                *struct{ Network string }
	Options, Labels                           map[string]string
}

type IPAM struct {
	Driver  string
	Options map[string]string
	Config  []IPAMConfig
}

type IPAMConfig struct {
	Subnet, IPRange, Gateway string
	AuxAddress               map[string]string `json:"AuxiliaryAddresses"`
}

// The body of networks/{id}/connect.
type NetworkConnect struct {
	Container      string
	EndpointConfig *EndpointSettings
}

// The body of networks/{id}/disconnect.
type NetworkDisconnect struct {
	Container string
	Force     bool
}
