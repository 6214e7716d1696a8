"""Podium as it is measured, on each database."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from typing import Any

from app.client import Podium
from bench.systems import System
from bench.workloads import Workload
from config.database import create_engine

_RUNNING = "SELECT count(*) FROM workflow WHERE status = 'RUNNING'"
_XIDS = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
_COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"

REPORT_SECONDS = 10.5
"""A backend of PostgreSQL that has become idle tells its statistics after 10 s at the latest."""


class PodiumSystem(System):
    """Worker and beat of `podium up`; executions are started through the Python API."""

    def prepare(self, workloads: Sequence[Workload]) -> None:
        self._podium = Podium(self.settings)
        for workload in workloads:
            self._podium.register(workload.definition)
        self._database = create_engine(self.settings)
        self._connection = self._database.raw_connection()

    def register_timers(
        self, definitions: Sequence[dict[str, Any]], task_defs: Sequence[dict[str, Any]]
    ) -> None:
        """Register what `bench/timers.py` starts."""
        self._podium.register({"workflows": list(definitions), "taskDefs": list(task_defs)})

    def start_many(self, name: str, count: int, pace: int = 0) -> None:
        """Start executions one after the other, so many in a second (0: as fast as one process can)."""
        began = time.perf_counter()
        for number in range(count):
            if pace:
                time.sleep(max(0.0, began + number / pace - time.perf_counter()))
            self._podium.start(name)

    def numbers(self, query: str) -> list[int]:
        """The first column of a query."""
        cursor: Any = self._connection.cursor()
        try:
            return [int(row[0]) for row in cursor.execute(query).fetchall()]
        finally:
            cursor.close()

    def start(self, workload: Workload) -> None:
        for _ in range(workload.executions):
            self._podium.start(workload.name)

    def ended(self) -> bool:
        return self._number(_RUNNING) == 0

    def _number(self, query: str) -> int:
        cursor: Any = self._connection.cursor()
        try:
            return int(cursor.execute(query).fetchone()[0])
        finally:
            cursor.close()

    def stop(self) -> None:
        self._connection.close()
        self._database.dispose()
        self._podium.close()
        super().stop()


class PodiumSqlite(PodiumSystem):
    """Podium with its embedded database."""

    name = "Podium, SQLite"

    def counters(self) -> dict[str, float]:
        # `WalIndexHdr.iChange`: the write-ahead log's index counts the transactions that wrote.
        header = (self.folder / "podium.db-shm").read_bytes()[:12]
        return {**super().counters(), "writes": struct.unpack_from("=I", header, 8)[0]}


class PodiumPostgres(PodiumSystem):
    """Podium with a PostgreSQL cluster whose fsync is on."""

    name = "Podium, PostgreSQL"

    def counters(self) -> dict[str, float]:
        # Only transactions that write are given an id.
        return {**super().counters(), "writes": self._number(_XIDS)}

    def commits(self) -> int:
        """Committed transactions of all kinds, single SELECTs too; waits until the backends have told."""
        time.sleep(REPORT_SECONDS)
        return self._number(_COMMITS)
