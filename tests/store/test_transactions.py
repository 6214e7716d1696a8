"""`Store.transact`: all or nothing, once, whatever becomes of the answer to a commit."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import Engine, insert, text

from app.errors import StoreUnavailable
from app.store import definitions, tables
from app.store.statements import Statement
from app.store.unit_of_work import Session, Store
from config.database import BUSY_MILLISECONDS
from tests.store.racing import race

BROKEN = {
    "sqlite": sqlite3.OperationalError("disk I/O error"),
    "postgresql": psycopg.OperationalError("server closed the connection unexpectedly"),
}


class Faults:
    """Raises at a point of the commit, the first `times` times that it is reached."""

    def __init__(self, engine: Engine, point: str, times: int = 1) -> None:
        self._error = BROKEN[engine.dialect.name]
        self._point = point
        self.left = times

    def __call__(self, point: str) -> None:
        if point == self._point and self.left:
            self.left -= 1
            raise self._error


class Adding:
    """Work that stores a program of a new id each time that it runs: what ran twice is seen twice."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, session: Session) -> int:
        self.runs += 1
        definitions.store_program(session, f"p{self.runs}", "{}", 0)
        return self.runs

    def witness(self, session: Session) -> bool:
        return definitions.program_content(session, f"p{self.runs}") is not None


def _stored(store: Store) -> list[str]:
    with store.engine.connect() as connection:
        return list(connection.execute(text("SELECT id FROM program ORDER BY id")).scalars())


def test_what_was_written_is_there_and_the_answer_is_the_works(store: Store) -> None:
    work = Adding()

    assert store.transact(work) == 1

    assert _stored(store) == ["p1"]


def test_an_error_undoes_all_of_the_transaction_and_is_raised(store: Store) -> None:
    def work(session: Session) -> None:
        definitions.store_program(session, "p1", "{}", 0)
        definitions.put_task_def(session, "work", "{}", 0)
        raise KeyError("of the work")

    with pytest.raises(KeyError, match="of the work"):
        store.transact(work)

    assert _stored(store) == []
    assert store.read(definitions.task_defs) == {}
    assert store.transact(Adding()) == 1


def test_a_transaction_that_broke_leaves_no_lock_for_its_second_run_to_wait_on(store: Store) -> None:
    # One row of two is read: the statement is still open when the connection breaks.
    two_rows = Statement(
        "any", insert(tables.task_def).values(_task_defs("a", "b")).returning(tables.task_def.c.name)
    )
    broken: list[Exception] = []

    def work(session: Session) -> None:
        session.one(two_rows)
        if not broken:
            # As long as the error lives, so do the frames that it came through.
            broken.append(BROKEN[store.engine.dialect.name])
            raise broken[0]

    # Well below the patience of a transaction that waits for a lock.
    store.transact(work, patience=BUSY_MILLISECONDS / 1000 / 2)

    assert sorted(store.read(definitions.task_defs)) == ["a", "b"]


def _task_defs(*names: str) -> list[dict[str, object]]:
    return [{"name": name, "content": "{}", "created": 0, "updated": 0} for name in names]


def test_nobody_sees_what_is_not_committed(store: Store) -> None:
    other = Store(store.engine)
    seen: list[list[str]] = []

    def work(session: Session) -> None:
        definitions.store_program(session, "p1", "{}", 0)
        reader = threading.Thread(target=lambda: seen.append(_stored(other)))
        reader.start()
        reader.join(20)

    store.transact(work)

    assert seen == [[]]
    assert _stored(other) == ["p1"]


def test_a_transaction_inside_another_is_refused(store: Store) -> None:
    def work(session: Session) -> None:
        definitions.store_program(session, "p1", "{}", 0)
        store.read(definitions.task_defs)

    with pytest.raises(RuntimeError, match="use its session"):
        store.transact(work)

    assert _stored(store) == []


def test_an_error_that_the_work_swallowed_does_not_pass_for_committed(postgres: Engine) -> None:
    store = Store(postgres)

    def work(session: Session) -> None:
        definitions.store_program(session, "p1", "{}", 0)
        row = {
            "name": "order",
            "version": 1,
            "program_id": "p1",
            "content": "{}",
            "description": None,
            "now": 0,
        }
        definitions.insert_version(session, **row)
        with pytest.raises(psycopg.errors.UniqueViolation):
            definitions.insert_version(session, **row)

    with pytest.raises(RuntimeError, match="nothing was committed"):
        store.transact(work)

    assert _stored(store) == []


