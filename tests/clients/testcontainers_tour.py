"""Testcontainers for Python, without Ryuk: a container, its log, an exec, an image that is built."""

import os

from testcontainers.core.container import DockerContainer
from testcontainers.core.image import DockerImage
from testcontainers.core.waiting_utils import wait_for_logs

with DockerContainer("busybox").with_command("sh -c 'echo ready; exec sleep 999'") as container:
    wait_for_logs(container, "ready", timeout=30)
    print(container.exec(["echo", "exec"]).output)
    print(container.get_logs()[0])
with open(os.path.join(os.environ["WORK"], "Dockerfile"), "w", encoding="ascii") as dockerfile:
    dockerfile.write('FROM busybox\nCMD ["echo", "of the image"]\n')
with DockerImage(path=os.environ["WORK"], tag="built:latest") as image:
    with DockerContainer(str(image)) as container:
        wait_for_logs(container, "of the image", timeout=30)
        print("built")
