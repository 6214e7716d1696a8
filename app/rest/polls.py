"""Who polled last: kept in memory and written in batches, because an idle poll must not cost a write."""

from __future__ import annotations

import threading

from app.runtime.clock import now_ms
from app.runtime.engine import Engine
from app.store import outside
from app.store.outside import PollRow

_MOST = 10_000


class Polls:
    """Polls of this process that are not written yet."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], PollRow] = {}
        self._lock = threading.Lock()

    def note(self, name: str, domain: str | None, worker: str) -> None:
        """A worker polls now."""
        with self._lock:
            if len(self._last) < _MOST:
                self._last[name, domain or ""] = PollRow(name, domain or "", worker, now_ms())

    def write(self, engine: Engine) -> None:
        """Write what was noted since the last time.

        Raises:
            StoreError: the database does not answer; it is written the next time.
        """
        with self._lock:
            rows, self._last = self._last, {}
        if not rows:
            return
        try:
            # In the order of their keys: two processes that write the same rows must not wait for each other.
            engine.store.transact(lambda s: outside.polled(s, [rows[key] for key in sorted(rows)]))
        except BaseException:
            with self._lock:
                self._last = rows | self._last
            raise
