"""Definitions in files that a command names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from workflows.errors import UnreadableDefinition
from workflows.loading import Definitions, load
from workflows.model import WorkflowDef

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)

files_argument = click.argument("files", nargs=-1, required=True, metavar="FILE...", type=_FILE)
"""One file or more, as `files`."""
file_argument = click.argument("file", metavar="FILE", type=_FILE)
"""One file, as `file`."""


def load_all(files: Iterable[Path]) -> Definitions:
    """The definitions of all files as one.

    Raises:
        UnreadableDefinition: one of them can't be read.
    """
    found = [load(file) for file in files]
    return Definitions(
        tuple(definition for one in found for definition in one.workflows),
        tuple(definition for one in found for definition in one.tasks),
        ", ".join(one.source for one in found),
    )


def choose(found: Definitions, name: str | None) -> WorkflowDef:
    """The workflow definition of this name; the only one when no name is given.

    Raises:
        UnreadableDefinition: there is none, or there are several and no name is given.
        click.UsageError: no definition has the name.
    """
    if name is None and len(found.workflows) <= 1:
        return found.workflow
    names = ", ".join(definition.name for definition in found.workflows) or "none"
    fitting = [definition for definition in found.workflows if definition.name == name]
    if name is None:
        raise UnreadableDefinition(
            found.source,
            f"it has {len(found.workflows)} workflow definitions; choose one with --name: {names}",
        )
    if not fitting:
        raise click.UsageError(f"{found.source} has no workflow definition {name!r}; it has {names}")
    return max(fitting, key=lambda definition: definition.version)
