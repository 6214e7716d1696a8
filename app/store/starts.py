"""The statement that starts an execution: the execution and its first task, if the definition is as was believed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, Text, bindparam, insert, literal_column, select, text

from app.store import definitions, executions, tasks
from app.store.executions import WorkflowRow
from app.store.statements import Statement
from app.store.tables import task, workflow, workflow_def
from app.store.tasks import TaskRow
from app.store.unit_of_work import Session


def _start(latest: bool) -> Any:
    found = select(workflow_def.c.program_id).where(
        workflow_def.c.name == bindparam("definition", type_=Text)
    )
    if latest:
        found = found.order_by(workflow_def.c.version.desc()).limit(1)
    else:
        found = found.where(workflow_def.c.version == bindparam("wanted", type_=Integer))
    believed = found.cte("found")
    started = (
        insert(workflow)
        .from_select(
            list(WorkflowRow._fields),
            select(*[bindparam(f"w_{n}", type_=workflow.c[n].type).label(n) for n in WorkflowRow._fields])
            .select_from(believed)
            .where(believed.c.program_id == bindparam("believed", type_=Text)),
        )
        .returning(workflow.c.id)
        .cte("started")
    )
    first = (
        insert(task)
        .from_select(
            list(TaskRow._fields),
            select(
                *[bindparam(f"t_{n}", type_=task.c[n].type).label(n) for n in TaskRow._fields]
            ).select_from(started),
        )
        .returning(literal_column("1"))
        .cte("first")
    )
    return select(select(started.c.id).scalar_subquery(), text("(SELECT count(*) FROM first)")).add_cte(first)


# PostgreSQL does it in one statement, which is its own transaction.
_LATEST = Statement("start an execution of the latest version", _start(latest=True))
_VERSION = Statement("start an execution of a version", _start(latest=False))


def start_execution(session: Session, version: int | None, row: WorkflowRow, first: TaskRow) -> bool:
    """Insert both rows; False: the definition's program is another one by now, and nothing is written."""
    if session.dialect.name == "postgresql":
        params = {f"w_{k}": v for k, v in row._asdict().items()} | {
            f"t_{k}": v for k, v in first._asdict().items()
        }
        params |= {"definition": row.name, "believed": row.program_id}
        if version is None:
            found = session.one(_LATEST, **params)
        else:
            found = session.one(_VERSION, wanted=version, **params)
        return found is not None and found[0] is not None
    known = definitions.find_program(session, row.name, version)
    if known != row.program_id:
        return False
    executions.insert_workflow(session, row)
    return tasks.insert_task(session, first, row.run)
