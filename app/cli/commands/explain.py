"""`podium explain`."""

from __future__ import annotations

import click

from app.cli.command import json_option, podium_command
from app.cli.connection import connected
from app.cli.output import plain, write, write_json


@podium_command("explain", ("podium explain ID", "such as: review waits for a signal"))
@click.argument("execution_id", metavar="ID")
@json_option()
def command(execution_id: str, as_json: bool) -> None:
    """Say in a sentence what an execution waits for, or how it ended."""
    with connected() as podium:
        explanation = podium.execution(execution_id).explain()
    if as_json:
        write_json({"workflowId": execution_id, "explanation": explanation})
    else:
        write(plain(explanation))
