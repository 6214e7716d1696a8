"""Calls that start or change an execution and wait for what comes of it; and runs with made-up results."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Query, Response
from pydantic import BeforeValidator, Field

from app.operations.outside import ResultStatus
from app.operations.signal import update_state
from app.operations.simulation import MockResult, Scenario, simulate
from app.operations.waiting import ReturnStrategy, signal_response, workflow_run
from app.rest.answers import SignalResponse, Workflow, WorkflowRun, answers
from app.rest.bodies import Body as Model
from app.rest.bodies import (
    InPath,
    Natural,
    Object,
    OptionalInt,
    OptionalText,
    StartWorkflowRequest,
    TaskResultBody,
    VersionInPath,
    blank_is_zero,
)
from app.rest.context import CallerHere, EngineHere, Here, run
from app.rest.errors import Refused
from app.rest.replies import Json
from app.rest.route import router
from app.rest.routes.metadata import workflow_of
from app.rest.routes.tasks import result_of
from app.rest.routes.workflows import started
from app.rest.waiting import until_reached
from app.runtime.clock import new_id

routes = router("execute", "/workflow")
LONGEST_WAIT = 600
Seconds = Annotated[int, BeforeValidator(blank_is_zero), Query(ge=0, le=LONGEST_WAIT)]


@routes.post("/execute/{name}/{version}", **answers(SignalResponse))
async def execute(
    here: Here,
    caller: CallerHere,
    name: InPath,
    version: VersionInPath,
    request: StartWorkflowRequest,
    requestId: OptionalText = None,
    waitUntilTaskRef: OptionalText = None,
    waitForSeconds: Seconds = 10,
    consistency: OptionalText = None,
    returnStrategy: ReturnStrategy = ReturnStrategy.TARGET_WORKFLOW,
) -> Response:
    """Start an execution and wait until it ends, waits for somebody, or one of some tasks has ended."""
    del consistency  # what is answered has been committed in any case
    chosen = None if request.workflow_def is not None else version
    refs = _refs(waitUntilTaskRef)
    execution_id = await run(
        started, here, caller, request, name=name, version=chosen, awaited=True, each_step=bool(refs)
    )
    stand, late = await until_reached(here, execution_id, waitForSeconds or 10, refs)
    answer = await run(signal_response, here.engine, stand, returnStrategy, requestId or new_id(), late)
    return Json(answer)


@routes.post("/execute/{name}", **answers(Object))
async def execute_as_api(
    here: Here,
    caller: CallerHere,
    name: InPath,
    input: Annotated[dict[str, Any] | None, Body()] = None,  # Conductor's name
    version: OptionalInt = None,
    waitForSeconds: Seconds = 10,
) -> Response:
    """Start an execution with the body as its input, wait for its end, and answer its output alone."""
    request = StartWorkflowRequest(name=name, version=version, input=input)
    execution_id = await run(started, here, caller, request, awaited=True)
    stand, _late = await until_reached(here, execution_id, waitForSeconds or 10)
    told = await run(workflow_run, here.engine, stand.row)
    headers = {"X-Workflow-Id": execution_id, "X-Workflow-Status": str(told["status"])}
    return Json(told["output"], headers=headers)


class WorkflowStateUpdate(Model):
    """What is changed in an execution."""

    task_reference_name: str | None = None
    task_result: TaskResultBody | None = None
    variables: Object | None = None


@routes.post("/{workflow_id}/state", **answers(WorkflowRun))
async def update_workflow_state(
    here: Here,
    caller: CallerHere,
    workflow_id: InPath,
    update: WorkflowStateUpdate,
    requestId: OptionalText = None,
    waitUntilTaskRef: OptionalText = None,
    waitForSeconds: Seconds = 10,
) -> Response:
    """Set variables and take a task's result, both or neither; then wait as for /execute."""
    given, refs = update.task_result, _refs(waitUntilTaskRef)
    result = None if given is None else await run(result_of, here.engine, given)
    topic = await run(
        update_state,
        here.engine,
        workflow_id,
        variables=update.variables,
        ref=update.task_reference_name or None,
        result=result,
        each_step=bool(refs),
        actor=caller.name,
    )
    stand, _late = await until_reached(here, workflow_id, waitForSeconds, refs, topic=topic)
    told = await run(workflow_run, here.engine, stand.row)
    return Json(told | {"requestId": requestId or new_id()})


class TaskMock(Model):
    """One made-up result of a task."""

    status: ResultStatus = ResultStatus.COMPLETED
    output: Object | None = None
    execution_time: Natural = 0
    queue_wait_time: Natural = 0


Mocks = Annotated[list[TaskMock], Field(max_length=10_000)]


class WorkflowTestRequest(StartWorkflowRequest):
    """What is run, and what its tasks are said to answer."""

    task_ref_to_mock_output: Annotated[dict[str, Mocks], Field(max_length=10_000)] | None = None
    sub_workflow_test_request: Annotated[dict[str, WorkflowTestRequest], Field(max_length=1_000)] | None = (
        None
    )


@routes.post("/test", **answers(Workflow))
def test_workflow(engine: EngineHere, request: WorkflowTestRequest) -> Response:
    """Run a definition with made-up results: no worker is asked, and nothing is left in the tables. Answers the
    execution as it has ended, or as it stands before a task without a result."""
    definition = None if request.workflow_def is None else workflow_of(request.workflow_def)
    name = request.name or (definition.name if definition else None)
    if name is None:
        raise Refused(400, "name the workflow: name is missing")
    told = simulate(
        engine,
        name,
        request.input,
        _scenario(request),
        version=request.version or None,
        definition=definition,
        correlation_id=request.correlation_id or None,
        priority=request.priority or 0,
    )
    return Json(told)


def _scenario(request: WorkflowTestRequest) -> Scenario:
    results = {
        ref: [
            MockResult(mock.status, mock.output or {}, mock.execution_time, mock.queue_wait_time)
            for mock in mocks
        ]
        for ref, mocks in (request.task_ref_to_mock_output or {}).items()
    }
    below = request.sub_workflow_test_request or {}
    return Scenario(results, {ref: _scenario(child) for ref, child in below.items()})


def _refs(text: str | None) -> list[str]:
    return [ref.strip() for ref in (text or "").split(",") if ref.strip()]
