"""Outside workers: hand tasks to those that poll, and take their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import orjson

from app.errors import ExecutionNotFound, InvalidInput, SecretNotFound, TaskIdNotFound, WrongState
from app.runtime import changes, retry
from app.runtime.clock import new_claim, new_id
from app.runtime.engine import Engine
from app.runtime.execution import Execution, suffixed
from app.runtime.payload import load, too_large
from app.runtime.secrets import Hide
from app.runtime.settle import Settlement, outside_queue
from app.store import executions, logs, outside, tasks
from app.store.outside import Origin
from app.store.tasks import TaskRow, path_of
from app.store.unit_of_work import Session
from workflows.changes import Change
from workflows.operator import Done, Failed
from workflows.program import Node
from workflows.secrets import hider
from workflows.status import TaskStatus, WorkflowStatus


class ResultStatus(StrEnum):
    """What a worker may say of its task."""

    IN_PROGRESS = "IN_PROGRESS"  #: it is to be handed out again later, or (with `extend_lease`) goes on
    COMPLETED = "COMPLETED"  #: done
    FAILED = "FAILED"  #: failed; the retry policy decides what follows
    FAILED_WITH_TERMINAL_ERROR = "FAILED_WITH_TERMINAL_ERROR"  #: failed, and no other attempt will help


@dataclass(frozen=True, slots=True)
class HandedOut:
    """A task in the hands of an outside worker."""

    row: TaskRow
    origin: Origin
    node: Node
    input: dict[str, Any]
    """With the values of its secrets."""
    runtime: dict[str, str]
    """What its task definition's `runtimeMetadata` names: secrets and variables of the environment."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What an outside worker answers."""

    task_id: str
    status: ResultStatus
    output: dict[str, Any] | None = None
    """Replaces what the task has put out; None: it stays."""
    reason: str | None = None
    worker: str | None = None
    callback_after: int = 0
    """Seconds until a task IN_PROGRESS is handed out again."""
    extend_lease: bool = False
    """The worker goes on with it and asks for more time."""
    logs: Sequence[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Updated:
    """What became of a result."""

    queue: str
    ended: bool
    """The task has ended, now or before."""


def hand_out(engine: Engine, queue: str, worker: str, count: int = 1) -> list[HandedOut]:
    """At most `count` tasks of a queue for a worker, the most urgent and then the oldest first. One transaction.

    They are its own until their response timeout; an answer that is later than that is not taken.
    """
    now, owner, claim = engine.clock(), new_id(), new_claim()

    def work(session: Session) -> tuple[list[TaskRow], dict[str, Origin]]:
        # The answer of an earlier try may have been lost.
        rows = known = tasks.of_owner(session, owner) if work_ran else []
        work_ran.append(True)
        if not known:
            rows = outside.hand_out(
                session, queue=queue, worker=worker, count=count, owner=owner, claim=claim, now=now
            )
        origins = outside.origins(session, {row.workflow_id for row in rows}) if rows else {}
        for row in rows:
            program = engine.programs.get(origins[row.workflow_id].program_id, session)
            if program.tells_changes and not known:
                changes.send(session, Execution(row.workflow_id, 0, program), row, Change.START, now)
        return rows, origins

    work_ran: list[bool] = []
    rows, origins = engine.store.transact_once(work)
    found = [_handed_out(engine, row, origins[row.workflow_id]) for row in rows]
    return [task for task in found if task is not None]


def _handed_out(engine: Engine, row: TaskRow, origin: Origin) -> HandedOut | None:
    node = engine.programs.get(origin.program_id).node(row.ref)
    if node.definition.total_timeout_seconds or row.polls > 1:
        # The statement does not know when it was scheduled and handed out first: few tasks need it.
        until = retry.called_again(node.definition, row.updated, row)
        if until != row.due_at:
            engine.store.read(lambda s: tasks.change_due(s, row.id, until, "timeout"))
    given = load(row.input)
    try:
        if node.secrets:
            given, _ = engine.secrets.reveal(node, given)
        runtime = {name: engine.secrets.runtime_value(name) for name in node.definition.runtime_metadata}
    except SecretNotFound as error:
        update(engine, TaskResult(row.id, ResultStatus.FAILED_WITH_TERMINAL_ERROR, reason=str(error)))
        return None
    return HandedOut(row, origin, node, given, runtime)


def update(engine: Engine, result: TaskResult) -> Updated:
    """Take a worker's result; the flow goes on. What comes for a task that has ended is not written.

    Raises:
        TaskIdNotFound: no such task.
        InvalidInput: the output is no JSON, or what is kept of an unfinished task is too large.
        WrongState: the task ends with others (a loop, a fork, its JOIN), not by hand.
    """
    if result.callback_after < 0:
        raise InvalidInput("callbackAfterSeconds must not be negative")
    try:
        output = None if result.output is None else orjson.loads(orjson.dumps(result.output))
    except TypeError as error:
        raise InvalidInput(f"the output is no JSON: {error}") from None
    answer: list[Updated] = []

    def work(settlement: Settlement) -> None:
        answer[:] = [_update(engine, settlement, result, output)]

    def witness(session: Session) -> bool:
        row = tasks.by_id(session, result.task_id)
        return row is not None and TaskStatus(row.status).terminal

    engine.from_outside(work, witness=witness)
    return answer[0]


def open_task(engine: Engine, execution_id: str, ref: str) -> str | None:
    """The id of the open task of a reference: in a loop with its iteration (`review__2`), without: the latest.

    None: there is none that is open.

    Raises:
        ExecutionNotFound: there is no such execution.
    """

    def work(session: Session) -> str | None:
        if executions.by_id(session, execution_id) is None:
            raise ExecutionNotFound(execution_id)
        rows = tasks.live(session, execution_id)
        exact = [row.id for row in rows if suffixed(row.ref, path_of(row.path)) == ref]
        found = exact or [row.id for row in rows if row.ref == ref]
        return found[-1] if found else None

    return engine.store.read(work)


def _update(
    engine: Engine, settlement: Settlement, result: TaskResult, output: dict[str, Any] | None
) -> Updated:
    session = settlement.session
    row = tasks.by_id(session, result.task_id, lock=True)
    if row is None:
        raise TaskIdNotFound(result.task_id)
    queue = outside_queue(row.type, row.domain)
    execution = _execution(engine, session, row)
    hide = _hider(engine, execution, row)
    _write_logs(settlement, row, [hide(line) for line in result.logs])
    ended = execution is None or WorkflowStatus(execution.row(session).status).terminal
    if TaskStatus(row.status).terminal or execution is None or ended:
        return Updated(queue, ended=True)
    apply_result(settlement, execution, row, replace(result, output=output))
    return Updated(queue, ended=result.status is not ResultStatus.IN_PROGRESS)


def _hider(engine: Engine, execution: Execution | None, row: TaskRow) -> Hide:
    """What hides the values of the secrets that a task was handed out with."""
    node = None if execution is None else execution.program.nodes.get(row.ref)
    if node is None or not (node.secrets or node.definition.runtime_metadata):
        return lambda value: value
    try:
        _, hide = engine.secrets.reveal(node, {})
        values = [engine.secrets.runtime_value(name) for name in node.definition.runtime_metadata]
    except SecretNotFound:
        return lambda value: value
    also = hider(values)
    return lambda value: also(hide(value))


def apply_result(settlement: Settlement, execution: Execution, row: TaskRow, result: TaskResult) -> None:
    """Write down what is answered for a task that is open, without the secrets in it; the output is plain JSON.

    Raises:
        InvalidInput: what is kept of an unfinished task is too large.
        WrongState: the task ends with others, not by hand.
    """
    hide = _hider(settlement.engine, execution, row)
    reason = None if result.reason is None else hide(result.reason)
    result = replace(result, output=hide(result.output), reason=reason)
    given = result.output if result.output is not None else load(row.output)
    if result.status is ResultStatus.IN_PROGRESS:
        _go_on_later(settlement, execution, row, result, given)
    else:
        require_endable(execution, row)
        settlement.outcome_of_open(execution, row, _outcome(result, given))


def require_endable(execution: Execution, row: TaskRow) -> None:
    """Refuse to end by hand what ends with others: they would go on with nobody to wait for them.

    Raises:
        WrongState: it is a loop, a fork, or a JOIN that waits for all branches.
    """
    node = execution.program.node(row.ref)
    if node.whole or (node.operator is not None and node.operator.contains in ("loop", "branches")):
        raise WrongState(
            f"{row.ref} of execution {execution.id} is a {node.kind}: it ends with the tasks inside of it; "
            "complete or fail those, or terminate the execution"
        )


def _execution(engine: Engine, session: Session, row: TaskRow) -> Execution | None:
    found = executions.by_id(session, row.workflow_id)
    if found is None:
        return None
    return Execution(found.id, found.run, engine.programs.get(found.program_id, session), found)


def _outcome(result: TaskResult, output: dict[str, Any]) -> Done | Failed:
    if result.status is ResultStatus.COMPLETED:
        return Done(output, reason=result.reason)
    terminal = result.status is ResultStatus.FAILED_WITH_TERMINAL_ERROR
    return Failed(result.reason or "the worker gave no reason", terminal=terminal, output=output)


def _go_on_later(
    settlement: Settlement, execution: Execution, row: TaskRow, result: TaskResult, output: dict[str, Any]
) -> None:
    engine, session, now = settlement.engine, settlement.session, settlement.now
    problem = too_large(output, engine.payload_limit)
    if problem:
        raise InvalidInput(f"the output of task {row.id} {problem}")
    node = execution.program.node(row.ref)
    given = row._replace(output=settlement.stored(execution, output), reason=result.reason or None)
    if row.status == TaskStatus.IN_PROGRESS and not result.extend_lease and settlement.is_outside(node):
        if result.callback_after:
            later = given._replace(due_at=now + result.callback_after * 1000, wake="send")
        else:
            later = settlement.offered(execution, node, given)
        outside.offer(session, later, now)
        return
    # What waits for people or for its time goes on waiting for that.
    due_at = row.due_at
    if node.operator is None:
        due_at = retry.extended(node.definition, now, row, after=retry.told(node.definition, row))
    wake = "timeout" if node.operator is None else row.wake
    reason = given.reason or row.reason
    params = {"output": given.output, "reason": reason, "due_at": due_at, "wake": wake}
    outside.sign_of_life(session, id=row.id, now=now, **params)


def _write_logs(settlement: Settlement, row: TaskRow, lines: Sequence[str]) -> None:
    logs.write_lines(
        settlement.session,
        [
            {
                "id": new_id(),
                "task_id": row.id,
                "workflow_id": row.workflow_id,
                "created": settlement.now,
                "level": "INFO",
                "message": line,
            }
            for line in lines
        ],
    )


def add_log(engine: Engine, task_id: str, line: str) -> None:
    """Write a line to a task's log.

    Raises:
        TaskIdNotFound: no such task.
    """

    def work(settlement: Settlement) -> None:
        row = tasks.by_id(settlement.session, task_id)
        if row is None:
            raise TaskIdNotFound(task_id)
        _write_logs(settlement, row, [line])

    engine.from_outside(work)


def queue_size(engine: Engine, queue: str) -> int:
    """How many tasks wait in a queue, counted up to `app.store.outside.COUNTED`."""
    return engine.store.read(lambda s: outside.size(s, queue))


def waiting_queues(engine: Engine) -> list[str]:
    """The queues in which tasks wait; it costs as much as there are such queues, not tasks."""
    return engine.store.read(outside.queues)


def queue_sizes(engine: Engine) -> dict[str, int]:
    """The size of each queue in which tasks wait."""

    def work(session: Session) -> dict[str, int]:
        return {queue: outside.size(session, queue) for queue in outside.queues(session)}

    return engine.store.read(work)


def pending(engine: Engine, queue: str, start: int = 0, count: int = 100) -> list[TaskRow]:
    """Tasks that wait in a queue, in the order in which they are handed out."""
    return engine.store.read(lambda s: outside.pending(s, queue, count, start))


def poll_data(engine: Engine, name: str | None = None) -> list[outside.PollRow]:
    """When workers last asked for tasks of a name (None: of any), by domain."""
    return engine.store.read(lambda s: outside.polls(s, name))
