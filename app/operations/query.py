"""Look at executions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from app.errors import ExecutionNotFound
from app.operations.explain import explain_execution
from app.runtime.engine import Engine
from app.runtime.execution import suffixed
from app.runtime.payload import in_row, load
from app.store import compensations, executions, logs, search, tasks
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow, path_of
from app.store.unit_of_work import Session
from workflows.program import Program
from workflows.status import TaskStatus, WorkflowStatus


@dataclass(frozen=True, slots=True)
class TaskExecution:
    """One attempt of a task. Times are milliseconds since the epoch (UTC)."""

    id: str
    ref: str
    """referenceTaskName: in a loop with its iteration, `charge__2`."""
    name: str
    type: str
    status: TaskStatus
    attempt: int
    """0 for the first."""
    retried: bool
    """A later attempt exists."""
    iteration: int
    """The task's own in its innermost loop; of a loop: how far it is."""
    path: tuple[int, ...]
    input: dict[str, Any]
    output: Any
    reason: str | None
    worker: str | None
    """The name of the worker that ran it, or runs it."""
    sub_workflow_id: str | None
    scheduled: int
    started: int | None
    ended: int | None
    due_at: int | None
    """When it is looked at again: the end of a wait, the start of a retry, a timeout."""


@dataclass(frozen=True, slots=True)
class ExecutionState:
    """One execution. Times are milliseconds since the epoch (UTC)."""

    id: str
    name: str
    version: int
    status: WorkflowStatus
    input: dict[str, Any]
    output: Any
    variables: dict[str, Any]
    reason: str | None
    correlation_id: str | None
    idempotency_key: str | None
    parent_id: str | None
    priority: int
    failed_refs: tuple[str, ...]
    created: int
    updated: int
    ended: int | None
    compensates: str | None = None
    rate_limit_key: str | None = None
    rate_limited: bool = False
    """It waits for its turn (`rateLimitConfig`)."""
    """The execution that it undoes."""


def get_execution(engine: Engine, execution_id: str) -> ExecutionState:
    """An execution.

    Raises:
        ExecutionNotFound: there is none.
    """
    row = engine.store.read(lambda s: executions.by_id(s, execution_id))
    if row is None:
        raise ExecutionNotFound(execution_id)
    return state_of(engine.programs.get(row.program_id), row)


def get_tasks(engine: Engine, execution_id: str) -> list[TaskExecution]:
    """All attempts of all tasks, in the order of their scheduling.

    Raises:
        ExecutionNotFound: there is no such execution.
    """

    def work(session: Session) -> list[TaskExecution]:
        execution = executions.by_id(session, execution_id)
        if execution is None:
            raise ExecutionNotFound(execution_id)
        program = engine.programs.get(execution.program_id, session)
        return [task_of(program, row) for row in tasks.of_workflow(session, execution_id)]

    return engine.store.read(work)


def get_compensation(engine: Engine, execution_id: str) -> ExecutionState | None:
    """What undoes an execution; of several, one for each time that it did not complete, the last. None: nothing."""
    row = engine.store.read(lambda s: compensations.latest(s, execution_id))
    return None if row is None else state_of(engine.programs.get(row.program_id), row)


def get_task_log(engine: Engine, task_id: str) -> list[tuple[int, str, str]]:
    """What a worker task has logged: (ms since the epoch, level, message), in order."""
    return engine.store.read(lambda s: logs.of_task(s, task_id))


def list_executions(
    engine: Engine,
    *,
    status: str | None = None,
    name: str | None = None,
    version: int | None = None,
    correlation_id: str | None = None,
    parent_id: str | None = None,
    created_from: int | None = None,
    created_to: int | None = None,
    before: str | None = None,
    limit: int = 20,
) -> list[ExecutionState]:
    """The newest executions that fit every filter given. `before`: the last id of the page before."""
    rows = engine.store.read(
        lambda s: search.page(
            s,
            limit,
            status=status,
            name=name,
            version=version,
            correlation_id=correlation_id,
            parent_id=parent_id,
            created_from=created_from,
            created_to=created_to,
            before=before,
        )
    )
    return [state_of(engine.programs.get(row.program_id), listed(row)) for row in rows]


def count_executions(engine: Engine) -> dict[str, int]:
    """How many executions there are in each status."""
    return engine.store.read(search.counts)


def explain(engine: Engine, execution_id: str) -> str:
    """Say in a sentence what an execution waits for, or how it ended.

    Raises:
        ExecutionNotFound: there is none.
    """

    def work(session: Session) -> str:
        row = executions.by_id(session, execution_id)
        if row is None:
            raise ExecutionNotFound(execution_id)
        return explain_execution(engine, session, row)

    return engine.store.read(work)


def listed(row: WorkflowRow) -> WorkflowRow:
    """The row as lists show it: what is kept outside of it is not fetched for each."""
    return row._replace(input=in_row(row.input), output=in_row(row.output))


def state_of(program: Program, row: WorkflowRow) -> ExecutionState:
    """An execution's row as it is shown to whoever reads, without its masked fields."""
    mask = program.mask or _as_it_is
    return ExecutionState(
        id=row.id,
        name=row.name,
        version=row.version,
        status=WorkflowStatus(row.status),
        input=mask(load(row.input)),
        output=mask(load(row.output)) if row.output else {},
        variables=mask(orjson.loads(row.variables)),
        reason=row.reason,
        correlation_id=row.correlation_id,
        idempotency_key=row.idempotency_key,
        parent_id=row.parent_id,
        priority=row.priority,
        failed_refs=tuple(orjson.loads(row.failed_refs)) if row.failed_refs else (),
        created=row.created,
        updated=row.updated,
        ended=row.ended,
        compensates=row.compensates,
        rate_limit_key=row.rate_limit_key,
        rate_limited=bool(row.rate_limited),
    )


def _as_it_is(value: Any) -> Any:
    return value


def task_of(program: Program, row: TaskRow) -> TaskExecution:
    """A task's row as it is shown to whoever reads, without its execution's masked fields."""
    mask, path = program.mask or _as_it_is, path_of(row.path)
    status = TaskStatus(row.status)
    if status is TaskStatus.SCHEDULED and row.iteration:
        # A loop between two iterations may be on its way through the broker.
        status = TaskStatus.IN_PROGRESS
    return TaskExecution(
        id=row.id,
        ref=suffixed(row.ref, path),
        name=row.name,
        type=row.type,
        status=status,
        attempt=row.attempt,
        retried=bool(row.retried),
        iteration=row.iteration or (path[-1] if path else 0),
        path=path,
        input=mask(load(row.input)),
        output=mask(load(row.output)) if row.output else {},
        reason=row.reason,
        worker=row.worker,
        sub_workflow_id=row.sub_workflow_id,
        scheduled=row.scheduled,
        started=row.started,
        ended=row.ended,
        due_at=row.due_at,
    )
