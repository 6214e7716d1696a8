"""`python -m bench.soak --minutes 30`: everything at once, for a while; then it must all be right."""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from sqlalchemy import Engine

from app.client import Podium
from bench.report import machine
from bench.soak import check, report
from bench.soak.definitions import DEFINITIONS, TASK_DEFS
from bench.soak.fleet import Fleet, settings_for
from bench.soak.operators import Operators
from bench.soak.work import runs
from config.database import create_engine
from tests.servers import Postgres

_OPEN = 40
_SAMPLE_SECONDS = 5.0
_READY_SECONDS = 20.0
"""Until then the processes come up, and their memory tells nothing."""
_DRAIN_SECONDS = 600.0


@click.command(context_settings={"max_content_width": 100})
@click.option("--minutes", type=click.FloatRange(0.1), default=30.0, show_default=True, help="How long.")
@click.option("--on", type=click.Choice(["postgresql", "sqlite"]), default="postgresql", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Of what is done at random.")
@click.option("--calm", is_flag=True, help="Kill nothing.")
@click.option(
    "--into", type=click.Path(exists=True, path_type=Path), help="Write the figures into this page."
)
def main(minutes: float, on: str, seed: int, calm: bool, into: Path | None) -> None:
    """Run mixed executions while people do anything to them and processes are killed at random.

    At the end all that was stopped is taken up again, and everything must have completed: nothing stuck, nothing
    twice, nothing missing.
    """
    folder = Path(tempfile.mkdtemp(prefix="podium-soak-"))
    postgres = Postgres.start() if on == "postgresql" else None
    settings = settings_for(folder, postgres.create("soak") if postgres else None)
    pick = random.Random(seed)
    fleet = Fleet(settings, pick)
    database = create_engine(settings)
    try:
        with Podium(settings) as podium:
            runs.create(database)
            documents = [definition.to_json() for definition in DEFINITIONS.values()]
            podium.register({"taskDefs": TASK_DEFS, "workflows": documents})
            fleet.start()
            people = Operators(podium, pick)
            began = time.monotonic()
            _go_on(fleet, people, database, 60 * minutes, calm, pick)
            _drain(fleet, people, database)
            found = list(check.problems(database))
            took = time.monotonic() - began
        text = report.text(machine(), minutes, on, took, fleet, people, check.counts(database), found)
    finally:
        database.dispose()
        fleet.stop()
        if postgres:
            postgres.stop()
    print(text)
    if into is not None:
        report.write(into, text)
    if found:
        Console(stderr=True).print(f"the processes' log: {folder / 'processes.log'}", soft_wrap=True)
        sys.exit(1)
    shutil.rmtree(folder)


def _go_on(
    fleet: Fleet, people: Operators, database: Engine, seconds: float, calm: bool, pick: random.Random
) -> None:
    began, sampled, killed, told = time.monotonic(), 0.0, 0.0, 0.0
    while (now := time.monotonic()) - began < seconds:
        for name in fleet.ended():
            raise click.ClickException(f"{name}; see processes.log")
        if check.open_executions(database, paused=False) < _OPEN:
            people.start()
        people.act()
        people.act()
        if pick.random() < 0.2:
            people.answer(check.waiting_people(database)[:3])
        if not calm and now - killed > 4 and pick.random() < 0.1:
            killed = now
            fleet.disturb()
        fleet.repair()
        if now - sampled > _SAMPLE_SECONDS and now - began > _READY_SECONDS:
            sampled = now
            fleet.measure()
        if now - told > 60:
            told = now
            print(
                f"{(now - began) / 60:.0f} min, {people.started} started, {dict(fleet.kills)}",
                file=sys.stderr,
            )
        time.sleep(pick.uniform(0.1, 0.4))


def _drain(fleet: Fleet, people: Operators, database: Engine) -> None:
    """Take up all that was stopped, answer for all people, and wait until everything has ended."""
    fleet.repair(at_once=True)
    deadline = time.monotonic() + _DRAIN_SECONDS
    while time.monotonic() < deadline:
        for id, status in check.stopped(database):
            people.take_up(id, status)
        people.answer(check.waiting_people(database))
        if not check.open_executions(database) and not check.stopped(database):
            break
        fleet.measure()
        time.sleep(0.5)


if __name__ == "__main__":
    main()
