"""Worker tasks that leave a line for each time they ran, and a way to make the worker's database lie."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import time
from typing import Any

import psycopg
from celery import signals

from app.celery import app
from tasks.context import podium_context


@app.task(name="chaos.step")
def step(out: str, seconds: float = 0.05) -> dict[str, Any]:
    """Work for a while; the line is written at the end, as an effect would be."""
    context = podium_context()
    assert context is not None
    time.sleep(seconds)
    with open(out, "a", encoding="utf-8") as file:
        file.write(f"{context.execution_id} {context.ref} {context.attempt}\n")
    return {"attempt": context.attempt}


@app.task(name="chaos.poison")
def poison(out: str) -> None:
    """Kill the process that runs it."""
    with open(out, "a", encoding="utf-8") as file:
        file.write("poison\n")
    os.kill(os.getpid(), signal.SIGKILL)


def _lie(**_: Any) -> None:
    """Every so many commits are carried out and answered with an error."""
    from app.bootstrap import process

    every = int(os.environ.get("PODIUM_ENV_LIE_EVERY", "0"))
    if not every:
        return
    store, count = process().store, itertools.count(1)
    error = sqlite3.OperationalError if store.engine.dialect.name == "sqlite" else psycopg.OperationalError

    def fault(point: str) -> None:
        if point == "after commit" and next(count) % every == 0:
            raise error("the answer to the commit was lost (simulated)")

    store.fault = fault


signals.worker_process_init.connect(_lie, weak=False)
