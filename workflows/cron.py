"""Cron expressions with seconds and a time zone: which instant comes next.

Six fields, seconds first, as in Spring: second, minute, hour, day of the month, month, day of the week; with five the
second is 0. A day must fit both of its fields. `?` is `*`; `L`, `LW`, `FRI#2`, `FRIL` and `@daily` and the like work.

When clocks are changed: an expression with a fixed hour and minute fires once for each day. A time that is skipped is
fired as much later as the clock was put forward, one that comes twice the first time. Where the hour or the minute is
`*` or `*/n`, what counts is the time that passes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_MACROS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}

_CHANGE = timedelta(hours=3)
"""By no more than this clocks are put forward."""


class Cron:
    """One expression in one time zone."""

    def __init__(self, expression: str, zone: str = "UTC") -> None:
        """Parse both.

        Raises:
            ValueError: one of them can't be read; the message says which, and why.
        """
        self.expression = expression
        fields = _MACROS.get(expression.strip().lower(), expression).replace("?", "*").split()
        if len(fields) == 5:
            fields.insert(0, "0")
        if len(fields) != 6:
            raise ValueError(
                f"cron expression {expression!r} has {len(fields)} fields; write six: "
                "second minute hour day-of-month month day-of-week"
            )
        self._text = " ".join(fields)
        try:
            self._zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"there is no time zone {zone!r}; write one such as Europe/Berlin") from None
        try:
            CronSim(self._text, datetime.now(UTC))
        except CronSimError as error:
            raise ValueError(f"cron expression {expression!r} can't be read: {error}") from None
        self._fixed = not fields[1].startswith("*") and not fields[2].startswith("*")

    def after(self, time_ms: int) -> int | None:
        """The first instant after a time, both in milliseconds since the epoch; None: never in 50 years."""
        now = datetime.fromtimestamp(time_ms // 1000, self._zone)
        # Wall time, which then is looked up in the zone; else the steps of time itself.
        for found in self._walk(self._wall(now) if self._fixed else now):
            instant = found.replace(tzinfo=self._zone, fold=0) if self._fixed else found
            at = int(instant.timestamp()) * 1000
            # A time that comes twice was there before.
            if at > time_ms:
                return at
        return None

    def _wall(self, now: datetime) -> datetime:
        earlier = now - _CHANGE
        # A time that was skipped just now may still have to be fired.
        start = earlier if earlier.utcoffset() != now.utcoffset() else now
        return start.replace(tzinfo=None, fold=0)

    def _walk(self, start: datetime) -> CronSim:
        walk = CronSim(self._text, start)
        walk.day_and = True
        return walk


@lru_cache(maxsize=512)
def cron(expression: str, zone: str) -> Cron:
    """`Cron`, parsed once.

    Raises:
        ValueError: as `Cron`.
    """
    return Cron(expression, zone)
