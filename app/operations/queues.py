"""Queues and who works on them: how much waits, since when, and where nobody listens."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from app.operations.workers import Worker, list_workers
from app.runtime.engine import Engine
from app.store import figures, outside
from app.store.figures import OpenTasks
from app.store.outside import PollRow
from workflows.canvas import PREFIX
from workflows.operator import is_operator
from workflows.status import TaskStatus


@dataclass(slots=True)
class QueueTask:
    """One worker task or operator in a queue."""

    name: str
    waiting: int = 0
    running: int = 0
    later: int = 0
    """Retries whose delay is not over."""


@dataclass(slots=True)
class Queue:
    """One queue. Times are milliseconds since the epoch (UTC)."""

    name: str
    outside: bool
    """Workers poll for its tasks; else it is a queue of the broker, for Celery workers."""
    waiting: int = 0
    running: int = 0
    later: int = 0
    oldest: int | None = None
    """Since when the first of what waits does."""
    listeners: list[str] = field(default_factory=list)
    """Workers that listen, or the one that polled last."""
    polled: int | None = None
    """When an outside worker last asked."""
    tasks: list[QueueTask] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        """Something waits, and nobody listens."""
        return bool(self.waiting) and not self.listeners


@dataclass(frozen=True, slots=True)
class Overview:
    """All queues and workers. `counted`: of more open tasks than this not all were looked at."""

    now: int
    queues: tuple[Queue, ...]
    workers: tuple[Worker, ...]
    open_tasks: int
    counted: int


def list_queues(engine: Engine) -> Overview:
    """The queues in which something is open or on which somebody listens, by name; and the workers."""
    now = engine.clock()
    rows = engine.store.read(lambda s: figures.open_tasks(s, now))
    polls = {row.type: row for row in sorted(engine.store.read(outside.polls), key=lambda row: row.polled)}
    workers = list_workers(engine)
    found: dict[tuple[str, bool], Queue] = {}
    for worker in workers:
        for name in worker.queues:
            found.setdefault((name, False), Queue(name, False)).listeners.append(worker.hostname)
    for (name, is_outside), open_ in _grouped(engine, rows).items():
        _fill(found.setdefault((name, is_outside), Queue(name, is_outside)), open_)
    for queue in found.values():
        if queue.outside:
            _who_polls(queue, polls)
    ordered = sorted(found.values(), key=lambda queue: (not queue.idle, queue.outside, queue.name))
    seen = sum(row.number for row in rows)
    return Overview(now, tuple(ordered), tuple(workers), seen, figures.LIVE_SEEN)


def _grouped(engine: Engine, rows: list[OpenTasks]) -> dict[tuple[str, bool], list[OpenTasks]]:
    grouped = defaultdict[tuple[str, bool], list[OpenTasks]](list)
    for row in rows:
        if row.status == TaskStatus.IN_PROGRESS and not row.held and row.queue is None:
            # It waits for something else than a worker: a time, a signal, other tasks.
            continue
        if row.queue is not None:
            grouped[row.queue, True].append(row)
        else:
            name = PREFIX + row.type if is_operator(row.type) else row.type
            grouped[engine.workers.queue(name), False].append(row)
    return grouped


def _fill(queue: Queue, rows: list[OpenTasks]) -> None:
    tasks: dict[str, QueueTask] = {}
    for row in rows:
        task = tasks.setdefault(row.type, QueueTask(row.type))
        kind = "running" if row.status == TaskStatus.IN_PROGRESS else "later" if row.later else "waiting"
        for counted in (task, queue):
            setattr(counted, kind, getattr(counted, kind) + row.number)
        if kind == "waiting":
            queue.oldest = row.oldest if queue.oldest is None else min(queue.oldest, row.oldest)
    queue.tasks = sorted(tasks.values(), key=lambda task: task.name)


def _who_polls(queue: Queue, polls: dict[str, PollRow]) -> None:
    last = polls.get(queue.name.rpartition(":")[2])
    if last is not None:
        queue.polled = last.polled
        queue.listeners = [last.worker or "an unnamed worker"]
