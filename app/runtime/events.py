"""Events that leave with the transaction that they tell of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.runtime.clock import new_id
from app.runtime.payload import dump
from app.store import inbox
from app.store.inbox import MessageRow
from app.store.unit_of_work import Session

INTERNAL = "conductor:"
"""What the names of Podium's own events begin with."""


def announce(session: Session, sink: str, payload: Mapping[str, Any], now: int) -> None:
    """Publish an event if, and only if, this transaction is committed.

    Podium's own events are in the inbox then; others are sent by `podium events` (at least once).
    """
    text, message_id = dump(dict(payload)), new_id()
    if sink.startswith(INTERNAL):
        receive(session, sink, message_id, text, now)
    else:
        inbox.post(session, message_id, sink, text, now)


def receive(session: Session, event: str, message_id: str, payload: str, now: int) -> bool:
    """Put a message into the inbox; False: it is there already."""
    return inbox.receive(session, new_message(event, message_id, payload, now))


def new_message(event: str, message_id: str, payload: str, now: int) -> MessageRow:
    """The row of a message that has just come; `payload`: JSON text."""
    return MessageRow(
        id=new_id(),
        event=event,
        message_id=message_id,
        payload=payload,
        status="RECEIVED",
        reason=None,
        received=now,
        handled=None,
        due_at=now,
        tries=0,
    )
