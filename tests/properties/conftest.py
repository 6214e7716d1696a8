"""A store for the property tests: one database for all examples, emptied before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.store import migrations
from app.store.unit_of_work import Store
from config.database import create_engine
from tests.servers import Postgres


def _store(url: str) -> Iterator[Store]:
    engine = create_engine(url)
    migrations.upgrade(engine)
    yield Store(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store on SQLite."""
    yield from _store(f"sqlite:///{tmp_path_factory.mktemp('properties') / 'podium.db'}")


@pytest.fixture(scope="session")
def postgres_store(postgres_server: Postgres) -> Iterator[Store]:
    """A store on PostgreSQL."""
    yield from _store(postgres_server.create("properties"))
    postgres_server.drop("properties")
