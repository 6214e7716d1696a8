"""The engine for schedules, on both databases."""

from __future__ import annotations

from tests.events.conftest import harness, store

__all__ = ["harness", "store"]
