"""Go on from the table: do what is due, whatever stopped the execution.

`workflows/due.py` says what that is; here it is done, in the same calls that a step which ends makes. A resume, a
retry, a rerun and a step that finds its successor taken are all `carry_on`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.errors import WrongState
from app.runtime import arrivals, limits, retry
from app.runtime.clock import new_claim, new_id
from app.runtime.execution import Execution, suffixed
from app.runtime.payload import dump, load
from app.store import executions, outside, tasks
from app.store import limits as store_limits
from app.store.tasks import Position, path_of
from app.store.unit_of_work import Session
from workflows.due import Arrive, Ask, Due, Place, Progress, Reach, Reopen, Scheduled, due
from workflows.program import Node, Path
from workflows.status import TaskStatus, WorkflowStatus

if TYPE_CHECKING:
    from app.runtime.settle import Settlement

Table = dict[tuple[str, Path], Position]
"""The latest attempt at each position."""

Instead = Callable[["Settlement", Execution, Node, Path, Position], bool]
"""What may be done instead of another attempt; False: it was not."""


def table_of(session: Session, execution_id: str) -> Table:
    """The latest attempts of an execution; reads all its positions, without their payloads."""
    latest: Table = {}
    for row in tasks.positions(session, execution_id):
        key = (row.ref, path_of(row.path))
        if key not in latest or latest[key].attempt < row.attempt:
            latest[key] = row
    return latest


def progress_of(table: Table) -> Progress:
    """The table as the walk reads it."""
    return {
        key: Place(TaskStatus(row.status), row.iteration, row.label, row.owner is not None)
        for key, row in table.items()
    }


def carry_on(
    settlement: Settlement, execution: Execution, *, again: bool = False, instead: Instead | None = None
) -> int:
    """Do all that is due; how much there was. Nothing, unless the execution runs, in this run.

    again: what ended without success gets another attempt, whatever its retry policy says; else the policy decides.
    instead: asked first for each of these.
    """
    session = settlement.session
    # The lock comes before the look, so whoever resumes or ends it meanwhile is seen, or sees this transaction.
    row = executions.by_id(session, execution.id, lock=True)
    if row is None or row.status != WorkflowStatus.RUNNING or row.run != execution.run or row.rate_limited:
        return 0
    table = table_of(session, execution.id)
    found = due(execution.program, progress_of(table), retry=again)
    for one in found:
        _do(settlement, execution, one, table, again, instead)
    return len(found)


def wind_up(settlement: Settlement, execution: Execution) -> None:
    """Have the timeouts count again that stood still while the execution was paused: each from its beginning."""
    now = settlement.now
    for row in tasks.live(settlement.session, execution.id):
        if row.wake == "timeout" and row.due_at is None:
            node = execution.program.node(row.ref)
            due_at, wake = retry.look(node, row, now, settlement.engine.timing.ask_ms, started=now)
            tasks.change_due(settlement.session, row.id, due_at, wake or "timeout")


def _do(
    settlement: Settlement, execution: Execution, one: Due, table: Table, again: bool, instead: Instead | None
) -> None:
    if isinstance(one, Arrive):
        settlement.arrive(lambda: arrivals.list_end(settlement, execution, one.what, one.path))
        return
    node, path = one.node, one.path
    if isinstance(one, Reach):
        settlement.reach(execution, node, path)
        return
    row = table[node.ref, path]
    if isinstance(one, Ask):
        settlement.arrive(lambda: settlement.ask_if_ready(execution, node, path))
    elif isinstance(one, Scheduled):
        _send(settlement, execution, node, path, row)
    elif isinstance(one, Reopen):
        reopen(settlement, execution, node, path, row, row.iteration)
    elif not again:
        whole = tasks.by_id(settlement.session, row.id)
        assert whole is not None
        settlement.failed_before(execution, node, path, whole)
    elif instead is None or not instead(settlement, execution, node, path, row):
        settlement.reach(execution, node, path, row)


def _send(settlement: Settlement, execution: Execution, node: Node, path: Path, row: Position) -> None:
    """Send what was refused; what has a delay before it is left to its time."""
    delayed = (row.attempt or node.task.start_delay) and not row.sends and row.due_at is not None
    if row.wake not in ("send", "poll") or delayed:
        return
    if node.limited:
        whole = tasks.by_id(settlement.session, row.id)
        assert whole is not None
        if whole.slot is None:
            store_limits.line_up(settlement.session, limits.in_line(settlement, execution, node, whole))
            return
    if settlement.is_outside(node):
        whole = tasks.by_id(settlement.session, row.id)
        assert whole is not None
        outside.offer(settlement.session, settlement.offered(execution, node, whole), settlement.now)
        return
    tasks.change_due(settlement.session, row.id, settlement.now + settlement.engine.timing.resend_ms, "send")
    whole = tasks.by_id(settlement.session, row.id) if execution.routed else None
    settlement.send(execution, node, path, row.attempt, whole and whole.domain)


def reopen(
    settlement: Settlement,
    execution: Execution,
    node: Node,
    path: Path,
    before: Position,
    iteration: int,
    child_id: str | None = None,
) -> str:
    """Another attempt at what waits for other tasks (a JOIN, a loop, a sub-workflow), which waits again; its id."""
    session, now = settlement.session, settlement.now
    ended = tasks.by_id(session, before.id)
    assert ended is not None
    assert node.operator is not None
    row = ended._replace(
        id=new_id(),
        attempt=before.attempt + 1,
        status=TaskStatus.IN_PROGRESS,
        iteration=iteration,
        # What the body reads of its loop: the iteration, the element.
        output=dump(node.operator.turn(load(ended.input), iteration + 1))
        if node.operator.contains == "loop"
        else None,
        reason=None,
        owner=None,
        # Whoever completes a JOIN compares it.
        claim=new_claim(),
        message_id=None,
        retried_id=before.id,
        retried=0,
        sends=0,
        sub_workflow_id=child_id,
        scheduled=now,
        first_scheduled=now,
        started=now,
        updated=now,
        ended=None,
    )
    due_at, wake = retry.look(node, row, now, settlement.engine.timing.ask_ms, started=now)
    row = row._replace(due_at=due_at, wake=wake)
    tasks.mark_retried(session, before.id)
    if not tasks.put_task(session, row):
        raise WrongState(f"task {suffixed(node.ref, path)} of execution {execution.id} is being tried again")
    return row.id
