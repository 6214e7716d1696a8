"""What people hand to operations: JSON objects, and names of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from app.errors import InvalidInput, TaskNotFound
from app.runtime.execution import Execution
from app.runtime.payload import too_large
from app.store import executions, tasks
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow, path_of, path_text
from app.store.unit_of_work import Session
from workflows.program import Node, Path


def json_object(value: Any, what: str, limit: int) -> dict[str, Any]:
    """The value as a plain JSON object; None is an empty one.

    Raises:
        InvalidInput: it is no object, no JSON, or larger than `limit` bytes.
    """
    value = {} if value is None else value
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{what} must be a JSON object (a dict), not {type(value).__name__}")
    try:
        plain: dict[str, Any] = orjson.loads(orjson.dumps(dict(value)))
    except TypeError as error:
        raise InvalidInput(f"{what} is no JSON: {error}") from None
    problem = too_large(plain, limit)
    if problem:
        raise InvalidInput(f"{what} {problem}")
    return plain


def position_of(execution: Execution, session: Session, ref: str) -> tuple[Node, Path]:
    """The position of a task by its reference; in a loop with its iteration, without: the latest.

    Raises:
        TaskNotFound: there is no such reference, or it was not reached.
    """
    name, *numbers = ref.split("__")
    node = execution.program.nodes.get(name)
    if node is None or not all(number.isdigit() for number in numbers):
        raise TaskNotFound(execution.id, ref, sorted(execution.program.nodes))
    low = high = path_text(tuple(int(number) for number in numbers))
    if not numbers:
        low, high = "", "9" * 64
    found = tasks.latest(session, execution.id, name, low, high)
    if found is None:
        raise TaskNotFound(execution.id, ref)
    return node, path_of(found.path)


def task_of_execution(session: Session, row: WorkflowRow, task: str) -> tuple[WorkflowRow, TaskRow | None]:
    """The execution that a task belongs to, locked, and the attempt if `task` is the id of one.

    It may stand in a sub-workflow of the execution, however deep. None: `task` is a reference in the execution itself.

    Raises:
        TaskNotFound: it belongs to another execution.
    """
    found = tasks.by_id(session, task)
    if found is None:
        return row, None
    owner = above = (
        row if found.workflow_id == row.id else executions.by_id(session, found.workflow_id, lock=True)
    )
    while above is not None and above.id != row.id:
        above = executions.by_id(session, above.parent_id) if above.parent_id else None
    if owner is None or above is None:
        raise TaskNotFound(row.id, task)
    return owner, found
