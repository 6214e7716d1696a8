"""Commands that do one thing to several executions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from app.cli.connection import actor, connected
from app.cli.exit_codes import WRONG_STATE
from app.cli.output import plain, write, write_json


def ids_argument() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """One id or several, handed over as `execution_ids`."""
    return click.argument("execution_ids", metavar="ID...", nargs=-1, required=True)


def reason_option(required: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--reason`."""
    return click.option("--reason", required=required, help="What is recorded as the reason.")


def do(operation: str, execution_ids: tuple[str, ...], done: str, as_json: bool, **options: Any) -> None:
    """Do an operation of `app.operations.bulk` to these executions, and say of each what became of it.

    An error of a single one is the command's; of several each is told, and the exit code is that of a wrong state.
    """
    with connected() as podium:
        if len(execution_ids) == 1:
            getattr(podium, operation)(execution_ids[0], actor=actor(), **options)
            successful, errors = list(execution_ids), {}
        else:
            result = podium.bulk(operation, list(execution_ids), actor=actor(), **options)
            successful, errors = result.successful, result.errors
    if as_json:
        write_json({"bulkSuccessfulResults": successful, "bulkErrorResults": errors})
    else:
        for execution_id in successful:
            write(plain(f"{execution_id} {done}"))
    for execution_id, why in {} if as_json else errors.items():
        click.echo(f"Error: {execution_id}: {plain(why)}", err=True)
    if errors:
        click.get_current_context().exit(WRONG_STATE)
