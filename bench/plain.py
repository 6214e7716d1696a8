"""Plain Celery: the same tasks in the same canvases, configured as Podium configures Celery, with no state."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

from config.celery import celery_config
from config.settings import Settings, current

QUIET_VARIABLE = "PODIUM_ENV_BENCH_QUIET"
"""Environment variable; set: no task events, so that Flower sees nothing (Celery's own default)."""

_OWN: dict[str, Any] = {"imports": ("bench.tasks",), "beat_scheduler": "celery.beat:PersistentScheduler"}
_QUIET: dict[str, Any] = {"worker_send_task_events": False, "task_send_sent_event": False}


def make_app(settings: Settings, quiet: bool) -> Celery:
    """Make an application that talks to the settings' broker; `quiet`: without task events."""
    made = Celery("bench", set_as_current=False)
    made.conf.update({**celery_config(settings), **_OWN, **(_QUIET if quiet else {})})
    return made


app = make_app(current(), QUIET_VARIABLE in os.environ)
