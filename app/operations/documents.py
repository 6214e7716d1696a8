"""What operations answer, as JSON with Conductor's names. Times are milliseconds since the epoch (UTC)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.operations.query import ExecutionState, TaskExecution
from app.operations.tree import ExecutionTree, TaskTree
from app.operations.workers import Worker

Document = dict[str, Any]


def execution_document(state: ExecutionState) -> Document:
    """An execution without its tasks."""
    return {
        "workflowId": state.id,
        "workflowName": state.name,
        "workflowVersion": state.version,
        "status": state.status,
        "input": state.input,
        "output": state.output,
        "variables": state.variables,
        "reasonForIncompletion": state.reason,
        "correlationId": state.correlation_id,
        "idempotencyKey": state.idempotency_key,
        "parentWorkflowId": state.parent_id,
        "priority": state.priority,
        "failedReferenceTaskNames": list(state.failed_refs),
        "createTime": state.created,
        "updateTime": state.updated,
        "endTime": state.ended,
        "rateLimitKey": state.rate_limit_key,
        "rateLimited": state.rate_limited,
    } | ({} if state.compensates is None else {"compensates": state.compensates})


def task_document(task: TaskExecution) -> Document:
    """One attempt of a task."""
    return {
        "taskId": task.id,
        "referenceTaskName": task.ref,
        "taskDefName": task.name,
        "taskType": task.type,
        "status": task.status,
        "retryCount": task.attempt,
        "retried": task.retried,
        "iteration": task.iteration,
        "inputData": task.input,
        "outputData": task.output,
        "reasonForIncompletion": task.reason,
        "workerId": task.worker,
        "subWorkflowId": task.sub_workflow_id,
        "scheduledTime": task.scheduled,
        "startTime": task.started,
        "endTime": task.ended,
        "dueTime": task.due_at,
    }


def tree_document(tree: ExecutionTree) -> Document:
    """An execution with `tasks`: every attempt in a flat list, in the order of the definition. A task that has
    started a sub-workflow holds its document as `subWorkflow`; what undoes it is in `compensation`."""
    document = {**execution_document(tree.execution), "tasks": [d for t in tree.tasks for d in _flat(t)]}
    if tree.compensation is not None:
        document["compensation"] = tree_document(tree.compensation)
    return document


def _flat(tree: TaskTree) -> list[Document]:
    found = [task_document(task) for task in tree.attempts]
    for child in tree.children:
        for document in found:
            if document["subWorkflowId"] == child.execution.id:
                document["subWorkflow"] = tree_document(child)
    return found + [d for group in tree.groups for task in group.tasks for d in _flat(task)]


def logs_added(document: Document, logs: Mapping[str, Sequence[tuple[int, str, str]]]) -> Document:
    """A tree's document whose tasks, sub-workflows' too, have `logs`; given by task id as (ms, level, message)."""
    for task in document["tasks"]:
        lines = logs.get(task["taskId"], ())
        task["logs"] = [{"createdTime": at, "level": level, "log": line} for at, level, line in lines]
        if "subWorkflow" in task:
            logs_added(task["subWorkflow"], logs)
    if "compensation" in document:
        logs_added(document["compensation"], logs)
    return document


def worker_document(worker: Worker) -> Document:
    """One worker."""
    return {
        "id": worker.id,
        "hostname": worker.hostname,
        "pid": worker.pid,
        "concurrency": worker.concurrency,
        "queues": list(worker.queues),
        "tasks": list(worker.tasks),
        "startTime": worker.started,
        "heartbeatTime": worker.heartbeat,
        "silent": worker.silent,
    }
