"""Counts the worker tasks that ran, across processes, at the cost of a memory write.

Both sides count alike, so that neither pays more for it; and a step that ran twice can't hide.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

VARIABLE = "PODIUM_ENV_BENCH_COUNTS"
"""Environment variable with the directory of the counts."""

_NUMBER = struct.Struct("<Q")


class Tally:
    """What this process has counted; each process has a file of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pid = 0
        self._page: mmap.mmap | None = None

    def count(self) -> None:
        page = self._page
        if page is None or self._pid != os.getpid():
            page = self._open()
        _NUMBER.pack_into(page, 0, _NUMBER.unpack_from(page)[0] + 1)

    def _open(self) -> mmap.mmap:
        # A forked child must not write into its parent's file.
        self._pid = os.getpid()
        with (self._folder / str(self._pid)).open("w+b") as file:
            file.truncate(_NUMBER.size)
            self._page = mmap.mmap(file.fileno(), _NUMBER.size)
        return self._page


class Total:
    """What all processes together have counted."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._pages: dict[str, mmap.mmap] = {}

    def read(self) -> int:
        for path in self._folder.iterdir():
            if path.name not in self._pages and path.stat().st_size == _NUMBER.size:
                with path.open("rb") as file:
                    self._pages[path.name] = mmap.mmap(file.fileno(), _NUMBER.size, access=mmap.ACCESS_READ)
        return sum(_NUMBER.unpack_from(page)[0] for page in self._pages.values())
