"""What is measured: plain Celery and Podium, each with a broker, a directory and workers of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from redis import Redis

from app import embedded
from app.processes import commands
from bench import plain
from bench.counter import VARIABLE, Total
from bench.workloads import Workload
from config.settings import Settings

CONCURRENCY = 2
POLL_SECONDS = 0.004
STOP_SECONDS = 15.0


class BenchError(Exception):
    """A run did not do what it should have done."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a workload. `counts`: how far each of the system's counters moved."""

    start_seconds: float
    """From the first start to the return of the last."""
    start_cpu_seconds: float
    """CPU time of the starting process in it."""
    seconds: float
    """From the first start to the end of the last execution."""
    counts: Mapping[str, float]


class System:
    """A broker, worker processes, a way to start executions and one to know that all have ended."""

    name: str

    def __init__(self, folder: Path, database_url: str | None = None) -> None:
        self.folder = folder
        self.settings = Settings(
            state_dir=folder, imports=("bench.tasks",), log_level="warning", database_url=database_url
        )
        self.total = Total(folder / "counts")
        self.server = embedded.ensure(folder)
        self._broker = Redis.from_url(self.server.redis_url())
        self._processes: list[subprocess.Popen[bytes]] = []

    @classmethod
    def can_run(cls, workload: Workload) -> bool:
        """Whether the system can run a workload at all."""
        return True

    def prepare(self, workloads: Sequence[Workload]) -> None:
        """Make what executions need, before the workers come up."""
        raise NotImplementedError

    def spawn(self, environment: Mapping[str, str] | None = None, options: Sequence[str] = ()) -> None:
        """Start the processes of `podium up` without Flower; `options` are the worker's."""
        for command in commands(self.settings, CONCURRENCY):
            more = options if command.name == "worker" else ()
            self._spawn((*command.argv, *more), {**command.environment, **(environment or {})})

    def _spawn(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        with (self.folder / "processes.log").open("ab") as log:
            process = subprocess.Popen(
                argv,
                env={**environment, VARIABLE: str(self.folder / "counts")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)

    def start(self, workload: Workload) -> None:
        """Start all executions of a workload, one after the other."""
        raise NotImplementedError

    def ended(self) -> bool:
        """Whether all is written down that a run writes; asked once all tasks have run."""
        raise NotImplementedError

    def counters(self) -> dict[str, float]:
        """Counters that only grow: bytes that the broker took in, CPU seconds of the processes."""
        stats: Any = self._broker.info("stats")
        cpu = sum(_cpu_seconds(process.pid) for process in self._processes)
        return {"bytes": stats["total_net_input_bytes"], "cpu": cpu}

    def starts_alone(self, workload: Workload) -> float:
        """Start the executions of a workload while no worker runs; how many a second were started."""
        began = time.perf_counter()
        self.start(workload)
        return workload.executions / (time.perf_counter() - began)

    def catch_up(self, workload: Workload, times: int, timeout_seconds: float = 300.0) -> None:
        """Wait until what was started before the workers came up has ended.

        Raises:
            BenchError: it has not in time.
        """
        wanted = times * workload.all_steps
        deadline = time.perf_counter() + timeout_seconds
        while self.total.read() < wanted or not self.ended():
            if time.perf_counter() > deadline:
                raise BenchError(self._says(workload, f"{self.total.read()} of {wanted} tasks ran in time"))
            time.sleep(POLL_SECONDS)

    def run(
        self,
        workload: Workload,
        timeout_seconds: float = 300.0,
        starting: contextlib.AbstractContextManager[Any] | None = None,
    ) -> Run:
        """Run a workload to its end. `starting` is entered while the executions are started.

        Raises:
            BenchError: it did not end in time, or a task ran more than once.
        """
        before, done_before = self.counters(), self.total.read()
        wanted = done_before + workload.all_steps
        began, cpu = time.perf_counter(), time.process_time()
        with starting or contextlib.nullcontext():
            self.start(workload)
        started, cpu = time.perf_counter(), time.process_time() - cpu
        while self.total.read() < wanted or not self.ended():
            if time.perf_counter() - began > timeout_seconds:
                done = self.total.read() - done_before
                raise BenchError(self._says(workload, f"{done} of {workload.all_steps} tasks ran in time"))
            time.sleep(POLL_SECONDS)
        ended = time.perf_counter()
        if self.total.read() != wanted:
            raise BenchError(self._says(workload, f"{self.total.read() - wanted} tasks ran once more"))
        after = self.counters()
        counts = {name: after[name] - before[name] for name in before}
        return Run(started - began, cpu, ended - began, counts)

    def _says(self, workload: Workload, what: str) -> str:
        return f"{self.name}, {workload.title}: {what}; see {self.folder / 'processes.log'}"

    def stop_processes(self) -> None:
        """Stop all processes but the broker."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._processes.clear()

    def stop(self) -> None:
        """Stop everything."""
        self.stop_processes()
        self._broker.close()
        embedded.stop(self.server)


class PlainCelery(System):
    """Celery's own canvases, as they come."""

    name = "plain Celery"
    quiet = False

    @classmethod
    def can_run(cls, workload: Workload) -> bool:
        return workload.plain

    def prepare(self, workloads: Sequence[Workload]) -> None:
        self._app = plain.make_app(self.settings, self.quiet)

    def spawn(self, environment: Mapping[str, str] | None = None, options: Sequence[str] = ()) -> None:
        own = {**(environment or {}), **({plain.QUIET_VARIABLE: "1"} if self.quiet else {})}
        for command in commands(self.settings, CONCURRENCY, beat=False):
            argv = [word if word != "app" else "bench.plain" for word in command.argv]
            self._spawn((*argv, *options), {**command.environment, **own})

    def start(self, workload: Workload) -> None:
        # A canvas resolves its tasks in the current application.
        self._app.set_current()
        canvas = workload.canvas(self._app)
        for _ in range(workload.executions):
            canvas.apply_async()

    def ended(self) -> bool:
        return True

    def stop(self) -> None:
        # Celery keeps the results of a chord's header for ever when they are ignored; at the exit they would
        # unsubscribe from a broker that is gone.
        self._app.backend.result_consumer.subscribed_to.clear()
        self._app.close()
        super().stop()


class QuietCelery(PlainCelery):
    """Celery's own canvases without task events: nothing of them is to be seen in Flower."""

    name = "plain Celery, no events"
    quiet = True


def _cpu_seconds(pid: int) -> float:
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return float(sum(t.user + t.system for t in times))
