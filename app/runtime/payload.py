"""Inputs, outputs and variables as they are stored: JSON text within a limit; large ones outside of the row.

A row that has its input or output elsewhere holds `@` and the URL of the file, which no JSON text begins with. So what
was stored is found whatever the settings say by now, and what is small costs a comparison.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import fsspec
import orjson

from app.errors import PayloadNotFound, PayloadUnavailable

logger = logging.getLogger(__name__)
_ELSEWHERE = "@"
_PAUSES = (0.1, 0.5, 2.0)
"""Seconds between two tries to reach the store."""
T = TypeVar("T")


def dump(value: Any) -> str:
    """JSON text. None is `{}`: an output or input that holds nothing.

    Raises:
        TypeError: it is no JSON (`orjson.JSONEncodeError`).
    """
    return "{}" if value is None else orjson.dumps(value).decode()


def load(stored: str | None) -> Any:
    """The value of a stored input or output, wherever it is kept; None, which is not there yet, is `{}`.

    Raises:
        PayloadUnavailable: it is kept elsewhere, and can't be read.
    """
    return {} if stored is None else orjson.loads(whole(stored))


def whole(stored: str) -> str | bytes:
    """The JSON text of a stored input or output, wherever it is kept.

    Raises:
        PayloadUnavailable: as `load`.
    """
    if not is_elsewhere(stored):
        return stored
    return _read(stored.removeprefix(_ELSEWHERE))


def is_elsewhere(stored: str | None) -> bool:
    """Whether an input or output is kept outside of its row."""
    return stored is not None and stored.startswith(_ELSEWHERE)


def in_row(stored: T) -> T | str:
    """What the row itself holds, for lists: nothing of what is kept elsewhere."""
    return "{}" if isinstance(stored, str) and is_elsewhere(stored) else stored


def too_large(value: Any, limit: int) -> str | None:
    """What is wrong when a value is larger than `limit` bytes as JSON; None: nothing."""
    if not value:
        return None
    size = len(orjson.dumps(value))
    if size <= limit:
        return None
    return (
        f"is {size:,} bytes of JSON, the limit is {limit:,}: "
        "store the data elsewhere and pass a reference, or raise PODIUM_PAYLOAD_LIMIT_BYTES"
    )


class Payloads:
    """Keeps what is too large for a row in a folder or a bucket, in a folder for each execution."""

    def __init__(self, url: str | None, threshold: int, new_id: Callable[[], str]) -> None:
        """url: as fsspec takes it; None: everything stays in its row. threshold: characters of JSON text."""
        self._url = None if url is None else url.rstrip("/")
        self._threshold = threshold
        self._new_id = new_id

    def put(self, execution_id: str, text: str) -> str:
        """What is stored for a JSON text: the text, or where it is kept.

        Raises:
            PayloadUnavailable: it can't be written.
        """
        if self._url is None or len(text) <= self._threshold:
            return text
        path = f"{execution_id}/{self._new_id()}.json"
        self.write(path, text)
        return f"{_ELSEWHERE}{self._url}/{path}"

    def write(self, path: str, text: str) -> None:
        """Keep a JSON text under a path.

        Raises:
            PayloadUnavailable: it can't be written.
        """
        url = f"{self._url}/{path}"

        def write() -> None:
            system, path = fsspec.core.url_to_fs(url)
            system.makedirs(system._parent(path), exist_ok=True)
            with system.open(path, "wb") as file:
                file.write(text.encode())
                file.flush()
                # On a disk of this machine it must be there when the row that names it is.
                with contextlib.suppress(AttributeError, OSError, ValueError):
                    os.fsync(file.fileno())

        _tried(write, f"the payload {url} can't be written")

    def read(self, path: str) -> bytes:
        """The JSON text under a path.

        Raises:
            PayloadUnavailable: it is not there, or can't be read.
        """
        return _read(f"{self._url}/{path}")

    def remove(self, execution_ids: Iterable[str]) -> None:
        """Delete what is kept for executions that are no more; what can't be deleted is left and logged."""
        if self._url is None:
            return
        for execution_id in execution_ids:
            folder = f"{self._url}/{execution_id}"
            try:
                system, path = fsspec.core.url_to_fs(folder)
                if system.exists(path):
                    system.rm(path, recursive=True)
            except Exception:  # each file system has its own
                logger.warning(
                    "payloads in %s were not deleted", folder, exc_info=True, extra={"event": "payloads_left"}
                )


def _read(url: str) -> bytes:
    def read() -> bytes:
        with fsspec.open(url, "rb") as file:
            data: bytes = file.read()
        return data

    return _tried(read, f"the payload {url} can't be read")


def _tried(act: Callable[[], T], what: str) -> T:
    for pause in (*_PAUSES, None):
        try:
            return act()
        except FileNotFoundError as error:
            raise PayloadNotFound(f"{what}: it is not there ({error})") from error
        except Exception as error:  # each file system has its own
            if pause is None:
                raise PayloadUnavailable(f"{what}: {type(error).__name__}: {error}") from error
            time.sleep(pause)
    raise AssertionError
