"""`podium reset-callbacks`."""

from __future__ import annotations

import click

from app.cli.command import json_option, podium_command
from app.cli.connection import actor, connected
from app.cli.many import reason_option
from app.cli.output import plain, write, write_json


@podium_command(
    "reset-callbacks", ("podium reset-callbacks ID", "do not wait for the time that they asked for")
)
@click.argument("execution_id", metavar="ID")
@reason_option()
@json_option()
def command(execution_id: str, reason: str | None, as_json: bool) -> None:
    """Have worker tasks that asked to be called again later called now."""
    with connected() as podium:
        podium.reset_callbacks(execution_id, actor=actor(), reason=reason)
    if as_json:
        write_json({"workflowId": execution_id})
    else:
        write(plain(f"{execution_id}: its tasks are called again now"))
