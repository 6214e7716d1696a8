"""Ends that several may come to: a branch's, an iteration's, the workflow's; and the JOIN, which the table decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.runtime import ending, loops, retry
from app.runtime.clock import new_claim
from app.runtime.execution import Execution
from app.runtime.hand import Held
from app.runtime.payload import load, whole
from app.runtime.views import step_of
from app.store import tasks
from app.store.tasks import TaskRow, path_text
from workflows.operator import Wait
from workflows.program import LoopEnd, Node, Path, WorkflowEnd
from workflows.status import TaskStatus

if TYPE_CHECKING:
    from app.runtime.settle import Settlement


def branch_end(settlement: Settlement, execution: Execution, fork: Node, path: Path) -> None:
    """A branch has ended."""
    join = fork.join
    if join is None or not join.whole:
        # A branch that no JOIN waits for may be the last of its loop's iteration, or of the execution.
        settlement.arrive(lambda: ending.stray(settlement, execution, fork, path))
    elif not settlement.hand.is_part_of(execution, fork, path):
        asked = settlement.ask(execution, join, path)
        if not asked and execution.run > 1:
            # The JOIN may have ended before this branch was done once more.
            settlement.refused(execution)


def list_end(
    settlement: Settlement, execution: Execution, following: LoopEnd | WorkflowEnd, path: Path
) -> None:
    """A loop's body, or the workflow's own list, has ended."""
    if isinstance(following, LoopEnd):
        loop_end(settlement, execution, following.loop, path[: following.loop.depth + 1])
    else:
        ending.reached(settlement, execution)


def ask(settlement: Settlement, execution: Execution, join: Node, path: Path) -> bool:
    """Complete a JOIN if all is done; the table alone decides. False: not yet, or it has ended already."""
    session = settlement.session
    # The lock comes before the look: of two branches that end at one instant, the later sees both.
    row = tasks.lock_latest(session, execution.id, join.ref, path_text(path))
    if row is None or row.status != TaskStatus.IN_PROGRESS:
        return False
    settlement.engine.refresh(session, execution)
    join = execution.program.node(join.ref)
    low, high = path_text(path), path_text(path) + "9" * 64
    if join.inside and tasks.any_live(session, execution.id, join.inside, low, high):
        return False
    claim = row.claim or new_claim()
    held = Held(execution, join, path, row, claim, load(row.input))
    assert join.operator is not None
    outcome = join.operator.run(step_of(session, held, settlement.now))
    if isinstance(outcome, Wait):
        return False
    settlement.outcome(held, outcome)
    return True


def loop_end(settlement: Settlement, execution: Execution, loop: Node, path: Path) -> None:
    """An iteration has ended: the loop's row is claimed for its condition, here or by the broker."""
    session, now, hand = settlement.session, settlement.now, settlement.hand
    outer, iteration = path[:-1], path[-1]
    if execution.program.loose and ending.iteration_is_open(settlement, execution, loop, path):
        return
    row = tasks.lock_latest(session, execution.id, loop.ref, path_text(outer))
    if row is None:
        return
    seen = {"id": row.id, "iteration": iteration - 1, "now": now}
    guard = {"workflow_id": execution.id, "run": execution.run}
    overdue = retry.deadline(loop.definition, row.started or now, row.first_scheduled, True)
    if settlement.may_run(loop):
        owner, claim = hand.owner, new_claim()
        assert owner is not None
        claimed = tasks.claim_loop(
            session,
            **seen,
            **guard,
            owner=owner.id,
            worker=owner.hostname,
            claim=claim,
            message_id=hand.message_id,
            due_at=overdue,
            wake="timeout" if overdue else None,
        )
        if claimed:
            _forget(settlement, execution, loop, path, row)
            row = row._replace(claim=claim, iteration=iteration, status=TaskStatus.IN_PROGRESS)
            given = execution.resolve(session, loop, outer, row.id)
            settlement.moves.claimed = Held(execution, loop, outer, row, claim, given, iteration)
            return
    elif tasks.schedule_loop(session, **seen, **guard, due_at=now + settlement.engine.timing.resend_ms):
        _forget(settlement, execution, loop, path, row)
        settlement.send(execution, loop, outer, row.attempt)
        return
    if row.iteration == iteration - 1 and row.status == TaskStatus.IN_PROGRESS:
        settlement.refused(execution)


def _forget(settlement: Settlement, execution: Execution, loop: Node, path: Path, row: TaskRow) -> None:
    """With one more iteration ended, an earlier one may be more than the loop is to keep."""
    assert loop.operator is not None
    kept = loop.operator.kept(loop.task, whole(row.input))
    if kept is not None and path[-1] > kept:
        loops.forget(settlement.session, execution, loop, (*path[:-1], path[-1] - kept))
