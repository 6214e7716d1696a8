"""Events that were written with a transaction, on their way to the sinks."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import orjson

from app.errors import EventNotPublished, InvalidInput
from app.runtime.engine import Engine
from app.store import inbox
from app.store.inbox import OutboxRow

logger = logging.getLogger(__name__)

BATCH = 100
_THREADS = 8
"""A webhook that hangs must not keep the others waiting."""
_LEASE_MS = 60_000
"""An event whose process has died is another's after this."""
_FIRST_PAUSE_MS, _LONGEST_PAUSE_MS = 1_000, 600_000
MOST_TRIES = 16
"""With pauses of 1, 2, 4 … s and 10 minutes at most: about an hour and a half."""


class Outbox:
    """Sends what is due, at least once: the receiver knows an event that comes again by its id."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="podium-outbox")

    def tick(self) -> int:
        """Send what is due; how many were looked at.

        Raises:
            StoreError: the database does not answer.
        """
        now = self.engine.clock()
        due = self.engine.store.read(lambda s: inbox.out_due(s, now, BATCH))
        list(self._threads.map(self._send, due))
        return len(due)

    def close(self) -> None:
        """Let what is on its way end."""
        self._threads.shutdown()

    def _send(self, row: OutboxRow) -> None:
        store, now, seen = self.engine.store, self.engine.clock(), row.due_at or 0
        if not store.transact(lambda s: inbox.take_out(s, row.id, seen, now + _LEASE_MS)):
            return
        try:
            self.engine.events.publish(row.sink, orjson.loads(row.payload), row.id)
        except (EventNotPublished, InvalidInput) as error:
            reason = str(error)
            last = isinstance(error, InvalidInput) or row.tries + 1 >= MOST_TRIES
            later = None if last else now + min(_FIRST_PAUSE_MS << row.tries, _LONGEST_PAUSE_MS)
            store.transact(lambda s: inbox.not_sent(s, row.id, later, reason))
            logger.warning(
                "%s%s", reason, "; it is given up" if last else "", extra={"event": "event_not_sent"}
            )
        else:
            store.transact(lambda s: inbox.sent(s, row.id))
