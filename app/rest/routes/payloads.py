"""Large payloads that clients bring and fetch themselves: /workflow/externalstoragelocation and /external/payload."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Query, Request, Response

from app.operations import payloads
from app.rest.addresses import address
from app.rest.answers import NOTHING, Location, Object, answers
from app.rest.bodies import InPath
from app.rest.context import EngineHere
from app.rest.replies import Json, nothing
from app.rest.route import router

routes = router("payloads")
Where = Annotated[str | None, Query(max_length=200)]
Ignored = Annotated[str | None, Query(max_length=100)]


def _location(
    engine: EngineHere,
    request: Request,
    path: Where = None,
    operation: Ignored = None,
    payloadType: Ignored = None,
) -> Response:
    """Where a client may write a large payload (PUT), or read the one that a path names (GET)."""
    found = payloads.location(engine, path)
    return Json({"uri": address(request, f"/external/payload/{found}"), "path": found})


for _of in ("workflow", "tasks"):
    for _name in ("externalstoragelocation", "external-storage-location"):
        routes.get(f"/{_of}/{_name}", **answers(Location))(_location)


@routes.put("/external/payload/{folder}/{file}", **NOTHING)
def bring(
    engine: EngineHere, folder: InPath, file: InPath, payload: Annotated[dict[str, Any], Body()]
) -> Response:
    """Keep a payload at its location."""
    payloads.bring(engine, f"{folder}/{file}", payload)
    return nothing()


# The second is where Conductor has them that keeps them in PostgreSQL.
@routes.get("/external/payload/{folder}/{file}", **answers(Object))
@routes.get("/external/postgres/{folder}/{file}", **answers(Object))
def fetch(engine: EngineHere, folder: InPath, file: InPath) -> Response:
    """The payload at a location."""
    return Json(payloads.fetch(engine, f"{folder}/{file}"))
