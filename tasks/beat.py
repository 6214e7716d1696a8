"""Beat's scheduler with the sweeper in it: timers, retries, timeouts and recovery run in beat's own process.

No message is needed for a tick, so neither a full queue nor busy workers hold it up. Several beats do no harm.
"""

from __future__ import annotations

import logging
from typing import Any

from celery.beat import PersistentScheduler

from app.operations import schedules
from app.operations.retention import Keeper
from app.runtime.recovery import Sweeper
from workflows.errors import PodiumError

logger = logging.getLogger(__name__)


class Scheduler(PersistentScheduler):  # type: ignore[misc]  # Celery has no types
    """Celery's own scheduler, which also does what is due in Podium's tables."""

    _sweeper: Sweeper | None = None
    _keeper: Keeper | None = None

    def tick(self, *args: Any, **kwargs: Any) -> float:
        from app.bootstrap import process

        until_next = float(super().tick(*args, **kwargs))
        here = process()
        if self._sweeper is None or self._keeper is None:
            self._sweeper, self._keeper = Sweeper(here.engine), Keeper(here.engine)
        try:
            busy = self._sweeper.tick().busy
            busy = schedules.fire_due(here.engine) >= schedules.BATCH or busy
            busy = self._keeper.tick() or busy
        except PodiumError as error:
            logger.warning("the sweeper could not look: %s", error, extra={"event": "sweep_failed"})
            busy = False
        return 0.0 if busy else min(until_next, here.engine.settings.tick_seconds)
