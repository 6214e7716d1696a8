"""Ids are UUIDv7: what they tell of the time at which they were made."""

from __future__ import annotations


def first_id(milliseconds: int) -> str:
    """No id that was made at this time (ms since the epoch) or later is smaller."""
    digits = f"{max(0, milliseconds):012x}"
    return f"{digits[:8]}-{digits[8:12]}"


def time_of(id_: str) -> int | None:
    """When an id was made (ms since the epoch); None: it is no UUIDv7."""
    digits = id_.replace("-", "")[:12]
    try:
        return int(digits, 16) if len(digits) == 12 else None
    except ValueError:
        return None
