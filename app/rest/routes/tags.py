"""Tags of workflow definitions, task definitions, schedules and secrets."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Response
from pydantic import Field

from app.operations import tags
from app.operations.tags import Tagged
from app.rest.answers import NOTHING, SecretDocument, TagDocument, answers
from app.rest.bodies import Body as Model
from app.rest.bodies import InPath
from app.rest.context import EngineHere
from app.rest.replies import Json, nothing
from app.rest.route import ADMIN, OPERATOR, router
from app.store.tags import Tag

routes = router("tags")


class TagObject(Model):
    """A label."""

    key: Annotated[str, Field(min_length=1, max_length=tags.LONGEST)]
    value: Annotated[str, Field(max_length=tags.LONGEST)] | int = ""
    type: str | None = None


Tags = Annotated[list[TagObject], Field(max_length=tags.MOST)]
OneOrMore = Annotated[TagObject | Tags, Body()]


@routes.get("/metadata/tags", **answers(list[TagDocument]))
def all_tags(engine: EngineHere) -> Response:
    """The tags that are in use."""
    return Json([_document(tag) for tag in tags.all_tags(engine)])


@routes.get("/metadata/workflow/{name}/tags", **answers(list[TagDocument]))
def workflow_tags(engine: EngineHere, name: InPath) -> Response:
    """The tags of a workflow definition."""
    return _listed(engine, Tagged.WORKFLOW, name)


@routes.post("/metadata/workflow/{name}/tags", openapi_extra=ADMIN, **NOTHING)
def add_workflow_tag(engine: EngineHere, name: InPath, given: OneOrMore) -> Response:
    """Tag a workflow definition."""
    return _added(engine, Tagged.WORKFLOW, name, given)


@routes.put("/metadata/workflow/{name}/tags", openapi_extra=ADMIN, **NOTHING)
def set_workflow_tags(engine: EngineHere, name: InPath, given: OneOrMore) -> Response:
    """Give a workflow definition these tags alone."""
    return _added(engine, Tagged.WORKFLOW, name, given, replace=True)


@routes.delete("/metadata/workflow/{name}/tags", openapi_extra=ADMIN, **NOTHING)
def remove_workflow_tag(engine: EngineHere, name: InPath, given: OneOrMore) -> Response:
    """Take a tag of a workflow definition away."""
    return _removed(engine, Tagged.WORKFLOW, name, given)


@routes.get("/metadata/task/{name}/tags", **answers(list[TagDocument]))
def task_tags(engine: EngineHere, name: InPath) -> Response:
    """The tags of a task definition."""
    return _listed(engine, Tagged.TASK, name)


@routes.post("/metadata/task/{name}/tags", openapi_extra=ADMIN, **NOTHING)
def add_task_tag(engine: EngineHere, name: InPath, given: OneOrMore) -> Response:
    """Tag a task definition."""
    return _added(engine, Tagged.TASK, name, given)


@routes.put("/metadata/task/{name}/tags", openapi_extra=ADMIN, **NOTHING)
def set_task_tags(engine: EngineHere, name: InPath, given: OneOrMore) -> Response:
    """Give a task definition these tags alone."""
    return _added(engine, Tagged.TASK, name, given, replace=True)


@routes.delete("/metadata/task/{name}/tags", openapi_extra=ADMIN, **NOTHING)
def remove_task_tag(engine: EngineHere, name: InPath, given: OneOrMore) -> Response:
    """Take a tag of a task definition away."""
    return _removed(engine, Tagged.TASK, name, given)


@routes.get("/scheduler/schedules/{name}/tags", **answers(list[TagDocument]))
def schedule_tags(engine: EngineHere, name: InPath) -> Response:
    """The tags of a schedule."""
    return _listed(engine, Tagged.SCHEDULE, name)


@routes.put("/scheduler/schedules/{name}/tags", openapi_extra=ADMIN, **NOTHING)
def add_schedule_tags(engine: EngineHere, name: InPath, given: OneOrMore) -> Response:
    """Tag a schedule."""
    return _added(engine, Tagged.SCHEDULE, name, given)


@routes.delete("/scheduler/schedules/{name}/tags", openapi_extra=ADMIN, **NOTHING)
def remove_schedule_tags(engine: EngineHere, name: InPath, given: OneOrMore) -> Response:
    """Take tags of a schedule away."""
    return _removed(engine, Tagged.SCHEDULE, name, given)


@routes.get("/secrets/{key}/tags", openapi_extra=OPERATOR, **answers(list[TagDocument]))
def secret_tags(engine: EngineHere, key: InPath) -> Response:
    """The tags of a secret."""
    return _listed(engine, Tagged.SECRET, key)


@routes.put("/secrets/{key}/tags", openapi_extra=ADMIN, **NOTHING)
def add_secret_tags(engine: EngineHere, key: InPath, given: OneOrMore) -> Response:
    """Tag a secret."""
    return _added(engine, Tagged.SECRET, key, given)


@routes.delete("/secrets/{key}/tags", openapi_extra=ADMIN, **NOTHING)
def remove_secret_tags(engine: EngineHere, key: InPath, given: OneOrMore) -> Response:
    """Take tags of a secret away."""
    return _removed(engine, Tagged.SECRET, key, given)


@routes.get("/secrets-v2", openapi_extra=OPERATOR, **answers(list[SecretDocument]))
def secrets_with_tags(engine: EngineHere) -> Response:
    """The names of the secrets that this process knows, with their tags."""
    return Json(
        [
            {"name": name, "tags": [_document(tag) for tag in tags.tags_of(engine, Tagged.SECRET, name)]}
            for name in engine.secrets.names()
        ]
    )


def _listed(engine: Any, kind: Tagged, name: str) -> Response:
    return Json([_document(tag) for tag in tags.tags_of(engine, kind, name)])


def _added(
    engine: Any, kind: Tagged, name: str, given: TagObject | list[TagObject], *, replace: bool = False
) -> Response:
    tags.add_tags(engine, kind, name, _tags(given), replace=replace)
    return nothing()


def _removed(engine: Any, kind: Tagged, name: str, given: TagObject | list[TagObject]) -> Response:
    tags.remove_tags(engine, kind, name, _tags(given))
    return nothing()


def _tags(given: TagObject | list[TagObject]) -> list[Tag]:
    return [Tag(tag.key, str(tag.value)) for tag in (given if isinstance(given, list) else [given])]


def _document(tag: Tag) -> dict[str, str]:
    return {"type": "METADATA", "key": tag.key, "value": tag.value}
