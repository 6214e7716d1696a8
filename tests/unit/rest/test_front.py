"""The short way to routes that need nothing but parameters: the same answers as FastAPI's way, and it is taken."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from app.rest import errors
from app.rest.application import podium_routes
from app.rest.direct import handler_of, is_plain
from app.rest.replies import Json
from app.rest.route import StrictRequest


async def _given(request: Request) -> str:
    return request.headers.get("x-given", "nothing")


def _endpoint(
    given: Annotated[str, Depends(_given)],
    name: str,
    count: Annotated[int, Query(ge=1)] = 1,
    kinds: Annotated[list[str] | None, Query()] = None,
) -> Response:
    return Json({"given": given, "name": name, "count": count, "kinds": kinds})


def _with_header(token: Annotated[str, Header()]) -> None: ...


def _with_response(response: Response) -> None: ...


def _nested(name: Annotated[str, Depends(_with_header)]) -> None: ...


ROUTE = APIRoute("/{name}", _endpoint)


def _long_way() -> ASGIApp:
    app = FastAPI()
    app.router.routes.append(ROUTE)
    errors.install(app)
    return app


def _short_way() -> ASGIApp:
    handler = handler_of(ROUTE.dependant)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["path_params"] = {"name": scope["path"].lstrip("/")}
        request = StrictRequest(scope, receive)
        try:
            answer = await handler(request)
        except Exception as error:  # noqa: BLE001  as the front does
            answer = await errors.answer(request, error)
        await answer(scope, receive, send)

    return app


def _answer(app: ASGIApp, address: str) -> tuple[int, Any]:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get(address, headers={"x-given": "this"})

    found = asyncio.run(ask())
    return found.status_code, found.json()


@pytest.mark.parametrize(
    "address",
    [
        "/order",
        "/order?count=3",
        "/order?kinds=a&kinds=b",
        "/order?count=0",
        "/order?count=many",
        "/order?count=1&count=2",
        "/%C3%A9?unknown=1",
    ],
)
def test_both_ways_answer_the_same(address: str) -> None:
    short = _short_way()
    expected = _answer(_long_way(), address)
    # The second time the address is known.
    assert [_answer(short, address), _answer(short, address)] == [expected, expected]


def test_what_an_endpoint_does_to_its_parameters_stays_its_own() -> None:
    seen = list[list[str]]()

    def endpoint(kinds: Annotated[list[str], Query()]) -> Response:
        seen.append(list(kinds))
        kinds.append("more")
        return Json(kinds)

    handler = handler_of(APIRoute("/", endpoint).dependant)
    scope = {"type": "http", "path_params": {}, "raw_path": b"/", "query_string": b"kinds=a", "headers": []}
    for _ in range(2):
        asyncio.run(handler(Request(scope)))  # type: ignore[arg-type]
    assert seen == [["a"], ["a"]]


def test_what_needs_more_than_parameters_is_left_to_fastapi() -> None:
    assert is_plain(ROUTE.dependant)
    assert not any(
        is_plain(APIRoute("/", each).dependant) for each in (_with_header, _with_response, _nested)
    )


def test_polls_and_all_that_reads_take_the_short_way() -> None:
    long = [route.path for route in podium_routes() if not route.is_plain and route.methods == {"GET"}]
    assert long == []
