"""Pages of executions for people: any filters together, and never more than `SCAN` rows looked at.

Each page takes its candidates from one index range, newest first; the filters that this range does not answer are
tried on those candidates only. So a page costs the same whether there are a thousand executions or millions; one
that finds too little says how far back it has looked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import ColumnElement, Integer, Text, and_, bindparam, func, or_, select, text
from sqlalchemy.sql.selectable import Subquery

from app.store.statements import Statement
from app.store.tables import workflow
from app.store.unit_of_work import Session
from workflows.status import WorkflowStatus

SCAN = 10_000
"""Candidates that one page looks at."""
COUNTED = 10_000
"""Executions of a status are counted up to here."""


class ListedRow(NamedTuple):
    """An execution without its payload."""

    id: str
    name: str
    version: int
    status: str
    correlation_id: str | None
    parent_id: str | None
    priority: int
    reason: str | None
    created_by: str | None
    created: int
    updated: int
    ended: int | None
    compensates: str | None


class Page(NamedTuple):
    """One page, newest first."""

    rows: list[ListedRow]
    looked_back_to: str | None
    """The last candidate, where the page ended before it was full and there are more; None: nothing more."""


_STATUSES = frozenset(WorkflowStatus)
_COLUMNS = [workflow.c[name] for name in ListedRow._fields]
_SOURCES = {
    "correlation_id": workflow.c.correlation_id == bindparam("correlation_id", type_=Text),
    "parent_id": workflow.c.parent_id == bindparam("parent_id", type_=Text),
    "name": workflow.c.name == bindparam("name", type_=Text),
}
_BOUNDS = {
    "before": workflow.c.id < bindparam("before", type_=Text),
    "after": workflow.c.id > bindparam("after", type_=Text),
    "oldest": workflow.c.id >= bindparam("oldest", type_=Text),
    "newest": workflow.c.id < bindparam("newest", type_=Text),
}
_statements: dict[tuple[str, ...], tuple[Statement, Statement]] = {}
_IDS = Statement(
    "executions whose id begins so",
    select(*_COLUMNS)
    .where(workflow.c.id >= bindparam("prefix", type_=Text), workflow.c.id < bindparam("beyond", type_=Text))
    .order_by(workflow.c.id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
_CAPPED = {
    status: Statement(
        f"how many executions are {status}, up to a cap",
        select(func.count()).select_from(
            select(workflow.c.id)
            .where(workflow.c.status == text(f"'{status}'"))
            .limit(bindparam("limit", type_=Integer))
            .subquery()
        ),
    )
    for status in WorkflowStatus
}


def page(session: Session, limit: int, filters: Mapping[str, str | int | None]) -> Page:
    """Executions that fit all filters.

    filters: status, name, version, correlation_id, parent_id, text (part of an id, a name, a correlation id or a
        reason), oldest and newest (bounds of the id, which is ordered by time), before or after (an id: the next
        page, the one before).
    """
    given = {name: value for name, value in filters.items() if value is not None}
    if "status" in given and given["status"] not in _STATUSES:
        return Page([], None)
    found, reach = _statement(given)
    params = _params(given)
    rows = [ListedRow._make(row) for row in session.all(found, limit=limit, scan=SCAN, **params)]
    if "after" in given:
        rows.reverse()
    if len(rows) == limit or "after" in given:
        return Page(rows, None)
    row = session.one(reach, scan=SCAN, **params)
    return Page(rows, str(row[0]) if row is not None and row[1] == SCAN else None)


def tallies(session: Session, filters: Mapping[str, str | int | None]) -> dict[str, int]:
    """How many of the newest `SCAN` candidates that fit the filters have which status."""
    given = {name: value for name, value in filters.items() if value is not None and name != "status"}
    key = ("tally", *_key(given))
    if key not in _statements:
        candidates = _candidates(given, None)
        clause = select(candidates.c.status, func.count()).group_by(candidates.c.status)
        tally = Statement(" ".join(key), clause.where(*_residual(given, candidates)))
        _statements[key] = (tally, tally)
    return {row[0]: row[1] for row in session.all(_statements[key][0], scan=SCAN, **_params(given))}


def capped_counts(session: Session) -> dict[str, int]:
    """How many executions have which status, each counted up to `COUNTED` + 1."""
    counts = {}
    for status, statement in _CAPPED.items():
        row = session.one(statement, limit=COUNTED + 1)
        counts[str(status)] = 0 if row is None else int(row[0])
    return counts


def by_id_prefix(session: Session, prefix: str, limit: int) -> list[ListedRow]:
    """Executions whose id begins with this, newest first."""
    rows = session.all(_IDS, prefix=prefix, beyond=prefix + "\U0010ffff", limit=limit)
    return [ListedRow._make(row) for row in rows]


def _key(given: Mapping[str, object]) -> tuple[str, ...]:
    return (str(given.get("status", "")), *sorted(given))


def _params(given: Mapping[str, str | int]) -> dict[str, str | int]:
    params = {name: value for name, value in given.items() if name != "status"}
    if "text" in params:
        escaped = str(params.pop("text")).lower()
        for special in "\\%_":
            escaped = escaped.replace(special, "\\" + special)
        params["pattern"] = f"%{escaped}%"
    return params


def _statement(given: Mapping[str, str | int]) -> tuple[Statement, Statement]:
    key = _key(given)
    if key not in _statements:
        status = str(given["status"]) if "status" in given else None
        candidates = _candidates(given, status)
        residual = _residual(given, candidates)
        if status is not None:
            residual.append(candidates.c.status == text(f"'{status}'"))
        order = candidates.c.id if "after" in given else candidates.c.id.desc()
        clause = select(candidates).where(*residual).order_by(order).limit(bindparam("limit", type_=Integer))
        name = f"a page of executions by {', '.join(filter(None, key)) or 'time'}"
        reach = select(func.min(candidates.c.id), func.count()).select_from(candidates)
        _statements[key] = (Statement(name, clause), Statement(f"how far back: {name}", reach))
    return _statements[key]


def _candidates(given: Mapping[str, object], status: str | None) -> Subquery:
    """The range of one index: what is likely to be the shortest comes first."""
    conditions = [condition for name, condition in _BOUNDS.items() if name in given]
    # Almost all executions are COMPLETED in the end; the other statuses are rarer than any one definition.
    rare = status is not None and status != WorkflowStatus.COMPLETED
    sources = ["correlation_id", "parent_id", *(() if rare else ("name",))]
    source = next((name for name in sources if name in given), None)
    if source is not None:
        conditions.append(_SOURCES[source])
    elif status is not None:
        # In the text and not a parameter: whether an index helps depends on how rare this status is.
        conditions.append(workflow.c.status == text(f"'{status}'"))
    order = workflow.c.id if "after" in given else workflow.c.id.desc()
    clause = select(*_COLUMNS).order_by(order).limit(bindparam("scan", type_=Integer))
    return clause.where(and_(*conditions)).subquery() if conditions else clause.subquery()


def _residual(given: Mapping[str, object], candidates: Subquery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        candidates.c[name] == bindparam(name, type_=candidates.c[name].type)
        for name in ("name", "version", "correlation_id", "parent_id")
        if name in given
    ]
    if "text" in given:
        pattern = bindparam("pattern", type_=Text)
        columns = ("id", "name", "correlation_id", "reason")
        conditions.append(or_(*(func.lower(candidates.c[c]).like(pattern, escape="\\") for c in columns)))
    return conditions
