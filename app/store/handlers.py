"""Statements on `event_handler` and `event_execution`."""

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
    text,
    update,
)

from app.store.inbox import FORGET_BATCH
from app.store.statements import Statement, insert_row
from app.store.tables import event_execution, event_handler
from app.store.unit_of_work import Session


class HandlerRow(NamedTuple):
    """One handler; `content` is its document as JSON."""

    name: str
    event: str
    active: int
    content: str
    created: int
    updated: int


class EventExecutionRow(NamedTuple):
    """What was done with one message by one action of a handler."""

    id: str
    event: str
    message_id: str
    event_message_id: str
    handler: str
    position: int
    action: str | None
    status: str
    output: str | None
    reason: str | None
    created: int
    updated: int


def _p(name: str, type_: Any = Text) -> Any:
    return bindparam(name, type_=type_)


_HANDLER = [event_handler.c[name] for name in HandlerRow._fields]
_EXECUTION = [event_execution.c[name] for name in EventExecutionRow._fields]

_INSERT = Statement(
    "register a handler",
    insert_row(event_handler, HandlerRow),
)
_UPDATE = Statement(
    "change a handler",
    update(event_handler)
    .where(event_handler.c.name == _p("handler"))
    .values(
        event=_p("event"),
        active=_p("active", Integer),
        content=_p("content"),
        updated=_p("updated", BigInteger),
    ),
)
_DELETE = Statement("delete a handler", delete(event_handler).where(event_handler.c.name == _p("name")))
_BY_NAME = Statement("a handler", select(*_HANDLER).where(event_handler.c.name == _p("name")))
_ALL = Statement("all handlers", select(*_HANDLER).order_by(event_handler.c.name))
_OF_EVENT = Statement(
    "the handlers of an event",
    select(*_HANDLER).where(event_handler.c.event == _p("event")).order_by(event_handler.c.name),
)
_SUBSCRIBED = Statement(
    "events that an active handler waits for",
    select(event_handler.c.event).where(event_handler.c.active == text("1")).distinct(),
)
_RECORD = Statement(
    "record what is done with a message, unless it was done",
    # Both databases have ON CONFLICT; SQLAlchemy writes it in two ways.
    text(
        """
        INSERT INTO event_execution
            (id, event, message_id, event_message_id, handler, position, action, status, output, reason,
             created, updated)
        VALUES (:id, :event, :message_id, :event_message_id, :handler, :position, :action, :status, :output,
             :reason, :created, :updated)
        ON CONFLICT (message_id, handler, position, event) DO NOTHING
        """
    ).bindparams(*[_p(c.name, c.type) for c in _EXECUTION]),
)
_SET_OUTPUT = Statement(
    "what an action has put out",
    update(event_execution).where(event_execution.c.id == _p("id")).values(output=_p("output")),
)
_EXECUTION_BY_ID = Statement(
    "what was done with a message", select(*_EXECUTION).where(event_execution.c.id == _p("id"))
)
_OF_MESSAGE = Statement(
    "all that was done with a message",
    select(*_EXECUTION)
    .where(event_execution.c.event_message_id == _p("event_message_id"))
    .order_by(event_execution.c.id),
)
_FORGET_FAILED = Statement(
    "a failure that is to be tried again",
    delete(event_execution).where(
        event_execution.c.id == _p("id"), event_execution.c.status == text("'FAILED'")
    ),
)
_FORGET_OLD = Statement(
    "delete old records of what was done",
    delete(event_execution).where(
        event_execution.c.id.in_(
            select(event_execution.c.id)
            .where(event_execution.c.id < _p("before"))
            .order_by(event_execution.c.id)
            .limit(literal_column(str(FORGET_BATCH), Integer))
        )
    ),
)


STATUSES = ("COMPLETED", "FAILED", "SKIPPED")


def _page(handler: bool, status: str | None) -> Statement:
    chosen = select(*_EXECUTION).where(event_execution.c.id < _p("before"))
    if handler:
        chosen = chosen.where(event_execution.c.handler == _p("handler"))
    if status is not None:
        # In the statement and no parameter: failures are few, and the plan for any status would pass over them all.
        chosen = chosen.where(event_execution.c.status == text(f"'{status}'"))
    name = f"what {'a handler has' if handler else 'was'} done with messages, {status or 'any status'}"
    return Statement(name, chosen.order_by(event_execution.c.id.desc()).limit(_p("limit", Integer)))


_PAGES = {
    (handler, status): _page(handler, status) for handler in (False, True) for status in (None, *STATUSES)
}


def add(session: Session, row: HandlerRow) -> None:
    session.run(_INSERT, **row._asdict())


def change(session: Session, name: str, event: str, active: int, content: str, updated: int) -> bool:
    """False: there is none."""
    return (
        session.run(_UPDATE, handler=name, event=event, active=active, content=content, updated=updated) == 1
    )


def remove(session: Session, name: str) -> bool:
    return session.run(_DELETE, name=name) == 1


def by_name(session: Session, name: str) -> HandlerRow | None:
    row = session.one(_BY_NAME, name=name)
    return None if row is None else HandlerRow._make(row)


def all_handlers(session: Session) -> list[HandlerRow]:
    return [HandlerRow._make(row) for row in session.all(_ALL)]


def of_event(session: Session, event: str) -> list[HandlerRow]:
    return [HandlerRow._make(row) for row in session.all(_OF_EVENT, event=event)]


def subscribed(session: Session) -> set[str]:
    """The events that an active handler waits for."""
    return {row[0] for row in session.all(_SUBSCRIBED)}


def record(session: Session, row: EventExecutionRow) -> bool:
    """False: this action was done with this message before."""
    return session.run(_RECORD, **row._asdict()) == 1


def set_output(session: Session, id: str, output: str) -> None:
    session.run(_SET_OUTPUT, id=id, output=output)


def execution(session: Session, id: str) -> EventExecutionRow | None:
    row = session.one(_EXECUTION_BY_ID, id=id)
    return None if row is None else EventExecutionRow._make(row)


def of_message(session: Session, event_message_id: str) -> list[EventExecutionRow]:
    rows = session.all(_OF_MESSAGE, event_message_id=event_message_id)
    return [EventExecutionRow._make(row) for row in rows]


def forget_failed(session: Session, id: str) -> bool:
    """False: it has not failed, or is gone."""
    return session.run(_FORGET_FAILED, id=id) == 1


def forget_old(session: Session, before: str) -> int:
    """Delete records older than the id `before`; how many."""
    return session.run(_FORGET_OLD, before=before)


def page(
    session: Session, before: str, limit: int, handler: str | None = None, status: str | None = None
) -> list[EventExecutionRow]:
    """The newest first; `status`: one of `STATUSES`."""
    given = {} if handler is None else {"handler": handler}
    rows = session.all(_PAGES[handler is not None, status], before=before, limit=limit, **given)
    return [EventExecutionRow._make(row) for row in rows]
