"""How executions of a definition went in the last day: how many, how long, what failed, what is slow."""

from __future__ import annotations

from dataclasses import dataclass

from app.runtime.engine import Engine
from app.store import figures
from app.store.figures import Run, TaskFigures
from app.store.ids import first_id
from app.store.unit_of_work import Session
from workflows.status import WorkflowStatus

HOUR_MS = 3_600_000
DAY_HOURS = 24
LATEST = 100
"""Executions whose tasks are looked at."""
GLANCED = 200
"""Executions of each definition that a list of definitions looks at."""
_BAD = (WorkflowStatus.FAILED, WorkflowStatus.TIMED_OUT)


@dataclass(frozen=True, slots=True)
class Glance:
    """The last day of a definition in a line of a list."""

    runs: int
    failed: int
    running: int
    capped: bool
    """There were more; the figures are those of the newest `GLANCED`."""
    p50: int | None
    """Milliseconds that half of those that completed took at most."""


@dataclass(frozen=True, slots=True)
class Hour:
    """Executions that started in one hour. Times are milliseconds since the epoch (UTC)."""

    begin: int
    completed: int
    failed: int
    other: int
    capped: bool


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The last day of a definition; durations in milliseconds."""

    runs: int
    capped: bool
    """At least so many."""
    failed: int
    ended: int
    measured: int
    """Executions from which the durations are."""
    p50: int | None
    p95: int | None
    hours: tuple[Hour, ...]
    durations: tuple[tuple[int, int, str], ...]
    """(created, duration, status) of the newest that have ended, the oldest first."""
    tasks: tuple[TaskFigures, ...]
    """Of the newest `LATEST` executions; the slowest first."""


def glance(session: Session, name: str, now: int) -> Glance:
    """The last day of a definition, quickly."""
    found = figures.runs(session, name, first_id(now - DAY_HOURS * HOUR_MS), GLANCED)
    return Glance(
        runs=len(found),
        failed=sum(run.status in _BAD for run in found),
        running=sum(run.ended is None for run in found),
        capped=len(found) == GLANCED,
        p50=_percentile(_durations(found), 50),
    )


def day_figures(engine: Engine, name: str) -> DayFigures:
    """The last day of all versions of a definition; of an unknown one: nothing ran."""
    now = engine.clock()
    since = first_id(now - DAY_HOURS * HOUR_MS)

    def work(session: Session) -> DayFigures:
        hours = tuple(_hour(session, name, begin) for begin in _hours(now))
        found = figures.runs(session, name, since)
        took = _durations(found)
        ended = [run for run in found if run.ended is not None]
        tasks = figures.by_task(session, figures.latest_ids(session, name, since, LATEST))
        return DayFigures(
            runs=sum(hour.completed + hour.failed + hour.other for hour in hours),
            capped=any(hour.capped for hour in hours),
            failed=sum(hour.failed for hour in hours),
            ended=sum(hour.failed + hour.completed for hour in hours),
            measured=len(took),
            p50=_percentile(took, 50),
            p95=_percentile(took, 95),
            hours=hours,
            durations=tuple(
                (run.created, run.ended - run.created, run.status)
                for run in reversed(ended[:200])
                if run.ended is not None
            ),
            tasks=tuple(sorted(tasks, key=lambda one: -(one.mean or 0))),
        )

    return engine.store.read(work)


def _hours(now: int) -> list[int]:
    last = now - now % HOUR_MS
    return [last - number * HOUR_MS for number in range(DAY_HOURS - 1, -1, -1)]


def _hour(session: Session, name: str, begin: int) -> Hour:
    counts = figures.statuses(session, name, first_id(begin), first_id(begin + HOUR_MS))
    completed = counts.get(WorkflowStatus.COMPLETED, 0)
    failed = sum(counts.get(status, 0) for status in _BAD)
    total = sum(counts.values())
    return Hour(begin, completed, failed, total - completed - failed, total == figures.HOUR_SEEN)


def _durations(found: list[Run]) -> list[int]:
    completed = (run for run in found if run.status == WorkflowStatus.COMPLETED and run.ended is not None)
    return sorted(run.ended - run.created for run in completed if run.ended is not None)


def _percentile(ordered: list[int], percent: int) -> int | None:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else None
