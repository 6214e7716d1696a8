"""What the server calls: the short way to the routes that need nothing but parameters, FastAPI's for the others.

Most calls are polls of workers that find nothing. What FastAPI and Starlette put between the server and a route (layers of
middleware, stacks of what is to be closed, a solver of dependencies, telemetry) takes most of a poll's time, and does
nothing for a call that has no body.
"""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app.rest import errors
from app.rest.index import Index
from app.rest.route import StrictRequest


class Front:
    """ASGI: answers calls of plain routes itself, and hands all others to the application."""

    def __init__(self, app: FastAPI, index: Index) -> None:
        self._app = app
        self._index = index

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the call."""
        route = self._index.find(scope) if scope["type"] == "http" else None
        if route is None or not route.is_plain:
            await self._app(scope, receive, send)
            return
        scope["app"] = self._app
        request = StrictRequest(scope, receive)
        try:
            answer = await route.answer(request)
        except Exception as error:  # noqa: BLE001  whatever it is, it is answered
            answer = await errors.answer(request, error)
        await answer(scope, receive, send)
