"""Searches that people write: any conditions on executions or tasks, a page of them, and how many there are.

The statement of each combination of fields is made once. What no index serves is filtered while the newest rows are
read, so a search for what is rare and old takes long; it never sorts more than a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import Column, ColumnElement, Table, bindparam, func, literal_column, or_, select, union_all

from app.store.executions import WorkflowRow
from app.store.statements import Among, Statement
from app.store.tables import task, workflow
from app.store.tasks import TaskRow
from app.store.unit_of_work import Session

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "like"]
COUNTED = 1_000
"""A search's result is counted up to this, or to one more than the page: whoever goes on finds that there is more."""
_SHAPES = 1_000


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: a column's name, an operator, a value (`in`: a list of strings; `like`: `*` is any text)."""

    column: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Found:
    """A page of rows, and how many there are in all, counted up to `COUNTED`."""

    rows: list[Any]
    total: int


_statements: dict[tuple[Any, ...], tuple[Statement, Statement]] = {}


def find_executions(
    session: Session,
    conditions: Sequence[Condition],
    text: str | None,
    *,
    oldest_first: bool,
    start: int,
    size: int,
) -> Found:
    """Executions that fulfil all conditions; `text`: it is their id, correlation id or name as well."""
    words = (workflow.c.id, workflow.c.correlation_id, workflow.c.name)
    rows, total = _find(session, workflow, WorkflowRow, conditions, text, words, oldest_first, start, size)
    return Found(rows, total)


def find_tasks(
    session: Session,
    conditions: Sequence[Condition],
    text: str | None,
    *,
    oldest_first: bool,
    start: int,
    size: int,
) -> Found:
    """Tasks that fulfil all conditions; `text`: it is their id, their execution's, or their name as well."""
    words = (task.c.id, task.c.workflow_id, task.c.name)
    rows, total = _find(session, task, TaskRow, conditions, text, words, oldest_first, start, size)
    return Found(rows, total)


def _find(
    session: Session,
    table: Table,
    row: Any,
    conditions: Sequence[Condition],
    text: str | None,
    words: Sequence[Column[Any]],
    oldest_first: bool,
    start: int,
    size: int,
) -> tuple[list[Any], int]:
    key = (table.name, oldest_first, text is not None, *((c.column, c.operator) for c in conditions))
    if key not in _statements:
        if len(_statements) >= _SHAPES:
            _statements.clear()
        _statements[key] = _statement(table, row._fields, conditions, text, words, oldest_first)
    page, count = _statements[key]
    params = {f"p{n}": _value(condition) for n, condition in enumerate(conditions)}
    if text is not None:
        params["text"] = text
    rows = [row._make(found) for found in session.all(page, limit=size, offset=start, **params)]
    total = start + len(rows)
    if len(rows) == size or (start and not rows):
        counted = session.one(count, limit=COUNTED, **params)
        number = int(counted[0]) if counted else 0
        total = max(number, total + (number >= COUNTED)) if rows else number
    return rows, total


def _statement(
    table: Table,
    fields: Sequence[str],
    conditions: Sequence[Condition],
    text: str | None,
    words: Sequence[Column[Any]],
    oldest_first: bool,
) -> tuple[Statement, Statement]:
    clauses = [_clause(table.c[c.column], c.operator, f"p{n}") for n, c in enumerate(conditions)]
    if text is not None:
        clauses.append(_is_one_of(table, words))
    order = table.c.id.asc() if oldest_first else table.c.id.desc()
    page = select(*[table.c[name] for name in fields]).where(*clauses).order_by(order)
    page = page.limit(bindparam("limit")).offset(bindparam("offset"))
    some = select(table.c.id).where(*clauses).limit(bindparam("limit")).subquery()
    what = ", ".join(f"{c.column} {c.operator}" for c in conditions)
    return (
        Statement(f"{table.name}s with {what}", page),
        Statement(f"how many {table.name}s with {what}", select(func.count()).select_from(some)),
    )


def _is_one_of(table: Table, words: Sequence[Column[Any]]) -> ColumnElement[bool]:
    """One of these columns is `text`; of executions each column's newest `COUNTED`, because an index serves each."""
    if table is not workflow:
        return or_(*[word == bindparam("text") for word in words])
    newest = [
        select(table.c.id)
        .where(word == bindparam("text"))
        .order_by(table.c.id.desc())
        .limit(literal_column(str(COUNTED)))
        .subquery()
        for word in words
    ]
    return table.c.id.in_(union_all(*[select(found.c.id) for found in newest]))


def _clause(column: Column[Any], operator: Operator, name: str) -> ColumnElement[bool]:
    if operator == "in":
        return Among(column, name)
    value = bindparam(name, type_=column.type)
    if operator == "like":
        return column.like(value, escape="\\")
    found: ColumnElement[bool] = column.op(operator, is_comparison=True)(value)
    return found


def _value(condition: Condition) -> Any:
    if condition.operator == "in":
        return orjson.dumps(list(condition.value)).decode()
    if condition.operator == "like":
        escaped = str(condition.value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return escaped.replace("*", "%")
    return condition.value
