"""`podium validate`."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import exit_codes
from app.cli.command import json_option, podium_command
from app.cli.connection import connected
from app.cli.files import files_argument
from app.cli.output import show, write, write_json
from app.cli.render import counted
from app.cli.render_definitions import FileFinding, finding_document, findings_table
from app.operations.definitions import check
from workflows.errors import UnreadableDefinition
from workflows.loading import Definitions, load
from workflows.operator import Finding


@podium_command(
    "validate",
    ("podium validate order.json", "all errors and warnings, each with its place and how to mend it"),
    ("podium validate definitions/*.json", "definitions that name each other, checked together"),
    ("podium validate --registered order.json", "look up what is registered too"),
)
@files_argument
@click.option(
    "--registered", is_flag=True, help="Look up sub-workflows and task definitions in the database too."
)
@json_option()
@click.pass_context
def command(ctx: click.Context, files: tuple[Path, ...], registered: bool, as_json: bool) -> None:
    """Check definitions without registering them. No process and, without --registered, no database is needed.

    Prints every finding of all files. Exit code 1 when there is an error; warnings are none.
    """
    found, findings = _load(files)
    names = {definition.name: str(file) for file, one in found for definition in one.workflows}
    for name, finding in _check(_merged(found), registered):
        findings.append(FileFinding(names[name], name, finding))
    errors = sum(one.finding.severity == "error" for one in findings)
    if as_json:
        write_json({"valid": not errors, "findings": [finding_document(one) for one in findings]})
    else:
        if findings:
            show(findings_table(findings, several=len(files) > 1), "")
        whole = _merged(found)
        write(
            f"{counted(len(whole.workflows), 'workflow definition')}, "
            f"{counted(len(whole.tasks), 'task definition')}: {counted(errors, 'error')}, "
            f"{counted(len(findings) - errors, 'warning')}"
        )
    ctx.exit(exit_codes.NOT_COMPLETED if errors else exit_codes.OK)


def _load(files: tuple[Path, ...]) -> tuple[list[tuple[Path, Definitions]], list[FileFinding]]:
    """What can be read, and a finding for each problem of what can't."""
    found, findings = list[tuple[Path, Definitions]](), list[FileFinding]()
    for file in files:
        try:
            found.append((file, load(file)))
        except UnreadableDefinition as error:
            for path, problem in error.problems or [("", error.problem)]:
                finding = Finding(path, problem, "", "error", "unreadable")
                findings.append(FileFinding(str(file), None, finding))
    return found, findings


def _merged(found: list[tuple[Path, Definitions]]) -> Definitions:
    return Definitions(
        tuple(definition for _, one in found for definition in one.workflows),
        tuple(definition for _, one in found for definition in one.tasks),
    )


def _check(definitions: Definitions, registered: bool) -> list[tuple[str, Finding]]:
    if not registered:
        return check(None, definitions)
    with connected() as podium:
        return podium.validate(definitions)
