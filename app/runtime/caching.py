"""Outputs that are used again (`cacheConfig`): a task, or an execution, whose output is known completes without being run."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

from app.runtime import compensation
from app.runtime.execution import Execution
from app.runtime.payload import dump, load
from app.store import cache
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow
from workflows.operator import Done
from workflows.program import Cache, Node, Path, Program
from workflows.status import TaskStatus

if TYPE_CHECKING:
    from app.runtime.settle import Settlement

CACHE = "cache"
"""The worker of an attempt whose output was known."""
_LONGEST = 200
"""Characters of a key that is kept as it is."""


def known(
    settlement: Settlement, execution: Execution, node: Node, path: Path, given: dict[str, Any]
) -> Any | None:
    """The output that is kept for a task with this input; None: none is."""
    if node.cache is None:
        return None
    key = _key(node.cache, settlement, execution, node, path, given)
    return _get(settlement, _name(node), key)


def keep(
    settlement: Settlement, execution: Execution, node: Node, path: Path, row: TaskRow, done: Done
) -> None:
    """Keep the output of a task that has completed, for as long as its definition says.

    Not what may be undone: whoever had its output then would have it for nothing.
    """
    if node.cache is None or done.status is not TaskStatus.COMPLETED or row.worker == CACHE:
        return
    child_id = row.sub_workflow_id
    if child_id is not None and compensation.child_that_owes(settlement, execution, child_id) is not None:
        return
    key = _key(node.cache, settlement, execution, node, path, load(row.input))
    _put(settlement, node.cache, _name(node), key, done.output)


def known_of_execution(settlement: Settlement, program: Program, row: WorkflowRow) -> Any | None:
    """The output that is kept for an execution with this input; None: none is."""
    if program.cache is None:
        return None
    execution = Execution(row.id, row.run, program, row)
    key = _key(program.cache, settlement, execution, None, (), load(row.input))
    return _get(settlement, _name_of(program), key)


def keep_of_execution(settlement: Settlement, execution: Execution, output: Any) -> None:
    """Keep the output of an execution that has completed, for as long as its definition says; not what may be undone."""
    program = execution.program
    if program.cache is None or compensation.owes(settlement, execution):
        return
    given = load(execution.row(settlement.session).input)
    key = _key(program.cache, settlement, execution, None, (), given)
    _put(settlement, program.cache, _name_of(program), key, output)


def _get(settlement: Settlement, name: str, key: str) -> Any | None:
    text = cache.get(settlement.session, name, key, settlement.now)
    return None if text is None else orjson.loads(text)


def _put(settlement: Settlement, config: Cache, name: str, key: str, output: Any) -> None:
    cache.put(settlement.session, name, key, dump(output), settlement.now + config.seconds * 1000)


def _name(node: Node) -> str:
    return node.worker if node.operator is None else f"{node.kind}:{node.task.name}"


def _name_of(program: Program) -> str:
    # What two definitions of one name and version give, as those that are not registered may be, is not the same.
    return f"workflow:{program.rewrites or program.id}"


def _key(
    config: Cache,
    settlement: Settlement,
    execution: Execution,
    node: Node | None,
    path: Path,
    given: dict[str, Any],
) -> str:
    template = config.key
    if template is None:
        text = orjson.dumps(given, option=orjson.OPT_SORT_KEYS).decode()
    else:
        around = execution.context(settlement.session, template.roots, node, path)
        value = template.resolve(around | given)
        text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return text if len(text) <= _LONGEST else hashlib.sha256(text.encode()).hexdigest()
