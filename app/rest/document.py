"""The OpenAPI document: what FastAPI makes of the routes, and what all of them have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from app.operations.access import Role
from app.rest.answers import Error, ValidationError
from app.rest.route import ROLE, role_of

_REF = "#/components/schemas/Error"
_ERRORS = {
    "400": "The call is of no use: a parameter or the body does not fit.",
    "401": "No token, or one that is over.",
    "403": "The role of the token is too low, or the call comes from another site.",
    "404": "There is no such thing.",
    "405": "The path has no such method.",
    "409": "It is not in a state for this, or there is another of its name.",
    "413": "The body is too large.",
    "503": "The database or the broker does not answer; try again.",
}
_SECURITY = {
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Authorization",
        "description": "Of POST /api/token.",
    }
}


class Documented(FastAPI):
    """An application whose document tells of errors, roles and tokens. `documented`: the routes that it tells of."""

    documented: Sequence[APIRoute] = ()

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = self._made()
        return self.openapi_schema

    def _made(self) -> dict[str, Any]:
        document = get_openapi(title=self.title, version=self.version, routes=self.documented)
        components = document.setdefault("components", {})
        schemas: dict[str, Any] = components.setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        _, made = models_json_schema(
            [(Error, "serialization"), (ValidationError, "serialization")],
            ref_template="#/components/schemas/{model}",
        )
        schemas.update(made["$defs"])
        components["securitySchemes"] = _SECURITY
        for path in document["paths"].values():
            for method, operation in path.items():
                _complete(operation, role_of(operation, {method.upper()}))
        return document


def _complete(operation: dict[str, Any], role: Role | None) -> None:
    answers = operation["responses"]
    answers.pop("422", None)
    for status, description in _ERRORS.items():
        content = {"application/json": {"schema": {"$ref": _REF}}}
        answers.setdefault(status, {"description": description, "content": content})
    operation[ROLE] = "anybody" if role is None else role.value
    operation["security"] = [] if role is None else [{"token": []}, {}]


def operation_id(route: APIRoute) -> str:
    """The name of an operation: its method and its path."""
    return re.sub(
        r"[^a-z0-9]+", "_", f"{'_'.join(sorted(route.methods or ()))}{route.path_format}".lower()
    ).strip("_")
