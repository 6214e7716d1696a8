"""The project's own processes as nodes of pytest-celery, and how long they are kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_celery import CeleryWorkerContainer

from tests.localcelery.process import LocalProcess, ProcessSpec
from tests.localcelery.vendors import LocalNode, wait_ready

REPOSITORY = Path(__file__).parents[2]


class LocalBeat(LocalNode, CeleryWorkerContainer):  # type: ignore[misc]  # pytest-celery has no types
    """Beat, with the sweeper in it."""

    ready_prompt = "is starting"


class LocalEvents(LocalNode, CeleryWorkerContainer):  # type: ignore[misc]  # pytest-celery has no types
    """What receives events and acts on them."""

    ready_prompt = "events are received"


class LocalFlower(LocalNode, CeleryWorkerContainer):  # type: ignore[misc]  # pytest-celery has no types
    """Flower."""

    ready_prompt = "Visit me at"


def worker_command(name: str, concurrency: int) -> list[str]:
    """The command of a worker; `%h` is replaced by the node's id."""
    quick = ["--without-mingle", "--without-gossip"]
    own = ["-n", f"{name}@%h", "-c", str(concurrency), "--loglevel=INFO"]
    return ["celery", "-A", "app", "worker", *own, *quick]


def beat_command() -> list[str]:
    """The command of beat."""
    return ["celery", "-A", "app", "beat", "--pidfile=", "--loglevel=INFO"]


def events_command() -> list[str]:
    """The command of what receives events."""
    return ["app.cli", "events"]


def flower_command(port: int) -> list[str]:
    """The command of Flower, on the loopback."""
    return ["celery", "-A", "app", "flower", "--address=127.0.0.1", f"--port={port}"]


def process_spec(command: list[str], environment: dict[str, str]) -> ProcessSpec:
    """A process of the project, run by this interpreter."""

    def argv(node: LocalProcess) -> list[str]:
        return [sys.executable, "-m", *(word.replace("%h", node.id[:12]) for word in command)]

    return ProcessSpec(command=argv, environment=environment)


class Nodes:
    """The local processes of one platform, by name. They are kept until another platform is used."""

    def __init__(self) -> None:
        self._running: dict[str, Any] = {}
        self._used: object = None

    def use(self, platform: object) -> bool:
        """End the nodes of any other platform; whether this one is new."""
        new = self._used != platform
        if new:
            self.end()
            self._used = platform
        return new

    def get(self, name: str, spec: Callable[[], ProcessSpec], node_class: Any, ready: bool = False) -> Any:
        """The node of this name: started, or started again when a test has killed it.

        ready: wait until it is; else the caller does, so that several come up side by side.
        """
        node = self._running.get(name)
        if node is None:
            node = self._running[name] = node_class(LocalProcess(spec(), name).start())
            if ready:
                wait_ready(node)
        elif node.status != "running":
            node.restart()
        return node

    def end(self) -> None:
        """End all, the servers last."""
        for node in reversed(self._running.values()):
            node._container.remove(force=True)
        self._running.clear()
