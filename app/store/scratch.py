"""A store in memory, for what is to leave no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.store.tables import metadata
from app.store.unit_of_work import Store
from config.database import in_memory


@contextmanager
def scratch() -> Iterator[Store]:
    """An empty store of the current schema, for the thread that made it; gone at the end."""
    engine = in_memory()
    try:
        metadata.create_all(engine)
        yield Store(engine)
    finally:
        engine.dispose()
