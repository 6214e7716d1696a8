"""`podium status`."""

from __future__ import annotations

import click

from app.cli.command import json_option, podium_command
from app.cli.connection import connected
from app.cli.output import show, write_json
from app.cli.render_execution import execution_grid
from app.operations.documents import execution_document


@podium_command(
    "status",
    ("podium status ID", "input, output, times, and what it waits for"),
    ("podium status ID --json | jq -r .status", "one word for a script"),
)
@click.argument("execution_id", metavar="ID")
@json_option()
def command(execution_id: str, as_json: bool) -> None:
    """Say how an execution is doing. The exit code is 0 whatever its status."""
    with connected() as podium:
        execution = podium.execution(execution_id)
        state = execution.state
        if as_json:
            write_json(execution_document(state))
        else:
            show(execution_grid(state, None if state.status.terminal else execution.explain()))
