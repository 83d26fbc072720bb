"""A job of act, as its source sends it: a network, a service, the job's container, files, steps by exec, an action that is an
image, one that has a Dockerfile, and what is removed at the end.

It answers to nektos/act at bd861521: pkg/runner/run_context.go (startJobContainer), step.go and step_run.go, action.go
(execAsDocker), and pkg/container/docker_run.go, docker_network.go, docker_volume.go, docker_pull.go and docker_build.go. The
runners of Gitea and Forgejo are forks of it. No socket is mounted: act has `--container-daemon-socket -` for that, and the
runners have `docker_host: "-"`.
"""

import hashlib
import json

from wire import Daemon, tar, untar

daemon = Daemon()


def named(*parts):
    """createContainerName."""
    name = "-".join(parts)
    return f"{name[:63].strip('-')}-{hashlib.sha256(name.encode()).hexdigest()}"


def find(name):
    """containerReference.find: by the list, as nothing is asked for by its name."""
    for container in daemon.must("GET", "/containers/json", all=1):
        if f"/{name}" in container["Names"]:
            return container["Id"]
    return None


def create(name, network, aliases=(), mounts=None, entrypoint=None, command=None, image="busybox"):
    daemon.must("GET", f"/images/{image}/json")
    daemon.must("GET", "/info")
    if identity := find(name):
        return identity
    daemon.must("GET", "/version")
    user_defined = network not in ("host", "bridge", "none", "default") and not network.startswith("container:")
    endpoints = {network: {"IPAMConfig": None, "Links": None, "Aliases": list(aliases), "DriverOpts": None, "GwPriority": 0,
                           "NetworkID": "", "EndpointID": "", "Gateway": "", "IPAddress": "", "MacAddress": "", "IPPrefixLen": 0,
                           "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "DNSNames": None}}
    body = {
        "Hostname": "", "Domainname": "", "User": "", "AttachStdin": False, "AttachStdout": False, "AttachStderr": False,
        "Tty": False, "OpenStdin": False, "StdinOnce": False, "Cmd": command,
        "Env": ["RUNNER_TOOL_CACHE=/opt/hostedtoolcache", "RUNNER_OS=Linux"],
        "Image": image, "Volumes": None, "WorkingDir": WORKDIR, "Entrypoint": entrypoint, "OnBuild": None,
        "Labels": None,
        "HostConfig": {
            "Binds": [], "ContainerIDFile": "", "LogConfig": {"Type": "", "Config": None}, "NetworkMode": network,
            "PortBindings": None, "RestartPolicy": {"Name": "", "MaximumRetryCount": 0}, "AutoRemove": False,
            "VolumeDriver": "", "VolumesFrom": None, "ConsoleSize": [0, 0], "CapAdd": None, "CapDrop": None,
            "CgroupnsMode": "", "Dns": None, "DnsOptions": None, "DnsSearch": None, "ExtraHosts": None, "GroupAdd": None,
            "IpcMode": "", "Cgroup": "", "Links": None, "OomScoreAdj": 0, "PidMode": "", "Privileged": False,
            "PublishAllPorts": False, "ReadonlyRootfs": False, "SecurityOpt": None, "UTSMode": "", "UsernsMode": "",
            "ShmSize": 0, "Isolation": "", "CpuShares": 0, "Memory": 0, "NanoCpus": 0, "CgroupParent": "", "BlkioWeight": 0,
            "Devices": None, "DeviceCgroupRules": None, "DeviceRequests": None, "OomKillDisable": None, "PidsLimit": None,
            "Ulimits": None, "MaskedPaths": None, "ReadonlyPaths": None,
            "Mounts": [{"Type": "volume", "Source": source, "Target": target} for source, target in (mounts or {}).items()]},
        "NetworkingConfig": {"EndpointsConfig": endpoints} if user_defined and aliases else None}
    return daemon.must("POST", "/containers/create", body, name=name)["Id"]


def execute(identity, command, workdir):
    """containerReference.exec: what it prints, and its exit code."""
    body = {"User": "", "Privileged": False, "Tty": False, "AttachStdin": False, "AttachStderr": True, "AttachStdout": True,
            "DetachKeys": "", "Env": [], "WorkingDir": workdir, "Cmd": command}
    execution = daemon.must("POST", f"/containers/{identity}/exec", body)["Id"]
    output = daemon.hijack(f"/exec/{execution}/start", {"Detach": False, "Tty": False}).read()
    return output, daemon.must("GET", f"/exec/{execution}/json")["ExitCode"]


def start(identity):
    """containerReference.Start: it asks who runs in there."""
    daemon.must("POST", f"/containers/{identity}/start")
    for option in ("-u", "-g"):
        execute(identity, ["id", option], "")


def put(identity, path, files):
    daemon.must("PUT", f"/containers/{identity}/archive", tar(files), path=path, noOverwriteDirNonDir="true")


def run_attached(name, network, mounts, command, image):
    """A step that is a container: newStepContainer."""
    if left := find(name):
        daemon.must("DELETE", f"/containers/{left}", force=1, v=1)
    identity = create(name, network, mounts=mounts, command=command, image=image)
    stream = daemon.hijack(f"/containers/{identity}/attach", stream=1, stdout=1, stderr=1)
    daemon.must("POST", f"/containers/{identity}/start")
    status = daemon.must("POST", f"/containers/{identity}/wait", condition="not-running")["StatusCode"]
    print(f"step in a container: {stream.read().strip()} {status}")
    daemon.must("DELETE", f"/containers/{identity}", force=1, v=1)


WORKDIR, ACT = "/work/project", "/var/run/act"
JOB = named("act", "tour", "job")
NETWORK = f"{JOB}-job-network"
MOUNTS = {"act-toolcache": "/opt/hostedtoolcache", f"{JOB}-env": ACT, JOB: WORKDIR}

assert NETWORK not in [network["Name"] for network in daemon.must("GET", "/networks")]
body = {"Name": NETWORK, "Driver": "bridge", "Scope": "local", "EnableIPv6": None, "IPAM": None, "Internal": False,
        "Attachable": False, "Ingress": False, "ConfigOnly": False, "ConfigFrom": None, "Options": None, "Labels": None}
if daemon.version < "/v1.44":
    body["CheckDuplicate"] = True
daemon.must("POST", "/networks/create", body)
service = create(named(JOB, "service"), NETWORK, ["service"], command=["sleep", "999"])
start(service)
job = create(JOB, NETWORK, ["job"], MOUNTS, ["tail", "-f", "/dev/null"])
start(job)
put(job, f"{ACT}/", {"workflow/event.json": "{}", "workflow/envs.txt": ""})
print("service", daemon.must("GET", f"/containers/{service}/json")["State"]["Status"])
# copyDir, as actions/checkout of a local repository.
put(job, "/", {f"{WORKDIR[1:]}/file": "of the project"})
for number in range(2):
    files = ["outputcmd.txt", "statecmd.txt", "pathcmd.txt", "envs.txt", "SUMMARY.md"]
    put(job, ACT, {f"workflow/{file}": "" for file in files})
    script = f"cat file; echo VARIABLE=value{number} >>{ACT}/workflow/envs.txt; ping -c 1 service >/dev/null && echo reached"
    put(job, ACT, {f"workflow/{number}.sh": script})
    output, code = execute(job, ["sh", "-e", f"{ACT}/workflow/{number}.sh"], WORKDIR)
    print(f"step {number}: {output.strip()} {code}")
    for file in files:
        text = untar(daemon.must("GET", f"/containers/{job}/archive", path=f"{ACT}/workflow/{file}"))
        if text:
            print(file, text.strip())
print("step that fails:", execute(job, ["sh", "-c", "exit 7"], WORKDIR)[1])
run_attached(named(JOB, "2"), f"container:{JOB}", MOUNTS, ["sh", "-c", "cat file"], "busybox")
image = "act-tour-dockeraction:latest"
assert daemon.ask("GET", f"/images/{image}/json")[0] == 404
nothing = json.dumps(None)
daemon.must("POST", "/build", tar({"Dockerfile": "FROM busybox\nLABEL of=action\n"}), t=image, rm=1, dockerfile="Dockerfile",
            buildargs=nothing, labels=nothing, ulimits=nothing, cachefrom=nothing)
run_attached(named(JOB, "3"), f"container:{JOB}", MOUNTS, ["echo", "action"], image)

daemon.must("DELETE", f"/containers/{job}", force=1, v=1)
for volume in (JOB, f"{JOB}-env"):
    assert volume in [found["Name"] for found in daemon.must("GET", "/volumes")["Volumes"]]
    daemon.must("DELETE", f"/volumes/{volume}")
daemon.must("DELETE", f"/containers/{service}", force=1, v=1)
for network in daemon.must("GET", "/networks"):
    if network["Name"] == NETWORK:
        print("left in the network:", len(daemon.must("GET", f"/networks/{network['Id']}")["Containers"]))
        daemon.must("DELETE", f"/networks/{network['Id']}")
print(len(daemon.must("GET", "/containers/json", all=1)), "containers left")
