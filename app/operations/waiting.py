"""How far an execution is that somebody waits for, and what is answered then: Conductor's SignalResponse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.errors import ExecutionNotFound
from app.operations.conductor import Document, task_document, workflow_document
from app.runtime.engine import Engine
from app.store import executions, tasks
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow
from app.store.unit_of_work import Session
from workflows.status import TaskStatus, WorkflowStatus

_DEEPEST = 20


class ReturnStrategy(StrEnum):
    """What is told of an execution."""

    TARGET_WORKFLOW = "TARGET_WORKFLOW"  #: the execution itself
    BLOCKING_WORKFLOW = "BLOCKING_WORKFLOW"  #: the one that waits: itself, or a sub-workflow of it
    BLOCKING_TASK = "BLOCKING_TASK"  #: the task that waits, with its output
    BLOCKING_TASK_INPUT = "BLOCKING_TASK_INPUT"  #: the task that waits, with its input


@dataclass(frozen=True, slots=True)
class Stand:
    """Where an execution stands."""

    row: WorkflowRow
    blocking: WorkflowRow
    """The execution that waits: itself, or a sub-workflow."""
    task: TaskRow | None
    """The task that waits for somebody to complete it."""
    reached: bool
    """It has ended, waits for somebody, or one of the tasks that were asked for has ended."""


def stand_of(engine: Engine, execution_id: str, refs: Sequence[str] = ()) -> Stand:
    """Where an execution stands. `refs`: it counts as reached when one of these tasks has ended.

    Raises:
        ExecutionNotFound: there is none.
    """

    def work(session: Session) -> Stand:
        row = executions.by_id(session, execution_id)
        if row is None:
            raise ExecutionNotFound(execution_id)
        if WorkflowStatus(row.status).terminal:
            return Stand(row, row, None, True)
        whose, task = blocking(session, row)
        ended = any(_has_ended(session, row, ref) for ref in refs)
        return Stand(row, whose or row, task, task is not None or ended)

    return engine.store.read(work)


def blocking(
    session: Session, row: WorkflowRow, *, timed: bool = False, depth: int = 0
) -> tuple[WorkflowRow | None, TaskRow | None]:
    """The first WAIT in the execution or below it, and whose it is. `timed`: also one that its time will end."""
    live = tasks.live(session, row.id)
    for task in live:
        waits = task.type == "WAIT" and task.status == TaskStatus.IN_PROGRESS
        if waits and (timed or task.wake != "wait"):
            return row, task
    for task in live:
        child = executions.by_id(session, task.sub_workflow_id) if task.sub_workflow_id else None
        if child is not None and depth < _DEEPEST:
            found = blocking(session, child, timed=timed, depth=depth + 1)
            if found[1] is not None:
                return found
    return None, None


def _has_ended(session: Session, row: WorkflowRow, ref: str) -> bool:
    found = tasks.latest(session, row.id, ref, "", "9" * 64)
    return found is not None and TaskStatus(found.status).terminal and not found.retried


def signal_response(
    engine: Engine, stand: Stand, strategy: ReturnStrategy, request_id: str, timed_out: bool
) -> Document:
    """Conductor's SignalResponse. Where nothing blocks, the execution itself is told, whatever was asked for."""
    head: Document = {
        "targetWorkflowId": stand.row.id,
        "targetWorkflowStatus": stand.row.status,
        "requestId": request_id,
        "signalTimeout": timed_out,
    }
    if stand.task is not None and strategy in (
        ReturnStrategy.BLOCKING_TASK,
        ReturnStrategy.BLOCKING_TASK_INPUT,
    ):
        return {"responseType": strategy, **head, **_task_run(engine, stand.blocking, stand.task)}
    below = strategy is ReturnStrategy.BLOCKING_WORKFLOW
    kind = ReturnStrategy.BLOCKING_WORKFLOW if below else ReturnStrategy.TARGET_WORKFLOW
    return {"responseType": kind, **head, **workflow_run(engine, stand.blocking if below else stand.row)}


def workflow_run(engine: Engine, row: WorkflowRow) -> Document:
    """Conductor's WorkflowRun."""
    rows = engine.store.read(lambda s: tasks.of_workflow(s, row.id))
    told = workflow_document(engine, row, rows)
    names = (
        "workflowId",
        "correlationId",
        "input",
        "output",
        "priority",
        "variables",
        "tasks",
        "createdBy",
        "createTime",
        "status",
        "updateTime",
    )
    return {name: told[name] for name in names}


def _task_run(engine: Engine, row: WorkflowRow, task: TaskRow) -> Document:
    told = task_document(engine.programs.get(row.program_id), row, task)
    names: dict[str, Any] = {
        "workflowId": "workflowInstanceId",
        "correlationId": "correlationId",
        "input": "inputData",
        "output": "outputData",
        "status": "status",
        "taskType": "taskType",
        "taskId": "taskId",
        "referenceTaskName": "referenceTaskName",
        "retryCount": "retryCount",
        "taskDefName": "taskDefName",
        "retriedTaskId": "retriedTaskId",
        "workflowType": "workflowType",
        "reasonForIncompletion": "reasonForIncompletion",
        "priority": "workflowPriority",
        "createTime": "scheduledTime",
        "updateTime": "updateTime",
    }
    return {name: told[of] for name, of in names.items()} | {
        "createdBy": row.created_by,
        "variables": {},
        "tasks": [],
    }
