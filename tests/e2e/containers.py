"""The same nodes as containers, for machines with a Docker engine: pytest-celery's brokers, our image.

Workers, beat and Flower share the host's network and see the repository and the temporary directories at the paths
that they have on the host: a URL or a file that a test names is the same for all.
"""

from __future__ import annotations

import tempfile
from typing import Any

import pytest
from pytest_celery import CeleryTestWorker, CeleryWorkerContainer
from pytest_docker_tools import build, container, fxtr

from tests.e2e.nodes import REPOSITORY, beat_command, flower_command
from tests.localcelery.process import free_port

__all__ = [
    "beat_container",
    "default_rabbitmq_broker_ports",
    "default_redis_backend_ports",
    "default_redis_broker_ports",
    "default_worker_cls",
    "default_worker_container",
    "flower_container",
    "flower_port",
    "project_image",
    "second_worker_container",
]

_SEEN = {str(path): {"bind": str(path), "mode": "rw"} for path in (REPOSITORY, tempfile.gettempdir())}


class BeatContainer(CeleryWorkerContainer):  # type: ignore[misc]  # pytest-celery has no types
    """Beat, with the sweeper in it."""

    ready_prompt = "is starting"


class FlowerContainer(CeleryWorkerContainer):  # type: ignore[misc]  # pytest-celery has no types
    """Flower."""

    ready_prompt = "Visit me at"


project_image = build(path=str(REPOSITORY), dockerfile="tests/e2e/Dockerfile", tag="podium/e2e:test")
_COMMON = {
    "image": "{project_image.id}",
    "environment": fxtr("default_worker_env"),
    "network_mode": "host",
    "volumes": _SEEN,
    "working_dir": str(REPOSITORY),
    "timeout": 60,
}
default_worker_container = container(
    **_COMMON, command=fxtr("default_worker_command"), wrapper_class=CeleryWorkerContainer
)
second_worker_container = container(
    **_COMMON, command=fxtr("second_worker_command"), wrapper_class=CeleryWorkerContainer
)
beat_container = container(**_COMMON, command=beat_command(), wrapper_class=BeatContainer)


@pytest.fixture
def flower_port() -> int:
    """A free port of the loopback."""
    return free_port()


@pytest.fixture
def flower_command_line(flower_port: int) -> list[str]:
    """The command of Flower."""
    return flower_command(flower_port)


flower_container = container(**_COMMON, command=fxtr("flower_command_line"), wrapper_class=FlowerContainer)


@pytest.fixture
def default_worker_cls() -> Any:
    """pytest-celery's own."""
    return CeleryTestWorker


def _fixed_port(inside: str) -> dict[str, int]:
    # A port that the engine chooses is another one after a restart.
    return {inside: free_port()}


@pytest.fixture
def default_redis_broker_ports() -> dict[str, int]:
    """A port that outlives a restart."""
    return _fixed_port("6379/tcp")


@pytest.fixture
def default_redis_backend_ports() -> dict[str, int]:
    """A port that outlives a restart."""
    return _fixed_port("6379/tcp")


@pytest.fixture
def default_rabbitmq_broker_ports() -> dict[str, int]:
    """A port that outlives a restart."""
    return _fixed_port("5672/tcp")
