"""Statements that delete executions with all that is theirs, and find those that are old enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Text, bindparam, delete, select

from app.store.executions import WorkflowRow, encoded
from app.store.statements import Among, Statement
from app.store.tables import audit, file, file_part, idempotency, task, task_log, workflow, workflow_message
from app.store.unit_of_work import Session

_COLUMNS = [workflow.c[name] for name in WorkflowRow._fields]
_IDS = "ids"


def _old(*more: ColumnElement[bool]) -> Any:
    # Ids are ordered by time, and nothing ends before it was made: the range ends at the time asked for.
    return (
        select(workflow.c.id)
        .where(
            *more,
            workflow.c.status == bindparam("status", type_=Text),
            workflow.c.id > bindparam("after", type_=Text),
            workflow.c.id < bindparam("until", type_=Text),
            workflow.c.ended < bindparam("ended", type_=BigInteger),
            workflow.c.parent_id.is_(None),
        )
        .order_by(workflow.c.id)
        .limit(bindparam("limit", type_=Integer))
    )


_OLD = Statement("executions of a status that ended long ago, the oldest first", _old())
_OLD_OF_NAME = Statement(
    "executions of a definition that ended long ago, the oldest first",
    _old(workflow.c.name == bindparam("name", type_=Text)),
)
_CHILDREN = Statement(
    "sub-workflows of some executions", select(*_COLUMNS).where(Among(workflow.c.parent_id, _IDS))
)
_DELETE_LOGS = Statement(
    "delete the logs of executions",
    delete(task_log).where(task_log.c.task_id.in_(select(task.c.id).where(Among(task.c.workflow_id, _IDS)))),
)
_DELETE_TASKS = Statement(
    "delete the tasks of executions", delete(task).where(Among(task.c.workflow_id, _IDS))
)
_DELETE_AUDIT = Statement(
    "delete what was done to executions", delete(audit).where(Among(audit.c.workflow_id, _IDS))
)
_DELETE_MESSAGES = Statement(
    "delete messages to executions",
    delete(workflow_message).where(Among(workflow_message.c.workflow_id, _IDS)),
)
_DELETE_PARTS = Statement(
    "delete the parts of files of executions",
    delete(file_part).where(
        file_part.c.file_id.in_(select(file.c.id).where(Among(file.c.workflow_id, _IDS)))
    ),
)
_DELETE_FILES = Statement(
    "delete the files of executions", delete(file).where(Among(file.c.workflow_id, _IDS))
)
_FREE_KEY = Statement(
    "free an idempotency key that is an execution's",
    delete(idempotency).where(
        idempotency.c.name == bindparam("name", type_=Text),
        idempotency.c.key == bindparam("key", type_=Text),
        idempotency.c.workflow_id == bindparam("workflow_id", type_=Text),
    ),
)
_DELETE = Statement("delete executions", delete(workflow).where(Among(workflow.c.id, _IDS)))


def old(
    session: Session, *, status: str, name: str | None, after: str, until: str, ended: int, limit: int
) -> list[str]:
    """Ids of executions that are no sub-workflows, have this status and ended before `ended`, in their order."""
    if name is None:
        found = session.all(_OLD, status=status, after=after, until=until, ended=ended, limit=limit)
    else:
        found = session.all(
            _OLD_OF_NAME, name=name, status=status, after=after, until=until, ended=ended, limit=limit
        )
    return [row[0] for row in found]


def children(session: Session, ids: Sequence[str]) -> list[WorkflowRow]:
    """The sub-workflows of these executions, not those below them."""
    return [WorkflowRow._make(row) for row in session.all(_CHILDREN, ids=encoded(ids))]


def delete_executions(session: Session, rows: Sequence[WorkflowRow]) -> None:
    """Delete these executions: tasks, logs, messages, what is told of their files, idempotency keys, and the record of
    what was done to them."""
    ids = encoded([row.id for row in rows])
    for statement in (
        _DELETE_LOGS,
        _DELETE_TASKS,
        _DELETE_AUDIT,
        _DELETE_MESSAGES,
        _DELETE_PARTS,
        _DELETE_FILES,
    ):
        session.run(statement, ids=ids)
    for row in rows:
        if row.idempotency_key is not None:
            session.run(_FREE_KEY, name=row.name, key=row.idempotency_key, workflow_id=row.id)
    session.run(_DELETE, ids=ids)
