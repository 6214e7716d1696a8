"""What a handler's action does, inside the transaction that records that it was done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from app.errors import InvalidInput, TaskNotFound, WrongState
from app.operations.audit import locked_execution
from app.operations.signal import open_task
from app.operations.start import start_within
from app.runtime import ending
from app.runtime.execution import Execution
from app.runtime.payload import dump, too_large
from app.runtime.settle import Settlement
from app.store import executions, tasks
from app.store.inbox import MessageRow
from app.store.tasks import TaskRow
from workflows.events import (
    Action,
    ActionType,
    StartWorkflow,
    TaskDetails,
    TerminateWorkflow,
    UpdateWorkflowVariables,
)
from workflows.expressions import Template
from workflows.operator import Done, Failed
from workflows.status import TaskStatus, WorkflowStatus


def act(settlement: Settlement, action: Action, message: MessageRow, payload: Any) -> dict[str, Any]:
    """Do an action; its output.

    payload: the message; its fields are what `${…}` reads.

    Raises:
        PodiumError: it can't be done; nothing of it was.
    """
    details, about = action.details, _about(message)
    given = Template.compile(details.to_json()).resolve(payload if isinstance(payload, Mapping) else {})
    match details:
        case StartWorkflow():
            # The name is as it was written: a message must not choose what is started.
            return _start(settlement, details, given, about, message, payload)
        case TaskDetails():
            return _end_task(settlement, action.action, given, about)
        case TerminateWorkflow():
            reason = given.get("terminationReason") or f"terminated by event {message.event}"
            return _terminate(settlement, _word(given, "workflowId"), str(reason))
        case UpdateWorkflowVariables():
            return _update_variables(settlement, _word(given, "workflowId"), given)
    raise AssertionError(details)


def _about(message: MessageRow) -> dict[str, str]:
    return {"conductor.event.messageId": message.message_id, "conductor.event.name": message.event}


def _start(
    settlement: Settlement,
    details: StartWorkflow,
    given: Mapping[str, Any],
    about: Mapping[str, str],
    message: MessageRow,
    payload: Any,
) -> dict[str, Any]:
    correlation_id = given.get("correlationId")
    domains = given.get("taskToDomain") or (
        payload.get("taskToDomain") if isinstance(payload, Mapping) else None
    )
    execution_id = start_within(
        settlement,
        details.name,
        {**(given.get("input") or {}), **about},
        version=details.version,
        correlation_id=None if correlation_id is None else str(correlation_id),
        task_to_domain=domains if isinstance(domains, Mapping) else None,
        event=message.event,
    )
    return {"workflowId": execution_id}


def _end_task(
    settlement: Settlement, kind: ActionType, given: Mapping[str, Any], about: Mapping[str, str]
) -> dict[str, Any]:
    execution, row = _task(settlement, given)
    if WorkflowStatus(execution.row(settlement.session).status).terminal:
        raise WrongState(f"execution {execution.id} has ended, and its tasks with it")
    rest = {key: value for key, value in given.items() if key != "output"}
    output = {**rest, **(given.get("output") or {}), **about}
    if kind is ActionType.COMPLETE_TASK:
        outcome: Done | Failed = Done(output)
    else:
        reason = given.get("reasonForIncompletion") or f"failed by event {about['conductor.event.name']}"
        outcome = Failed(str(reason), output=output)
    if not settlement.outcome_of_open(execution, row, outcome):
        raise WrongState(f"task {row.ref} of execution {execution.id} has just ended")
    return {"workflowId": execution.id, "taskId": row.id}


def _task(settlement: Settlement, given: Mapping[str, Any]) -> tuple[Execution, TaskRow]:
    if given.get("taskId"):
        task_id = _word(given, "taskId")
        row = tasks.by_id(settlement.session, task_id)
        if row is None:
            raise TaskNotFound("(unknown)", task_id)
        execution = locked_execution(settlement.engine, settlement, row.workflow_id)
        row = tasks.by_id(settlement.session, task_id, lock=True)
        if row is None or TaskStatus(row.status).terminal:
            raise WrongState(f"task {task_id} has ended")
        return execution, row
    execution = locked_execution(settlement.engine, settlement, _word(given, "workflowId"))
    return execution, open_task(settlement, execution, _word(given, "taskRefName"))


def _terminate(settlement: Settlement, execution_id: str, reason: str) -> dict[str, Any]:
    execution = locked_execution(settlement.engine, settlement, execution_id)
    if not ending.terminated(settlement, execution, reason):
        raise WrongState(f"execution {execution_id} has ended and can't be terminated")
    return {"workflowId": execution_id}


def _update_variables(settlement: Settlement, execution_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    row = locked_execution(settlement.engine, settlement, execution_id).row(settlement.session)
    if WorkflowStatus(row.status).terminal:
        raise WrongState(f"execution {execution_id} is {row.status}: its variables do not change any more")
    variables: dict[str, Any] = orjson.loads(row.variables)
    changes: Mapping[str, Any] = given.get("variables") or {}
    for name, value in changes.items():
        held = variables.get(name)
        if given.get("appendArray") is True and isinstance(held, list):
            variables[name] = [*held, *(value if isinstance(value, list) else [value])]
        else:
            variables[name] = value
    problem = too_large(variables, settlement.engine.payload_limit)
    if problem:
        raise InvalidInput(f"the variables of execution {execution_id} {problem}")
    executions.set_variables(settlement.session, execution_id, dump(variables), settlement.now)
    return {"workflowId": execution_id, "variables": sorted(changes)}


def _word(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"the message gives no {name}: it is {value!r}")
    return value
