"""The retry policy of a task definition: whether there is another attempt, and when."""

from __future__ import annotations

import random

from app.store.tasks import TaskRow
from workflows.model import RetryLogic, TaskDef, TimeoutPolicy
from workflows.program import Node
from workflows.status import TaskStatus

# What Conductor's integers end at.
_LONGEST_MS = (2**31 - 1) * 1000


def attempts_left(node: Node, attempt: int) -> bool:
    """Whether the policy allows an attempt after the one numbered `attempt` (from 0)."""
    if node.operator is not None and not node.operator.retried:
        return False
    allowed = node.task.retry_count if node.task.retry_count is not None else node.definition.retry_count
    return attempt < allowed


def retries(node: Node, status: TaskStatus, attempt: int, first_scheduled: int, now: int) -> bool:
    """Whether an attempt that ended with `status` is followed by another."""
    total = node.definition.total_timeout_seconds * 1000
    in_time = not total or now - first_scheduled < total
    return status.retriable and in_time and attempts_left(node, attempt)


def delay_ms(definition: TaskDef, attempt: int) -> int:
    """Milliseconds from the end of attempt `attempt` to the next (Conductor's formulas, DeciderService.retry)."""
    base = definition.retry_delay_seconds
    if definition.retry_logic is RetryLogic.EXPONENTIAL_BACKOFF:
        seconds = base << min(attempt, 62)
    elif definition.retry_logic is RetryLogic.LINEAR_BACKOFF:
        seconds = base * definition.backoff_scale_factor * (attempt + 1)
    else:
        seconds = base
    if definition.max_retry_delay_seconds > 0:
        seconds = min(seconds, definition.max_retry_delay_seconds)
    jitter = random.randint(0, definition.backoff_jitter_ms) if definition.backoff_jitter_ms else 0
    return min(seconds * 1000, _LONGEST_MS) + jitter


def deadline(
    definition: TaskDef, started: int, first_scheduled: int, operator: bool, after: int = -1
) -> int | None:
    """When a claimed attempt is overdue, in milliseconds since the epoch; None: never.

    after: until then its timeouts have been told of, and changed nothing.
    """
    limits = []
    if not operator:
        limits.append(started + definition.response_timeout_seconds * 1000)
    if definition.timeout_seconds:
        limits.append(started + definition.timeout_seconds * 1000)
    if definition.total_timeout_seconds:
        limits.append(first_scheduled + definition.total_timeout_seconds * 1000)
    return min((limit for limit in limits if limit > after), default=None)


def look(
    node: Node,
    row: TaskRow,
    now: int,
    ask_ms: int,
    *,
    started: int,
    until: int | None = None,
    after: int = -1,
) -> tuple[int | None, str | None]:
    """When somebody looks at a task again that waits, and what for.

    until: when its wait is over.
    after: as of `deadline`.
    """
    overdue = deadline(node.definition, started, row.first_scheduled, node.operator is not None, after)
    if until is not None and (overdue is None or until <= overdue):
        return until, "wait"
    # Its chord's body may be lost with the broker; the sweeper asks in its place.
    if node.kind == "JOIN" and (overdue is None or now + ask_ms < overdue):
        return now + ask_ms, "ask"
    return overdue, None if overdue is None else "timeout"


def lease_ms(definition: TaskDef) -> int:
    """How many milliseconds an outside worker has until it must answer, or give a sign of life."""
    limits = [definition.response_timeout_seconds, definition.timeout_seconds]
    return min(limit for limit in limits if limit) * 1000


def poll_deadline(node: Node, row: TaskRow) -> int | None:
    """When a task that nobody has, or nobody has any more, is overdue; None: never."""
    definition, times = node.definition, []
    if definition.poll_timeout_seconds and row.started is None:
        times.append(row.scheduled + (definition.poll_timeout_seconds + node.task.start_delay) * 1000 + 1)
    if not _alerts(definition):
        times += _over(definition, row.started, row)
    return min(times, default=None)


def _over(definition: TaskDef, started: int | None, row: TaskRow) -> list[int]:
    """When the timeouts of an attempt are over that count whether or not somebody has it."""
    limits = [(started, definition.timeout_seconds), (row.first_scheduled, definition.total_timeout_seconds)]
    return [since + seconds * 1000 for since, seconds in limits if since is not None and seconds]


def extended(definition: TaskDef, answered: int, row: TaskRow, after: int = -1) -> int:
    """When an attempt is overdue that has given a sign of life at `answered`.

    after: as of `deadline`.
    """
    started = answered if row.started is None else row.started
    answer = answered + definition.response_timeout_seconds * 1000
    return min([answer, *(time for time in _over(definition, started, row) if time > after)])


def called_again(definition: TaskDef, now: int, row: TaskRow) -> int:
    """When an attempt is overdue that is called once more, after `in_progress`: its start is that of the first call.

    What has passed and only alerts is told of no more.
    """
    return extended(definition, now, row, after=now if _alerts(definition) else -1)


def claimed_again(node: Node, row: TaskRow, now: int) -> int | None:
    """When a task is overdue that was scheduled or called before, which its claim did not know; None: it was not."""
    definition, retried = node.definition, row.attempt > 0
    if node.operator is None:
        later = row.polls > 1 or (retried and definition.total_timeout_seconds)
        return called_again(definition, now, row) if later else None
    if retried and definition.total_timeout_seconds:
        return deadline(definition, now, row.first_scheduled, operator=True)
    return None


def overdue(definition: TaskDef, now: int, row: TaskRow) -> bool:
    """Whether an attempt that waits to be called has taken too long by now."""
    return not _alerts(definition) and any(time <= now for time in _over(definition, row.started, row))


def told(definition: TaskDef, row: TaskRow) -> int:
    """Until when the timeouts of an attempt have been told of, and changed nothing: before it is looked at again."""
    return -1 if not _alerts(definition) or row.due_at is None else row.due_at - 1


def _alerts(definition: TaskDef) -> bool:
    return definition.timeout_policy is TimeoutPolicy.ALERT_ONLY
