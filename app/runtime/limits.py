"""Limits across the fleet: how many attempts of a task, or executions of a key, run at a time; how many start in a time.

Who is limited gets a slot before anything is sent or offered, and waits in line for it without a message, a poll or
a timer. Whoever frees a slot hands it on in the same transaction, to whoever waits longest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.errors import RateLimited
from app.runtime import retry
from app.runtime.execution import Execution
from app.store import definitions, limits, tasks
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow
from app.store.unit_of_work import Session
from workflows.model import RateLimitPolicy, TaskDef
from workflows.program import Node, Program
from workflows.status import WorkflowStatus

if TYPE_CHECKING:
    from app.runtime.settle import Settlement

Limit = tuple[str, str]
"""("key", a rateLimitKey) or ("task", the name of a task definition). Keys come first: what begins may need slots."""
_AT_ONCE = 100


def free(settlement: Settlement, row: TaskRow) -> None:
    """A task has ended: its slot, if it had one, goes on when all else is written."""
    if row.slot is not None:
        settlement.limits.add(("task", row.slot))


def in_line(settlement: Settlement, execution: Execution, node: Node, row: TaskRow) -> TaskRow:
    """The row as it waits for a slot; who may have one gets it in this transaction."""
    settlement.limits.add(("task", node.task.name))
    return row._replace(
        queue=node.task.name,
        priority=execution.row(settlement.session).priority,
        due_at=retry.poll_deadline(node, row),
        wake="slot",
    )


def hand_on(settlement: Settlement, limit: Limit) -> None:
    """Give what slots are free to those that wait."""
    kind, key = limit
    limits.lock(settlement.session, "/".join(limit))
    if kind == "task":
        _to_tasks(settlement, key)
    else:
        _to_executions(settlement, key)


def release(settlement: Settlement, execution_id: str) -> None:
    """An execution is paused: what has not begun gives its slots back, and waits anew when it goes on."""
    for name in limits.release(settlement.session, execution_id):
        settlement.limits.add(("task", name))


def everywhere(session: Session) -> list[Limit]:
    """All limits for whose slots anybody waits."""
    return [("key", key) for key in limits.keys(session)] + [("task", key) for key in limits.lines(session)]


# tasks


def _to_tasks(settlement: Settlement, key: str) -> None:
    session = settlement.session
    definition: TaskDef | None = None
    while first := limits.waiting(session, key, 1):
        definition = definition or _definition(settlement, first[0])
        room, later = room_of(session, key, definition, settlement.now)
        if room == 0:
            _look_again(settlement, first[0], later)
            return
        for row in limits.waiting(session, key, room):
            _let_go(settlement, key, row)


def _definition(settlement: Settlement, row: TaskRow) -> TaskDef:
    """The definition whose limits hold now: the registered one, else that of the task."""
    found = definition_of(settlement.session, row.name)
    if found is not None:
        return found
    execution = settlement.engine.execution(settlement.session, row.workflow_id)
    return execution.program.node(row.ref).definition if execution else TaskDef(name=row.name)


def definition_of(session: Session, name: str) -> TaskDef | None:
    """The task definition that is registered now."""
    content = definitions.find_task_def(session, name)
    return None if content is None else TaskDef.model_validate_json(content)


def room_of(session: Session, key: str, definition: TaskDef, now: int) -> tuple[int, int | None]:
    """How many more may begin now; and where the rate is what they wait for, when to look again.

    Of a rate's starts those count that have a slot and have not started: whenever they do, no window has too many.
    """
    room, later = _AT_ONCE, None
    if definition.concurrent_exec_limit:
        room = min(room, definition.concurrent_exec_limit - limits.held(session, key))
    rate, window = definition.rate_limit_per_frequency, definition.rate_limit_frequency_in_seconds * 1000
    if rate and window:
        left = rate - limits.not_started(session, key)
        starts = limits.latest_starts(session, key, now - window, max(left, 0)) if left > 0 else []
        if left - len(starts) < room:
            room = left - len(starts)
            later = (starts[-1] if starts else now) + window
    return max(room, 0), later


def _look_again(settlement: Settlement, row: TaskRow, later: int | None) -> None:
    if later is not None and (row.due_at is None or row.due_at > later or row.due_at <= settlement.now):
        tasks.change_due(settlement.session, row.id, later, "slot")


def _let_go(settlement: Settlement, key: str, row: TaskRow) -> None:
    """Give a task its slot, and send it or offer it to outside workers."""
    session = settlement.session
    execution: Execution | None = settlement.engine.execution(session, row.workflow_id)
    if execution is None or execution.row(session).status != WorkflowStatus.RUNNING:
        # Paused at this moment: it lines up again when it goes on.
        limits.leave(session, row.id)
        return
    node = execution.program.node(row.ref)
    now = settlement.now
    given = row._replace(slot=key, queue=None, due_at=now + settlement.engine.timing.resend_ms, wake="send")
    outside = settlement.is_outside(node)
    if outside:
        given = settlement.offered(execution, node, given)
    if limits.give(session, given) and not outside:
        settlement.send(execution, node, tasks.path_of(row.path), row.attempt, row.domain)


# executions


def key_of(execution: Execution) -> str | None:
    """The key under which an execution is limited; None: it is not."""
    config, template = execution.program.definition.rate_limit_config, execution.program.rate_limit_key
    if config is None or not config.concurrent_exec_limit or template is None:
        return None
    value = template.resolve(execution.context(None, template.roots, None, ()))["key"]
    return None if value is None or value == "" else str(value)


def of_start(settlement: Settlement, program: Program, row: WorkflowRow) -> WorkflowRow:
    """The row of an execution that starts, held back or not.

    Raises:
        RateLimited: as many run as may, and the policy is REJECT.
    """
    key = key_of(Execution(row.id, row.run, program, row))
    if key is None:
        return row
    config = program.definition.rate_limit_config
    assert config is not None
    limits.lock(settlement.session, f"key/{key}")
    if limits.running(settlement.session, key) < config.concurrent_exec_limit:
        # Not before those that wait: their turn comes in this transaction.
        if not limits.held_back(settlement.session, key, 1):
            return row._replace(rate_limit_key=key)
    elif config.policy is RateLimitPolicy.REJECT:
        raise RateLimited(row.name, key, config.concurrent_exec_limit)
    settlement.limits.add(("key", key))
    return row._replace(rate_limit_key=key, rate_limited=1, due_at=None)


def free_key(settlement: Settlement, row: WorkflowRow) -> None:
    """An execution has ended: the next of its key may begin."""
    if row.rate_limit_key is not None:
        settlement.limits.add(("key", row.rate_limit_key))


def _to_executions(settlement: Settlement, key: str) -> None:
    session, engine = settlement.session, settlement.engine
    while rows := limits.held_back(session, key, 1):
        row = rows[0]
        program: Program = engine.programs.get(row.program_id, session)
        config = program.definition.rate_limit_config
        limit = config.concurrent_exec_limit if config else 0
        if limit and limits.running(session, key) >= limit:
            return
        seconds = program.definition.timeout_seconds
        limits.begin(session, row.id, settlement.now, settlement.now + seconds * 1000 if seconds else None)
        row = row._replace(rate_limited=0)
        settlement.begin(Execution(row.id, row.run, program, row))
