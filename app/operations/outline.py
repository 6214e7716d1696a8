"""An execution as it is drawn and followed: the graph of its program, and the state of its tasks without payload."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from app.errors import ExecutionNotFound, TaskNotFound
from app.operations.explain import explain_execution
from app.operations.query import TaskExecution, task_of
from app.runtime.engine import Engine
from app.runtime.execution import suffixed
from app.runtime.settle import NO_WORKER
from app.store import compensations, definitions, executions, logs, outlines, tasks, workers
from app.store.executions import WorkflowRow
from app.store.outlines import OutlineRow
from app.store.tasks import path_of
from app.store.unit_of_work import Session
from workflows.graph import Graph, case_name, graph_of
from workflows.status import TaskStatus

SHOWN = 5_000
"""Attempts that one look returns at most, the latest."""
OVERLAP_MS = 5_000
"""Clocks of processes differ: what changed so long before the last look is returned again."""


@dataclass(frozen=True, slots=True)
class TaskOutline:
    """One attempt of a task, without its payload. Times are milliseconds since the epoch (UTC)."""

    id: str
    ref: str
    """The reference as in the definition."""
    path: tuple[int, ...]
    """The iterations of the loops around it, outermost first."""
    attempt: int
    type: str
    name: str
    status: TaskStatus
    iteration: int
    """Of a loop: how many iterations of its body have ended."""
    case: str | None
    """Which case was chosen, as on the edge of the graph."""
    reason: str | None
    worker: str | None
    held: bool
    """A worker works on it right now."""
    sub_workflow_id: str | None
    queue: str | None
    """Of a worker task that nobody has begun: the queue that it waits in."""
    scheduled: int
    started: int | None
    updated: int
    ended: int | None
    due_at: int | None
    wake: str | None


@dataclass(frozen=True, slots=True)
class ExecutionOutline:
    """An execution and what of it has changed."""

    id: str
    name: str
    version: int
    status: str
    program: str
    """Its graph is the one of this program."""
    run: int
    reason: str | None
    correlation_id: str | None
    idempotency_key: str | None
    parent_id: str | None
    compensates: str | None
    compensated_by: str | None
    priority: int
    created_by: str | None
    created: int
    updated: int
    ended: int | None
    now: int
    """The server's time, by which durations of what runs are counted."""
    failed_task_id: str | None
    failed_ref: str | None
    explanation: str
    idle_queues: tuple[str, ...]
    """Queues in which its tasks wait and on which no worker listens."""
    unknown_workers: tuple[str, ...]
    """Worker tasks that no worker has: an outside worker has to poll for them."""
    tasks: tuple[TaskOutline, ...]
    attempts: int | None
    """How many attempts it has in all, where not all of them are in `tasks` of a first look."""
    since: int
    """To be given at the next look."""


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """Everything of one attempt of a task."""

    task: TaskExecution
    log: tuple[tuple[int, str, str], ...]
    """(ms since the epoch, level, message)."""
    message_id: str | None
    polls: int
    """How often it was handed to a worker."""
    sends: int
    """How often its message was sent again."""


def get_outline(engine: Engine, execution_id: str, since: int | None = None) -> ExecutionOutline:
    """An execution, and those of its tasks that changed since an earlier look; None: all, at most `SHOWN`.

    Raises:
        ExecutionNotFound: there is none.
    """

    def work(session: Session) -> ExecutionOutline:
        row = executions.by_id(session, execution_id)
        if row is None:
            raise ExecutionNotFound(execution_id)
        return _outline(engine, session, row, since)

    return engine.store.read(work)


def get_graph(engine: Engine, program_id: str) -> Graph | None:
    """The graph of a program, which never changes; None: there is no such program."""
    program = engine.store.read(lambda s: engine.programs.find(program_id, s))
    return None if program is None else graph_of(program)


