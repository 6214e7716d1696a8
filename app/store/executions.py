"""Statements on `workflow` (executions) and `idempotency`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson
from sqlalchemy import BigInteger, Integer, Text, bindparam, delete, func, or_, select, text, update

from app.store.statements import Statement, insert_row
from app.store.tables import idempotency, workflow
from app.store.unit_of_work import Session
from workflows import states

EACH_STEP = "*"
"""Stands behind what is told of an execution when somebody waits for the end of a task, and not of the execution."""


class WorkflowRow(NamedTuple):
    """One execution; the columns of `tables.workflow`, times in milliseconds."""

    id: str
    name: str
    version: int
    program_id: str
    status: str
    run: int
    correlation_id: str | None
    idempotency_key: str | None
    parent_id: str | None
    parent_task_id: str | None
    priority: int
    input: str
    output: str | None
    variables: str
    task_to_domain: str | None
    reason: str | None
    failed_refs: str | None
    failed_task_id: str | None
    event: str | None
    created_by: str | None
    created: int
    updated: int
    ended: int | None
    due_at: int | None
    compensates: str | None
    awaited: str | None
    rate_limit_key: str | None = None
    rate_limited: int = 0


_COLUMNS = [workflow.c[name] for name in WorkflowRow._fields]


def _p(name: str, type_: Any = Text) -> Any:
    return bindparam(name, type_=type_)


_OPEN = states.among(states.OPEN)

_INSERT = Statement(
    "insert an execution",
    insert_row(workflow, WorkflowRow),
)
_BY_ID = Statement("an execution", select(*_COLUMNS).where(workflow.c.id == _p("id")))
_LOCK = Statement(
    "an execution, locked", select(*_COLUMNS).where(workflow.c.id == _p("id")).with_for_update()
)
_SHARE = Statement(
    "keep an execution's status as it is until this transaction ends",
    select(workflow.c.status, workflow.c.run).where(workflow.c.id == _p("id")).with_for_update(read=True),
)


def _end(state: Any) -> Any:
    return (
        update(workflow)
        .where(workflow.c.id == _p("id"), state)
        .values(
            status=_p("status"),
            output=_p("output"),
            reason=_p("reason"),
            failed_refs=_p("failed_refs"),
            failed_task_id=_p("failed_task_id"),
            updated=_p("now", BigInteger),
            ended=_p("now", BigInteger),
            due_at=None,
        )
    )


_END = Statement("end an execution", _end(text(_OPEN)))
_END_RUNNING = Statement("end an execution unless it is paused", _end(text("status = 'RUNNING'")))
_REOPEN = Statement(
    "have an execution that has ended run again",
    update(workflow)
    .where(workflow.c.id == _p("id"))
    .values(
        status=text("'RUNNING'"),
        run=workflow.c.run + text("1"),
        program_id=_p("program_id"),
        version=_p("version", Integer),
        input=_p("input"),
        variables=_p("variables"),
        correlation_id=_p("correlation_id"),
        created=_p("created", BigInteger),
        # Whoever has it run again does not mean that it is to wait.
        rate_limited=text("0"),
        output=None,
        reason=None,
        failed_refs=None,
        failed_task_id=None,
        updated=_p("now", BigInteger),
        ended=None,
        due_at=_p("due_at", BigInteger),
    ),
)
_SET_PARENT = Statement(
    "tie an execution to the task that waits for it now",
    update(workflow).where(workflow.c.id == _p("id")).values(parent_task_id=_p("parent_task_id")),
)
_SET_OUTPUT = Statement(
    "change the output", update(workflow).where(workflow.c.id == _p("id")).values(output=_p("output"))
)
_SET_PROGRAM = Statement(
    "the program that an execution goes on with",
    update(workflow).where(workflow.c.id == _p("id")).values(program_id=_p("program_id")),
)
_SET_VARIABLES = Statement(
    "set variables",
    update(workflow)
    .where(workflow.c.id == _p("id"))
    .values(variables=_p("variables"), updated=_p("now", BigInteger)),
)
_DUE = Statement(
    "executions whose timeout is due",
    select(*_COLUMNS)
    .where(workflow.c.due_at.isnot(None), workflow.c.due_at <= _p("now", BigInteger))
    .order_by(workflow.c.due_at)
    .limit(_p("limit", Integer)),
)
_CHANGE_DUE = Statement(
    "when the timeout is looked at",
    update(workflow).where(workflow.c.id == _p("id")).values(due_at=_p("due_at", BigInteger)),
)
_SET_STATUS = Statement(
    "change the status",
    update(workflow)
    .where(workflow.c.id == _p("id"), workflow.c.status == _p("seen"))
    .values(status=_p("status"), updated=_p("now", BigInteger), due_at=_p("due_at", BigInteger)),
)
_REMEMBER = Statement(
    "take an idempotency key",
    # Both databases have ON CONFLICT, which waits for who takes the key at this moment.
    text(
        """
        INSERT INTO idempotency (name, key, workflow_id)
        VALUES (:name, :key, :workflow_id)
        ON CONFLICT (name, key) DO NOTHING
        """
    ).bindparams(_p("name"), _p("key"), _p("workflow_id")),
)
_RECALL = Statement(
    "whose an idempotency key is",
    select(idempotency.c.workflow_id, workflow.c.status)
    .select_from(idempotency.outerjoin(workflow, workflow.c.id == idempotency.c.workflow_id))
    .where(idempotency.c.name == _p("name"), idempotency.c.key == _p("key")),
)
_PASS_ON = Statement(
    "give an idempotency key to another execution",
    update(idempotency)
    .where(
        idempotency.c.name == _p("name"),
        idempotency.c.key == _p("key"),
        idempotency.c.workflow_id == _p("seen"),
    )
    .values(workflow_id=_p("workflow_id")),
)
_FORGET = Statement(
    "free an idempotency key",
    delete(idempotency).where(idempotency.c.name == _p("name"), idempotency.c.key == _p("key")),
)
_AWAIT = Statement(
    "somebody waits for an execution from now on",
    update(workflow)
    .where(
        workflow.c.id == _p("id"),
        # Of which its end alone is told may have each step told; never the other way, somebody waits for them.
        or_(workflow.c.awaited.is_(None), workflow.c.awaited + EACH_STEP == _p("topic")),
    )
    .values(awaited=_p("topic")),
)
_COUNTS = Statement(
    "executions by status", select(workflow.c.status, func.count()).group_by(workflow.c.status)
)


def encoded(ids: Iterable[str]) -> str:
    """Ids as `Among` takes them."""
    return orjson.dumps(list(ids)).decode()


def insert_workflow(session: Session, row: WorkflowRow) -> None:
    session.run(_INSERT, **row._asdict())


def by_id(session: Session, workflow_id: str, lock: bool = False) -> WorkflowRow | None:
    row = session.one(_LOCK if lock else _BY_ID, id=workflow_id)
    return None if row is None else WorkflowRow._make(row)


def share(session: Session, workflow_id: str) -> tuple[str, int] | None:
    """(status, run), which stay so until this transaction ends."""
    row = session.one(_SHARE, id=workflow_id)
    return None if row is None else (row[0], row[1])


def end_workflow(session: Session, *, paused: bool = True, **params: Any) -> bool:
    """RUNNING, or with `paused` PAUSED → a terminal status; False: it is in no such state."""
    return session.run(_END if paused else _END_RUNNING, **params) == 1


def reopen(session: Session, row: WorkflowRow, now: int, due_at: int | None) -> None:
    """Any status → RUNNING, in the next run; program, input, variables and the like as in `row`."""
    session.run(
        _REOPEN,
        id=row.id,
        program_id=row.program_id,
        version=row.version,
        input=row.input,
        variables=row.variables,
        correlation_id=row.correlation_id,
        created=row.created,
        now=now,
        due_at=due_at,
    )


def set_parent_task(session: Session, workflow_id: str, parent_task_id: str) -> None:
    session.run(_SET_PARENT, id=workflow_id, parent_task_id=parent_task_id)


def set_output(session: Session, workflow_id: str, output: str) -> None:
    session.run(_SET_OUTPUT, id=workflow_id, output=output)


def set_program(session: Session, workflow_id: str, program_id: str) -> None:
    session.run(_SET_PROGRAM, id=workflow_id, program_id=program_id)


def set_variables(session: Session, workflow_id: str, variables: str, now: int) -> None:
    session.run(_SET_VARIABLES, id=workflow_id, variables=variables, now=now)


def set_status(
    session: Session, workflow_id: str, seen: str, status: str, now: int, due_at: int | None
) -> bool:
    """One status to another if it is still the one; `due_at`: when its timeout fires from now on."""
    changed = session.run(_SET_STATUS, id=workflow_id, seen=seen, status=status, now=now, due_at=due_at)
    return changed == 1


def due(session: Session, now: int, limit: int) -> list[WorkflowRow]:
    return [WorkflowRow._make(row) for row in session.all(_DUE, now=now, limit=limit)]


def change_due(session: Session, workflow_id: str, due_at: int | None) -> None:
    """When its timeout is looked at next; None: not any more."""
    session.run(_CHANGE_DUE, id=workflow_id, due_at=due_at)


def recall_key(session: Session, name: str, key: str) -> tuple[str, str | None] | None:
    """(execution id, its status) that holds an idempotency key."""
    row = session.one(_RECALL, name=name, key=key)
    return None if row is None else (row[0], row[1])


def take_key(session: Session, name: str, key: str, workflow_id: str) -> bool:
    """False: it is somebody's."""
    return session.run(_REMEMBER, name=name, key=key, workflow_id=workflow_id) == 1


def pass_key_on(session: Session, name: str, key: str, seen: str, workflow_id: str) -> bool:
    return session.run(_PASS_ON, name=name, key=key, seen=seen, workflow_id=workflow_id) == 1


def free_key(session: Session, name: str, key: str) -> None:
    session.run(_FORGET, name=name, key=key)


def await_from_now(session: Session, workflow_id: str, topic: str) -> None:
    """Have each change of an execution told under `topic`, unless it is told under another already."""
    session.run(_AWAIT, id=workflow_id, topic=topic)


def counts(session: Session) -> dict[str, int]:
    return {row[0]: row[1] for row in session.all(_COUNTS)}
