"""`podium fail`."""

from __future__ import annotations

import click

from app.cli.command import json_option, podium_command
from app.cli.connection import actor, connected
from app.cli.output import plain, write, write_json


@podium_command(
    "fail",
    ("podium fail ID charge --reason 'the bank is closed'", "this attempt; it may be retried"),
    ("podium fail ID charge --reason 'no such card' --terminal", "for good"),
)
@click.argument("execution_id", metavar="ID")
@click.argument("ref")
@click.option("--reason", required=True, help="What is recorded as the reason.")
@click.option("--terminal", is_flag=True, help="No retry.")
@json_option()
def command(execution_id: str, ref: str, reason: str, terminal: bool, as_json: bool) -> None:
    """Fail a task that is open; its retry policy decides what follows.

    REF is the taskReferenceName; in a loop with its iteration, or without for the latest that is open.
    """
    with connected() as podium:
        podium.fail_task(execution_id, ref, reason, terminal=terminal, actor=actor())
    status = "FAILED_WITH_TERMINAL_ERROR" if terminal else "FAILED"
    if as_json:
        write_json({"workflowId": execution_id, "referenceTaskName": ref, "status": status})
    else:
        write(plain(f"{ref} has failed{' for good' if terminal else ''}"))
