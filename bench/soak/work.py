"""The worker tasks of the soak, and the side table in which each attempt that ran is counted."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from typing import Any

from celery import shared_task
from sqlalchemy import Column, Engine, MetaData, Table, Text, create_engine, insert
from sqlalchemy.orm import Session

from config.settings import current
from config.urls import with_psycopg
from tasks.context import TaskContext, podium_context

runs = Table(
    "soak_run",
    MetaData(),
    # No key: an attempt that ran twice is to be seen.
    Column("task_id", Text, nullable=False),
    Column("what", Text, nullable=False),
    comment="begun: written by itself before the work; effect: committed together with the task's completion",
)


@lru_cache(maxsize=2)
def _engine(url: str, pid: int) -> Engine:
    return create_engine(with_psycopg(url))


def _database() -> Engine:
    # A forked child must not use its parent's connections.
    return _engine(current().resolved_database_url, os.getpid())


def _begin() -> TaskContext:
    context = podium_context()
    assert context is not None
    with _database().begin() as connection:
        connection.execute(insert(runs).values(task_id=context.task_id, what="begun"))
    return context


@shared_task(name="soak.step")  # type: ignore[untyped-decorator]  # Celery has no types
def step(seconds: float = 0.1, **given: Any) -> dict[str, Any]:
    """Work for a while."""
    context = _begin()
    time.sleep(seconds)
    return {"ref": context.ref, **given}


@shared_task(name="soak.flaky")  # type: ignore[untyped-decorator]
def flaky() -> dict[str, Any]:
    """Fail at the first attempt."""
    context = _begin()
    if context.attempt == 0:
        raise ValueError("the first attempt fails")
    return {"ref": context.ref}


@shared_task(name="soak.slow")  # type: ignore[untyped-decorator]
def slow() -> dict[str, Any]:
    """Be too slow at the first attempt."""
    context = _begin()
    time.sleep(4 if context.attempt == 0 else 0.01)
    return {"ref": context.ref}


@shared_task(name="soak.enter")  # type: ignore[untyped-decorator]
def enter() -> dict[str, Any]:
    """Enter a row that is committed together with the completion."""
    context = _begin()
    with Session(_database()) as session, context.effect(session) as effect:
        session.execute(insert(runs).values(task_id=context.task_id, what="effect"))
        effect.output = {"ref": context.ref}
    return {}
