"""What searches have found, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.table import Table

from app.cli.render import duration, moment, status_text, table, text
from app.cli.render_execution import empty_executions_table

Document = Mapping[str, Any]


def found_executions(results: Iterable[Document]) -> Table:
    """One line for each WorkflowSummary."""
    made = empty_executions_table()
    for each in results:
        made.add_row(
            text(each["workflowId"]),
            text(f"{each['workflowType']} {each['version']}"),
            status_text(each["status"]),
            _time(each["startTime"]),
            duration(each["executionTime"]) if each["endTime"] else "",
            text(each["correlationId"]),
            text(each["reasonForIncompletion"]),
        )
    return made


def found_tasks(results: Iterable[Document]) -> Table:
    """One line for each TaskSummary."""
    columns = ("execution", "workflow", "task", "type", "status", "scheduled", "took", "reason")
    made = table(*columns, right=["took"], whole=["execution"])
    for each in results:
        made.add_row(
            text(each["workflowId"]),
            text(each["workflowType"]),
            text(each["taskDefName"]),
            text(each["taskType"]),
            status_text(each["status"]),
            _time(each["scheduledTime"]),
            duration(each["executionTime"]) if each["endTime"] else "",
            text(each["reasonForIncompletion"]),
        )
    return made


def searched_back_to(milliseconds: int) -> str:
    """How far a search has looked that has not looked at everything."""
    return f"searched back to {moment(milliseconds)} ({milliseconds}); what is beyond was not looked at"


def _time(iso: str) -> str:
    return moment(int(datetime.fromisoformat(iso).timestamp() * 1000)) if iso else ""
