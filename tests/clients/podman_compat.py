"""podman's copy of Docker's API: containers by name and by ID, execs, archives, a network."""

from own import PODMAN, network
from wire import Daemon, tar, untar

daemon = Daemon()
print(network(daemon, "made") == daemon.must("GET", "/networks/made")["Id"])
for number, by in enumerate(["name", "ID"]):
    name = f"podman-{number}"
    script = "echo started; read line; echo read $line; exec sleep 999"
    identity = daemon.must("POST", "/containers/create", {
        "Image": "busybox", "Cmd": ["sh", "-c", script], "OpenStdin": True, "AttachStdin": True,
        "HostConfig": {"Init": True, **PODMAN}}, name=name)["Id"]
    container = name if by == "name" else identity
    stream = daemon.hijack(f"/containers/{container}/attach", stream=1, stdin=1, stdout=1, logs=1)
    daemon.must("POST", f"/containers/{container}/start")
    stream.write("hi\n")
    daemon.must("PUT", f"/containers/{container}/archive", tar({"file": "of the client"}), path="/tmp")
    print(untar(daemon.must("GET", f"/containers/{container}/archive", path="/tmp/file")))
    execution = daemon.must("POST", f"/containers/{container}/exec", {
        "Cmd": ["sh", "-c", "cat /tmp/file; exit 3"], "AttachStdout": True, "AttachStderr": True})["Id"]
    print(daemon.hijack(f"/exec/{execution}/start", {"Detach": False, "Tty": False}).read(),
          daemon.must("GET", f"/exec/{execution}/json")["ExitCode"])
    daemon.must("POST", f"/containers/{container}/rename", name=f"{name}-renamed")
    container = f"{name}-renamed" if by == "name" else identity[:12]
    daemon.must("POST", f"/containers/{container}/restart", t=1)
    daemon.must("POST", f"/containers/{container}/kill", signal="KILL")
    print(daemon.must("POST", f"/containers/{container}/wait")["StatusCode"])
    daemon.must("DELETE", f"/containers/{container}", force=1)
    print(by, daemon.ask("GET", f"/containers/{identity}/json")[0])
daemon.must("DELETE", "/networks/made")
print(network(daemon, "again") == daemon.must("GET", "/networks/again")["Id"])
daemon.must("DELETE", f"/networks/{daemon.must('GET', '/networks/again')['Id']}")
