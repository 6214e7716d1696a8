"""Executions as text: one in full, many in a table, changes as lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from app.cli.render import clock, compact, duration, moment, status_text, table, text

if TYPE_CHECKING:
    from app.client import TaskEvent
    from app.operations.query import ExecutionState, TaskExecution


def execution_grid(state: ExecutionState, explanation: str | None) -> Table:
    """All that there is to say about one execution without its tasks; what is empty is left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("workflow", text(f"{state.name} {state.version}"))
    grid.add_row("id", text(state.id))
    grid.add_row("status", status_text(state.status))
    end = state.ended
    shown = {
        "reason": state.reason,
        "now": explanation,
        "correlation id": state.correlation_id,
        "idempotency key": state.idempotency_key,
        "parent": state.parent_id,
        "undoes": state.compensates,
        "priority": state.priority or None,
        "started": moment(state.created),
        "ended": f"{moment(end)}, after {duration(end - state.created)}" if end else None,
        "input": compact(state.input),
        "variables": compact(state.variables) if state.variables else None,
        "output": compact(state.output) if state.output else None,
    }
    for name, value in shown.items():
        if value is not None:
            grid.add_row(name, text(value))
    return grid


def executions_table(states: Iterable[ExecutionState]) -> Table:
    """One line for each execution."""
    made = empty_executions_table()
    for state in states:
        took = duration(state.ended - state.created) if state.ended else ""
        made.add_row(
            text(state.id),
            text(f"{state.name} {state.version}"),
            status_text(state.status),
            moment(state.created),
            took,
            text(state.correlation_id),
            text(state.reason),
        )
    return made


def empty_executions_table() -> Table:
    """What has one line for each execution, before it has any."""
    columns = ("id", "workflow", "status", "started", "took", "correlation id", "reason")
    return table(*columns, right=["took"], whole=["id"])


def event_line(event: TaskEvent) -> Text | None:
    """A change as a line; None: not worth one (a task that is about to run, or runs)."""
    task = event.task
    if task is None:
        return Text.assemble("execution ", status_text(event.status))
    if not task.status.terminal and (task.status == "SCHEDULED" or task.worker):
        return None
    at = task.ended or task.started or task.scheduled
    parts: list[Text | str] = [clock(at), "  ", text(task.ref, "bold"), "  ", status_text(task.status)]
    if task.attempt:
        parts.append(f"  attempt {task.attempt + 1}")
    parts.append(f"  {took(task)}" if task.status.terminal else "")
    parts.append(text(f"  {task.reason}" if task.reason else "", "dim"))
    return Text.assemble(*parts)


def took(task: TaskExecution) -> str:
    """How long an attempt ran, from its start; nothing while it does or when it never started."""
    if task.started is None or task.ended is None:
        return ""
    return duration(task.ended - task.started)
