"""Move an execution from outside: complete or fail a task that is open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import TaskNotFound, WrongState
from app.operations.audit import locked_execution, recorded
from app.operations.values import json_object
from app.runtime.engine import Engine
from app.runtime.execution import Execution, suffixed
from app.runtime.settle import Settlement
from app.store import tasks
from app.store.tasks import TaskRow, path_of
from workflows.operator import Done, Failed
from workflows.status import TaskStatus, WorkflowStatus


def complete_task(
    engine: Engine,
    execution_id: str,
    ref: str,
    output: Mapping[str, Any] | None = None,
    *,
    actor: str | None = None,
) -> None:
    """Complete a task that waits (a WAIT, a task for an outside worker) or is overdue; the flow goes on.

    ref: the reference; in a loop with its iteration (`review__2`), without: the latest that is open.

    Raises:
        ExecutionNotFound, TaskNotFound: there is none.
        WrongState: the task, or the execution, has ended.
        InvalidInput: the output is no JSON object.
    """
    _end(
        engine,
        execution_id,
        ref,
        Done(json_object(output, "a task's output", engine.payload_limit)),
        "complete_task",
        actor,
        None,
    )


def fail_task(
    engine: Engine,
    execution_id: str,
    ref: str,
    reason: str,
    *,
    terminal: bool = False,
    actor: str | None = None,
) -> None:
    """Fail a task that is open; its retry policy decides what follows. `terminal`: no retry.

    Raises:
        ExecutionNotFound, TaskNotFound, WrongState: as `complete_task`.
    """
    _end(engine, execution_id, ref, Failed(reason, terminal=terminal), "fail_task", actor, reason)


def _end(
    engine: Engine,
    execution_id: str,
    ref: str,
    outcome: Done | Failed,
    operation: str,
    actor: str | None,
    reason: str | None,
) -> None:
    def work(settlement: Settlement) -> None:
        execution = locked_execution(engine, settlement, execution_id)
        status = execution.row(settlement.session).status
        if WorkflowStatus(status).terminal:
            raise WrongState(f"execution {execution_id} is {status}: its tasks have ended")
        row = open_task(settlement, execution, ref)
        if not settlement.outcome_of_open(execution, row, outcome):
            raise WrongState(f"task {ref} of execution {execution_id} has just ended")

    recorded(engine, operation, execution_id, work, actor=actor, reason=reason, subject=ref)


def open_task(settlement: Settlement, execution: Execution, ref: str) -> TaskRow:
    """The latest task of this reference that is open.

    Raises:
        TaskNotFound: there is no such reference.
        WrongState: none is open.
    """
    rows = [
        row
        for row in tasks.live(settlement.session, execution.id)
        if ref in (row.ref, suffixed(row.ref, path_of(row.path)))
    ]
    if rows:
        return rows[-1]
    name = ref.split("__")[0]
    if name not in execution.program.nodes:
        raise TaskNotFound(execution.id, ref, sorted(execution.program.nodes))
    found = tasks.latest(settlement.session, execution.id, name, "", "9" * 64)
    if found is None:
        raise WrongState(f"task {ref} of execution {execution.id} has not been reached yet")
    raise WrongState(f"task {ref} of execution {execution.id} is {TaskStatus(found.status)}: it has ended")
