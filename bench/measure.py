"""Runs every workload on every system, round by round, and keeps what each run took."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bench.podium import PodiumPostgres
from bench.systems import Run, System
from bench.workloads import Workload

Tell = Callable[[str], None]
_WARM_STEPS = 200


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and greatest of some values."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


@dataclass(slots=True)
class Result:
    """All runs of one workload on one system, in the order of the rounds."""

    workload: Workload
    system: str
    runs: list[Run] = field(default_factory=list)
    commits_per_step: float | None = None
    """PostgreSQL: committed transactions, those that only read included."""

    @property
    def steps_per_second(self) -> Spread:
        return Spread.of([self.workload.all_steps / run.seconds for run in self.runs])

    @property
    def starts_per_second(self) -> Spread:
        return Spread.of([self.workload.executions / run.start_seconds for run in self.runs])

    @property
    def milliseconds_cpu_per_start(self) -> float:
        """CPU time of the starting process."""
        seconds = [run.start_cpu_seconds / self.workload.executions for run in self.runs]
        return statistics.median(seconds) * 1000

    @property
    def milliseconds_per_step(self) -> float:
        return 1000 / self.steps_per_second.median

    def per_step(self, counter: str) -> float | None:
        """The median of a counter for each step; None: the system has no such counter."""
        counts = [run.counts[counter] for run in self.runs if counter in run.counts]
        return statistics.median(counts) / self.workload.all_steps if counts else None

    def ratio(self, base: Result) -> Spread:
        """How many times as fast as `base`, each round compared with the same round."""
        pairs = zip(base.runs, self.runs, strict=True)
        return Spread.of([theirs.seconds / ours.seconds for theirs, ours in pairs])


def measure(
    systems: Sequence[System], workloads: Sequence[Workload], rounds: int, tell: Tell, thorough: bool = True
) -> list[Result]:
    """Run all workloads `rounds` times on all systems, alternating.

    thorough: count PostgreSQL's reading transactions too, which takes 10 s for each workload.

    Raises:
        BenchError: a run did not end, or ran a task twice.
    """
    _warm_up(systems, workloads, tell)
    postgres = next((system for system in systems if isinstance(system, PodiumPostgres)), None)
    count = CommitCount(postgres) if postgres is not None and thorough else None
    results: list[Result] = []
    for workload in workloads:
        able = [system for system in systems if system.can_run(workload)]
        found = {system.name: Result(workload, system.name) for system in able}
        for number in range(rounds):
            for system in _turned(able, number):
                tell(f"{workload.title}: round {number + 1} of {rounds}, {system.name}")
                found[system.name].runs.append(system.run(workload))
        if count is not None and able:
            tell(f"{workload.title}: waiting for PostgreSQL's statistics")
            commits = count.since_last() / (workload.all_steps * rounds)
            found[PodiumPostgres.name].commits_per_step = commits
        results.extend(found.values())
    return results


def starts_alone(systems: Sequence[System], workload: Workload, rounds: int, tell: Tell) -> dict[str, Spread]:
    """How many executions of a workload one process starts in a second before any worker runs, by system."""
    found: dict[str, list[float]] = {system.name: [] for system in systems}
    for number in range(rounds):
        for system in _turned(systems, number):
            tell(f"starts alone: round {number + 1} of {rounds}, {system.name}")
            found[system.name].append(system.starts_alone(workload))
    return {name: Spread.of(values) for name, values in found.items()}


def _warm_up(systems: Sequence[System], workloads: Sequence[Workload], tell: Tell) -> None:
    for system in systems:
        tell(f"waiting for the workers: {system.name}")
        for workload in workloads:
            if workload.steps <= _WARM_STEPS:
                # Twice, so that both processes of the pool have most likely had their first message.
                system.run(replace(workload, executions=min(workload.executions, 20)))
                system.run(replace(workload, executions=min(workload.executions, 20)))


def _turned(systems: Sequence[System], number: int) -> Iterator[System]:
    """Each round begins with another system, so that none always follows the same one."""
    by = number % max(1, len(systems))
    yield from (*systems[by:], *systems[:by])


class CommitCount:
    """PostgreSQL's count of commits, less what beat and heartbeats commit while nothing runs."""

    def __init__(self, system: PodiumPostgres) -> None:
        self._system = system
        before, began = system.commits(), time.monotonic()
        self._seen, self._at = system.commits(), time.monotonic()
        self._idle_rate = (self._seen - before) / (self._at - began)

    def since_last(self) -> float:
        """Commits since the last call, the idle ones taken away."""
        seen, at = self._system.commits(), time.monotonic()
        moved = seen - self._seen - self._idle_rate * (at - self._at)
        self._seen, self._at = seen, at
        return max(0.0, moved)
