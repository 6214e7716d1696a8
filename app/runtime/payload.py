"""Inputs, outputs and variables as they are stored: JSON text within a limit; large ones outside of the row.

A row that has its input or output elsewhere holds `@` and the URL of the file, which no JSON text begins with. So what
was stored is found whatever the settings say by now, and what is small costs a comparison. Files of executions are kept
beside them, and come and go in pieces.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO, TypeVar

import fsspec
import orjson

from app.errors import PayloadNotFound, PayloadUnavailable

logger = logging.getLogger(__name__)
_ELSEWHERE = "@"
_PAUSES = (0.1, 0.5, 2.0)
"""Seconds between two tries to reach the store."""
_BLOCK = 5 * 1024**2
"""So much of a file is in memory at a time; S3 takes no smaller parts."""
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

    def url(self, path: str) -> str:
        """Where a path of the store is."""
        return f"{self._url}/{path}"

    def put(self, execution_id: str, text: str) -> str:
        """What is stored for a JSON text: the text, or where it is kept.

        Raises:
            PayloadUnavailable: it can't be written.
        """
        if self._url is None or len(text) <= self._threshold:
            return text
        path = f"{execution_id}/{self._new_id()}.json"
        self.write(path, text)
        return _ELSEWHERE + self.url(path)

    def write(self, path: str, text: str) -> None:
        """Keep a JSON text under a path.

        Raises:
            PayloadUnavailable: it can't be written.
        """
        url = self.url(path)

        def write() -> None:
            system, path = fsspec.core.url_to_fs(url)
            system.makedirs(system._parent(path), exist_ok=True)
            with system.open(path, "wb") as file:
                file.write(text.encode())
                _to_disk(file)

        _tried(write, f"the payload {url} can't be written")

    def read(self, path: str) -> bytes:
        """The JSON text under a path.

        Raises:
            PayloadUnavailable: it is not there, or can't be read.
        """
        return _read(self.url(path))

    def create(self, path: str) -> Writing:
        """A new file under a path, for content that comes in pieces.

        Raises:
            PayloadUnavailable: it can't be written.
        """
        return Writing(self.url(path))

    def open(self, url: str) -> BinaryIO:
        """The content at a URL, to be read in pieces and closed.

        Raises:
            PayloadUnavailable: it is not there, or can't be read.
        """

        def open_it() -> BinaryIO:
            system, path = fsspec.core.url_to_fs(url)
            file: BinaryIO = system.open(path, "rb", block_size=_BLOCK)
            return file

        return _tried(open_it, f"the file {url} can't be read")

    def discard(self, urls: Iterable[str]) -> None:
        """Delete content that nothing names; what can't be deleted is left to the removal of its execution."""
        for url in urls:
            with contextlib.suppress(Exception):  # each file system has its own
                system, path = fsspec.core.url_to_fs(url)
                system.rm(path)

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder.

        Raises:
            PayloadUnavailable: it can't be read.
        """

        def listed() -> list[str]:
            system, path = fsspec.core.url_to_fs(self.url(folder))
            system.invalidate_cache(path)
            return [each.rpartition("/")[2] for each in system.ls(path, detail=False)]

        try:
            return _tried(listed, f"the folder {self.url(folder)} can't be read")
        except PayloadNotFound:
            return []

    def remove(self, execution_ids: Iterable[str]) -> None:
        """Delete what is kept for executions that are no more; what can't be deleted is left and logged."""
        if self._url is None:
            return
        for execution_id in execution_ids:
            folder = self.url(execution_id)
            try:
                system, path = fsspec.core.url_to_fs(folder)
                if system.exists(path):
                    system.rm(path, recursive=True)
            except Exception:  # each file system has its own
                logger.warning(
                    "payloads in %s were not deleted", folder, exc_info=True, extra={"event": "payloads_left"}
                )


class Writing:
    """Content on its way into a file."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.size = 0
        self._hash = hashlib.sha256()
        system, path = fsspec.core.url_to_fs(url)

        def begin() -> Any:
            system.makedirs(system._parent(path), exist_ok=True)
            return system.open(path, "wb", block_size=_BLOCK)

        self._remove: Callable[[], None] = lambda: system.rm(path)
        self._file: Any = _tried(begin, self._problem)

    @property
    def _problem(self) -> str:
        return f"the file {self.url} can't be written"

    def write(self, piece: bytes) -> None:
        """Add a piece.

        Raises:
            PayloadUnavailable: it can't be written.
        """
        self.size += len(piece)
        self._hash.update(piece)
        # What was written can't be taken back: there is no second try.
        _tried(lambda: self._file.write(piece), self._problem, pauses=())

    def finish(self) -> str:
        """All of it is written; its SHA-256, in hexadecimal digits.

        Raises:
            PayloadUnavailable: it can't be written.
        """

        def close() -> None:
            _to_disk(self._file)
            self._file.close()

        _tried(close, self._problem, pauses=())
        return self._hash.hexdigest()

    def abandon(self) -> None:
        """It is not to be there; what can't be deleted is left to the removal of its execution."""
        for act in (self._file.close, self._remove):
            with contextlib.suppress(Exception):  # each file system has its own
                act()


def _to_disk(file: Any) -> None:
    """On a disk of this machine a file must be there when the row that names it is."""
    file.flush()
    with contextlib.suppress(AttributeError, OSError, ValueError):
        os.fsync(file.fileno())


def _read(url: str) -> bytes:
    def read() -> bytes:
        with fsspec.open(url, "rb") as file:
            data: bytes = file.read()
        return data

    return _tried(read, f"the payload {url} can't be read")


def _tried(act: Callable[[], T], what: str, pauses: Sequence[float] = _PAUSES) -> T:
    for pause in (*pauses, None):
        try:
            return act()
        except FileNotFoundError as error:
            raise PayloadNotFound(f"{what}: it is not there ({error})") from error
        except Exception as error:  # each file system has its own
            if pause is None:
                raise PayloadUnavailable(f"{what}: {type(error).__name__}: {error}") from error
            time.sleep(pause)
    raise AssertionError
