"""New rows of `task`."""

from __future__ import annotations

from app.runtime import retry
from app.runtime.clock import new_claim
from app.runtime.execution import Execution
from app.runtime.ports import Owner
from app.store.tasks import TaskRow, path_text
from workflows.program import Node, Path
from workflows.status import TaskStatus


def new_row(execution: Execution, node: Node, path: Path, given: str, now: int, task_id: str) -> TaskRow:
    """A SCHEDULED row for a position; `given`: its input as JSON text."""
    return TaskRow(
        id=task_id,
        workflow_id=execution.id,
        ref=node.ref,
        path=path_text(path),
        attempt=0,
        type=node.kind,
        name=node.task.name,
        status=TaskStatus.SCHEDULED,
        iteration=0,
        label=None,
        input=given,
        output=None,
        reason=None,
        owner=None,
        claim=None,
        message_id=None,
        worker=None,
        retried_id=None,
        retried=0,
        polls=0,
        sends=0,
        sub_workflow_id=None,
        domain=None,
        queue=None,
        priority=0,
        lease=None,
        scheduled=now,
        first_scheduled=now,
        started=now if node.instant else None,
        updated=now,
        ended=None,
        due_at=None,
        wake=None,
        slot=None,
    )


def claimed_row(row: TaskRow, node: Node, owner: Owner, message_id: str | None) -> TaskRow:
    """The same row, claimed from the start by who runs it here."""
    overdue = retry.deadline(node.definition, row.scheduled, row.first_scheduled, node.operator is not None)
    return row._replace(
        status=TaskStatus.IN_PROGRESS,
        owner=owner.id,
        worker=owner.hostname,
        claim=new_claim(),
        message_id=message_id,
        started=row.scheduled,
        polls=1,
        due_at=overdue,
        wake="timeout" if overdue else None,
    )
