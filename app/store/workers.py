"""Statements on `worker`: who lives, and what they can run."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Text, bindparam, select, text, update

from app.store.statements import Statement, insert_row
from app.store.tables import worker
from app.store.unit_of_work import Session


class WorkerRow(NamedTuple):
    """One worker; `queues` and `tasks` are JSON arrays of names."""

    id: str
    hostname: str
    pid: int
    concurrency: int
    queues: str
    tasks: str
    started: int
    heartbeat: int
    state: str


_COLUMNS = [worker.c[name] for name in WorkerRow._fields]


def _p(name: str, type_: Any = Text) -> Any:
    return bindparam(name, type_=type_)


_INSERT = Statement(
    "register a worker",
    insert_row(worker, WorkerRow),
)
_HEARTBEAT = Statement(
    "a sign of life",
    update(worker)
    .where(worker.c.id == _p("id"))
    .values(heartbeat=_p("now", BigInteger), state=text("'alive'")),
)
_STATE = Statement(
    "change a worker's state",
    update(worker).where(worker.c.id == _p("id"), worker.c.state == _p("seen")).values(state=_p("state")),
)
_SILENT = Statement(
    "workers without a sign of life",
    select(*_COLUMNS).where(worker.c.state == text("'alive'"), worker.c.heartbeat < _p("before", BigInteger)),
)
_ALIVE = Statement(
    "workers that live", select(*_COLUMNS).where(worker.c.state == text("'alive'")).order_by(worker.c.id)
)
_GONE = Statement(
    "workers that ended and may still hold claims",
    select(*_COLUMNS)
    .where(text("state IN ('dead', 'stopped')"), worker.c.heartbeat > _p("after", BigInteger))
    .limit(_p("limit", Integer)),
)


def register(session: Session, row: WorkerRow) -> None:
    session.run(_INSERT, **row._asdict())


def heartbeat(session: Session, worker_id: str, now: int) -> bool:
    """False: the row is gone and the worker must register again."""
    return session.run(_HEARTBEAT, id=worker_id, now=now) == 1


def set_state(session: Session, worker_id: str, seen: str, state: str) -> bool:
    return session.run(_STATE, id=worker_id, seen=seen, state=state) == 1


def silent(session: Session, before: int) -> list[WorkerRow]:
    return [WorkerRow._make(row) for row in session.all(_SILENT, before=before)]


def alive(session: Session) -> list[WorkerRow]:
    return [WorkerRow._make(row) for row in session.all(_ALIVE)]


def gone(session: Session, after: int, limit: int = 100) -> list[WorkerRow]:
    """Workers that died or stopped after that time."""
    return [WorkerRow._make(row) for row in session.all(_GONE, after=after, limit=limit)]
