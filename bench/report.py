"""What was measured, as tables for people and as JSON for programs."""

from __future__ import annotations

import dataclasses
import io
import os
import platform
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import psutil
import rich.box
from rich.console import Console
from rich.table import Table

from app import embedded
from bench.measure import Result, Spread
from bench.podium import PodiumPostgres, PodiumSqlite
from bench.systems import PlainCelery
from tests.servers import postgresql_bin

WIDTH = 150
_BEGIN, _END = "<!-- figures -->", "<!-- end of figures -->"
_SQLITE, _POSTGRESQL = PodiumSqlite.name, PodiumPostgres.name


@dataclass(frozen=True, slots=True)
class Aim:
    """Something that was promised: at least `wanted`, or at most when `ceiling` is set."""

    what: str
    system: str
    wanted: float
    measured: float
    unit: str = "x plain Celery"
    ceiling: bool = False

    @property
    def met(self) -> bool:
        return self.measured <= self.wanted if self.ceiling else self.measured >= self.wanted


_RATIOS = {
    ("sequential", _SQLITE): 5.0,
    ("sequential", _POSTGRESQL): 3.0,
    ("fork", _SQLITE): 3.0,
    ("fork", _POSTGRESQL): 1.5,
    ("sleeping_fork", _SQLITE): 1.0,
    ("sleeping_fork", _POSTGRESQL): 1.0,
}
_STARTS_PER_SECOND = 1000.0
_GROWTH = 1.25
"""Ten times the steps may take this many times ten times as long."""


def aims(results: Sequence[Result], alone: Mapping[str, Spread]) -> list[Aim]:
    """Compare the results with what was promised, as far as they were measured.

    alone: starts a second before any worker runs, by system.
    """
    by = {(result.workload.name, result.system): result for result in results}
    found = []
    for (workload, system), wanted in _RATIOS.items():
        base, own = by.get((workload, PlainCelery.name)), by.get((workload, system))
        if base is not None and own is not None:
            found.append(Aim(own.workload.title, system, wanted, own.ratio(base).median))
    for system in (_SQLITE, _POSTGRESQL):
        if system in alone:
            rate = alone[system].median
            found.append(Aim("starts by one process", system, _STARTS_PER_SECOND, rate, "a second"))
        found.extend(_growth(by.get(("chain_1000", system)), by.get(("chain_10000", system)), system))
    return found


def _growth(shorter: Result | None, longer: Result | None, system: str) -> Iterator[Aim]:
    if shorter is not None and longer is not None:
        growth = longer.milliseconds_per_step / shorter.milliseconds_per_step
        what = "a step of 10,000 against one of 1,000"
        yield Aim(what, system, _GROWTH, growth, "x the time", ceiling=True)


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    memory = psutil.virtual_memory().total / 2**30
    postgres = _first_line([str(postgresql_bin() / "postgres"), "--version"])
    return {
        "processor": f"{_processor()}, {psutil.cpu_count()} cores, {memory:.0f} GiB",
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {version(name)}" for name in ("celery", "kombu", "redis")),
        "broker": _first_line([embedded.find_binary(), "--version"]),
        "databases": f"SQLite {sqlite3.sqlite_version}, {postgres}",
        "load": f"{os.getloadavg()[0]:.1f} processes wanted a core before the first run",
    }


def table(results: Sequence[Result]) -> Table:
    """One row for each workload and system."""
    found = Table(title="steps a second; ratios are medians of the ratios within a round")
    for heading in ("workload", "system"):
        found.add_column(heading, no_wrap=True)
    for heading in ("steps/s", "min-max", "x", "ms CPU/step", "bytes/step", "writes/step", "commits/step"):
        found.add_column(heading, justify="right", no_wrap=True)
    last = None
    for result in results:
        first = result.workload is not last
        if first and last is not None:
            found.add_section()
        found.add_row(result.workload.title if first else "", *_cells(result, results))
        last = result.workload
    return found


