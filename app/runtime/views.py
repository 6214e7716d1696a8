"""What an operator is given to decide on."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from app.runtime.execution import Execution
from app.runtime.hand import Held
from app.runtime.loops import loop_output
from app.runtime.payload import load
from app.store import tasks
from app.store.tasks import TaskRow, path_text
from app.store.unit_of_work import Session
from workflows.operator import Step, TaskView
from workflows.program import Node, Path
from workflows.status import TaskStatus


def step_of(session: Session, held: Held, now: int) -> Step:
    """The step of a claimed operator; reads the tasks that it needs."""
    node, operator = held.node, held.node.operator or held.node.rewriter
    assert operator is not None
    wanted = operator.needs(node.task)
    output = held.output
    if operator.contains == "loop":
        output = {"iteration": held.iteration}
        if operator.needs_output(node.task):
            output = loop_output(session, held.execution, node, held.path, output)
    return Step(
        ref=node.ref,
        task=node.task,
        spec=node.spec,
        input=held.input,
        iteration=held.iteration,
        output=output,
        tasks=_views(session, held, wanted) if wanted else {},
        execution_id=held.execution.id,
        task_id=held.row.id,
        attempt=held.row.attempt,
        now_ms=now,
        again=node.rewriter is not None and _stands_before(held.execution, node),
    )


def _stands_before(execution: Execution, node: Node) -> bool:
    for other in execution.program.nodes.values():
        if other.ref == node.ref:
            return False
        if other.task.type == node.task.type:
            return True
    return False


def _views(session: Session, held: Held, wanted: Any) -> dict[str, TaskView]:
    execution, path = held.execution, held.path
    if held.iteration:
        path = (*path, held.iteration)
    same: dict[Path, list[str]] = defaultdict(list)
    rows: list[TaskRow] = []
    for ref in wanted:
        node = execution.program.nodes.get(ref)
        if node is None:
            continue
        if node.depth <= len(path):
            same[path[: node.depth]].append(ref)
        elif (row := _deeper(session, execution, node, path)) is not None:
            rows.append(row)
    for at, refs in same.items():
        rows.extend(tasks.by_refs(session, execution.id, refs, path_text(at)).values())
    return {row.ref: _view(execution, row) for row in rows}


def _deeper(session: Session, execution: Execution, node: Node, path: Path) -> TaskRow | None:
    low, more = path_text(path), node.depth - len(path)
    return tasks.latest(session, execution.id, node.ref, low + "0" * 8 * more, low + "9" * 8 * more)


def _view(execution: Execution, row: TaskRow) -> TaskView:
    task = execution.program.node(row.ref).task
    return TaskView(
        ref=row.ref,
        status=TaskStatus(row.status),
        output=load(row.output),
        reason=row.reason,
        optional=task.optional,
        permissive=task.permissive,
        name=row.name,
        task_id=row.id,
    )
