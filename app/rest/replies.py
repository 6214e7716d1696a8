"""Answers: JSON as orjson writes it, ids as plain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi.responses import JSONResponse, PlainTextResponse, Response


class Json(JSONResponse):
    """A JSON document."""

    def __init__(
        self, content: Any = None, status_code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(content, status_code, headers)

    def render(self, content: Any) -> bytes:
        """Its bytes."""
        return orjson.dumps(content)


class Text(PlainTextResponse):
    """A bare string, such as an id."""


def nothing(status_code: int = 200) -> Response:
    """An answer without a body."""
    return Response(status_code=status_code)
