"""Event handlers, what they did, and events from outside: /event."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Query, Response

from app.operations import events
from app.operations.event_documents import event_execution_document, message_document, outbox_document
from app.rest.answers import NOTHING, TEXT, EventExecution, HandlerDocument, Message, OutboxEntry, answers
from app.rest.bodies import InPath, OptionalText
from app.rest.context import CallerHere, EngineHere
from app.rest.replies import Json, Text, nothing
from app.rest.route import ADMIN, router

routes = router("event", "/event")
Document = Annotated[dict[str, Any], Body()]
Limit = Annotated[int, Query(ge=1, le=1000)]


@routes.post("", openapi_extra=ADMIN, **NOTHING)
def add_handler(engine: EngineHere, caller: CallerHere, handler: Document) -> Response:
    """Register an event handler; 409 where one of its name exists."""
    events.add_handler(engine, handler, actor=caller.name)
    return nothing()


@routes.put("", openapi_extra=ADMIN, **NOTHING)
def change_handler(engine: EngineHere, caller: CallerHere, handler: Document) -> Response:
    """Replace an event handler by another of its name."""
    events.change_handler(engine, handler, actor=caller.name)
    return nothing()


@routes.get("", **answers(list[HandlerDocument]))
def all_handlers(engine: EngineHere) -> Response:
    """All event handlers."""
    return Json([handler.to_json() for handler in events.list_handlers(engine)])


@routes.get("/executions", **answers(list[EventExecution]))
def executions(
    engine: EngineHere,
    handler: OptionalText = None,
    status: OptionalText = None,
    before: OptionalText = None,
    limit: Limit = 20,
) -> Response:
    """What was done with messages, the newest first."""
    found = events.list_event_executions(engine, handler=handler, status=status, before=before, limit=limit)
    return Json([event_execution_document(row) for row in found])


@routes.post("/executions/{id}/replay", **NOTHING)
def replay(engine: EngineHere, caller: CallerHere, id: InPath) -> Response:
    """Do again what has failed with a message."""
    events.replay(engine, id, actor=caller.name)
    return nothing()


@routes.get("/messages/{id}", **answers(Message))
def message(engine: EngineHere, id: InPath) -> Response:
    """A message, and all that was done with it."""
    row, done = events.get_message(engine, id)
    return Json(message_document(row) | {"executions": [event_execution_document(d) for d in done]})


@routes.get("/outbox", **answers(list[OutboxEntry]))
def outbox(engine: EngineHere, before: OptionalText = None, limit: Limit = 20) -> Response:
    """Events that have not gone out, or were given up."""
    return Json([outbox_document(row) for row in events.list_outbox(engine, before=before, limit=limit)])


@routes.post("/outbox/{id}/resend", **NOTHING)
def resend(engine: EngineHere, caller: CallerHere, id: InPath) -> Response:
    """Send an event that was given up."""
    events.send_again(engine, id, actor=caller.name)
    return nothing()


@routes.delete("/{name:path}", openapi_extra=ADMIN, **NOTHING)
def remove_handler(engine: EngineHere, caller: CallerHere, name: InPath) -> Response:
    """Delete an event handler."""
    events.remove_handler(engine, name, actor=caller.name)
    return nothing()


@routes.get("/{event:path}", **answers(list[HandlerDocument]))
def handlers_of(engine: EngineHere, event: InPath, activeOnly: bool = True) -> Response:  # Conductor's name
    """The handlers of an event."""
    found = events.list_handlers(engine, event=event, active_only=activeOnly)
    return Json([handler.to_json() for handler in found])


@routes.post("/{event:path}", **TEXT)
def publish(
    engine: EngineHere,
    event: InPath,
    payload: Document,
    messageId: OptionalText = None,  # as in JSON
) -> Response:
    """Publish an event; the id of its message. A bare name is one of Podium's own (conductor:<name>)."""
    return Text(events.publish(engine, event, payload, message_id=messageId))
