"""What operations on schedules answer, as JSON with Conductor's names."""

from __future__ import annotations

from typing import Any

import orjson

from app.store.schedules import FiringRow, ScheduleRow

Document = dict[str, Any]


def schedule_document(row: ScheduleRow) -> Document:
    """A schedule as it was written, with what is known of it (Conductor's WorkflowSchedule)."""
    content: Document = orjson.loads(row.content)
    return {
        "zoneId": "UTC",
        "runCatchupScheduleInstances": False,
        **content,
        "paused": bool(row.paused),
        "pausedReason": row.reason,
        "nextRunTime": row.next_at,
        "createTime": row.created,
        "updatedTime": row.updated,
    }


def firing_document(row: FiringRow) -> Document:
    """One firing (Conductor's WorkflowScheduleExecution); `scheduledTime` is null when it was out of turn."""
    return {
        "executionId": row.id,
        "scheduleName": row.schedule,
        "scheduledTime": row.slot,
        "executionTime": row.created,
        "workflowName": row.workflow_name,
        "workflowId": row.workflow_id,
        "state": row.status,
        "reason": row.reason,
    }
