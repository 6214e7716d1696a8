"""`podium prune`."""

from __future__ import annotations

import time

import click

from app.cli.arguments import Moment
from app.cli.command import json_option, podium_command
from app.cli.connection import actor, connected
from app.cli.output import plain, write, write_json

_ENDED = click.Choice(["COMPLETED", "FAILED", "TIMED_OUT", "TERMINATED"])


@podium_command(
    "prune",
    ("podium prune --before 30d --dry-run", "how many ended more than 30 days ago"),
    ("podium prune --before 7d --status COMPLETED --archive", "write them into the archive and remove them"),
)
@click.option(
    "--before", "ended", type=Moment(), required=True, help="Those that ended before: 30d ago, or a date."
)
@click.option(
    "--status", "statuses", type=_ENDED, multiple=True, help="Of this status; may be given several times."
)
@click.option("--definition", "name", help="Of this workflow.")
@click.option("--archive", is_flag=True, help="Write them into the archive first.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--limit", type=click.IntRange(1), help="At most so many, without sub-workflows.")
@json_option()
def command(
    ended: int,
    statuses: tuple[str, ...],
    name: str | None,
    archive: bool,
    dry_run: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    """Remove executions that ended long ago, in small batches.

    Sub-workflows go with the execution that they are a part of. Without --definition payloads that clients brought go
    as well, PODIUM_PAYLOAD_CLIENTS_SECONDS old. Beat does the same, with executions when PODIUM_RETENTION_SECONDS is
    set.
    """
    options = {"statuses": statuses} if statuses else {}
    with connected() as podium:
        done = podium.prune(
            max(0.0, time.time() - ended / 1000),
            name=name,
            archive=archive,
            dry_run=dry_run,
            limit=limit,
            actor=actor(),
            **options,
        )
    if as_json:
        write_json(
            {
                "executions": done.executions,
                "files": done.files,
                "payloads": done.payloads,
                "dryRun": dry_run,
            }
        )
        return
    were = "would be" if dry_run else "were"
    write(f"{done.executions:,} executions {were} removed")
    if done.payloads:
        write(f"{done.payloads:,} payloads that clients brought {were} deleted")
    for file in done.files:
        write(plain(file))
