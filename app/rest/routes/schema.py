"""JSON Schemas that definitions name: /schema."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Query, Response

from app.operations import schemas
from app.operations.schemas import schema_document
from app.rest.answers import NOTHING, SchemaDocument, answers
from app.rest.bodies import InPath, VersionInPath
from app.rest.context import CallerHere, EngineHere
from app.rest.replies import Json, nothing
from app.rest.route import ADMIN, router

routes = router("schema", "/schema")
OneOrMore = Annotated[
    dict[str, Any] | Annotated[list[dict[str, Any]], Body(max_length=1000)],
    Body(),
]


@routes.post("", openapi_extra=ADMIN, **NOTHING)
def save(
    engine: EngineHere,
    caller: CallerHere,
    given: OneOrMore,
    new_version: Annotated[bool, Query(alias="newVersion")] = False,
) -> Response:
    """Register schemas, or change those of their names and versions; `newVersion`: as the version after the latest."""
    documents = given if isinstance(given, list) else [given]
    schemas.save(engine, documents, new_version=new_version, actor=caller.name)
    return nothing()


@routes.get("", **answers(list[SchemaDocument]))
def all_schemas(engine: EngineHere) -> Response:
    """All versions of all schemas."""
    return Json([schema_document(row) for row in schemas.list_schemas(engine)])


@routes.get("/{name}", **answers(SchemaDocument))
def latest(engine: EngineHere, name: InPath) -> Response:
    """The latest version of a schema."""
    return Json(schema_document(schemas.get(engine, name)))


@routes.get("/{name}/{version}", **answers(SchemaDocument))
def get(engine: EngineHere, name: InPath, version: VersionInPath) -> Response:
    """A version of a schema."""
    return Json(schema_document(schemas.get(engine, name, version)))


@routes.delete("/{name}", openapi_extra=ADMIN, **NOTHING)
def remove_all(engine: EngineHere, caller: CallerHere, name: InPath) -> Response:
    """Delete all versions of a schema; refused where a definition names one of them."""
    schemas.remove(engine, name, actor=caller.name)
    return nothing()


@routes.delete("/{name}/{version}", openapi_extra=ADMIN, **NOTHING)
def remove(engine: EngineHere, caller: CallerHere, name: InPath, version: VersionInPath) -> Response:
    """Delete a version of a schema; refused where a definition names it."""
    schemas.remove(engine, name, version, actor=caller.name)
    return nothing()
