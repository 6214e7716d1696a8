"""Events of a real Kafka."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from app.client import Podium
from app.errors import EventNotPublished
from app.events.kafka import KafkaProvider
from config.settings import Settings
from tests.brokers import kafka_servers, wait_for_kafka
from tests.events.contract import *  # noqa: F403  tests for every broker
from tests.events.contract import publish
from tests.events.listening import PATIENCE_SECONDS, listening
from tests.events.serving import dies_at, handler, serving, wait_for
from tests.localcelery.process import LocalProcess


@pytest.fixture
def url(kafka: LocalProcess) -> str:
    return f"kafka://{kafka_servers(kafka)}"


@pytest.fixture
def provider(url: str) -> Iterator[KafkaProvider]:
    made = KafkaProvider(url)
    yield made
    made.close()


@pytest.fixture
def topic(kafka: LocalProcess) -> str:
    """A new topic, with two partitions."""
    name = f"t{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": kafka_servers(kafka)})
    admin.create_topics([NewTopic(name, 2)])[name].result(PATIENCE_SECONDS)
    return name


@pytest.fixture
def address(topic: str) -> str:
    return f"kafka:{topic}"


@pytest.fixture
def broker_settings(url: str) -> dict[str, Any]:
    return {"event_kafka_url": url}


@pytest.fixture
def restart(kafka: LocalProcess) -> Callable[[], None]:
    def work() -> None:
        kafka.restart()
        wait_for_kafka(kafka)

    return work


def _foreign(kafka: LocalProcess, topic: str, value: bytes | None, partition: int = 0) -> None:
    """A message of somebody who knows nothing of Podium."""
    producer = Producer({"bootstrap.servers": kafka_servers(kafka)})
    producer.produce(topic, value, partition=partition)
    assert producer.flush(PATIENCE_SECONDS) == 0


def _committed(kafka: LocalProcess, topic: str, group: str = "podium") -> int:
    """How many messages of a topic a group need not see again."""
    admin = AdminClient({"bootstrap.servers": kafka_servers(kafka)})
    places = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
    asked = ConsumerGroupTopicPartitions(group, places)
    found = admin.list_consumer_group_offsets([asked])[group].result(PATIENCE_SECONDS)
    return sum(max(0, place.offset) for place in found.topic_partitions or ())


def test_a_message_of_somebody_else_is_known_by_its_place(
    provider: KafkaProvider, kafka: LocalProcess, topic: str
) -> None:
    _foreign(kafka, topic, b'{"order": 1}', partition=1)

    with listening(provider, f"kafka:{topic}") as listener:
        assert listener.next().message_id == f"{topic}-1-0"


def test_a_deletion_in_a_compacted_topic_is_null(
    provider: KafkaProvider, kafka: LocalProcess, topic: str
) -> None:
    _foreign(kafka, topic, None)

    with listening(provider, f"kafka:{topic}") as listener:
        assert listener.next().body == b"null"


def test_what_is_published_has_a_key_and_headers(
    provider: KafkaProvider, kafka: LocalProcess, topic: str
) -> None:
    publish(provider, f"kafka:{topic}?key=customer%207", b"1", "m1")
    publish(provider, f"kafka:{topic}", b"2", "m2")

    consumer = Consumer(
        {"bootstrap.servers": kafka_servers(kafka), "group.id": topic, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    found: dict[Any, Any] = {}
    while len(found) < 2:
        message = consumer.poll(PATIENCE_SECONDS)
        assert message is not None
        found[message.value()] = (message.key(), dict(message.headers() or ()))
    consumer.close()

    json_type = {"content-type": b"application/json"}
    assert found[b"1"] == (b"customer 7", {"message_id": b"m1", **json_type})
    assert found[b"2"] == (b"m2", {"message_id": b"m2", **json_type})


def test_each_group_gets_every_message(provider: KafkaProvider, topic: str) -> None:
    names = (f"kafka:{topic}", f"kafka:{topic}?group=warehouse")
    with listening(provider, *names) as listener:
        publish(provider, f"kafka:{topic}", b"1", "m1")

        assert {listener.next().event, listener.next().event} == set(names)


def test_what_was_stored_is_committed_and_nothing_else(
    provider: KafkaProvider, kafka: LocalProcess, topic: str
) -> None:
    publish(provider, f"kafka:{topic}", b"1", "m1")
    with listening(provider, f"kafka:{topic}", failures=10**6):
        assert _committed(kafka, topic) == 0
    with listening(provider, f"kafka:{topic}") as listener:
        listener.next()
        wait_for(lambda: _committed(kafka, topic) == 1)


def test_a_topic_that_is_made_later_does_not_keep_the_others_waiting(
    provider: KafkaProvider, topic: str
) -> None:
    later = f"{topic}-later"
    with listening(provider, f"kafka:{later}", f"kafka:{topic}") as listener:
        publish(provider, f"kafka:{topic}", b"1", "m1")
        assert listener.next().message_id == "m1"
        publish(provider, f"kafka:{later}", b"2", "m2")
        assert listener.next().message_id == "m2"


def test_a_message_of_a_process_that_was_killed_before_it_committed_acts_once(
    podium: Podium, provider: KafkaProvider, kafka: LocalProcess, topic: str
) -> None:
    podium.put_event_handler(handler(f"kafka:{topic}"))
    publish(provider, f"kafka:{topic}?key=a", b'{"order": "7"}', "m1")

    dies_at(podium, "app.events.kafka", "Consumer", "commit")
    assert _committed(kafka, topic) == 0
    with serving(podium):
        publish(provider, f"kafka:{topic}?key=a", b'{"order": "8"}', "m2")
        wait_for(lambda: _committed(kafka, topic) == 2)
        wait_for(lambda: len(podium.executions(correlation_id="8")) == 1)

    assert len(podium.executions(correlation_id="7")) == 1


def test_what_can_not_be_sent_is_said_without_the_password(
    podium: Podium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.events.kafka._PUBLISH_SECONDS", 0.5)
    settings = Settings(event_kafka_url="kafka://u:hush-hush@127.0.0.1:1")
    podium.engine.events._settings = settings  # type: ignore[attr-defined]

    with pytest.raises(EventNotPublished, match="_MSG_TIMED_OUT") as caught:
        podium.publish("kafka:orders", {})

    assert "hush" not in str(caught.value)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with kafka://"):
        KafkaProvider("amqp://h")
