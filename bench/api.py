"""`python -m bench.api`: what the REST API costs, on PostgreSQL, with one process and with two."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx
import orjson
import psutil
from rich.console import Console
from rich.table import Table

from app.processes import commands
from bench import report
from bench.load import Connection, Latencies, drive
from bench.podium import PodiumPostgres
from bench.systems import CONCURRENCY, BenchError, System
from bench.tasks import NOOP
from tests.servers import Postgres

CONNECTIONS = 16
POLLERS = 500
_QUEUES = 20
_STARTS_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done."""

    starts: int = 3_000
    executes: int = 300
    idle_seconds: float = 15.0


SMALL = Sizes(60, 10, 1.0)


class ApiSystem(PodiumPostgres):
    """Podium on PostgreSQL, with API processes."""

    name = "Podium, PostgreSQL"

    def serve(self, count: int) -> list[int]:
        """Start so many API processes; their ports, once all of them answer."""
        ports = [_free_port() for _ in range(count)]
        for port in ports:
            (command,) = (
                one for one in commands(self.settings, CONCURRENCY, api_port=port) if one.name == "api"
            )
            self._spawn(command.argv, dict(command.environment))
        for port in ports:
            _wait_for(port)
        return ports

    def work(self) -> None:
        """Start the worker and beat."""
        System.spawn(self)

    @property
    def processes(self) -> list[int]:
        """Ids of the processes that were started."""
        return [process.pid for process in self._processes]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _STARTS_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                return
        time.sleep(0.1)
    raise BenchError(f"the API on port {port} does not answer")


@dataclass(frozen=True, slots=True)
class Measured:
    """What one number of API processes can do."""

    processes: int
    starts: Latencies
    handled: Latencies
    v2: Latencies
    executes: Latencies
    idle: float
    """Of a core, for all idle pollers; nothing else runs but the processes' own signs of life."""
    asleep: float
    """The same without a poller."""


@contextlib.contextmanager
def _prepared() -> Iterator[ApiSystem]:
    folder = Path(tempfile.mkdtemp(prefix="podium-bench-api-"))
    postgres = Postgres.start()
    try:
        system = ApiSystem(folder / "podium", postgres.create("bench"))
        try:
            system.prepare(())
            yield system
        finally:
            system.stop()
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def measure(count: int, sizes: Sizes) -> Measured:
    """Measure with so many API processes on a database of their own."""
    with _prepared() as system:
        ports = system.serve(count)
        pids = system.processes
        asleep = _cpu_share(pids, sizes.idle_seconds)
        idle = asyncio.run(_idle(ports, pids, sizes.idle_seconds))
        _register(ports[0])
        asyncio.run(_start(ports, 50))
        asyncio.run(_handle(ports, 50))
        starts = asyncio.run(_start(ports, sizes.starts))
        half = sizes.starts // 2
        handled = asyncio.run(_handle(ports, half))
        v2 = asyncio.run(_handle_v2(ports, sizes.starts - half))
        system.work()
        asyncio.run(_execute(ports, 5))
        executes = asyncio.run(_execute(ports, sizes.executes))
        return Measured(count, starts, handled, v2, executes, idle, asleep)


def _register(port: int) -> None:
    outside = {"name": "outside", "version": 1, "tasks": [_simple("scan", "scan")]}
    three = {"name": "three", "version": 1, "tasks": [_simple(NOOP, f"t{n}") for n in range(3)]}
    url = f"http://127.0.0.1:{port}/api/metadata/workflow"
    httpx.put(url, json=[outside, three]).raise_for_status()


def _simple(name: str, ref: str) -> dict[str, Any]:
    return {"name": name, "taskReferenceName": ref, "type": "SIMPLE"}


async def _start(ports: Sequence[int], units: int) -> Latencies:
    async def work(client: Connection) -> bool:
        await client.call("POST", "/workflow", {"name": "outside", "input": {"order": 17}})
        return True

    return await drive(ports, CONNECTIONS, units, work)


async def _handle(ports: Sequence[int], units: int) -> Latencies:
    async def work(client: Connection) -> bool:
        _, found = await client.call("GET", "/tasks/poll/batch/scan?workerid=bench&count=1&timeout=100")
        tasks = orjson.loads(found)
        if not tasks:
            return False
        await client.call("POST", "/tasks", _result(tasks[0]))
        return True

    return await drive(ports, CONNECTIONS, units, work)


