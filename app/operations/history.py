"""Every transition of an execution and of its tasks, in the order of time, with who or what made it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import ExecutionNotFound, InvalidInput
from app.operations.query import TaskExecution, task_of
from app.runtime.engine import Engine
from app.store import executions, logs, tasks
from app.store.executions import WorkflowRow
from app.store.logs import AuditRow
from app.store.tasks import TaskRow
from app.store.unit_of_work import Session
from workflows.program import Program

MOST = 1_000


@dataclass(frozen=True, slots=True)
class Transition:
    """Something that happened. Its place in the history is `number`, from 1."""

    number: int
    at: int
    """Milliseconds since the epoch (UTC)."""
    what: str
    """A status that was entered (`IN_PROGRESS`), or an operation (`pause`)."""
    ref: str | None
    """Of a task: its reference, in a loop with its iteration; None: of the whole execution."""
    attempt: int | None
    actor: str | None
    """The worker that had the task, or who asked for the operation; None: Podium by itself."""
    reason: str | None


def history(engine: Engine, execution_id: str, *, after: int = 0, limit: int = MOST) -> list[Transition]:
    """What happened to an execution and its tasks, the oldest first; not in its sub-workflows.

    Of what a rerun or restart removed only the operation is told.
    after: the number of the last one of the page before.

    Raises:
        ExecutionNotFound: there is none.
        InvalidInput: the limit is not between 1 and `MOST`.
    """
    if not 1 <= limit <= MOST:
        raise InvalidInput(f"at most {MOST:,} transitions can be asked for at a time, and at least 1")

    def work(session: Session) -> tuple[WorkflowRow, list[TaskRow], list[AuditRow]]:
        row = executions.by_id(session, execution_id)
        if row is None:
            raise ExecutionNotFound(execution_id)
        return row, tasks.of_workflow(session, execution_id), logs.done_to(session, execution_id)

    row, rows, done = engine.store.read(work)
    program = engine.programs.get(row.program_id)
    found = sorted(_transitions(program, row, rows, done), key=lambda each: each[:2])
    page = enumerate(found[after : after + limit], after + 1)
    return [
        Transition(number, at, what, ref, attempt, actor, reason)
        for number, (at, _, what, ref, attempt, actor, reason) in page
    ]


_Event = tuple[int, int, str, str | None, int | None, str | None, str | None]
"""(time, order among those of one time, and the fields of a Transition from `what` on)."""


def _transitions(
    program: Program, row: WorkflowRow, rows: list[TaskRow], done: list[AuditRow]
) -> Iterator[_Event]:
    yield row.created, 0, "RUNNING", None, None, row.created_by or row.event, None
    for each in done:
        yield each.created, 1, each.operation, each.subject, None, each.actor, each.reason
    for task in rows:
        yield from _of_task(task_of(program, task))
    if row.ended is not None:
        yield row.ended, 5, row.status, None, None, None, row.reason


def _of_task(task: TaskExecution) -> Iterator[_Event]:
    yield task.scheduled, 2, "SCHEDULED", task.ref, task.attempt, None, None
    if task.started is not None:
        yield task.started, 3, "IN_PROGRESS", task.ref, task.attempt, task.worker, None
    if task.ended is not None:
        yield task.ended, 4, task.status, task.ref, task.attempt, task.worker, task.reason
