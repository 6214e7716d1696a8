"""`podium diff`."""

from __future__ import annotations

from typing import Any

import click

from app.cli.command import json_option, podium_command
from app.cli.connection import connected
from app.cli.output import show, write, write_json


@podium_command("diff", ("podium diff FAILED_ID GOOD_ID", "where two runs of one workflow part"))
@click.argument("before", metavar="ID1")
@click.argument("after", metavar="ID2")
@json_option()
def command(before: str, after: str, as_json: bool) -> None:
    """Compare two executions task by task."""
    with connected() as podium:
        found = podium.diff(before, after)
    if as_json:
        write_json(
            {
                "changes": _changes(found.changes),
                "tasks": [
                    {
                        "referenceTaskName": each.ref,
                        "before": each.before and each.before.status,
                        "after": each.after and each.after.status,
                        "changes": _changes(each.changes),
                    }
                    for each in found.tasks
                ],
            }
        )
        return
    from app.cli.render import compact, table, text

    shown = table("task", "where", before, after)
    for change in found.changes:
        shown.add_row("", text(change.path), text(compact(change.before)), text(compact(change.after)))
    for each in found.tasks:
        if each.before is None or each.after is None:
            there = [text(task.status if task else "not reached") for task in (each.before, each.after)]
            shown.add_row(text(each.ref), "status", *there)
        for change in each.changes:
            shown.add_row(
                text(each.ref), text(change.path), text(compact(change.before)), text(compact(change.after))
            )
    if found.changes or found.tasks:
        show(shown)
    else:
        write("they do not differ")


def _changes(changes: Any) -> list[dict[str, Any]]:
    return [{"path": each.path, "before": each.before, "after": each.after} for each in changes]
