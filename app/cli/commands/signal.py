"""`podium signal`."""

from __future__ import annotations

from typing import Any

import click

from app.cli.arguments import JsonValue
from app.cli.command import json_option, podium_command
from app.cli.connection import actor, connected
from app.cli.output import plain, write, write_json

_STATUS = click.Choice(["COMPLETED", "FAILED", "FAILED_WITH_TERMINAL_ERROR"])


@podium_command(
    "signal",
    ("""podium signal ID --output '{"approved": true}'""", "whatever it waits at, also in a sub-workflow"),
)
@click.argument("execution_id", metavar="ID")
@click.option("--status", type=_STATUS, default="COMPLETED", show_default=True, help="How the task ends.")
@click.option("--output", type=JsonValue(), help="The task's output, a JSON object. Not given: {}.")
@json_option()
def command(execution_id: str, status: str, output: Any, as_json: bool) -> None:
    """End the first task that waits, in an execution or in its sub-workflows."""
    with connected() as podium:
        podium.signal(execution_id, status, output, actor=actor())
    if as_json:
        write_json({"workflowId": execution_id, "status": status})
    else:
        write(plain(f"{execution_id} goes on"))
