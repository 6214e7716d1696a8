"""Errors as Conductor's body: `{status, message, instance, retryable}`, and `validationErrors` where there are some."""

from __future__ import annotations

import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.rest.replies import Json
from workflows.errors import InvalidDefinition, InvalidDocument, PodiumError, UnreadableDefinition

logger = logging.getLogger(__name__)

STATUS = {
    "DefinitionError": 400,
    "ExpressionError": 400,
    "ScriptError": 400,
    "OperatorError": 400,
    "DuplicateReference": 400,
    "InvalidInput": 400,
    "DomainError": 400,
    "WorkflowNotFound": 404,
    "TaskDefinitionNotFound": 404,
    "ExecutionNotFound": 404,
    "KeyNotFound": 404,
    "TaskNotFound": 404,
    "TaskIdNotFound": 404,
    "HandlerNotFound": 404,
    "EventNotFound": 404,
    "ScheduleNotFound": 404,
    "SchemaNotFound": 404,
    "SecretNotFound": 404,
    "FileNotFound": 404,
    "FilesNotKept": 404,
    "AccessForbidden": 403,
    "WrongTransfer": 405,
    "FileTooLarge": 413,
    "PayloadNotFound": 404,
    "TooManyMessages": 429,
    "OperationError": 409,
    "StoreError": 503,
    "BrokerUnavailable": 503,
    "EventNotPublished": 503,
}
"""The status of each error by the name of its class; one that is not listed has its nearest base's."""
_INSTANCE = socket.gethostname()


class Refused(HTTPException):
    """A call that is refused before it does anything. `more`: further fields of the body."""

    # An HTTPException: FastAPI makes "there was an error" of any other that reading a body raises.
    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(status, message, headers)
        self.more = more


def status_of(error: type[BaseException]) -> int | None:
    """The HTTP status of an error's class; None: it is none that an operation raises on purpose."""
    return next((STATUS[base.__name__] for base in error.__mro__ if base.__name__ in STATUS), None)


def error_body(status: int, message: str, **more: Any) -> dict[str, Any]:
    """Conductor's ErrorResponse."""
    return {
        "status": status,
        "message": message,
        "instance": _INSTANCE,
        "retryable": status == 503,
    } | more


async def _podium(_request: Request, error: Exception) -> Json:
    status = status_of(type(error))
    if status is None:
        return await _fault(_request, error)
    more: dict[str, Any] = {}
    if isinstance(error, UnreadableDefinition | InvalidDocument) and error.problems:
        more["validationErrors"] = [{"path": path, "message": message} for path, message in error.problems]
    if isinstance(error, InvalidDefinition):
        more["validationErrors"] = [
            {"path": f.path, "message": f"{f.message} {f.fix}"}
            for f in error.findings
            if f.severity == "error"
        ]
    return Json(error_body(status, str(error), **more), status)


async def _refused(_request: Request, error: Exception) -> Json:
    assert isinstance(error, Refused)
    body = error_body(error.status_code, str(error.detail), **error.more)
    return Json(body, error.status_code, error.headers)


async def _http(request: Request, error: Exception) -> Json:
    assert isinstance(error, HTTPException)
    message = str(error.detail)
    if error.status_code == 404:
        message = f"there is no {request.method} {request.url.path}; /api-docs lists what there is"
    elif error.status_code == 405:
        message = f"{request.url.path} has no {request.method}; /api-docs lists what there is"
    return Json(error_body(error.status_code, message), error.status_code, dict(error.headers or {}))


async def _validation(_request: Request, error: Exception) -> Json:
    assert isinstance(error, RequestValidationError)
    problems = [
        {"path": ".".join(map(str, problem["loc"])), "message": str(problem["msg"])}
        for problem in error.errors()
    ]
    listed = "; ".join(f"{problem['path']}: {problem['message']}" for problem in problems[:5])
    message = f"Validation failed, check below errors for detail. {listed}"
    return Json(error_body(400, message, validationErrors=problems), 400)


async def _data(_request: Request, error: Exception) -> Json:
    return Json(error_body(400, f"a value can't be stored: {str(error).splitlines()[0]}"), 400)


async def _fault(request: Request, error: Exception) -> Json:
    logger.error(
        "%s %s failed", request.method, request.url.path, exc_info=error, extra={"event": "api_fault"}
    )
    return Json(error_body(500, "Podium failed here; its log says how"), 500)


_ANSWERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    PodiumError: _podium,
    Refused: _refused,
    HTTPException: _http,
    RequestValidationError: _validation,
    psycopg.DataError: _data,
    Exception: _fault,
}


def install(app: FastAPI) -> None:
    """Answer every error of the application with that body."""
    for kind, handler in _ANSWERS.items():
        app.add_exception_handler(kind, handler)


async def answer(request: Request, error: Exception) -> Response:
    """The answer to a call that ended in an error."""
    handler = next(_ANSWERS[base] for base in type(error).__mro__ if base in _ANSWERS)
    return await handler(request, error)


__all__ = ["STATUS", "Refused", "answer", "error_body", "install", "status_of"]
