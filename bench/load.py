"""A load generator for HTTP: connections that are kept, as many calls at a time as there are of them."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from bench.systems import BenchError


class Connection:
    """One connection of a client, and one call at a time."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """The status and the body of the answer.

        Raises:
            BenchError: the server found fault with it.
        """
        content = b"" if body is None else orjson.dumps(body)
        head = (
            f"{method} /api{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        self._writer.write(head.encode() + content)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        status = int(answer[9:12])
        length = _length(answer)
        found = await self._reader.readexactly(length) if length else b""
        if status >= 400:
            raise BenchError(f"{method} {path} was answered {status}: {found[:500].decode()}")
        return status, found

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


@dataclass(slots=True)
class Latencies:
    """How long calls took, in seconds, and how long all of them together."""

    seconds: float = 0.0
    calls: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Calls a second."""
        return len(self.calls) / self.seconds

    def percentile(self, share: float) -> float:
        """The time within which this share of the calls was answered, in milliseconds."""
        ordered = sorted(self.calls)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1000


Work = Callable[[Connection], Awaitable[bool]]
"""One unit of work on a connection; False: there is no more."""


async def drive(ports: Sequence[int], connections: int, units: int, work: Work) -> Latencies:
    """Do at most `units` units of work, spread over so many connections and, in turn, over the ports."""
    found, left = Latencies(), iter(range(units))
    clients = [Connection(ports[n % len(ports)]) for n in range(connections)]
    for client in clients:
        await client.open()

    async def go_on(client: Connection) -> None:
        for _ in left:
            began = time.perf_counter()
            if not await work(client):
                return
            found.calls.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*[go_on(client) for client in clients])
    found.seconds = time.perf_counter() - began
    for client in clients:
        client.close()
    return found
