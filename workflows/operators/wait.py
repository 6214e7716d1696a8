"""The WAIT operator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from workflows.model import WorkflowTask
from workflows.operator import Done, Example, Failed, Finding, Operator, Outcome, Spec, Step, Wait, register


class WaitParameters(BaseModel):
    """The inputs of WAIT: one of them, or none."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", frozen=True)

    duration: str | None = Field(
        default=None,
        description="How long: `1 days 2 hours 3 minutes 4 seconds`, any of them, in this order.",
    )
    until: str | None = Field(
        default=None,
        description="Until when: `2027-01-31`, `2027-01-31 09:30`, with a zone behind it, or ISO 8601.",
    )


class WaitSpec(Spec):
    """The fields of WAIT."""

    input_parameters: WaitParameters = WaitParameters()


def _with(**inputs: str) -> dict[str, Any]:
    return {"name": "pause", "taskReferenceName": "pause", "type": "WAIT", "inputParameters": inputs}


_NOON = 1_767_268_800_000  # 2026-01-01 12:00 UTC
_BOTH = "Both 'duration' and 'until' specified. Please provide only one input"


@register
class WaitOperator(Operator):
    """Wait for a time, or for somebody.

    What it does:
        With `duration` it waits that long; with `until`, until that moment; a moment in the past is no wait.
        With neither it waits until it is completed from outside: by a signal or by an update of the task.
        With a time it can be completed from outside as well, sooner. No process is held meanwhile.

    When to use it:
        To send a reminder after three days, to ask again in ten seconds (in a DO_WHILE), to let a person
        decide.

    Fields:
        Units may be short: `d`, `h`, `hr`, `m`, `min`, `s`, `sec`. A moment without a time zone is UTC. Zones
        are names of the IANA database (`Europe/Berlin`, `UTC`) or offsets (`+02:00`); a date alone means its
        first minute.

    Output:
        `{}`, or what it was completed with from outside.
    """

    type = "WAIT"
    spec = WaitSpec
    instant = True
    ends_segment = True
    examples = (
        Example(
            "a duration",
            _with(duration="1 hour 30 seconds"),
            Wait(_NOON + 3_630_000, "waiting until 2026-01-01T13:00:30Z"),
            now_ms=_NOON,
        ),
        Example(
            "until a moment in a time zone",
            _with(until="2026-01-01 14:30 Europe/Berlin"),
            Wait(_NOON + 5_400_000, "waiting until 2026-01-01T13:30:00Z"),
            now_ms=_NOON,
        ),
        Example("until a moment that has passed", _with(until="2025-12-31"), Done({}), now_ms=_NOON),
        Example("for somebody", _with(), Wait(None, "waiting to be completed from outside"), now_ms=_NOON),
        Example("both", _with(duration="5s", until="2027-01-01"), Failed(_BOTH, terminal=True), now_ms=_NOON),
        Example(
            "no duration",
            _with(duration="soon"),
            Failed("Invalid duration.  Provided: 'soon'; write it as '2 hours 30 minutes'", terminal=True),
            now_ms=_NOON,
        ),
    )

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        duration, until = task.input_parameters.get("duration"), task.input_parameters.get("until")
        if duration and until:
            yield Finding(
                "inputParameters",
                "It has both a duration and an until.",
                "Take one of them out.",
                rule="wait-both",
            )
        for field, value, parse in (("duration", duration, _duration), ("until", until, _until)):
            if not isinstance(value, str) or not value.strip() or "${" in value:
                continue
            try:
                parse(value)
            except _Malformed as exc:
                yield Finding(
                    f"inputParameters.{field}", f"{exc.problem}: {value!r}.", exc.fix, rule="wait-time"
                )

    def run(self, step: Step) -> Outcome:
        # As in Conductor, an expression that yields nothing counts as not given.
        duration, until = step.input.get("duration") or "", step.input.get("until") or ""
        if duration and until:
            return Failed(_BOTH, terminal=True)
        try:
            if duration:
                until_ms = step.now_ms + _milliseconds(_duration(duration))
            elif until:
                until_ms = _milliseconds(_until(until) - _EPOCH)
            else:
                return Wait(None, "waiting to be completed from outside")
            moment = _EPOCH + timedelta(milliseconds=until_ms)
        except _Malformed as exc:
            return Failed(str(exc), terminal=True)
        except OverflowError:
            return Failed("Invalid duration.  It ends after the year 9999", terminal=True)
        if until_ms <= step.now_ms:
            return Done({})
        return Wait(until_ms, f"waiting until {moment.strftime('%Y-%m-%dT%H:%M:%SZ')}")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DURATION = re.compile(
    r"\s*(?:(\d+)\s*(?:days?|d))?\s*(?:(\d+)\s*(?:hours?|hrs?|h))?"
    r"\s*(?:(\d+)\s*(?:minutes?|mins?|m))?\s*(?:(\d+)\s*(?:seconds?|secs?|s))?\s*",
    re.IGNORECASE | re.ASCII,
)
_UNTIL = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[ ](\d{2}:\d{2})(?:[ ](\S+))?)?", re.ASCII)
_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2}):?(\d{2})?", re.ASCII)


class _Malformed(Exception):
    def __init__(self, problem: str, value: Any, fix: str) -> None:
        self.problem, self.fix = problem, fix[0].upper() + fix[1:] + "."
        super().__init__(f"{problem}.  Provided: {value!r}; {fix}")


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def _duration(text: Any) -> timedelta:
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not any(match.groups()):
        raise _Malformed("Invalid duration", text, "write it as '2 hours 30 minutes'")
    days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _until(text: Any) -> datetime:
    fix = "write it as '2027-01-31 09:30 Europe/Berlin'"
    problem = "Invalid/Unsupported Wait Until format"
    if not isinstance(text, str):
        raise _Malformed(problem, text, fix)
    match = _UNTIL.fullmatch(text.strip())
    try:
        if match is None:
            moment = datetime.fromisoformat(text.strip())
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        day, time, zone = match.groups()
        return datetime.fromisoformat(f"{day}T{time or '00:00'}").replace(tzinfo=_zone(zone, text))
    except ValueError:
        raise _Malformed(problem, text, fix) from None


def _zone(name: str | None, text: str) -> tzinfo:
    if name is None:
        return UTC
    offset = _OFFSET.fullmatch(name)
    if offset:
        sign, hours, minutes = offset.groups()
        span = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(-span if sign == "-" else span)
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # unknown, no name of a zone, or no name of a file
        fix = "take a name of the IANA database, such as America/New_York, or an offset"
        raise _Malformed(f"There is no time zone {name!r}", text, fix) from None
