"""What a loop puts out: the outputs of its body, by iteration."""

from __future__ import annotations

from typing import Any

import orjson

from app.runtime.execution import Execution
from app.runtime.payload import load
from app.store import tasks
from app.store.tasks import path_of, path_text
from app.store.unit_of_work import Session
from workflows.program import Node, Path, may_be_undone


def loop_output(
    session: Session, execution: Execution, loop: Node, path: Path, output: Any, limit: int = 0
) -> Any:
    """`{"iteration": n, "1": {ref: output, …}, …}` and what the operator put out itself.

    limit: keep the last iterations that fit into so many bytes; 0: all. Their tasks stay in the table.
    """
    depth, low = len(path), path_text(path)
    refs = [node.ref for node in loop.below()]
    iterations: dict[str, dict[str, Any]] = {}
    for ref, stored, _attempt, text in tasks.of_iterations(
        session, execution.id, refs, low + "0" * 8, low + "9" * 64
    ):
        found = iterations.setdefault(str(path_of(stored)[depth]), {})
        found[ref] = load(text)
    whole = {**(output or {}), **iterations}
    if limit:
        for number in list(iterations):
            if len(orjson.dumps(whole)) <= limit:
                break
            del whole[number]
    return whole


def forget(session: Session, execution: Execution, loop: Node, path: Path) -> None:
    """Take an iteration out of the table, but for what may have to be undone. path: the iteration's."""
    refs = [node.ref for node in loop.below() if not may_be_undone(node)]
    low = path_text(path)
    tasks.delete_iteration(session, execution.id, refs, low, low + "9" * 64)
