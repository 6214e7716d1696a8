"""What of an execution is drawn while it runs: its tasks without their payload."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import BigInteger, Integer, Text, bindparam, func, select, text

from app.store.statements import Statement
from app.store.tables import LIVE, task
from app.store.unit_of_work import Session


class OutlineRow(NamedTuple):
    """One attempt of a task, without input and output."""

    id: str
    ref: str
    path: str
    attempt: int
    type: str
    name: str
    status: str
    iteration: int
    label: str | None
    reason: str | None
    owner: str | None
    message_id: str | None
    worker: str | None
    retried: int
    polls: int
    sends: int
    sub_workflow_id: str | None
    scheduled: int
    started: int | None
    updated: int
    ended: int | None
    due_at: int | None
    wake: str | None


_CHANGED = Statement(
    "tasks of an execution that have changed since, the latest first",
    select(*[task.c[name] for name in OutlineRow._fields])
    .where(
        task.c.workflow_id == bindparam("workflow_id", type_=Text),
        task.c.updated >= bindparam("since", type_=BigInteger),
    )
    .order_by(task.c.id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
_COUNT = Statement(
    "how many attempts an execution has",
    select(func.count()).select_from(task).where(task.c.workflow_id == bindparam("workflow_id", type_=Text)),
)
_WAITING = Statement(
    "which worker tasks of an execution nobody has begun",
    select(task.c.type, task.c.reason)
    .where(
        task.c.workflow_id == bindparam("workflow_id", type_=Text),
        text(LIVE),
        task.c.status == text("'SCHEDULED'"),
        task.c.iteration == text("0"),
    )
    .distinct()
    .limit(bindparam("limit", type_=Integer)),
)
_MANY = 100


def changed(session: Session, workflow_id: str, since: int, limit: int) -> list[OutlineRow]:
    """Attempts that have changed at `since` (ms) or later, the latest first."""
    rows = session.all(_CHANGED, workflow_id=workflow_id, since=since, limit=limit)
    return [OutlineRow._make(row) for row in rows]


def count(session: Session, workflow_id: str) -> int:
    """How many attempts of tasks the execution has."""
    row = session.one(_COUNT, workflow_id=workflow_id)
    return 0 if row is None else int(row[0])


def waiting(session: Session, workflow_id: str) -> list[tuple[str, str | None]]:
    """(type, reason) of what nobody has begun."""
    return [(row[0], row[1]) for row in session.all(_WAITING, workflow_id=workflow_id, limit=_MANY)]
