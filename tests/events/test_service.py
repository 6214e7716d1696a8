"""`podium events` in a thread: from a broker to an execution, and from the outbox to a broker."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app import embedded
from app.client import Podium
from app.events import intake
from app.events.provider import Incoming
from app.events.redis_streams import RedisProvider
from app.events.service import EventService
from app.operations import events as operations
from app.runtime.clock import now_ms
from app.runtime.events import announce
from app.store import inbox
from tests.events.listening import listening
from tests.events.serving import serving, wait_for
from workflows.events import EventName

PATIENCE_SECONDS = 30.0
DAY_MS = 86_400_000


@pytest.fixture
def redis(valkey: embedded.Server) -> RedisProvider:
    return RedisProvider(valkey.celery_url())


def _handler(event: str, name: str = "keep") -> dict[str, Any]:
    start = {"name": "kept", "correlationId": "${order}"}
    return {
        "name": name,
        "event": event,
        "active": True,
        "actions": [{"action": "start_workflow", "start_workflow": start}],
    }


def test_a_message_of_a_stream_starts_an_execution_also_for_a_handler_that_comes_later(
    podium: Podium, redis: RedisProvider
) -> None:
    with serving(podium):
        podium.put_event_handler(_handler("redis:paid"))
        redis.publish(EventName.parse("redis:paid"), b'{"order": "7"}', "m1")
        wait_for(lambda: len(podium.executions(correlation_id="7")) == 1)

        podium.put_event_handler(_handler("redis:packed", "second"))
        redis.publish(EventName.parse("redis:packed"), b'{"order": "8"}', "m2")
        redis.publish(EventName.parse("redis:paid"), b'{"order": "9"}', "m3")
        wait_for(lambda: len(podium.executions()) == 3)

    assert sorted(state.correlation_id or "" for state in podium.executions()) == ["7", "8", "9"]


def test_podiums_own_events_need_no_broker(podium: Podium) -> None:
    podium.put_event_handler(_handler("conductor:paid"))
    with serving(podium):
        podium.publish("paid", {"order": "7"}, message_id="m1")
        podium.publish("paid", {"order": "7"}, message_id="m1")
        wait_for(lambda: len(podium.executions(correlation_id="7")) == 1)


def test_a_handler_that_is_removed_gets_no_more_messages(podium: Podium, redis: RedisProvider) -> None:
    podium.put_event_handler(_handler("redis:paid"))
    service = EventService(podium.engine, podium._process.sinks)
    with serving(podium):
        redis.publish(EventName.parse("redis:paid"), b'{"order": "7"}', "m1")
        wait_for(lambda: len(podium.executions()) == 1)
    podium.remove_event_handler("keep")
    redis.publish(EventName.parse("redis:paid"), b'{"order": "8"}', "m2")

    service._look()

    assert service._consumers._receivers == {}
    service._outbox.close()


def test_what_was_announced_reaches_its_sink(podium: Podium, redis: RedisProvider) -> None:
    with listening(redis, "redis:status") as listener, serving(podium):
        podium.engine.store.transact(lambda s: announce(s, "redis:status", {"status": "DONE"}, now_ms()))
        assert json.loads(listener.next().body) == {"status": "DONE"}
        wait_for(lambda: podium.event_outbox() == [])


def test_what_can_not_be_sent_is_kept_given_up_in_the_end_and_sent_again_on_request(
    podium: Podium, redis: RedisProvider
) -> None:
    store, service = podium.engine.store, EventService(podium.engine, podium._process.sinks)
    store.transact(lambda s: announce(s, "amqp_queue:status", {}, now_ms()))
    (row,) = podium.event_outbox()
    while row.due_at is not None:
        store.transact(lambda s, id=row.id: inbox.not_sent(s, id, now_ms(), ""))  # type: ignore[misc]
        service._outbox.tick()
        (row,) = podium.event_outbox()

    assert (row.due_at, row.tries) == (None, 16)
    assert "PODIUM_EVENT_AMQP_URL" in (row.reason or "")
    podium.resend_event(row.id, actor="anna")
    (row,) = podium.event_outbox()
    assert (row.due_at is not None, row.tries) == (True, 0)
    service._outbox.close()


@pytest.mark.parametrize(
    ("body", "status", "payload"),
    [
        (b'{"a": 1}', "RECEIVED", '{"a":1}'),
        (b"not json", "RECEIVED", '"not json"'),
        (b"\xff\xfe", "REJECTED", "null"),
        (b'{"a": "' + b"x" * 1024**2 + b'"}', "REJECTED", "null"),
    ],
)
def test_a_message_that_can_not_be_one_is_rejected_and_does_not_come_again(
    podium: Podium, body: bytes, status: str, payload: str
) -> None:
    assert intake.take(podium.engine, Incoming("redis:paid", "m1", body))
    assert not intake.take(podium.engine, Incoming("redis:paid", "m1", body))

    with podium.engine.store.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT status, payload FROM event_message").all()
    assert [tuple(row) for row in found] == [(status, payload)]


def test_what_is_older_than_it_is_kept_is_deleted(podium: Podium, monkeypatch: pytest.MonkeyPatch) -> None:
    podium.put_event_handler(_handler("conductor:paid"))
    with serving(podium):
        podium.publish("paid", {"order": "7"})
        wait_for(lambda: len(podium.event_executions()) == 1)
    service = EventService(podium.engine, podium._process.sinks)

    service.clean()
    assert len(podium.event_executions()) == 1
    monkeypatch.setattr(podium.engine, "clock", lambda: now_ms() + 8 * DAY_MS)
    service.clean()

    assert podium.event_executions() == []
    with podium.engine.store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM event_message").scalar() == 0
    assert operations.list_handlers(podium.engine) != []
    service._outbox.close()
