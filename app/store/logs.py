"""Statements on `task_log` and `audit`."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Text, bindparam, insert, select

from app.store.statements import Statement
from app.store.tables import audit, task_log
from app.store.unit_of_work import Session


def _p(name: str, type_: Any = Text) -> Any:
    return bindparam(name, type_=type_)


_INSERT = Statement(
    "write a task's log",
    insert(task_log).values(
        id=_p("id"),
        task_id=_p("task_id"),
        workflow_id=_p("workflow_id"),
        created=_p("created", BigInteger),
        level=_p("level"),
        message=_p("message"),
    ),
)
_OF_TASK = Statement(
    "a task's log",
    select(task_log.c.created, task_log.c.level, task_log.c.message)
    .where(task_log.c.task_id == _p("task_id"))
    .order_by(task_log.c.id),
)
_AUDIT = Statement(
    "record an operation",
    insert(audit).values(
        id=_p("id"),
        created=_p("created", BigInteger),
        actor=_p("actor"),
        operation=_p("operation"),
        workflow_id=_p("workflow_id"),
        subject=_p("subject"),
        reason=_p("reason"),
        detail=_p("detail"),
    ),
)
_AUDIT_OF = Statement(
    "what was done to an execution, in order",
    select(audit.c.id, audit.c.created, audit.c.actor, audit.c.operation, audit.c.subject, audit.c.reason)
    .where(audit.c.workflow_id == _p("workflow_id"))
    .order_by(audit.c.id),
)
_RECORDED = Statement("whether an operation is recorded", select(audit.c.id).where(audit.c.id == _p("id")))


class AuditRow(NamedTuple):
    """Something that somebody did to an execution; `created` in milliseconds."""

    id: str
    created: int
    actor: str | None
    operation: str
    subject: str | None
    reason: str | None


def write_lines(session: Session, lines: list[dict[str, Any]]) -> None:
    session.run_many(_INSERT, lines)


def of_task(session: Session, task_id: str) -> list[tuple[int, str, str]]:
    """(time in ms, level, message) of each line, in order."""
    return [tuple(row) for row in session.all(_OF_TASK, task_id=task_id)]


def record(session: Session, **params: Any) -> None:
    session.run(_AUDIT, **params)


def done_to(session: Session, workflow_id: str) -> list[AuditRow]:
    """What people did to an execution, in order."""
    return [AuditRow._make(row) for row in session.all(_AUDIT_OF, workflow_id=workflow_id)]


def is_recorded(session: Session, audit_id: str) -> bool:
    return session.one(_RECORDED, id=audit_id) is not None
