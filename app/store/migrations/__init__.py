"""The schema's history, run by `podium db upgrade` and, in embedded mode, by itself.

upgrade(engine)       bring a database to this version; safe to call from many processes at once
check(engine)         raise SchemaOutdated unless it is there
differences(engine)   how the migrated schema differs from `tables.py` (a test holds it empty)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from app.errors import SchemaOutdated, StoreUnavailable
from app.store.tables import metadata
from config.urls import redact

_LOCK = 0x506F6469756D
"""PostgreSQL advisory lock of upgrades: 'Podium'."""


def upgrade(engine: Engine) -> None:
    """Bring the schema to `head()`; a no-op of one query when it is there.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    if current(engine) == head():
        return
    with _exclusive(engine) as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def current(engine: Engine) -> str | None:
    """The revision of the database; None: it has no tables of ours.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return None if found is None else str(found)
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.OperationalError | psycopg.OperationalError):
            raise StoreUnavailable(_url(engine), error.orig) from error
        raise


@cache
def head() -> str:
    """The revision of this version of Podium."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def check(engine: Engine) -> None:
    """Do nothing when the database is at `head()`.

    Raises:
        SchemaOutdated: it is not.
        StoreUnavailable: the database does not answer.
    """
    found = current(engine)
    if found != head():
        raise SchemaOutdated(_url(engine), found, head())


def differences(engine: Engine) -> list[str]:
    """What of the database's schema is not as `tables.py` says."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [str(found) for found in compare_metadata(context, metadata)]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def _exclusive(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that no other upgrade can be in. The engine's AUTOCOMMIT leaves BEGIN to us."""
    with engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        connection.exec_driver_sql("BEGIN IMMEDIATE" if sqlite else "BEGIN")
        try:
            if not sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            yield connection
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise


def _url(engine: Engine) -> str:
    return redact(engine.url.render_as_string(hide_password=False))
