"""Searches in Conductor's language, with free text that is looked for in inputs and outputs too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson

from app.errors import InvalidInput
from app.operations.conductor import Document, summary_document, task_document, workflow_document
from app.operations.grammar import Alternatives, parse
from app.operations.query import listed, state_of, task_of
from app.runtime.clock import iso
from app.runtime.engine import Engine
from app.store import executions, find, tasks
from app.store.executions import WorkflowRow
from app.store.find import Condition, Found
from app.store.ids import time_of
from app.store.tasks import TaskRow
from app.store.unit_of_work import Session
from workflows.status import WorkflowStatus

MOST = 5_000
SIZE = 100
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
_SORTED_BY = {"startTime", "createTime", "scheduledTime", "workflowId", "taskId", ""}


def search(
    engine: Engine,
    query: str = "",
    text: str = "*",
    *,
    start: int = 0,
    size: int = SIZE,
    sort: str = "",
    whole: bool = False,
    top_level: bool = False,
) -> Document:
    """Conductor's SearchResult of executions: summaries, or the whole of each.

    query: conditions; empty: none. text: what inputs, outputs and names are searched for; `*`: anything. sort:
    `startTime:ASC` or `startTime:DESC`, which is the default. top_level: no sub-workflows.

    Raises:
        InvalidInput: the query can't be read, or is for too many at once.
    """
    found = parse(query, _OF_EXECUTIONS, spread=("name", "status"), statuses=frozenset(WorkflowStatus))
    if top_level:
        found = [[*conditions, Condition("parent_id", "null", None)] for conditions in found]
    alternatives = _with_text(found, text, ("id", "correlation_id", "name"))
    oldest = _oldest_first(sort)
    _check(size)
    rows = engine.store.read(
        lambda s: find.find_executions(s, alternatives, oldest_first=oldest, start=start, size=size)
    )
    return _workflows(engine, rows, whole)


def search_tasks(
    engine: Engine,
    query: str = "",
    text: str = "*",
    *,
    start: int = 0,
    size: int = SIZE,
    sort: str = "",
    whole: bool = False,
) -> Document:
    """Conductor's SearchResult of tasks; the arguments are those of `search`.

    Raises:
        InvalidInput: as `search`.
    """
    found = _find_tasks(engine, query, text, start, size, sort)

    def origins(session: Session) -> dict[str, WorkflowRow | None]:
        return {id_: executions.by_id(session, id_) for id_ in {row.workflow_id for row in found.rows}}

    of = engine.store.read(origins)
    results = [_task(engine, row, of[row.workflow_id], whole) for row in found.rows]
    return _answer(found, [result for result in results if result is not None])


def search_by_tasks(
    engine: Engine,
    query: str = "",
    text: str = "*",
    *,
    start: int = 0,
    size: int = SIZE,
    sort: str = "",
    whole: bool = False,
) -> Document:
    """Conductor's SearchResult of executions with a task that fulfils the query; the arguments are those of `search`.

    Raises:
        InvalidInput: as `search`.
    """
    found = _find_tasks(engine, query, text, start, size, sort)
    ids = list(dict.fromkeys(row.workflow_id for row in found.rows))
    rows = engine.store.read(lambda s: [executions.by_id(s, id_) for id_ in ids])
    return _workflows(engine, replace(found, rows=[row for row in rows if row is not None]), whole)


def _find_tasks(engine: Engine, query: str, text: str, start: int, size: int, sort: str) -> Found:
    alternatives = _with_text(parse(query, _OF_TASKS), text, ("id", "workflow_id"))
    oldest = _oldest_first(sort)
    _check(size)
    return engine.store.read(
        lambda s: find.find_tasks(s, alternatives, oldest_first=oldest, start=start, size=size)
    )


def _check(size: int) -> None:
    if size > MOST:
        raise InvalidInput(f"Cannot return more than {MOST} workflows. Please use pagination.")


def _oldest_first(sort: str) -> bool:
    field, _, order = sort.partition(":")
    if field.strip() not in _SORTED_BY:
        raise InvalidInput(f"sort: results are in the order of startTime, ASC or DESC, not of {field!r}")
    return order.strip().upper() == "ASC"


def _with_text(found: Alternatives, text: str, keys: Sequence[str]) -> Alternatives:
    """What fulfils the query and has the text: anywhere, or as one of these keys, however old that is."""
    word = text.strip()
    if word in ("", "*"):
        return found
    anywhere = [[*conditions, Condition("", "contains", word)] for conditions in found]
    if len(found) > 1 or "*" in word:
        return anywhere
    return anywhere + [[Condition(key, "=", word), *found[0]] for key in keys]


def _answer(found: Found, results: Sequence[Document]) -> Document:
    answer = {"totalHits": found.total, "results": results}
    if found.looked_to is not None:
        answer["searchedBackTo"] = time_of(found.looked_to)
    return answer


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
    return _answer(found, results)


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
