"""`podium register`."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.command import json_option, podium_command
from app.cli.connection import connected
from app.cli.files import files_argument, load_all
from app.cli.output import plain, write, write_json


@podium_command(
    "register",
    ("podium register order.json", "a workflow definition, or several in one file"),
    ("podium register shop_tasks.json ship.yaml order.json", "definitions that belong together"),
)
@files_argument
@json_option()
def command(files: tuple[Path, ...], as_json: bool) -> None:
    """Register the definitions of files, all of them or none.

    The static checks run first; an error refuses all files. A version of a workflow definition never changes:
    the same content again does nothing, another content needs another version. Task definitions can be
    replaced; executions that run keep those that they started with.
    """
    with connected() as podium:
        done = podium.register(load_all(files))
    for name, finding in done.warnings:
        click.echo(plain(f"Warning: {name}: {finding.path}: {finding.message} {finding.fix}"), err=True)
    if as_json:
        write_json(
            {
                "workflows": [{"name": name, "version": version} for name, version in done.workflows],
                "tasks": list(done.tasks),
                "unchanged": list(done.unchanged),
            }
        )
        return
    for name, version in done.workflows:
        write(plain(f"registered workflow {name} version {version}"))
    for name in done.tasks:
        write(plain(f"registered task {name}"))
    for name in done.unchanged:
        write(plain(f"unchanged {name}"))
