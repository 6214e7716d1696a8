"""Searches in Conductor's language: `status = 'RUNNING' AND workflowType IN (a,b) AND startTime > 1700000000000`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import orjson

from app.errors import InvalidInput
from app.operations.conductor import Document, summary_document, task_document, workflow_document
from app.operations.query import listed, state_of, task_of
from app.runtime.clock import iso
from app.runtime.engine import Engine
from app.store import executions, find, tasks
from app.store.executions import WorkflowRow
from app.store.find import Condition, Found, Operator
from app.store.tasks import TaskRow
from app.store.unit_of_work import Session

MOST = 5_000
_CONDITION = re.compile(
    r"""\s*(?P<field>\w+)\s*
    (?: (?P<in>IN)\s*\((?P<list>[^)]*)\) | (?P<operator><=|>=|!=|=|<|>|:)\s*(?P<value>'[^']*'|"[^"]*"|[^\s()]+) )\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_AND = re.compile(r"AND\s", re.IGNORECASE)
_OF_EXECUTIONS = {
    "workflowId": "id",
    "workflowType": "name",
    "workflowName": "name",
    "version": "version",
    "status": "status",
    "correlationId": "correlation_id",
    "parentWorkflowId": "parent_id",
    "createdBy": "created_by",
    "priority": "priority",
    "startTime": "created",
    "createTime": "created",
    "updateTime": "updated",
    "endTime": "ended",
}
_OF_TASKS = {
    "taskId": "id",
    "workflowId": "workflow_id",
    "taskType": "type",
    "taskDefName": "name",
    "referenceTaskName": "ref",
    "status": "status",
    "workerId": "worker",
    "scheduledTime": "scheduled",
    "startTime": "started",
    "updateTime": "updated",
    "endTime": "ended",
}
_NUMBERS = {"version", "priority", "created", "updated", "ended", "scheduled", "started"}
_SORTED_BY = {"startTime", "createTime", "scheduledTime", "workflowId", "taskId", ""}


def search_workflows(
    engine: Engine, query: str, text: str, *, start: int, size: int, sort: str, whole: bool = False
) -> Document:
    """Conductor's SearchResult of executions: summaries, or the whole of each.

    Raises:
        InvalidInput: the query can't be read, or is for too many at once.
    """
    conditions = parse(query, _OF_EXECUTIONS)
    oldest, word = _oldest_first(sort), _word(text)
    _check(size)
    found = engine.store.read(
        lambda s: find.find_executions(s, conditions, word, oldest_first=oldest, start=start, size=size)
    )
    return _workflows(engine, found, whole)


def search_tasks(
    engine: Engine, query: str, text: str, *, start: int, size: int, sort: str, whole: bool = False
) -> Document:
    """Conductor's SearchResult of tasks.

    Raises:
        InvalidInput: as `search_workflows`.
    """
    found = _find_tasks(engine, query, text, start, size, sort)

    def origins(session: Session) -> dict[str, WorkflowRow | None]:
        return {id_: executions.by_id(session, id_) for id_ in {row.workflow_id for row in found.rows}}

    of = engine.store.read(origins)
    results = [_task(engine, row, of[row.workflow_id], whole) for row in found.rows]
    return {"totalHits": found.total, "results": [result for result in results if result is not None]}


def search_by_tasks(
    engine: Engine, query: str, text: str, *, start: int, size: int, sort: str, whole: bool = False
) -> Document:
    """Conductor's SearchResult of executions with a task that fulfils the query.

    Raises:
        InvalidInput: as `search_workflows`.
    """
    found = _find_tasks(engine, query, text, start, size, sort)
    ids = list(dict.fromkeys(row.workflow_id for row in found.rows))
    rows = engine.store.read(lambda s: [executions.by_id(s, id_) for id_ in ids])
    return _workflows(engine, Found([row for row in rows if row is not None], found.total), whole)


