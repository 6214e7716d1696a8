"""Schedules and their firings as tables."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.table import Table

from app.cli.render import moment, status_text, table, text
from app.store.schedules import FiringRow, ScheduleRow
from workflows.schedules import WorkflowSchedule


def schedules_table(found: Iterable[ScheduleRow]) -> Table:
    """One line for each schedule."""
    made = table("schedule", "workflow", "cron", "zone", "next")
    for row in found:
        expressions = list(WorkflowSchedule.model_validate_json(row.content).expressions())
        following = moment(row.next_at) or ("paused" if row.paused else "no more")
        if row.paused and row.reason:
            following = f"paused: {row.reason}"
        made.add_row(
            text(row.name),
            text(row.workflow_name),
            text(", ".join(expression for _, expression, _ in expressions)),
            text(", ".join(dict.fromkeys(zone for _, _, zone in expressions))),
            text(following),
        )
    return made


def firings_table(found: Iterable[FiringRow]) -> Table:
    """One line for each firing."""
    made = table("fired", "schedule", "slot", "status", "execution", "reason", whole=["execution"])
    for row in found:
        made.add_row(
            moment(row.created),
            text(row.schedule),
            moment(row.slot) or "out of turn",
            status_text(row.status),
            text(row.workflow_id),
            text(row.reason),
        )
    return made


def slot_line(at: int, zone: str) -> str:
    """A slot in its own time zone, with the day of the week."""
    return datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M:%S %Z (%z)")
