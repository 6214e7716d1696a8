"""Outputs that are used again (`cacheConfig`): a task whose output is known completes without being run."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

from app.runtime.execution import Execution
from app.runtime.payload import dump, load
from app.store import cache
from app.store.tasks import TaskRow
from workflows.operator import Done
from workflows.program import Node, Path
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
    key = _key(settlement, execution, node, path, given)
    text = cache.get(settlement.session, _name(node), key, settlement.now)
    return None if text is None else orjson.loads(text)


def keep(
    settlement: Settlement, execution: Execution, node: Node, path: Path, row: TaskRow, done: Done
) -> None:
    """Keep the output of a task that has completed, for as long as its definition says."""
    if node.cache is None or done.status is not TaskStatus.COMPLETED or row.worker == CACHE:
        return
    key = _key(settlement, execution, node, path, load(row.input))
    expires = settlement.now + node.cache.seconds * 1000
    cache.put(settlement.session, _name(node), key, dump(done.output), expires)


def _name(node: Node) -> str:
    return node.worker if node.operator is None else f"{node.kind}:{node.task.name}"


def _key(settlement: Settlement, execution: Execution, node: Node, path: Path, given: dict[str, Any]) -> str:
    assert node.cache is not None
    template = node.cache.key
    if template is None:
        text = orjson.dumps(given, option=orjson.OPT_SORT_KEYS).decode()
    else:
        around = execution.context(settlement.session, template.roots, node, path)
        value = template.resolve(around | given)
        text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return text if len(text) <= _LONGEST else hashlib.sha256(text.encode()).hexdigest()
