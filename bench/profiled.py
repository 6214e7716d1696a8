"""Imported by a solo worker: profiles it from its readiness to its end."""

from __future__ import annotations

import cProfile
import os
from typing import Any

from celery import signals

VARIABLE = "PODIUM_ENV_BENCH_PROFILE"
"""Environment variable with the file that the profile is written to."""

_profile = cProfile.Profile()


def _begin(**_: Any) -> None:
    _profile.enable()


def _end(**_: Any) -> None:
    _profile.disable()
    _profile.dump_stats(os.environ[VARIABLE])


signals.worker_ready.connect(_begin, weak=False)
signals.worker_shutting_down.connect(_end, weak=False)
