"""A receiver in a thread of its own, whose messages a test waits for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.events.provider import Incoming, Provider

PATIENCE_SECONDS = 30.0


class Listener:
    """What came, in order."""

    def __init__(self, failures: int = 0) -> None:
        self.arrived: queue.Queue[Incoming] = queue.Queue()
        self.failures = failures

    def take(self, incoming: Incoming) -> None:
        """Store it; the first `failures` times the store is away."""
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the store is away")
        self.arrived.put(incoming)

    def next(self) -> Incoming:
        """Wait for the next one."""
        return self.arrived.get(timeout=PATIENCE_SECONDS)

    @property
    def empty(self) -> bool:
        """Nothing has come that was not looked at."""
        return self.arrived.empty()


@contextmanager
def listening(provider: Provider, *events: str, failures: int = 0) -> Iterator[Listener]:
    """Receive these events in a block; after a failure again, as `podium events` does."""
    listener, stop = Listener(failures), threading.Event()

    def receive() -> None:
        while not stop.is_set():
            try:
                provider.receive(events, listener.take, stop)
            except ConnectionError:
                continue

    thread = threading.Thread(target=receive)
    thread.start()
    try:
        yield listener
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
