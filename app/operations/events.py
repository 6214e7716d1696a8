"""Event handlers, what they did, and events from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from app.errors import EventNotFound, HandlerConflict, HandlerNotFound, InvalidInput, WrongState
from app.operations.audit import note
from app.runtime.clock import new_id
from app.runtime.engine import Engine
from app.store import handlers, inbox
from app.store.handlers import EventExecutionRow, HandlerRow
from app.store.inbox import MessageRow, OutboxRow
from app.store.unit_of_work import TAKEN, Session
from workflows.events import EventHandler, read_handler

LAST = "~"
"""Sorts after every id."""


def publish(engine: Engine, event: str, payload: Mapping[str, Any], *, message_id: str | None = None) -> str:
    """Publish an event; the id of its message.

    event: a sink, such as `amqp_queue:orders`; a bare name is one of Podium's own (`conductor:<name>`).
    message_id: not given: a new one. An event that is published again with the same id acts once.

    Raises:
        InvalidInput: there is no such sink, or the payload is no JSON object.
        EventNotPublished: the sink can't take it now.
        StoreUnavailable: the database can't.
    """
    if not isinstance(payload, Mapping):
        raise InvalidInput(f"an event must be a JSON object (a dict), not {type(payload).__name__}")
    sink, id = event if ":" in event else f"conductor:{event}", message_id or new_id()
    try:
        engine.events.publish(sink, payload, id)
    except TypeError as error:
        raise InvalidInput(f"the event is no JSON: {error}") from None
    return id


def add_handler(engine: Engine, document: Any, *, actor: str | None = None) -> EventHandler:
    """Register a handler.

    Raises:
        InvalidDocument: it has errors.
        HandlerConflict: one of this name exists.
    """
    handler = read_handler(document)

    def work(session: Session) -> None:
        if handlers.by_name(session, handler.name) is not None:
            raise HandlerConflict(handler.name)
        now = engine.clock()
        row = HandlerRow(handler.name, handler.event, int(handler.active), _text(handler), now, now)
        handlers.add(session, row)
        note(engine, session, "add_event_handler", handler.name, actor)

    try:
        engine.store.transact(work)
    except TAKEN:
        raise HandlerConflict(handler.name) from None
    return handler


def change_handler(engine: Engine, document: Any, *, actor: str | None = None) -> EventHandler:
    """Replace a handler by another of the same name. Messages that come from now on are its.

    Raises:
        InvalidDocument: it has errors.
        HandlerNotFound: there is none of this name.
    """
    handler = read_handler(document)

    def work(session: Session) -> None:
        if not handlers.change(
            session, handler.name, handler.event, int(handler.active), _text(handler), engine.clock()
        ):
            raise _not_found(session, handler.name)
        note(engine, session, "change_event_handler", handler.name, actor)

    engine.store.transact(work)
    return handler


def put_handler(engine: Engine, document: Any, *, actor: str | None = None) -> EventHandler:
    """Register a handler, or replace the one of its name."""
    handler = read_handler(document)
    try:
        return change_handler(engine, document, actor=actor)
    except HandlerNotFound:
        return add_handler(engine, handler.to_json(), actor=actor)


def remove_handler(engine: Engine, name: str, *, actor: str | None = None) -> None:
    """Delete a handler; what it did stays recorded.

    Raises:
        HandlerNotFound: there is none of this name.
    """

    def work(session: Session) -> None:
        if not handlers.remove(session, name):
            raise _not_found(session, name)
        note(engine, session, "remove_event_handler", name, actor)

    engine.store.transact(work)


def get_handler(engine: Engine, name: str) -> EventHandler:
    """A handler.

    Raises:
        HandlerNotFound: there is none of this name.
    """

    def work(session: Session) -> EventHandler:
        row = handlers.by_name(session, name)
        if row is None:
            raise _not_found(session, name)
        return EventHandler.model_validate_json(row.content)

    return engine.store.read(work)


def list_handlers(
    engine: Engine, *, event: str | None = None, active_only: bool = False
) -> list[EventHandler]:
    """Handlers by name: all, those of an event, those that are active."""

    def work(session: Session) -> list[HandlerRow]:
        return handlers.all_handlers(session) if event is None else handlers.of_event(session, event)

    rows = engine.store.read(work)
    return [EventHandler.model_validate_json(row.content) for row in rows if row.active or not active_only]


def list_event_executions(
    engine: Engine,
    *,
    handler: str | None = None,
    status: str | None = None,
    before: str | None = None,
    limit: int = 20,
) -> list[EventExecutionRow]:
    """What was done with messages, the newest first; `before`: the last id of the page before.

    Raises:
        InvalidInput: there is no such status.
    """
    if status is not None and status not in handlers.STATUSES:
        raise InvalidInput(f"status {status!r} is unknown; it is one of {', '.join(handlers.STATUSES)}")
    return engine.store.read(lambda s: handlers.page(s, before or LAST, limit, handler, status))


def get_message(engine: Engine, id: str) -> tuple[MessageRow, list[EventExecutionRow]]:
    """A message and all that was done with it.

    Raises:
        EventNotFound: there is none.
    """

    def work(session: Session) -> tuple[MessageRow, list[EventExecutionRow]]:
        row = inbox.message(session, id)
        if row is None:
            raise EventNotFound("message", id)
        return row, handlers.of_message(session, id)

    return engine.store.read(work)


def replay(engine: Engine, id: str, *, actor: str | None = None) -> None:
    """Do again what has failed with a message, by the handler as it is now; `podium events` does it.

    id: of the event execution.

    Raises:
        EventNotFound: there is none, or its message is not kept any more.
        WrongState: it has not failed.
    """

    def work(session: Session) -> None:
        row = handlers.execution(session, id)
        if row is None:
            raise EventNotFound("event execution", id)
        if not handlers.forget_failed(session, id):
            raise WrongState(f"event execution {id} is {row.status}; only one that has FAILED is replayed")
        if not inbox.open_again(session, row.event_message_id, engine.clock()):
            raise EventNotFound("message", row.event_message_id)
        note(engine, session, "replay_event", row.handler, actor, row.reason)

    engine.store.transact(work)


def list_outbox(engine: Engine, *, before: str | None = None, limit: int = 20) -> list[OutboxRow]:
    """Events that have not gone out yet, or were given up (`due_at` is None); the newest first."""
    return engine.store.read(lambda s: inbox.outbox(s, before or LAST, limit))


def send_again(engine: Engine, id: str, *, actor: str | None = None) -> None:
    """Send an event that was given up.

    Raises:
        EventNotFound: there is none that was given up.
    """

    def work(session: Session) -> None:
        if not inbox.send_again(session, id, engine.clock()):
            raise EventNotFound("event that was given up", id)
        note(engine, session, "send_event_again", id, actor)

    engine.store.transact(work)


def _text(handler: EventHandler) -> str:
    return orjson.dumps(handler.to_json()).decode()


def _not_found(session: Session, name: str) -> HandlerNotFound:
    return HandlerNotFound(name, [row.name for row in handlers.all_handlers(session)])
