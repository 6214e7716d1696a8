"""Rows, and the parameters of claims and ends, with what a test does not care about filled in."""

from __future__ import annotations

from typing import Any

from app.runtime.clock import new_id
from app.store import executions, tasks
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow
from app.store.unit_of_work import Store

NOW = 1_700_000_000_000
"""Milliseconds since the epoch."""

_WORKFLOW = WorkflowRow(
    id="w",
    name="order",
    version=1,
    program_id="p",
    status="RUNNING",
    run=1,
    correlation_id=None,
    idempotency_key=None,
    parent_id=None,
    parent_task_id=None,
    priority=0,
    input="{}",
    output=None,
    variables="{}",
    task_to_domain=None,
    reason=None,
    failed_refs=None,
    failed_task_id=None,
    event=None,
    created_by=None,
    created=NOW,
    updated=NOW,
    ended=None,
    due_at=None,
    compensates=None,
    awaited=None,
)
_TASK = TaskRow(
    id="",
    workflow_id="w",
    ref="a",
    path="",
    attempt=0,
    type="SIMPLE",
    name="work",
    status="SCHEDULED",
    iteration=0,
    label=None,
    input="{}",
    output=None,
    reason=None,
    owner=None,
    claim=None,
    message_id=None,
    worker=None,
    retried_id=None,
    retried=0,
    polls=0,
    sends=0,
    sub_workflow_id=None,
    domain=None,
    queue=None,
    priority=0,
    lease=None,
    scheduled=NOW,
    first_scheduled=NOW,
    started=None,
    updated=NOW,
    ended=None,
    due_at=None,
    wake=None,
)


def workflow_row(**changes: Any) -> WorkflowRow:
    """An execution `w` that runs, in its first run, except for `changes`."""
    return _WORKFLOW._replace(**changes)


def task_row(**changes: Any) -> TaskRow:
    """A scheduled task `a` of execution `w` with an id of its own, except for `changes`."""
    return _TASK._replace(**({"id": new_id()} | changes))


def held_row(claim: int = 7, **changes: Any) -> TaskRow:
    """A task that worker `w1` has claimed."""
    held = {"status": "IN_PROGRESS", "owner": "w1", "claim": claim, "message_id": "m1", "started": NOW}
    return task_row(**(held | changes))


def add(store: Store, *rows: TaskRow | WorkflowRow) -> None:
    """Insert rows; tasks after the execution that they belong to."""
    for row in rows:
        if isinstance(row, WorkflowRow):
            store.transact(lambda session, new=row: executions.insert_workflow(session, new))  # type: ignore[misc]
        else:
            assert store.transact(lambda session, new=row: tasks.insert_task(session, new, run=1))  # type: ignore[misc]


def found(store: Store, row: TaskRow) -> TaskRow:
    """The row as it is stored now."""
    stored = store.read(lambda session: tasks.by_id(session, row.id))
    assert stored is not None
    return stored


def claim_of(row: TaskRow, claim: int = 7, **changes: Any) -> dict[str, Any]:
    """Parameters of `claim_task` for a position."""
    params = {
        "workflow_id": row.workflow_id,
        "run": 1,
        "ref": row.ref,
        "path": row.path,
        "attempt": row.attempt,
        "owner": "w1",
        "worker": "w1@host",
        "claim": claim,
        "message_id": "m1",
        "now": NOW + 10,
        "due_at": NOW + 3_600_000,
        "wake": "timeout",
    }
    return params | changes


def end_of(row: TaskRow, claim: int = 7, **changes: Any) -> dict[str, Any]:
    """Parameters of `end_task` for a claimed row."""
    params = {
        "id": row.id,
        "claim": claim,
        "status": "COMPLETED",
        "output": '{"sum": 3}',
        "reason": None,
        "now": NOW + 20,
    }
    return params | changes


def park_of(row: TaskRow, claim: int = 7, **changes: Any) -> dict[str, Any]:
    """Parameters of `park_task` for a claimed row."""
    params = {
        "id": row.id,
        "claim": claim,
        "status": "IN_PROGRESS",
        "output": None,
        "reason": "waits",
        "iteration": row.iteration,
        "sub_workflow_id": None,
        "now": NOW + 20,
        "due_at": NOW + 5000,
        "wake": "wait",
    }
    return params | changes
