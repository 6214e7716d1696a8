"""Statements on what is undone, and by which execution."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Text, bindparam, or_, select, text, update

from app.store.executions import WorkflowRow
from app.store.statements import Among, Statement
from app.store.tables import task, workflow
from app.store.unit_of_work import Session


class Undoable(NamedTuple):
    """A task that has completed, or that has started an execution."""

    id: str
    ref: str
    path: str
    status: str
    ended: int | None
    sub_workflow_id: str | None


def _p(name: str) -> Any:
    return bindparam(name, type_=Text)


_UNDOABLE = Statement(
    "tasks of an execution that may have to be undone, the last ended first",
    select(*[task.c[name] for name in Undoable._fields])
    .where(
        task.c.workflow_id == _p("workflow_id"),
        or_(
            (task.c.status == text("'COMPLETED'")) & Among(task.c.ref, "refs"),
            task.c.sub_workflow_id.isnot(None),
        ),
    )
    .order_by(task.c.ended.desc(), task.c.id.desc()),
)
_OF = Statement(
    "the latest compensation of an execution",
    select(*[workflow.c[name] for name in WorkflowRow._fields])
    .where(workflow.c.compensates == _p("compensates"))
    .order_by(workflow.c.id.desc())
    .limit(1),
)
_ADOPT = Statement(
    "tie a compensation that runs to a task that waits for it",
    update(workflow)
    .where(workflow.c.id == _p("id"), text("status IN ('RUNNING', 'PAUSED')"))
    .values(parent_id=_p("parent_id"), parent_task_id=_p("parent_task_id")),
)


def undoable(session: Session, workflow_id: str, refs: Iterable[str]) -> list[Undoable]:
    """Completed tasks of these references, and all that have started an execution; the last ended first."""
    names = orjson.dumps(list(refs)).decode()
    return [Undoable._make(row) for row in session.all(_UNDOABLE, workflow_id=workflow_id, refs=names)]


def latest(session: Session, execution_id: str) -> WorkflowRow | None:
    """The compensation of an execution; of several, one for each of its runs, the last."""
    row = session.one(_OF, compensates=execution_id)
    return None if row is None else WorkflowRow._make(row)


def adopt(session: Session, compensation_id: str, parent_id: str, parent_task_id: str) -> bool:
    """Have a compensation that runs tell this task when it ends; False: it has ended."""
    params = {"id": compensation_id, "parent_id": parent_id, "parent_task_id": parent_task_id}
    return session.run(_ADOPT, **params) == 1
