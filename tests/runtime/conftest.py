"""An engine that a test moves by hand, on a migrated database of each kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.store import migrations
from app.store.unit_of_work import Store
from config.database import create_engine
from tests.runtime.harness import Harness


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """The store of that database."""
    engine = create_engine(database_url)
    migrations.upgrade(engine)
    yield Store(engine)
    engine.dispose()


@pytest.fixture
def harness(store: Store) -> Harness:
    """An engine whose broker is a list, and whose clock stands still."""
    return Harness(store)
