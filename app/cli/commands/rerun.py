"""`podium rerun`."""

from __future__ import annotations

from typing import Any

import click

from app.cli.arguments import JsonValue
from app.cli.command import json_option, podium_command
from app.cli.connection import actor, connected
from app.cli.many import reason_option
from app.cli.output import plain, write, write_json


@podium_command(
    "rerun",
    ("podium rerun ID --from charge", "that task and all that followed from it"),
    (
        "podium rerun ID --from charge__2 --input @fixed.json",
        "in the second iteration of a loop, with another input",
    ),
    ("podium rerun ID", "from the start"),
)
@click.argument("execution_id", metavar="ID")
@click.option(
    "--from",
    "task",
    metavar="REF",
    help="The task's reference, or the id of an attempt. Not given: the start.",
)
@click.option("--input", type=JsonValue(), help="Another input of the task, or without one of the execution.")
@click.option("--correlation-id", help="Another one; without --from only.")
@reason_option()
@json_option()
def command(
    execution_id: str,
    task: str | None,
    input: Any,
    correlation_id: str | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """Do an execution that has ended again from a task on.

    REF is the taskReferenceName; in a loop with its iteration, or without for the latest.
    """
    with connected() as podium:
        podium.rerun(
            execution_id, task, input=input, correlation_id=correlation_id, actor=actor(), reason=reason
        )
    if as_json:
        write_json({"workflowId": execution_id})
    else:
        write(plain(f"{execution_id} runs again from {task or 'its start'}"))
