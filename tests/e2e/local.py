"""pytest-celery's container fixtures on kept local processes, for machines without a Docker engine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.nodes import LocalBeat, LocalFlower, Nodes, beat_command, flower_command, process_spec
from tests.localcelery.process import free_port
from tests.localcelery.vendors import (
    LocalRabbitMQContainer,
    LocalRedisContainer,
    LocalTestWorker,
    LocalWorkerContainer,
    rabbitmq_spec,
    redis_spec,
)

__all__ = [
    "beat_container",
    "default_rabbitmq_broker",
    "default_redis_backend",
    "default_redis_broker",
    "default_worker_cls",
    "default_worker_container",
    "flower_container",
    "flower_port",
    "second_worker_container",
]


@pytest.fixture
def default_redis_broker(
    nodes: Nodes,
    platform: object,
    default_redis_broker_command: list[str],
    default_redis_broker_env: dict[str, str],
    default_redis_broker_ports: dict[str, Any],
) -> Any:
    """A Valkey process as the broker."""

    def spec() -> Any:
        return redis_spec(default_redis_broker_command, default_redis_broker_env, default_redis_broker_ports)

    return nodes.get("redis-broker", spec, LocalRedisContainer, ready=True)


@pytest.fixture
def default_redis_backend(
    nodes: Nodes,
    platform: object,
    default_redis_backend_command: list[str],
    default_redis_backend_env: dict[str, str],
    default_redis_backend_ports: dict[str, Any],
) -> Any:
    """A Valkey process as the result backend."""

    def spec() -> Any:
        return redis_spec(
            default_redis_backend_command, default_redis_backend_env, default_redis_backend_ports
        )

    return nodes.get("redis-backend", spec, LocalRedisContainer, ready=True)


@pytest.fixture
def default_rabbitmq_broker(
    nodes: Nodes,
    platform: object,
    default_rabbitmq_broker_env: dict[str, str],
    default_rabbitmq_broker_ports: dict[str, Any],
) -> Any:
    """A RabbitMQ process as the broker."""

    def spec() -> Any:
        return rabbitmq_spec(default_rabbitmq_broker_env, default_rabbitmq_broker_ports)

    return nodes.get("rabbitmq", spec, LocalRabbitMQContainer, ready=True)


@pytest.fixture
def default_worker_container(
    nodes: Nodes, default_worker_command: list[str], default_worker_env: dict[str, str]
) -> Any:
    """The project's worker."""
    return nodes.get(
        "worker", lambda: process_spec(default_worker_command, default_worker_env), LocalWorkerContainer
    )


@pytest.fixture
def second_worker_container(
    nodes: Nodes, second_worker_command: list[str], default_worker_env: dict[str, str]
) -> Any:
    """Another of the project's workers."""
    return nodes.get(
        "worker-2", lambda: process_spec(second_worker_command, default_worker_env), LocalWorkerContainer
    )


@pytest.fixture
def beat_container(nodes: Nodes, default_worker_env: dict[str, str]) -> Any:
    """The project's beat."""
    return nodes.get("beat", lambda: process_spec(beat_command(), default_worker_env), LocalBeat)


@pytest.fixture
def flower_port() -> int:
    """A free port of the loopback."""
    return free_port()


@pytest.fixture
def flower_container(nodes: Nodes, flower_port: int, default_worker_env: dict[str, str]) -> Any:
    """The project's Flower; one for each test that asks."""
    name = f"flower-{flower_port}"
    spec = process_spec(flower_command(flower_port), default_worker_env)
    return nodes.get(name, lambda: spec, LocalFlower, ready=True)


@pytest.fixture
def default_worker_cls() -> type[LocalTestWorker]:
    """The node class of workers."""
    return LocalTestWorker
