"""A Podium for tests of events: its store on both databases, and brokers that are the real ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import embedded
from app.client import Podium
from app.events.publisher import EventPublisher
from app.store import migrations
from app.store.unit_of_work import Store
from config.database import create_engine
from config.settings import Settings
from tests.localcelery.process import HOST, LocalProcess
from tests.localcelery.vendors import LocalRabbitMQContainer, rabbitmq_spec, wait_ready
from tests.runtime.harness import Harness
from workflows.builder import wait, workflow


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A migrated database of each kind."""
    engine = create_engine(database_url)
    migrations.upgrade(engine)
    yield Store(engine)
    engine.dispose()


@pytest.fixture
def harness(store: Store) -> Harness:
    """An engine whose workers take messages when they are told to."""
    return Harness(store)


@pytest.fixture
def events(harness: Harness) -> EventPublisher:
    """Where the engine's events go."""
    found = harness.engine.events
    assert isinstance(found, EventPublisher)
    return found


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[LocalProcess]:
    """A RabbitMQ of its own for a module's tests."""
    process = LocalProcess(rabbitmq_spec({}, {"5672/tcp": None}), "rabbitmq-events")
    process.start()
    wait_ready(LocalRabbitMQContainer(process))
    yield process
    process.remove(force=True)


@pytest.fixture
def amqp_url(rabbitmq: LocalProcess) -> str:
    """Its URL."""
    return f"amqp://guest:guest@{HOST}:{rabbitmq.port('5672/tcp')}//"


@pytest.fixture
def broker_settings() -> dict[str, Any]:
    """Settings of the broker that a module is about; none unless it says more."""
    return {}


@pytest.fixture
def podium(
    valkey: embedded.Server, database_url: str, broker_settings: dict[str, Any], tmp_path: Path
) -> Iterator[Podium]:
    """A client with its settings, on a fresh database of each kind, that knows a workflow to start."""
    engine = create_engine(database_url)
    migrations.upgrade(engine)
    engine.dispose()
    settings = Settings(
        state_dir=tmp_path,
        broker_url=valkey.celery_url(),
        database_url=database_url,
        tick_seconds=0.02,
        **broker_settings,
    )
    with Podium(settings) as made:
        made.register({"workflows": [workflow("kept")(wait(ref="open")).to_json()]})
        yield made
