"""What each broker that keeps its messages does: tests for a module that has one.

The module has the fixtures `provider`, `address` (the name of an event that no other test has), `broker_settings` and
`restart` (the broker, until it answers again).
"""

from __future__ import annotations

import json
from collections.abc import Callable

from app.client import Podium
from app.events.provider import Provider
from app.runtime.clock import now_ms
from app.runtime.events import announce
from tests.events.listening import listening
from tests.events.serving import handler, serving, wait_for
from workflows.events import EventName

__all__ = [
    "test_a_message_has_its_body_and_its_senders_id",
    "test_messages_that_come_after_a_restart_of_the_broker_are_received",
    "test_what_is_no_json_is_kept_and_shown",
    "test_what_was_announced_reaches_its_sink",
    "test_what_was_not_stored_is_delivered_again",
]


def publish(provider: Provider, name: str, body: bytes, message_id: str) -> None:
    """Publish a message."""
    provider.publish(EventName.parse(name), body, message_id)


def test_a_message_has_its_body_and_its_senders_id(provider: Provider, address: str) -> None:
    publish(provider, address, b'{"order": 1}', "m1")

    with listening(provider, address) as listener:
        first = listener.next()
        publish(provider, address, b'{"order": 2}', "m2")
        second = listener.next()

    assert (first.event, first.message_id, first.body) == (address, "m1", b'{"order": 1}')
    assert (second.message_id, second.body) == ("m2", b'{"order": 2}')


def test_what_was_not_stored_is_delivered_again(provider: Provider, address: str) -> None:
    publish(provider, address, b"1", "m1")

    with listening(provider, address, failures=2) as listener:
        assert listener.next().message_id == "m1"

    assert listener.failures == 0


def test_messages_that_come_after_a_restart_of_the_broker_are_received(
    podium: Podium, provider: Provider, address: str, restart: Callable[[], None]
) -> None:
    podium.put_event_handler(handler(address))
    with serving(podium):
        publish(provider, address, b'{"order": "7"}', "m1")
        wait_for(lambda: len(podium.executions(correlation_id="7")) == 1)
        restart()
        publish(provider, address, b'{"order": "8"}', "m2")
        wait_for(lambda: len(podium.executions(correlation_id="8")) == 1)

    assert len(podium.executions()) == 2


def test_what_is_no_json_is_kept_and_shown(podium: Podium, provider: Provider, address: str) -> None:
    podium.put_event_handler(handler(address))
    publish(provider, address, b"{order: 7", "m1")
    publish(provider, address, b"\xff\xfe", "m2")

    def payloads() -> list[str]:
        with podium.engine.store.engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT payload FROM event_message ORDER BY message_id")
            return [row[0] for row in rows]

    with serving(podium):
        wait_for(lambda: len(payloads()) == 2)

    assert payloads() == ['"{order: 7"', "null"]


def test_what_was_announced_reaches_its_sink(podium: Podium, provider: Provider, address: str) -> None:
    with listening(provider, address) as listener, serving(podium):
        podium.engine.store.transact(lambda s: announce(s, address, {"status": "DONE"}, now_ms()))
        assert json.loads(listener.next().body) == {"status": "DONE"}
        wait_for(lambda: podium.event_outbox() == [])
