"""A shop with its stock on the shelf, in a SQLite file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from config.database import create_engine
from tasks.shop.database import setup


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    setup(engine)
    yield engine
    engine.dispose()
