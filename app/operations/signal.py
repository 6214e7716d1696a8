"""Move an execution from outside: complete or fail a task that is open, or whatever it waits at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import InvalidInput, TaskIdNotFound, TaskNotFound, TooManyMessages, WrongState
from app.operations.audit import locked_execution, locked_row, recorded
from app.operations.outside import ResultStatus, TaskResult, apply_result, require_endable
from app.operations.values import json_object
from app.operations.waiting import blocking
from app.runtime.clock import new_id
from app.runtime.engine import Engine
from app.runtime.execution import Execution, suffixed, topic_of
from app.runtime.payload import dump
from app.runtime.settle import Settlement
from app.store import executions, messages, tasks
from app.store.executions import EACH_STEP, WorkflowRow
from app.store.messages import Message
from app.store.tasks import TaskRow, path_of
from app.store.unit_of_work import Session
from workflows.operator import Done, Failed
from workflows.status import TaskStatus, WorkflowStatus


def complete_task(
    engine: Engine,
    execution_id: str,
    ref: str,
    output: Mapping[str, Any] | None = None,
    *,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """Complete a task that waits (a WAIT, a task for an outside worker) or is overdue; the flow goes on.

    ref: the reference; in a loop with its iteration (`review__2`), without: the latest that is open.

    Raises:
        ExecutionNotFound, TaskNotFound: there is none.
        WrongState: the task, or the execution, has ended; it is a loop, a fork or its JOIN, which end with others.
        InvalidInput: the output is no JSON object.
    """
    _end(
        engine,
        execution_id,
        ref,
        Done(json_object(output, "a task's output", engine.payload_limit)),
        "complete_task",
        actor,
        reason,
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


def send_message(
    engine: Engine, execution_id: str, message: Mapping[str, Any], *, actor: str | None = None
) -> str:
    """Send a message to an execution: the PULL_WORKFLOW_MESSAGES task that waits for one goes on, or one that comes
    takes it. Messages are taken in the order in which they were sent, each once.

    Conductor: POST /workflow/{workflowId}/messages.

    Returns:
        the message's id.

    Raises:
        ExecutionNotFound: there is none.
        WrongState: it does not run.
        InvalidInput: the message is no JSON object, or too large.
        TooManyMessages: it has as many messages that nobody has taken as it may have.
    """
    given, message_id = json_object(message, "a message", engine.payload_limit), new_id()
    limit = engine.settings.message_limit

    def work(settlement: Settlement) -> Any:
        session = settlement.session
        row = locked_row(settlement, execution_id)
        if row.status != WorkflowStatus.RUNNING:
            raise WrongState(f"execution {execution_id} is {row.status}: only one that runs is sent messages")
        if messages.count(session, execution_id, limit) >= limit:
            raise TooManyMessages(execution_id, limit)
        messages.put(session, Message(message_id, execution_id, dump(given), settlement.now))
        waiting = messages.waiting(session, execution_id)
        task = None if waiting is None else tasks.by_id(session, waiting, lock=True)
        if task is not None:
            execution = locked_execution(engine, settlement, execution_id)
            settlement.receive(execution, task)
        return {"message": message_id}

    recorded(engine, "send_message", execution_id, work, actor=actor)
    return message_id


class _NothingWaits(Exception):
    """Undoes a signal for which there is nobody."""


def signal(
    engine: Engine,
    execution_id: str,
    status: ResultStatus,
    output: Mapping[str, Any] | None = None,
    *,
    awaited: bool = False,
    actor: str | None = None,
) -> str | None:
    """End the first WAIT that is open, in the execution or below it in its sub-workflows; None: there is none.

    status: how it ends; IN_PROGRESS changes its output alone.
    awaited: somebody is going to wait for what follows: that it has ended, or waits again, is told from now on.

    Returns:
        what it is told under: the id of the execution, or of the one above it that somebody waits for.

    Raises:
        ExecutionNotFound: there is none.
        InvalidInput: the output is no JSON object, or too large.
    """
    given = json_object(output, "a task's output", engine.payload_limit)
    topics: list[str] = []

    def work(settlement: Settlement) -> Any:
        session = settlement.session
        row = locked_row(settlement, execution_id)
        whose, task = blocking(session, row, timed=True)
        if whose is None or task is None:
            raise _NothingWaits
        topics[:] = [_topic(row)]
        if awaited:
            _await(session, whose, row, topics[0])
        execution = locked_execution(engine, settlement, whose.id)
        apply_result(settlement, execution, task, TaskResult(task.id, status, given))
        return {"task": task.id, "status": status}

    try:
        recorded(engine, "signal", execution_id, work, actor=actor)
    except _NothingWaits:
        return None
    return topics[0]


def update_state(
    engine: Engine,
    execution_id: str,
    *,
    variables: Mapping[str, Any] | None = None,
    ref: str | None = None,
    result: TaskResult | None = None,
    each_step: bool = False,
    actor: str | None = None,
) -> str:
    """Set variables of an execution and take the result of one of its open tasks, in one transaction.

    ref: the reference of the task (as for `complete_task`), or None: `result` names it by its id.
    each_step: somebody is going to wait for the end of a task: each is told from now on.

    Returns:
        what it is told under, as for `signal`.

    Raises:
        ExecutionNotFound, TaskNotFound, WrongState: as `complete_task`.
        TaskIdNotFound: no task of this execution has the id.
        InvalidInput: the variables or the output are of no use.
    """
    changes = json_object(variables, "the variables", engine.payload_limit)
    topics: list[str] = []

    def work(settlement: Settlement) -> Any:
        session = settlement.session
        row = locked_row(settlement, execution_id)
        if WorkflowStatus(row.status).terminal:
            raise WrongState(f"execution {execution_id} is {row.status}: it has ended and can't be changed")
        topics[:] = [_topic(row)]
        _await(session, row, row, topics[0] + (EACH_STEP if each_step else ""))
        execution = locked_execution(engine, settlement, execution_id)
        problem = settlement.set_variables(execution, changes) if changes else None
        if problem:
            raise InvalidInput(f"the variables of execution {execution_id} {problem}")
        if result is not None:
            task = open_task(settlement, execution, ref) if ref else tasks.by_id(session, result.task_id)
            if task is None or task.workflow_id != execution_id:
                raise TaskIdNotFound(result.task_id)
            if not TaskStatus(task.status).terminal:
                apply_result(settlement, execution, task, result)
        return {"variables": sorted(changes), "task": ref}

    recorded(engine, "update_state", execution_id, work, actor=actor, subject=ref)
    return topics[0]


def _topic(row: WorkflowRow) -> str:
    return topic_of(row.awaited or row.id)[1]


def _await(session: Session, lowest: WorkflowRow, row: WorkflowRow, topic: str) -> None:
    """Have changes told of all executions from `lowest` up to `row`."""
    above: WorkflowRow | None = lowest
    while above is not None:
        executions.await_from_now(session, above.id, topic)
        if above.id == row.id:
            return
        above = executions.by_id(session, above.parent_id) if above.parent_id else None


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
        require_endable(execution, row)
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
