"""Executions and tasks as operations answer them, with what a test does not say filled in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.operations.query import ExecutionState, TaskExecution
from app.operations.tree import ExecutionTree, TaskGroup, TaskTree
from workflows.status import TaskStatus, WorkflowStatus

NOON = 1_769_860_800_000
_STATE = ExecutionState(
    id="e-1",
    name="order",
    version=1,
    status=WorkflowStatus.COMPLETED,
    input={},
    output={},
    variables={},
    reason=None,
    correlation_id=None,
    idempotency_key=None,
    parent_id=None,
    priority=0,
    failed_refs=(),
    created=NOON,
    updated=NOON,
    ended=NOON + 2300,
)
_TASK = TaskExecution(
    id="t-1",
    ref="charge",
    name="charge",
    type="charge",
    status=TaskStatus.COMPLETED,
    attempt=0,
    retried=False,
    iteration=0,
    path=(),
    input={},
    output={},
    reason=None,
    worker=None,
    sub_workflow_id=None,
    scheduled=NOON,
    started=NOON,
    ended=NOON + 50,
    due_at=None,
)


def state(**changed: Any) -> ExecutionState:
    """An execution that has completed after 2.3 s."""
    return replace(_STATE, **changed)


def task(ref: str, type: str | None = None, **changed: Any) -> TaskExecution:
    """An attempt that has completed after 50 ms; of a worker task of its own name unless `type` says more."""
    return replace(_TASK, **{"ref": ref, "name": ref, "type": type or ref, **changed})


def leaf(ref: str, type: str | None = None, **changed: Any) -> TaskTree:
    """A task with one attempt that contains nothing."""
    return TaskTree((task(ref, type, **changed),))


def tree(*tasks: TaskTree, **changed: Any) -> ExecutionTree:
    """An execution with tasks."""
    return ExecutionTree(state(**changed), tasks)


def group(kind: Any, label: str, *tasks: TaskTree, iteration: int | None = None) -> TaskGroup:
    """A case, a branch or an iteration."""
    return TaskGroup(kind, label, iteration, tasks)
