"""Things done at the same moment, each by a thread with a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

Result = TypeVar("Result")


def race(*works: Callable[[], Result], timeout_seconds: float = 30) -> list[Result]:
    """Start all at once; what each returned, in the order given. An exception of one is raised."""
    start = Barrier(len(works))

    def run(work: Callable[[], Result]) -> Result:
        start.wait(timeout_seconds)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        futures = [pool.submit(run, work) for work in works]
        return [future.result(timeout_seconds) for future in futures]
