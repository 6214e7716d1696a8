"""Events of streams of a real Valkey."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import redis

from app import embedded
from app.events import redis_streams
from app.events.redis_streams import RedisProvider
from config.settings import Settings
from tests.events.listening import listening
from workflows.events import EventName


@pytest.fixture
def provider(valkey: embedded.Server) -> Iterator[RedisProvider]:
    made = redis_streams.connect(Settings(event_redis_url=valkey.celery_url()))
    yield made
    made.close()


@pytest.fixture
def client(provider: RedisProvider) -> redis.Redis:
    return provider._client


def test_a_message_has_its_body_and_its_senders_id(provider: RedisProvider) -> None:
    provider.publish(EventName.parse("redis:paid"), b'{"order": 1}', "m1")

    with listening(provider, "redis:paid") as listener:
        found = listener.next()

    assert (found.event, found.message_id, found.body) == ("redis:paid", "m1", b'{"order": 1}')


def test_an_entry_of_somebody_else_is_its_fields(provider: RedisProvider, client: redis.Redis) -> None:
    entry_id = client.xadd("paid", {"order": "1", "amount": "20"})
    assert isinstance(entry_id, bytes)

    with listening(provider, "redis:paid") as listener:
        found = listener.next()

    assert json.loads(found.body) == {"order": "1", "amount": "20"}
    assert found.message_id == entry_id.decode()


def test_several_streams_are_read_at_once(provider: RedisProvider) -> None:
    with listening(provider, "redis:paid", "redis:packed?group=warehouse") as listener:
        provider.publish(EventName.parse("redis:packed"), b"1", "m1")
        provider.publish(EventName.parse("redis:paid"), b"2", "m2")
        found = {listener.next().event, listener.next().event}

    assert found == {"redis:paid", "redis:packed?group=warehouse"}


def test_what_was_stored_is_acknowledged(provider: RedisProvider, client: redis.Redis) -> None:
    provider.publish(EventName.parse("redis:paid"), b"1", "m1")
    with listening(provider, "redis:paid") as listener:
        listener.next()

    pending: dict[str, int] = client.xpending("paid", "podium")
    assert pending["pending"] == 0


def test_what_a_dead_reader_held_comes_to_another(
    provider: RedisProvider, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_streams, "_ABANDONED_MS", 1)
    client.xgroup_create("paid", "podium", id="0", mkstream=True)
    provider.publish(EventName.parse("redis:paid"), b"1", "m1")
    assert client.xreadgroup("podium", "dead", {"paid": ">"})

    with listening(provider, "redis:paid") as listener:
        assert listener.next().message_id == "m1"


def test_a_stream_is_cut_where_its_sink_says(provider: RedisProvider, client: redis.Redis) -> None:
    for n in range(500):
        provider.publish(EventName.parse("redis:short?maxlen=10"), b"1", f"m{n}")

    assert int(client.xlen("short")) < 200