def get_registered_graph(engine: Engine, name: str, version: int | None = None) -> Graph | None:
    """The graph of a version of a definition, or of the latest; None: there is no such definition."""
    program_id = engine.store.read(lambda s: definitions.find_program(s, name, version))
    return None if program_id is None else get_graph(engine, program_id)


def get_task(engine: Engine, execution_id: str, task_id: str) -> TaskDetail:
    """One attempt of a task of an execution with its payload and its log.

    Raises:
        TaskNotFound: the execution has none of this id.
    """

    def work(session: Session) -> TaskDetail:
        row = tasks.by_id(session, task_id)
        if row is None or row.workflow_id != execution_id:
            raise TaskNotFound(execution_id, task_id)
        log = tuple(logs.of_task(session, task_id))
        execution = executions.by_id(session, execution_id)
        if execution is None:
            raise TaskNotFound(execution_id, task_id)
        program = engine.programs.get(execution.program_id, session)
        return TaskDetail(task_of(program, row), log, row.message_id, row.polls, row.sends)

    return engine.store.read(work)


def _outline(engine: Engine, session: Session, row: WorkflowRow, since: int | None) -> ExecutionOutline:
    floor = 0 if since is None else since - OVERLAP_MS
    changed = outlines.changed(session, row.id, floor, SHOWN)
    listed = tuple(_task(engine, one) for one in reversed(changed))
    waiting = outlines.waiting(session, row.id)
    unknown = {type_ for type_, reason in waiting if reason == NO_WORKER}
    queues = {engine.workers.queue(type_) for type_, reason in waiting if reason != NO_WORKER}
    program = engine.programs.get(row.program_id, session)
    undoing = compensations.latest(session, row.id) if program.compensable else None
    failed = tasks.by_id(session, row.failed_task_id) if row.failed_task_id else None
    return ExecutionOutline(
        id=row.id,
        name=row.name,
        version=row.version,
        status=row.status,
        program=row.program_id,
        run=row.run,
        reason=row.reason,
        correlation_id=row.correlation_id,
        idempotency_key=row.idempotency_key,
        parent_id=row.parent_id,
        compensates=row.compensates,
        compensated_by=undoing.id if undoing is not None else None,
        priority=row.priority,
        created_by=row.created_by,
        created=row.created,
        updated=row.updated,
        ended=row.ended,
        now=engine.clock(),
        failed_task_id=row.failed_task_id,
        failed_ref=suffixed(failed.ref, path_of(failed.path)) if failed is not None else None,
        explanation=explain_execution(engine, session, row),
        idle_queues=tuple(sorted(queues - _listened(session))) if queues else (),
        unknown_workers=tuple(sorted(unknown)),
        tasks=listed,
        attempts=outlines.count(session, row.id) if len(changed) == SHOWN else None,
        since=max([since or 0, *(task.updated for task in listed)]),
    )


def _listened(session: Session) -> set[str]:
    return {str(queue) for row in workers.alive(session) for queue in orjson.loads(row.queues)}


def _task(engine: Engine, row: OutlineRow) -> TaskOutline:
    status = TaskStatus(row.status)
    waits = status is TaskStatus.SCHEDULED and not row.iteration and row.reason != NO_WORKER
    later = row.attempt > 0 and row.sends == 0 and row.due_at is not None and row.due_at > engine.clock()
    return TaskOutline(
        id=row.id,
        ref=row.ref,
        path=path_of(row.path),
        attempt=row.attempt,
        type=row.type,
        name=row.name,
        # A loop between two iterations may be on its way through the broker.
        status=TaskStatus.IN_PROGRESS if status is TaskStatus.SCHEDULED and row.iteration else status,
        iteration=row.iteration,
        case=case_name(row.label) if row.label else None,
        reason=row.reason,
        worker=row.worker,
        held=row.owner is not None,
        sub_workflow_id=row.sub_workflow_id,
        queue=engine.workers.queue(row.type) if waits and not later else None,
        scheduled=row.scheduled,
        started=row.started,
        updated=row.updated,
        ended=row.ended,
        due_at=row.due_at,
        wake=row.wake,
    )
