"""Jobs of GitLab Runner's Docker executor, as its source sends them: volumes and their rights, a service and its health check,
the helper's container and the build's, whose scripts come by attach, the signal by exec that ends one, and what is removed at
the end.

It answers to gitlab-runner 19.4.0, executors/docker: docker.go (createDependencies, createService, createContainer,
removeContainer, Cleanup), services.go, steps.go (bootstrap), and internal/networks/manager.go, internal/volumes/manager.go,
internal/volumes/permission/linux_set.go, internal/exec/exec.go and internal/wait/wait.go. The first job has a network of its own
(FF_NETWORK_PER_BUILD), the second one has the default network.
"""

import hashlib

from wire import Daemon

daemon = Daemon()
LABELS = {"com.gitlab.gitlab-runner.managed": "true", "com.gitlab.gitlab-runner.job.id": "1"}
IMAGE = daemon.must("GET", "/images/busybox/json")["Id"]


def remove(reference):
    """removeContainer: also by a name that nobody has yet, whose errors are of no concern."""
    for network in daemon.must("GET", "/networks"):
        for identity, plugged in daemon.must("GET", f"/networks/{network['Id']}")["Containers"].items():
            if reference in (identity, plugged["Name"]):
                daemon.must("POST", f"/networks/{network['Id']}/disconnect", {"Container": reference, "Force": True})
    return daemon.ask("DELETE", f"/containers/{reference}", force=1, v=1)[0]


def create(name, command, host, endpoints=None, **config):
    body = {
        "Hostname": "", "Domainname": "", "User": "", "AttachStdin": False, "AttachStdout": False, "AttachStderr": False,
        "Tty": False, "OpenStdin": False, "StdinOnce": False, "Env": None, "Cmd": command, "Image": IMAGE, "Volumes": None,
        "WorkingDir": "", "Entrypoint": None, "OnBuild": None, "Labels": LABELS, **config,
        "HostConfig": {
            "Binds": None, "ContainerIDFile": "", "LogConfig": {"Type": "json-file", "Config": None}, "NetworkMode": "",
            "PortBindings": None, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "AutoRemove": False,
            "VolumeDriver": "", "VolumesFrom": None, "CapAdd": None, "CapDrop": None, "Dns": None, "DnsOptions": None,
            "DnsSearch": None, "ExtraHosts": None, "GroupAdd": None, "IpcMode": "", "Cgroup": "", "Links": None,
            "OomScoreAdj": 0, "PidMode": "", "Privileged": False, "PublishAllPorts": False, "ReadonlyRootfs": False,
            "SecurityOpt": None, "UTSMode": "", "UsernsMode": "", "ShmSize": 0, "Isolation": "", "CpuShares": 0,
            "Memory": 0, "NanoCpus": 0, "CgroupParent": "", "Devices": None, "DeviceCgroupRules": None,
            "DeviceRequests": None, "OomKillDisable": False, "PidsLimit": None, "Ulimits": None, "MaskedPaths": None,
            "ReadonlyPaths": None, **host},
        "NetworkingConfig": {"EndpointsConfig": endpoints} if endpoints else None}
    return daemon.must("POST", "/containers/create", body, **({"name": name} if name else {}))["Id"]


def wait(identity, stop=False):
    """The waiter asks for the end before it stops what goes on."""
    waiting = daemon.send("POST", f"/containers/{identity}/wait", condition="not-running")
    if stop:
        daemon.ask("POST", f"/containers/{identity}/stop")
    answer = waiting.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"wait: {answer.status} {answer.read().decode()}")
    answer.read()
    waiting.close()


