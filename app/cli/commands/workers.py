"""`podium workers`."""

from __future__ import annotations

import time

from app.cli.command import json_option, podium_command
from app.cli.connection import connected
from app.cli.output import show, write, write_json
from app.cli.render_workers import workers_table
from app.operations.documents import worker_document


@podium_command(
    "workers",
    ("podium workers", "who lives, and on which queues"),
    ("podium workers --json | jq -r '.[].tasks[]' | sort -u", "every task that some worker has"),
)
@json_option("Print one JSON document, a list.")
def command(as_json: bool) -> None:
    """List the workers that live.

    With their queues and the age of their last sign of life. A worker that is silent for longer than a lease loses its tasks to the others.
    """
    with connected() as podium:
        found = podium.workers()
    if as_json:
        write_json([worker_document(worker) for worker in found])
    elif found:
        show(workers_table(found, int(time.time() * 1000)))
    else:
        write("no worker lives; 'podium up' or 'celery -A app worker' starts one")