def starts_table(results: Sequence[Result], alone: Mapping[str, Spread]) -> Table:
    """How fast one process starts executions: alone on the machine, and while the workers run them."""
    found = Table(
        title="starts a second by one process: alone, and while the workers work", title_justify="left"
    )
    found.add_column("system", no_wrap=True)
    for heading in ("alone", "min-max", "beside workers", "min-max", "ms CPU/start"):
        found.add_column(heading, justify="right")
    for result in results:
        if result.workload.name == "start":
            spread, beside = alone[result.system], result.starts_per_second
            cpu = f"{result.milliseconds_cpu_per_start:.2f}"
            figures = (f"{spread.median:,.0f}", _range(spread), f"{beside.median:,.0f}", _range(beside), cpu)
            found.add_row(result.system, *figures)
    return found


def aims_table(found: Sequence[Aim]) -> Table:
    """What was promised, and what is."""
    rows = Table(title="aims")
    for heading in ("what", "system", "aim", "measured", ""):
        rows.add_column(heading, no_wrap=True)
    for aim in found:
        bound = "at most" if aim.ceiling else "at least"
        measured = f"{aim.measured:,.2f}" if aim.measured < 100 else f"{aim.measured:,.0f}"
        met = "[green]met" if aim.met else "[red]missed"
        rows.add_row(aim.what, aim.system, f"{bound} {aim.wanted:,.4g} {aim.unit}", measured, met)
    return rows


def as_text(machine: Mapping[str, str], tables: Sequence[Table]) -> str:
    """The machine and the tables as plain text, for a page of the documentation."""
    console = Console(width=WIDTH, record=True, file=io.StringIO())
    for name, value in machine.items():
        console.print(f"{name:<10} {value}", highlight=False, soft_wrap=True)
    for each in tables:
        each.box = rich.box.ASCII2
        console.print(each)
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


def written_into(page: str, text: str) -> str:
    """The page with the text in place of what stood between its two marks.

    Raises:
        ValueError: the page has no such marks.
    """
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the page has no {_BEGIN} with a {_END} below it")
    return f"{before}{begin}\n\n```text\n{text}\n```\n\n{end}{after}"


def as_json(
    machine: Mapping[str, str],
    results: Sequence[Result],
    alone: Mapping[str, Spread],
    found: Sequence[Aim],
) -> dict[str, Any]:
    """Everything that was measured, each run too. Times are seconds."""
    return {
        "machine": dict(machine),
        "results": [
            {
                "workload": result.workload.name,
                "system": result.system,
                "steps": result.workload.steps,
                "executions": result.workload.executions,
                "steps_per_second": dataclasses.asdict(result.steps_per_second),
                "starts_per_second": dataclasses.asdict(result.starts_per_second),
                "commits_per_step": result.commits_per_step,
                "runs": [dataclasses.asdict(run) for run in result.runs],
            }
            for result in results
        ],
        "starts_alone": {name: dataclasses.asdict(spread) for name, spread in alone.items()},
        "aims": [{**dataclasses.asdict(aim), "met": aim.met} for aim in found],
    }


def _cells(result: Result, results: Sequence[Result]) -> Iterator[str]:
    workload, spread = result.workload, result.steps_per_second
    plain = [r for r in results if r.workload is workload and r.system == PlainCelery.name]
    cpu, bytes_, writes = (result.per_step(name) for name in ("cpu", "bytes", "writes"))
    yield result.system
    yield f"{spread.median:,.0f}"
    yield _range(spread)
    yield f"{result.ratio(plain[0]).median:.2f}" if plain else ""
    yield "" if cpu is None else f"{cpu * 1000:.2f}"
    yield "" if bytes_ is None else f"{bytes_:,.0f}"
    yield "" if writes is None else f"{writes:.2f}"
    yield "" if result.commits_per_step is None else f"{result.commits_per_step:.2f}"


def _range(spread: Spread) -> str:
    return f"{spread.least:,.0f}-{spread.greatest:,.0f}"


def _first_line(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.partition(": ")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
