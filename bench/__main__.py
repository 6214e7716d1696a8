"""`python -m bench`: measure, or show where the time goes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console

from bench import report
from bench.measure import Result, measure
from bench.profiling import profile
from bench.stage import SYSTEMS, running
from bench.systems import BenchError
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
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all figures here too.")
def main(
    only: tuple[str, ...],
    on: tuple[str, ...],
    rounds: int,
    quick: bool,
    profiled: str | None,
    json_file: Path | None,
) -> None:
    """Measure Podium against plain Celery: same tasks, same kind of broker, side by side in one run.

    \b
    python -m bench                                  everything, some 15 minutes
    python -m bench --only fork --rounds 3           one workload
    python -m bench --profile sequential --on sqlite where a step's time goes
    """
    console, progress = Console(width=None if sys.stdout.isatty() else 150), Console(stderr=True)
    chosen = [_BY_NAME[name] for name in (only or _BY_NAME)]
    workloads = [workload.small() for workload in chosen] if quick else chosen
    try:
        if profiled is not None:
            for table in profile(_BY_NAME[profiled], on[0] if on else "sqlite"):
                console.print(table)
            return
        results = _measure(on or tuple(SYSTEMS), workloads, 1 if quick else rounds, quick, progress)
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    found = [] if quick else report.aims(results)
    _print(console, results, found)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(results, found), indent=1) + "\n", encoding="utf-8")


def _measure(
    names: tuple[str, ...], workloads: list[Workload], rounds: int, quick: bool, progress: Console
) -> list[Result]:
    with progress.status("starting") as status, running(names, workloads) as systems:
        return measure(systems, workloads, rounds, status.update, thorough=not quick)


def _print(console: Console, results: list[Result], found: list[report.Aim]) -> None:
    for name, value in report.machine().items():
        console.print(f"{name:<10} {value}", highlight=False, soft_wrap=True)
    console.print(report.table(results))
    if any(result.workload.name == "start" for result in results):
        console.print(report.starts_table(results))
    if found:
        console.print(report.aims_table(found))


if __name__ == "__main__":
    main()
