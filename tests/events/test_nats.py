"""Events of a real NATS, and of its JetStream."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import nats as client_library
import pytest
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

from app import embedded
from app.client import Podium
from app.errors import EventNotPublished
from app.events.nats import NatsProvider
from app.runtime.clock import now_ms
from app.runtime.events import announce
from app.store import migrations
from config.database import create_engine
from config.settings import Settings
from tests.brokers import nats_url, wait_for_nats
from tests.events.listening import listening
from tests.events.serving import dies_at, handler, serving, wait_for
from tests.localcelery.process import HOST, LocalProcess
from workflows.builder import wait, workflow
from workflows.events import EventName

T = TypeVar("T")


@pytest.fixture
def url(nats: LocalProcess) -> str:
    return nats_url(nats)


@pytest.fixture
def provider(url: str) -> Iterator[NatsProvider]:
    made = NatsProvider(url)
    yield made
    made.close()


@pytest.fixture
def subject() -> str:
    return f"orders.{uuid.uuid4().hex}"


@pytest.fixture
def podium(valkey: embedded.Server, database_url: str, url: str, tmp_path: Path) -> Iterator[Podium]:
    engine = create_engine(database_url)
    migrations.upgrade(engine)
    engine.dispose()
    settings = Settings(
        state_dir=tmp_path,
        broker_url=valkey.celery_url(),
        database_url=database_url,
        event_nats_url=url,
        tick_seconds=0.02,
    )
    with Podium(settings) as made:
        made.register({"workflows": [workflow("kept")(wait(ref="open")).to_json()]})
        yield made


def _publish(provider: NatsProvider, name: str, body: bytes, message_id: str) -> None:
    provider.publish(EventName.parse(name), body, message_id)


def _jetstream(url: str, work: Callable[[JetStreamContext], Awaitable[T]]) -> T:
    """Do something with JetStream that Podium does not do."""

    async def run() -> T:
        client = await client_library.connect(url)
        try:
            return await work(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(run())


def _unacknowledged(url: str, subject: str) -> int:
    word = subject.replace(".", "-")

    async def count(jetstream: JetStreamContext) -> int:
        info = await jetstream.consumer_info(word, f"podium-{word}")
        return (info.num_ack_pending or 0) + (info.num_pending or 0)

    return _jetstream(url, count)


# --- NATS itself -----------------------------------------------------------------------------------------------


def test_a_message_reaches_who_receives_at_that_moment(provider: NatsProvider, subject: str) -> None:
    with listening(provider, f"nats:{subject}") as listener:
        while listener.empty:  # until it has subscribed
            _publish(provider, f"nats:{subject}", b'{"order": 1}', "m1")
        found = listener.next()

    assert (found.event, found.message_id, found.body) == (f"nats:{subject}", "m1", b'{"order": 1}')


def test_processes_share_the_messages_of_a_subject(provider: NatsProvider, subject: str) -> None:
    name = f"nats:{subject}"
    with listening(provider, name) as one, listening(provider, name) as other:
        while one.empty or other.empty:
            _publish(provider, name, b"1", uuid.uuid4().hex)
        found = [
            listener.next().message_id for listener in (one, other) for _ in range(listener.arrived.qsize())
        ]

    assert len(found) == len(set(found))


def test_a_wildcard_receives_many_subjects(provider: NatsProvider, subject: str) -> None:
    with listening(provider, f"nats:{subject}.*") as listener:
        while listener.empty:
            _publish(provider, f"nats:{subject}.paid", b"1", "m1")

        assert listener.next().event == f"nats:{subject}.*"


# --- JetStream -------------------------------------------------------------------------------------------------


def test_jetstream_keeps_a_message_until_somebody_receives(provider: NatsProvider, subject: str) -> None:
    _publish(provider, f"jsm:{subject}", b'{"order": 1}', "m1")

    with listening(provider, f"jsm:{subject}") as listener:
        first = listener.next()
        _publish(provider, f"jsm:{subject}", b'{"order": 2}', "m2")
        second = listener.next()

    assert (first.event, first.message_id, first.body) == (f"jsm:{subject}", "m1", b'{"order": 1}')
    assert (second.message_id, second.body) == ("m2", b'{"order": 2}')


def test_a_stream_that_has_the_subject_is_used_as_it_is(
    provider: NatsProvider, url: str, subject: str
) -> None:
    stream = uuid.uuid4().hex

    async def make(jetstream: JetStreamContext) -> None:
        await jetstream.add_stream(name=stream, subjects=[f"{subject}.>"], max_msgs=5)
        await jetstream.publish(f"{subject}.paid", b"1")

    _jetstream(url, make)
    _publish(provider, f"jsm:{subject}.packed", b"2", "m2")

    with listening(provider, f"jsm:{subject}.paid", f"jsm:{subject}.packed") as listener:
        found = {(message.event, message.message_id) for message in (listener.next(), listener.next())}

    # The sender of the first one gave it no id.
    assert found == {(f"jsm:{subject}.paid", f"{stream}-1"), (f"jsm:{subject}.packed", "m2")}


def test_what_was_not_stored_is_delivered_again(provider: NatsProvider, subject: str) -> None:
    _publish(provider, f"jsm:{subject}", b"1", "m1")

    with listening(provider, f"jsm:{subject}", failures=2) as listener:
        assert listener.next().message_id == "m1"

    assert listener.failures == 0


def test_what_was_stored_is_acknowledged(provider: NatsProvider, url: str, subject: str) -> None:
    _publish(provider, f"jsm:{subject}", b"1", "m1")
    with listening(provider, f"jsm:{subject}") as listener:
        listener.next()

    assert _unacknowledged(url, subject) == 0


def test_a_message_of_a_process_that_was_killed_before_it_acknowledged_acts_once(
    podium: Podium, provider: NatsProvider, url: str, subject: str
) -> None:
    async def make(jetstream: JetStreamContext) -> None:
        word = subject.replace(".", "-")
        await jetstream.add_stream(name=word, subjects=[subject])
        # Redelivered sooner than Podium's own consumers, so that the test need not wait.
        config = ConsumerConfig(
            durable_name=f"podium-{word}",
            filter_subject=subject,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=2,
        )
        await jetstream.add_consumer(word, config)

    _jetstream(url, make)
    podium.put_event_handler(handler(f"jsm:{subject}"))
    _publish(provider, f"jsm:{subject}", b'{"order": "7"}', "m1")

    dies_at(podium, "nats.aio.msg", "Msg", "ack")
    assert _unacknowledged(url, subject) == 1
    with serving(podium):
        _publish(provider, f"jsm:{subject}", b'{"order": "8"}', "m2")
        wait_for(lambda: _unacknowledged(url, subject) == 0)
        wait_for(lambda: len(podium.executions(correlation_id="8")) == 1)

    assert len(podium.executions(correlation_id="7")) == 1


def test_messages_that_come_after_a_restart_of_the_server_are_received(
    podium: Podium, provider: NatsProvider, nats: LocalProcess, subject: str
) -> None:
    podium.put_event_handler(handler(f"jsm:{subject}"))
    with serving(podium):
        _publish(provider, f"jsm:{subject}", b'{"order": "7"}', "m1")
        wait_for(lambda: len(podium.executions(correlation_id="7")) == 1)
        nats.restart()
        wait_for_nats(nats)
        _publish(provider, f"jsm:{subject}", b'{"order": "8"}', "m2")
        wait_for(lambda: len(podium.executions(correlation_id="8")) == 1)

    assert len(podium.executions()) == 2


def test_what_is_no_json_is_kept_and_shown(podium: Podium, provider: NatsProvider, subject: str) -> None:
    podium.put_event_handler(handler(f"jsm:{subject}"))
    _publish(provider, f"jsm:{subject}", b"{order: 7", "m1")
    _publish(provider, f"jsm:{subject}", b"\xff\xfe", "m2")

    def payloads() -> list[str]:
        with podium.engine.store.engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT payload FROM event_message ORDER BY message_id")
            return [row[0] for row in rows]

    with serving(podium):
        wait_for(lambda: len(payloads()) == 2)

    assert payloads() == ['"{order: 7"', "null"]


def test_what_was_announced_reaches_its_subject(podium: Podium, provider: NatsProvider, subject: str) -> None:
    with listening(provider, f"jsm:{subject}") as listener, serving(podium):
        podium.engine.store.transact(lambda s: announce(s, f"jsm:{subject}", {"status": "DONE"}, now_ms()))
        assert json.loads(listener.next().body) == {"status": "DONE"}
        wait_for(lambda: podium.event_outbox() == [])


def test_of_several_servers_one_is_enough(url: str, subject: str) -> None:
    provider = NatsProvider(f"nats://{HOST}:1,{url.removeprefix('nats://')}")
    _publish(provider, f"nats:{subject}", b"1", "m1")
    provider.close()


def test_what_can_not_be_sent_is_said_without_the_password(podium: Podium) -> None:
    podium.engine.events._settings = Settings(event_nats_url=f"nats://hush-hush@{HOST}:1")  # type: ignore[attr-defined]

    with pytest.raises(EventNotPublished, match=r"no connection to NATS: .*failed") as caught:
        podium.publish("nats:orders", {})

    assert "hush" not in str(caught.value)
