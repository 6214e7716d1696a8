"""What somebody must look at again: tasks and executions that are due, claims of workers that are gone."""

from __future__ import annotations

from typing import Any

from app.store import executions, tasks, workers
from app.store.unit_of_work import Store
from app.store.workers import WorkerRow
from tests.store.racing import race
from tests.store.rows import NOW, add, found, held_row, task_row, workflow_row


def test_due_are_live_tasks_whose_time_has_come_the_oldest_first(store: Store) -> None:
    late, later = task_row(ref="late", due_at=NOW - 1), held_row(ref="later", due_at=NOW)
    latest = task_row(ref="latest", due_at=NOW - 9)
    others = [
        task_row(ref="not yet", due_at=NOW + 1),
        task_row(ref="never"),
        task_row(ref="ended", due_at=NOW - 9, status="COMPLETED", ended=NOW),
    ]
    add(store, workflow_row(), late, later, latest, *others)

    assert store.read(lambda session: tasks.due(session, NOW, 10)) == [latest, late, later]
    assert store.read(lambda session: tasks.due(session, NOW, 2)) == [latest, late]


def test_of_several_sweepers_one_has_a_tasks_turn(store: Store) -> None:
    rows = [task_row(ref=f"t{n}", due_at=NOW, wake="send") for n in range(15)]
    add(store, workflow_row(), *rows)

    for row in rows:

        def sweep(row_id: str = row.id) -> bool:
            return store.transact(lambda session: tasks.reserve_due(session, row_id, NOW, NOW + 100))

        assert sorted(race(sweep, sweep, sweep)) == [False, False, True]
        assert found(store, row) == row._replace(due_at=NOW + 100, sends=1)


def test_a_task_that_has_ended_has_no_turn(store: Store) -> None:
    row = task_row(status="COMPLETED", due_at=NOW)
    add(store, workflow_row(), row)

    assert store.transact(lambda session: tasks.reserve_due(session, row.id, NOW, None)) is False
    store.transact(lambda session: tasks.change_due(session, row.id, NOW + 1, "send", sends=1))

    assert found(store, row) == row


def test_when_to_look_again_can_be_moved_or_dropped(store: Store) -> None:
    row = task_row(due_at=NOW, wake="send", sends=2)
    add(store, workflow_row(), row)

    store.transact(lambda session: tasks.change_due(session, row.id, NOW + 50, "ask", sends=1))
    moved = found(store, row)
    store.transact(lambda session: tasks.change_due(session, row.id, None, "send"))

    assert moved == row._replace(due_at=NOW + 50, wake="ask", sends=3)
    assert found(store, row) == row._replace(due_at=None, wake="send", sends=3)
    assert store.read(lambda session: tasks.due(session, NOW * 2, 10)) == []


def test_the_claims_of_a_worker_and_of_a_message_are_found(store: Store) -> None:
    mine = [held_row(ref="a"), held_row(ref="b", message_id="m2"), held_row(ref="c")]
    others = [
        held_row(ref="parked", owner=None),
        held_row(ref="ended", status="COMPLETED"),
        held_row(ref="other", owner="w2"),
        task_row(ref="open"),
    ]
    add(store, workflow_row(), *mine, *others)

    assert store.read(lambda session: tasks.of_owner(session, "w1")) == mine
    assert store.read(lambda session: tasks.of_message(session, "w1", "m1")) == [mine[0], mine[2]]
    assert store.read(lambda session: tasks.of_message(session, "w2", "m2")) == []


def test_executions_are_due_until_they_end_or_their_timeout_is_dropped(store: Store) -> None:
    rows = [workflow_row(id=f"w{n}", due_at=NOW - n) for n in range(4)]
    add(store, *rows, workflow_row(id="without"))
    store.transact(lambda session: executions.change_due(session, "w3", None))
    end: dict[str, Any] = {
        "status": "TIMED_OUT",
        "output": "{}",
        "reason": "slow",
        "failed_refs": None,
        "failed_task_id": None,
    }
    store.transact(lambda session: executions.end_workflow(session, id="w2", now=NOW, **end))

    assert store.read(lambda session: executions.due(session, NOW, 10)) == [rows[1], rows[0]]
    assert store.read(lambda session: executions.due(session, NOW - 1, 10)) == [rows[1]]
    assert store.read(lambda session: executions.due(session, NOW, 1)) == [rows[1]]


def _worker(worker_id: str, heartbeat: int = NOW, state: str = "alive") -> WorkerRow:
    return WorkerRow(worker_id, f"{worker_id}@host", 1, 2, "[]", "[]", NOW, heartbeat, state)


def test_workers_are_alive_silent_or_gone(store: Store) -> None:
    fresh, silent = _worker("fresh"), _worker("silent", NOW - 10_000)
    dead, stopped = _worker("dead", state="dead"), _worker("stopped", state="stopped")
    long_gone = _worker("long gone", NOW - 99_000, "dead")
    for row in (fresh, silent, dead, stopped, long_gone):
        store.transact(lambda session, new=row: workers.register(session, new))  # type: ignore[misc]

    assert store.read(workers.alive) == [fresh, silent]
    assert store.read(lambda session: workers.silent(session, NOW - 5000)) == [silent]
    gone = store.read(lambda session: workers.gone(session, NOW - 50_000))
    assert sorted(gone) == [dead, stopped]


def test_a_worker_that_gives_a_sign_of_life_is_alive_again(store: Store) -> None:
    dead = _worker("w1", NOW - 10_000, "dead")
    store.transact(lambda session: workers.register(session, dead))

    assert store.transact(lambda session: workers.heartbeat(session, "w1", NOW)) is True
    assert store.transact(lambda session: workers.heartbeat(session, "unknown", NOW)) is False

    assert store.read(workers.alive) == [dead._replace(state="alive", heartbeat=NOW)]


def test_a_silent_worker_is_declared_dead_once(store: Store) -> None:
    for n in range(10):
        row = _worker(f"w{n}")
        store.transact(lambda session, new=row: workers.register(session, new))  # type: ignore[misc]

        def declare(worker_id: str = row.id) -> bool:
            return store.transact(lambda session: workers.set_state(session, worker_id, "alive", "dead"))

        assert sorted(race(declare, declare)) == [False, True]
