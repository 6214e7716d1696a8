"""`podium send-message`."""

from __future__ import annotations

from typing import Any

import click

from app.cli.arguments import JsonValue
from app.cli.command import json_option, podium_command
from app.cli.connection import actor, connected
from app.cli.output import plain, write, write_json


@podium_command(
    "send-message",
    ("""podium send-message ID '{"add": "tea"}'""", "what a PULL_WORKFLOW_MESSAGES task of it takes next"),
)
@click.argument("execution_id", metavar="ID")
@click.argument("message", type=JsonValue())
@json_option()
def command(execution_id: str, message: Any, as_json: bool) -> None:
    """Send a message to an execution, which a PULL_WORKFLOW_MESSAGES task of it takes."""
    with connected() as podium:
        message_id = podium.send_message(execution_id, message, actor=actor())
    if as_json:
        write_json({"workflowId": execution_id, "messageId": message_id})
    else:
        write(plain(message_id))
