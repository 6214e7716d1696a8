"""The only fixtures of pytest-celery that would ask Docker, on processes. A missing server is an error."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_docker_tools.exceptions import ContainerError

from tests.localcelery.process import LocalProcess, ProcessSpec
from tests.localcelery.vendors import (
    LocalRabbitMQContainer,
    LocalRedisContainer,
    LocalTestWorker,
    LocalWorkerContainer,
    rabbitmq_spec,
    redis_spec,
    wait_ready,
    worker_spec,
)

__all__ = [
    "default_rabbitmq_broker",
    "default_redis_backend",
    "default_redis_broker",
    "default_worker_cls",
    "default_worker_container",
]


def run(request: pytest.FixtureRequest, spec: ProcessSpec, node_class: Any, name: str) -> Any:
    """Start a node, wait until it is ready, end it with the test; its log is shown when it does not start."""
    raw = LocalProcess(spec, name)
    request.addfinalizer(lambda: raw.remove(force=True))
    raw.start()
    node = node_class(raw)
    try:
        wait_ready(node)
    except ContainerError:
        request.node.add_report_section("setup", f"{raw.name} logs", node.logs())
        raise
    return node


@pytest.fixture
def default_redis_broker(
    request: pytest.FixtureRequest,
    default_redis_broker_command: list[str],
    default_redis_broker_env: dict[str, str],
    default_redis_broker_ports: dict[str, Any],
) -> Any:
    """A Valkey process as the broker."""
    spec = redis_spec(default_redis_broker_command, default_redis_broker_env, default_redis_broker_ports)
    return run(request, spec, LocalRedisContainer, "redis-broker")


@pytest.fixture
def default_redis_backend(
    request: pytest.FixtureRequest,
    default_redis_backend_command: list[str],
    default_redis_backend_env: dict[str, str],
    default_redis_backend_ports: dict[str, Any],
) -> Any:
    """A Valkey process as the result backend."""
    spec = redis_spec(default_redis_backend_command, default_redis_backend_env, default_redis_backend_ports)
    return run(request, spec, LocalRedisContainer, "redis-backend")


@pytest.fixture
def default_rabbitmq_broker(
    request: pytest.FixtureRequest,
    default_rabbitmq_broker_env: dict[str, str],
    default_rabbitmq_broker_ports: dict[str, Any],
) -> Any:
    """A RabbitMQ process as the broker."""
    spec = rabbitmq_spec(default_rabbitmq_broker_env, default_rabbitmq_broker_ports)
    return run(request, spec, LocalRabbitMQContainer, "rabbitmq")


@pytest.fixture
def default_worker_container(
    request: pytest.FixtureRequest,
    default_worker_command: list[str],
    default_worker_env: dict[str, str],
    default_worker_initial_content: dict[str, bytes],
) -> Any:
    """A worker process with pytest-celery's generated application, unless the test gives another command."""
    spec = worker_spec(default_worker_command, default_worker_env, default_worker_initial_content)
    return run(request, spec, LocalWorkerContainer, "worker")


@pytest.fixture
def default_worker_cls() -> type[LocalTestWorker]:
    """The node class of workers."""
    return LocalTestWorker
