"""`podium terminate`."""

from __future__ import annotations

from app.cli.command import json_option, podium_command
from app.cli.many import do, ids_argument, reason_option


@podium_command("terminate", ("podium terminate ID --reason 'the customer has cancelled'", "stop it now"))
@ids_argument()
@reason_option(required=True)
@json_option()
def command(execution_ids: tuple[str, ...], reason: str, as_json: bool) -> None:
    """End executions.

    Their sub-workflows end with them, open tasks are cancelled, no failure workflow is started.
    """
    do("terminate", execution_ids, "is terminated", as_json, reason=reason)
