"""Operations on executions: /workflow/{workflowId}/pause and the like."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Query, Response

from app.operations import control, signal
from app.operations.conductor import get_workflow
from app.rest.answers import NOTHING, TEXT, Workflow, answers
from app.rest.bodies import Body as Model
from app.rest.bodies import InPath, Key, Object
from app.rest.context import CallerHere, EngineHere
from app.rest.replies import Json, Text, nothing
from app.rest.route import router

routes = router("control", "/workflow")
Reason = Annotated[str | None, Query(max_length=2_000)]


@routes.put("/{workflow_id}/pause", **NOTHING)
def pause(engine: EngineHere, caller: CallerHere, workflow_id: InPath) -> Response:
    """Have nothing new begin in an execution."""
    control.pause(engine, workflow_id, actor=caller.name)
    return nothing()


@routes.put("/{workflow_id}/resume", **NOTHING)
def resume(engine: EngineHere, caller: CallerHere, workflow_id: InPath) -> Response:
    """Go on with an execution that is paused."""
    control.resume(engine, workflow_id, actor=caller.name)
    return nothing()


@routes.delete("/{workflow_id}", **NOTHING)
def terminate(engine: EngineHere, caller: CallerHere, workflow_id: InPath, reason: Reason = None) -> Response:
    """End an execution."""
    control.terminate(engine, workflow_id, reason or "", actor=caller.name)
    return nothing()


@routes.post("/{workflow_id}/restart", status_code=204, **NOTHING)
def restart(
    engine: EngineHere, caller: CallerHere, workflow_id: InPath, useLatestDefinitions: bool = False
) -> Response:
    """Do an execution that has ended all anew."""
    control.restart(engine, workflow_id, latest_definition=useLatestDefinitions, actor=caller.name)
    return nothing(204)


@routes.post("/{workflow_id}/retry", status_code=204, **NOTHING)
def retry(
    engine: EngineHere, caller: CallerHere, workflow_id: InPath, resumeSubworkflowTasks: bool = False
) -> Response:
    """Try again what failed."""
    control.retry(engine, workflow_id, resume_sub_workflows=resumeSubworkflowTasks, actor=caller.name)
    return nothing(204)


class RerunRequest(Model):
    """Where an execution is done again from."""

    re_run_from_workflow_id: str | None = None
    workflow_input: Object | None = None
    re_run_from_task_id: str | None = None
    task_input: Object | None = None
    correlation_id: Key | None = None


@routes.post("/{workflow_id}/rerun", **TEXT)
def rerun(engine: EngineHere, caller: CallerHere, workflow_id: InPath, given: RerunRequest) -> Response:
    """Do an execution again from a task on, or from the start; answers its id."""
    task = given.re_run_from_task_id or None
    control.rerun(
        engine,
        workflow_id,
        task,
        input=given.task_input if task else given.workflow_input,
        correlation_id=None if task else given.correlation_id,
        actor=caller.name,
    )
    return Text(workflow_id)


class SkipTaskRequest(Model):
    """What a task that is passed over is said to have got and put out."""

    task_input: Object | None = None
    task_output: Object | None = None


@routes.put("/{workflow_id}/skiptask/{ref}", **NOTHING)
def skip(
    engine: EngineHere,
    caller: CallerHere,
    workflow_id: InPath,
    ref: InPath,
    given: SkipTaskRequest | None = None,
) -> Response:
    """Have a task that was not reached yet passed over."""
    given = given or SkipTaskRequest()
    control.skip_task(
        engine, workflow_id, ref, input=given.task_input, output=given.task_output, actor=caller.name
    )
    return nothing()


@routes.post("/{workflow_id}/variables", **answers(Workflow))
def update_variables(
    engine: EngineHere, caller: CallerHere, workflow_id: InPath, variables: Annotated[dict[str, Any], Body()]
) -> Response:
    """Set variables of an execution; answers the execution."""
    control.update_variables(engine, workflow_id, variables, actor=caller.name)
    return Json(get_workflow(engine, workflow_id))


@routes.post("/{workflow_id}/messages", **TEXT)
def send_message(
    engine: EngineHere, caller: CallerHere, workflow_id: InPath, message: Annotated[dict[str, Any], Body()]
) -> Response:
    """Send a message to an execution, for a PULL_WORKFLOW_MESSAGES task of it; answers the message's id."""
    return Text(signal.send_message(engine, workflow_id, message, actor=caller.name))


@routes.post("/{workflow_id}/resetcallbacks", status_code=204, **NOTHING)
def reset_callbacks(engine: EngineHere, caller: CallerHere, workflow_id: InPath) -> Response:
    """Hand tasks out now that asked to be handed out again later."""
    control.reset_callbacks(engine, workflow_id, actor=caller.name)
    return nothing(204)


@routes.put("/decide/{workflow_id}", **NOTHING)
def decide(engine: EngineHere, workflow_id: InPath) -> Response:
    """Conductor looks at an execution again; here that happens whenever something changes. Answers whether it is there."""
    get_workflow(engine, workflow_id, include_tasks=False)
    return nothing()
