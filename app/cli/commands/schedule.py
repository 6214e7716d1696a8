"""`podium schedule`: what is started when."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.arguments import Moment
from app.cli.command import json_option, podium_command
from app.cli.connection import actor, connected
from app.cli.files import file_argument
from app.cli.output import plain, show, write, write_json
from app.cli.render_schedules import firings_table, schedules_table, slot_line
from app.operations.schedule_documents import firing_document, schedule_document
from workflows.loading import read_file
from workflows.schedules import read_schedule


@podium_command(
    "put", ("podium schedule put nightly.json", "a new schedule, or another version of the one of its name")
)
@file_argument
@json_option()
def put(file: Path, as_json: bool) -> None:
    """Register the schedules of a file (JSON, YAML): one, or a list.

    A schedule of the same name is replaced; its slots count from now.
    """
    documents = [read_schedule(document) for document in read_file(file)]
    with connected() as podium:
        names = [podium.put_schedule(document, actor=actor()).name for document in documents]
        found = [row for row in podium.schedules() if row.name in names]
    if as_json:
        write_json([schedule_document(row) for row in found])
    else:
        show(schedules_table(found))


@podium_command("list", ("podium schedule list --workflow order_fulfillment", "what starts this workflow"))
@click.option("--workflow", help="Those that start this workflow.")
@json_option("Print one JSON document, a list.")
def list_all(workflow: str | None, as_json: bool) -> None:
    """List schedules with their next slots."""
    with connected() as podium:
        found = podium.schedules(workflow_name=workflow)
    if as_json:
        write_json([schedule_document(row) for row in found])
    elif not found:
        write("no schedule fits")
    else:
        show(schedules_table(found))


@podium_command(
    "preview",
    ("podium schedule preview '0 30 2 * * *' --zone Europe/Berlin", "when it would fire"),
    ("podium schedule preview '0 0 9 * * MON-FRI' --limit 20", "twenty slots ahead"),
)
@click.argument("expression")
@click.option("--zone", default="UTC", show_default=True, help="The time zone that the expression means.")
@click.option("--start", type=Moment(), help="Not before it. Not given: now.")
@click.option("--limit", type=click.IntRange(1, 1000), default=5, show_default=True)
@json_option("Print one JSON document, a list of milliseconds since the epoch.")
def preview(expression: str, zone: str, start: int | None, limit: int, as_json: bool) -> None:
    """Show the next slots of a cron expression: second minute hour day month day-of-week."""
    with connected() as podium:
        found = podium.preview_schedule(expression, zone=zone, start=start, limit=limit)
    if as_json:
        write_json(found)
    else:
        for at in found:
            write(slot_line(at, zone))


@podium_command("pause", ("podium schedule pause nightly --reason stocktaking", "until it is resumed"))
@click.argument("name")
@click.option("--reason", help="Is recorded, and shown with the schedule.")
@json_option()
def pause(name: str, reason: str | None, as_json: bool) -> None:
    """Fire no slot of a schedule until it is resumed."""
    with connected() as podium:
        podium.pause_schedule(name, actor=actor(), reason=reason)
    write_json({"name": name, "paused": True}) if as_json else write(plain(f"{name} is paused"))


@podium_command("resume", ("podium schedule resume nightly", "with the slots that come from now on"))
@click.argument("name")
@json_option()
def resume(name: str, as_json: bool) -> None:
    """Fire the slots of a paused schedule again."""
    with connected() as podium:
        podium.resume_schedule(name, actor=actor())
    write_json({"name": name, "paused": False}) if as_json else write(plain(f"{name} is resumed"))


@podium_command("run", ("podium schedule run nightly", "prints the id of the execution"))
@click.argument("name")
@json_option()
def run(name: str, as_json: bool) -> None:
    """Start a schedule's workflow now, out of turn, paused or not."""
    with connected() as podium:
        execution = podium.run_schedule(name, actor=actor())
    write_json({"workflowId": execution.id}) if as_json else write(execution.id)


@podium_command(
    "executions", ("podium schedule executions nightly", "what it has started, and what it could not")
)
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--before", metavar="ID", help="The last id of the page before.")
@json_option("Print one JSON document, a list.")
def executions(name: str | None, limit: int, before: str | None, as_json: bool) -> None:
    """List the firings of a schedule, or of all, the newest first."""
    with connected() as podium:
        found = podium.schedule_executions(schedule=name, limit=limit, before=before)
    if as_json:
        write_json([firing_document(row) for row in found])
    elif not found:
        write("nothing was fired that fits")
    else:
        show(firings_table(found))


@podium_command("remove", ("podium schedule remove nightly", "what it has started goes on"))
@click.argument("name")
@json_option()
def remove(name: str, as_json: bool) -> None:
    """Delete a schedule; its firings stay recorded."""
    with connected() as podium:
        podium.remove_schedule(name, actor=actor())
    write_json({"name": name}) if as_json else write(plain(f"{name} is removed"))


command = click.Group(
    "schedule",
    commands={
        made.name: made
        for made in (put, list_all, preview, pause, resume, run, executions, remove)
        if made.name
    },
    help="Start workflows by the clock.",
)
