"""Lists of executions: index ranges, newest first, one page at a time."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, func, select, text

from app.store.executions import WorkflowRow
from app.store.statements import Statement
from app.store.tables import workflow
from app.store.unit_of_work import Session
from workflows.status import WorkflowStatus

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
_STATUSES = frozenset(WorkflowStatus)
_statements: dict[tuple[str, ...], Statement] = {}
_COUNTS = Statement(
    "executions by status", select(workflow.c.status, func.count()).group_by(workflow.c.status)
)


def page(session: Session, limit: int, **filters: str | int | None) -> list[WorkflowRow]:
    """The newest executions that fit; the page after one is `before=` the last id of it."""
    given = {name: value for name, value in filters.items() if value is not None}
    statement = _statement(given)
    return [WorkflowRow._make(row) for row in session.all(statement, limit=limit, **given)]


def _statement(given: dict[str, str | int]) -> Statement:
    status = given.get("status") if given.get("status") in _STATUSES else None
    if status is not None:
        del given["status"]
    key = (str(status or ""), *sorted(given))
    if key not in _statements:
        clause = select(*_COLUMNS).order_by(workflow.c.id.desc()).limit(bindparam("limit"))
        conditions = [_FILTERS[name] for name in sorted(given)]
        if status is not None:
            # In the text and not a parameter: whether an index helps depends on how rare this status is.
            conditions.append(workflow.c.status == text(f"'{status}'"))
        if conditions:
            clause = clause.where(and_(*conditions))
        _statements[key] = Statement(f"executions by {', '.join(filter(None, key)) or 'time'}", clause)
    return _statements[key]


def counts(session: Session) -> dict[str, int]:
    """How many executions there are in each status."""
    return {row[0]: row[1] for row in session.all(_COUNTS)}
