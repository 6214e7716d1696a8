"""How every route works: who calls is found out before the body is read, and the body is strict JSON of limited size."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from app.operations.access import Role
from app.rest.direct import handler_of, is_plain
from app.rest.errors import Refused

PREFIX = "/api"
BODY_LIMITS = 8
"""A body may be so many times as large as the input of one execution: it may hold definitions, or many ids."""
ROLE = "x-podium-role"
"""The field of the OpenAPI document that says which role an operation needs."""


class StrictRequest(Request):
    """Reads at most so many bytes, and no JSON that could not be stored."""

    limit: int

    async def body(self) -> bytes:
        """The body.

        Raises:
            Refused: 413, it is too large.
        """
        if not hasattr(self, "_body"):
            chunks, size = list[bytes](), 0
            async for chunk in self.stream():
                size += len(chunk)
                if size > self.limit:
                    raise Refused(413, f"the body is larger than {self.limit:,} bytes")
                chunks.append(chunk)
            self._body = b"".join(chunks)
        return self._body

    async def json(self) -> Any:
        """The body as JSON.

        Raises:
            Refused: 400, it is none; orjson refuses what is nested too deep, NaN, and halves of surrogate pairs.
        """
        body = await self.body()
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Refused(400, f"the body is no JSON: {error}") from None
        if rb"\u0000" in body and _has_nul(document):
            raise Refused(400, "a text in the body holds the character NUL, which databases do not store")
        return document


def _has_nul(document: Any) -> bool:
    todo = [document]
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            if "\0" in value:
                return True
        elif isinstance(value, dict):
            todo.extend(value.keys())
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
    return False


def role_of(operation: Mapping[str, Any], methods: Collection[str]) -> Role | None:
    """The role that an operation of the OpenAPI document needs; None: everybody may call it."""
    given = operation.get(ROLE)
    if given is not None:
        return None if given == "anybody" else Role(given)
    return Role.VIEWER if set(methods) <= {"GET", "HEAD"} else Role.OPERATOR


class PodiumRoute(APIRoute):
    """A route that asks for a role: a reader's for GET, an operator's for the rest, unless it says another."""

    @property
    def role(self) -> Role | None:
        """The role that a caller needs; None: everybody may."""
        return role_of(self.openapi_extra or {}, self.methods or set())

    @cached_property
    def is_plain(self) -> bool:
        """Whether a call has no body, and needs nothing but its parameters."""
        return self.body_field is None and is_plain(self.dependant)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """`answer`: what FastAPI calls."""
        return self.answer

    @cached_property
    def answer(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Checks a call, and answers it."""
        original = handler_of(self.dependant) if self.is_plain else super().get_route_handler()
        role, template = self.role, self.path

        async def handler(request: Request) -> Response:
            context = request.app.state.podium
            # For the metrics: which route, not which path.
            request.scope["podium_route"] = template
            if b"%00" in request.scope.get("raw_path", b"") or b"%00" in request.scope["query_string"]:
                raise Refused(400, "the address holds the character NUL")
            if role is not None:
                caller = await context.access.caller(request, role)
                if "traceparent" in request.headers:
                    caller = replace(caller, traceparent=request.headers["traceparent"])
                request.state.caller = caller
            strict = request
            if not isinstance(strict, StrictRequest):
                strict = StrictRequest(request.scope, request.receive)
            strict.limit = BODY_LIMITS * context.engine.payload_limit
            return await original(strict)

        return handler


def router(tag: str, prefix: str = "") -> APIRouter:
    """A router of such routes."""
    return APIRouter(prefix=PREFIX + prefix, tags=[tag], route_class=PodiumRoute)


def needs(role: Role) -> dict[str, Any]:
    """`openapi_extra` of a route that another role may call than its method suggests."""
    return {ROLE: role.value}


ADMIN = needs(Role.ADMIN)
OPERATOR = needs(Role.OPERATOR)
VIEWER = needs(Role.VIEWER)
ANYBODY = {ROLE: "anybody"}
