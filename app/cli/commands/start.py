"""`podium start`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from app.cli import exit_codes
from app.cli.arguments import JsonValue
from app.cli.command import json_option, podium_command
from app.cli.connection import connected
from app.cli.output import show, write, write_json
from app.cli.render import text
from app.cli.render_execution import event_line, execution_grid
from app.operations.documents import execution_document, task_document
from workflows.model import IdempotencyStrategy

if TYPE_CHECKING:
    from app.client import Execution


@podium_command(
    "start",
    ("""podium start order --input '{"order_id": "42"}'""", "prints the id of the execution"),
    ("podium start order --input @order.json --correlation-id 42 --follow", "and shows each step as it ends"),
    (
        "jq .order inbox.json | podium start order --input - --idempotency-key order-42",
        "at most once for a key",
    ),
)
@click.argument("name")
@click.option("--version", type=click.IntRange(min=1), help="Not given: the latest.")
@click.option(
    "--input", "given", type=JsonValue(), help="The workflow's input, a JSON object. Not given: {}."
)
@click.option("--correlation-id", help="Your own id of the case, to find it by.")
@click.option("--idempotency-key", help="Of all starts with one key, one makes an execution.")
@click.option(
    "--idempotency-strategy",
    type=click.Choice([str(strategy) for strategy in IdempotencyStrategy], case_sensitive=False),
    default=str(IdempotencyStrategy.RETURN_EXISTING),
    show_default=True,
    help="What a later start with the same key gets.",
)
@click.option("--priority", type=click.IntRange(0, 99), default=0, show_default=True)
@click.option(
    "--domain",
    "domains",
    multiple=True,
    metavar="TASK=DOMAIN",
    help="Whose workers may have a task (*: all others); domains separated by commas. May be given several times.",
)
@click.option("--follow", is_flag=True, help="Show each step as it ends, until the execution does.")
@json_option("Print one JSON document; with --follow one line for each change.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    name: str,
    given: Any,
    domains: tuple[str, ...],
    follow: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Start an execution of a registered definition.

    Prints its id. With --follow the exit code is 0 when it completes and 1 when it ends otherwise; Ctrl-C
    ends the following, not the execution.
    """
    task_to_domain = dict(_domain(text) for text in domains)
    with connected() as podium:
        execution = podium.start(name, given, task_to_domain=task_to_domain or None, **options)
        if follow:
            ctx.exit(_follow(execution, as_json))
        if as_json:
            write_json({"workflowId": execution.id})
        else:
            write(execution.id)


def _domain(text: str) -> tuple[str, str]:
    task, sign, domain = text.partition("=")
    if not (task and sign and domain):
        raise click.BadParameter(f"{text!r} is no TASK=DOMAIN", param_hint="--domain")
    return task, domain


def _follow(execution: Execution, as_json: bool) -> int:
    if not as_json:
        write(execution.id)
    try:
        for event in execution.follow():
            if as_json and event.task is not None:
                write_json({"workflowId": event.execution_id, "task": task_document(event.task)}, lines=True)
            elif not as_json and event.task is not None and (line := event_line(event)) is not None:
                show(line)
    except KeyboardInterrupt:
        click.echo(f"\nit goes on; 'podium show {execution.id}' shows how far it is", err=True)
        return exit_codes.INTERRUPTED
    state = execution.state
    if as_json:
        write_json({"workflowId": state.id, "workflow": execution_document(state)}, lines=True)
    else:
        show(text(""), execution_grid(state, None))
    return exit_codes.OK if state.status.successful else exit_codes.NOT_COMPLETED
