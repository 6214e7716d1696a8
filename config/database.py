"""Database engines: SQLite as the embedded default, PostgreSQL in production.

Both run in AUTOCOMMIT: the store sends its own BEGIN (IMMEDIATE on SQLite, because a transaction that reads
first and writes later can fail there with no way to wait), and a single statement needs none.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from config.settings import Settings
from config.urls import redact, with_psycopg

CONNECT_SECONDS = 3
BUSY_MILLISECONDS = 15_000
POOL_SIZE = 20
"""So many connections are kept open once that many were needed at a time: opening one costs more than what most are
opened for. A pool process of a worker needs one or two, an API process as many as it has threads."""


class DatabaseUrlError(Exception):
    """The URL names no database that Podium can use."""


def create_engine(source: Settings | str) -> sqlalchemy.Engine:
    """Make an engine from settings or a URL; nothing is connected yet, a SQLite file's directory is created.

    Raises:
        DatabaseUrlError: neither SQLite (a file) nor PostgreSQL.
    """
    url = _parse(source if isinstance(source, str) else source.resolved_database_url)
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)


def in_memory() -> sqlalchemy.Engine:
    """A SQLite database of one connection, in memory: it is gone with the engine."""
    return sqlalchemy.create_engine(
        "sqlite://", isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.StaticPool
    )


def _parse(text: str) -> URL:
    try:
        url = make_url(with_psycopg(text))
    except ArgumentError:
        raise DatabaseUrlError(f"{redact(text)!r} is no database URL; {_EXAMPLES}") from None
    if url.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise DatabaseUrlError(f"{redact(text)}: Podium keeps its state in SQLite or PostgreSQL; {_EXAMPLES}")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise DatabaseUrlError(f"{text}: a database in memory can't be shared between processes; {_EXAMPLES}")
    return url


_EXAMPLES = "use postgresql://user@host/name or sqlite:////path/to/podium.db"


def _sqlite(url: URL) -> sqlalchemy.Engine:
    assert url.database is not None
    if not url.database.startswith("file:"):
        Path(url.database).expanduser().parent.mkdir(parents=True, exist_ok=True)
    engine = sqlalchemy.create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        connect_args={"timeout": BUSY_MILLISECONDS / 1000},
        pool_size=POOL_SIZE,
        max_overflow=-1,
    )
    sqlalchemy.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # First of all: turning a new file to WAL takes a lock, and several processes do it at once.
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    _to_wal(cursor)
    # With WAL and NORMAL a crash loses nothing; a power cut may lose the last commits, never the file.
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = OFF")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.execute("PRAGMA cache_size = -16384")
    cursor.execute("PRAGMA journal_size_limit = 67108864")
    cursor.close()


def _to_wal(cursor: Any) -> None:
    """Of several processes that turn a new file to WAL at once, SQLite lets all but one fail without waiting."""
    until = time.monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def _postgresql(url: URL) -> sqlalchemy.Engine:
    # No pool_pre_ping: it would cost a round trip for each step. A connection that has died fails one step,
    # which its lease brings back, and the pool then drops its other connections of that age by itself.
    return sqlalchemy.create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=10,
        pool_recycle=1800,
        pool_use_lifo=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "podium",
            # Every statement is prepared and finds its row by a key: planning it anew costs more than running it.
            # With the default price of a random page, a list would be filtered out of the whole table's order.
            "options": "-c timezone=UTC -c plan_cache_mode=force_generic_plan -c jit=off -c random_page_cost=1.1",
            "keepalives_idle": 30,
        },
    )
