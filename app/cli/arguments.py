"""Arguments that are more than text: a JSON value, a time."""

from __future__ import annotations

import json
import re
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click

_SPAN = re.compile(r"(\d+)\s*(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class JsonValue(click.ParamType[Any]):
    """A JSON value: its text, `@` and the name of a file that holds it, or `-` for standard input."""

    name = "json|@file|-"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value; a usage error says where the text is no JSON."""
        try:
            source, text = self._read(str(value))
        except UnicodeDecodeError as error:
            self.fail(f"byte {error.start} is no UTF-8", param, ctx)
        except OSError as error:
            self.fail(f"{str(value).removeprefix('@')}: {error.strerror}", param, ctx)
        try:
            return json.loads(text, parse_constant=_refuse)
        except ValueError as error:
            self.fail(f"{source} is no JSON: {error}", param, ctx)
        except RecursionError:
            self.fail(f"{source} is nested too deep", param, ctx)

    def _read(self, value: str) -> tuple[str, str]:
        if value == "-":
            return "standard input", sys.stdin.read()
        if value.startswith("@"):
            return value[1:], Path(value[1:]).read_text(encoding="utf-8-sig")
        return "the text", value


class Moment(click.ParamType[int]):
    """A time: `30m`, `2h`, `7d` ago, or a date and time in ISO 8601 (of the local zone unless it names one)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds since the epoch."""
        if isinstance(value, int):
            return value
        span = _SPAN.fullmatch(str(value).strip())
        if span:
            return int((time.time() - int(span[1]) * _SECONDS[span[2]]) * 1000)
        try:
            return int(datetime.fromisoformat(str(value)).timestamp() * 1000)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; write 30m, 2h, 7d or 2026-01-31T18:00", param, ctx)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a value of JSON")
