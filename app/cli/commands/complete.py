"""`podium complete`."""

from __future__ import annotations

from typing import Any

import click

from app.cli.arguments import JsonValue
from app.cli.command import json_option, podium_command
from app.cli.connection import actor, connected
from app.cli.output import plain, write, write_json


@podium_command(
    "complete",
    ("""podium complete ID review --output '{"decision": "approve"}'""", "the signal that a WAIT waits for"),
    ("podium complete ID approve__2 --output @answer.json", "the second iteration of a loop"),
)
@click.argument("execution_id", metavar="ID")
@click.argument("ref")
@click.option("--output", type=JsonValue(), help="The task's output, a JSON object. Not given: {}.")
@json_option()
def command(execution_id: str, ref: str, output: Any, as_json: bool) -> None:
    """Complete a task that waits, with an output.

    The flow goes on. REF is the taskReferenceName; in a loop with its iteration, or without for the latest that is open.
    """
    with connected() as podium:
        podium.complete_task(execution_id, ref, output, actor=actor())
    if as_json:
        write_json({"workflowId": execution_id, "referenceTaskName": ref, "status": "COMPLETED"})
    else:
        write(plain(f"{ref} is completed"))
