"""Searches that people write: alternatives of conditions on executions or tasks, a page of them, and how many there are.

Each alternative takes its candidates from one range of one index, newest first (or oldest first); what that index does
not answer is tried on `SCAN` candidates at most, and whoever asks is told how far that was. So a search costs the same
whether there are a thousand executions or millions. The statement of each shape of a search is made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    func,
    literal_column,
    not_,
    or_,
    select,
    union,
)
from sqlalchemy.sql.selectable import Subquery

from app.store.executions import WorkflowRow
from app.store.ids import first_id
from app.store.statements import Among, Statement
from app.store.tables import program, task, workflow
from app.store.tasks import TaskRow
from app.store.unit_of_work import Session
from workflows.status import WorkflowStatus

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "like", "null", "not null", "contains"]
COUNTED = 1_000
"""A search's result is counted up to this, or to one more than the page: whoever goes on finds that there is more."""
SCAN = 10_000
"""Candidates that a search looks at where an index does not answer it."""
_SHAPES = 1_000
_SLACK_MS = 60_000
"""An id is made that much before or after the time in its row, at most."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: a column's name, an operator, a value.

    in: the value is a list of strings. like: `*` is any text. contains: the row has this text anywhere, in its payload
    too; there is no column.
    """

    column: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Found:
    """A page of rows, and how many there are in all, counted up to `COUNTED`."""

    rows: list[Any]
    total: int
    looked_to: str | None = None
    """The id where it stopped to look, though there are more; None: nothing was left out."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is searched for."""

    table: Table
    row: Any
    sources: tuple[str, ...]
    """Columns of which an index finds one value, in the order of the ids; what finds the fewest rows first."""
    time: str
    """The time at which its id is made."""
    words: tuple[str, ...]
    """Columns with text, besides the payload."""


_EXECUTIONS = _Kind(
    workflow,
    WorkflowRow,
    ("id", "correlation_id", "parent_id", "status", "name"),
    "created",
    ("id", "correlation_id", "name", "reason"),
)
_TASKS = _Kind(
    task,
    TaskRow,
    ("id", "workflow_id"),
    "scheduled",
    ("id", "ref", "name", "reason"),
)
_FEW = ("id", "correlation_id", "parent_id", "workflow_id")
_STATUSES = frozenset(WorkflowStatus)
_MASKED = '%"maskedFields":["%'


@dataclass(frozen=True, slots=True)
class _Shape:
    """The statements of one shape of a search."""

    page: Statement
    count: Statement
    reach: tuple[Statement, ...]
    """Of each alternative that an index does not answer alone: its last candidate, and how many it has."""
    share: int
    """How many candidates each of them has."""


_shapes: dict[tuple[Any, ...], _Shape] = {}


def find_executions(
    session: Session,
    alternatives: Sequence[Sequence[Condition]],
    *,
    oldest_first: bool,
    start: int,
    size: int,
) -> Found:
    """Executions that fulfil all conditions of one of the alternatives."""
    return _find(session, _EXECUTIONS, alternatives, oldest_first, start, size)


def find_tasks(
    session: Session,
    alternatives: Sequence[Sequence[Condition]],
    *,
    oldest_first: bool,
    start: int,
    size: int,
) -> Found:
    """Tasks that fulfil all conditions of one of the alternatives."""
    return _find(session, _TASKS, alternatives, oldest_first, start, size)


def _find(
    session: Session,
    kind: _Kind,
    alternatives: Sequence[Sequence[Condition]],
    oldest_first: bool,
    start: int,
    size: int,
) -> Found:
    shape = _shape(kind, alternatives, oldest_first)
    params: dict[str, Any] = {"scan": shape.share}
    for number, conditions in enumerate(alternatives):
        for place, condition in enumerate(conditions):
            params |= _values(f"p{number}_{place}", condition, kind)
    page = session.all(shape.page, limit=size, offset=start, reach=start + size, **params)
    rows = [kind.row._make(found) for found in page]
    total = start + len(rows)
    if len(rows) == size or (start and not rows):
        counted = session.one(shape.count, reach=COUNTED, **params)
        number = int(counted[0]) if counted else 0
        total = max(number, total + (number >= COUNTED)) if rows else number
    return Found(rows, total, _looked_to(session, shape, oldest_first, params) if total < COUNTED else None)


