"""One thing that docker-py does: docker_py.py WHAT NAME, where NAME is a container that runs or an image to be made."""

import io
import sys
import tarfile

import docker


def archive(name, data):
    """A tar archive with one file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def run(client, _):
    assert client.containers.run("busybox", ["echo", "hi"], remove=True) == b"hi\n"


def exec_plain(client, name):
    result = client.containers.get(name).exec_run(["sh", "-c", "echo out; echo err >&2; exit 7"], demux=True)
    assert (result.exit_code, result.output) == (7, (b"out\n", b"err\n")), result


def exec_socket(client, name):
    command = ["sh", "-c", "read line; echo $line and more"]
    _, stream = client.containers.get(name).exec_run(command, stdin=True, socket=True, tty=True)
    stream._sock.sendall(b"hi\n")
    output = b""
    while block := stream.read(1000):
        output += block
    assert b"hi and more" in output, output


def exec_detached(client, name):
    client.containers.get(name).exec_run(["sh", "-c", "exit 7"], detach=True)


def attach_websocket(client, _):
    container = client.containers.create("busybox", ["cat"], stdin_open=True)
    try:
        websocket = container.attach_socket(ws=True, params={"stdin": 1, "stdout": 1, "stream": 1})
        container.start()
        websocket.send("hi\n")
        assert b"hi" in websocket.recv()
        websocket.close()
    finally:
        container.remove(force=True)


def logs_followed(client, _):
    container = client.containers.run("busybox", ["sh", "-c", "echo one; read line; echo two"], detach=True, tty=True,
                                      stdin_open=True)
    try:
        lines = client.api.logs(container.id, stream=True, follow=True)
        output = b""
        while b"one" not in output:
            output += next(lines)
        container.attach_socket(params={"stdin": 1, "stream": 1})._sock.sendall(b"go\n")
        assert b"two" in b"".join(lines)
    finally:
        container.remove(force=True)


def put_archive(client, name):
    assert client.containers.get(name).put_archive("/tmp", archive("put", b"of docker-py"))


def get_archive(client, name):
    blocks, _ = client.containers.get(name).get_archive("/tmp/put")
    with tarfile.open(fileobj=io.BytesIO(b"".join(blocks))) as tar:
        assert tar.extractfile("put").read() == b"of docker-py"


def build(client, tag):
    image, _ = client.images.build(fileobj=io.BytesIO(b"FROM busybox\nLABEL made=here\n"), tag=tag, rm=True)
    assert image.labels["made"] == "here"


_, what, name = sys.argv
globals()[what](docker.from_env(), name)
