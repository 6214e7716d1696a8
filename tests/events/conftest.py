"""A Podium for tests of events: its store on both databases, and brokers that are the real ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.events.publisher import EventPublisher
from app.store import migrations
from app.store.unit_of_work import Store
from config.database import create_engine
from tests.localcelery.process import HOST, LocalProcess
from tests.localcelery.vendors import LocalRabbitMQContainer, rabbitmq_spec, wait_ready
from tests.runtime.harness import Harness


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
