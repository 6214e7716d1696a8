"""Event handlers: checked, stored, changed, removed."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import EventNotPublished, HandlerConflict, HandlerNotFound, InvalidInput
from app.operations import events
from app.store.unit_of_work import Store
from tests.runtime.harness import Harness
from workflows.errors import InvalidDocument
from workflows.events import EventName, read_handler

START = {"action": "start_workflow", "start_workflow": {"name": "ship"}}
HANDLER: dict[str, Any] = {"name": "h", "event": "conductor:paid", "active": True, "actions": [START]}


@pytest.mark.parametrize(
    ("changes", "place", "problem"),
    [
        ({"event": "paid"}, "event", "write <provider>:<name>"),
        ({"event": "sqs:paid"}, "event", "no provider 'sqs'"),
        ({"event": "webhook:https://shop/x"}, "event", "no provider 'webhook'"),
        ({"actions": []}, "actions", "at least 1"),
        ({"actions": [{"action": "start_workflow"}]}, "actions[0]", "needs the field start_workflow"),
        ({"actions": [{"action": "dance"}]}, "actions[0].action", "'start_workflow', 'complete_task'"),
        (
            {"actions": [{"action": "complete_task", "complete_task": {"workflowId": "${a}"}}]},
            "actions[0].complete_task",
            "taskId, or workflowId and taskRefName",
        ),
        (
            {
                "actions": [
                    START,
                    {"action": "start_workflow", "start_workflow": {"name": "x", "input": {"a": "${a b[}"}}},
                ]
            },
            "actions[1].start_workflow",
            "expression",
        ),
        ({"condition": "$.a >"}, "condition", "can't be parsed"),
        ({"condition": "a", "evaluatorType": "python"}, "evaluatorType", "can't be confined"),
    ],
)
def test_a_handler_with_an_error_is_refused_with_its_place(
    changes: dict[str, Any], place: str, problem: str
) -> None:
    with pytest.raises(InvalidDocument) as caught:
        read_handler(HANDLER | changes)

    assert [found for found, _ in caught.value.problems] == [place]
    assert problem in str(caught.value)


def test_all_errors_of_a_handler_are_named_at_once() -> None:
    with pytest.raises(InvalidDocument, match="2 errors") as caught:
        read_handler(HANDLER | {"event": "paid", "condition": "$.a >"})

    assert [place for place, _ in caught.value.problems] == ["event", "condition"]


def test_unknown_fields_of_a_handler_are_kept() -> None:
    assert read_handler(HANDLER | {"ownedBy": "shop"}).to_json()["ownedBy"] == "shop"


def test_the_options_of_an_event_are_part_of_its_name() -> None:
    name = EventName.parse("amqp_exchange:shop?exchangeType=topic&routingKey=order.%23")

    assert (name.provider, name.address) == ("amqp_exchange", "shop")
    assert name.options == {"exchangeType": "topic", "routingKey": "order.#"}


def test_a_handler_is_added_changed_listed_and_removed(harness: Harness) -> None:
    engine = harness.engine
    events.add_handler(engine, HANDLER, actor="anna")
    events.add_handler(engine, HANDLER | {"name": "g", "active": False})

    assert [handler.name for handler in events.list_handlers(engine)] == ["g", "h"]
    assert [h.name for h in events.list_handlers(engine, event="conductor:paid", active_only=True)] == ["h"]
    assert events.list_handlers(engine, event="conductor:packed") == []

    events.change_handler(engine, HANDLER | {"event": "conductor:packed"}, actor="anna")
    assert events.get_handler(engine, "h").event == "conductor:packed"
    events.remove_handler(engine, "h", actor="anna")
    assert [handler.name for handler in events.list_handlers(engine)] == ["g"]


def test_what_was_done_with_handlers_is_recorded(harness: Harness, store: Store) -> None:
    events.add_handler(harness.engine, HANDLER, actor="anna")
    events.remove_handler(harness.engine, "h", actor="ben")

    with store.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT operation, subject, actor FROM audit ORDER BY id").all()
    assert [tuple(row) for row in found] == [
        ("add_event_handler", "h", "anna"),
        ("remove_event_handler", "h", "ben"),
    ]


def test_a_name_that_is_taken_or_unknown_is_refused(harness: Harness) -> None:
    events.add_handler(harness.engine, HANDLER)

    with pytest.raises(HandlerConflict):
        events.add_handler(harness.engine, HANDLER)
    with pytest.raises(HandlerNotFound, match="did you mean 'h'"):
        events.change_handler(harness.engine, HANDLER | {"name": "hh"})
    with pytest.raises(HandlerNotFound):
        events.remove_handler(harness.engine, "other")
    with pytest.raises(HandlerNotFound):
        events.get_handler(harness.engine, "other")


@pytest.mark.parametrize(
    ("event", "payload", "error"),
    [
        ("paid", [], InvalidInput),
        ("paid", {"a": object()}, InvalidInput),
        ("sqs:paid", {}, InvalidInput),
        ("amqp_queue:paid", {}, EventNotPublished),
    ],
)
def test_an_event_that_can_not_be_published_is_refused(
    harness: Harness, event: str, payload: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        events.publish(harness.engine, event, payload)
