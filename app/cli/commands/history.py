"""`podium history`."""

from __future__ import annotations

import click

from app.cli.command import json_option, podium_command
from app.cli.connection import connected
from app.cli.output import show, write_json


@podium_command(
    "history",
    ("podium history ID", "what happened, in the order of time"),
    ("podium history ID --after 1000", "the next page"),
)
@click.argument("execution_id", metavar="ID")
@click.option("--after", type=click.IntRange(0), default=0, help="Number of the last one of the page before.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=1000, show_default=True, help="At most so many."
)
@json_option()
def command(execution_id: str, after: int, limit: int, as_json: bool) -> None:
    """Show every transition of an execution and its tasks, with its time and who made it."""
    with connected() as podium:
        found = podium.history(execution_id, after=after, limit=limit)
    if as_json:
        write_json(
            [
                {
                    "number": each.number,
                    "time": each.at,
                    "what": each.what,
                    "referenceTaskName": each.ref,
                    "retryCount": each.attempt,
                    "actor": each.actor,
                    "reason": each.reason,
                }
                for each in found
            ]
        )
        return
    from app.cli.render import clock, moment, status_text, table, text

    shown = table("#", "time", "what", "task", "attempt", "by", "reason", right=("#", "attempt"))
    for each in found:
        attempt = "" if each.attempt is None else str(each.attempt)
        time = f"{moment(each.at)}{clock(each.at)[-4:]}"
        shown.add_row(
            str(each.number),
            time,
            status_text(each.what),
            text(each.ref),
            attempt,
            text(each.actor),
            text(each.reason),
        )
    show(shown)
