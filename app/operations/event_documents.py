"""What operations on events answer, as JSON with Conductor's names."""

from __future__ import annotations

from typing import Any

import orjson

from app.store.handlers import EventExecutionRow
from app.store.inbox import MessageRow, OutboxRow

Document = dict[str, Any]


def event_execution_document(row: EventExecutionRow) -> Document:
    """What one action did with a message (Conductor's EventExecution, and why it failed)."""
    output = orjson.loads(row.output) if row.output else {}
    return {
        "id": row.id,
        "messageId": row.message_id,
        "name": row.handler,
        "event": row.event,
        "created": row.created,
        "status": row.status,
        "action": row.action,
        "output": output if row.reason is None else {"error": row.reason},
        "reason": row.reason,
    }


def message_document(row: MessageRow) -> Document:
    """A message as it was received."""
    return {
        "id": row.id,
        "messageId": row.message_id,
        "event": row.event,
        "payload": orjson.loads(row.payload),
        "status": row.status,
        "reason": row.reason,
        "received": row.received,
        "handled": row.handled,
    }


def outbox_document(row: OutboxRow) -> Document:
    """An event that has not gone out; `nextTime` is null when it was given up."""
    return {
        "id": row.id,
        "sink": row.sink,
        "payload": orjson.loads(row.payload),
        "created": row.created,
        "tries": row.tries,
        "nextTime": row.due_at,
        "reason": row.reason,
    }
