"""`podium restart`."""

from __future__ import annotations

import click

from app.cli.command import json_option, podium_command
from app.cli.many import do, ids_argument, reason_option


@podium_command(
    "restart",
    ("podium restart ID", "with the definition that it had"),
    ("podium restart ID --latest-definition", "with the latest version"),
)
@ids_argument()
@click.option("--latest-definition", is_flag=True, help="With the latest version of the definition.")
@reason_option()
@json_option()
def command(
    execution_ids: tuple[str, ...], latest_definition: bool, reason: str | None, as_json: bool
) -> None:
    """Do executions that have ended all anew.

    The same ids and inputs; what they had done is forgotten.
    """
    do("restart", execution_ids, "runs again", as_json, reason=reason, latest_definition=latest_definition)
