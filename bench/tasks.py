"""The worker tasks of the benchmarks: the same functions for plain Celery and for Podium."""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import shared_task

from bench.counter import VARIABLE, Tally
from tasks.context import podium_context

NOOP = "bench.noop"
SLEEP = "bench.sleep"
SECOND = "bench.second"
SLEEP_SECONDS = 0.1

_tally = Tally(Path(os.environ.get(VARIABLE, ".")))


@shared_task(name=NOOP)  # type: ignore[untyped-decorator]  # Celery has no types
def noop() -> None:
    """Do nothing."""
    _tally.count()


@shared_task(name=SLEEP)  # type: ignore[untyped-decorator]
def sleep() -> None:
    """Wait for 100 ms, as a call of another service would."""
    time.sleep(SLEEP_SECONDS)
    _tally.count()


@shared_task(name=SECOND)  # type: ignore[untyped-decorator]
def second() -> None:
    """Fail at the first attempt."""
    context = podium_context()
    if context is not None and context.attempt == 0:
        raise RuntimeError("the first attempt fails")
    _tally.count()
