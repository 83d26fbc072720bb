"""docker-py: containers with many options, networks, volumes, limits that are changed, logs, archives, a build, a commit."""

import io
import tarfile

import docker
from docker.types import Healthcheck, IPAMConfig, IPAMPool, LogConfig, Mount, Ulimit

client = docker.from_env()
print(client.version()["Version"])
print(client.containers.run("busybox", ["echo", "run"], remove=True))
network = client.networks.create("tour", driver="bridge", labels={"a": "b"},
                                 ipam=IPAMConfig(pool_configs=[IPAMPool(subnet="10.214.7.0/24", gateway="10.214.7.1")]))
volume = client.volumes.create("tour", labels={"a": "b"})
client.volumes.create("memory", driver="local", driver_opts={"type": "tmpfs", "device": "tmpfs", "o": "size=1m"})
container = client.containers.create(
    "busybox", ["sh", "-c", "echo started; read line; echo read $line; exec sleep 999"], name="tour", hostname="tour", user="0",
    environment={"A": "1"}, labels={"c": "d"}, stdin_open=True, init=True, network="tour", ports={"80/tcp": None},
    volumes={"tour": {"bind": "/data", "mode": "rw"}, "memory": {"bind": "/memory", "mode": "ro"}},
    mounts=[Mount("/anonymous", None, type="volume"), Mount("/scratch", None, type="tmpfs", tmpfs_size=1 << 20)],
    tmpfs={"/run": "size=1m,mode=1777"}, mem_limit="64m", cpu_shares=512, pids_limit=64, shm_size="8m",
    ulimits=[Ulimit(name="nofile", soft=512, hard=1024)], cap_drop=["NET_RAW"], security_opt=["no-new-privileges:true"],
    restart_policy={"Name": "on-failure", "MaximumRetryCount": 2}, extra_hosts={"other": "10.214.7.9"}, dns=["10.214.7.1"],
    log_config=LogConfig(type="json-file", config={"max-size": "1m"}), sysctls={"net.ipv4.ip_unprivileged_port_start": "1"},
    healthcheck=Healthcheck(test=["CMD", "true"], interval=1_000_000_000))
attached = container.attach_socket(params={"stdin": 1, "stream": 1})
container.start()
attached._sock.sendall(b"hi\n")
logs = b""
for block in container.logs(stream=True, follow=True):
    logs += block
    if b"read hi" in logs:
        break
print(logs)
container.reload()
print(container.status, len(container.attrs["Mounts"]), container.attrs["HostConfig"]["Memory"])
container.update(mem_limit="128m", memswap_limit="256m")
container.reload()
print(container.attrs["HostConfig"]["Memory"])
other = client.networks.create("other")
other.connect(container, aliases=["alias"])
other.disconnect(container)
packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode="w") as tar:
    tar.addfile(tarfile.TarInfo("put"))
print(container.put_archive("/tmp", packed.getvalue()))
print(len(b"".join(container.get_archive("/tmp/put")[0])) > 0)
container.pause()
container.unpause()
container.restart(timeout=1)
print(client.containers.run("busybox", ["cat", "/proc/sys/net/ipv4/ip_forward"], network_mode="none", remove=True))
image, _ = client.images.build(fileobj=io.BytesIO(b"FROM busybox\nLABEL made=here\n"), tag="built", rm=True)
print(image.labels)
print(container.commit("committed", changes="ENV B=2").attrs["Config"]["Env"])
container.remove(force=True, v=True)
for prune in (client.volumes.prune, client.networks.prune):
    try:
        print(sorted(prune().get("NetworksDeleted", [])))
    except docker.errors.APIError as error:
        print(error.status_code)
client.close()
