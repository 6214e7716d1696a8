"""Administration: /admin, /queue, /environment, /version, /health, /metrics, and the page of what there is."""

from __future__ import annotations

import html
import os
from importlib.metadata import version as version_of
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from app.operations import outside
from app.operations.conductor import get_task, get_workflow
from app.rest.answers import TEXT, Health, Object, Task, answers
from app.rest.bodies import InPath
from app.rest.context import EngineHere, Here
from app.rest.errors import Refused
from app.rest.replies import Json, Text
from app.rest.route import ADMIN, ANYBODY, PodiumRoute, router
from app.store import workers
from workflows.errors import PodiumError
from workflows.jsonpaths import ENV_PREFIXES

routes = router("admin")
outer = APIRouter(route_class=PodiumRoute, tags=["health"])


@routes.get("/admin/config", openapi_extra=ADMIN, **answers(Object))
def config(engine: EngineHere) -> Response:
    """The settings of this process; passwords in them are left out."""
    shown = {variable.name: variable.doc for variable in engine.settings.variables()}
    return Json({"version": version_of("podium"), "settings": repr(engine.settings), "variables": shown})


@routes.get("/admin/task/{tasktype}", **answers(list[Task]))
def pending(
    engine: EngineHere,
    tasktype: InPath,
    start: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    count: Annotated[int, Query(ge=0, le=1_000)] = 100,
) -> Response:
    """Tasks of a name that wait for outside workers."""
    return Json([get_task(engine, row.id) for row in outside.pending(engine, tasktype, start, count)])


@routes.post("/admin/sweep/requeue/{workflow_id}", **TEXT)
def requeue(engine: EngineHere, workflow_id: InPath) -> Response:
    """Conductor puts an execution into its queue again; here the sweeper finds it in the table. Answers `true`."""
    get_workflow(engine, workflow_id, include_tasks=False)
    return Text("true")


@routes.post("/admin/consistency/verifyAndRepair/{workflow_id}", **TEXT)
def repair(engine: EngineHere, workflow_id: InPath) -> Response:
    """Conductor compares its queue with its tables; here the table is all there is. Answers `true`."""
    get_workflow(engine, workflow_id, include_tasks=False)
    return Text("true")


@routes.get("/admin/queues", **answers(dict[str, Any]))
def queues(engine: EngineHere, verbose: bool = False) -> Response:
    """The sizes of the queues of outside workers."""
    sizes = outside.queue_sizes(engine)
    return Json({name: {"size": size} if verbose else size for name, size in sizes.items()})


@routes.get("/queue/size", **answers(dict[str, int]))
@routes.get("/queue/", **answers(dict[str, int]))
def queue_sizes(engine: EngineHere) -> Response:
    """The sizes of the queues of outside workers."""
    return Json(outside.queue_sizes(engine))


@routes.get("/environment", **answers(list[Object]))
def environment() -> Response:
    """The names of the variables that `${workflow.env.NAME}` can read, without their values."""
    return Json([{"name": name} for name in sorted(_variables())])


@routes.get("/environment/{key}", openapi_extra=ADMIN, **TEXT)
def environment_variable(key: InPath) -> Response:
    """The value of a variable that `${workflow.env.NAME}` can read, as text."""
    found = _variables().get(key)
    if found is None:
        raise Refused(404, f"there is no variable PODIUM_ENV_{key}")
    return Text(found)


def _variables() -> dict[str, str]:
    prefixes = reversed(ENV_PREFIXES)
    return {
        name.removeprefix(prefix): value
        for prefix in prefixes
        for name, value in os.environ.items()
        if name.startswith(prefix)
    }


@routes.get("/version", **TEXT)
def version() -> Response:
    """Podium's version."""
    return Text(version_of("podium"))


@routes.get("/health", openapi_extra=ANYBODY, **answers(Health))
def api_health(here: Here) -> Response:
    """As /health."""
    return health(here)


@outer.get("/health", openapi_extra=ANYBODY, **answers(Health))
def health(here: Here) -> Response:
    """Whether this process can work: 200, or 503 and what does not answer."""
    found = [
        _answer("database", lambda: here.engine.store.read(workers.alive)),
        _answer("broker", here.engine.publisher.ready),
    ]
    well = all(one["healthy"] for one in found)
    return Json({"healthy": well, "healthResults": found}, 200 if well else 503)


def _answer(name: str, ask: Any) -> dict[str, Any]:
    try:
        ask()
    except PodiumError as error:
        return {"name": name, "healthy": False, "errorMessage": str(error)}
    return {"name": name, "healthy": True, "errorMessage": None}


@outer.get("/metrics", **TEXT)
def metrics(here: Here) -> Response:
    """Metrics for Prometheus."""
    return Response(generate_latest(here.metrics.registry), media_type=CONTENT_TYPE_LATEST)


@outer.get("/api-docs", include_in_schema=False, openapi_extra=ANYBODY)
def docs(request: Request) -> Response:
    """A page of all operations, made from the OpenAPI document; it loads nothing from elsewhere."""
    document = request.app.openapi()
    rows = [
        f"<tr><td>{html.escape(method.upper())}</td><td><code>{html.escape(path)}</code></td>"
        f"<td>{html.escape(str(operation.get('description', '')))}</td>"
        f"<td>{html.escape(str(operation.get('x-podium-role', '')))}</td></tr>"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    return HTMLResponse(_PAGE.format(rows="\n".join(rows)))


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Podium: REST API</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ border-bottom: 1px solid #ccc; padding: .3rem .6rem; text-align: left; vertical-align: top; }}
</style></head><body>
<h1>REST API</h1>
<p>Conductor's paths, parameters and bodies; the machine's view is <a href="/api-docs.json">OpenAPI</a>. A call that
is not open to anybody carries a token of <code>POST /api/token</code> in <code>X-Authorization</code>, unless no key was made.</p>
<table><thead><tr><th>Method</th><th>Path</th><th>What it does</th><th>Role</th></tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""
