"""What waits in queues, and how executions went: of a bounded number."""

from __future__ import annotations

import pytest

from app.runtime.clock import new_id
from app.store import executions, figures, tasks
from app.store.unit_of_work import Store
from tests.store.rows import _TASK, _WORKFLOW, NOW


@pytest.fixture
def filled(store: Store) -> Store:
    """Three executions of one definition, one of them failed, each with one ended task; and five open tasks."""
    for number in range(3):
        row = _WORKFLOW._replace(
            id=f"w{number}", status="FAILED" if number == 0 else "COMPLETED", created=NOW, ended=NOW + 100
        )
        ended = _TASK._replace(
            id=new_id(), workflow_id=row.id, ref="ended", status="FAILED" if number == 0 else "COMPLETED"
        )
        done = ended._replace(started=NOW, ended=NOW + 10 * number)
        store.transact(lambda s, row=row: executions.insert_workflow(s, row))  # type: ignore[misc]
        store.transact(lambda s, done=done: tasks.put_task(s, done))  # type: ignore[misc]
    for number, changes in enumerate(
        [
            {"status": "SCHEDULED", "scheduled": NOW - 50},
            {"status": "SCHEDULED", "scheduled": NOW - 70},
            {"status": "IN_PROGRESS", "owner": "somebody"},
            {"status": "SCHEDULED", "attempt": 1, "due_at": NOW + 1000},
            {"status": "SCHEDULED", "queue": "fax", "type": "fax"},
        ]
    ):
        task = _TASK._replace(id=new_id(), workflow_id="w1", ref=f"open{number}")._replace(**changes)  # type: ignore[arg-type]
        store.transact(lambda s, task=task: tasks.put_task(s, task))  # type: ignore[misc]
    return store


def test_open_tasks_are_counted_by_what_they_wait_for(filled: Store) -> None:
    rows = filled.read(lambda s: figures.open_tasks(s, NOW))

    found = {(row.queue, row.status, row.held, row.later): (row.number, row.oldest) for row in rows}
    assert found[None, "SCHEDULED", 0, 0] == (2, NOW - 70)
    assert found[None, "IN_PROGRESS", 1, 0][0] == 1
    assert found[None, "SCHEDULED", 0, 1][0] == 1
    assert found["fax", "SCHEDULED", 0, 0][0] == 1


def test_no_more_open_tasks_are_looked_at_than_agreed(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "LIVE_SEEN", 3)

    assert sum(row.number for row in filled.read(lambda s: figures.open_tasks(s, NOW))) == 3


def test_runs_of_a_definition_are_the_newest(filled: Store) -> None:
    assert [run.status for run in filled.read(lambda s: figures.runs(s, "order", "", 2))] == [
        "COMPLETED",
        "COMPLETED",
    ]
    assert filled.read(lambda s: figures.runs(s, "another", "")) == []


def test_executions_of_a_time_are_counted_by_status(filled: Store) -> None:
    assert filled.read(lambda s: figures.statuses(s, "order", "w0", "w2")) == {"FAILED": 1, "COMPLETED": 1}


def test_tasks_are_summed_up_by_reference(filled: Store) -> None:
    rows = {row.ref: row for row in filled.read(lambda s: figures.by_task(s, ["w0", "w1", "w2"]))}

    assert rows["ended"] == ("ended", 3, 1, 10.0, 20)
    assert rows["open0"].mean is None
