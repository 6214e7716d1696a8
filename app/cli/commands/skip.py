"""`podium skip`."""

from __future__ import annotations

from typing import Any

import click

from app.cli.arguments import JsonValue
from app.cli.command import json_option, podium_command
from app.cli.connection import actor, connected
from app.cli.many import reason_option
from app.cli.output import plain, write, write_json


@podium_command(
    "skip",
    ("podium skip ID notify", "pass it over when the flow comes to it"),
    ("""podium skip ID rate --output '{"rate": 1.1}'""", "with the output that others read"),
)
@click.argument("execution_id", metavar="ID")
@click.argument("ref")
@click.option("--input", type=JsonValue(), help="What is shown as its input. Not given: {}.")
@click.option("--output", type=JsonValue(), help="Its output. Not given: {}.")
@reason_option()
@json_option()
def command(execution_id: str, ref: str, input: Any, output: Any, reason: str | None, as_json: bool) -> None:
    """Have a task that was not reached yet passed over.

    REF is the taskReferenceName; in a loop with its iteration, or without for the one that runs.
    """
    with connected() as podium:
        podium.skip_task(execution_id, ref, input=input, output=output, actor=actor(), reason=reason)
    if as_json:
        write_json({"workflowId": execution_id, "referenceTaskName": ref})
    else:
        write(plain(f"{ref} will be skipped"))
