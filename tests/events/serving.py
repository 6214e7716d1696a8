"""`podium events` as it runs: in a thread, or as a process that dies at a bad moment."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from app.client import Podium

PATIENCE_SECONDS = 60.0
_DIES_FIRST = """
import os, signal, sys
from importlib import import_module

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

module, owner, method = sys.argv[1:]
home = import_module(module)
try:
    setattr(getattr(home, owner), method, die)
except TypeError:  # a class that is written in C
    setattr(home, owner, type(owner, (getattr(home, owner),), {method: die}))
from app.cli import main
sys.argv[1:] = ["events"]
main()
"""


@contextmanager
def serving(podium: Podium) -> Iterator[None]:
    """Receive and act in a block."""
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=podium.run_events, args=(stop, ready.set))
    thread.start()
    try:
        assert ready.wait(PATIENCE_SECONDS)
        yield
    finally:
        stop.set()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def wait_for(look: Callable[[], bool], what: str = "") -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def dies_at(podium: Podium, module: str, owner: str, method: str) -> None:
    """Run a process of `podium events` that is killed when it comes to call this method; wait until it was."""
    done = subprocess.run(
        [sys.executable, "-c", _DIES_FIRST, module, owner, method],
        env={**os.environ, **podium.engine.settings.environment()},
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == -9, done.stderr.decode()


def handler(event: str) -> dict[str, Any]:
    """A handler that starts an execution whose correlation id is the message's `order`."""
    start = {"name": "kept", "correlationId": "${order}"}
    return {
        "name": "keep",
        "event": event,
        "active": True,
        "actions": [{"action": "start_workflow", "start_workflow": start}],
    }
