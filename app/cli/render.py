"""Words for statuses, times and values, and the tables that are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from rich import box
from rich.table import Table
from rich.text import Text

from app.cli.output import plain

_STYLES = {
    "COMPLETED": "green",
    "EXECUTED": "green",
    "COMPLETED_WITH_ERRORS": "yellow",
    "SKIPPED": "yellow",
    "RUNNING": "cyan",
    "IN_PROGRESS": "cyan",
    "SCHEDULED": "blue",
    "PAUSED": "magenta",
    "FAILED": "red",
    "FAILED_WITH_TERMINAL_ERROR": "red",
    "TIMED_OUT": "red",
    "TERMINATED": "yellow",
    "CANCELED": "yellow",
    "error": "red",
    "warning": "yellow",
    "silent": "red",
    "alive": "green",
}
_SPANS = ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def text(value: object, style: str = "") -> Text:
    """Somebody else's words, without control characters; None: nothing."""
    return Text("" if value is None else plain(str(value)), style=style)


def status_text(status: str) -> Text:
    """A status in its colour."""
    return Text(status, style=_STYLES.get(status, ""))


def duration(milliseconds: int) -> str:
    """`350 ms`, `2.3 s`, `3 min 20 s`, `2 h`, `3 d 4 h`."""
    if milliseconds < 1000:
        return f"{max(0, milliseconds)} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    seconds = milliseconds // 1000
    unit, name, small, small_name = next(span for span in _SPANS if seconds >= span[0])
    rest = seconds % unit // small
    return f"{seconds // unit} {name}" + (f" {rest} {small_name}" if rest else "")


def moment(milliseconds: int | None) -> str:
    """A time of the local zone, to the second; None: nothing."""
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000).strftime("%Y-%m-%d %H:%M:%S")


def clock(milliseconds: int) -> str:
    """A time of day of the local zone, to the millisecond."""
    return datetime.fromtimestamp(milliseconds / 1000).strftime("%H:%M:%S.%f")[:-3]


def compact(value: Any) -> str:
    """A JSON value on one line."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def table(*columns: str, right: Sequence[str] = (), whole: Sequence[str] = ()) -> Table:
    """An empty table. `right`: columns of numbers; `whole`: columns that are never broken, because they are copied."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in right else "left",
            no_wrap=column in whole or column in right,
            overflow="fold",
        )
    return made


def counted(number: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
