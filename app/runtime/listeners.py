"""Whoever wants to know of the status of executions and tasks is told in the transaction that changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.runtime.events import announce
from app.runtime.execution import suffixed
from app.runtime.payload import load
from app.store import executions, tasks
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow
from workflows.program import Program
from workflows.status import TaskStatus

if TYPE_CHECKING:
    from app.runtime.engine import Engine
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


def tells_tasks(engine: Engine) -> bool:
    """Whether somebody wants to know how tasks end (PODIUM_TASK_STATUS_SINK)."""
    return engine.settings.task_status_sink is not None


def tell_tasks(settlement: Settlement) -> None:
    """Publish the ends of this transaction's attempts, but not of tasks whose `taskStatusListenerEnabled` is false."""
    session, engine = settlement.session, settlement.engine
    sink = engine.settings.task_status_sink
    assert sink is not None
    of: dict[str, WorkflowRow | None] = {}
    for task_id in dict.fromkeys(settlement.moves.attempts):
        row = tasks.by_id(session, task_id)
        if row is None or not TaskStatus(row.status).terminal:
            continue
        if row.workflow_id not in of:
            of[row.workflow_id] = executions.by_id(session, row.workflow_id)
        execution = of[row.workflow_id]
        if execution is None:
            continue
        program = engine.programs.get(execution.program_id, session)
        node = program.nodes.get(row.ref)
        if node is not None and node.definition.task_status_listener_enabled:
            announce(session, sink, _task_payload(program, execution, row), settlement.now)


def _task_payload(program: Program, execution: WorkflowRow, row: TaskRow) -> dict[str, Any]:
    given, output = _shown(program, row.input, row.output)
    return {
        "event": row.status,
        "taskId": row.id,
        "taskType": row.type,
        "taskDefName": row.name,
        "referenceTaskName": suffixed(row.ref, tasks.path_of(row.path)),
        "status": row.status,
        "retryCount": row.attempt,
        "workflowId": execution.id,
        "workflowName": execution.name,
        "workflowVersion": execution.version,
        "correlationId": execution.correlation_id,
        "workerId": row.worker,
        "reasonForIncompletion": row.reason,
        "input": given,
        "output": output,
        "scheduledTime": row.scheduled,
        "startTime": row.started or 0,
        "endTime": row.ended or 0,
    }


def _shown(program: Program, given: str, output: str | None) -> tuple[Any, Any]:
    """An input and an output as readers see them."""
    values = load(given), load(output)
    return values if program.mask is None else (program.mask(values[0]), program.mask(values[1]))


def _payload(program: Program, row: WorkflowRow, change: str) -> dict[str, Any]:
    given, output = _shown(program, row.input, row.output)
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
