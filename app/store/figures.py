"""Figures for people: what waits in queues, and how executions of a definition went. Each looks at a bounded number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import orjson
from sqlalchemy import BigInteger, Integer, Text, bindparam, case, func, or_, select, text

from app.store.statements import Among, Statement
from app.store.tables import LIVE, task, workflow
from app.store.unit_of_work import Session
from workflows.status import TaskStatus

LIVE_SEEN = 20_000
"""Open tasks that are looked at."""
RUNS_SEEN = 2_000
"""Executions whose durations are looked at."""
HOUR_SEEN = 1_000
"""Executions of one hour are counted up to here."""
TASKS_SEEN = 20_000
"""Attempts of tasks that are looked at."""


class OpenTasks(NamedTuple):
    """Open tasks of one type that are in one state; times in milliseconds."""

    type: str
    queue: str | None
    """Of tasks for outside workers: where they poll."""
    status: str
    held: int
    """1: a worker works on them."""
    later: int
    """1: they are retries whose delay is not over."""
    number: int
    oldest: int


class Run(NamedTuple):
    """One execution of a definition."""

    status: str
    created: int
    ended: int | None


class TaskFigures(NamedTuple):
    """Attempts of one task of a definition; times in milliseconds."""

    ref: str
    attempts: int
    failed: int
    mean: float | None
    longest: int | None


_SEEN = (
    select(
        task.c.type, task.c.queue, task.c.status, task.c.owner, task.c.attempt, task.c.due_at, task.c.sends
    )
    .add_columns(task.c.scheduled)
    .where(text(LIVE))
    .limit(bindparam("limit", type_=Integer))
    .subquery()
)
_HELD = case((_SEEN.c.owner.isnot(None), 1), else_=0)
_LATER = case(
    (
        (_SEEN.c.attempt > text("0"))
        & (_SEEN.c.sends == text("0"))
        & (_SEEN.c.due_at > bindparam("now", type_=BigInteger)),
        1,
    ),
    else_=0,
)
_OPEN = Statement(
    "what is open, by type",
    select(
        _SEEN.c.type,
        _SEEN.c.queue,
        _SEEN.c.status,
        _HELD.label("held"),
        _LATER.label("later"),
        func.count(),
        func.min(_SEEN.c.scheduled),
    ).group_by(_SEEN.c.type, _SEEN.c.queue, _SEEN.c.status, text("held"), text("later")),
)
_RUNS = Statement(
    "the newest executions of a definition",
    select(workflow.c.status, workflow.c.created, workflow.c.ended)
    .where(workflow.c.name == bindparam("name", type_=Text), workflow.c.id >= bindparam("oldest", type_=Text))
    .order_by(workflow.c.id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
_HOUR = (
    select(workflow.c.status)
    .where(
        workflow.c.name == bindparam("name", type_=Text),
        workflow.c.id >= bindparam("oldest", type_=Text),
        workflow.c.id < bindparam("newest", type_=Text),
    )
    .limit(bindparam("limit", type_=Integer))
    .subquery()
)
_BY_STATUS = Statement(
    "executions of a definition in a time, by status",
    select(_HOUR.c.status, func.count()).group_by(_HOUR.c.status),
)
_IDS = Statement(
    "ids of the newest executions of a definition",
    select(workflow.c.id)
    .where(workflow.c.name == bindparam("name", type_=Text), workflow.c.id >= bindparam("oldest", type_=Text))
    .order_by(workflow.c.id.desc())
    .limit(bindparam("limit", type_=Integer)),
)
_ATTEMPTS = (
    select(task.c.ref, task.c.status, task.c.started, task.c.ended)
    .where(Among(task.c.workflow_id, "ids"))
    .limit(bindparam("limit", type_=Integer))
    .subquery()
)
_TOOK = _ATTEMPTS.c.ended - _ATTEMPTS.c.started
_BAD = or_(
    *(
        _ATTEMPTS.c.status == text(f"'{status}'")
        for status in (TaskStatus.FAILED, TaskStatus.FAILED_WITH_TERMINAL_ERROR, TaskStatus.TIMED_OUT)
    )
)
_FAILED = case((_BAD, 1), else_=0)
_BY_TASK = Statement(
    "attempts of executions, by task",
    select(_ATTEMPTS.c.ref, func.count(), func.sum(_FAILED), func.avg(_TOOK), func.max(_TOOK)).group_by(
        _ATTEMPTS.c.ref
    ),
)


def open_tasks(session: Session, now: int) -> list[OpenTasks]:
    """What is open, of `LIVE_SEEN` tasks at most."""
    return [OpenTasks._make(row) for row in session.all(_OPEN, now=now, limit=LIVE_SEEN)]


def runs(session: Session, name: str, oldest: str, limit: int = RUNS_SEEN) -> list[Run]:
    """The newest executions of a definition, not older than an id."""
    return [Run._make(row) for row in session.all(_RUNS, name=name, oldest=oldest, limit=limit)]


def statuses(session: Session, name: str, oldest: str, newest: str) -> dict[str, int]:
    """How many executions of a definition between two ids have which status, of `HOUR_SEEN` at most."""
    rows = session.all(_BY_STATUS, name=name, oldest=oldest, newest=newest, limit=HOUR_SEEN)
    return {row[0]: row[1] for row in rows}


def latest_ids(session: Session, name: str, oldest: str, limit: int) -> list[str]:
    """Ids of the newest executions of a definition, not older than an id."""
    return [row[0] for row in session.all(_IDS, name=name, oldest=oldest, limit=limit)]


def by_task(session: Session, ids: Iterable[str]) -> list[TaskFigures]:
    """How the tasks of some executions went, of `TASKS_SEEN` attempts at most."""
    rows = session.all(_BY_TASK, ids=orjson.dumps(list(ids)).decode(), limit=TASKS_SEEN)
    return [
        TaskFigures(row[0], row[1], int(row[2]), None if row[3] is None else float(row[3]), row[4])
        for row in rows
    ]
