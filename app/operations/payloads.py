"""Payloads that clients bring and fetch themselves, as Conductor's SDKs do with large ones: where, and what is there."""

from __future__ import annotations

import re
from typing import Any

import orjson

from app.errors import InvalidInput
from app.operations.values import json_object
from app.runtime.clock import new_id
from app.runtime.engine import Engine
from app.runtime.payload import dump

_PATH = re.compile(r"[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,64}\.json")
_FOLDER = "clients"


def location(engine: Engine, path: str | None = None) -> str:
    """A path in the store for what a client is about to bring; `path`: of what is there already.

    Conductor: GET /workflow/externalstoragelocation.

    Raises:
        InvalidInput: there is no store, or it is no path of it.
    """
    _require_store(engine)
    return _checked(path) if path else f"{_FOLDER}/{new_id()}.json"


def bring(engine: Engine, path: str, value: Any) -> None:
    """Keep an object under a path that `location` gave.

    Raises:
        InvalidInput: as `location`; it is no JSON object, or too large.
        PayloadUnavailable: the store can't be written.
    """
    _require_store(engine)
    given = json_object(value, "a payload", engine.payload_limit)
    engine.payloads.write(_checked(path), dump(given))


def fetch(engine: Engine, path: str) -> dict[str, Any]:
    """The object under a path.

    Raises:
        InvalidInput: as `location`.
        PayloadUnavailable: it is not there, or can't be read.
    """
    _require_store(engine)
    found: dict[str, Any] = orjson.loads(engine.payloads.read(_checked(path)))
    return found


def _checked(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise InvalidInput(f"{path[:100]!r} is no path of a payload: ask for one at externalstoragelocation")
    return path


def _require_store(engine: Engine) -> None:
    if engine.settings.payload_store_url is None:
        raise InvalidInput(
            "payloads are kept in the database here, and none is fetched from elsewhere: "
            "send it inline, or set PODIUM_PAYLOAD_STORE_URL"
        )
