"""Requests as a client of Go's sends them, at DOCKER_HOST: for tours that answer to a client's source."""

import http.client
import io
import json
import os
import socket
import struct
import tarfile
from urllib.parse import urlencode


class Daemon:
    """Whom `host` leads to: `unix://PATH` or `tcp://HOST:PORT`. Paths get the version of the API that the daemon has."""

    def __init__(self, host=None):
        self.host = host or os.environ["DOCKER_HOST"]
        self.version = ""
        self.version = "/v" + self.ask("HEAD", "/_ping")[2]["Api-Version"]

    def connect(self):
        """A connection of its own, with a deadline for what it waits for."""
        scheme, _, place = self.host.partition("://")
        if scheme == "unix":
            connected = socket.socket(socket.AF_UNIX)
            connected.settimeout(60)
            connected.connect(place)
        else:
            host, port = place.rsplit(":", 1)
            connected = socket.create_connection((host, int(port)), 60)
        connection = http.client.HTTPConnection("docker")
        connection.sock = connected
        return connection

    def send(self, method, path, body=None, headers=None, /, **query):
        connection = self.connect()
        if isinstance(body, (dict, list)):
            body, headers = json.dumps(body), {"Content-Type": "application/json", **(headers or {})}
        target = self.version + path + ("?" + urlencode(query) if query else "")
        connection.request(method, target, body, headers or {})
        return connection

    def ask(self, method, path, body=None, headers=None, /, **query):
        """Status, body and head of the answer. A JSON body is decoded."""
        connection = self.send(method, path, body, headers, **query)
        answer = connection.getresponse()
        # A stream that was let through would never end.
        text = b"" if answer.status == 101 else answer.read()
        connection.close()
        if "json" in answer.headers.get("Content-Type", "") and method != "HEAD":
            try:
                text = json.loads(text)
            except ValueError:
                pass  # several values, one a line
        return answer.status, text, answer.headers

    def must(self, method, path, body=None, /, **query):
        """The answer's body; a status that is no success is an error that says what was asked."""
        status, answer, _ = self.ask(method, path, body, None, **query)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer}")
        return answer

    def hijack(self, path, body=None, /, **query):
        """A raw stream, as attach and exec start open it."""
        connection = self.send("POST", path, body, {"Connection": "Upgrade", "Upgrade": "tcp"}, **query)
        answer = connection.response_class(connection.sock, method="POST")
        answer.begin()
        if answer.status not in (101, 200):
            raise RuntimeError(f"POST {path}: {answer.status} {answer.read().decode()}")
        return Stream(connection.sock, answer)


class Stream:
    """What an attach or an exec gives: `write`, and `read` until its end, without the headers of its frames."""

    def __init__(self, connected, answer):
        self.socket, self.answer = connected, answer

    def write(self, text):
        self.socket.sendall(text.encode())
        self.socket.shutdown(socket.SHUT_WR)

    def read(self):
        # What came with the head is in its buffer.
        reader, text = self.answer.fp, b""
        while frame := reader.read(8):
            text += reader.read(struct.unpack(">BxxxI", frame)[1])
        self.socket.close()
        return text.decode()


def tar(files):
    """An archive of names with their text; a name without text is a folder."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = 0o666
            if text is None:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o777
            else:
                entry.size = len(text)
            archive.addfile(entry, io.BytesIO((text or "").encode()))
    return packed.getvalue()


def untar(packed):
    """The text of the first file of an archive."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return archive.extractfile(archive.next()).read().decode()
