"""Workers of the plain application, as processes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from celery import Celery, Signature

from app import embedded
from tests.faults import plain
from tests.localcelery.process import LocalProcess, ProcessSpec

Wait = Callable[[str, Callable[[], bool]], None]


class StartWorker(Protocol):
    """Starts a worker and waits until it is ready; not told otherwise, it has one child and the guard."""

    def __call__(
        self, options: dict[str, Any] | None = None, *, concurrency: int = 1, guard: bool = True
    ) -> LocalProcess: ...


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until the condition holds; fails with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


def lines(path: Path) -> list[str]:
    """Return what tasks wrote to the file so far."""
    return path.read_text().splitlines() if path.exists() else []


def url_of(server: embedded.Server) -> str:
    """Return the server's URL without a database."""
    return server.celery_url().partition("?")[0]


@pytest.fixture
def start_worker(valkey: embedded.Server) -> Iterator[StartWorker]:
    """Start workers on the embedded server; all are killed with the test."""
    started = list[LocalProcess]()

    def start(
        options: dict[str, Any] | None = None, *, concurrency: int = 1, guard: bool = True
    ) -> LocalProcess:
        celery = [sys.executable, "-m", "celery", "-A", "tests.faults.plain", "worker", "--loglevel=INFO"]
        own = [f"--concurrency={concurrency}", f"--hostname=w{len(started)}@localhost"]
        argv = [*celery, *own, "--without-mingle", "--without-gossip"]
        environment = {
            "FAULT_URL": url_of(valkey),
            "FAULT_OPTIONS": json.dumps(options or {}),
            "FAULT_GUARD": "1" if guard else "0",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        worker = LocalProcess(ProcessSpec(command=lambda _: argv, environment=environment), "plain-worker")
        started.append(worker)
        worker.start()
        wait_for(f"ready: {worker.logs()[-2000:]!r}", lambda: b" ready." in worker.logs())
        return worker

    yield start
    for worker in started:
        worker.remove(force=True)


class Client:
    """Names the plain application's tasks and publishes canvases, without their code."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def task(self, name: str, *args: str, immutable: bool = True) -> Signature:
        """Return the signature of `tests.faults.plain.<name>`."""
        return self._app.signature(f"tests.faults.plain.{name}", args, immutable=immutable)

    def send(self, canvas: Signature) -> None:
        """Have the canvas published.

        A worker does it: this process would subscribe to results, and unsubscribing from a server that has stopped
        since takes 20 s for each.
        """
        self._app.send_task("tests.faults.plain.send", (canvas,), ignore_result=True)


@pytest.fixture
def client(valkey: embedded.Server) -> Iterator[Client]:
    """The application that sends, in this process."""
    app = plain.make_app(url_of(valkey), {})
    yield Client(app)
    app.close()
