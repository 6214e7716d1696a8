"""Claiming: of all deliveries of a position exactly one has it, and only while its execution runs."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from sqlalchemy import Engine

from app.store import executions, tasks
from app.store.tasks import TaskRow
from app.store.unit_of_work import Session, Store
from tests.store.racing import race
from tests.store.rows import NOW, add, claim_of, found, held_row, task_row, workflow_row

IDLE: dict[str, dict[str, Any]] = {
    "paused": {"status": "PAUSED"},
    "ended": {"status": "COMPLETED"},
    "in a later run": {"run": 2},
    "of another id": {"id": "other"},
}


def _claim(store: Store, row: TaskRow, claim: int, **changes: Any) -> TaskRow | None:
    return store.transact(lambda session: tasks.claim_task(session, **claim_of(row, claim, **changes)))


def test_a_claim_takes_the_row_and_says_who_holds_it(store: Store) -> None:
    row = task_row(polls=1, due_at=NOW, wake="send")
    add(store, workflow_row(), row)

    claimed = _claim(store, row, claim=8)

    assert claimed == found(store, row)
    assert claimed == row._replace(
        status="IN_PROGRESS",
        owner="w1",
        worker="w1@host",
        claim=8,
        message_id="m1",
        started=NOW + 10,
        updated=NOW + 10,
        due_at=NOW + 3_600_000,
        wake="timeout",
        polls=2,
    )


def test_a_task_that_was_begun_before_keeps_its_start(store: Store) -> None:
    row = task_row(started=NOW + 1)
    add(store, workflow_row(), row)

    claimed = _claim(store, row, claim=8)

    assert claimed is not None
    assert claimed.started == NOW + 1


def test_of_many_deliveries_at_the_same_moment_exactly_one_claims(store: Store) -> None:
    rows = [task_row(ref=f"t{n}") for n in range(15)]
    add(store, workflow_row(), *rows)

    for row in rows:
        answers = race(*(lambda c=claim, r=row: _claim(store, r, c) for claim in range(4)))

        winners = [answer for answer in answers if answer is not None]
        assert len(winners) == 1
        assert found(store, row).claim == winners[0].claim


def test_a_delivery_that_comes_during_a_claim_waits_and_finds_it_claimed(postgres: Engine) -> None:
    store, row = Store(postgres), task_row()
    add(store, workflow_row(), row)
    answers: list[TaskRow | None] = []
    late = threading.Thread(target=lambda: answers.append(_claim(store, row, claim=2)))

    def claim_slowly(session: Session) -> TaskRow | None:
        claimed = tasks.claim_task(session, **claim_of(row, claim=1))
        late.start()
        _wait_for_a_blocked_statement(postgres)
        return claimed

    first = store.transact(claim_slowly)
    late.join(30)

    assert first is not None
    assert answers == [None]


def _wait_for_a_blocked_statement(engine: Engine) -> None:
    deadline = time.monotonic() + 20
    with engine.connect() as connection:
        while not connection.exec_driver_sql(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ).scalar():
            assert time.monotonic() < deadline


def test_a_claim_that_was_rolled_back_leaves_the_task_to_the_next(store: Store) -> None:
    row = task_row()
    add(store, workflow_row(), row)

    def claim_and_fail(session: Session) -> None:
        assert tasks.claim_task(session, **claim_of(row, claim=1)) is not None
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.transact(claim_and_fail)

    assert found(store, row) == row
    assert _claim(store, row, claim=2) is not None


@pytest.mark.parametrize("state", IDLE)
def test_nothing_is_claimed_when_the_execution_is(store: Store, state: str) -> None:
    row = task_row()
    add(store, workflow_row(), row)
    _become(store, **IDLE[state])

    assert _claim(store, row, claim=1) is None
    assert found(store, row) == row


@pytest.mark.parametrize("state", IDLE)
def test_nothing_is_inserted_when_the_execution_is(store: Store, state: str) -> None:
    add(store, workflow_row(**IDLE[state]))
    row = task_row()

    assert store.transact(lambda session: tasks.insert_task(session, row, run=1)) is False
    store.transact(lambda session: tasks.insert_tasks(session, [task_row(ref="b"), task_row(ref="c")], run=1))

    assert store.read(lambda session: tasks.of_workflow(session, "w")) == []


def _become(store: Store, **changes: Any) -> None:
    columns = ", ".join(f"{name} = {value!r}" for name, value in changes.items())
    with store.engine.connect() as connection:
        connection.exec_driver_sql(f"UPDATE workflow SET {columns}")


@pytest.mark.parametrize(
    "other", [{"ref": "b"}, {"path": "00000001"}, {"attempt": 1}, {"workflow_id": "v"}], ids=str
)
def test_a_claim_takes_its_own_position_only(store: Store, other: dict[str, Any]) -> None:
    row = task_row()
    add(store, workflow_row(), workflow_row(id="v"), row)

    assert _claim(store, row._replace(**other), claim=1) is None
    assert found(store, row) == row


@pytest.mark.parametrize("status", ["IN_PROGRESS", "COMPLETED", "FAILED", "CANCELED"])
def test_what_is_not_scheduled_can_not_be_claimed(store: Store, status: str) -> None:
    row = held_row(status=status)
    add(store, workflow_row(), row)

    assert _claim(store, row, claim=9) is None
    assert found(store, row) == row


def test_a_position_is_scheduled_once(store: Store) -> None:
    row = task_row(path="00000001", attempt=1)
    add(store, workflow_row(), row)
    twin = row._replace(id="another")

    inserted = store.transact(lambda session: tasks.insert_task(session, twin, run=1))
    put = store.transact(lambda session: tasks.put_task(session, twin))

    assert (inserted, put) == (False, False)
    assert store.read(lambda session: tasks.of_workflow(session, "w")) == [row]


def test_many_rows_are_inserted_at_once_as_they_are(store: Store) -> None:
    rows = [task_row(ref=f"t{n}", owner=None if n else "w1", input='{"é": "\\u0000 ✓"}') for n in range(50)]
    add(store, workflow_row())

    store.transact(lambda session: tasks.insert_tasks(session, rows, run=1))
    store.transact(lambda session: tasks.insert_tasks(session, [], run=1))

    assert store.read(lambda session: tasks.of_workflow(session, "w")) == rows


def test_an_execution_that_is_being_ended_gets_no_more_tasks(postgres: Engine) -> None:
    store, row = Store(postgres), task_row()
    add(store, workflow_row())
    answers: list[bool] = []

    def insert(session: Session) -> bool:
        # What a step does that can't see the other's uncommitted end: keep the status first.
        executions.share(session, "w")
        return tasks.insert_task(session, row, run=1)

    late = threading.Thread(target=lambda: answers.append(store.transact(insert)))

    def end_slowly(session: Session) -> bool:
        ended = executions.end_workflow(
            session,
            id="w",
            status="TERMINATED",
            output=None,
            reason=None,
            failed_refs=None,
            failed_task_id=None,
            now=NOW,
        )
        late.start()
        _wait_for_a_blocked_statement(postgres)
        return ended

    assert store.transact(end_slowly)
    late.join(30)

    assert answers == [False]
