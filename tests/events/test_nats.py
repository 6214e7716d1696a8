"""Events of a real NATS, and of its JetStream."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import nats as client_library
import pytest
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

from app.client import Podium
from app.errors import EventNotPublished
from app.events.nats import NatsProvider
from config.settings import Settings
from tests.brokers import nats_url, wait_for_nats
from tests.events.contract import *  # noqa: F403  tests for every broker
from tests.events.contract import publish
from tests.events.listening import listening
from tests.events.serving import dies_at, handler, serving, wait_for
from tests.localcelery.process import HOST, LocalProcess

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
def address(subject: str) -> str:
    return f"jsm:{subject}"


@pytest.fixture
def broker_settings(url: str) -> dict[str, Any]:
    return {"event_nats_url": url}


@pytest.fixture
def restart(nats: LocalProcess) -> Callable[[], None]:
    def work() -> None:
        nats.restart()
        wait_for_nats(nats)

    return work


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
            publish(provider, f"nats:{subject}", b'{"order": 1}', "m1")
        found = listener.next()

    assert (found.event, found.message_id, found.body) == (f"nats:{subject}", "m1", b'{"order": 1}')


def test_processes_share_the_messages_of_a_subject(provider: NatsProvider, subject: str) -> None:
    name = f"nats:{subject}"
    with listening(provider, name) as one, listening(provider, name) as other:
        while one.empty or other.empty:
            publish(provider, name, b"1", uuid.uuid4().hex)
        found = [
            listener.next().message_id for listener in (one, other) for _ in range(listener.arrived.qsize())
        ]

    assert len(found) == len(set(found))


def test_a_wildcard_receives_many_subjects(provider: NatsProvider, subject: str) -> None:
    with listening(provider, f"nats:{subject}.*") as listener:
        while listener.empty:
            publish(provider, f"nats:{subject}.paid", b"1", "m1")

        assert listener.next().event == f"nats:{subject}.*"


# --- JetStream -------------------------------------------------------------------------------------------------


def test_a_stream_that_has_the_subject_is_used_as_it_is(
    provider: NatsProvider, url: str, subject: str
) -> None:
    stream = uuid.uuid4().hex

    async def make(jetstream: JetStreamContext) -> None:
        await jetstream.add_stream(name=stream, subjects=[f"{subject}.>"], max_msgs=5)
        await jetstream.publish(f"{subject}.paid", b"1")

    _jetstream(url, make)
    publish(provider, f"jsm:{subject}.packed", b"2", "m2")

    with listening(provider, f"jsm:{subject}.paid", f"jsm:{subject}.packed") as listener:
        found = {(message.event, message.message_id) for message in (listener.next(), listener.next())}

    # The sender of the first one gave it no id.
    assert found == {(f"jsm:{subject}.paid", f"{stream}-1"), (f"jsm:{subject}.packed", "m2")}


def test_what_was_stored_is_acknowledged(provider: NatsProvider, url: str, subject: str) -> None:
    publish(provider, f"jsm:{subject}", b"1", "m1")
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
    publish(provider, f"jsm:{subject}", b'{"order": "7"}', "m1")

    dies_at(podium, "nats.aio.msg", "Msg", "ack")
    assert _unacknowledged(url, subject) == 1
    with serving(podium):
        publish(provider, f"jsm:{subject}", b'{"order": "8"}', "m2")
        wait_for(lambda: _unacknowledged(url, subject) == 0)
        wait_for(lambda: len(podium.executions(correlation_id="8")) == 1)

    assert len(podium.executions(correlation_id="7")) == 1


def test_of_several_servers_one_is_enough(url: str, subject: str) -> None:
    provider = NatsProvider(f"nats://{HOST}:1,{url.removeprefix('nats://')}")
    publish(provider, f"nats:{subject}", b"1", "m1")
    provider.close()


def test_what_can_not_be_sent_is_said_without_the_password(podium: Podium) -> None:
    podium.engine.events._settings = Settings(event_nats_url=f"nats://hush-hush@{HOST}:1")  # type: ignore[attr-defined]

    with pytest.raises(EventNotPublished, match=r"no connection to NATS: .*failed") as caught:
        podium.publish("nats:orders", {})

    assert "hush" not in str(caught.value)
