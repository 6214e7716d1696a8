"""Secrets that definitions can use: their names, never their values, which are the installation's own: /secrets."""

from __future__ import annotations

from fastapi import Response

from app.rest.answers import answers
from app.rest.bodies import InPath
from app.rest.context import EngineHere
from app.rest.replies import Json
from app.rest.route import OPERATOR, router

routes = router("secrets", "/secrets")


@routes.get("", openapi_extra=OPERATOR, **answers(list[str]))
def names(engine: EngineHere) -> Response:
    """The names of the secrets that this process knows."""
    return Json(engine.secrets.names())


@routes.post("", openapi_extra=OPERATOR, **answers(list[str]))
def names_again(engine: EngineHere) -> Response:
    """As with GET: SDKs ask in this way too."""
    return Json(engine.secrets.names())


@routes.get("/{key}/exists", openapi_extra=OPERATOR, **answers(bool))
def exists(engine: EngineHere, key: InPath) -> Response:
    """Whether this process knows a secret."""
    return Json(key in engine.secrets.names())
