"""Event handlers, and what they did, as tables."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from app.cli.render import moment, status_text, table, text
from app.store.handlers import EventExecutionRow
from app.store.inbox import OutboxRow
from workflows.events import EventHandler


def handlers_table(found: Iterable[EventHandler]) -> Table:
    """One line for each handler."""
    made = table("handler", "event", "active", "condition", "actions")
    for handler in found:
        made.add_row(
            text(handler.name),
            text(handler.event),
            "yes" if handler.active else "no",
            text(handler.condition),
            text(", ".join(action.action.value for action in handler.actions)),
        )
    return made


def executions_table(found: Iterable[EventExecutionRow]) -> Table:
    """One line for each action that was done with a message."""
    made = table("id", "time", "handler", "message", "action", "status", "reason", whole=["id"])
    for row in found:
        made.add_row(
            text(row.id),
            moment(row.created),
            text(row.handler),
            text(row.message_id),
            text(row.action or "condition"),
            status_text(row.status),
            text(row.reason),
        )
    return made


def outbox_table(found: Iterable[OutboxRow]) -> Table:
    """One line for each event that has not gone out."""
    made = table("id", "made", "sink", "tries", "next", "reason", right=["tries"], whole=["id"])
    for row in found:
        next_time = "given up" if row.due_at is None else moment(row.due_at)
        made.add_row(
            text(row.id), moment(row.created), text(row.sink), str(row.tries), next_time, text(row.reason)
        )
    return made
