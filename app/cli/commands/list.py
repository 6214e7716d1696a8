"""`podium list`."""

from __future__ import annotations

import click

from app.cli.arguments import Moment
from app.cli.command import json_option, podium_command
from app.cli.connection import connected
from app.cli.output import show, write, write_json
from app.cli.render_execution import executions_table
from app.operations.documents import execution_document
from workflows.status import WorkflowStatus


@podium_command(
    "list",
    ("podium list", "the latest 20"),
    ("podium list --status FAILED --since 2h", "what has failed among the executions of the last two hours"),
    ("podium list --name order --correlation-id 42", "by your own id of the case"),
    ("podium list --limit 100 --before ID", "the page that follows the one that ended with ID"),
)
@click.option("--status", type=click.Choice([str(status) for status in WorkflowStatus], case_sensitive=False))
@click.option("--name", help="Of the workflow definition.")
@click.option("--version", type=click.IntRange(min=1), help="Of the workflow definition.")
@click.option("--correlation-id")
@click.option("--since", type=Moment(), help="Started then or later: 30m, 2h, 7d ago, or 2026-01-31T18:00.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--before", metavar="ID", help="The last id of the page before.")
@json_option("Print one JSON document, a list.")
def command(
    status: str | None,
    name: str | None,
    version: int | None,
    correlation_id: str | None,
    since: int | None,
    limit: int,
    before: str | None,
    as_json: bool,
) -> None:
    """List executions, the newest first.

    Those that fit every option given; sub-workflows are executions too.
    """
    with connected() as podium:
        found = podium.executions(
            status=status,
            name=name,
            version=version,
            correlation_id=correlation_id,
            created_from=since,
            before=before,
            limit=limit,
        )
    if as_json:
        write_json([execution_document(state) for state in found])
    elif not found:
        write("no execution fits")
    else:
        show(executions_table(found))
        if len(found) == limit:
            click.echo(f"\nthe next page: --before {found[-1].id}", err=True)
