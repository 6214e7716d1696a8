"""`podium operators`."""

from __future__ import annotations

import sys

import click
from rich.markdown import Markdown

from app.cli.command import json_option, podium_command
from app.cli.output import show, write, write_json
from app.cli.render_definitions import operator_document, operators_table
from workflows.operator import operator_of, operators
from workflows.reference import operator_section


@podium_command(
    "operators",
    ("podium operators", "what there is"),
    ("podium operators SWITCH", "what it does, its fields, its output, and examples"),
    ("podium operators DO_WHILE --json", "the JSON schema of its fields"),
)
@click.argument("type_name", metavar="[TYPE]", required=False)
@json_option()
def command(type_name: str | None, as_json: bool) -> None:
    """List the operators, or explain one.

    Every other task type is a worker task.
    """
    if type_name is None:
        found = [operator for name, operator in operators().items() if name == operator.type]
        if as_json:
            write_json([operator_document(operator) for operator in found])
        else:
            show(operators_table(found))
        return
    operator = operator_of(type_name.upper())
    if as_json:
        write_json(operator_document(operator))
    elif sys.stdout.isatty():
        show(Markdown(operator_section(operator)))
    else:
        write(operator_section(operator).rstrip())
