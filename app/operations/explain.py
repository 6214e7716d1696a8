"""Why an execution does not move, in a sentence."""

from __future__ import annotations

import orjson

from app.runtime import limits
from app.runtime.compensation import PERSON
from app.runtime.engine import Engine
from app.runtime.execution import suffixed
from app.runtime.settle import NO_WORKER
from app.store import compensations, executions, logs, tasks, workers
from app.store import limits as store_limits
from app.store.executions import WorkflowRow
from app.store.logs import AuditRow
from app.store.tasks import TaskRow, path_of
from app.store.unit_of_work import Session
from workflows.domains import queue_of
from workflows.program import Node, Program
from workflows.status import TaskStatus, WorkflowStatus

_MOST = 3


def explain_execution(engine: Engine, session: Session, row: WorkflowRow) -> str:
    """What it waits for, or how it ended."""
    status = WorkflowStatus(row.status)
    if status is WorkflowStatus.COMPLETED:
        program = engine.programs.get(row.program_id, session)
        if program.cache is not None and not tasks.positions(session, row.id):
            return (
                "completed at once, with the output that an execution of the same key had left (cacheConfig)"
            )
        return f"completed after {_span((row.ended or row.updated) - row.created)}"
    if status.terminal:
        by = _by(_operation(session, row, "terminate", row.ended))
        ended = f"{status}{by} after {_span((row.ended or row.updated) - row.created)}: {row.reason}"
        return ended + _undone(engine, session, row)
    if row.rate_limited and status is WorkflowStatus.RUNNING:
        return _held_back(engine, session, row)
    if status is WorkflowStatus.PAUSED:
        return _paused(engine, session, row)
    program = engine.programs.get(row.program_id, session)
    live = [r for r in tasks.live(session, row.id) if not _contains_others(program, r)]
    sentences = [_task(engine, session, program, task) for task in live[:_MOST]]
    if len(live) > _MOST:
        sentences.append(f"and {len(live) - _MOST} more tasks are open")
    return "; ".join(sentences) or "it is between two steps"


def _paused(engine: Engine, session: Session, row: WorkflowRow) -> str:
    """Who paused it: the first who asked since it was resumed, as it stays so when others ask again."""
    asked: AuditRow | None = None
    for each in logs.done_to(session, row.id):
        if each.operation == "resume":
            asked = None
        elif each.operation == "pause":
            asked = asked or each
    since = asked.created if asked else row.updated
    why = f": {asked.reason}" if asked and asked.reason else ""
    return f"paused{_by(asked)} {_span(engine.clock() - since)} ago{why}"


def _operation(session: Session, row: WorkflowRow, operation: str, at: int | None) -> AuditRow | None:
    """The record of an operation that was done to it at that time."""
    done = logs.done_to(session, row.id)
    return next((each for each in done if each.operation == operation and each.created == at), None)


def _by(record: AuditRow | None) -> str:
    return f" by {record.actor}" if record and record.actor else ""


def _undone(engine: Engine, session: Session, row: WorkflowRow) -> str:
    """What has become of the compensation of an execution that did not complete."""
    if not engine.programs.get(row.program_id, session).compensable:
        return ""
    undoing = compensations.latest(session, row.id)
    if undoing is None:
        return ""
    return f"; what it did is undone by {undoing.id}: {explain_execution(engine, session, undoing)}"


def _held_back(engine: Engine, session: Session, row: WorkflowRow) -> str:
    key = row.rate_limit_key or ""
    config = engine.programs.get(row.program_id, session).definition.rate_limit_config
    limit = config.concurrent_exec_limit if config else 0
    running = store_limits.running(session, key)
    return f"the execution waits for a slot of key {key!r}: {running} of {limit} run"


def _contains_others(program: Program, row: TaskRow) -> bool:
    """Loops and JOINs wait for other tasks, which say more."""
    node = program.nodes.get(row.ref)
    return row.status == TaskStatus.IN_PROGRESS and node is not None and node.kind in ("JOIN", "DO_WHILE")


def _task(engine: Engine, session: Session, program: Program, row: TaskRow) -> str:
    ref, now = suffixed(row.ref, path_of(row.path)), engine.clock()
    node = program.nodes[row.ref]
    if row.status == TaskStatus.SCHEDULED:
        return _scheduled(engine, session, node, row, ref, now)
    if row.type == PERSON and row.retried_id:
        return f"{ref} waits for a person: {row.reason}"
    if row.sub_workflow_id:
        child = executions.by_id(session, row.sub_workflow_id)
        if child is not None:
            inner = explain_execution(engine, session, child)
            return f"{ref} waits for sub-workflow {child.name} ({child.id}): {inner}"
    if row.owner:
        return f"{ref} runs on {row.worker} since {_span(now - (row.started or row.updated))}"
    if row.wake == "wait" and row.due_at:
        return f"{ref} waits for {_span(max(0, row.due_at - now))}, or until somebody completes it"
    if row.reason and row.reason.startswith(_WAITING):
        return f"{ref} waits for {row.reason.removeprefix(_WAITING)}"
    return f"{ref} waits for a signal" + (f" ({row.reason})" if row.reason else "")


_WAITING = "waiting for "
"""What the reasons of operators that wait for somebody begin with."""


def _in_line(session: Session, node: Node, row: TaskRow, ref: str, now: int) -> str:
    """What a task waits for that stands in line: a slot, or the rate."""
    key = row.queue or row.name
    definition = limits.definition_of(session, row.name) or node.definition
    limit, rate = definition.concurrent_exec_limit, definition.rate_limit_per_frequency
    held = store_limits.held(session, key)
    if limit and held >= limit:
        return f"{ref} waits for a slot: {held} of {limit} run (limit of task {key})"
    _, later = limits.room_of(session, key, definition, now)
    soon = f", the next in {_span(max(0, later - now))}" if later is not None else ""
    return (
        f"{ref} waits for the rate of {key}: {rate} each {definition.rate_limit_frequency_in_seconds} s{soon}"
    )


def _scheduled(engine: Engine, session: Session, node: Node, row: TaskRow, ref: str, now: int) -> str:
    if row.wake == "slot":
        return _in_line(session, node, row, ref, now)
    if row.reason == NO_WORKER:
        return f"{ref}: no worker task named {node.worker!r}; waiting for an outside worker to poll it"
    if row.due_at and row.due_at > now and row.attempt and row.sends == 0:
        allowed = node.task.retry_count if node.task.retry_count is not None else node.definition.retry_count
        return (
            f"{ref}: retry {row.attempt} of {allowed} in {_span(row.due_at - now)} "
            f"(the last attempt: {row.reason})"
        )
    queue = queue_of(engine.workers.queue(node.worker), row.domain)
    listening = [w for w in workers.alive(session) if queue in orjson.loads(w.queues)]
    if not listening:
        return f"{ref} waits for a worker: no worker listens on queue {queue}"
    return f"{ref} waits in queue {queue} since {_span(now - row.scheduled)}"


def _span(milliseconds: int) -> str:
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"{max(0, milliseconds)} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
