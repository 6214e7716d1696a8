"""`podium search`."""

from __future__ import annotations

from typing import Literal

import click

from app.cli.command import json_option, podium_command
from app.cli.connection import connected
from app.cli.output import show, write, write_json
from app.cli.render_search import found_executions, found_tasks, searched_back_to


@podium_command(
    "search",
    ("podium search --text ORD-7712", "executions with this text somewhere in their input or output"),
    ('podium search "status = FAILED AND workflowType IN (orders,parcels)"', "by conditions"),
    ('podium search --tasks "taskType = HTTP AND status = FAILED"', "tasks"),
    ('podium search --by-tasks "referenceTaskName = charge" --json', "executions that have such a task"),
    ('podium search "status = FAILED" --start 20', "the second page"),
)
@click.argument("query", default="")
@click.option(
    "--text", default="*", show_default=True, help="What inputs, outputs and names have; * is any text."
)
@click.option("--tasks", "of", flag_value="search_tasks", help="Search tasks, and list those.")
@click.option(
    "--by-tasks", "of", flag_value="search_by_tasks", help="Search tasks, and list their executions."
)
@click.option("--top-level", is_flag=True, help="No sub-workflows.")
@click.option(
    "--sort",
    type=click.Choice(["startTime:DESC", "startTime:ASC"], case_sensitive=False),
    default="startTime:DESC",
    show_default=True,
)
@click.option("--start", type=click.IntRange(0), default=0, help="How many to pass over: the pages before.")
@click.option("--size", type=click.IntRange(1, 5000), default=20, show_default=True, help="At most so many.")
@json_option("Print one JSON document: Conductor's SearchResult, as over REST.")
def command(
    query: str,
    text: str,
    of: Literal["search_tasks", "search_by_tasks"] | None,
    top_level: bool,
    sort: str,
    start: int,
    size: int,
    as_json: bool,
) -> None:
    """Search executions or tasks by conditions and free text.

    QUERY is in Conductor's language (docs/reference/search.md). Conditions that no index answers, and free text, are
    tried on the newest 10,000; where that left something out a line on stderr says so. 'list' pages through
    all executions, however old.
    """
    if of and top_level:
        raise click.UsageError("--top-level is for executions, without --tasks and --by-tasks")
    with connected() as podium:
        if of is None:
            found = podium.search(query, text, start=start, size=size, sort=sort, top_level=top_level)
        else:
            found = getattr(podium, of)(query, text, start=start, size=size, sort=sort)
    results = found["results"]
    if as_json:
        write_json(found)
        return
    if results:
        show(found_tasks(results) if of == "search_tasks" else found_executions(results))
    else:
        write("no task fits" if of else "no execution fits")
    if "searchedBackTo" in found:
        click.echo(f"\n{searched_back_to(found['searchedBackTo'])}", err=True)
    if len(results) == size:
        click.echo(f"\nthe next page: --start {start + size}", err=True)
