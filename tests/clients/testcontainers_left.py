"""Testcontainers for Python that is killed: a container and a network stay for Ryuk to remove."""

import os
import signal

from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

# Before Engine 25 two networks could have one name. What did not ask for one alone, GUARD knows by its ID only.
network = Network(docker_network_kw={"check_duplicate": True}).create()
DockerContainer("busybox").with_command("sleep 999").with_name("left").with_network(network).start()
os.kill(os.getpid(), signal.SIGKILL)
