"""Tasks and the workers that poll for them: /tasks."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Body, Query, Request, Response
from pydantic import BeforeValidator

from app.operations import outside, payloads, query
from app.operations.conductor import get_task, get_workflow, handed_out_document
from app.operations.outside import HandedOut, ResultStatus, TaskResult, Updated
from app.rest.answers import NOTHING, OR_NOTHING, TEXT, PollData, Task, TaskLog, Workflow, answers
from app.rest.bodies import ExecLog, InPath, OptionalText, TaskResultBody
from app.rest.context import Context, EngineHere, Here, run
from app.rest.errors import Refused
from app.rest.replies import Json, Text, nothing
from app.rest.route import OPERATOR, router
from app.runtime.engine import Engine
from app.runtime.settle import outside_queue
from app.store.outside import PollRow

routes = router("tasks", "/tasks")
LONGEST_POLL_MS = 5_000
MOST_AT_ONCE = 1_000
SHORT_POLL_SECONDS = 0.1
_LONGEST_LINE = 64 * 1024
_ANONYMOUS = "unknown"

Milliseconds = Annotated[
    int, BeforeValidator(lambda value: 100 if value in ("", "None") else value), Query(ge=0)
]
Count = Annotated[int, BeforeValidator(lambda value: 1 if value in ("", "None") else value), Query(ge=1)]


async def _poll(
    here: Context, name: str, worker: str | None, domain: str | None, count: int, seconds: float
) -> list[HandedOut]:
    queue, who = outside_queue(name, domain), worker or _ANONYMOUS
    here.polls.note(name, domain, who)
    engine = here.engine

    async def look() -> list[HandedOut]:
        return await run(outside.hand_out, engine, queue, who, count)

    found = await here.hub.take(queue, seconds, look, count)
    here.metrics.polls.inc()
    here.metrics.handed_out.inc(len(found))
    return found


@routes.get("/poll/batch/{tasktype}", openapi_extra=OPERATOR, **answers(list[Task]))
async def batch_poll(
    here: Here,
    tasktype: InPath,
    workerid: OptionalText = None,
    domain: OptionalText = None,
    count: Count = 1,
    timeout: Milliseconds = 100,
) -> Response:
    """Hand out at most `count` tasks; waits up to `timeout` milliseconds for the first."""
    if timeout > LONGEST_POLL_MS:
        raise Refused(400, "Long Poll Timeout value cannot be more than 5 seconds")
    found = await _poll(here, tasktype, workerid, domain, min(count, MOST_AT_ONCE), timeout / 1000)
    return Json(await _all_handed_out(here.engine, found))


@routes.get("/poll/{tasktype}", openapi_extra=OPERATOR, **answers(Task), **OR_NOTHING)
async def poll(
    here: Here, tasktype: InPath, workerid: OptionalText = None, domain: OptionalText = None
) -> Response:
    """Hand out a task; 204 when there is none."""
    found = await _poll(here, tasktype, workerid, domain, 1, SHORT_POLL_SECONDS)
    return Json((await _all_handed_out(here.engine, found))[0]) if found else nothing(204)


@routes.post("", **TEXT)
def update(here: Here, result: TaskResultBody) -> Response:
    """Take a worker's result; answers the id of the task."""
    _taken(here, result_of(here.engine, result))
    return Text(result.task_id)


@routes.post("/update-v2", **answers(Task), **OR_NOTHING)
def update_and_poll(here: Here, result: TaskResultBody) -> Response:
    """Take a worker's result, and hand it the next task of the same queue; 204 when there is none."""
    engine, updated = here.engine, _taken(here, result_of(here.engine, result))
    if not updated.ended:
        return nothing(204)
    found = outside.hand_out(engine, updated.queue, result.worker_id or _ANONYMOUS)
    return Json(_handed_out(engine, found[0])) if found else nothing(204)


def _taken(here: Context, result: TaskResult) -> Updated:
    updated = outside.update(here.engine, result)
    here.metrics.updates.labels(result.status).inc()
    return updated


async def _all_handed_out(engine: Engine, found: list[HandedOut]) -> list[dict[str, Any]]:
    def work() -> list[dict[str, Any]]:
        return [_handed_out(engine, task) for task in found]

    # What is traced is looked up in the database.
    return work() if engine.traces is None else await run(work)


def _handed_out(engine: Engine, task: HandedOut) -> dict[str, Any]:
    document = handed_out_document(engine, task)
    if engine.traces is not None:
        document["traceparent"] = engine.traces.parent_of(task.row.workflow_id, task.row.id)
    return document


@routes.get("/queue/sizes", **answers(dict[str, int]))
def queue_sizes(engine: EngineHere, taskType: Annotated[list[str] | None, Query()] = None) -> Response:
    """How many tasks of each name wait for outside workers."""
    if not taskType:
        return Json(outside.queue_sizes(engine))
    return Json({name: outside.queue_size(engine, name) for name in taskType[:MOST_AT_ONCE]})


@routes.get("/queue/size", **answers(int))
def queue_size(
    engine: EngineHere, taskType: Annotated[str, Query(max_length=255)], domain: OptionalText = None
) -> Response:
    """How many tasks of a name, in a domain, wait for outside workers."""
    return Json(outside.queue_size(engine, outside_queue(taskType, domain)))


