"""Time and identity: milliseconds since the epoch, ids ordered by time, claim tokens."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

import uuid_utils


def now_ms() -> int:
    """Milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """A UUIDv7: ids sort by the time of their making, within a process strictly."""
    return str(uuid_utils.uuid7())


def id_before(time_ms: int) -> str:
    """An id that sorts before every id made at that time or later, and after those made before."""
    stamp = f"{max(0, time_ms):012x}"
    return f"{stamp[:8]}-{stamp[8:]}"


_random = random.SystemRandom()


def new_claim() -> int:
    """A token that no other claim has (62 random bits)."""
    return _random.getrandbits(62)


def iso(milliseconds: int | None) -> str:
    """A time as Conductor's summaries have it; '' when there is none."""
    if milliseconds is None:
        return ""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
