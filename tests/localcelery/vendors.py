"""pytest-celery's node classes without a container network, and the command line of each server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from pytest_celery import CeleryTestWorker, CeleryWorkerContainer, RabbitMQContainer, RedisContainer
from pytest_docker_tools.exceptions import ContainerFailed, ContainerNotReady

from app.embedded import find_binary
from tests.localcelery.process import HOST, LocalProcess, ProcessSpec, free_port
from tests.servers import ServerMissing

POLL_SECONDS = 0.02
_LOOPBACK_ONLY = "-kernel inet_dist_use_interface {127,0,0,1}"


def wait_ready(node: Any, timeout_seconds: float = 60) -> None:
    """Wait until a node is ready; raises what pytest-celery raises for a container that is not."""
    deadline = time.monotonic() + timeout_seconds
    while not node.ready():
        if time.monotonic() > deadline:
            raise ContainerNotReady(node, f"not ready within {timeout_seconds:g} s")
        time.sleep(POLL_SECONDS)


class LocalNode:
    """What differs from a container: addresses, and a readiness that can be asked as often as one likes."""

    _container: LocalProcess
    name: str
    ready_prompt: str | None
    host_url: str

    def logs(self) -> str:
        """Return the log of the latest start."""
        return self._container.logs().decode(errors="replace")

    @property
    def url(self) -> str:
        """The worker's view, which in a container network would have another host."""
        return self.host_url

    def restart(self, timeout: float = 10) -> None:
        """Restart and wait until it is ready."""
        self._container.restart(timeout=timeout)
        wait_ready(self)

    def get_addr(self, port: str) -> tuple[str, int]:
        """Return host and port; the original gives others where `/.dockerenv` exists, as on CI images."""
        return HOST, self._container.port(port)

    def get_open_tcp_ports(self) -> list[str]:
        """Return the ports that accept connections."""
        return self._container.open_ports()

    def ready(self) -> bool:
        """Say whether all ports are open and the ready prompt is in the log; raises when it has ended."""
        raw = self._container
        if raw.status != "running":
            end = self.logs()[-2000:]
            raise ContainerFailed(self, f"{self.name} exited with {raw.process.returncode}:\n{end}")
        return len(raw.open_ports()) == len(raw.host_ports) and (self.ready_prompt or "") in self.logs()


class LocalRedisContainer(LocalNode, RedisContainer):
    """A Valkey or Redis server."""


class LocalRabbitMQContainer(LocalNode, RabbitMQContainer):
    """A RabbitMQ server with an epmd of its own."""

    @property
    def vhost(self) -> str:
        """The default one."""
        return "/"


class LocalWorkerContainer(LocalNode, CeleryWorkerContainer):
    """A Celery worker."""


class LocalTestWorker(CeleryTestWorker):
    """The node that tests see; in a container 'all processes' are this worker's, here they are its tree."""

    def get_running_processes_info(
        self, columns: list[str] | None = None, filters: dict[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Return the worker's processes, restricted to `columns`, those that match `filters`."""
        root = psutil.Process(self.container._container.pid)
        wanted = columns or ["pid", "name", "cmdline", "create_time"]
        found = [process.as_dict(attrs=wanted) for process in (root, *root.children(recursive=True))]
        plain: list[dict[str, Any]] = json.loads(json.dumps(found))
        return [row for row in plain if all(row.get(key) == value for key, value in (filters or {}).items())]


def redis_spec(command: list[str], environment: dict[str, str], ports: dict[str, Any]) -> ProcessSpec:
    """Return the vendor's own command line with our binary and port."""

    def argv(node: LocalProcess) -> list[str]:
        own = ["--port", str(node.port("6379/tcp")), "--bind", HOST, "--dir", str(node.workdir)]
        return [find_binary(), *command[1:], *own]

    return ProcessSpec(command=argv, environment=dict(environment), ports=tuple(ports))


def rabbitmq_binary() -> str:
    """Return RabbitMQ's own start script; Debian's wrapper insists on being root or rabbitmq.

    Raises:
        ServerMissing: there is none.
    """
    installed = sorted(
        Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"), reverse=True
    )
    found = str(installed[0]) if installed else shutil.which("rabbitmq-server")
    if found is None:
        raise ServerMissing(
            "no rabbitmq-server on this machine; install it (apt-get install rabbitmq-server)"
        )
    return found


def rabbitmq_spec(environment: dict[str, str], ports: dict[str, Any]) -> ProcessSpec:
    """Return a broker that listens on the loopback only and shares nothing with another on this machine."""
    epmd, distribution = free_port(), free_port()

    def argv(node: LocalProcess) -> list[str]:
        home = str(node.workdir)
        node.spec.environment.update(
            HOME=home,
            RABBITMQ_NODENAME=f"rabbit{node.id[:8]}@localhost",
            RABBITMQ_NODE_IP_ADDRESS=HOST,
            RABBITMQ_NODE_PORT=str(node.port("5672/tcp")),
            RABBITMQ_DIST_PORT=str(distribution),
            ERL_EPMD_PORT=str(epmd),
            ERL_EPMD_ADDRESS=HOST,
            ERL_EPMD_RELAXED_COMMAND_CHECK="1",
            RABBITMQ_MNESIA_BASE=f"{home}/mnesia",
            RABBITMQ_LOG_BASE=f"{home}/log",
            RABBITMQ_LOGS="-",
            RABBITMQ_ENABLED_PLUGINS_FILE=f"{home}/enabled_plugins",
            RABBITMQ_CONF_ENV_FILE="/dev/null",
            # Schedulers that spin would take the processors from what is tested.
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=f"+S 1:1 +sbwt none {_LOOPBACK_ONLY}",
        )
        return [rabbitmq_binary()]

    def stop_epmd(node: LocalProcess) -> None:
        # It is a daemon outside the process group; its port is ours alone.
        found = next(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"), None) or shutil.which("epmd")
        if found is not None:
            words = [str(found), "-port", str(epmd), "-kill"]
            subprocess.run(
                words, env=node.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
            )

    return ProcessSpec(command=argv, environment=dict(environment), ports=tuple(ports), on_stop=stop_epmd)


def worker_spec(command: list[str], environment: dict[str, str], files: dict[str, bytes]) -> ProcessSpec:
    """Return a worker; `%h` becomes the node's id, as in a container: its hostname is what tests expect."""

    def argv(node: LocalProcess) -> list[str]:
        words = [word.replace("%h", node.id[:12]) for word in command]
        if words[0] == "celery":
            return [sys.executable, "-m", *words]
        return [sys.executable, *words[1:]] if words[0] == "python" else words

    paths = [environment.get("PYTHONPATH"), os.environ.get("PYTHONPATH")]
    path = os.pathsep.join(filter(None, paths))
    return ProcessSpec(command=argv, environment={**environment, "PYTHONPATH": path}, files=dict(files))
