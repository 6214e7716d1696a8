"""Where the time goes: one workload on one system, in a worker of one process, function by function."""

from __future__ import annotations

import cProfile
import pstats
import sysconfig
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from bench.profiled import VARIABLE
from bench.stage import prepared
from bench.workloads import Workload

ROWS = 45


class Function(NamedTuple):
    """One function; seconds, what it calls included and not."""

    name: str
    calls: int
    own: float
    total: float


def profile(workload: Workload, system_name: str) -> Iterator[Table]:
    """Run a workload in a solo worker under cProfile; a table of the worker, then one of the starter.

    Profiling about doubles the times; sizes relative to each other are what counts.

    Raises:
        BenchError: the run did not end.
    """
    with prepared([system_name], [workload]) as (system,):
        file = system.folder / "worker.prof"
        system.spawn({VARIABLE: str(file)}, ("--pool=solo", "--include=bench.profiled"))
        starter = cProfile.Profile()
        system.run(replace(workload, executions=1))
        system.run(workload, starting=starter)
        system.stop_processes()
        yield _table(
            f"{system.name}: the worker, us for each step", pstats.Stats(str(file)), workload.all_steps
        )
        title = f"{system.name}: the starter, us for each execution"
        yield _table(title, pstats.Stats(starter), workload.executions)


def _functions(stats: pstats.Stats) -> list[Function]:
    entries: dict[tuple[str, int, str], Any] = stats.stats  # type: ignore[attr-defined]
    return [
        Function(_place(*where), calls, own, total)
        for where, (_, calls, own, total, _callers) in entries.items()
    ]


def _place(file: str, line: int, name: str) -> str:
    if file == "~":
        return name.strip("<>")
    for root in (sysconfig.get_path("purelib"), sysconfig.get_path("stdlib"), str(Path.cwd())):
        file = file.removeprefix(root + "/")
    return f"{file}:{line} {name}"


def _table(title: str, stats: pstats.Stats, count: int) -> Table:
    found = Table(title=title)
    found.add_column("function", no_wrap=True)
    for heading in ("calls", "own", "with calls"):
        found.add_column(heading, justify="right")
    functions = _functions(stats)
    most_own = sorted(functions, key=lambda one: one.own, reverse=True)[:ROWS]
    most = sorted(functions, key=lambda one: one.total, reverse=True)[:ROWS]
    for rows in (most, most_own):
        for one in rows:
            cells = (
                f"{one.calls / count:.2f}",
                f"{one.own / count * 1e6:.1f}",
                f"{one.total / count * 1e6:.1f}",
            )
            found.add_row(one.name, *cells)
        found.add_section()
    return found