def _looked_to(session: Session, shape: _Shape, oldest_first: bool, params: dict[str, Any]) -> str | None:
    ends = []
    for statement in shape.reach:
        row = session.one(statement, **params)
        if row is not None and row[1] == shape.share:
            ends.append(str(row[0]))
    return (min if oldest_first else max)(ends, default=None)


def _shape(kind: _Kind, alternatives: Sequence[Sequence[Condition]], oldest_first: bool) -> _Shape:
    key = (
        kind.table.name,
        oldest_first,
        *(tuple(_key(condition) for condition in conditions) for conditions in alternatives),
    )
    if key not in _shapes:
        if len(_shapes) >= _SHAPES:
            _shapes.clear()
        _shapes[key] = _made(kind, alternatives, oldest_first)
    return _shapes[key]


def _key(condition: Condition) -> tuple[Any, ...]:
    status = condition.value if condition.column == "status" and condition.value in _STATUSES else None
    return condition.column, condition.operator, status, _escaped(condition) is not None


def _made(kind: _Kind, alternatives: Sequence[Sequence[Condition]], oldest_first: bool) -> _Shape:
    table = kind.table
    arms = [_Arm(kind, f"p{n}_", conditions, oldest_first) for n, conditions in enumerate(alternatives)]
    bounded = [arm for arm in arms if arm.residual]
    share = SCAN // max(1, sum(arm.wide for arm in bounded))
    ids = [arm.ids() for arm in arms]
    some = ids[0] if len(ids) == 1 else union(*[select(each.subquery().c.id) for each in ids])
    page = select(*[table.c[name] for name in kind.row._fields]).where(table.c.id.in_(some))
    order = table.c.id.asc() if oldest_first else table.c.id.desc()
    page = (
        page.order_by(order)
        .limit(bindparam("limit", type_=Integer))
        .offset(bindparam("offset", type_=Integer))
    )
    capped = select(some.subquery().c.id).limit(bindparam("reach", type_=Integer)).subquery()
    what = f"{table.name}s with " + " or ".join(
        ", ".join(f"{c.column} {c.operator}" for c in conditions) for conditions in alternatives
    )
    return _Shape(
        Statement(what, page),
        Statement(f"how many {what}", select(func.count()).select_from(capped)),
        tuple(Statement(f"how far back: {what}", arm.reach()) for arm in bounded),
        share,
    )


class _Arm:
    """One alternative: a range of an index, and the conditions that are tried on what it has."""

    def __init__(self, kind: _Kind, prefix: str, conditions: Sequence[Condition], oldest_first: bool) -> None:
        self._table, self._oldest_first = kind.table, oldest_first
        source = next(
            (c for name in kind.sources for c in conditions if c.column == name and _is_source(c)), None
        )
        self.wide = source is None or source.column not in _FEW
        served, bounds = [], []
        residual: list[tuple[Condition, str]] = []
        for place, condition in enumerate(conditions):
            name = f"{prefix}{place}"
            if condition is source:
                served.append(_clause(kind, kind.table, condition, name))
                continue
            residual.append((condition, name))
            if (bound := _bound(kind, condition, name, oldest_first)) is not None:
                bounds.append(bound)
        self.residual = bool(residual)
        self._served = and_(*served, *bounds) if served or bounds else None
        self._tried = residual
        self._kind = kind

    def _candidates(self, columns: Sequence[Any], limit: str) -> Select[Any]:
        table = self._table
        order = table.c.id.asc() if self._oldest_first else table.c.id.desc()
        clause = select(*columns).order_by(order).limit(bindparam(limit, type_=Integer))
        return clause if self._served is None else clause.where(self._served)

    def ids(self) -> Select[Any]:
        """The first ids that fulfil it, as many as the page reaches to."""
        if not self._tried:
            return self._candidates([self._table.c.id], "reach")
        of = self._candidates(list(self._table.c), "scan").subquery()
        clauses = [_clause(self._kind, of, condition, name) for condition, name in self._tried]
        order = of.c.id.asc() if self._oldest_first else of.c.id.desc()
        return select(of.c.id).where(*clauses).order_by(order).limit(bindparam("reach", type_=Integer))

    def reach(self) -> Select[Any]:
        """The last candidate, and how many there are."""
        of = self._candidates([self._table.c.id], "scan").subquery()
        last = func.max(of.c.id) if self._oldest_first else func.min(of.c.id)
        return select(last, func.count())


