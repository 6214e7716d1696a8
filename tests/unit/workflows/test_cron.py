"""Which instant a cron expression names next, across changes of clocks too."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from workflows.cron import Cron

BERLIN = "Europe/Berlin"


def _ms(text: str, zone: str = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def _slots(expression: str, start: str, count: int, zone: str = BERLIN) -> list[str]:
    made, at, found = Cron(expression, zone), _ms(start, zone), []
    for _ in range(count):
        following = made.after(at)
        assert following is not None
        assert following > at
        at = following
        found.append(datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).strftime("%m-%dT%H:%M:%S%z")[:-2])
    return found


@pytest.mark.parametrize(
    ("expression", "start", "slots"),
    [
        ("*/15 * * * * ?", "2026-01-01T00:00:07", ["01-01T00:00:15+01", "01-01T00:00:30+01"]),
        ("0 0 9 * * MON-FRI", "2026-01-02T10:00", ["01-05T09:00:00+01", "01-06T09:00:00+01"]),
        ("30 9 * * *", "2026-01-02T10:00", ["01-03T09:30:00+01"]),
        ("0 0 9 L * *", "2026-02-01T00:00", ["02-28T09:00:00+01", "03-31T09:00:00+02"]),
        ("0 0 9 * * FRI#2", "2026-02-01T00:00", ["02-13T09:00:00+01"]),
        ("@daily", "2026-02-01T00:00", ["02-02T00:00:00+01"]),
        # Both fields of the day hold, as in Spring and not as in Unix.
        ("0 0 12 13 * FRI", "2026-01-01T00:00", ["02-13T12:00:00+01", "03-13T12:00:00+01"]),
    ],
)
def test_the_next_slots(expression: str, start: str, slots: list[str]) -> None:
    assert _slots(expression, start, len(slots)) == slots


def test_a_time_that_is_skipped_in_spring_is_fired_an_hour_later_once() -> None:
    assert _slots("0 30 2 * * *", "2026-03-28T12:00", 2) == ["03-29T03:30:00+02", "03-30T02:30:00+02"]
    assert _slots("0 30 2 * * *", "2026-03-29T03:10", 1) == ["03-29T03:30:00+02"]
    assert _slots("0 30 2,3 * * *", "2026-03-29T01:00", 2) == ["03-29T03:30:00+02", "03-30T02:30:00+02"]


def test_a_time_that_comes_twice_in_autumn_is_fired_once() -> None:
    assert _slots("0 30 2 * * *", "2026-10-24T12:00", 2) == ["10-25T02:30:00+02", "10-26T02:30:00+01"]
    second = int(datetime(2026, 10, 25, 2, 10, tzinfo=ZoneInfo(BERLIN), fold=1).timestamp() * 1000)
    assert Cron("0 30 2 * * *", BERLIN).after(second) == _ms("2026-10-26T02:30")


def test_what_counts_for_every_so_many_minutes_is_the_time_that_passes() -> None:
    autumn = _slots("0 */30 * * * *", "2026-10-25T01:59", 5)
    assert autumn == [
        "10-25T02:00:00+02",
        "10-25T02:30:00+02",
        "10-25T02:00:00+01",
        "10-25T02:30:00+01",
        "10-25T03:00:00+01",
    ]
    assert _slots("0 */30 * * * *", "2026-03-29T01:30", 2) == ["03-29T03:00:00+02", "03-29T03:30:00+02"]


@pytest.mark.parametrize(
    ("expression", "zone", "why"),
    [
        ("0 0", "UTC", "has 2 fields"),
        ("0 0 25 * * *", "UTC", "Bad hour"),
        ("0 0 0 30 2 *", "UTC", "Bad day-of-month"),
        ("0 0 0 * * *", "Europe/Berlín", "no time zone"),
        ("0 0 0 * * *", "../../etc/passwd", "no time zone"),
    ],
)
def test_what_can_not_be_read_is_refused(expression: str, zone: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Cron(expression, zone)
