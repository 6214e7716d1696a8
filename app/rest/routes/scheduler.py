"""Schedules: /scheduler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Body, Query, Response

from app.errors import ScheduleNotFound, WrongState
from app.operations import schedules
from app.operations.schedule_documents import firing_document, schedule_document
from app.rest.answers import NOTHING, TEXT, BulkResponse, Firing, Object, Schedule, SearchResult, answers
from app.rest.bodies import InPath, OptionalText, OptionalTime
from app.rest.context import CallerHere, EngineHere
from app.rest.errors import Refused
from app.rest.replies import Json, Text, nothing
from app.rest.route import ADMIN, router
from workflows.errors import PodiumError

routes = router("scheduler", "/scheduler")
Names = Annotated[list[str], Body(max_length=1000)]


@routes.post("/schedules", openapi_extra=ADMIN, **answers(Schedule))
def save(engine: EngineHere, caller: CallerHere, schedule: Annotated[dict[str, Any], Body()]) -> Response:
    """Register a schedule, or replace the one of its name."""
    schedules.save(engine, schedule, actor=caller.name)
    return Json(schedule_document(schedules.get(engine, str(schedule["name"]))))


@routes.get("/schedules", **answers(list[Schedule]))
def all_schedules(engine: EngineHere, workflowName: OptionalText = None) -> Response:  # Conductor's name
    """All schedules, or those of a workflow."""
    return Json([schedule_document(r) for r in schedules.list_schedules(engine, workflow_name=workflowName)])


@routes.get("/schedules/search", **answers(SearchResult[Schedule]))
def search(
    engine: EngineHere,
    workflowName: OptionalText = None,
    scheduleName: OptionalText = None,
    paused: bool | None = None,
    start: Annotated[int, Query(ge=0)] = 0,
    size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Schedules by workflow, name, and whether they are paused."""
    found = [
        row
        for row in schedules.list_schedules(engine, workflow_name=workflowName)
        if (scheduleName is None or scheduleName in row.name)
        and (paused is None or bool(row.paused) is paused)
    ]
    page = [schedule_document(row) for row in found[start : start + size]]
    return Json({"totalHits": len(found), "results": page})


@routes.get("/schedules/{name}", **answers(Schedule))
def get(engine: EngineHere, name: InPath) -> Response:
    """A schedule."""
    return Json(schedule_document(schedules.get(engine, name)))


@routes.delete("/schedules/{name}", openapi_extra=ADMIN, **NOTHING)
def remove(engine: EngineHere, caller: CallerHere, name: InPath) -> Response:
    """Delete a schedule; as in Conductor it is no error where there is none."""
    try:
        schedules.remove(engine, name, actor=caller.name)
    except ScheduleNotFound:
        return nothing()
    return nothing()


@routes.put("/schedules/{name}/pause", **NOTHING)
def pause(engine: EngineHere, caller: CallerHere, name: InPath, reason: OptionalText = None) -> Response:
    """Fire no slot until it is resumed."""
    schedules.pause(engine, name, actor=caller.name, reason=reason)
    return nothing()


@routes.put("/schedules/{name}/resume", **NOTHING)
def resume(engine: EngineHere, caller: CallerHere, name: InPath) -> Response:
    """Fire slots again; 404 where it is not paused, as in Conductor."""
    try:
        schedules.resume(engine, name, actor=caller.name)
    except WrongState as error:
        raise Refused(404, str(error)) from None
    return nothing()


@routes.post("/schedules/{name}/run", **TEXT)
def run(engine: EngineHere, caller: CallerHere, name: InPath) -> Response:
    """Start its workflow out of turn; the execution's id."""
    return Text(schedules.run_now(engine, name, actor=caller.name))


@routes.get("/nextFewSchedules", **answers(list[int]))
def next_few(
    engine: EngineHere,
    cronExpression: Annotated[str, Query(min_length=1, max_length=200)],  # Conductor's names
    scheduleStartTime: OptionalTime = None,
    scheduleEndTime: OptionalTime = None,
    zoneId: OptionalText = None,
    limit: Annotated[int, Query(ge=1)] = 5,
) -> Response:
    """The next slots of a cron expression, at most 5."""
    found = schedules.preview(
        engine,
        cronExpression,
        zone=zoneId or "UTC",
        start=scheduleStartTime,
        end=scheduleEndTime,
        limit=min(limit, 5),
    )
    return Json(found)


@routes.get("/search/executions", **answers(SearchResult[Firing]))
def executions(
    engine: EngineHere,
    scheduleName: OptionalText = None,
    start: Annotated[int, Query(ge=0, le=10_000)] = 0,
    size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """What schedules have fired, the newest first. `totalHits` counts as far as was looked."""
    found = schedules.list_firings(engine, schedule=scheduleName, limit=start + size)
    return Json({"totalHits": len(found), "results": [firing_document(row) for row in found[start:]]})


@routes.get("/admin/requeue", openapi_extra=ADMIN, **answers(Object))
def requeue() -> Response:
    """Nothing to do: slots are rows of the database, and no queue can lose them."""
    return Json({})


@routes.get("/admin/pause", openapi_extra=ADMIN, **answers(BulkResponse))
def pause_all(engine: EngineHere, caller: CallerHere) -> Response:
    """Pause all schedules."""
    names = [row.name for row in schedules.list_schedules(engine) if not row.paused]
    return _each(names, lambda name: schedules.pause(engine, name, actor=caller.name))


@routes.get("/admin/resume", openapi_extra=ADMIN, **answers(BulkResponse))
def resume_all(engine: EngineHere, caller: CallerHere) -> Response:
    """Resume all schedules that are paused."""
    names = [row.name for row in schedules.list_schedules(engine) if row.paused]
    return _each(names, lambda name: schedules.resume(engine, name, actor=caller.name))


@routes.put("/bulk/pause", **answers(BulkResponse))
def pause_some(engine: EngineHere, caller: CallerHere, names: Names) -> Response:
    """Pause schedules, each by itself, with what became of it."""
    return _each(names, lambda name: schedules.pause(engine, name, actor=caller.name))


@routes.put("/bulk/resume", **answers(BulkResponse))
def resume_some(engine: EngineHere, caller: CallerHere, names: Names) -> Response:
    """Resume schedules, each by itself, with what became of it."""
    return _each(names, lambda name: schedules.resume(engine, name, actor=caller.name))


def _each(names: list[str], work: Callable[[str], None]) -> Response:
    done: list[str] = []
    failed: dict[str, str] = {}
    for name in names:
        try:
            work(name)
            done.append(name)
        except PodiumError as error:
            failed[name] = str(error)
    return Json({"bulkErrorResults": failed, "bulkSuccessfulResults": done})
