"""Everything that reaches a container, for a container that is the client's own and for one that is not."""

import json
import secrets
import time
from urllib.parse import quote

from wire import Daemon, tar

UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}
WEBSOCKET = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
# podman's own limits are too high where none may be raised, and it has no network here.
PODMAN = {"Ulimits": [{"Name": name, "Soft": 1024, "Hard": 1024} for name in ("nofile", "nproc")], "NetworkMode": "none"}


def requests(container, network):
    """Method, path, body, headers and query of each. `container` is how it is meant, `network` the client's own."""
    at = f"/containers/{quote(container, safe='')}"

    def create(host, endpoints=None):
        body = {"Image": "busybox", "Cmd": ["true"], "HostConfig": host}
        if endpoints:
            body["NetworkingConfig"] = {"EndpointsConfig": endpoints}
        return "POST", "/containers/create", body, {}, {}

    program = {"Cmd": ["/docker-socket-proxy"], "Env": ["LEARN=1", "LISTEN=0.0.0.0:2375"]}
    return [
        ("POST", f"{at}/exec", program, {}, {}),
        ("PUT", f"{at}/archive", tar({"docker-socket-proxy": "mine"}), {}, {"path": "/"}),
        ("POST", f"{at}/attach", None, UPGRADE, {"stream": 1, "stdin": 1}),
        ("GET", f"{at}/attach/ws", None, WEBSOCKET, {"stream": 1, "stdin": 1}),
        ("POST", f"{at}/resize", None, {}, {"h": 1, "w": 1}),
        ("POST", f"{at}/update", {"Memory": 64 << 20, "MemorySwap": 64 << 20}, {}, {}),
        ("POST", f"{at}/pause", None, {}, {}),
        ("POST", f"{at}/unpause", None, {}, {}),
        create({"VolumesFrom": [container]}),
        create({"VolumesFrom": [f"{container}:ro"]}),
        create({"PidMode": f"container:{container}"}),
        create({"IpcMode": f"container:{container}"}),
        create({"NetworkMode": f"container:{container}"}),
        create({"Links": [f"{container}:alias"]}),
        create({"NetworkMode": network}, {network: {"Links": [f"{container}:alias"]}}),
        ("POST", "/build", tar({"Dockerfile": "FROM busybox\nRUN true\n"}), {}, {"networkmode": f"container:{container}"}),
        ("POST", "/commit", {}, {}, {"container": container}),
        ("POST", f"/networks/{network}/connect", {"Container": container}, {}, {}),
        ("POST", f"/networks/{network}/disconnect", {"Container": container, "Force": True}, {}, {}),
        ("POST", f"{at}/restart", None, {}, {"t": 0}),
        ("POST", f"{at}/wait", None, {}, {}),
        ("POST", f"{at}/kill", None, {}, {"signal": "KILL"}),
        ("POST", f"{at}/start", None, {}, {}),
        ("POST", f"{at}/stop", None, {}, {"t": 0}),
        ("POST", f"{at}/rename", None, {}, {"name": "renamed"}),
        ("DELETE", f"{at}", None, {}, {"force": 1}),
    ]


def described(request):
    method, path, body, _, query = request
    return f"{method} {path} {json.dumps(body) if isinstance(body, dict) else ''} {query or ''}"


def status(daemon, request):
    """The status, and what an answer that is no success says. A stream is left at once."""
    method, path, body, headers, query = request
    connection = daemon.send(method, path, body, headers, **query)
    answer = connection.getresponse()
    text = answer.read().decode() if answer.status >= 400 else ""
    connection.close()
    return answer.status, text


def started(daemon, name, host=None):
    """A container that runs; its ID."""
    body = {"Image": "busybox", "Cmd": ["sleep", "999"], "OpenStdin": True, "HostConfig": {"Init": True, **(host or {})}}
    identity = daemon.must("POST", "/containers/create", body, name=name)["Id"]
    daemon.must("POST", f"/containers/{identity}/start")
    return identity


def network(daemon, name):
    return daemon.must("POST", "/networks/create", {"Name": name, "CheckDuplicate": True})["Id"]


def own(name, identity):
    """How its client may mean it."""
    return name, identity, identity[:12]


def references(name, identity):
    """How anybody could mean it."""
    return name, f"/{name}", identity, identity[:12], identity[:5]


# What must have been asked before this succeeds.
BEFORE = {"/unpause": "/pause", "/disconnect": "/connect"}


def allowed(daemon, net, host=None, cannot=()):
    """Each request for a container of one's own succeeds, so that it has the form that the daemon takes. What does not, unless
    the daemon says that it `cannot`."""
    faults = []
    for index, (_, path, *_) in enumerate(requests("", net)):
        for by in range(len(own("", ""))):
            name = f"own-{secrets.token_hex(3)}x"
            identity = started(daemon, name, host)
            asked = requests(own(name, identity)[by], net)
            before = next((before for end, before in BEFORE.items() if path.endswith(end)), None)
            for request in [*(one for one in asked if before and one[1].endswith(before)), asked[index]]:
                code, text = status(daemon, request)
                if code >= 400 and not any(reason in text for reason in cannot):
                    faults.append(f"own: {described(request)}: {code} {text.strip()}")
            daemon.ask("DELETE", f"/containers/{identity}", force=1)
    return faults


def refused(daemon, direct, meant, net):
    """Each request for these containers is refused by the proxy, and nothing of it is at the daemon. `meant` are references."""
    faults, since, count = [], time.time(), 0
    for reference in meant:
        for request in requests(reference, net):
            code, text = status(daemon, request)
            count += 1
            # A path has no empty part, not even a spelt one.
            expected = (400, "empty segment") if "/%2F" in request[1] else (403, "GUARD refuses")
            if code != expected[0] or expected[1] not in text:
                faults.append(f"not own: {described(request)}: {code} {text.strip()}")
    return count, faults + [f"event: {event}" for event in events(direct, since)]


def events(direct, since):
    """What the daemon did since then."""
    # Whole seconds, as podman finds nothing by others.
    text = direct.must("GET", "/events", since=int(since), until=int(time.time()) + 1)
    lines = text.decode().splitlines() if isinstance(text, bytes) else [json.dumps(text)]
    return [line for line in lines if line and json.loads(line)["timeNano"] > since * 1e9]
