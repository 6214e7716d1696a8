"""What Podium is put on: a broker, a result backend, a database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest


@dataclass(frozen=True, slots=True)
class Platform:
    """One combination. `backend`: the broker itself, a Redis of its own, or the database."""

    name: str
    broker: Literal["redis", "rabbitmq"]
    backend: Literal["broker", "redis", "database"]
    database: Literal["sqlite", "postgresql"]

    def __str__(self) -> str:
        return self.name


EMBEDDED_LIKE = Platform("redis-sqlite", "redis", "broker", "sqlite")
QUICK_POSTGRESQL = Platform("redis-redis-postgresql", "redis", "redis", "postgresql")
"""PostgreSQL without the seconds that RabbitMQ takes to start."""
PRODUCTION_LIKE = Platform("rabbitmq-postgresql", "rabbitmq", "database", "postgresql")
MAIN = (EMBEDDED_LIKE, PRODUCTION_LIKE)
"""Between them every kind of broker, result backend and database but a Redis beside the broker."""
PLATFORMS = (
    EMBEDDED_LIKE,
    QUICK_POSTGRESQL,
    Platform("rabbitmq-redis-sqlite", "rabbitmq", "redis", "sqlite"),
    PRODUCTION_LIKE,
)


def on(*platforms: Platform) -> pytest.MarkDecorator:
    """Run a test on these platforms; not marked, it runs on `MAIN`."""
    return pytest.mark.parametrize("platform", platforms, indirect=True, ids=str)


everywhere = on(*PLATFORMS)
"""Run a test on all platforms."""
