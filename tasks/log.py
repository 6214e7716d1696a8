"""The log of worker tasks, written beside the task and not inside it.

A task may hold a transaction of its own in the same database; on SQLite a line written from its thread would wait
for that very transaction. So a thread writes the lines, and the end of the attempt waits for it.
"""

from __future__ import annotations

import logging
import queue
import threading

from app.runtime.clock import new_id, now_ms
from app.runtime.ports import Attempt
from app.store import logs
from app.store.unit_of_work import Store
from workflows.errors import PodiumError

logger = logging.getLogger(__name__)

Line = dict[str, str | int]
FLUSH_SECONDS = 5.0


class TaskLog:
    """Lines on their way to `task_log`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lines: queue.SimpleQueue[Line] = queue.SimpleQueue()
        self._written = threading.Condition()
        self._open = 0
        self._thread: threading.Thread | None = None

    def write(self, attempt: Attempt, level: str, message: str) -> None:
        """Hand over a line; it is in the table a moment later."""
        line: Line = {
            "id": new_id(),
            "task_id": attempt.task_id,
            "workflow_id": attempt.execution_id,
            "created": now_ms(),
            "level": level,
            "message": message,
        }
        with self._written:
            self._open += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="podium-log", daemon=True)
                self._thread.start()
        self._lines.put(line)

    def flush(self) -> None:
        """Wait until all lines are in the table, 5 s at most."""
        if self._open:
            with self._written:
                self._written.wait_for(lambda: not self._open, FLUSH_SECONDS)

    def _run(self) -> None:
        while True:
            lines = [self._lines.get()]
            while not self._lines.empty():
                lines.append(self._lines.get())
            try:
                self._store.transact(lambda session, some=lines: logs.write_lines(session, some), patience=30)  # type: ignore[misc]
            except PodiumError as error:
                logger.warning("%d lines of task logs were lost: %s", len(lines), error)
            with self._written:
                self._open -= len(lines)
                self._written.notify_all()