@pytest.mark.parametrize("with_witness", [True, False])
def test_a_connection_that_breaks_before_the_commit_runs_the_work_again(
    engine: Engine, with_witness: bool
) -> None:
    work = Adding()
    store = Store(engine, Faults(engine, "before commit"))

    assert store.transact(work, witness=work.witness if with_witness else None) == 2

    assert _stored(store) == ["p2"]


def test_a_commit_whose_answer_was_lost_is_found_by_the_witness(engine: Engine) -> None:
    work = Adding()
    store = Store(engine, Faults(engine, "after commit"))

    assert store.transact(work, witness=work.witness) == 1

    assert _stored(store) == ["p1"]


def test_without_a_witness_work_whose_commit_was_carried_out_runs_again(engine: Engine) -> None:
    work = Adding()
    store = Store(engine, Faults(engine, "after commit"))

    assert store.transact(work) == 2

    assert _stored(store) == ["p1", "p2"]


def test_a_commit_that_was_not_carried_out_is_found_out_by_the_witness(engine: Engine) -> None:
    work = Adding()
    store = Store(engine, _undo_the_commit(engine))

    assert store.transact(work, witness=work.witness) == 2

    assert _stored(store) == ["p2"]


def _undo_the_commit(engine: Engine) -> Callable[[str], None]:
    """A commit that failed and left nothing: to the store it looks like one that was carried out."""
    faults = Faults(engine, "after commit")

    def fault(point: str) -> None:
        if point == "after commit" and faults.left:
            with engine.connect() as connection:
                connection.execute(text("DELETE FROM program"))
        faults(point)

    return fault


def test_a_commit_that_always_fails_ends_with_an_error(engine: Engine) -> None:
    work = Adding()
    store = Store(engine, Faults(engine, "after commit", times=1_000_000))

    with pytest.raises(StoreUnavailable) as caught:
        store.transact(work, patience=0.2)

    assert str(BROKEN[engine.dialect.name]) in str(caught.value)
    assert work.runs > 1


@pytest.mark.parametrize("point", ["before commit", "after commit"])
def test_work_of_one_statement_runs_again_and_finds_out_itself(engine: Engine, point: str) -> None:
    store = Store(engine, Faults(engine, point))
    changed: list[bool] = []

    def work(session: Session) -> list[bool]:
        changed.append(definitions.put_task_def(session, "work", "{}", 0))
        return changed

    answer = store.transact_once(work)

    # `before commit`: on PostgreSQL, where a statement commits itself, that is before the work.
    expected = {
        "before commit": {"sqlite": [True, True], "postgresql": [True]},
        "after commit": {"sqlite": [True, False], "postgresql": [True, False]},
    }
    assert answer == expected[point][engine.dialect.name]
    assert store.read(definitions.task_defs) == {"work": "{}"}


def test_transactions_that_wait_for_each_other_are_both_carried_out(postgres: Engine) -> None:
    with postgres.connect() as connection:
        connection.exec_driver_sql(
            f"ALTER DATABASE \"{postgres.url.database}\" SET deadlock_timeout = '20ms'"
        )
    postgres.dispose()
    store, both = Store(postgres), threading.Barrier(2)
    for name in ("a", "b"):
        store.transact(lambda session, n=name: definitions.put_task_def(session, n, "", 0))  # type: ignore[misc]
    runs: list[str] = []

    def change(first: str, second: str) -> Callable[[], None]:
        def work(session: Session) -> None:
            runs.append(first)
            definitions.put_task_def(session, first, f"by {first}", 0)
            if runs.count(first) == 1:
                both.wait(20)
            definitions.put_task_def(session, second, f"by {first}", 0)

        return lambda: store.transact(work)

    race(change("a", "b"), change("b", "a"))

    assert sorted(runs) in (["a", "a", "b"], ["a", "b", "b"])
    loser = max(runs, key=runs.count)
    assert store.read(definitions.task_defs) == {"a": f"by {loser}", "b": f"by {loser}"}
