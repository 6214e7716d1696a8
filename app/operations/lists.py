"""Lists of executions and of their tasks, as Conductor's clients ask for them."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import ExecutionNotFound
from app.operations.conductor import Document, task_document, workflow_document
from app.runtime.engine import Engine
from app.store import executions, find, search, tasks
from app.store.executions import WorkflowRow
from app.store.find import Condition
from app.store.tasks import TaskRow
from app.store.unit_of_work import Session

MOST = 10_000
"""So many are listed at most: who has more searches page by page."""


def running(
    engine: Engine, name: str, version: int, created_from: int | None, created_to: int | None
) -> list[str]:
    """Ids of executions that run, the newest first; with both times: of all that were started in between."""
    between = created_from is not None and created_to is not None
    times = {"created_from": created_from, "created_to": created_to} if between else {"status": "RUNNING"}
    rows = engine.store.read(lambda s: search.page(s, MOST, name=name, version=version, **times))
    return [row.id for row in rows]


def tasks_of(engine: Engine, execution_id: str, start: int, count: int, statuses: Sequence[str]) -> Document:
    """Conductor's SearchResult of the tasks of an execution.

    Raises:
        ExecutionNotFound: there is none.
    """

    def work(session: Session) -> tuple[WorkflowRow, list[TaskRow]]:
        row = executions.by_id(session, execution_id)
        if row is None:
            raise ExecutionNotFound(execution_id)
        return row, tasks.of_workflow(session, execution_id)

    row, rows = engine.store.read(work)
    program = engine.programs.get(row.program_id)
    found = [(seq, task) for seq, task in enumerate(rows, 1) if not statuses or task.status in statuses]
    page = [task_document(program, row, task, seq) for seq, task in found[start : start + count]]
    return {"totalHits": len(found), "results": page}


def correlated(
    engine: Engine, name: str, correlation_ids: Sequence[str], include_closed: bool, include_tasks: bool
) -> dict[str, list[Document]]:
    """Executions of a workflow by correlation id; those that run, or all."""
    conditions = [Condition("name", "=", name), Condition("correlation_id", "in", list(correlation_ids))]
    if not include_closed:
        conditions.append(Condition("status", "=", "RUNNING"))

    def work(session: Session) -> list[tuple[WorkflowRow, list[TaskRow]]]:
        found = find.find_executions(session, [conditions], oldest_first=False, start=0, size=MOST)
        return [(row, tasks.of_workflow(session, row.id) if include_tasks else []) for row in found.rows]

    answer: dict[str, list[Document]] = {key: [] for key in correlation_ids}
    for row, rows in engine.store.read(work):
        answer[row.correlation_id or ""].append(workflow_document(engine, row, rows))
    return answer
