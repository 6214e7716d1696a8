"""What happens to an event that is published."""

from __future__ import annotations

import json
import sys

import pytest

from app.errors import EventNotPublished, InvalidInput
from app.events.publisher import EventPublisher
from app.runtime.events import announce
from app.store import inbox
from app.store.unit_of_work import Store
from tests.runtime.harness import BEGIN_MS


def test_podiums_own_event_is_in_the_inbox_when_publish_returns(events: EventPublisher, store: Store) -> None:
    events.publish("conductor:order_paid", {"order": 7}, "m1")

    (found,) = store.read(lambda s: inbox.messages_due(s, 2 * BEGIN_MS, 10))
    assert (found.event, found.message_id, json.loads(found.payload)) == (
        "conductor:order_paid",
        "m1",
        {"order": 7},
    )


def test_an_event_that_is_published_again_is_there_once(events: EventPublisher, store: Store) -> None:
    for _ in range(2):
        events.publish("conductor:order_paid", {"order": 7}, "m1")
    events.publish("conductor:order_packed", {"order": 7}, "m1")

    found = store.read(lambda s: inbox.messages_due(s, 2 * BEGIN_MS, 10))
    assert sorted(row.event for row in found) == ["conductor:order_packed", "conductor:order_paid"]


@pytest.mark.parametrize(
    ("sink", "why"),
    [
        ("order_paid", "write <provider>:<name>"),
        ("conductor:", "is no event"),
        ("amqp_que:orders", "did you mean amqp_queue"),
    ],
)
def test_a_sink_that_does_not_exist_is_refused(events: EventPublisher, sink: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        events.publish(sink, {}, "m1")


def test_a_broker_that_nobody_has_named_says_what_to_set(events: EventPublisher) -> None:
    with pytest.raises(EventNotPublished, match="PODIUM_EVENT_AMQP_URL"):
        events.publish("amqp_queue:orders", {}, "m1")


def test_what_is_announced_is_there_only_if_the_transaction_is(store: Store) -> None:
    def fails(session: object) -> None:
        announce(session, "conductor:started", {}, BEGIN_MS)  # type: ignore[arg-type]
        announce(session, "amqp_queue:started", {}, BEGIN_MS)  # type: ignore[arg-type]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.transact(fails)
    assert store.read(lambda s: inbox.messages_due(s, BEGIN_MS, 10)) == []
    assert store.read(lambda s: inbox.out_due(s, BEGIN_MS, 10)) == []

    store.transact(lambda s: announce(s, "conductor:started", {"a": 1}, BEGIN_MS))
    store.transact(lambda s: announce(s, "amqp_queue:started", {"a": 1}, BEGIN_MS))

    (received,) = store.read(lambda s: inbox.messages_due(s, BEGIN_MS, 10))
    (to_send,) = store.read(lambda s: inbox.out_due(s, BEGIN_MS, 10))
    assert (received.event, received.payload) == ("conductor:started", '{"a":1}')
    assert (to_send.sink, to_send.payload) == ("amqp_queue:started", '{"a":1}')


@pytest.mark.parametrize(("sink", "library"), [("kafka:orders", "confluent_kafka"), ("jsm:orders", "nats")])
def test_a_sink_whose_extra_is_not_installed_says_what_to_install(
    events: EventPublisher, monkeypatch: pytest.MonkeyPatch, sink: str, library: str
) -> None:
    extra = {"confluent_kafka": "kafka", "nats": "nats"}[library]
    for loaded in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.delitem(sys.modules, f"app.events.{extra}", raising=False)
    monkeypatch.delitem(sys.modules, "workflows.kafka_exchange", raising=False)
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(EventNotPublished, match=rf"pip install 'podium\[{extra}\]'"):
        events.publish(sink, {}, "m1")
