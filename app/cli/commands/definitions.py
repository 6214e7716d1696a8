"""`podium definitions`."""

from __future__ import annotations

import click

from app.cli.command import json_option, podium_command
from app.cli.connection import connected
from app.cli.output import show, write, write_json
from app.cli.render_definitions import definitions_table, task_definitions_table


@podium_command(
    "definitions",
    ("podium definitions", "all workflow definitions and their versions"),
    ("podium definitions order > order.json", "the latest version of one, as JSON"),
    ("podium definitions --tasks", "the task definitions: retries, timeouts, limits"),
)
@click.argument("name", required=False)
@click.option("--version", type=click.IntRange(min=1), help="Of NAME; not given: the latest.")
@click.option("--tasks", is_flag=True, help="Task definitions.")
@json_option()
def command(name: str | None, version: int | None, tasks: bool, as_json: bool) -> None:
    """List registered definitions, or print one.

    With NAME the definition is printed as JSON, as it can be registered again.
    """
    if (version is not None and name is None) or (tasks and name is not None):
        raise click.UsageError("--version belongs to a NAME, --tasks stands alone")
    with connected() as podium:
        if name is not None:
            write_json(podium.definition(name, version).to_json())
        elif tasks:
            found = podium.task_definitions()
            if as_json:
                write_json([one.to_json() for one in found])
            else:
                show(task_definitions_table(found)) if found else write("no task definition is registered")
        else:
            rows = podium.definitions()
            if as_json:
                write_json(rows)
            else:
                show(definitions_table(rows)) if rows else write("no workflow definition is registered")
