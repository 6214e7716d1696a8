"""The FastAPI application of one API process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Request
from starlette.types import ASGIApp

from app.bootstrap import Heartbeat
from app.operations.outside import waiting_queues
from app.rest import errors
from app.rest.context import Context, run
from app.rest.document import Documented, operation_id
from app.rest.errors import Refused
from app.rest.front import Front
from app.rest.index import Index
from app.rest.metrics import Measured
from app.rest.route import ANYBODY, PodiumRoute, router
from app.rest.routes import (
    admin,
    bulk,
    control,
    event,
    execute,
    files,
    metadata,
    payloads,
    scheduler,
    schema,
    search,
    secrets,
    signals,
    tags,
    tasks,
    token,
    workflows,
)
from app.runtime.clock import new_id
from app.runtime.ports import Owner
from config.settings import Settings
from tasks.news import NewsListener
from workflows.errors import PodiumError

logger = logging.getLogger(__name__)

ROUTERS = (
    admin.routes,
    payloads.routes,
    files.routes,
    tags.routes,
    metadata.routes,
    search.routes,
    bulk.routes,
    signals.routes,
    secrets.routes,
    tasks.routes,
    token.routes,
    execute.routes,
    workflows.routes,
    control.routes,
    event.routes,
    scheduler.routes,
    schema.routes,
)
"""In this order a path finds its route: what is written out before what is a parameter."""
_WRITE_POLLS_SECONDS = 1.0


def create_app(context: Context) -> ASGIApp:
    """What the server of an API process calls."""
    index = Index(podium_routes())
    app = _routed(index)
    app.state.podium = context
    errors.install(app)
    return Measured(Front(app, index), context.metrics)


def api_document() -> dict[str, Any]:
    """The OpenAPI document."""
    return _routed(Index(podium_routes())).openapi()


def _routed(index: Index) -> FastAPI:
    app = Documented(
        title="Podium",
        version="1",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api-docs.json",
        generate_unique_id_function=operation_id,
    )
    app.documented = index.routes
    app.router.routes.append(index)
    app.router.routes.extend(_rest(index).routes)
    return app


def podium_routes() -> list[PodiumRoute]:
    """All routes, in the order in which they are tried."""
    routers = (*ROUTERS, admin.outer)
    return [route for each in routers for route in each.routes if isinstance(route, PodiumRoute)]


def _rest(index: Index) -> APIRouter:
    """What is left over answers in JSON, whatever is mounted elsewhere."""
    rest = router("rest")

    @rest.api_route(
        "/{path:path}",
        methods=["GET", "POST", "PUT", "DELETE", "PATCH"],
        include_in_schema=False,
        openapi_extra=ANYBODY,
    )
    def unknown(path: str, request: Request) -> None:
        others = index.methods_of(request.scope)
        if others:
            message = (
                f"/api/{path} has no {request.method}, but {', '.join(others)}; /api-docs lists what there is"
            )
            raise Refused(405, message, {"Allow": ", ".join(others)})
        raise Refused(404, f"there is no /api/{path}; /api-docs lists what there is")

    return rest


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.podium
    settings: Settings = context.engine.settings
    anyio.to_thread.current_default_thread_limiter().total_tokens = settings.api_threads
    owner = Owner(new_id(), f"api@{socket.gethostname()}")
    heartbeat = Heartbeat(context.process, owner, lambda: (settings.api_threads, [], []))
    heartbeat.start()
    context.engine.resident = owner
    context.hub.open()
    listener = NewsListener(context.process.app, context.hub.heard)
    context.hub.hears = listener.connected.is_set
    listener.start()
    beside = [
        asyncio.create_task(_write_polls(context)),
        asyncio.create_task(context.hub.keep_looking(lambda: run(waiting_queues, context.engine))),
    ]
    try:
        yield
    finally:
        context.hub.close()
        for task in beside:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        context.engine.resident = None
        await run(listener.stop)
        await run(heartbeat.stop)


async def _write_polls(context: Context) -> None:
    while True:
        await asyncio.sleep(_WRITE_POLLS_SECONDS)
        try:
            await run(context.polls.write, context.engine)
        except PodiumError as error:
            logger.warning("polls are written later: %s", error, extra={"event": "polls_late"})
