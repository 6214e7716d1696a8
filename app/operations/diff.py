"""Compare two executions, task by task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.operations.query import ExecutionState, TaskExecution, get_execution, get_tasks
from app.runtime.engine import Engine

MOST = 100
"""Differences that are told of one value."""
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Change:
    """A place at which two JSON values differ."""

    path: str
    """`input.items[2].price`."""
    before: Any
    """None also where there is nothing."""
    after: Any


@dataclass(frozen=True, slots=True)
class TaskDifference:
    """A task that went otherwise, or that only one of the two executions has."""

    ref: str
    before: TaskExecution | None
    """The last attempt; None: it was not reached there."""
    after: TaskExecution | None
    changes: tuple[Change, ...]
    """Of status, attempts, input, output, reason; times are not compared."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How two executions differ; the same where both tuples are empty."""

    before: ExecutionState
    after: ExecutionState
    changes: tuple[Change, ...]
    """Of definition, version, status, input, output, variables, reason."""
    tasks: tuple[TaskDifference, ...]
    """In the order in which they were reached."""


def diff(engine: Engine, before: str, after: str) -> Difference:
    """Compare two executions by their ids, often a run that failed with one that did not.

    Raises:
        ExecutionNotFound: there is no such execution.
    """
    one, other = get_execution(engine, before), get_execution(engine, after)
    found = _last(get_tasks(engine, before)), _last(get_tasks(engine, after))
    differing = []
    for ref in {**found[0], **found[1]}:
        left, right = found[0].get(ref), found[1].get(ref)
        changes = _changes(_of_task(left), _of_task(right)) if left and right else ()
        if left is None or right is None or changes:
            differing.append(TaskDifference(ref, left, right, changes))
    return Difference(one, other, _changes(_of_execution(one), _of_execution(other)), tuple(differing))


def _last(tasks: list[TaskExecution]) -> dict[str, TaskExecution]:
    found: dict[str, TaskExecution] = {}
    for task in tasks:
        # The place of the first attempt, the fields of the last.
        found[task.ref] = task
    return found


def _of_execution(state: ExecutionState) -> dict[str, Any]:
    return {
        "definition": state.name,
        "version": state.version,
        "status": state.status,
        "input": state.input,
        "output": state.output,
        "variables": state.variables,
        "reason": state.reason,
    }


def _of_task(task: TaskExecution) -> dict[str, Any]:
    return {
        "type": task.type,
        "status": task.status,
        "attempts": task.attempt + 1,
        "input": task.input,
        "output": task.output,
        "reason": task.reason,
    }


def _changes(before: Any, after: Any) -> tuple[Change, ...]:
    found = []
    for change in _walk(before, after, ""):
        found.append(change)
        if len(found) == MOST:
            break
    return tuple(found)


def _walk(before: Any, after: Any, path: str) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            inner = f"{path}.{key}" if path else str(key)
            yield from _walk(before.get(key, _MISSING), after.get(key, _MISSING), inner)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            left = before[index] if index < len(before) else _MISSING
            right = after[index] if index < len(after) else _MISSING
            yield from _walk(left, right, f"{path}[{index}]")
    elif (
        before is _MISSING
        or after is _MISSING
        or before != after
        or isinstance(before, bool) != isinstance(after, bool)
    ):
        yield Change(path, None if before is _MISSING else before, None if after is _MISSING else after)
