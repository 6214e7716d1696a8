"""Connections and transactions: one way in, which survives a database that stumbles.

`Store.transact(work)` runs `work(session)` in one transaction and may run it again: after a deadlock, a lost
connection, or a commit whose answer was lost. In the last case nobody knows whether it was carried out; the
`witness` finds out by looking for what the transaction would have written.
"""

from __future__ import annotations

import contextlib
import logging
import math
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import sqlalchemy.exc
from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

from app.errors import SchemaOutdated, StoreUnavailable
from app.store.forks import ForkGate
from app.store.statements import Statement
from config.urls import redact

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Row = tuple[Any, ...]
_TRANSIENT = (sqlite3.OperationalError, psycopg.OperationalError, psycopg.InterfaceError)
TAKEN = (sqlite3.IntegrityError, psycopg.errors.UniqueViolation)
"""What the drivers raise when a row of this key is there already."""
_OUTDATED = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)
_SQLITE_OUTDATED = ("no such table", "no such column", "has no column named")


class CommitUnknown(Exception):
    """A commit failed after it had been sent: carried out or not, only the tables know."""

    result: Any = None
    """What the work of that transaction returned."""


class Session:
    """One connection in the hands of one thread."""

    __slots__ = ("_cursor", "_proxy", "dialect", "in_transaction", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self.dialect = store.engine.dialect
        self._proxy: PoolProxiedConnection = store.engine.raw_connection()
        self._cursor = self._proxy.cursor()
        self.in_transaction = False

    def run(self, statement: Statement, **params: Any) -> int:
        """Execute; the number of rows that it changed."""
        text, values = statement.prepare(self.dialect, params)
        self._cursor.execute(text, values)
        return int(self._cursor.rowcount)

    def run_many(self, statement: Statement, rows: Sequence[dict[str, Any]]) -> int:
        """Execute once for each row of parameters; the number of rows that this changed."""
        if not rows:
            return 0
        text, _ = statement.prepare(self.dialect, rows[0])
        self._cursor.executemany(text, [statement.prepare(self.dialect, row)[1] for row in rows])
        return int(self._cursor.rowcount)

    def one(self, statement: Statement, **params: Any) -> Row | None:
        """Execute; the first row, or None."""
        text, values = statement.prepare(self.dialect, params)
        self._cursor.execute(text, values)
        row: Row | None = self._cursor.fetchone()
        return row

    def all(self, statement: Statement, **params: Any) -> list[Row]:
        """Execute; all rows."""
        text, values = statement.prepare(self.dialect, params)
        self._cursor.execute(text, values)
        return list(self._cursor.fetchall())

    def begin(self) -> None:
        """Open a transaction."""
        # IMMEDIATE: SQLite can't turn a reader into a writer when another has written in between.
        self._cursor.execute("BEGIN IMMEDIATE" if self.dialect.name == "sqlite" else "BEGIN")
        self.in_transaction = True

    def commit(self) -> None:
        """Commit the transaction.

        Raises:
            CommitUnknown: the connection broke in the middle of it.
        """
        self.store.fault("before commit")
        try:
            self._cursor.execute("COMMIT")
            self.in_transaction = False
            self.store.fault("after commit")
        except _TRANSIENT as error:
            raise CommitUnknown(str(error)) from error
        # PostgreSQL answers COMMIT of a transaction in which a statement failed with ROLLBACK, and no error.
        if getattr(self._cursor, "statusmessage", None) == "ROLLBACK":
            raise RuntimeError(
                "nothing was committed: an error of the database was caught inside the transaction"
            )

    def rollback(self) -> None:
        """Undo the transaction, if one is open."""
        if self.in_transaction:
            self.in_transaction = False
            self._cursor.execute("ROLLBACK")

    def close(self) -> None:
        """Give the connection back to the pool."""
        self._proxy.close()

    def discard(self) -> None:
        """Give up a connection that may be broken."""
        # A cursor in the middle of its rows keeps SQLite's transaction, and its lock, beyond the connection's close.
        with contextlib.suppress(*_TRANSIENT):
            self._cursor.close()
        self._proxy.invalidate()


def _no_fault(_point: str) -> None:
    return None


class Store:
    """The database, for every thread of this process."""

    def __init__(self, engine: Engine, fault: Callable[[str], None] = _no_fault) -> None:
        self.engine = engine
        self.fault = fault
        """Called at `before commit` and `after commit`; a test raises here what a real database could."""
        self.url = redact(engine.url.render_as_string(hide_password=False))
        self._local = threading.local()
        self._gate = ForkGate(engine.dispose) if engine.dialect.name == "sqlite" else None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep this thread's connection out of the pool for a series of transactions."""
        if getattr(self._local, "depth", 0) == 0:
            self._local.depth = 0
        self._local.depth += 1
        try:
            yield
        finally:
            self._local.depth -= 1
            if self._local.depth == 0:
                self._release()

    def read(self, work: Callable[[Session], Result], patience: float | None = 3.0) -> Result:
        """Run `work` without a transaction: single statements, each on its own."""
        return self._persist(work, patience, transaction=False, witness=None)

    def transact(
        self,
        work: Callable[[Session], Result],
        *,
        witness: Callable[[Session], bool] | None = None,
        patience: float | None = 3.0,
    ) -> Result:
        """Run `work` in a transaction and commit it; `work` may be called several times.

        witness: tells, in a new transaction, whether the one whose commit failed was carried out. Not given:
            `work` is safe to run twice.
        patience: seconds to go on trying while the database does not answer; None: for ever.

        Raises:
            StoreUnavailable: the patience is used up.
            SchemaOutdated: a table is missing.
        """
        return self._persist(work, patience, transaction=True, witness=witness)

    def transact_once(self, work: Callable[[Session], Result], patience: float | None = 3.0) -> Result:
        """A transaction whose `work` is one statement where the database can do it in one (PostgreSQL).

        After an error `work` runs again, whether or not the first run was carried out: it must find out itself.
        """
        if self.engine.dialect.name != "postgresql":
            return self._persist(work, patience, transaction=True, witness=None)

        def single(session: Session) -> Result:
            self.fault("before commit")
            result = work(session)
            self.fault("after commit")
            return result

        return self._persist(single, patience, transaction=False, witness=None)

    def _persist(
        self,
        work: Callable[[Session], Result],
        patience: float | None,
        transaction: bool,
        witness: Callable[[Session], bool] | None,
    ) -> Result:
        deadline = None if patience is None else time.monotonic() + patience
        delay = 0.01
        unknown: CommitUnknown | None = None
        cause: BaseException
        while True:
            try:
                if unknown is not None and witness is not None:
                    if self._attempt(witness, False):
                        return unknown.result  # type: ignore[no-any-return]  # what the committed work returned
                    unknown = None
                return self._attempt(work, transaction)
            except CommitUnknown as error:
                unknown, cause = error, error.__cause__ or error
            except sqlalchemy.exc.TimeoutError as error:
                # All connections of the pool are in use.
                cause = error
            except _OUTDATED as error:
                raise SchemaOutdated(self.url, None, "head") from error
            except _TRANSIENT as error:
                if any(words in str(error) for words in _SQLITE_OUTDATED):
                    raise SchemaOutdated(self.url, None, "head") from error
                cause = error
            left = math.inf if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise StoreUnavailable(self.url, cause) from cause
            if delay > 1:
                logger.warning("database does not answer, trying again: %s", cause)
            time.sleep(min(delay * random.uniform(0.5, 1), left))
            delay = min(delay * 2, 2)

    def _attempt(self, work: Callable[[Session], Result], transaction: bool) -> Result:
        session = self._acquire()
        try:
            if transaction:
                session.begin()
            result = work(session)
            if transaction:
                self._commit(session, result)
            return result
        except (*_TRANSIENT, CommitUnknown):
            self._drop(session)
            raise
        except BaseException:
            session.rollback()
            raise
        finally:
            if getattr(self._local, "depth", 0) == 0:
                self._release()

    def _commit(self, session: Session, result: object) -> None:
        try:
            session.commit()
        except CommitUnknown as unknown:
            unknown.result = result
            raise

    def _acquire(self) -> Session:
        session: Session | None = getattr(self._local, "session", None)
        if session is None:
            if self._gate is not None:
                self._gate.enter()
            try:
                session = Session(self)
            except Exception as error:
                self._leave()
                # The pool wraps what the driver raised.
                cause = getattr(error, "orig", None)
                if isinstance(cause, _TRANSIENT):
                    raise cause from error
                raise
            self._local.session = session
        elif session.in_transaction:
            # It would share the connection, and commit or give back what the transaction around it still needs.
            raise RuntimeError("a transaction of this thread is open: use its session")
        return session

    def _release(self) -> None:
        session: Session | None = getattr(self._local, "session", None)
        if session is not None:
            self._local.session = None
            session.close()
            self._leave()

    def _drop(self, session: Session) -> None:
        self._local.session = None
        session.discard()
        self._leave()

    def _leave(self) -> None:
        if self._gate is not None:
            self._gate.leave()
