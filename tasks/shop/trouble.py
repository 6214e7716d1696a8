"""The unreliable world: calls that take time, and a share that fails on purpose, the same in each run."""

from __future__ import annotations

import hashlib
import time

from tasks.shop.models import Trouble


class ServiceUnavailable(Exception):
    """The service behind a task did not do what it was asked for. Another attempt may succeed."""


class ResponseLost(Exception):
    """The service was asked, and its answer was lost.

    In a workflow that undoes the transaction, and a new attempt begins anew. As plain Celery the work is done, and a
    new attempt must not do it again.
    """


class Weather:
    """What one call will meet: nothing, a failure before its effect, or a lost answer after it."""

    def __init__(self, trouble: Trouble, task: str, order_id: str, part: str, attempt: int) -> None:
        self._trouble, self._task, self._order_id, self._attempt = trouble, task, order_id, attempt
        seed = f"{trouble.seed}|{order_id}|{task}|{part}|{attempt}"
        digest = hashlib.sha256(seed.encode()).digest()
        # Two independent draws from one digest: whether the call fails, and on which side of its effect.
        self.fails = int.from_bytes(digest[:8], "big") / 2**64 < trouble.failure_rate
        self.answer_lost = self.fails and digest[8] % 2 == 1

    def before(self) -> None:
        """Spend the call's time, then fail where the call is to fail before its effect.

        Raises:
            ServiceUnavailable: nothing was done.
        """
        time.sleep(self._trouble.work_ms / 1000)
        if self.fails and not self.answer_lost:
            raise ServiceUnavailable(f"{self._what()}: the service is unavailable (simulated)")

    def after(self) -> None:
        """Fail where the call is to fail after its work.

        Raises:
            ResponseLost: the work was done.
        """
        if self.answer_lost:
            raise ResponseLost(f"{self._what()}: the answer was lost (simulated)")

    def _what(self) -> str:
        return f"{self._task} of order {self._order_id}, attempt {self._attempt}"
