"""Worker tasks that are interrupted, and a database that answers commits with errors although it carries them out."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import threading
import time
from functools import lru_cache
from typing import Any

import psycopg
from celery import signals
from sqlalchemy import Column, Engine, Integer, MetaData, Table, Text, create_engine, insert
from sqlalchemy.orm import Session

from app.bootstrap import process
from app.celery import app
from config.settings import current
from config.urls import with_psycopg
from tasks.context import podium_context
from tests.e2e.flow_tasks import add_line

EVERY = int(os.environ.get("CHAOS_FAULT_EVERY", "0"))
"""Of each so many commits of a pool process the answer to one is lost; 0: of none."""


@app.task(name="chaos.step")
def step(out: str, seconds: float = 0.05) -> dict[str, Any]:
    """Write down that the work of this attempt has begun, and do it."""
    context = podium_context()
    assert context is not None
    add_line(out, f"{context.execution_id} {context.ref} {context.attempt} {os.getpid()}")
    time.sleep(seconds)
    return {"ref": context.ref}


@app.task(name="chaos.poison")
def poison(out: str) -> None:
    """Kill the process that runs this."""
    context = podium_context()
    assert context is not None
    add_line(out, f"{context.ref} {context.attempt}")
    os.kill(os.getpid(), signal.SIGKILL)


entries = Table(
    "chaos_entry",
    MetaData(),
    # No key: one that is there twice is to be seen.
    Column("execution", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
)


@lru_cache(maxsize=2)
def _engine(url: str, pid: int) -> Engine:
    return create_engine(with_psycopg(url))


@app.task(name="chaos.enter")
def enter(out: str, before: list[int]) -> dict[str, Any]:
    """Enter a row with the completion. The process is killed at some moment of the first attempts.

    before: milliseconds after which attempt 0, 1, … of this task is killed.
    """
    context = podium_context()
    assert context is not None
    if context.attempt < len(before):
        add_line(out, f"{context.execution_id} {context.ref} {context.attempt}")
        threading.Timer(before[context.attempt] / 1000, os.kill, (os.getpid(), signal.SIGKILL)).start()
    with (
        Session(_engine(current().resolved_database_url, os.getpid())) as session,
        context.effect(session) as effect,
    ):
        row = {"execution": context.execution_id, "ref": context.ref, "attempt": context.attempt}
        session.execute(insert(entries).values(row))
        effect.output = {"attempt": context.attempt}
    return {}


def _lose_answers() -> None:
    """From here on this process's database carries out commits and then says that it has not."""
    store = process().store
    lost: type[Exception] = sqlite3.OperationalError
    if store.engine.dialect.name == "postgresql":
        lost = psycopg.OperationalError
    commits = itertools.count(1)

    def fault(point: str) -> None:
        if point == "after commit" and next(commits) % EVERY == 0:
            add_line(os.environ["CHAOS_FAULT_LOG"], str(os.getpid()))
            raise lost("the connection broke after the commit (simulated)")

    store.fault = fault


def _on_child(**_: object) -> None:
    if EVERY:
        _lose_answers()


signals.worker_process_init.connect(_on_child, weak=False)