def parse(query: str, fields: dict[str, str]) -> list[Condition]:
    """The conditions of a query.

    Raises:
        InvalidInput: it can't be read, or names a field that there is not.
    """
    conditions: list[Condition] = []
    rest = query.strip()
    while rest:
        if conditions:
            joined = _AND.match(rest)
            if joined is None:
                raise InvalidInput(
                    f"query: AND is expected before {rest[:50]!r}; nothing else joins conditions"
                )
            rest = rest[joined.end() :]
        matched = _CONDITION.match(rest)
        if matched is None:
            raise InvalidInput(
                f"query: {rest[:50]!r} is no condition; write field = value, <, >, or field IN (a,b)"
            )
        conditions.append(_condition(matched, fields))
        rest = rest[matched.end() :]
    if len(conditions) > 20:
        raise InvalidInput("query: at most 20 conditions")
    return conditions


def _condition(matched: re.Match[str], fields: dict[str, str]) -> Condition:
    column = fields.get(matched["field"])
    if column is None:
        raise InvalidInput(f"query: there is no field {matched['field']!r}; there are {', '.join(fields)}")
    if matched["in"]:
        values = [_bare(value) for value in matched["list"].split(",") if value.strip()]
        if column in _NUMBERS:
            raise InvalidInput(f"query: {matched['field']} is a number; compare it with =, < or >")
        return Condition(column, "in", values)
    operator = "=" if matched["operator"] == ":" else matched["operator"]
    value: Any = _bare(matched["value"])
    if column in _NUMBERS:
        return Condition(column, cast(Operator, operator), _number(matched["field"], value))
    if "*" in value and operator == "=":
        return Condition(column, "like", value)
    return Condition(column, cast(Operator, operator), value)


def _bare(value: str) -> str:
    return value.strip().strip("'\"")


def _number(field: str, value: str) -> int:
    if not value.isdecimal() or len(value) > 15:
        raise InvalidInput(f"query: {field} is a number (times: milliseconds since the epoch), not {value!r}")
    return int(value)


def _find_tasks(engine: Engine, query: str, text: str, start: int, size: int, sort: str) -> Found:
    conditions = parse(query, _OF_TASKS)
    oldest, word = _oldest_first(sort), _word(text)
    _check(size)
    return engine.store.read(
        lambda s: find.find_tasks(s, conditions, word, oldest_first=oldest, start=start, size=size)
    )


def _check(size: int) -> None:
    if size > MOST:
        raise InvalidInput(f"Cannot return more than {MOST} workflows. Please use pagination.")


def _oldest_first(sort: str) -> bool:
    field, _, order = sort.partition(":")
    if field.strip() not in _SORTED_BY:
        raise InvalidInput(f"sort: results are in the order of startTime, ASC or DESC, not of {field!r}")
    return order.strip().upper() == "ASC"


def _word(text: str) -> str | None:
    return text.strip() if text.strip() not in ("", "*") else None


def _workflows(engine: Engine, found: Found, whole: bool) -> Document:
    results: Sequence[Document]
    if whole:
        of = engine.store.read(lambda s: {row.id: tasks.of_workflow(s, row.id) for row in found.rows})
        results = [workflow_document(engine, row, of[row.id]) for row in found.rows]
    else:
        results = [
            summary_document(
                state_of(engine.programs.get(row.program_id), listed(row)), row.event, row.created_by
            )
            for row in found.rows
        ]
    return {"totalHits": found.total, "results": results}


def _task(engine: Engine, row: TaskRow, origin: WorkflowRow | None, whole: bool) -> Document | None:
    if origin is None:
        return None
    if whole:
        return task_document(engine.programs.get(origin.program_id), origin, row)
    shown = task_of(engine.programs.get(origin.program_id), row)
    return {
        "workflowId": row.workflow_id,
        "workflowType": origin.name,
        "correlationId": origin.correlation_id,
        "scheduledTime": iso(row.scheduled),
        "startTime": iso(row.started),
        "updateTime": iso(row.updated),
        "endTime": iso(row.ended),
        "status": shown.status,
        "reasonForIncompletion": row.reason,
        "executionTime": row.ended - row.started if row.ended and row.started else 0,
        "queueWaitTime": max(0, (row.started or row.scheduled) - row.scheduled),
        "taskDefName": row.name,
        "taskType": row.type,
        "input": orjson.dumps(shown.input).decode(),
        "output": orjson.dumps(shown.output).decode(),
        "taskId": row.id,
        "workflowPriority": origin.priority,
        "domain": row.domain,
    }
