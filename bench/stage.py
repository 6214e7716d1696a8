"""Brings up what is measured and takes it down again."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.podium import PodiumPostgres, PodiumSqlite
from bench.systems import BenchError, PlainCelery, QuietCelery, System
from bench.workloads import Workload
from tests.servers import Postgres

SYSTEMS: dict[str, type[System]] = {
    "celery": PlainCelery,
    "quiet": QuietCelery,
    "sqlite": PodiumSqlite,
    "postgresql": PodiumPostgres,
}
"""By the name that the command line knows them by; the first is what the others are compared with."""


@contextlib.contextmanager
def prepared(names: Sequence[str], workloads: Sequence[Workload]) -> Iterator[list[System]]:
    """Yield systems that are ready for their workers; stop them afterwards.

    Their files are deleted, unless something fails: then the error names the logs to read.
    """
    folder = Path(tempfile.mkdtemp(prefix="podium-bench-"))
    try:
        with contextlib.ExitStack() as stack:
            yield [_prepare(SYSTEMS[name], name, folder, stack, workloads) for name in names]
    except BenchError:
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder)


def _prepare(
    kind: type[System], name: str, folder: Path, stack: contextlib.ExitStack, workloads: Sequence[Workload]
) -> System:
    url = None
    if issubclass(kind, PodiumPostgres):
        postgres = Postgres.start()
        stack.callback(postgres.stop)
        url = postgres.create("bench")
    system = kind(folder / name, url)
    stack.callback(system.stop)
    system.prepare(workloads)
    return system


@contextlib.contextmanager
def running(names: Sequence[str], workloads: Sequence[Workload]) -> Iterator[list[System]]:
    """Yield systems whose workers come up; stop them afterwards."""
    with prepared(names, workloads) as systems:
        for system in systems:
            system.spawn()
        yield systems
