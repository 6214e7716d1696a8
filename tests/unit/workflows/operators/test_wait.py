"""WAIT: the times that it understands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.unit.workflows.run import rules, run, task_of
from workflows.operator import Done, Failed, Wait

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ("5 seconds", 5),
        ("1s", 1),
        (" 2 MIN ", 120),
        ("1 hr 1 sec", 3601),
        ("3h", 10_800),
        ("1 days 2 hours 3 minutes 4 seconds", 93_784),
        ("1d2h3m4s", 93_784),
    ],
)
def test_a_duration_counts_from_now(duration: str, seconds: int) -> None:
    outcome = run(task_of("WAIT", inputParameters={"duration": duration}), now_ms=NOW_MS)

    assert isinstance(outcome, Wait)
    assert outcome.until_ms == NOW_MS + seconds * 1000


def test_no_time_at_all_is_no_wait() -> None:
    assert run(task_of("WAIT", inputParameters={"duration": "0 seconds"}), now_ms=NOW_MS) == Done({})


@pytest.mark.parametrize(
    ("until", "utc"),
    [
        ("2026-12-24", "2026-12-24T00:00"),
        ("2026-12-24 18:30", "2026-12-24T18:30"),
        ("2026-12-24 18:30 UTC", "2026-12-24T18:30"),
        ("2026-12-24 18:30 Europe/Berlin", "2026-12-24T17:30"),
        ("2026-08-24 18:30 Europe/Berlin", "2026-08-24T16:30"),
        ("2026-12-24 18:30 GMT+02:00", "2026-12-24T16:30"),
        ("2026-12-24 18:30 -0330", "2026-12-24T22:00"),
        ("2026-12-24T18:30:00Z", "2026-12-24T18:30"),
        ("2026-12-24T18:30:00+01:00", "2026-12-24T17:30"),
    ],
)
def test_until_is_a_moment_in_its_time_zone_or_in_utc(until: str, utc: str) -> None:
    outcome = run(task_of("WAIT", inputParameters={"until": until}), now_ms=NOW_MS)

    assert isinstance(outcome, Wait)
    assert outcome.until_ms == datetime.fromisoformat(f"{utc}+00:00").timestamp() * 1000
    assert outcome.reason == f"waiting until {utc}:00Z"


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"until": "tomorrow"}, "Invalid/Unsupported Wait Until format.  Provided: 'tomorrow'"),
        ({"until": "2026-02-30"}, "Invalid/Unsupported Wait Until format.  Provided: '2026-02-30'"),
        ({"until": "2026-12-24 18:30 Mars/Base"}, "There is no time zone 'Mars/Base'"),
        ({"until": "2026-12-24 18:30 ../../etc/passwd"}, "There is no time zone '../../etc/passwd'"),
        ({"until": "2026-12-24 18:30 +99:00"}, "Invalid/Unsupported Wait Until format"),
        ({"until": 5}, "Invalid/Unsupported Wait Until format.  Provided: 5"),
        ({"duration": "4 fortnights"}, "Invalid duration.  Provided: '4 fortnights'"),
        ({"duration": "seconds"}, "Invalid duration"),
        ({"duration": "5"}, "Invalid duration"),
        ({"duration": 5}, "Invalid duration.  Provided: 5"),
        ({"duration": "9999999999 days"}, "Invalid duration.  It ends after the year 9999"),
        ({"duration": "99999999 days"}, "Invalid duration.  It ends after the year 9999"),
    ],
)
def test_what_is_no_time_fails_for_good(inputs: dict[str, object], reason: str) -> None:
    outcome = run(task_of("WAIT"), inputs, now_ms=NOW_MS)

    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith(reason)
    assert outcome.terminal


def test_an_expression_that_yields_nothing_counts_as_not_given() -> None:
    outcome = run(task_of("WAIT"), {"duration": None, "until": ""}, now_ms=NOW_MS)

    assert outcome == Wait(None, "waiting to be completed from outside")


def test_times_are_checked_where_they_are_known() -> None:
    assert rules(task_of("WAIT", inputParameters={"duration": "soon"})) == [
        ("wait-time", "inputParameters.duration", "error")
    ]
    assert rules(task_of("WAIT", inputParameters={"until": "2026-12-24 18:30 Mars/Base"})) == [
        ("wait-time", "inputParameters.until", "error")
    ]
    assert rules(task_of("WAIT", inputParameters={"duration": "${workflow.input.pause}"})) == []
    assert rules(task_of("WAIT", inputParameters={"duration": "1s", "until": "2027-01-01"})) == [
        ("wait-both", "inputParameters", "error")
    ]
