"""Executions: /workflow."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Query, Response

from app.operations import conductor, payloads
from app.operations.start import start
from app.rest.access import Caller
from app.rest.answers import TEXT, Status, Workflow, answers
from app.rest.bodies import (
    InPath,
    OptionalInt,
    OptionalText,
    StartWorkflowRequest,
)
from app.rest.context import CallerHere, Context, EngineHere, Here
from app.rest.errors import Refused
from app.rest.replies import Json, Text
from app.rest.route import router
from app.rest.routes.metadata import workflow_of
from workflows.model import IdempotencyStrategy

routes = router("workflow", "/workflow")


def started(
    here: Context,
    caller: Caller,
    request: StartWorkflowRequest,
    *,
    name: str | None = None,
    version: int | None = None,
    awaited: bool = False,
    each_step: bool = False,
) -> str:
    """Start what a request asks for; its id. `name`, `version`: of the path, where it has them.

    Raises:
        Refused: it names nothing.
    """
    engine = here.engine
    definition = None if request.workflow_def is None else workflow_of(request.workflow_def)
    chosen = name or request.name or (definition.name if definition else None)
    if chosen is None:
        raise Refused(400, "name the workflow: name is missing")
    keyed, began = request.idempotency_key or None, engine.clock()
    brought = request.external_input_payload_storage_path
    execution_id = start(
        engine,
        chosen,
        payloads.fetch(engine, brought) if brought else request.input or {},
        version=(request.version if version is None else version) or None,
        correlation_id=request.correlation_id or None,
        idempotency_key=keyed,
        idempotency_strategy=request.idempotency_strategy or IdempotencyStrategy.FAIL
        if keyed
        else IdempotencyStrategy.FAIL,
        priority=request.priority or 0,
        created_by=request.created_by or caller.name,
        definition=definition,
        task_to_domain=request.task_to_domain,
        awaited=awaited,
        each_step=each_step,
    )
    here.metrics.started.inc()
    engine.trace_start(execution_id, "/api/workflow", began, caller.traceparent)
    return execution_id


@routes.post("", **TEXT)
def start_workflow(here: Here, caller: CallerHere, request: StartWorkflowRequest) -> Response:
    """Start an execution; answers its id as text."""
    return Text(started(here, caller, request))


@routes.post("/{name}", **TEXT)
def start_by_name(
    here: Here,
    caller: CallerHere,
    name: InPath,
    input: Annotated[dict[str, Any] | None, Body()] = None,  # Conductor's name
    version: OptionalInt = None,
    correlationId: OptionalText = None,
    priority: Annotated[int, Query(ge=0, le=99)] = 0,
) -> Response:
    """Start an execution, with the body as its input; answers its id as text."""
    request = StartWorkflowRequest(
        name=name, version=version, correlation_id=correlationId, priority=priority, input=input
    )
    return Text(started(here, caller, request))


@routes.get("/{workflow_id}/status", **answers(Status))
def get_status(
    engine: EngineHere, workflow_id: InPath, includeOutput: bool = False, includeVariables: bool = False
) -> Response:
    """How an execution is doing."""
    return Json(conductor.get_status(engine, workflow_id, includeOutput, includeVariables))


@routes.get("/{workflow_id}", **answers(Workflow))
def get_workflow(engine: EngineHere, workflow_id: InPath, includeTasks: bool = True) -> Response:
    """An execution."""
    return Json(conductor.get_workflow(engine, workflow_id, includeTasks))
