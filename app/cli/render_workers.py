"""Workers as a table."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from app.cli.render import duration, moment, status_text, table, text
from app.operations.workers import Worker


def workers_table(workers: Iterable[Worker], now: int) -> Table:
    """One line for each worker. `now`: milliseconds since the epoch."""
    numbers = ["pid", "concurrency", "tasks", "last sign"]
    made = table(
        "worker", "state", "pid", "concurrency", "queues", "tasks", "started", "last sign", right=numbers
    )
    for worker in workers:
        made.add_row(
            text(worker.hostname),
            status_text("silent" if worker.silent else "alive"),
            str(worker.pid),
            str(worker.concurrency),
            text(", ".join(worker.queues)),
            str(len(worker.tasks)),
            moment(worker.started),
            duration(now - worker.heartbeat),
        )
    return made
