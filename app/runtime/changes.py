"""Events that a definition has its tasks send when their status changes (`onStateChange`).

Each leaves with the transaction that writes the change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.runtime.events import announce
from app.runtime.execution import Execution, suffixed
from app.store import tasks
from app.store.tasks import TaskRow, path_of
from app.store.unit_of_work import Session
from workflows.changes import Change, change_of
from workflows.status import TaskStatus

if TYPE_CHECKING:
    from app.runtime.settle import Settlement


def tell(settlement: Settlement) -> None:
    """Send the events of all that this transaction has changed."""
    for execution, task_id, change in settlement.changes:
        row = tasks.by_id(settlement.session, task_id)
        if row is not None:
            ended = change_of(TaskStatus(row.status))
            send(settlement.session, execution, row, change or ended, settlement.now)


def send(session: Session, execution: Execution, row: TaskRow, change: Change | None, now: int) -> None:
    """Send the events of one change of a task; None: it is none that anybody can ask for."""
    node = execution.program.nodes.get(row.ref)
    if node is None or change is None:
        return
    path = path_of(row.path)
    for event in node.changes.get(change, ()):
        context = execution.context(session, event.payload.roots, node, path, row.id)
        facts = {
            "stateChange": change,
            "taskId": row.id,
            "referenceTaskName": suffixed(row.ref, path),
            "status": row.status,
            "workflowInstanceId": execution.id,
            "workflowType": execution.program.definition.name,
            "workflowVersion": execution.program.definition.version,
        }
        announce(session, event.sink, {**event.payload.resolve(context), **facts}, now)
