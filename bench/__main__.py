"""`python -m bench`: measure, or show where the time goes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench import report
from bench.measure import Result, Spread, measure, starts_alone
from bench.podium import PodiumSystem
from bench.profiling import profile
from bench.stage import SYSTEMS, prepared
from bench.systems import BenchError
from bench.timers import PENDING, measure_timers
from bench.timers import table as timers_table
from bench.workloads import WORKLOADS, Workload

ROUNDS = 5
_BY_NAME = {workload.name: workload for workload in WORKLOADS}
_WORKLOAD = click.Choice(list(_BY_NAME))
_SYSTEM = click.Choice(list(SYSTEMS))


@click.command(context_settings={"max_content_width": 100})
@click.option("--only", type=_WORKLOAD, multiple=True, help="Run this workload; may be given several times.")
@click.option("--on", type=_SYSTEM, multiple=True, help="Run on this system; may be given several times.")
@click.option("--rounds", type=click.IntRange(1), default=ROUNDS, show_default=True, help="Runs of each.")
@click.option("--quick", is_flag=True, help="One round of small sizes: shows that it works, no figures.")
@click.option("--profile", "profiled", type=_WORKLOAD, help="Show where this workload's time goes instead.")
@click.option("--timers", is_flag=True, help="Measure how late 1,000 timers fire instead.")
@click.option("--into", type=click.Path(exists=True, path_type=Path), help="Write the tables into this page.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all figures here too.")
def main(
    only: tuple[str, ...],
    on: tuple[str, ...],
    rounds: int,
    quick: bool,
    profiled: str | None,
    timers: bool,
    into: Path | None,
    json_file: Path | None,
) -> None:
    """Measure Podium against plain Celery: same tasks, same kind of broker, side by side in one run.

    \b
    python -m bench                                  everything, 15 minutes on an idle machine
    python -m bench --only fork --rounds 3           one workload
    python -m bench --profile sequential --on sqlite where a step's time goes
    python -m bench --timers                         how late a WAIT and a retry of a second are
    """
    console, progress = Console(width=None if sys.stdout.isatty() else report.WIDTH), Console(stderr=True)
    chosen = [_BY_NAME[name] for name in (only or _BY_NAME)]
    workloads = [workload.small() for workload in chosen] if quick else chosen
    machine = report.machine()
    if into is not None:
        _check_page(into)
    try:
        if profiled is not None:
            for table in profile(_BY_NAME[profiled], on[0] if on else "sqlite"):
                console.print(table)
            return
        if timers:
            names = [n for n in (on or SYSTEMS) if issubclass(SYSTEMS[n], PodiumSystem)]
            found_late = measure_timers(names, 50 if quick else PENDING, progress.print)
            for name, value in machine.items():
                console.print(f"{name:<10} {value}", highlight=False, soft_wrap=True)
            console.print(timers_table(found_late))
            return
        results, alone = _measure(on or tuple(SYSTEMS), workloads, 1 if quick else rounds, quick, progress)
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    found = [] if quick else report.aims(results, alone)
    tables = _tables(results, alone, found)
    for name, value in machine.items():
        console.print(f"{name:<10} {value}", highlight=False, soft_wrap=True)
    for table in tables:
        console.print(table)
    if into is not None:
        page = report.written_into(into.read_text(encoding="utf-8"), report.as_text(machine, tables))
        into.write_text(page, encoding="utf-8")
    if json_file is not None:
        figures = report.as_json(machine, results, alone, found)
        json_file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _check_page(page: Path) -> None:
    """Fail before the measuring and not after it."""
    try:
        report.written_into(page.read_text(encoding="utf-8"), "")
    except ValueError as error:
        raise click.ClickException(f"{page}: {error}") from error


def _measure(
    names: tuple[str, ...], workloads: list[Workload], rounds: int, quick: bool, progress: Console
) -> tuple[list[Result], dict[str, Spread]]:
    alone: dict[str, Spread] = {}
    with progress.status("starting") as status, prepared(names, workloads) as systems:
        starts = next((workload for workload in workloads if workload.name == "start"), None)
        if starts is not None:
            alone = starts_alone(systems, starts, rounds, status.update)
        for system in systems:
            system.spawn()
        if starts is not None:
            for system in systems:
                status.update(f"waiting until all of these have ended: {system.name}")
                system.catch_up(starts, rounds)
        return measure(systems, workloads, rounds, status.update, thorough=not quick), alone


def _tables(results: list[Result], alone: dict[str, Spread], found: list[report.Aim]) -> list[Table]:
    tables = [report.table(results)]
    if alone:
        tables.append(report.starts_table(results, alone))
    if found:
        tables.append(report.aims_table(found))
    return tables


if __name__ == "__main__":
    main()
