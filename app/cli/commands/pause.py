"""`podium pause`."""

from __future__ import annotations

from app.cli.command import json_option, podium_command
from app.cli.many import do, ids_argument, reason_option


@podium_command(
    "pause",
    ("podium pause ID", "until it is resumed"),
    ("podium pause ID1 ID2 --reason deploy", "several, with a reason"),
)
@ids_argument()
@reason_option()
@json_option()
def command(execution_ids: tuple[str, ...], reason: str | None, as_json: bool) -> None:
    """Have nothing new begin in executions.

    What runs may end, and is written down. Sub-workflows go on.
    """
    do("pause", execution_ids, "is paused", as_json, reason=reason)
