"""Messages to customers, sent through an outbox."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from app.celery import app
from tasks.shop.call import call, note
from tasks.shop.database import insert_new
from tasks.shop.tables import outbox


class MailboxUnavailable(Exception):
    """The mail server of the recipient does not take the message now."""


@app.task(name="shop.notify_customer")
def notify_customer(order_id: str, kind: str, recipient: str, text: str) -> dict[str, Any]:
    """Send a message, once for each order and kind. Mail to `…@bounce.example` can't be delivered."""
    return call(
        "notify_customer",
        order_id,
        lambda connection: send(connection, order_id, kind, recipient, text),
        part=kind,
    )


def send(connection: Connection, order_id: str, kind: str, recipient: str, text: str) -> dict[str, Any]:
    """What `notify_customer` does, in the given transaction.

    Raises:
        MailboxUnavailable: it may be taken later.
    """
    if recipient.endswith("@bounce.example"):
        raise MailboxUnavailable(f"order {order_id}: {recipient} does not take mail now")
    row = {"order_id": order_id, "kind": kind, "recipient": recipient, "text": text}
    if not insert_new(connection, outbox, row):
        note(f"the customer has the message {kind!r} already, from an earlier attempt")
    return {"recipient": recipient, "kind": kind}
