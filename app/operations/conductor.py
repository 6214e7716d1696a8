"""Executions and tasks as Conductor's JSON, field for field. Times are milliseconds since the epoch (UTC)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from app.errors import ExecutionNotFound, TaskIdNotFound
from app.operations.outside import HandedOut
from app.operations.query import ExecutionState, TaskExecution, state_of, task_of
from app.runtime.clock import iso
from app.runtime.engine import Engine
from app.runtime.payload import load
from app.store import executions, tasks
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow
from app.store.unit_of_work import Session
from workflows.model import WorkflowDef
from workflows.program import Program
from workflows.status import TaskStatus, WorkflowStatus

Document = dict[str, Any]


def get_workflow(engine: Engine, execution_id: str, include_tasks: bool = True) -> Document:
    """Conductor's Workflow.

    Raises:
        ExecutionNotFound: there is none.
    """

    def work(session: Session) -> tuple[WorkflowRow, list[TaskRow]]:
        row = executions.by_id(session, execution_id)
        if row is None:
            raise ExecutionNotFound(execution_id)
        return row, tasks.of_workflow(session, execution_id) if include_tasks else []

    row, rows = engine.store.read(work)
    return workflow_document(engine, row, rows)


def workflow_document(engine: Engine, row: WorkflowRow, rows: Sequence[TaskRow]) -> Document:
    """Conductor's Workflow of these rows; `rows`: its tasks in the order of their scheduling."""
    program = engine.programs.get(row.program_id)
    state = state_of(program, row)
    refs = list(state.failed_refs)
    return {
        "ownerApp": program.definition.owner_app,
        "createTime": row.created,
        "updateTime": row.updated,
        "createdBy": row.created_by,
        "status": row.status,
        "endTime": row.ended or 0,
        "workflowId": row.id,
        "parentWorkflowId": row.parent_id,
        "parentWorkflowTaskId": row.parent_task_id,
        "tasks": [task_document(program, row, task, seq) for seq, task in enumerate(rows, 1)],
        "input": state.input,
        "output": _object(state.output),
        "correlationId": row.correlation_id,
        "reasonForIncompletion": row.reason,
        "event": row.event,
        "taskToDomain": orjson.loads(row.task_to_domain) if row.task_to_domain else {},
        "failedReferenceTaskNames": refs,
        "failedTaskNames": sorted({program.node(ref).task.name for ref in refs if ref in program.nodes}),
        "workflowDefinition": definition_document(program.definition),
        "priority": row.priority,
        "rateLimitKey": row.rate_limit_key,
        "rateLimited": bool(row.rate_limited),
        "variables": state.variables,
        "lastRetriedTime": 0,
        "history": [],
        "idempotencyKey": row.idempotency_key,
        "startTime": row.created,
        "workflowName": row.name,
        "workflowVersion": row.version,
    }


def get_task(engine: Engine, task_id: str) -> Document:
    """Conductor's Task.

    Raises:
        TaskIdNotFound: there is none.
    """

    def work(session: Session) -> tuple[TaskRow, WorkflowRow]:
        row = tasks.by_id(session, task_id)
        execution = None if row is None else executions.by_id(session, row.workflow_id)
        if row is None or execution is None:
            raise TaskIdNotFound(task_id)
        return row, execution

    row, execution = engine.store.read(work)
    return task_document(engine.programs.get(execution.program_id), execution, row)


def task_document(program: Program, execution: WorkflowRow, row: TaskRow, seq: int = 0) -> Document:
    """Conductor's Task of an execution; `seq`: its place in the order of scheduling, from 1 (0: not told)."""
    shown = task_of(program, row)
    return _task(program, row, shown, seq) | {
        "workflowType": execution.name,
        "correlationId": execution.correlation_id,
        "workflowPriority": execution.priority,
        "inputData": shown.input,
        "outputData": _object(shown.output),
    }


def handed_out_document(engine: Engine, task: HandedOut) -> Document:
    """Conductor's Task as the worker that does it gets it."""
    program, row = engine.programs.get(task.origin.program_id), task.row
    return _task(program, row, task_of(program, row), 0) | {
        "workflowType": task.origin.name,
        "correlationId": task.origin.correlation_id,
        "workflowPriority": row.priority,
        "inputData": task.input,
        "outputData": _object(load(row.output)),
        "runtimeMetadata": task.runtime,
    }


