#!/usr/bin/env python3
"""What the checks in the Debian that tests/systemd/run has booted have in common: the two ends, and systemd.

    ends.py daemon                a daemon, which answers a request with its path, as a service that systemd starts
    ends.py ask ADDRESS PATH      what is answered at a socket file, or at HOST:PORT
"""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve()
SOURCE = HERE.parent
PACKAGING = SOURCE / "packaging"
SERVICE, SOCKET = "docker-socket-proxy.service", "docker-socket-proxy.socket"
FILE = re.search("^ListenStream=(.*)", (PACKAGING / SOCKET).read_text(), re.M)[1]
ENV = Path("/etc/docker-socket-proxy.env")
SHIPPED_ENV = (PACKAGING / ENV.name).read_text()
UNITS = Path("/etc/systemd/system")
# Nobody waits for so long where all is well.
PATIENCE = 20
# The answer where a connection was accepted and then cut.
CUT = "cut"


# === Both ends ===


def daemon():
    """Answers on dockerd's socket, which is its group's. The body of /events comes once SIGUSR1 has come."""
    path = "/run/docker.sock"
    Path(path).unlink(missing_ok=True)
    listener = socket.create_server(path, family=socket.AF_UNIX)
    subprocess.run(["chgrp", "docker", path], check=True)
    os.chmod(path, 0o660)
    told = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: told.set())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])

    def serve(client):
        with client, client.makefile("rb") as lines:
            request = lines.readline()
            while lines.readline().strip():
                pass
            if request:
                path = request.split()[1]
                body = b"daemon: " + path
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
                if path == b"/events":
                    told.wait()
                client.sendall(body)

    while True:
        threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()


def request(address, path, source=None, patience=PATIENCE):
    """A connection that has asked."""
    if address.startswith("/"):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(patience)
        client.connect(address)
    else:
        host, port = address.split(":")
        client = socket.create_connection((host, int(port)), patience, source)
    client.sendall(b"GET %s HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n" % path.encode())
    return client


def answer(client):
    """The status and the body, or CUT where they are not whole."""
    try:
        with client:
            head, _, body = b"".join(iter(lambda: client.recv(65536), b"")).partition(b"\r\n\r\n")
    except ConnectionResetError:
        return CUT
    length = re.search(rb"\r\nContent-Length: (\d+)", head, re.I)
    return f"{head[9:12].decode()} {body.decode().strip()}" if length and int(length[1]) == len(body) else CUT


def ask(*arguments, **options):
    """The same, or the name of the error."""
    try:
        return answer(request(*arguments, **options))
    except BrokenPipeError:
        return CUT
    except OSError as error:
        return type(error).__name__


def ask_as(user, address, path="/_ping"):
    """The same of a process of this user and the user's groups."""
    return run("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", HERE, "ask", address, path).strip()


# === systemd ===


def run(*command, status=0, **options):
    """What a command prints. It has to end with this status, if one is given."""
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    assert status in (None, ended.returncode), f"{command} ended with {ended.returncode}: {ended.stdout}"
    return ended.stdout


def systemctl(*arguments, status=0):
    return run("systemctl", *arguments, status=status)


def forget_starts():
    """systemd starts nothing more often than 5 times within 10 seconds, unless this is between them."""
    systemctl("reset-failed")


def show(unit, name):
    return systemctl("show", "--value", "--property", name, unit).strip()


def states():
    return show(SERVICE, "ActiveState"), show(SOCKET, "ActiveState")


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def until(expected, look):
    """Waits for what systemd does by itself."""
    deadline = time.monotonic() + PATIENCE
    while (found := look()) != expected:
        assert time.monotonic() < deadline, f"{found!r} is not {expected!r}"
        time.sleep(0.02)


def inode():
    return os.stat(FILE).st_ino


def log(since):
    """What the service has logged since a point of the journal, and the point where it is now."""
    options = [f"--after-cursor={since}"] if since else []
    lines = run("journalctl", "--sync") + run("journalctl", f"--unit={SERVICE}", "--output=cat", "--show-cursor", *options)
    text, _, cursor = lines.rpartition("-- cursor: ")
    return text, cursor.strip()


def start_docker():
    """Makes docker.service of the daemon above, and starts it."""
    (UNITS / "docker.service").write_text(f"[Service]\nType=notify\nExecStart={HERE} daemon\n")
    systemctl("start", "docker")


# === The checks: each finds what the one before it has left ===


def check(checks):
    """Runs them one after the other, and ends with the first that fails."""
    print(run("systemctl", "--version").splitlines()[0], flush=True)
    for check in checks:
        print(check.__name__.replace("_", " "), flush=True)
        try:
            forget_starts()
            check()
        except BaseException:
            print(run("journalctl", "--no-pager", "--lines=60"))
            traceback.print_exc(file=sys.stdout)
            raise SystemExit(1)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["daemon"]:
            daemon()
        case ["ask", address, path]:
            print(ask(address, path))
        case _:
            raise SystemExit(__doc__)
