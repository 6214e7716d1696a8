"""Whoever wants to know of an execution's status is told in the transaction that changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from app.runtime.events import announce
from app.store.executions import WorkflowRow
from workflows.program import Program

if TYPE_CHECKING:
    from app.runtime.settle import Settlement


def listens(program: Program) -> bool:
    """Whether an execution of it tells of its status (`workflowStatusListenerEnabled`)."""
    return program.definition.workflow_status_listener_enabled


def tell(settlement: Settlement, program: Program, row: WorkflowRow, change: str) -> None:
    """Publish a change of an execution to its definition's sink, or to that of the settings; without one to nobody.

    change: Conductor's name of it: STARTED, PAUSED, RESUMED, COMPLETED, FAILED, TIMED_OUT, TERMINATED, RETRIED, RERAN,
        RESTARTED.
    """
    if not listens(program):
        return
    sink = program.definition.workflow_status_listener_sink or settlement.engine.settings.status_sink
    if sink:
        announce(settlement.session, sink, _payload(program, row, change), settlement.now)


def _payload(program: Program, row: WorkflowRow, change: str) -> dict[str, Any]:
    given, output = orjson.loads(row.input), orjson.loads(row.output) if row.output else {}
    if program.mask is not None:
        given, output = program.mask(given), program.mask(output)
    return {
        "event": change,
        "workflowId": row.id,
        "workflowName": row.name,
        "workflowVersion": row.version,
        "status": row.status,
        "correlationId": row.correlation_id,
        "parentWorkflowId": row.parent_id,
        "reasonForIncompletion": row.reason,
        "input": given,
        "output": output,
        "startTime": row.created,
        "updateTime": row.updated,
        "endTime": row.ended or 0,
    }
