"""Beat's scheduler with the sweeper in it: timers, retries, timeouts and recovery run in beat's own process.

No message is needed for a tick, so neither a full queue nor busy workers hold it up. Several beats do no harm.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from celery.beat import PersistentScheduler

from app.operations import schedules
from app.operations.retention import Keeper
from app.runtime.recovery import BATCH, Sweeper
from workflows.errors import PodiumError

logger = logging.getLogger(__name__)


class Scheduler(PersistentScheduler):  # type: ignore[misc]  # Celery has no types
    """Celery's own scheduler, which also does what is due in Podium's tables."""

    _sweeper: Sweeper | None = None
    _swept = 0.0
    _keeper: Keeper | None = None

    def tick(self, *args: Any, **kwargs: Any) -> float:
        from app.bootstrap import process

        until_next = float(super().tick(*args, **kwargs))
        here = process()
        if self._sweeper is None or self._keeper is None:
            self._sweeper, self._keeper = Sweeper(here.engine), Keeper(here.engine)
        every, since = here.engine.settings.tick_seconds, here.engine.clock()
        left = self._swept + every - time.monotonic()
        try:
            if left > 0:
                # Woken by a timer: nothing else is this urgent.
                busy = self._sweeper.timers() >= BATCH
            else:
                self._swept, left = time.monotonic(), every
                busy = self._sweeper.tick().busy
                busy = schedules.fire_due(here.engine) >= schedules.BATCH or busy
                busy = self._keeper.tick() or busy
            due = self._sweeper.next_due(since)
        except PodiumError as error:
            logger.warning("the sweeper could not look: %s", error, extra={"event": "sweep_failed"})
            return min(until_next, every)
        if busy:
            return 0.0
        until_due = every if due is None else max(0.0, (due - here.engine.clock()) / 1000)
        return min(until_next, max(left, 0.0), until_due)