async def _handle_v2(ports: Sequence[int], units: int) -> Latencies:
    held: dict[int, Any] = {}

    async def work(client: Connection) -> bool:
        task = held.pop(id(client), None)
        if task is None:
            status, found = await client.call("GET", "/tasks/poll/scan?workerid=bench")
            if status == 204:
                return False
            task = orjson.loads(found)
        status, found = await client.call("POST", "/tasks/update-v2", _result(task))
        if status == 200:
            held[id(client)] = orjson.loads(found)
        return True

    return await drive(ports, CONNECTIONS, units, work)


def _result(task: Any) -> dict[str, Any]:
    return {
        "taskId": task["taskId"],
        "workflowInstanceId": task["workflowInstanceId"],
        "workerId": "bench",
        "status": "COMPLETED",
        "outputData": {"scanned": True},
    }


async def _execute(ports: Sequence[int], units: int) -> Latencies:
    async def work(client: Connection) -> bool:
        _, found = await client.call("POST", "/workflow/execute/three/1", {"input": {}})
        answer = orjson.loads(found)
        if answer["status"] != "COMPLETED":
            raise BenchError(f"execution {answer['workflowId']} is {answer['status']}")
        return True

    return await drive(ports, 1, units, work)


async def _idle(ports: Sequence[int], pids: Sequence[int], seconds: float) -> float:
    """What so many workers cost that find nothing to do: each waits 5 s for a task, again and again."""
    clients = [Connection(ports[n % len(ports)]) for n in range(POLLERS)]

    async def poll(n: int, client: Connection) -> None:
        await client.open()
        # Not all in the same moment.
        await asyncio.sleep(n / POLLERS)
        while True:
            await client.call("GET", f"/tasks/poll/batch/idle_{n % _QUEUES}?workerid=w{n}&timeout=5000")

    polls = [asyncio.create_task(poll(n, client)) for n, client in enumerate(clients)]
    await asyncio.sleep(2)
    share = await asyncio.to_thread(_cpu_share, pids, seconds)
    for task in polls:
        task.cancel()
    failed = [e for e in await asyncio.gather(*polls, return_exceptions=True) if isinstance(e, BenchError)]
    if failed:
        raise failed[0]
    return share


def _cpu_share(pids: Sequence[int], seconds: float) -> float:
    """How much of one core the processes use."""

    def used() -> float:
        times = [psutil.Process(pid).cpu_times() for pid in pids]
        return float(sum(t.user + t.system for t in times))

    before, began = used(), time.monotonic()
    time.sleep(seconds)
    return (used() - before) / (time.monotonic() - began)


def table(found: Sequence[Measured]) -> Table:
    """The figures, for people."""
    rows = Table(title="the REST API on PostgreSQL, by API processes", title_justify="left")
    rows.add_column("what", no_wrap=True)
    for one in found:
        rows.add_column(f"{one.processes} API", justify="right", no_wrap=True)
    for name, figures in (
        ("POST /workflow", [one.starts for one in found]),
        ("poll, then POST /tasks", [one.handled for one in found]),
        ("POST /tasks/update-v2", [one.v2 for one in found]),
    ):
        rows.add_row(
            f"{name}, {CONNECTIONS} clients: a second", *[f"{each.per_second:,.0f}" for each in figures]
        )
        rows.add_row("  p50 / p99, ms", *map(_percentiles, figures))
    rows.add_row(
        "execute of three steps, 1 client: p50 / p99, ms", *[_percentiles(m.executes) for m in found]
    )
    rows.add_row(f"{POLLERS} idle pollers: % of a core", *[f"{m.idle * 100:.1f}" for m in found])
    rows.add_row("no poller: % of a core", *[f"{m.asleep * 100:.1f}" for m in found])
    return rows


def _percentiles(found: Latencies) -> str:
    return f"{found.percentile(0.5):.1f} / {found.percentile(0.99):.1f}"


@click.command(context_settings={"max_content_width": 100})
@click.option("--processes", type=click.IntRange(1, 8), multiple=True, help="API processes; several times.")
@click.option("--quick", is_flag=True, help="Small sizes: shows that it works, no figures.")
def main(processes: tuple[int, ...], quick: bool) -> None:
    """Measure the REST API: starts, tasks of outside workers, executions that somebody waits for, idle pollers."""
    machine = report.machine()
    found = [measure(count, SMALL if quick else Sizes()) for count in processes or (1, 2)]
    console = Console(width=report.WIDTH)
    for name, value in machine.items():
        console.print(f"{name:<10} {value}", highlight=False, soft_wrap=True)
    console.print(table(found))


__all__ = ["main", "measure", "table"]

if __name__ == "__main__":
    main()
