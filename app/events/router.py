"""From the inbox to the handlers: conditions, actions, and a record of each that makes it happen once."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

import orjson

from app.errors import StoreError
from app.events.actions import act
from app.runtime.clock import new_id
from app.runtime.engine import Engine
from app.runtime.payload import dump
from app.runtime.settle import Settlement
from app.store import handlers, inbox
from app.store.handlers import EventExecutionRow
from app.store.inbox import MessageRow
from app.store.unit_of_work import Session
from workflows import scripts
from workflows.errors import PodiumError
from workflows.events import Action, EventHandler

logger = logging.getLogger(__name__)

BATCH = 50
_LEASE_MS = 30_000
"""A message whose process has died is another's after this."""
_CONDITION = -1
"""The position of a handler's condition in the record of what was done; its actions count from 0."""


class Router:
    """Acts on messages. Several at once do no harm: a message is in the hands of one, an action is done once."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def tick(self) -> int:
        """Act on what is due; how many messages.

        Raises:
            StoreError: the database does not answer; the message comes again.
        """
        now = self.engine.clock()
        due = self.engine.store.read(lambda s: inbox.messages_due(s, now, BATCH))
        for row in due:
            self._handle(row)
        return len(due)

    def _handle(self, row: MessageRow) -> None:
        store, seen = self.engine.store, row.due_at or 0
        until = self.engine.clock() + _LEASE_MS
        if not store.transact(lambda s: inbox.take_message(s, row.id, seen, until)):
            return
        try:
            self._act_on(row)
            status, reason = "HANDLED", None
        except StoreError:
            raise
        except Exception as error:  # a message that can't be looked at must not come again and again
            logger.exception("message %s was given up", row.id, extra={"event": "event_rejected"})
            status, reason = "REJECTED", f"{type(error).__name__}: {error}"
        store.transact(lambda s: inbox.end_message(s, row.id, status, reason, self.engine.clock()))

    def _act_on(self, row: MessageRow) -> None:
        store = self.engine.store
        found = store.read(lambda s: handlers.of_event(s, row.event))
        # Only a message that somebody has held before can have been acted on.
        done = store.read(lambda s: handlers.of_message(s, row.id)) if row.tries else []
        seen_before = {(execution.handler, execution.position) for execution in done}
        payload = orjson.loads(row.payload)
        for handler in (_handler(h.content) for h in found if h.active):
            if (handler.name, _CONDITION) not in seen_before and self._wanted(handler, row, payload):
                for position, action in enumerate(handler.actions):
                    if (handler.name, position) not in seen_before:
                        self._act(handler, position, action, row, payload)

    def _wanted(self, handler: EventHandler, row: MessageRow, payload: Any) -> bool:
        """Whether the handler's condition holds; if not, that is recorded."""
        condition = handler.condition
        if condition is None or not condition.strip():
            return True
        expanded = expand(payload)
        try:
            if handler.evaluator_type == scripts.VALUE_PARAM:
                value = expanded.get(condition) if isinstance(expanded, dict) else None
            else:
                value = scripts.evaluate(condition, expanded)
        except PodiumError as error:
            self._record(self._execution(handler, _CONDITION, None, row, "FAILED", f"the condition: {error}"))
            return False
        if scripts.holds(value):
            return True
        self._record(self._execution(handler, _CONDITION, None, row, "SKIPPED", None))
        return False

    def _act(
        self, handler: EventHandler, position: int, action: Action, row: MessageRow, payload: Any
    ) -> None:
        execution = self._execution(handler, position, action, row, "COMPLETED", None)
        given = expand(payload) if action.expand_inline_json else payload

        def work(settlement: Settlement) -> None:
            # The record comes first: whoever does the same at the same time waits for it, and then does nothing.
            if handlers.record(settlement.session, execution):
                output = act(settlement, action, row, given)
                handlers.set_output(settlement.session, execution.id, dump(output))

        def witness(session: Session) -> bool:
            return handlers.execution(session, execution.id) is not None

        try:
            self.engine.from_outside(work, witness=witness)
        except StoreError:
            raise
        except PodiumError as error:
            self._fail(execution, str(error))
        except Exception as error:  # a handler's fault must not stop the other handlers
            logger.exception("event handler %s failed", handler.name, extra={"event": "event_action_error"})
            self._fail(execution, f"{type(error).__name__}: {error}")

    def _fail(self, execution: EventExecutionRow, reason: str) -> None:
        logger.warning(
            "event handler %s could not %s: %s",
            execution.handler,
            execution.action,
            reason,
            extra={"event": "event_action_failed"},
        )
        self._record(execution._replace(status="FAILED", reason=reason))

    def _record(self, execution: EventExecutionRow) -> None:
        self.engine.store.transact(lambda s: handlers.record(s, execution))

    def _execution(
        self,
        handler: EventHandler,
        position: int,
        action: Action | None,
        row: MessageRow,
        status: str,
        reason: str | None,
    ) -> EventExecutionRow:
        now = self.engine.clock()
        return EventExecutionRow(
            id=new_id(),
            event=row.event,
            message_id=row.message_id,
            event_message_id=row.id,
            handler=handler.name,
            position=position,
            action=action.action.value if action else None,
            status=status,
            output=None,
            reason=reason,
            created=now,
            updated=now,
        )


@lru_cache(maxsize=256)
def _handler(content: str) -> EventHandler:
    return EventHandler.model_validate_json(content)


def expand(value: Any) -> Any:
    """The value, strings in it that are JSON objects or lists read as such, at every depth."""
    if isinstance(value, dict):
        return {key: expand(item) for key, item in value.items()}
    if isinstance(value, list):
        return [expand(item) for item in value]
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return expand(orjson.loads(value))
        except orjson.JSONDecodeError:
            return value
    return value


__all__ = ["Router", "expand"]
