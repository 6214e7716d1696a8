"""The schema of the database: bring it up to date, and see whether it is.

Revisions are numbered files in `versions/`, applied in that order; the newest number is the head. A new one is
drafted from `tables.py` with `alembic revision --autogenerate --rev-id NNNN -m "why"`.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from app.errors import SchemaOutdated, StoreError, StoreUnavailable
from config.urls import redact

HERE = Path(__file__).parent
_ADVISORY_LOCK = 0x506F6469756D
"""'Podium' in ASCII: what concurrent upgrades of a PostgreSQL database wait on."""

_BEGIN = {
    # The engines are in AUTOCOMMIT: these open a real transaction, and let one process in at a time.
    "sqlite": ("BEGIN IMMEDIATE",),
    "postgresql": ("BEGIN", f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"),
}
# Alembic keeps the migration that runs in a global of its module.
_alembic = threading.Lock()


@cache
def head() -> str:
    """The revision that this version of Podium works with."""
    # From the names of the files: Alembic takes longer to import than a process that is up to date has use for.
    return max(file.name.partition("_")[0] for file in (HERE / "versions").glob("[0-9]*.py"))


def current(engine: Engine) -> str | None:
    """The revision that the database is at; None: it has no tables of Podium.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    try:
        with engine.connect() as connection:
            return _revision(connection)
    except OperationalError as error:
        raise StoreUnavailable(_url(engine), error.orig or error) from error


def check(engine: Engine) -> None:
    """Return if the database is at the head.

    Raises:
        SchemaOutdated: it is older, newer or empty.
        StoreUnavailable: the database does not answer.
        StoreError: it refuses, because of a table that is not Podium's or a right that is missing.
    """
    found = current(engine)
    if found != head():
        raise SchemaOutdated(_url(engine), found, head())


def upgrade(engine: Engine) -> None:
    """Bring the database to the head, all of it or nothing. At the head already it costs two small SELECTs.

    Safe in any number of processes at once: one migrates, the others wait and find it done.

    Raises:
        SchemaOutdated: a newer version of Podium has migrated it.
        StoreUnavailable: the database does not answer.
        StoreError: it refuses, because of a table that is not Podium's or a right that is missing.
    """
    found = current(engine)
    if found == head():
        return
    try:
        with _alembic, engine.connect() as connection:
            for statement in _BEGIN[engine.dialect.name]:
                connection.exec_driver_sql(statement)
            _migrate(connection)
            connection.commit()
    except DBAPIError as error:
        url, cause = _url(engine), error.orig or error
        if error.connection_invalidated or error.statement == "BEGIN IMMEDIATE":
            raise StoreUnavailable(url, cause) from error
        raise StoreError(
            f"the database {url} could not be brought from schema {found or 'none'} to {head()}: {cause}. "
            "Nothing was changed; give Podium a database of its own, in which it may create tables"
        ) from error


def differences(engine: Engine) -> list[str]:
    """What of the database is not as `tables.py` says, one sentence each; conditions of partial indexes too."""
    from app.store.migrations import comparison

    with engine.connect() as connection:
        return comparison.differences(connection)


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    found = _revision(connection)
    if found == head():
        return
    if found is not None and found > head():
        raise SchemaOutdated(_url(connection.engine), found, head())
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    has_version = (
        "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
        if connection.dialect.name == "sqlite"
        else "SELECT count(to_regclass('alembic_version'))"
    )
    if not connection.exec_driver_sql(has_version).scalar():
        return None
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if revision is None else str(revision)


def _url(engine: Engine) -> str:
    return redact(engine.url.render_as_string(hide_password=False))
