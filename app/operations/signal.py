"""Move an execution from outside: complete or fail a task that is open, terminate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from app.errors import ExecutionNotFound, InvalidInput, TaskNotFound, WrongState
from app.runtime import ending
from app.runtime.clock import new_id
from app.runtime.engine import Engine
from app.runtime.execution import Execution, suffixed
from app.runtime.settle import Settlement
from app.store import executions, logs, tasks
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
    _end(engine, execution_id, ref, Done(_object(output)), "complete_task", actor, None)


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


def terminate(engine: Engine, execution_id: str, reason: str = "", *, actor: str | None = None) -> None:
    """End an execution and its children; open tasks are cancelled, no failure workflow is started.

    Raises:
        ExecutionNotFound: there is none.
        WrongState: it has ended already.
    """

    def work(settlement: Settlement) -> None:
        execution = _execution(engine, settlement, execution_id)
        if not ending.terminated(settlement, execution, reason or "terminated on request"):
            status = execution.row(settlement.session).status
            raise WrongState(f"execution {execution_id} is {status}: it has ended and can't be terminated")

    _recorded(engine, work, execution_id, "terminate", actor, None, reason)


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
        execution = _execution(engine, settlement, execution_id)
        status = execution.row(settlement.session).status
        if WorkflowStatus(status).terminal:
            raise WrongState(f"execution {execution_id} is {status}: its tasks have ended")
        row = _open_task(settlement, execution, ref)
        if not settlement.outcome_of_open(execution, row, outcome):
            raise WrongState(f"task {ref} of execution {execution_id} has just ended")

    _recorded(engine, work, execution_id, operation, actor, ref, reason)


def _execution(engine: Engine, settlement: Settlement, execution_id: str) -> Execution:
    row = executions.by_id(settlement.session, execution_id, lock=True)
    if row is None:
        raise ExecutionNotFound(execution_id)
    return Execution(row.id, row.run, engine.programs.get(row.program_id, settlement.session), row)


def _open_task(settlement: Settlement, execution: Execution, ref: str) -> TaskRow:
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


def _object(output: Any) -> dict[str, Any]:
    output = {} if output is None else output
    if not isinstance(output, Mapping):
        raise InvalidInput(f"a task's output must be a JSON object (a dict), not {type(output).__name__}")
    try:
        plain: dict[str, Any] = orjson.loads(orjson.dumps(dict(output)))
    except TypeError as error:
        raise InvalidInput(f"the output is no JSON: {error}") from None
    return plain


def _recorded(
    engine: Engine,
    work: Callable[[Settlement], None],
    execution_id: str,
    operation: str,
    actor: str | None,
    subject: str | None,
    reason: str | None,
) -> None:
    """Do it and record it in one transaction; the record also tells whether a commit without an answer was ours."""
    audit_id = new_id()

    def transaction(settlement: Settlement) -> None:
        work(settlement)
        logs.record(
            settlement.session,
            id=audit_id,
            created=settlement.now,
            actor=actor,
            operation=operation,
            workflow_id=execution_id,
            subject=subject,
            reason=reason,
            detail=None,
        )

    engine.from_outside(transaction, witness=lambda session: logs.is_recorded(session, audit_id))
