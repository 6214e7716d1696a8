"""A message as the worker's main process sees it: what happens to the process that ran it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from billiard.exceptions import WorkerLostError
from celery.worker.request import Request

from workflows.canvas import HEADER

# The main process must go on with its messages while the database is slow.
_executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="podium-lost")


class StepRequest(Request):  # type: ignore[misc]  # Celery has no types
    """Hands the claims of a pool process that died to the retry policy."""

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        answer = super().on_failure(exc_info, send_failed_event, return_ok)
        exception = getattr(exc_info, "exception", None)
        exception = getattr(exception, "exc", exception)
        if isinstance(exception, WorkerLostError | SystemExit):
            self._give_up()
        return answer

    def on_timeout(self, soft: bool, timeout: float | None) -> Any:
        answer = super().on_timeout(soft, timeout)
        if not soft:
            self._give_up()
        return answer

    def _give_up(self) -> None:
        if HEADER in (self.request_dict or {}):
            _executor.submit(_lost, self.id)


def _lost(message_id: str) -> None:
    from app.bootstrap import process
    from app.runtime.recovery import lost_message

    here = process()
    lost_message(here.engine, here.owner().id, message_id)
