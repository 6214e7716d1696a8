"""The database goes away: for a moment, for longer, or was never what it should be."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from sqlalchemy import Engine

from app.errors import SchemaOutdated, StoreUnavailable
from app.store import definitions
from app.store.unit_of_work import Session, Store
from config.database import create_engine
from tests.servers import Postgres


def _kill_all_others(engine: Engine) -> int:
    """End every other connection to the database; how many there were."""
    with engine.connect() as connection:
        killed = connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return len(killed.all())


@pytest.fixture
def administrator(postgres: Engine) -> Iterator[Engine]:
    """Another engine on the same PostgreSQL database."""
    engine = create_engine(postgres.url.render_as_string(hide_password=False))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("held", [True, False])
def test_a_connection_that_is_killed_between_two_statements_costs_one_more_run(
    postgres: Engine, administrator: Engine, held: bool
) -> None:
    store = Store(postgres)
    runs: list[int] = []

    def work(session: Session) -> int:
        runs.append(definitions.put_task_def(session, "work", f"run {len(runs)}", 0))
        if len(runs) == 1:
            assert _kill_all_others(administrator) == 1
        definitions.put_task_def(session, "other", "{}", 0)
        return len(runs)

    if held:
        with store.held():
            assert store.transact(work) == 2
            assert store.transact(work) == 3
    else:
        assert store.transact(work) == 2

    assert set(store.read(definitions.task_defs)) == {"work", "other"}


def test_a_connection_that_died_in_the_pool_is_replaced(postgres: Engine, administrator: Engine) -> None:
    store = Store(postgres)
    gate = threading.Barrier(5)
    readers = [threading.Thread(target=lambda: store.read(lambda _: gate.wait(20))) for _ in range(5)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(20)

    assert _kill_all_others(administrator) == 5

    assert store.read(definitions.task_defs, patience=2) == {}


def test_held_transactions_share_one_connection(store: Store) -> None:
    def connection(session: Session) -> int:
        return id(session)

    with store.held():
        first = store.transact(connection)
        with store.held():
            assert store.read(connection) == first
        assert store.transact(connection) == first

    pool = store.engine.pool
    assert isinstance(pool, sqlalchemy.QueuePool)
    assert pool.checkedout() == 0


def test_a_server_that_is_down_is_an_error_within_the_patience_and_no_hang(tmp_path: Path) -> None:
    engine = create_engine(f"postgresql://podium:secret@/podium?host={tmp_path}")
    began = time.monotonic()

    with pytest.raises(StoreUnavailable, match="does not answer") as caught:
        Store(engine).transact(definitions.task_defs, patience=0.3)

    assert time.monotonic() - began < 2
    assert "secret" not in str(caught.value)
    assert "PODIUM_DATABASE_URL" in str(caught.value)


def test_a_file_that_can_not_be_opened_is_an_error_within_the_patience(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'podium.db'}")
    (tmp_path / "podium.db").mkdir()

    with pytest.raises(StoreUnavailable, match="unable to open"):
        Store(engine).read(definitions.task_defs, patience=0.1)


def test_a_pool_with_no_connection_left_is_an_error_within_the_patience(sqlite: Engine) -> None:
    engine = sqlalchemy.create_engine(
        sqlite.url, isolation_level="AUTOCOMMIT", pool_size=1, max_overflow=0, pool_timeout=0.01
    )

    with engine.connect(), pytest.raises(StoreUnavailable, match="QueuePool"):
        Store(engine).read(definitions.task_defs, patience=0.1)

    engine.dispose()


def test_whoever_has_patience_goes_on_when_the_database_is_back(
    postgres: Engine, postgres_server: Postgres
) -> None:
    store = Store(postgres)
    tried_again = threading.Event()
    answers: list[bool] = []

    def allow_connections(allowed: bool) -> None:
        with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
            connection.execute(
                f'ALTER DATABASE "{postgres.url.database}" ALLOW_CONNECTIONS {allowed}'.encode()
            )

    def wait_for_it() -> None:
        answers.append(store.transact(lambda s: definitions.put_task_def(s, "a", "", 0), patience=None))

    def connecting(*_: object) -> None:
        attempts.append(1)
        if len(attempts) == 3:
            tried_again.set()

    attempts: list[int] = []
    allow_connections(False)
    with pytest.raises(StoreUnavailable, match="not currently accepting connections"):
        store.read(definitions.task_defs, patience=0)
    sqlalchemy.event.listen(postgres, "do_connect", connecting)
    waiting = threading.Thread(target=wait_for_it)
    waiting.start()
    assert tried_again.wait(20)
    allow_connections(True)
    waiting.join(20)

    assert answers == [True]


def test_tables_that_are_missing_ask_for_an_upgrade(database_url: str) -> None:
    engine = create_engine(database_url)
    store = Store(engine)

    for run in (store.read, store.transact, store.transact_once):
        with pytest.raises(SchemaOutdated, match="podium db upgrade"):
            run(definitions.task_defs, patience=None)

    engine.dispose()


def test_columns_that_are_missing_ask_for_an_upgrade(store: Store) -> None:
    with store.engine.connect() as connection:
        for table in ("task_def", "workflow_def"):
            connection.exec_driver_sql(f"ALTER TABLE {table} RENAME COLUMN updated TO changed")

    for work in (
        lambda session: definitions.put_task_def(session, "new", "{}", 0),
        lambda session: definitions.set_program(session, "order", 1, "p", 0),
    ):
        with pytest.raises(SchemaOutdated, match="podium db upgrade"):
            store.transact(work, patience=None)
