"""`podium terminate`."""

from __future__ import annotations

import click

from app.cli.command import json_option, podium_command
from app.cli.connection import actor, connected
from app.cli.output import plain, write, write_json


@podium_command("terminate", ("podium terminate ID --reason 'the customer has cancelled'", "stop it now"))
@click.argument("execution_id", metavar="ID")
@click.option("--reason", required=True, help="What is recorded as the reason.")
@json_option()
def command(execution_id: str, reason: str, as_json: bool) -> None:
    """End an execution.

    Its sub-workflows end with it, open tasks are cancelled, no failure workflow is started.
    """
    with connected() as podium:
        podium.terminate(execution_id, reason, actor=actor())
    if as_json:
        write_json({"workflowId": execution_id, "status": "TERMINATED"})
    else:
        write(plain(f"{execution_id} is terminated"))
