"""A plain Celery application with nothing of Podium in it but the transport options and, when asked, the guard.

Read from the environment: FAULT_URL (broker and results are databases 0 and 1 of it), FAULT_OPTIONS (transport
options, JSON), FAULT_GUARD (`1`: install the guard). Tasks say what they did in files.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from celery import Celery, signature
from celery.exceptions import Ignore

from config import kombu_guard


def make_app(url: str, options: dict[str, Any]) -> Celery:
    """Return the application for the server at `url`, a `redis+socket://` without a database."""
    app = Celery(
        "plain", broker=f"{url}?virtual_host=0", backend=f"{url}?virtual_host=1", set_as_current=False
    )
    app.conf.update(
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        broker_transport_options=options,
    )
    return app


app = make_app(
    os.environ.get("FAULT_URL", "redis+socket:///none"), json.loads(os.environ.get("FAULT_OPTIONS", "{}"))
)
if os.environ.get("FAULT_GUARD") == "1":
    kombu_guard.install()


def _add_line(path: str, line: str) -> None:
    with Path(path).open("a") as file:
        file.write(line + "\n")


@app.task
def send(canvas: dict[str, Any]) -> None:
    """Publish a canvas."""
    signature(canvas, app=app).apply_async()


@app.task
def note(path: str, line: str) -> str:
    """Write a line."""
    _add_line(path, line)
    return line


@app.task
def hold(path: str, release: str) -> None:
    """Write a line, then keep the message unacknowledged until the file `release` appears."""
    _add_line(path, "held")
    while not Path(release).exists():
        time.sleep(0.02)


@app.task
def ignore(path: str) -> None:
    """End as ignored, the way that Celery offers."""
    _add_line(path, "ignored")
    raise Ignore


@app.task(bind=True)
def cut(self: Any, path: str) -> str:
    """Drop the rest of the chain, and count as the part of the chord that the chain's end would have been."""
    _add_line(path, "cut")
    if self.request.chain:
        end = self.request.chain[0]["options"]
        self.request.update(
            chain=None, chord=end["chord"], group=end["group_id"], group_index=end["group_index"]
        )
    return "cut"


@app.task(bind=True)
def headers(self: Any, path: str) -> None:
    """Write the header `podium` that the message came with."""
    _add_line(path, json.dumps((self.request.headers or {}).get("podium")))


@app.task
def body(parts: list[Any], path: str) -> None:
    """Write that the chord's body ran."""
    _add_line(path, f"body {len(parts)}")
