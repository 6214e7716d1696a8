"""`podium resume`."""

from __future__ import annotations

from app.cli.command import json_option, podium_command
from app.cli.many import do, ids_argument, reason_option


@podium_command("resume", ("podium resume ID", "go on where it was paused"))
@ids_argument()
@reason_option()
@json_option()
def command(execution_ids: tuple[str, ...], reason: str | None, as_json: bool) -> None:
    """Go on with executions that are paused.

    With all that has become due meanwhile.
    """
    do("resume", execution_ids, "runs again", as_json, reason=reason)
