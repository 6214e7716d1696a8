"""Executions: /workflow."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Query, Response
from pydantic import BeforeValidator

from app.operations import conductor
from app.operations.start import start
from app.operations.waiting import ReturnStrategy, signal_response
from app.rest.access import Caller
from app.rest.bodies import (
    InPath,
    OptionalInt,
    OptionalText,
    StartWorkflowRequest,
    VersionInPath,
    blank_is_zero,
)
from app.rest.context import CallerHere, EngineHere, Here, run
from app.rest.errors import Refused
from app.rest.replies import Json, Text
from app.rest.route import router
from app.rest.routes.metadata import workflow_of
from app.rest.waiting import until_reached
from app.runtime.clock import new_id
from app.runtime.engine import Engine
from workflows.model import IdempotencyStrategy

routes = router("workflow", "/workflow")
LONGEST_WAIT = 600


def started(
    engine: Engine,
    caller: Caller,
    request: StartWorkflowRequest,
    *,
    name: str | None = None,
    version: int | None = None,
    awaited: bool = False,
) -> str:
    """Start what a request asks for; its id. `name`, `version`: of the path, where it has them.

    Raises:
        Refused: it names nothing.
    """
    definition = None if request.workflow_def is None else workflow_of(request.workflow_def)
    chosen = name or request.name or (definition.name if definition else None)
    if chosen is None:
        raise Refused(400, "name the workflow: name is missing")
    keyed = request.idempotency_key or None
    return start(
        engine,
        chosen,
        request.input or {},
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
    )


@routes.post("")
def start_workflow(engine: EngineHere, caller: CallerHere, request: StartWorkflowRequest) -> Response:
    """Start an execution; answers its id as text."""
    return Text(started(engine, caller, request))


@routes.post("/execute/{name}/{version}")
async def execute(
    here: Here,
    caller: CallerHere,
    name: InPath,
    version: VersionInPath,
    request: StartWorkflowRequest,
    requestId: OptionalText = None,
    waitUntilTaskRef: OptionalText = None,
    waitForSeconds: Annotated[int, BeforeValidator(blank_is_zero), Query(ge=0, le=LONGEST_WAIT)] = 10,
    consistency: OptionalText = None,
    returnStrategy: ReturnStrategy = ReturnStrategy.TARGET_WORKFLOW,
) -> Response:
    """Start an execution and wait until it ends, waits for somebody, or one of some tasks has ended."""
    del consistency  # what is answered has been committed in any case
    chosen = None if request.workflow_def is not None else version
    execution_id = await run(started, here.engine, caller, request, name=name, version=chosen, awaited=True)
    refs = [ref.strip() for ref in (waitUntilTaskRef or "").split(",") if ref.strip()]
    stand, timed_out = await until_reached(here, execution_id, waitForSeconds or 10, refs)
    answer = await run(signal_response, here.engine, stand, returnStrategy, requestId or new_id(), timed_out)
    return Json(answer)


@routes.post("/{name}")
def start_by_name(
    engine: EngineHere,
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
    return Text(started(engine, caller, request))


@routes.get("/{workflow_id}/status")
def get_status(
    engine: EngineHere, workflow_id: InPath, includeOutput: bool = False, includeVariables: bool = False
) -> Response:
    """How an execution is doing."""
    return Json(conductor.get_status(engine, workflow_id, includeOutput, includeVariables))


@routes.get("/{workflow_id}")
def get_workflow(engine: EngineHere, workflow_id: InPath, includeTasks: bool = True) -> Response:
    """An execution."""
    return Json(conductor.get_workflow(engine, workflow_id, includeTasks))
