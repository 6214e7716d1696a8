"""Workflow and task definitions: /metadata."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Query, Response

from app.operations import definitions
from app.operations.conductor import definition_document
from app.rest.answers import (
    NOTHING,
    BulkResponse,
    NameAndVersion,
    TaskDefinition,
    WorkflowDefinition,
    WorkflowTag,
    answers,
)
from app.rest.bodies import INT_MAX, InPath, OptionalInt, VersionInPath, WorkflowTagBody
from app.rest.context import EngineHere
from app.rest.errors import Refused
from app.rest.replies import Json, nothing
from app.rest.route import ADMIN, VIEWER, router
from workflows.loading import Definitions, load
from workflows.model import TaskDef, WorkflowDef

routes = router("metadata", "/metadata")
Document = Annotated[dict[str, Any], Body()]
Documents = Annotated[list[dict[str, Any]], Body(max_length=1000)]
LONGEST_NAME = 255


@routes.post("/workflow", openapi_extra=ADMIN, **NOTHING)
def register_workflow(
    engine: EngineHere, definition: Document, overwrite: Annotated[bool, Query()] = False
) -> Response:
    """Register a workflow definition; a version that exists is changed with `overwrite` only."""
    definitions.register(engine, _workflows([definition]), overwrite=overwrite)
    return nothing()


@routes.put("/workflow", openapi_extra=ADMIN, **answers(BulkResponse))
def register_workflows(engine: EngineHere, given: Documents) -> Response:
    """Register workflow definitions, or change them: each by itself, with what became of it."""
    done: list[str] = []
    failed: dict[str, str] = {}
    for definition in given:
        name = str(definition.get("name"))
        try:
            definitions.register(engine, _workflows([definition]), overwrite=True)
            done.append(name)
        except Exception as error:
            if len(given) == 1:
                raise
            failed[name] = str(error)
    return Json({"bulkErrorResults": failed, "bulkSuccessfulResults": done})


@routes.post("/workflow/validate", openapi_extra=VIEWER, **NOTHING)
def validate_workflow(engine: EngineHere, definition: Document) -> Response:
    """Check a workflow definition; nothing is stored."""
    found = definitions.check(engine, _workflows([definition]))
    errors = [{"path": f.path, "message": f"{f.message} {f.fix}"} for _, f in found if f.severity == "error"]
    if errors:
        message = (
            f"the workflow definition has {len(errors)} errors: {errors[0]['path']}: {errors[0]['message']}"
        )
        raise Refused(400, message, validationErrors=errors)
    return nothing()


@routes.get("/workflow", **answers(list[WorkflowDefinition]))
def all_workflows(engine: EngineHere) -> Response:
    """All versions of all workflow definitions."""
    return Json([definition_document(d) for d in definitions.all_definitions(engine)])


@routes.get("/workflow/latest-versions", **answers(list[WorkflowDefinition]))
def latest_versions(engine: EngineHere) -> Response:
    """The latest version of each workflow definition."""
    return Json([definition_document(d) for d in definitions.all_definitions(engine, latest=True)])


@routes.get("/workflow/names", **answers(list[str]))
def names(engine: EngineHere) -> Response:
    """The names of all workflow definitions."""
    return Json(sorted({row["name"] for row in definitions.list_definitions(engine)}))


@routes.get("/workflow/names-and-versions", **answers(dict[str, list[NameAndVersion]]))
def names_and_versions(engine: EngineHere) -> Response:
    """Name, version and time of registration of each workflow definition, by name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in definitions.list_definitions(engine):
        entry = {"name": row["name"], "version": row["version"], "createTime": row["createTime"]}
        found.setdefault(row["name"], []).append(entry)
    return Json(found)


@routes.get("/workflow/{name}/versions", **answers(list[int]))
def versions(engine: EngineHere, name: InPath) -> Response:
    """The versions of a workflow definition."""
    return Json([row["version"] for row in definitions.list_definitions(engine) if row["name"] == name])


@routes.get("/workflow/{name}", **answers(WorkflowDefinition))
def get_workflow(engine: EngineHere, name: InPath, version: OptionalInt = None) -> Response:
    """A workflow definition; its latest version unless one is asked for."""
    return Json(definition_document(definitions.get_definition(engine, name, version or None)))


