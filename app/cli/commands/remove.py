"""`podium remove`."""

from __future__ import annotations

import click

from app.cli.command import json_option, podium_command
from app.cli.many import do, ids_argument, reason_option


@podium_command(
    "remove",
    ("podium remove ID", "for good"),
    ("podium remove ID --archive", "write it into the archive first"),
)
@ids_argument()
@click.option("--archive", is_flag=True, help="Write it into the archive first.")
@reason_option()
@json_option()
def command(execution_ids: tuple[str, ...], archive: bool, reason: str | None, as_json: bool) -> None:
    """Delete executions that have ended.

    With their sub-workflows, tasks and logs; their idempotency keys are free again.
    """
    do("remove", execution_ids, "is removed", as_json, reason=reason, archive=archive)
