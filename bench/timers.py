"""How late timers fire: a WAIT of a second and a retry after a second, many of them pending at one time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import rich.box
from rich.table import Table

from bench.podium import PodiumSystem
from bench.stage import prepared
from bench.systems import BenchError
from bench.tasks import SECOND
from bench.workloads import Workload

PENDING = 1_000
AIM_MS = 250
_SECOND_MS = 1_000
_POLL_SECONDS = 0.05
_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Timer:
    """One kind of timer. `late`: a query for how many milliseconds after its time each of them was acted on."""

    name: str
    title: str
    task: dict[str, Any]
    late: str

    @property
    def definition(self) -> dict[str, Any]:
        return {"name": self.name, "version": 1, "tasks": [self.task]}


TIMERS = (
    Timer(
        "wait_1s",
        "WAIT of 1 s: until it is completed",
        {
            "name": "wait",
            "taskReferenceName": "wait",
            "type": "WAIT",
            "inputParameters": {"duration": "1 seconds"},
        },
        f"SELECT ended - scheduled - {_SECOND_MS} FROM task WHERE name = 'wait' AND ended IS NOT NULL",
    ),
    Timer(
        "retry_1s",
        "retry after 1 s: until a worker has begun it",
        {"name": SECOND, "taskReferenceName": "second", "type": "SIMPLE"},
        f"""
        SELECT again.started - first.ended - {_SECOND_MS} FROM task AS again
        JOIN task AS first ON first.id = again.retried_id
        WHERE again.name = '{SECOND}' AND again.ended IS NOT NULL
        """,
    ),
)
PACES = ((50, "50 in a second"), (0, "all at once"))
"""Executions started in a second (0: as fast as one process can), and what people read."""
_BACKGROUND = {
    "name": "wait_1h",
    "version": 1,
    "tasks": [
        {
            "name": "hour",
            "taskReferenceName": "hour",
            "type": "WAIT",
            "inputParameters": {"duration": "1 hours"},
        }
    ],
}
_RETRY = {"name": SECOND, "retryCount": 1, "retryDelaySeconds": 1}


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late the timers of a kind were on a system, in milliseconds."""

    system: str
    timer: str
    late: Sequence[int]

    pace: str

    def at(self, percent: float) -> int:
        ordered = sorted(self.late)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def measure_timers(names: Sequence[str], pending: int, tell: Callable[[str], None]) -> list[Lateness]:
    """Let `pending` timers of each kind run on each system, with its worker and its beat.

    Raises:
        BenchError: they did not all fire in time.
    """
    found = []
    workloads: list[Workload] = []
    with prepared(names, workloads) as systems:
        for system in systems:
            assert isinstance(system, PodiumSystem)
            system.register_timers([_BACKGROUND, *(timer.definition for timer in TIMERS)], [_RETRY])
            system.spawn()
            # So many are pending all the time.
            system.start_many("wait_1h", pending)
            for timer in TIMERS:
                # Once before, so that every process has had its first message.
                seen = _fire(system, timer, 20, 0, 0)
                for pace, title in PACES:
                    tell(f"{timer.title}, {title}: {system.name}")
                    late = _fire(system, timer, pending, pace, len(seen))
                    found.append(Lateness(system.name, timer.title, _without(late, seen), title))
                    seen = late
            system.stop_processes()
    return found


def _without(late: list[int], seen: list[int]) -> list[int]:
    left = Counter(late)
    left.subtract(seen)
    return sorted(left.elements())


def _fire(system: PodiumSystem, timer: Timer, count: int, pace: int, before: int) -> list[int]:
    system.start_many(timer.name, count, pace)
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while len(late := system.numbers(f"{timer.late} ORDER BY 1")) < before + count:
        if time.monotonic() > deadline:
            raise BenchError(f"{system.name}: {len(late) - before} of {count} timers fired in time")
        time.sleep(_POLL_SECONDS)
    return late


def table(found: Sequence[Lateness]) -> Table:
    """The figures, in milliseconds."""
    shown = Table(title="How late timers fire (ms)", box=rich.box.SIMPLE_HEAD)
    for column in ("timer", "system", "timers", "due", "median", "99 %", "most", f"99 % under {AIM_MS}"):
        shown.add_column(column, justify="left" if column in ("timer", "system", "due") else "right")
    for one in found:
        met = "yes" if one.at(99) < AIM_MS else "NO"
        values = [one.at(50), one.at(99), max(one.late)]
        shown.add_row(one.timer, one.system, f"{len(one.late):,}", one.pace, *map(str, values), met)
    return shown
