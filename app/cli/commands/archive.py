"""`podium archive`."""

from __future__ import annotations

from app.cli.command import json_option, podium_command
from app.cli.many import do, ids_argument, reason_option


@podium_command("archive", ("podium archive ID", "into PODIUM_ARCHIVE_URL"))
@ids_argument()
@reason_option()
@json_option()
def command(execution_ids: tuple[str, ...], reason: str | None, as_json: bool) -> None:
    """Write executions that have ended into the archive.

    Each into a file of its own, with its sub-workflows; it is not removed.
    """
    do("archive", execution_ids, "is archived", as_json, reason=reason)
