"""Payloads that clients bring and fetch themselves, as Conductor's SDKs do with large ones: where, and what is there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

from app.errors import InvalidInput
from app.operations.values import json_object
from app.runtime.clock import new_id
from app.runtime.engine import Engine
from app.runtime.payload import dump
from app.store.ids import time_of

_PATH = re.compile(r"[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,64}\.json")
_FOLDER = "clients"
_BROUGHT = re.compile(rf"{_FOLDER}/[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}\.json")


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
        InvalidInput: as `location`; it is none that `location` has made; it is no JSON object, or too large.
        PayloadUnavailable: the store can't be written.
    """
    _require_store(engine)
    given = json_object(value, "a payload", engine.payload_limit)
    # What belongs to an execution is not a client's to change.
    engine.payloads.write(_checked(path, _BROUGHT), dump(given))


def fetch(engine: Engine, path: str) -> dict[str, Any]:
    """The object under a path.

    Raises:
        InvalidInput: as `location`.
        PayloadUnavailable: it is not there, or can't be read.
    """
    _require_store(engine)
    found: dict[str, Any] = orjson.loads(engine.payloads.read(_checked(path)))
    return found


def outdated(engine: Engine) -> list[str]:
    """The paths of what clients brought more than PODIUM_PAYLOAD_CLIENTS_SECONDS ago, the oldest first.

    Who has named it in a start or a result has had it stored again with its execution.

    Raises:
        PayloadUnavailable: the store can't be read.
    """
    if engine.settings.payload_store_url is None:
        return []
    until = engine.clock() - int(engine.settings.payload_clients_seconds * 1000)
    paths = (f"{_FOLDER}/{name}" for name in engine.payloads.names(_FOLDER))
    # Their names tell when they were made: nothing of each is to be read.
    return sorted(path for path in paths if _BROUGHT.fullmatch(path) and _made(path) < until)


def delete(engine: Engine, paths: Iterable[str]) -> None:
    """Delete payloads; what can't be deleted is left, and outdated the next time as well."""
    engine.payloads.discard(map(engine.payloads.url, paths))


def _made(path: str) -> int:
    return time_of(path.removeprefix(f"{_FOLDER}/")) or 0


def _checked(path: str, allowed: re.Pattern[str] = _PATH) -> str:
    if not allowed.fullmatch(path):
        raise InvalidInput(f"{path[:100]!r} is no path of a payload: ask for one at externalstoragelocation")
    return path


def _require_store(engine: Engine) -> None:
    if engine.settings.payload_store_url is None:
        raise InvalidInput(
            "payloads are kept in the database here, and none is fetched from elsewhere: "
            "send it inline, or set PODIUM_PAYLOAD_STORE_URL"
        )
