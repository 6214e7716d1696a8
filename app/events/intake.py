"""Messages from brokers into the inbox."""

from __future__ import annotations

import logging

import orjson

from app.events.provider import Incoming
from app.runtime.engine import Engine
from app.runtime.events import new_message
from app.store import inbox
from app.store.inbox import MessageRow

logger = logging.getLogger(__name__)


def take(engine: Engine, incoming: Incoming) -> bool:
    """Store a message, so that the broker may forget it; False: it was here before.

    What can't be a message (too large, no text) is stored without its body as REJECTED: it must not come again.

    Raises:
        StoreError: the database does not answer; the broker has to keep the message.
    """
    row = _row(engine, incoming)
    if row.status == "REJECTED":
        logger.warning("%s: %s", incoming.event, row.reason, extra={"event": "event_rejected"})
    return engine.store.transact(lambda session: inbox.receive(session, row))


def _row(engine: Engine, incoming: Incoming) -> MessageRow:
    row = new_message(incoming.event, incoming.message_id, "null", engine.clock())
    size, limit = len(incoming.body), engine.payload_limit
    if size > limit:
        return _rejected(row, f"it has {size:,} bytes, the limit is {limit:,} (PODIUM_PAYLOAD_LIMIT_BYTES)")
    try:
        text = incoming.body.decode()
        return row._replace(payload=_json(text))
    except UnicodeDecodeError as error:
        return _rejected(row, f"it is no UTF-8 text: {error}")


def _json(text: str) -> str:
    try:
        return orjson.dumps(orjson.loads(text)).decode()
    except orjson.JSONDecodeError:
        # As in Conductor: what is no JSON is a string to the handlers.
        return orjson.dumps(text).decode()


def _rejected(row: MessageRow, reason: str) -> MessageRow:
    return row._replace(status="REJECTED", reason=reason, due_at=None, handled=row.received)
