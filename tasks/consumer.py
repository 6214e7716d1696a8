"""A worker's consumer that is back soon after its broker."""

from __future__ import annotations

import functools
from typing import Any

from celery.worker.consumer import Consumer as CeleryConsumer

LONGEST_SECONDS = 2.0


class Consumer(CeleryConsumer):  # type: ignore[misc]  # Celery has no types
    """Celery waits 2 s, 4 s, 6 s, … up to 30 s between attempts: an outage of a minute lasts half a minute longer."""

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = functools.partial(
            conn.ensure_connection, interval_start=0.5, interval_step=0.5, interval_max=LONGEST_SECONDS
        )
        return super().ensure_connected(conn)