def _is_source(condition: Condition) -> bool:
    return condition.operator == "=" or (condition.operator == "in" and condition.column in _FEW)


def _bound(kind: _Kind, condition: Condition, name: str, oldest_first: bool) -> ColumnElement[bool] | None:
    """Where in the order of the ids to begin, for a condition on the time.

    Ids never tell of a later time than the row does, but of an earlier one, after a restart: so this leaves nothing
    out when the newest come first.
    """
    if condition.column != kind.time:
        return None
    if condition.operator in ("<", "<="):
        return kind.table.c.id < bindparam(f"{name}_id", type_=Text)
    if oldest_first and condition.operator in (">", ">="):
        return kind.table.c.id >= bindparam(f"{name}_id", type_=Text)
    return None


def _clause(kind: _Kind, of: Table | Subquery, condition: Condition, name: str) -> ColumnElement[bool]:
    if condition.operator == "contains":
        return _contains(kind, of, name, escaped=_escaped(condition) is not None)
    column: Any = of.c[condition.column]
    if condition.operator == "null":
        return column.is_(None)  # type: ignore[no-any-return]
    if condition.operator == "not null":
        return column.is_not(None)  # type: ignore[no-any-return]
    if condition.operator == "in":
        return Among(column, name)
    if condition.column == "status" and condition.operator == "=" and condition.value in _STATUSES:
        # In the text and not a parameter: whether an index helps depends on how rare this status is.
        return column == literal_column(f"'{WorkflowStatus(condition.value)}'")  # type: ignore[no-any-return]
    value = bindparam(name, type_=column.type)
    if condition.operator == "like":
        return column.like(value, escape="\\")  # type: ignore[no-any-return]
    found: ColumnElement[bool] = column.op(condition.operator, is_comparison=True)(value)
    return found


def _contains(kind: _Kind, of: Table | Subquery, name: str, *, escaped: bool) -> ColumnElement[bool]:
    """The text is in one of the columns, or in the payload of an execution that has no masked fields."""

    def has(column: Any, pattern: str) -> Any:
        return column.ilike(bindparam(pattern, type_=Text), escape="\\")

    patterns = [name, f"{name}_json"] if escaped else [name]
    payload = or_(*[has(of.c[column], p) for column in ("input", "output") for p in patterns])
    masked = select(program.c.id).where(program.c.content.like(literal_column(f"'{_MASKED}'"))).correlate(of)
    if kind is _EXECUTIONS:
        masked = masked.where(program.c.id == of.c.program_id)
    else:
        masked = masked.where(program.c.id == workflow.c.program_id, workflow.c.id == of.c.workflow_id)
    return or_(*[has(of.c[word], name) for word in kind.words], and_(payload, not_(masked.exists())))


def _escaped(condition: Condition) -> str | None:
    """The text as it stands in JSON, where that is another one."""
    if condition.operator != "contains":
        return None
    inside = orjson.dumps(condition.value).decode()[1:-1]
    return inside if inside != condition.value else None


def _values(name: str, condition: Condition, kind: _Kind) -> dict[str, Any]:
    operator, value = condition.operator, condition.value
    if operator in ("null", "not null"):
        return {}
    if operator == "in":
        return {name: orjson.dumps(list(value)).decode()}
    if operator == "like":
        return {name: _pattern(value)}
    if operator == "contains":
        inside = _escaped(condition)
        found = {name: f"%{_pattern(value)}%"}
        return found if inside is None else found | {f"{name}_json": f"%{_pattern(inside)}%"}
    if condition.column == kind.time:
        slack = _SLACK_MS if operator in ("<", "<=") else -_SLACK_MS
        return {name: value, f"{name}_id": first_id(value + slack)}
    return {name: value}


def _pattern(value: str) -> str:
    escaped = str(value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")
