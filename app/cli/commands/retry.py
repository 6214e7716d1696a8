"""`podium retry`."""

from __future__ import annotations

import click

from app.cli.command import json_option, podium_command
from app.cli.many import do, ids_argument, reason_option


@podium_command(
    "retry",
    ("podium retry ID", "from the tasks that failed"),
    ("podium retry ID --resume-sub-workflows", "inside of the sub-workflow that failed"),
)
@ids_argument()
@click.option(
    "--resume-sub-workflows",
    is_flag=True,
    help="Try a sub-workflow again where it failed, and start no new one.",
)
@reason_option()
@json_option()
def command(
    execution_ids: tuple[str, ...], resume_sub_workflows: bool, reason: str | None, as_json: bool
) -> None:
    """Try again what failed in executions that did not complete.

    What had completed stays as it is.
    """
    do(
        "retry",
        execution_ids,
        "runs again",
        as_json,
        reason=reason,
        resume_sub_workflows=resume_sub_workflows,
    )
