"""What every operation on an execution shares: its lock, and the record of who did it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.errors import ExecutionNotFound
from app.runtime.clock import new_id
from app.runtime.engine import Engine
from app.runtime.execution import Execution
from app.runtime.payload import dump
from app.runtime.settle import Settlement
from app.store import executions, logs
from app.store.executions import WorkflowRow
from app.store.unit_of_work import Session

Work = Callable[[Settlement], Any]
"""What an operation does in its transaction; what it answers is kept as the detail of the record."""


def recorded(
    engine: Engine,
    operation: str,
    execution_id: str | None,
    work: Work,
    *,
    actor: str | None,
    reason: str | None = None,
    subject: str | None = None,
) -> None:
    """Do it and record it in one transaction; the record also tells whether a commit without an answer was ours.

    execution_id: None: it is done to many.
    subject: what of the execution it is done to: a task's reference; of many: their definition.
    """
    audit_id = new_id()

    def transaction(settlement: Settlement) -> None:
        detail = work(settlement)
        logs.record(
            settlement.session,
            id=audit_id,
            created=settlement.now,
            actor=actor,
            operation=operation,
            workflow_id=execution_id,
            subject=subject,
            reason=reason or None,
            detail=None if detail is None else dump(detail),
        )

    engine.from_outside(transaction, witness=lambda session: logs.is_recorded(session, audit_id))


def note(
    engine: Engine,
    session: Session,
    operation: str,
    subject: str,
    actor: str | None,
    reason: str | None = None,
) -> None:
    """Record what was done to something that is no execution: a definition, a schedule, a key. subject: its name."""
    logs.record(
        session,
        id=new_id(),
        created=engine.clock(),
        actor=actor,
        operation=operation,
        workflow_id=None,
        subject=subject,
        reason=reason,
        detail=None,
    )


def locked_row(settlement: Settlement, execution_id: str) -> WorkflowRow:
    """The row of an execution, which nobody else changes until this transaction ends.

    Raises:
        ExecutionNotFound: there is none.
    """
    row = executions.by_id(settlement.session, execution_id, lock=True)
    if row is None:
        raise ExecutionNotFound(execution_id)
    return row


def locked_execution(engine: Engine, settlement: Settlement, execution_id: str) -> Execution:
    """The execution with its program, locked as `locked_row` does.

    Raises:
        ExecutionNotFound: there is none.
    """
    row = locked_row(settlement, execution_id)
    return Execution(row.id, row.run, engine.programs.get(row.program_id, settlement.session), row)