@routes.delete("/workflow/{name}/{version}", openapi_extra=ADMIN, **NOTHING)
def remove_workflow(engine: EngineHere, name: InPath, version: VersionInPath) -> Response:
    """Take a version of a workflow definition away; what runs goes on."""
    definitions.remove_definition(engine, name, version)
    return nothing()


@routes.get("/tags/workflow/{name}", **answers(WorkflowTag))
def rate_limit(engine: EngineHere, name: InPath, version: OptionalInt = None) -> Response:
    """The `rateLimitConfig` of a workflow definition."""
    limit = definitions.get_definition(engine, name, version or None).rate_limit_config
    return Json(
        {} if limit is None else {"rateLimit": limit.to_json() | {"tag": limit.rate_limit_key or name}}
    )


@routes.post("/tags/workflow/{name}", openapi_extra=ADMIN, **NOTHING)
def set_rate_limit(
    engine: EngineHere, name: InPath, given: WorkflowTagBody, version: OptionalInt = None
) -> Response:
    """Give a workflow definition a `rateLimitConfig`, which holds for what starts from now on."""
    definitions.set_rate_limit(engine, name, given.config(), version=version or None)
    return nothing()


@routes.delete("/tags/workflow/{name}", openapi_extra=ADMIN, **NOTHING)
def remove_rate_limit(engine: EngineHere, name: InPath, version: OptionalInt = None) -> Response:
    """Take the `rateLimitConfig` of a workflow definition away."""
    definitions.set_rate_limit(engine, name, None, version=version or None)
    return nothing()


@routes.post("/taskdefs", openapi_extra=ADMIN, **NOTHING)
def register_tasks(engine: EngineHere, given: Documents) -> Response:
    """Register task definitions, or change them; all of them or none."""
    if given:
        definitions.register(engine, _tasks(given))
    return nothing()


@routes.put("/taskdefs", openapi_extra=ADMIN, **NOTHING)
def change_task(engine: EngineHere, given: Document) -> Response:
    """Change a task definition that is registered."""
    found = _tasks([given])
    definitions.get_task_definition(engine, found.tasks[0].name)
    definitions.register(engine, found)
    return nothing()


@routes.get("/taskdefs", **answers(list[TaskDefinition]))
def all_tasks(engine: EngineHere) -> Response:
    """All task definitions."""
    return Json([_task_document(d) for d in definitions.list_task_definitions(engine)])


@routes.get("/taskdefs/{tasktype}", **answers(TaskDefinition))
def get_task(engine: EngineHere, tasktype: InPath) -> Response:
    """A task definition."""
    return Json(_task_document(definitions.get_task_definition(engine, tasktype)))


@routes.delete("/taskdefs/{tasktype}", openapi_extra=ADMIN, **NOTHING)
def remove_task(engine: EngineHere, tasktype: InPath) -> Response:
    """Take a task definition away; workflows that start from now on use the defaults."""
    definitions.remove_task_definition(engine, tasktype)
    return nothing()


def workflow_of(document: dict[str, Any]) -> WorkflowDef:
    """A workflow definition that was sent.

    Raises:
        UnreadableDefinition: it is none.
    """
    return _workflows([document]).workflow


def _workflows(documents: list[dict[str, Any]]) -> Definitions:
    found = load({"workflows": [_sent(document) for document in documents]})
    for definition in found.workflows:
        _check_names(definition.name, definition.version)
    return found


def _tasks(documents: list[dict[str, Any]]) -> Definitions:
    found = load({"taskDefs": documents})
    for definition in found.tasks:
        _check_names(definition.name, 1)
    return found


def _sent(document: dict[str, Any]) -> dict[str, Any]:
    # SDKs write what is not there as "".
    return {key: value for key, value in document.items() if key != "failureWorkflow" or value != ""}


def _check_names(name: str, version: int) -> None:
    if not name.strip() or len(name) > LONGEST_NAME:
        raise Refused(400, f"a definition needs a name of 1 to {LONGEST_NAME} characters")
    if not 1 <= version <= INT_MAX:
        raise Refused(400, f"the version of {name} must be between 1 and {INT_MAX}, not {version}")


def _task_document(definition: TaskDef) -> dict[str, Any]:
    defaults = definition.model_dump(by_alias=True, mode="json", exclude_none=True)
    return defaults | definition.to_json()
