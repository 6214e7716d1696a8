"""The shop's connection to its tables: the engine of this process, and its transactions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, Table, literal_column, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from config import settings
from config.database import create_engine
from tasks.shop.tables import metadata, stock

CATALOGUE = (
    ("beans-1kg", "north", 2_400, 10_000),
    ("filter-papers", "north", 490, 10_000),
    ("grinder", "south", 24_900, 10_000),
    ("kettle", "south", 6_900, 10_000),
    ("espresso-machine", "south", 129_000, 10_000),
    ("anniversary-cup", "north", 3_500, 3),
)
"""What the shop sells: sku, warehouse, price in cents, initial stock. Of the last there are only three."""

# Two workers that set up at once would otherwise both find no table; the number only has to be ours.
_SETUP_LOCK = 7_063_511


def setup(engine: Engine) -> None:
    """Create the shop's tables and put the initial stock on the shelf, where that has not been done yet."""
    with transaction(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SETUP_LOCK})
        for table in metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                connection.execute(CreateIndex(index, if_not_exists=True))
        for sku, warehouse, price, initial in CATALOGUE:
            row = {"sku": sku, "warehouse": warehouse, "price_cents": price, "initial": initial}
            insert_new(connection, stock, row | {"on_hand": initial})


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A transaction that commits at the end and rolls back on an exception.

    The engine is in AUTOCOMMIT, so the BEGIN is sent here. On SQLite it takes the write lock at once: a
    transaction that reads first and writes later can't be made to wait by SQLite, it fails.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN")
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def insert_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row, unless one of the same unique key exists; whether it was inserted."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    # Asked of RETURNING: an INSERT's row count is not known with every driver.
    statement = dialect.insert(table).values(**row).on_conflict_do_nothing().returning(literal_column("1"))
    return connection.execute(statement).first() is not None


def shop_engine() -> Engine:
    """The engine of this process on `PODIUM_DATABASE_URL`, with the tables in place."""
    # By process id, because a connection must not be used on both sides of a fork.
    return _engine(settings.current().resolved_database_url, os.getpid())


@lru_cache(maxsize=4)
def _engine(url: str, pid: int) -> Engine:
    engine = create_engine(url)
    setup(engine)
    return engine
