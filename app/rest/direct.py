"""Endpoints that are handed parameters and nothing else: FastAPI reads and checks those, and is not needed for more."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool

_MOST_KNOWN = 4_096
_LONGEST_KNOWN = 1_024
Handler = Callable[[Request], Awaitable[Response]]


def is_plain(dependant: Dependant) -> bool:
    """Whether all that an endpoint is handed comes from the address, the call itself, or functions of the call."""
    others = (
        dependant.header_params
        or dependant.cookie_params
        or dependant.body_params
        or dependant.http_connection_param_name
        or dependant.websocket_param_name
        or dependant.response_param_name
        or dependant.background_tasks_param_name
        or dependant.security_scopes_param_name
    )
    return not others and all(map(_is_of_the_call, dependant.dependencies))


def _is_of_the_call(dependant: Dependant) -> bool:
    parameters = dependant.path_params or dependant.query_params or dependant.dependencies
    named = dependant.name is not None and dependant.request_param_name is not None
    return named and iscoroutinefunction(dependant.call) and not parameters and is_plain(dependant)


_known: OrderedDict[tuple[int, bytes, bytes], dict[str, Any]] = OrderedDict()
"""The parameters of addresses that were called lately: a worker polls the same one again and again."""


def _parameters(dependant: Dependant, request: Request) -> dict[str, Any]:
    query: bytes = request.scope["query_string"]
    address = (id(dependant), request.scope["raw_path"], query)
    found = _known.get(address)
    if found is not None:
        _known.move_to_end(address)
        return found.copy()
    values, refused = request_params_to_args(dependant.path_params, request.path_params)
    asked, more = request_params_to_args(dependant.query_params, request.query_params)
    if refused or more:
        raise RequestValidationError([*refused, *more])
    values.update(asked)
    if len(address[1]) + len(query) <= _LONGEST_KNOWN and all(map(_never_changes, values.values())):
        _known[address] = values.copy()
        if len(_known) > _MOST_KNOWN:
            _known.popitem(last=False)
    return values


def _never_changes(value: object) -> bool:
    return value is None or isinstance(value, str | int)


def handler_of(dependant: Dependant) -> Handler:
    """Does for a plain endpoint what FastAPI does: reads the parameters, calls it, in a thread if it may block.

    Raises of the handler:
        RequestValidationError: a parameter does not fit.
    """
    endpoint: Any = dependant.call
    waits = iscoroutinefunction(endpoint)
    given: list[tuple[str, Any]] = [(str(each.name), each.call) for each in dependant.dependencies]

    async def handler(request: Request) -> Response:
        values = _parameters(dependant, request)
        for name, find in given:
            values[name] = await find(request)
        if dependant.request_param_name is not None:
            values[dependant.request_param_name] = request
        answer: Response = await (endpoint(**values) if waits else run_in_threadpool(endpoint, **values))
        return answer

    return handler
