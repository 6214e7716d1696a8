"""Executions that are started: what each is made of, whose an idempotency key is, and what a task waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.errors import IdempotencyConflict, RateLimited
from app.runtime import compensation, ending
from app.runtime.clock import new_id
from app.runtime.execution import Execution
from app.runtime.payload import dump
from app.store import executions, tasks
from app.store.tasks import TaskRow
from app.store.unit_of_work import Session
from workflows.errors import PodiumError
from workflows.model import IdempotencyStrategy
from workflows.operator import Done, Failed, Start
from workflows.program import Program
from workflows.status import WorkflowStatus

if TYPE_CHECKING:
    from app.runtime.settle import Settlement


@dataclass(frozen=True, slots=True)
class NewExecution:
    """What a start needs to know."""

    program: Program
    input: dict[str, Any]
    correlation_id: str | None = None
    idempotency_key: str | None = None
    priority: int = 0
    parent_id: str | None = None
    parent_task_id: str | None = None
    task_to_domain: str | None = None
    created_by: str | None = None
    event: str | None = None
    compensates: str | None = None
    awaited: str | None = None


def key_holder(
    session: Session,
    name: str,
    key: str,
    strategy: IdempotencyStrategy,
    execution_id: str,
    *,
    again: bool = False,
) -> str | None:
    """The execution that holds a key and is to be taken; None: the key is now `execution_id`'s.

    again: one that has ended and did not complete gives the key up, whatever the strategy.

    Raises:
        IdempotencyConflict: the key is taken, and the strategy forbids another.
    """
    while not executions.take_key(session, name, key, execution_id):
        found = executions.recall_key(session, name, key)
        if found is None:
            continue
        holder, text = found
        status = None if text is None else WorkflowStatus(text)
        # Without a status it was removed.
        over = status is None or (status.terminal and (strategy is IdempotencyStrategy.FAIL_ON_RUNNING))
        undone = again and status is not None and status.terminal and not status.successful
        if over or undone:
            if executions.pass_key_on(session, name, key, holder, execution_id):
                return None
        elif strategy is IdempotencyStrategy.RETURN_EXISTING:
            return holder
        else:
            raise IdempotencyConflict(key, holder, strategy)
    return None


def start_child(settlement: Settlement, parent: Execution, row: TaskRow, start: Start) -> None:
    """The execution that a task starts, and waits for if it does."""
    if start.compensates is not None:
        compensation.start_below(settlement, parent, row, start.compensates)
        return
    try:
        child_id, inserted = _child(settlement, parent, row, start)
    except RateLimited as error:
        if start.idempotency_key is not None:
            executions.free_key(settlement.session, error.name, start.idempotency_key)
        settlement.outcome_of_open(parent, row, Failed(str(error)))
        return
    except PodiumError as error:
        settlement.outcome_of_open(parent, row, Failed(str(error), terminal=True))
        return
    if not start.wait:
        settlement.outcome_of_open(parent, row, Done({"workflowId": child_id}))
    elif inserted:
        tasks.set_child(settlement.session, row.id, child_id)
    else:
        _wait_for(settlement, parent, row, child_id)


def _child(settlement: Settlement, parent: Execution, row: TaskRow, start: Start) -> tuple[str, bool]:
    """The id of the child, and whether it is a new one."""
    engine, session = settlement.engine, settlement.session
    program: Program = engine.program_of(session, start, settlement.now)
    above, child_id = parent.row(session), new_id()
    new = NewExecution(
        program=program,
        input=dict(start.input),
        correlation_id=start.correlation_id or above.correlation_id,
        idempotency_key=start.idempotency_key,
        priority=above.priority if start.priority is None else start.priority,
        parent_id=parent.id if start.wait else None,
        parent_task_id=row.id if start.wait else None,
        task_to_domain=dump(dict(start.task_to_domain)) if start.task_to_domain else above.task_to_domain,
        awaited=above.awaited if start.wait else None,
    )
    made = engine.new_execution(new, child_id, settlement.now)
    if start.idempotency_key is not None:
        strategy = IdempotencyStrategy(start.idempotency_strategy or IdempotencyStrategy.RETURN_EXISTING)
        name, key = program.definition.name, start.idempotency_key
        # What failed before is what this attempt is there to do again.
        existing = key_holder(session, name, key, strategy, child_id, again=row.attempt > 0)
        if existing is not None:
            return existing, False
    engine.insert_made(settlement, program, made)
    return child_id, True


def _wait_for(settlement: Settlement, parent: Execution, row: TaskRow, execution_id: str) -> None:
    """Have a task wait for an execution that somebody else has started, or take what that has ended with."""
    session = settlement.session
    found, above = executions.by_id(session, execution_id, lock=True), parent.row(session)
    assert found is not None
    while above.id != execution_id:
        further = executions.by_id(session, above.parent_id) if above.parent_id else None
        if further is None:
            break
        above = further
    else:
        why = f"execution {execution_id} holds the idempotency key and waits for this task itself"
        settlement.outcome_of_open(parent, row, Failed(why, terminal=True))
        return
    tasks.set_child(session, row.id, execution_id)
    if WorkflowStatus(found.status).terminal:
        ending.tell(settlement, found, row.id)
