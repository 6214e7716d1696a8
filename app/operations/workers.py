"""Who works."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from app.runtime.engine import Engine
from app.store import workers
from app.store.workers import WorkerRow


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process and its pool. Times are milliseconds since the epoch (UTC)."""

    id: str
    hostname: str
    """Celery's name of it, as in the `worker` of the tasks that it ran: `podium@host`."""
    pid: int
    concurrency: int
    """How many tasks it runs at once."""
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    """The worker tasks that it has."""
    started: int
    heartbeat: int
    """Its last sign of life."""
    silent: bool
    """It has given no sign of life for longer than a lease: its tasks are about to be taken from it."""


def list_workers(engine: Engine) -> list[Worker]:
    """All workers that have neither stopped nor been found dead, the oldest first."""
    now, lease = engine.clock(), engine.settings.lease_seconds * 1000
    # Processes of the REST API are there too, since they run operators; they listen on no queue.
    rows = [row for row in engine.store.read(workers.alive) if row.queues != "[]"]
    found = [_worker(row, now - row.heartbeat > lease) for row in rows]
    return sorted(found, key=lambda worker: (worker.started, worker.id))


def _worker(row: WorkerRow, silent: bool) -> Worker:
    return Worker(
        id=row.id,
        hostname=row.hostname,
        pid=row.pid,
        concurrency=row.concurrency,
        queues=tuple(orjson.loads(row.queues)),
        tasks=tuple(orjson.loads(row.tasks)),
        started=row.started,
        heartbeat=row.heartbeat,
        silent=silent,
    )