@routes.get("/queue/all", **answers(dict[str, int]))
def all_queues(engine: EngineHere) -> Response:
    """How many tasks wait for outside workers in each queue."""
    return Json(outside.queue_sizes(engine))


@routes.get("/queue/all/verbose", **answers(dict[str, dict[str, dict[str, int]]]))
def all_queues_verbose(engine: EngineHere) -> Response:
    """As /queue/all, in Conductor's shards."""
    sizes = outside.queue_sizes(engine)
    return Json({queue: {"a": {"size": size, "uacked": 0}} for queue, size in sizes.items()})


@routes.get("/queue/polldata", **answers(list[PollData]))
def poll_data(here: Here, taskType: Annotated[str, Query(max_length=255)]) -> Response:
    """When workers last polled for tasks of a name, by domain."""
    here.polls.write(here.engine)
    return Json([_poll_document(row) for row in outside.poll_data(here.engine, taskType)])


@routes.get("/queue/polldata/all", **answers(list[PollData]))
def all_poll_data(here: Here) -> Response:
    """When workers last polled, by name and domain."""
    here.polls.write(here.engine)
    return Json([_poll_document(row) for row in outside.poll_data(here.engine)])


@routes.post("/queue/requeue/{tasktype}", **TEXT)
def requeue(engine: EngineHere, tasktype: InPath) -> Response:
    """Conductor puts tasks back into a queue that lost them; here the table is the queue, and nothing is lost.
    Answers how many wait."""
    return Text(str(outside.queue_size(engine, tasktype)))


@routes.post("/{task_id}/log", **NOTHING)
async def add_log(request: Request, here: Here, task_id: InPath) -> Response:
    """Write a line to a task's log: the body is the bare text, or a JSON string."""
    text = (await request.body()).decode("utf-8", "replace")[:_LONGEST_LINE]
    await run(outside.add_log, here.engine, task_id, _unescaped(text).replace("\0", ""))
    return nothing()


Output = Annotated[dict[str, Any] | None, Body()]


@routes.post("/{workflow_id}/{ref}/{status}", **TEXT)
def update_by_reference(
    engine: EngineHere,
    workflow_id: InPath,
    ref: InPath,
    status: InPath,
    output: Output = None,
    workerid: OptionalText = None,
) -> Response:
    """Take the result of an open task by its reference; answers its id, or nothing when none is open."""
    return Text(_updated(engine, workflow_id, ref, status, output, workerid) or "")


@routes.post("/{workflow_id}/{ref}/{status}/sync", **answers(Workflow))
def update_by_reference_and_get(
    engine: EngineHere,
    workflow_id: InPath,
    ref: InPath,
    status: InPath,
    output: Output = None,
    workerid: OptionalText = None,
) -> Response:
    """As without /sync; answers the execution."""
    if _updated(engine, workflow_id, ref, status, output, workerid) is None:
        raise Refused(404, f"Found no running task {ref} of workflow {workflow_id} to update")
    return Json(get_workflow(engine, workflow_id))


def _updated(
    engine: Engine, workflow_id: str, ref: str, status: str, output: dict[str, Any] | None, worker: str | None
) -> str | None:
    wanted = status_of(status)
    task_id = outside.open_task(engine, workflow_id, ref)
    if task_id is not None:
        outside.update(engine, TaskResult(task_id, wanted, output, worker=worker))
    return task_id


@routes.get("/{task_id}/log", **answers(list[TaskLog]), **OR_NOTHING)
def get_log(engine: EngineHere, task_id: InPath) -> Response:
    """A task's log; 204 when it has none."""
    found = query.get_task_log(engine, task_id)
    if not found:
        return nothing(204)
    return Json([{"log": line, "taskId": task_id, "createdTime": at} for at, _level, line in found])


@routes.get("/{task_id}", **answers(Task))
def get(engine: EngineHere, task_id: InPath) -> Response:
    """A task."""
    return Json(get_task(engine, task_id))


def _unescaped(text: str) -> str:
    """The line that was meant: SDKs send it as JSON, with its quotes or without."""
    for written in (text, f'"{text}"'):
        try:
            found = json.loads(written)
        except ValueError:
            continue
        if isinstance(found, str):
            return found
    return text


def result_of(engine: Engine, body: TaskResultBody) -> TaskResult:
    """A worker's result.

    Raises:
        Refused: its status is none that a worker may give.
    """
    lines = [line.log if isinstance(line, ExecLog) else line for line in body.logs or []]
    brought = body.external_output_payload_storage_path
    return TaskResult(
        task_id=body.task_id,
        status=status_of(body.status),
        output=payloads.fetch(engine, brought) if brought else body.output_data,
        reason=body.reason_for_incompletion,
        worker=body.worker_id,
        callback_after=body.callback_after_seconds or 0,
        extend_lease=bool(body.extend_lease),
        logs=[line[:_LONGEST_LINE] for line in lines[:MOST_AT_ONCE] if line],
    )


def status_of(text: str) -> ResultStatus:
    """A status that a worker may give.

    Raises:
        Refused: it is another.
    """
    try:
        return ResultStatus(text)
    except ValueError:
        raise Refused(400, f"status {text!r} can't be set; it is one of {', '.join(ResultStatus)}") from None


def _poll_document(row: PollRow) -> dict[str, Any]:
    return {
        "queueName": row.type,
        "domain": row.domain or None,
        "workerId": row.worker,
        "lastPollTime": row.polled,
    }
