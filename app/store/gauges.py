"""How the installation is doing, in bounded counts."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import func, literal_column, select, text

from app.store import outside, workers
from app.store.statements import Statement
from app.store.tables import event_message, event_outbox, task, workflow
from app.store.unit_of_work import Session

COUNTED = 10_000
"""What may be many is counted up to this."""


class Queue(NamedTuple):
    """Tasks that wait for outside workers."""

    name: str
    size: int
    waited_ms: int
    """How long the one that is next has waited."""


class State(NamedTuple):
    """The state of the installation."""

    open: dict[str, int]
    """Executions by status, those that have not ended."""
    queues: list[Queue]
    late_ms: int
    """How long ago the oldest of what is due was due."""
    workers: int
    events: dict[str, int]
    """Messages that nobody has acted on (`inbox`), and events that have not gone out (`outbox`)."""


def _open(status: str) -> Any:
    some = select(workflow.c.id).where(text(f"status = '{status}'")).limit(literal_column(str(COUNTED)))
    return select(func.count()).select_from(some.subquery())


_OPEN = {status: Statement(f"executions {status}", _open(status)) for status in ("RUNNING", "PAUSED")}
_LATE = Statement(
    "since when something is due",
    select(func.min(task.c.due_at)).where(task.c.due_at.isnot(None)),
)


def _due(table: Any) -> Any:
    some = select(table.c.id).where(table.c.due_at.isnot(None)).limit(literal_column(str(COUNTED)))
    return select(func.count()).select_from(some.subquery())


_EVENTS = {
    "inbox": Statement("messages that nobody has acted on", _due(event_message)),
    "outbox": Statement("events that have not gone out", _due(event_outbox)),
}


def read(session: Session, now: int, most_queues: int) -> State:
    """Look once; an index range for each number."""
    counts = {status: int((session.one(found) or (0,))[0]) for status, found in _OPEN.items()}
    events = {name: int((session.one(found) or (0,))[0]) for name, found in _EVENTS.items()}
    queues = []
    for name in outside.queues(session)[:most_queues]:
        since = outside.oldest(session, name)
        queues.append(Queue(name, outside.size(session, name), max(0, now - (since or now))))
    due = session.one(_LATE)
    first = due[0] if due is not None else None
    return State(counts, queues, max(0, now - first) if first else 0, len(workers.alive(session)), events)
