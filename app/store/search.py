"""Lists of executions: index ranges, newest first, one page at a time."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, func, select

from app.store.executions import WorkflowRow
from app.store.statements import Statement
from app.store.tables import workflow
from app.store.unit_of_work import Session

_COLUMNS = [workflow.c[name] for name in WorkflowRow._fields]
_FILTERS = {
    "status": workflow.c.status == bindparam("status"),
    "name": workflow.c.name == bindparam("name"),
    "version": workflow.c.version == bindparam("version"),
    "correlation_id": workflow.c.correlation_id == bindparam("correlation_id"),
    "parent_id": workflow.c.parent_id == bindparam("parent_id"),
    "created_from": workflow.c.created >= bindparam("created_from"),
    "created_to": workflow.c.created < bindparam("created_to"),
    "before": workflow.c.id < bindparam("before"),
}
_statements: dict[tuple[str, ...], Statement] = {}
_COUNTS = Statement(
    "executions by status", select(workflow.c.status, func.count()).group_by(workflow.c.status)
)


def page(session: Session, limit: int, **filters: str | int | None) -> list[WorkflowRow]:
    """The newest executions that fit; the page after one is `before=` the last id of it."""
    given = {name: value for name, value in filters.items() if value is not None}
    key = tuple(sorted(given))
    if key not in _statements:
        clause = select(*_COLUMNS).order_by(workflow.c.id.desc()).limit(bindparam("limit"))
        if key:
            clause = clause.where(and_(*(_FILTERS[name] for name in key)))
        _statements[key] = Statement(f"executions by {', '.join(key) or 'time'}", clause)
    return [WorkflowRow._make(row) for row in session.all(_statements[key], limit=limit, **given)]


def counts(session: Session) -> dict[str, int]:
    """How many executions there are in each status."""
    return {row[0]: row[1] for row in session.all(_COUNTS)}
