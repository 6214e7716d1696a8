"""`podium event`: handlers, what they did, and events from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from app.cli.arguments import JsonValue
from app.cli.command import json_option, podium_command
from app.cli.connection import actor, connected
from app.cli.files import file_argument
from app.cli.output import plain, show, write, write_json
from app.cli.render_events import executions_table, handlers_table, outbox_table
from app.operations.event_documents import event_execution_document, outbox_document
from workflows.events import read_handler
from workflows.loading import read_file


@podium_command(
    "publish",
    ("""podium event publish order_paid --payload '{"order": 7}'""", "one of Podium's own events"),
    (
        "podium event publish amqp_queue:orders --payload @order.json --message-id 7",
        "to RabbitMQ; again with the same id, it acts once",
    ),
)
@click.argument("event")
@click.option("--payload", type=JsonValue(), default="{}", help="The message, a JSON object. Not given: {}.")
@click.option("--message-id", help="Receivers know the message by it. Not given: a new one.")
@json_option()
def publish(event: str, payload: Any, message_id: str | None, as_json: bool) -> None:
    """Publish an event, and print the id of its message.

    EVENT is <provider>:<name>; a bare name is one of Podium's own (conductor:<name>).
    """
    with connected() as podium:
        found = podium.publish(event, payload, message_id=message_id)
    write_json({"messageId": found}) if as_json else write(plain(found))


@podium_command("handlers", ("podium event handlers", "all of them"))
@click.option("--event", help="Those of this event.")
@click.option("--active", is_flag=True, help="Those that are active.")
@json_option("Print one JSON document, a list.")
def list_handlers(event: str | None, active: bool, as_json: bool) -> None:
    """List the event handlers."""
    with connected() as podium:
        found = podium.event_handlers(event=event, active_only=active)
    if as_json:
        write_json([handler.to_json() for handler in found])
    elif not found:
        write("no event handler fits")
    else:
        show(handlers_table(found))


@podium_command(
    "put", ("podium event put handler.json", "a new handler, or another version of the one of its name")
)
@file_argument
@json_option()
def put(file: Path, as_json: bool) -> None:
    """Register the event handlers of a file (JSON, YAML): one, or a list.

    A handler of the same name is replaced.
    """
    documents = [read_handler(document) for document in read_file(file)]
    with connected() as podium:
        found = [podium.put_event_handler(document, actor=actor()) for document in documents]
    if as_json:
        write_json([handler.to_json() for handler in found])
    else:
        for handler in found:
            state = "active" if handler.active else "not active"
            write(plain(f"{handler.name} handles {handler.event} ({state})"))


@podium_command("remove", ("podium event remove ship_paid_orders", "it gets no more messages"))
@click.argument("name")
@json_option()
def remove(name: str, as_json: bool) -> None:
    """Delete an event handler; what it did stays recorded."""
    with connected() as podium:
        podium.remove_event_handler(name, actor=actor())
    write_json({"name": name}) if as_json else write(plain(f"{name} is removed"))


@podium_command(
    "list",
    ("podium event list --status FAILED", "what could not be done"),
    ("podium event list --handler ship_paid_orders --limit 100", "what a handler did"),
)
@click.option("--status", type=click.Choice(["COMPLETED", "FAILED", "SKIPPED"], case_sensitive=False))
@click.option("--handler", help="Of this handler.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--before", metavar="ID", help="The last id of the page before.")
@json_option("Print one JSON document, a list.")
def list_executions(
    status: str | None, handler: str | None, limit: int, before: str | None, as_json: bool
) -> None:
    """List what was done with messages, the newest first."""
    with connected() as podium:
        found = podium.event_executions(status=status, handler=handler, limit=limit, before=before)
    if as_json:
        write_json([event_execution_document(row) for row in found])
    elif not found:
        write("nothing was done that fits")
    else:
        show(executions_table(found))


@podium_command("replay", ("podium event replay ID", "once what made it fail is mended"))
@click.argument("id", metavar="ID")
@json_option()
def replay(id: str, as_json: bool) -> None:
    """Do again what has failed with a message, by the handler as it is now.

    ID is the one that 'podium event list' shows.
    """
    with connected() as podium:
        podium.replay_event(id, actor=actor())
    write_json({"id": id}) if as_json else write(plain(f"{id} is done again by 'podium events'"))


@podium_command("outbox", ("podium event outbox", "what has not reached its sink"))
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option("Print one JSON document, a list.")
def outbox(limit: int, as_json: bool) -> None:
    """List events that have not gone out yet, and those that were given up."""
    with connected() as podium:
        found = podium.event_outbox(limit=limit)
    if as_json:
        write_json([outbox_document(row) for row in found])
    elif not found:
        write("every event has gone out")
    else:
        show(outbox_table(found))


@podium_command("resend", ("podium event resend ID", "once the sink can take it"))
@click.argument("id", metavar="ID")
@json_option()
def resend(id: str, as_json: bool) -> None:
    """Send an event that was given up; ID is the one that 'podium event outbox' shows."""
    with connected() as podium:
        podium.resend_event(id, actor=actor())
    write_json({"id": id}) if as_json else write(plain(f"{id} is sent again by 'podium events'"))


command = click.Group(
    "event",
    commands={
        made.name: made
        for made in (publish, list_handlers, put, remove, list_executions, replay, outbox, resend)
        if made.name
    },
    help="Publish events; look after event handlers and what they did.",
)
