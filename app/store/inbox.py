"""Statements on `event_message` (what came in) and `event_outbox` (what goes out)."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Text, bindparam, delete, literal_column, select, text, update

from app.store.statements import Statement
from app.store.tables import event_message, event_outbox
from app.store.unit_of_work import Session

FORGET_BATCH = 100
"""Rows that one statement deletes. It stands in the statement: planned for any number, it would read the whole table."""


class MessageRow(NamedTuple):
    """One message that came in; `payload` is JSON, times in milliseconds."""

    id: str
    event: str
    message_id: str
    payload: str
    status: str
    reason: str | None
    received: int
    handled: int | None
    due_at: int | None
    tries: int


class OutboxRow(NamedTuple):
    """One event that is to go out; `payload` is JSON, times in milliseconds."""

    id: str
    sink: str
    payload: str
    reason: str | None
    created: int
    due_at: int | None
    tries: int


def _p(name: str, type_: Any = Text) -> Any:
    return bindparam(name, type_=type_)


_MESSAGE = [event_message.c[name] for name in MessageRow._fields]
_OUT = [event_outbox.c[name] for name in OutboxRow._fields]

_RECEIVE = Statement(
    "store a message unless it is there",
    # Both databases have ON CONFLICT; SQLAlchemy writes it in two ways.
    text(
        """
        INSERT INTO event_message
            (id, event, message_id, payload, status, reason, received, handled, due_at, tries)
        VALUES (:id, :event, :message_id, :payload, :status, :reason, :received, :handled, :due_at, :tries)
        ON CONFLICT (event, message_id) DO NOTHING
        """
    ).bindparams(*[_p(c.name, c.type) for c in _MESSAGE]),
)
_MESSAGE_BY_ID = Statement("a message", select(*_MESSAGE).where(event_message.c.id == _p("id")))
_MESSAGES_DUE = Statement(
    "messages that nobody has acted on",
    select(*_MESSAGE)
    .where(event_message.c.due_at.isnot(None), event_message.c.due_at <= _p("now", BigInteger))
    .order_by(event_message.c.due_at)
    .limit(_p("limit", Integer)),
)
_TAKE_MESSAGE = Statement(
    "take a message into this process's hands",
    update(event_message)
    .where(event_message.c.id == _p("id"), event_message.c.due_at == _p("seen", BigInteger))
    .values(due_at=_p("due_at", BigInteger), tries=event_message.c.tries + 1),
)
_END_MESSAGE = Statement(
    "a message is done with",
    update(event_message)
    .where(event_message.c.id == _p("id"))
    .values(status=_p("status"), reason=_p("reason"), handled=_p("now", BigInteger), due_at=None),
)
_DELAY_MESSAGE = Statement(
    "look at a message later",
    update(event_message)
    .where(event_message.c.id == _p("id"))
    .values(due_at=_p("due_at", BigInteger), reason=_p("reason")),
)
_OPEN_AGAIN = Statement(
    "act on a message again",
    update(event_message)
    .where(event_message.c.id == _p("id"))
    .values(status=text("'RECEIVED'"), reason=None, due_at=_p("now", BigInteger)),
)
_FORGET_MESSAGES = Statement(
    "delete old messages",
    delete(event_message).where(
        event_message.c.id.in_(
            select(event_message.c.id)
            .where(event_message.c.id < _p("before"), event_message.c.due_at.is_(None))
            .order_by(event_message.c.id)
            .limit(literal_column(str(FORGET_BATCH), Integer))
        )
    ),
)

_POST = Statement(
    "an event is to go out",
    text(
        """
        INSERT INTO event_outbox (id, sink, payload, reason, created, due_at, tries)
        VALUES (:id, :sink, :payload, NULL, :now, :now, 0)
        """
    ).bindparams(_p("id"), _p("sink"), _p("payload"), _p("now", BigInteger)),
)
_OUT_DUE = Statement(
    "events that are to go out",
    select(*_OUT)
    .where(event_outbox.c.due_at.isnot(None), event_outbox.c.due_at <= _p("now", BigInteger))
    .order_by(event_outbox.c.due_at)
    .limit(_p("limit", Integer)),
)
_TAKE_OUT = Statement(
    "take an event that is to go out into this process's hands",
    update(event_outbox)
    .where(event_outbox.c.id == _p("id"), event_outbox.c.due_at == _p("seen", BigInteger))
    .values(due_at=_p("due_at", BigInteger), tries=event_outbox.c.tries + 1),
)
_SENT = Statement("an event has gone out", delete(event_outbox).where(event_outbox.c.id == _p("id")))
_NOT_SENT = Statement(
    "an event could not go out",
    update(event_outbox)
    .where(event_outbox.c.id == _p("id"))
    .values(due_at=_p("due_at", BigInteger), reason=_p("reason")),
)
_OUT_AGAIN = Statement(
    "send an event again that was given up",
    update(event_outbox)
    .where(event_outbox.c.id == _p("id"), event_outbox.c.due_at.is_(None))
    .values(due_at=_p("now", BigInteger), tries=0),
)
_FORGET_OUT = Statement(
    "delete old events that were given up",
    delete(event_outbox).where(
        event_outbox.c.id.in_(
            select(event_outbox.c.id)
            .where(event_outbox.c.id < _p("before"), event_outbox.c.due_at.is_(None))
            .order_by(event_outbox.c.id)
            .limit(literal_column(str(FORGET_BATCH), Integer))
        )
    ),
)
_OUT_LIST = Statement(
    "events that have not gone out, newest first",
    select(*_OUT)
    .where(event_outbox.c.id < _p("before"))
    .order_by(event_outbox.c.id.desc())
    .limit(_p("limit", Integer)),
)


def receive(session: Session, row: MessageRow) -> bool:
    """Store a message; False: it is there already."""
    return session.run(_RECEIVE, **row._asdict()) == 1


def message(session: Session, id: str) -> MessageRow | None:
    row = session.one(_MESSAGE_BY_ID, id=id)
    return None if row is None else MessageRow._make(row)


def messages_due(session: Session, now: int, limit: int) -> list[MessageRow]:
    return [MessageRow._make(row) for row in session.all(_MESSAGES_DUE, now=now, limit=limit)]


def take_message(session: Session, id: str, seen: int, due_at: int) -> bool:
    """False: somebody else has it, or it is done with."""
    return session.run(_TAKE_MESSAGE, id=id, seen=seen, due_at=due_at) == 1


def end_message(session: Session, id: str, status: str, reason: str | None, now: int) -> None:
    session.run(_END_MESSAGE, id=id, status=status, reason=reason, now=now)


def delay_message(session: Session, id: str, due_at: int, reason: str) -> None:
    session.run(_DELAY_MESSAGE, id=id, due_at=due_at, reason=reason)


def open_again(session: Session, id: str, now: int) -> bool:
    """False: there is no such message."""
    return session.run(_OPEN_AGAIN, id=id, now=now) == 1


def forget_messages(session: Session, before: str) -> int:
    """Delete messages that are done with, older than the id `before`; how many."""
    return session.run(_FORGET_MESSAGES, before=before)


def post(session: Session, id: str, sink: str, payload: str, now: int) -> None:
    session.run(_POST, id=id, sink=sink, payload=payload, now=now)


def out_due(session: Session, now: int, limit: int) -> list[OutboxRow]:
    return [OutboxRow._make(row) for row in session.all(_OUT_DUE, now=now, limit=limit)]


def take_out(session: Session, id: str, seen: int, due_at: int) -> bool:
    """False: somebody else has it, or it has gone out."""
    return session.run(_TAKE_OUT, id=id, seen=seen, due_at=due_at) == 1


def sent(session: Session, id: str) -> None:
    session.run(_SENT, id=id)


def not_sent(session: Session, id: str, due_at: int | None, reason: str) -> None:
    """`due_at` None: it is given up."""
    session.run(_NOT_SENT, id=id, due_at=due_at, reason=reason)


def send_again(session: Session, id: str, now: int) -> bool:
    """False: there is none that was given up."""
    return session.run(_OUT_AGAIN, id=id, now=now) == 1


def forget_out(session: Session, before: str) -> int:
    """Delete events that were given up, older than the id `before`; how many."""
    return session.run(_FORGET_OUT, before=before)


def outbox(session: Session, before: str, limit: int) -> list[OutboxRow]:
    return [OutboxRow._make(row) for row in session.all(_OUT_LIST, before=before, limit=limit)]
