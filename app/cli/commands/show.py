"""`podium show`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from app.cli.command import json_option, podium_command
from app.cli.connection import connected
from app.cli.output import show, width, write_json
from app.cli.render import text
from app.cli.render_execution import execution_grid
from app.cli.render_tree import Logs, tree_text
from app.operations.documents import logs_added, tree_document
from app.operations.query import TaskExecution
from app.operations.tree import ExecutionTree, TaskTree


@podium_command(
    "show",
    ("podium show ID", "loops by iteration, branches, cases, sub-workflows"),
    ("podium show ID --logs", "with what the tasks have logged"),
    ("podium show ID --json | jq '.tasks[] | select(.status == \"FAILED\")'", "every attempt that failed"),
)
@click.argument("execution_id", metavar="ID")
@click.option("--logs", is_flag=True, help="With the lines that worker tasks have logged.")
@json_option("Print one JSON document: the execution, and `tasks` with every attempt.")
def command(execution_id: str, logs: bool, as_json: bool) -> None:
    """Show an execution's tasks as a tree.

    One line for each attempt: status, number, time, worker, reason. Tasks that were not reached are absent.
    """
    with connected() as podium:
        execution = podium.execution(execution_id)
        tree = execution.tree
        lines: Logs = {task.id: podium.log(task.id) for task in _all(tree)} if logs else {}
        if as_json:
            write_json(logs_added(tree_document(tree), lines) if logs else tree_document(tree))
        else:
            explanation = None if _is_over(tree) else execution.explain()
            show(execution_grid(tree.execution, explanation), text(""), tree_text(tree, lines, width()))


def _is_over(tree: ExecutionTree) -> bool:
    undoing = tree.compensation
    return tree.execution.status.terminal and (undoing is None or undoing.execution.status.terminal)


def _all(tree: ExecutionTree) -> Iterator[TaskExecution]:
    for task in tree.tasks:
        yield from _attempts(task)
    if tree.compensation is not None:
        yield from _all(tree.compensation)


def _attempts(tree: TaskTree) -> Iterator[TaskExecution]:
    yield from tree.attempts
    for group in tree.groups:
        for task in group.tasks:
            yield from _attempts(task)
    for child in tree.children:
        yield from _all(child)
