"""Inputs, outputs and variables as they are stored: JSON text within a limit."""

from __future__ import annotations

from typing import Any

import orjson


def dump(value: Any) -> str:
    """JSON text. None is `{}`: an output or input that holds nothing.

    Raises:
        TypeError: it is no JSON (`orjson.JSONEncodeError`).
    """
    return "{}" if value is None else orjson.dumps(value).decode()


def too_large(value: Any, limit: int) -> str | None:
    """What is wrong when a value is larger than `limit` bytes as JSON; None: nothing."""
    if not value:
        return None
    size = len(orjson.dumps(value))
    if size <= limit:
        return None
    return (
        f"is {size:,} bytes of JSON, the limit is {limit:,}: "
        "store the data elsewhere and pass a reference, or raise PODIUM_PAYLOAD_LIMIT_BYTES"
    )
