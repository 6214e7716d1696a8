"""`podium up`."""

from __future__ import annotations

import dataclasses

import click

from app.cli.command import json_option, podium_command
from app.cli.output import plain, write_json
from app.supervisor import Addresses, run_up
from config.settings import current


@podium_command(
    "up",
    ("podium up", "all processes, state under .podium/"),
    ("podium up --concurrency 8 --no-flower", "eight tasks at once, no Flower"),
    (
        "PODIUM_BROKER_URL=redis://localhost/0 PODIUM_DATABASE_URL=postgresql://localhost/podium podium up",
        "your broker and your database",
    ),
)
@click.option(
    "--concurrency", type=click.IntRange(min=1), default=2, show_default=True, help="Tasks that run at once."
)
@click.option("--no-flower", is_flag=True, help="Without Flower.")
@click.option("--no-api", is_flag=True, help="Without the REST API.")
@click.option("--no-beat", is_flag=True, help="Without beat: another one must do timers and recovery.")
@click.option("--no-events", is_flag=True, help="Without 'podium events'.")
@json_option("Print one JSON document when all is ready; the processes' lines go to stderr.")
def command(
    concurrency: int, no_flower: bool, no_api: bool, no_beat: bool, no_events: bool, as_json: bool
) -> None:
    """Run broker, worker, beat, events, REST API and Flower together until Ctrl-C.

    The line that begins with 'podium | ready' says that all are healthy, and where they are. A process that
    dies is started again. Ctrl-C stops them in order; the state stays and the next start goes on with it.
    """

    def ready(addresses: Addresses) -> None:
        if as_json:
            write_json(dataclasses.asdict(addresses), lines=True)

    run_up(
        current(),
        worker_concurrency=concurrency,
        flower=not no_flower,
        api=not no_api,
        beat=not no_beat,
        events=not no_events,
        on_ready=ready,
        write=lambda line: click.echo(plain(line), err=as_json),
    )
