"""A store on a fresh, migrated database of each kind: copies of one that was migrated once."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.store import migrations
from app.store.unit_of_work import Store
from config.database import create_engine
from tests.servers import Postgres

_TEMPLATE = "migrated"
_numbers = itertools.count(1)


def _migrated(url: str) -> str:
    engine = create_engine(url)
    migrations.upgrade(engine)
    engine.dispose()
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a migrated SQLite database."""
    file = tmp_path_factory.mktemp("template") / "podium.db"
    _migrated(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Postgres) -> str:
    """The name of a migrated PostgreSQL database to copy."""
    # Other packages' tests take these fixtures over, and have a template of their own then.
    name = f"{_TEMPLATE}_{next(_numbers)}"
    _migrated(postgres_server.create(name))
    return name


@pytest.fixture
def postgres(postgres_server: Postgres, postgres_template: str) -> Iterator[Engine]:
    """An engine on a migrated PostgreSQL database, for what SQLite has nothing like."""
    name = f"store_{next(_numbers)}"
    engine = create_engine(postgres_server.create(name, postgres_template))
    yield engine
    engine.dispose()
    postgres_server.drop(name)


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Engine]:
    """An engine on a migrated SQLite database."""
    file = tmp_path / "podium.db"
    shutil.copy(sqlite_template, file)
    engine = create_engine(f"sqlite:///{file}")
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """An engine on a migrated database; the test runs on both kinds."""
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def store(engine: Engine) -> Store:
    """The store of that database."""
    return Store(engine)
