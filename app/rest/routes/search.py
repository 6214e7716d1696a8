"""Searches and lists of executions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Query, Response
from pydantic import BeforeValidator, Field

from app.operations import lists, search
from app.rest.answers import SearchResult, Task, TaskSummary, Workflow, WorkflowSummary, answers
from app.rest.bodies import Body as Model
from app.rest.bodies import InPath, OptionalInt, OptionalTime, blank_is_zero
from app.rest.context import EngineHere
from app.rest.replies import Json
from app.rest.route import VIEWER, router

routes = router("search")

Start = Annotated[int, BeforeValidator(blank_is_zero), Query(ge=0, le=1_000_000)]
Size = Annotated[int, BeforeValidator(lambda value: 100 if value in ("", "None") else value), Query(ge=0)]
Sort = Annotated[str, Query(max_length=200)]
Text = Annotated[str, Query(max_length=500)]
Conditions = Annotated[str, Query(max_length=4_000)]
Ids = Annotated[list[str], Body(max_length=1000)]


@routes.get("/workflow/search", **answers(SearchResult[WorkflowSummary]))
def workflows(
    engine: EngineHere,
    start: Start = 0,
    size: Size = 100,
    sort: Sort = "",
    freeText: Text = "*",
    query: Conditions = "",
    topLevelOnly: bool = False,
) -> Response:
    """Search executions; summaries, the newest first."""
    return Json(
        search.search(engine, query, freeText, start=start, size=size, sort=sort, top_level=topLevelOnly)
    )


@routes.get("/workflow/search-v2", **answers(SearchResult[Workflow]))
def whole_workflows(
    engine: EngineHere,
    start: Start = 0,
    size: Size = 100,
    sort: Sort = "",
    freeText: Text = "*",
    query: Conditions = "",
    topLevelOnly: bool = False,
) -> Response:
    """Search executions; with their tasks."""
    return Json(
        search.search(
            engine, query, freeText, start=start, size=size, sort=sort, whole=True, top_level=topLevelOnly
        )
    )


@routes.get("/workflow/search-by-tasks", **answers(SearchResult[WorkflowSummary]))
def by_tasks(
    engine: EngineHere,
    start: Start = 0,
    size: Size = 100,
    sort: Sort = "",
    freeText: Text = "*",
    query: Conditions = "",
) -> Response:
    """Executions with a task that is searched for; summaries."""
    return Json(search.search_by_tasks(engine, query, freeText, start=start, size=size, sort=sort))


@routes.get("/workflow/search-by-tasks-v2", **answers(SearchResult[Workflow]))
def whole_by_tasks(
    engine: EngineHere,
    start: Start = 0,
    size: Size = 100,
    sort: Sort = "",
    freeText: Text = "*",
    query: Conditions = "",
) -> Response:
    """Executions with a task that is searched for; with their tasks."""
    return Json(
        search.search_by_tasks(engine, query, freeText, start=start, size=size, sort=sort, whole=True)
    )


@routes.get("/tasks/search", **answers(SearchResult[TaskSummary]))
def tasks(
    engine: EngineHere,
    start: Start = 0,
    size: Size = 100,
    sort: Sort = "",
    freeText: Text = "*",
    query: Conditions = "",
) -> Response:
    """Search tasks; summaries, the newest first."""
    return Json(search.search_tasks(engine, query, freeText, start=start, size=size, sort=sort))


@routes.get("/tasks/search-v2", **answers(SearchResult[Task]))
def whole_tasks(
    engine: EngineHere,
    start: Start = 0,
    size: Size = 100,
    sort: Sort = "",
    freeText: Text = "*",
    query: Conditions = "",
) -> Response:
    """Search tasks; the whole of each."""
    return Json(search.search_tasks(engine, query, freeText, start=start, size=size, sort=sort, whole=True))


@routes.get("/workflow/running/{name}", **answers(list[str]))
def running(
    engine: EngineHere,
    name: InPath,
    version: OptionalInt = None,
    startTime: OptionalTime = None,
    endTime: OptionalTime = None,
) -> Response:
    """Ids of executions that run; with both times: of all that were started in between."""
    return Json(lists.running(engine, name, version or 1, startTime or None, endTime or None))


@routes.get("/workflow/{workflow_id}/tasks", **answers(SearchResult[Task]))
def tasks_of_workflow(
    engine: EngineHere,
    workflow_id: InPath,
    start: Start = 0,
    count: Annotated[int, BeforeValidator(blank_is_zero), Query(ge=0, le=10_000)] = 15,
    status: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """A page of the tasks of an execution, in the order of their scheduling."""
    return Json(lists.tasks_of(engine, workflow_id, start, count, status or ()))


class CorrelationIds(Model):
    """Executions of some names with some correlation ids."""

    correlation_ids: Annotated[list[str], Field(max_length=1000, default_factory=list)]
    workflow_names: Annotated[list[str], Field(max_length=1000, default_factory=list)]


@routes.post("/workflow/correlated/batch", openapi_extra=VIEWER, **answers(dict[str, list[Workflow]]))
def correlated_batch(
    engine: EngineHere, given: CorrelationIds, includeClosed: bool = False, includeTasks: bool = False
) -> Response:
    """Executions by correlation id, of several workflows."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in given.workflow_names:
        for key, some in lists.correlated(
            engine, name, given.correlation_ids, includeClosed, includeTasks
        ).items():
            found.setdefault(key, []).extend(some)
    return Json(found)


@routes.post("/workflow/{name}/correlated", openapi_extra=VIEWER, **answers(dict[str, list[Workflow]]))
def correlated(
    engine: EngineHere, name: InPath, given: Ids, includeClosed: bool = False, includeTasks: bool = False
) -> Response:
    """Executions of a workflow by correlation id."""
    return Json(lists.correlated(engine, name, given, includeClosed, includeTasks))


@routes.get("/workflow/{name}/correlated/{correlation_id}", **answers(list[Workflow]))
def correlated_with(
    engine: EngineHere,
    name: InPath,
    correlation_id: InPath,
    includeClosed: bool = False,
    includeTasks: bool = False,
) -> Response:
    """Executions of a workflow with a correlation id."""
    found = lists.correlated(engine, name, [correlation_id], includeClosed, includeTasks)
    return Json(found[correlation_id])
