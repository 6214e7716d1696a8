"""`podium update-variables`."""

from __future__ import annotations

from typing import Any

import click

from app.cli.arguments import JsonValue
from app.cli.command import json_option, podium_command
from app.cli.connection import actor, connected
from app.cli.many import reason_option
from app.cli.output import plain, write, write_json


@podium_command(
    "update-variables",
    ("""podium update-variables ID '{"limit": 5}'""", "what ${workflow.variables.limit} is from now on"),
)
@click.argument("execution_id", metavar="ID")
@click.argument("variables", type=JsonValue())
@reason_option()
@json_option()
def command(execution_id: str, variables: Any, reason: str | None, as_json: bool) -> None:
    """Set variables of an execution; others stay."""
    with connected() as podium:
        podium.update_variables(execution_id, variables, actor=actor(), reason=reason)
    if as_json:
        write_json({"workflowId": execution_id, "variables": variables})
    else:
        write(plain(f"{execution_id} has {', '.join(sorted(variables)) or 'no other variables'}"))