def _task(program: Program, row: TaskRow, shown: TaskExecution, seq: int) -> Document:
    node = program.nodes.get(row.ref)
    definition = node.definition if node else None
    later = row.due_at is not None and row.wake == "send" and row.status == TaskStatus.SCHEDULED
    return {
        "taskType": row.type,
        "status": shown.status,
        "referenceTaskName": shown.ref,
        "retryCount": row.attempt,
        "seq": seq,
        "pollCount": row.polls,
        "taskDefName": row.name,
        "scheduledTime": row.scheduled,
        "startTime": row.started or 0,
        "endTime": row.ended or 0,
        "updateTime": row.updated,
        "startDelayInSeconds": node.task.start_delay if node else 0,
        "retriedTaskId": row.retried_id,
        "retried": shown.retried,
        "executed": TaskStatus(row.status).terminal,
        "callbackFromWorker": True,
        "responseTimeoutSeconds": definition.response_timeout_seconds if definition else 0,
        "workflowInstanceId": row.workflow_id,
        "taskId": row.id,
        "reasonForIncompletion": row.reason,
        "callbackAfterSeconds": max(0, (row.due_at or 0) - row.updated) // 1000 if later else 0,
        "workerId": row.worker,
        "workflowTask": node.task.to_json() if node else None,
        "domain": row.domain,
        "rateLimitPerFrequency": definition.rate_limit_per_frequency if definition else 0,
        "rateLimitFrequencyInSeconds": definition.rate_limit_frequency_in_seconds if definition else 0,
        "iteration": shown.iteration,
        "subWorkflowId": row.sub_workflow_id,
        "subworkflowChanged": False,
        "queueWaitTime": max(0, (row.started or row.scheduled) - row.scheduled),
        "loopOverTask": bool(row.path),
        "firstStartTime": row.started or 0,
    }


def definition_document(definition: WorkflowDef) -> Document:
    """Conductor's WorkflowDef, with the fields that clients look for even where they have their defaults."""
    defaults: Document = {
        "version": 1,
        "schemaVersion": 2,
        "restartable": True,
        "timeoutSeconds": 0,
        "timeoutPolicy": "ALERT_ONLY",
        "workflowStatusListenerEnabled": False,
        "inputParameters": [],
        "outputParameters": {},
        "variables": {},
        "inputTemplate": {},
    }
    return defaults | definition.to_json()


def summary_document(state: ExecutionState, event: str | None, created_by: str | None) -> Document:
    """Conductor's WorkflowSummary: times are ISO 8601 text, input and output JSON text."""
    given, output = orjson.dumps(state.input).decode(), orjson.dumps(state.output).decode()
    return {
        "workflowType": state.name,
        "version": state.version,
        "workflowId": state.id,
        "correlationId": state.correlation_id,
        "startTime": iso(state.created),
        "updateTime": iso(state.updated),
        "endTime": iso(state.ended),
        "status": state.status,
        "input": given,
        "output": output,
        "reasonForIncompletion": state.reason,
        "executionTime": (state.ended - state.created) if state.ended else 0,
        "event": event,
        "failedReferenceTaskNames": ",".join(state.failed_refs),
        "priority": state.priority,
        "createdBy": created_by,
        "inputSize": len(given),
        "outputSize": len(output),
    }


def get_status(
    engine: Engine, execution_id: str, include_output: bool = False, include_variables: bool = False
) -> Document:
    """Conductor's WorkflowStatus.

    Raises:
        ExecutionNotFound: there is none.
    """
    row = engine.store.read(lambda s: executions.by_id(s, execution_id))
    if row is None:
        raise ExecutionNotFound(execution_id)
    state = state_of(engine.programs.get(row.program_id), row)
    return {
        "workflowId": row.id,
        "correlationId": row.correlation_id,
        "status": WorkflowStatus(row.status),
        "output": _object(state.output) if include_output else {},
        "variables": state.variables if include_variables else {},
    }


def _object(value: Any) -> Any:
    return value if isinstance(value, dict) else {"result": value}
