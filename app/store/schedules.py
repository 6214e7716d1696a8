"""Statements on `schedule` and `schedule_execution`."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Integer,
    Text,
    bindparam,
    delete,
    literal_column,
    select,
    update,
)

from app.store.statements import Statement, insert_row
from app.store.tables import schedule, schedule_execution
from app.store.unit_of_work import Session


class ScheduleRow(NamedTuple):
    """One schedule; `content` is its document as JSON."""

    name: str
    workflow_name: str
    content: str
    paused: int
    reason: str | None
    next_at: int | None
    created: int
    updated: int


class FiringRow(NamedTuple):
    """One firing of a schedule; `slot` None: somebody ran it out of turn."""

    id: str
    schedule: str
    slot: int | None
    workflow_name: str
    workflow_id: str | None
    status: str
    reason: str | None
    created: int


def _p(name: str, type_: Any = Text) -> Any:
    return bindparam(name, type_=type_)


_SCHEDULE = [schedule.c[name] for name in ScheduleRow._fields]
_FIRING = [schedule_execution.c[name] for name in FiringRow._fields]

_INSERT = Statement("register a schedule", insert_row(schedule, ScheduleRow))
_UPDATE = Statement(
    "change a schedule",
    update(schedule)
    .where(schedule.c.name == _p("schedule"))
    .values({c.name: _p(c.name, c.type) for c in _SCHEDULE if c.name not in ("name", "created")}),
)
_DELETE = Statement("delete a schedule", delete(schedule).where(schedule.c.name == _p("name")))
_LOCK = Statement(
    "a schedule, locked", select(*_SCHEDULE).where(schedule.c.name == _p("name")).with_for_update()
)
_BY_NAME = Statement("a schedule", select(*_SCHEDULE).where(schedule.c.name == _p("name")))
_ALL = Statement("all schedules", select(*_SCHEDULE).order_by(schedule.c.name))
_OF_WORKFLOW = Statement(
    "the schedules of a workflow",
    select(*_SCHEDULE).where(schedule.c.workflow_name == _p("workflow_name")).order_by(schedule.c.name),
)
_DUE = Statement(
    "schedules whose slot has come",
    select(*_SCHEDULE)
    .where(schedule.c.next_at.isnot(None), schedule.c.next_at <= _p("now", BigInteger))
    .order_by(schedule.c.next_at)
    .limit(_p("limit", Integer)),
)
_ADVANCE = Statement(
    "take a slot: from now on the next one counts",
    update(schedule)
    .where(schedule.c.name == _p("name"), schedule.c.next_at == _p("seen", BigInteger))
    .values(next_at=_p("next_at", BigInteger)),
)
_FIRE = Statement(
    "record a firing",
    insert_row(schedule_execution, FiringRow),
)
_FORGET = Statement(
    "delete some old firings of a schedule",
    delete(schedule_execution).where(
        schedule_execution.c.id.in_(
            select(schedule_execution.c.id)
            .where(schedule_execution.c.schedule == _p("schedule"), schedule_execution.c.id < _p("before"))
            .order_by(schedule_execution.c.id)
            # Planned for any number it would read the whole table.
            .limit(literal_column("10", Integer))
        )
    ),
)
_FIRING_BY_ID = Statement("a firing", select(*_FIRING).where(schedule_execution.c.id == _p("id")))
_FIRINGS = Statement(
    "firings, the newest first",
    select(*_FIRING)
    .where(schedule_execution.c.id < _p("before"))
    .order_by(schedule_execution.c.id.desc())
    .limit(_p("limit", Integer)),
)
_FIRINGS_OF = Statement(
    "firings of a schedule, the newest first",
    select(*_FIRING)
    .where(schedule_execution.c.schedule == _p("schedule"), schedule_execution.c.id < _p("before"))
    .order_by(schedule_execution.c.id.desc())
    .limit(_p("limit", Integer)),
)
_NAMES = Statement("names of schedules", select(schedule.c.name).order_by(schedule.c.name))


def add(session: Session, row: ScheduleRow) -> None:
    session.run(_INSERT, **row._asdict())


def change(session: Session, row: ScheduleRow) -> None:
    params = row._asdict()
    del params["created"]
    session.run(_UPDATE, schedule=params.pop("name"), **params)


def remove(session: Session, name: str) -> bool:
    return session.run(_DELETE, name=name) == 1


def by_name(session: Session, name: str, lock: bool = False) -> ScheduleRow | None:
    row = session.one(_LOCK if lock else _BY_NAME, name=name)
    return None if row is None else ScheduleRow._make(row)


def all_schedules(session: Session) -> list[ScheduleRow]:
    return [ScheduleRow._make(row) for row in session.all(_ALL)]


def of_workflow(session: Session, workflow_name: str) -> list[ScheduleRow]:
    return [ScheduleRow._make(row) for row in session.all(_OF_WORKFLOW, workflow_name=workflow_name)]


def names(session: Session) -> list[str]:
    return [row[0] for row in session.all(_NAMES)]


def due(session: Session, now: int, limit: int) -> list[ScheduleRow]:
    return [ScheduleRow._make(row) for row in session.all(_DUE, now=now, limit=limit)]


def advance(session: Session, name: str, seen: int, next_at: int | None) -> bool:
    """False: somebody else has taken the slot, or the schedule was changed."""
    return session.run(_ADVANCE, name=name, seen=seen, next_at=next_at) == 1


def fire(session: Session, row: FiringRow, before: str) -> None:
    """Record a firing, and delete some of the schedule's that are older than the id `before`."""
    session.run(_FIRE, **row._asdict())
    session.run(_FORGET, schedule=row.schedule, before=before)


def firing(session: Session, id: str) -> FiringRow | None:
    row = session.one(_FIRING_BY_ID, id=id)
    return None if row is None else FiringRow._make(row)


def firings(session: Session, schedule: str | None, before: str, limit: int) -> list[FiringRow]:
    """The newest first; `schedule` None: of all."""
    if schedule is None:
        rows = session.all(_FIRINGS, before=before, limit=limit)
    else:
        rows = session.all(_FIRINGS_OF, schedule=schedule, before=before, limit=limit)
    return [FiringRow._make(row) for row in rows]
