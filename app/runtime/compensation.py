"""Undoing an execution that did not complete: what is owed, who does it, and what happens when that fails.

The compensation is an execution of its own (`workflows/compensation.py` makes its definition), started in the
transaction that ends the one that it undoes. It can't fail but by somebody's decision: a task of it whose attempts are
used up is left to a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from app.runtime.execution import Execution
from app.store import compensations, definitions, executions, tasks
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow, path_of
from workflows.compensation import Owed, compensation_of
from workflows.expressions import Template
from workflows.operator import Done
from workflows.program import Node, Path
from workflows.status import TaskStatus, WorkflowStatus

if TYPE_CHECKING:
    from app.runtime.settle import Settlement

PERSON = "HUMAN"
"""The type of the row that stands in for an attempt and waits for a person."""
OUTPUT = "podium.compensation"
"""What the output of an execution that is undone has as the id of its compensation."""


def owes(settlement: Settlement, execution: Execution) -> bool:
    """Whether an execution that has ended has left something that may be undone."""
    return execution.program.compensable and next(_owed(settlement, execution), None) is not None


def start(settlement: Settlement, execution: Execution, parent: tuple[str, str] | None = None) -> str | None:
    """Start what undoes an execution that has ended; its id. None: there is nothing to undo.

    parent: the execution and the task that wait for it.
    """
    if not execution.program.compensable:
        return None
    owed = list(_owed(settlement, execution))
    if not owed:
        return None
    session, engine, row = settlement.session, settlement.engine, execution.row(settlement.session)

    def read(one: Owed, template: Template) -> Any:
        return template.resolve(execution.context(session, template.roots, one.node, one.path))

    program, values = compensation_of(execution.program, owed, read)
    definitions.store_program(session, program.id, program.content().decode(), settlement.now)
    given = {
        "workflowId": row.id,
        "workflowName": row.name,
        "failureStatus": row.status,
        "reason": row.reason,
        "values": values,
    }
    parent_id, parent_task_id = parent or (None, None)
    new = engine.new_compensation(engine.programs.put(program), given, row, parent_id, parent_task_id)
    started: Execution = engine.insert(settlement, new)
    return started.id


def start_below(settlement: Settlement, parent: Execution, row: TaskRow, execution_id: str) -> None:
    """The compensation of a sub-workflow, as a task of its parent's compensation."""
    session = settlement.session
    undone = executions.by_id(session, execution_id, lock=True)
    running = compensations.latest(session, execution_id)
    if running is None and undone is not None:
        program = settlement.engine.programs.get(undone.program_id, session)
        started = start(settlement, Execution(undone.id, undone.run, program, undone), (parent.id, row.id))
    elif running is not None and compensations.adopt(session, running.id, parent.id, row.id):
        started = running.id
    else:
        started = None
    if started is None:
        settlement.outcome_of_open(parent, row, Done({}))
    else:
        tasks.set_child(session, row.id, started)


def _owed(settlement: Settlement, execution: Execution) -> Iterator[Owed]:
    """What is to be undone, the last ended first."""
    nodes = execution.program.nodes
    declared = [ref for ref, node in nodes.items() if node.task.compensation]
    for found in compensations.undoable(settlement.session, execution.id, declared):
        node = nodes.get(found.ref)
        if node is None:
            continue
        if found.status == TaskStatus.COMPLETED and node.task.compensation:
            yield Owed(node, path_of(found.path))
        elif found.sub_workflow_id is not None:
            child = child_that_owes(settlement, execution, found.sub_workflow_id)
            if child is not None:
                yield Owed(node, path_of(found.path), child.id, child.name)


def child_that_owes(settlement: Settlement, parent: Execution, child_id: str) -> WorkflowRow | None:
    """The sub-workflow of a task, unless nothing of it is left to undo."""
    session = settlement.session
    child = executions.by_id(session, child_id)
    # One that was found by its idempotency key is for its own parent to undo.
    if child is None or child.parent_id != parent.id or not WorkflowStatus(child.status).terminal:
        return None
    program = settlement.engine.programs.get(child.program_id, session)
    if not program.compensable:
        return None
    running = compensations.latest(session, child.id)
    if running is not None:
        # It failed by itself, and undoes itself.
        return None if WorkflowStatus(running.status).terminal else child
    return child if owes(settlement, Execution(child.id, child.run, program, child)) else None


def is_left_to_people(execution: Execution, node: Node) -> bool:
    """Whether the final failure of a task does not end the execution."""
    return execution.program.compensates is not None and not node.task.permissive


def leave_to_people(
    settlement: Settlement, execution: Execution, node: Node, path: Path, row: TaskRow, reason: str | None
) -> None:
    """Have a person stand in for the next attempt: to complete it by hand, or to fail it, which tries it again."""
    tasks.mark_retried(settlement.session, row.id)
    waiting = settlement.new_row(execution, node, path, {})._replace(
        attempt=row.attempt + 1,
        type=PERSON,
        status=TaskStatus.IN_PROGRESS,
        input=row.input,
        started=settlement.now,
        retried_id=row.id,
        reason=f"{_WAITS}; the last attempt: {reason}",
    )
    tasks.insert_task(settlement.session, waiting, execution.run)


_WAITS = "undo it by hand and complete the task, or fail it to have it tried again"
