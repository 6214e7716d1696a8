"""Signals: end what an execution waits at, without naming the task. And Conductor's /queue/update."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Query, Response

from app.errors import TaskNotFound
from app.operations import outside
from app.operations.conductor import get_workflow
from app.operations.outside import ResultStatus, TaskResult
from app.operations.signal import signal
from app.operations.waiting import ReturnStrategy, signal_response
from app.rest.answers import NOTHING, SignalResponse, answers
from app.rest.bodies import InPath
from app.rest.context import CallerHere, EngineHere, Here, run
from app.rest.errors import Refused
from app.rest.replies import Json, nothing
from app.rest.route import router
from app.rest.routes.tasks import status_of
from app.rest.waiting import until_reached
from app.runtime.clock import new_id

routes = router("signal")
Output = Annotated[dict[str, Any] | None, Body()]
LONGEST_WAIT_MS = 600_000
_ENDS = (ResultStatus.COMPLETED, ResultStatus.FAILED, ResultStatus.FAILED_WITH_TERMINAL_ERROR)


@routes.post("/tasks/{workflow_id}/{status}/signal", **NOTHING)
def signal_async(
    engine: EngineHere, caller: CallerHere, workflow_id: InPath, status: InPath, output: Output = None
) -> Response:
    """End the WAIT that an execution, or a sub-workflow of it, waits at; where there is none, nothing happens."""
    signal(engine, workflow_id, status_of(status), output, actor=caller.name)
    return nothing()


@routes.post("/tasks/{workflow_id}/{status}/signal/sync", **answers(SignalResponse))
async def signal_sync(
    here: Here,
    caller: CallerHere,
    workflow_id: InPath,
    status: InPath,
    output: Output = None,
    returnStrategy: ReturnStrategy = ReturnStrategy.TARGET_WORKFLOW,
    timeoutMillis: Annotated[int, Query(ge=0, le=LONGEST_WAIT_MS)] = 5_000,
) -> Response:
    """As without /sync; then wait until the execution has ended or waits for somebody again."""
    wanted = status_of(status)
    topic = await run(signal, here.engine, workflow_id, wanted, output, awaited=True, actor=caller.name)
    if topic is None:
        raise Refused(404, f"Found no blocked task in workflow {workflow_id} to signal")
    stand, late = await until_reached(here, workflow_id, timeoutMillis / 1000, topic=topic)
    return Json(await run(signal_response, here.engine, stand, returnStrategy, new_id(), late))


@routes.post("/queue/update/{workflow_id}/task/{task_id}/{status}", **NOTHING)
def update_queue_by_id(
    engine: EngineHere, workflow_id: InPath, task_id: InPath, status: InPath, output: Output = None
) -> Response:
    """End a task that waits, by its id. Conductor sends this through a queue; here it is done at once."""
    wanted = _end_of(status)
    get_workflow(engine, workflow_id, include_tasks=False)
    outside.update(engine, TaskResult(task_id, wanted, output))
    return nothing()


@routes.post("/queue/update/{workflow_id}/{ref}/{status}", **NOTHING)
def update_queue(
    engine: EngineHere, workflow_id: InPath, ref: InPath, status: InPath, output: Output = None
) -> Response:
    """End a task that waits, by its reference. Conductor sends this through a queue; here it is done at once."""
    wanted = _end_of(status)
    task_id = outside.open_task(engine, workflow_id, ref)
    if task_id is None:
        raise TaskNotFound(workflow_id, ref)
    outside.update(engine, TaskResult(task_id, wanted, output))
    return nothing()


def _end_of(status: str) -> ResultStatus:
    found = status_of(status)
    if found not in _ENDS:
        raise Refused(400, f"status {status!r} ends nothing; it is one of {', '.join(_ENDS)}")
    return found
