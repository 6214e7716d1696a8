"""The hot path: a step that simply goes on to the next, in one statement or two.

It writes what `settle` would write for the same step (a test compares them), without looking at what can't matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from app.runtime import listeners, retry
from app.runtime.clock import new_claim, new_id
from app.runtime.execution import Execution, view_of
from app.runtime.hand import Hand, Held, Moves
from app.runtime.listeners import listens
from app.runtime.payload import load
from app.runtime.ports import Send
from app.runtime.rows import claimed_row, new_row
from app.store import executions, tasks
from app.store.starts import start_execution
from app.store.tasks import TaskRow, path_text
from app.store.unit_of_work import TAKEN, Session
from workflows.operator import Done, Outcome
from workflows.program import BranchEnd, Node, Path
from workflows.status import TaskStatus

if TYPE_CHECKING:
    from app.runtime.engine import Engine
    from app.runtime.starting import NewExecution


@dataclass(frozen=True, slots=True)
class Head:
    """A branch of a batch that waits for its turn."""

    node: Node
    path: Path
    attempt: int


def go_on(engine: Engine, hand: Hand, held: Held, outcome: Outcome) -> Moves | None:
    """Complete a step and claim what follows; None: nothing was written.

    It is no such case, too large to be stored, or the execution does not simply run: `settle` decides.
    """
    if not _simple(held, outcome) or not hand.has_time or listeners.tells_tasks(engine):
        return None
    assert isinstance(outcome, Done)
    output = orjson.dumps(outcome.output or {}).decode()
    if len(output) > engine.payload_limit:
        return None
    following = held.node.after
    if isinstance(following, Node):
        if (
            following.instant
            or following.rewriter
            or following.gated
            or following.task.start_delay
            or not engine.may_run(hand, following)
        ):
            return None
        return _next(engine, hand, held, following, output)
    if isinstance(following, BranchEnd) and hand.heads:
        head = hand.heads[0]
        part = hand.is_part_of(held.execution, following.fork, held.path[: following.fork.depth])
        if part and engine.may_run(hand, head.node):
            return _next_head(engine, hand, held, head, output)
    return None


def begin(
    engine: Engine, name: str, version: int | None, new: NewExecution, execution_id: str
) -> Moves | None:
    """Start an execution whose first task simply goes to a worker, in one statement or three.

    None: it is no such case, or the definition has changed since `new.program` was looked up.
    """
    first = new.program.first()
    if (
        not isinstance(first, Node)
        or first.instant
        or first.rewriter
        or first.task.start_delay
        or first.children
        or first.limited
        or first.gated
        or new.program.rate_limit_key is not None
        or new.program.cache is not None
        or listens(new.program)
        or new.task_to_domain is not None
    ):
        return None
    if first.operator is None and not engine.workers.knows(first.worker):
        return None
    now = engine.clock()
    row = engine.new_execution(new, execution_id, now)
    execution = Execution(row.id, row.run, new.program, row)
    if not execution.has_all(first, ()):
        return None
    task_id = new_id()
    text = orjson.dumps(execution.resolve(None, first, (), task_id)).decode()
    if len(text) > engine.payload_limit:
        return None
    ready = new_row(execution, first, (), engine.payloads.put(execution.id, text), now, task_id)
    ready = ready._replace(due_at=now + engine.timing.resend_ms, wake="send")

    def work(session: Session) -> bool:
        if start_execution(session, version, row, ready):
            return True
        # The answer of an earlier try may have been lost.
        return executions.by_id(session, row.id) is not None

    try:
        started = engine.store.transact_once(work)
    except TAKEN:
        # So it was: the same ids are there.
        started = True
    return Moves(sends=[Send(engine.order(execution), first, (), 0)]) if started else None


def _simple(held: Held, outcome: Outcome) -> bool:
    return (
        isinstance(outcome, Done)
        and outcome.status is TaskStatus.COMPLETED
        and not outcome.variables
        and outcome.reason is None
        and not held.node.joins
        and not held.node.task.async_complete
        and not held.node.children
        and held.node.fits_output is None
        and held.node.cache is None
        and not held.node.changes
        and held.row.slot is None
        and not held.execution.routed
    )


def _next(engine: Engine, hand: Hand, held: Held, node: Node, output: str) -> Moves | None:
    execution, now = held.execution, engine.clock()
    path = held.path[: node.depth]
    execution.keep(held.node, held.path, view_of(_ended(held, output, now)))
    task_id = new_id()
    if execution.has_all(node, path):
        given = execution.resolve(None, node, path, task_id)
    else:
        given = engine.store.read(lambda s: execution.resolve(s, node, path, task_id), patience=None)
    text = orjson.dumps(given).decode()
    if len(text) > engine.payload_limit:
        return None
    assert hand.owner is not None
    text = engine.payloads.put(execution.id, text)
    row = claimed_row(new_row(execution, node, path, text, now, task_id), node, hand.owner, hand.message_id)
    ended = _end_of(engine, held, output, now)

    def work(session: Session) -> bool:
        wrote = tasks.end_and_insert(session, ended, row, execution.run)
        # The answer of an earlier try may have been lost; it was carried out then.
        return wrote or tasks.by_id(session, row.id) is not None

    try:
        wrote = engine.store.transact_once(work, patience=None)
    except TAKEN:
        # By this one's own earlier try, or by somebody else: `settle` finds out what is due then.
        found = engine.store.read(lambda s: tasks.by_id(s, row.id), patience=None)
        wrote = found is not None and found.claim == row.claim
    if not wrote:
        return None
    assert row.claim is not None
    return Moves(claimed=Held(execution, node, path, row, row.claim, given))


def _next_head(engine: Engine, hand: Hand, held: Held, head: Head, output: str) -> Moves:
    now, execution = engine.clock(), held.execution
    execution.keep(held.node, held.path, view_of(_ended(held, output, now)))
    claim = claim_params(hand, execution, head.node, head.path, head.attempt, now)
    ended = _end_of(engine, held, output, now)

    def work(session: Session) -> tuple[bool, TaskRow | None]:
        wrote = tasks.end_and_claim(session, ended, claim)
        if not wrote[0]:
            found = tasks.lock_latest(session, execution.id, head.node.ref, claim["path"])
            if found is not None and found.claim == claim["claim"]:
                return True, found
        return wrote

    wrote, row = engine.store.transact_once(work, patience=None)
    if not wrote:
        return Moves(stale=True)
    hand.heads.popleft()
    if row is None:
        return Moves()
    given = load(row.input)
    return Moves(claimed=Held(execution, head.node, head.path, row, claim["claim"], given))


def claim_params(
    hand: Hand, execution: Execution, node: Node, path: Path, attempt: int, now: int
) -> dict[str, Any]:
    """What `tasks.claim_task` needs to claim a position for this hand."""
    assert hand.owner is not None
    overdue = retry.deadline(node.definition, now, now, node.operator is not None)
    return {
        "workflow_id": execution.id,
        "run": execution.run,
        "ref": node.ref,
        "path": path_text(path),
        "attempt": attempt,
        "owner": hand.owner.id,
        "worker": hand.owner.hostname,
        "claim": new_claim(),
        "message_id": hand.message_id,
        "now": now,
        "due_at": overdue,
        "wake": "timeout" if overdue else None,
    }


def _end_of(engine: Engine, held: Held, output: str, now: int) -> dict[str, Any]:
    return {
        "id": held.row.id,
        "claim": held.claim,
        "status": TaskStatus.COMPLETED,
        "output": engine.payloads.put(held.execution.id, output),
        "reason": None,
        "now": now,
    }


def _ended(held: Held, output: str, now: int) -> TaskRow:
    return held.row._replace(status=TaskStatus.COMPLETED, ended=now, output=output, reason=None)
