"""A transaction on somebody else's connection to the database."""

from __future__ import annotations

import sqlite3
from typing import Any

import psycopg

from app.errors import EffectImpossible
from app.store.unit_of_work import Session, Store

MISSING = (sqlite3.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)
"""What the drivers raise when a table is not there (SQLite's, for other reasons too)."""


class Borrowed(Session):
    """A transaction on a connection of somebody else's to this database, who commits it or rolls it back.

    connection: the driver's own. A transaction is begun on it where none is open.

    Raises:
        EffectImpossible: the connection is of another driver than Podium's, or its transactions are of another kind.
    """

    __slots__ = ()

    def __init__(self, store: Store, connection: Any) -> None:
        self.store = store
        self.dialect = store.engine.dialect
        wanted = sqlite3.Connection if self.dialect.name == "sqlite" else psycopg.Connection
        if not isinstance(connection, wanted):
            raise EffectImpossible(
                f"Podium's database is {store.url}, and the session's connection is one of "
                f"{type(connection).__module__}: both must be the same database, with the driver "
                f"{wanted.__module__.split('.')[0]}"
            )
        self._cursor: Any = connection.cursor()
        self.in_transaction = True
        self._begin(connection)

    def _begin(self, connection: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            if not connection.in_transaction:
                # At once for writing: a reader can't become a writer when another has written in between.
                self._cursor.execute("BEGIN IMMEDIATE")
            return
        if connection.autocommit and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self._cursor.execute("BEGIN")
        self._cursor.execute("SELECT current_setting('transaction_isolation')")
        level = self._cursor.fetchone()[0]
        if level not in ("read committed", "read uncommitted"):
            # Of two branches that end at the same instant, neither would see the other.
            raise EffectImpossible(
                f"the session's transaction is {level.upper()}: a step is completed in READ COMMITTED"
            )

    def begin(self) -> None:
        raise AssertionError("whoever lent the connection begins, commits and rolls back")

    commit = rollback = close = discard = begin
