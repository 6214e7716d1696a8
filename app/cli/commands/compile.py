"""`podium compile`."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.command import json_option, podium_command
from app.cli.files import choose, file_argument
from app.cli.output import write, write_json
from app.cli.render import counted
from app.cli.render_canvas import canvas_text
from workflows.canvas import Order, canvases
from workflows.diagram import mermaid
from workflows.loading import load
from workflows.program import Program
from workflows.validation import require_valid

_EXECUTION = "EXECUTION"
"""Stands where an execution's id will be."""


@podium_command(
    "compile",
    ("podium compile order.json", "the Celery canvas of every segment"),
    ("podium compile order.json --format mermaid", "a flowchart for GitHub, an editor or mermaid.live"),
    ("podium compile all.yaml --name order --format json", "the signatures of one of several definitions"),
)
@file_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["canvas", "mermaid", "json"]),
    default="canvas",
    show_default=True,
    help="canvas: as Python would write it; mermaid: a flowchart; json: the signatures.",
)
@click.option("--name", help="Which definition, where the file has several.")
@json_option("The same as --format json.")
def command(file: Path, form: str, name: str | None, as_json: bool) -> None:
    """Show what a definition compiles to: Celery canvases, or a flowchart.

    A canvas reaches as far as the future is known. Each is shown below the task that it begins with; an
    execution meets those that it needs, one after the other. The same definition always gives the same text.
    Nothing is registered; no process and no database is needed.
    """
    found = load(file)
    definition = choose(found, name)
    task_defs = {one.name: one for one in found.tasks}
    require_valid(definition, find_task_def=task_defs.get)
    program = Program(definition, task_defs)
    segments = list(canvases(Order(_EXECUTION, 1, program)))
    if form == "json" or as_json:
        shown = [{"at": node.ref, "canvas": canvas} for node, canvas in segments]
        write_json({"name": definition.name, "version": definition.version, "segments": shown})
    elif form == "mermaid":
        write(mermaid(definition))
    else:
        write(f"# {definition.name} version {definition.version}: {counted(len(segments), 'segment')}")
        for node, canvas in segments:
            write(f"\n# from {node.ref}\n{canvas_text(canvas)}")