class Job:
    def __init__(self, number, network_per_build):
        self.prefix = f"runner-t1-project-7-concurrent-{number}-0a1b2c3d"
        self.unique = "runner-" + hashlib.sha256(str(number).encode()).hexdigest()[:32]
        self.network, self.network_id, self.binds, self.temporary, self.containers = "", None, [], [], []
        if network_per_build:
            self.network = f"runner-t1-7-{number}-1"
            body = {"Name": self.network, "Driver": "", "Scope": "", "EnableIPv6": False, "IPAM": None, "Internal": False,
                    "Attachable": False, "Ingress": False, "ConfigOnly": False, "ConfigFrom": None, "Options": {},
                    "Labels": LABELS}
            if daemon.version < "/v1.44":
                body["CheckDuplicate"] = True
            self.network_id = daemon.must("POST", "/networks/create", body)["Id"]
            daemon.must("GET", f"/networks/{self.network_id}")

    def endpoints(self, aliases):
        """networkConfig, and networkConfigLegacy before API 1.44."""
        if self.network:
            return {self.network: {"Aliases": aliases}}
        return {"default": {"MacAddress": ""}} if daemon.version >= "/v1.44" else None

    def volume(self, path, reusable):
        name = f"{self.unique if reusable else self.prefix}-cache-{hashlib.md5(path.encode()).hexdigest()}"
        daemon.must("POST", "/volumes/create", {"Name": name, "Driver": "", "DriverOpts": None, "Labels": LABELS})
        setter = create(f"{name}-set-permission-4e5f6a7b", ["chmod", "777", "/gitlab-runner-cache-init"],
                        {"Binds": [f"{name}:/gitlab-runner-cache-init"]})
        daemon.must("POST", f"/containers/{setter}/start")
        wait(setter)
        daemon.must("DELETE", f"/containers/{setter}", force=1)
        self.binds.append(f"{name}:{path}")
        if not reusable:
            self.temporary.append(name)

    def bootstrap(self):
        """For native steps: a container without a name."""
        identity = create(None, ["echo", "bootstrapped"], {"AutoRemove": True, "ReadonlyRootfs": True, "Binds": self.binds,
                          "NetworkMode": "none"}, AttachStdout=True, AttachStderr=True, StdinOnce=True, NetworkDisabled=True)
        stream = daemon.hijack(f"/containers/{identity}/attach", stream=1, stdout=1, stderr=1)
        waiting = daemon.send("POST", f"/containers/{identity}/wait", condition="next-exit")
        daemon.must("POST", f"/containers/{identity}/start")
        print(stream.read().strip(), waiting.getresponse().status)
        waiting.close()
        daemon.ask("DELETE", f"/containers/{identity}", force=1, v=1)

    def service(self):
        name = f"{self.prefix}-web-0"
        remove(name)
        identity = create(name, ["httpd", "-f", "-p", "80"], {"NetworkMode": self.network, "Binds": self.binds},
                          self.endpoints(["web"]), ExposedPorts={"80/tcp": {}})
        daemon.must("POST", f"/containers/{identity}/start")
        self.containers.append(identity)
        networks = daemon.must("GET", f"/containers/{identity}/json")["NetworkSettings"]["Networks"]
        address = next(iter(networks.values()))["IPAddress"]
        self.hosts = [] if self.network else [f"web:{address}", f"{identity[:12]}:{address}"]
        probe = f"until wget -q -O /dev/null http://{identity[:12]}/ 2>&1 | grep -q 404; do sleep 0.1; done"
        health = create(f"{name}-wait-for-service", ["timeout", "20", "sh", "-c", probe],
                        {"NetworkMode": self.network, "ExtraHosts": self.hosts},
                        Env=[f"WAIT_FOR_SERVICE_TCP_ADDR={identity[:12]}"])
        daemon.must("POST", f"/containers/{health}/start")
        wait(health)
        print("service:", daemon.must("GET", f"/containers/{health}/json")["State"]["ExitCode"])
        remove(health)

    def container(self, kind):
        name = f"{self.prefix}-{kind}"
        remove(name)
        identity = create(name, ["sh"], {"NetworkMode": self.network, "Binds": self.binds, "ExtraHosts": self.hosts},
                          self.endpoints(["build", name]), AttachStdin=True, AttachStdout=True, AttachStderr=True, OpenStdin=True,
                          StdinOnce=True)
        self.containers.append(identity)
        daemon.must("GET", f"/containers/{identity}/json")
        return identity

    def run(self, identity, script, of_build):
        stream = daemon.hijack(f"/containers/{identity}/attach", stream=1, stdin=1, stdout=1, stderr=1)
        daemon.must("POST", f"/containers/{identity}/start")
        stream.write(script)
        print(stream.read().strip())
        if of_build:
            # sendSIGTERMToContainerProcs: a container that has ended is none of its concern.
            status, execution, _ = daemon.ask("POST", f"/containers/{identity}/exec", {
                "User": "", "Privileged": False, "Tty": False, "AttachStdin": False, "AttachStderr": True, "AttachStdout": True,
                "DetachKeys": "", "Env": None, "WorkingDir": "", "Cmd": ["sh", "-c", "kill -TERM -1"]})
            if status == 201:
                try:
                    daemon.hijack(f"/exec/{execution['Id']}/start", {"Detach": False, "Tty": False}).read()
                except RuntimeError as error:
                    assert "denied" not in str(error), error
            assert status in (201, 409), execution
        wait(identity, stop=True)

    def cleanup(self):
        for identity in self.containers:
            print("removed:", remove(identity))
        for volume in self.temporary:
            daemon.must("DELETE", f"/volumes/{volume}", force=1)
        if self.network_id:
            for identity in daemon.must("GET", f"/networks/{self.network_id}")["Containers"]:
                remove(identity)
            daemon.must("DELETE", f"/networks/{self.network_id}")


daemon.must("GET", "/version")
daemon.must("GET", "/info")
for number, network_per_build in enumerate([True, False]):
    job = Job(number, network_per_build)
    job.volume("/cache", reusable=True)
    job.volume("/builds/7", reusable=False)
    job.bootstrap()
    job.service()
    helper = job.container("predefined")
    job.run(helper, "echo of the project >/builds/7/file; echo fetched", of_build=False)
    build = job.container("build")
    job.run(build, "cat /builds/7/file; wget -q -O - http://web/ 2>&1 | grep -o 404; date +%Y >/cache/year", of_build=True)
    # The next stages have the same containers.
    job.run(build, "exit 0", of_build=True)
    job.run(helper, "ls /cache", of_build=False)
    job.cleanup()
print(len(daemon.must("GET", "/containers/json", all=1)), "containers left, and",
      *sorted(volume["Name"] for volume in daemon.must("GET", "/volumes")["Volumes"]))
