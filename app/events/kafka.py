"""Events of Kafka topics: `kafka:<topic>`. Why not through kombu: `docs/decisions/0021-kafka-and-nats-by-their-own-clients.md`.

Options: `group` (podium) of who receives; `key` of what is published (unless given, the message's id, as in Conductor).
The header `message_id` is the message's id; of a message that has none, it is topic, partition and offset.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from app.events.provider import Incoming, ProviderMissing, Take
from config.kafka import librdkafka
from config.settings import Settings
from config.urls import redact_text
from workflows.events import EventName
from workflows.kafka_exchange import Record, send

logger = logging.getLogger(__name__)

ID_HEADER = "message_id"
_WAIT_SECONDS = 0.25
_COUNT = 64
_PUBLISH_SECONDS = 10.0
_ABSENT = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)
_RECEIVING: Mapping[str, str | int | bool] = {
    # An offset is committed by hand, when its message is stored.
    "enable.auto.commit": False,
    # What came before there was a handler is received too, as with every provider that keeps messages.
    "auto.offset.reset": "earliest",
    "allow.auto.create.topics": True,
    # A topic that is made later is found within this.
    "topic.metadata.refresh.interval.ms": 5_000,
    # What a dead process held is another's after this.
    "session.timeout.ms": 10_000,
}


def connect(settings: Settings) -> KafkaProvider:
    """The provider for these settings.

    Raises:
        ProviderMissing: there is no Kafka.
    """
    url = settings.event_kafka_url
    if url is None:
        raise ProviderMissing("there is no Kafka: set PODIUM_EVENT_KAFKA_URL to kafka://…")
    return KafkaProvider(url)


class KafkaProvider:
    """One cluster of Kafka."""

    def __init__(self, url: str) -> None:
        self._settings = librdkafka(url)

    def publish(self, name: EventName, body: bytes, message_id: str) -> None:
        key = name.options.get("key", message_id)
        headers = [(ID_HEADER, message_id.encode()), ("content-type", b"application/json")]
        send(self._settings, Record(name.address, body, key.encode(), headers), _PUBLISH_SECONDS)

    def receive(self, events: Sequence[str], take: Take, stop: threading.Event) -> None:
        # One consumer reads all topics of its group.
        groups: dict[str, dict[str, str]] = {}
        for event in events:
            name = EventName.parse(event)
            groups.setdefault(name.options.get("group", "podium"), {})[name.address] = event
        consumers: list[tuple[Consumer, dict[str, str]]] = []
        try:
            for group, topics in groups.items():
                consumer = Consumer(
                    {**_RECEIVING, **self._settings, "group.id": group, "error_cb": _warn}, logger=logger
                )
                consumers.append((consumer, topics))
                consumer.subscribe(list(topics))
            while not stop.is_set():
                for consumer, topics in consumers:
                    _hand_over(consumer, topics, take)
        finally:
            for consumer, _ in consumers:
                consumer.close()

    def close(self) -> None:
        """Producers are shared by the whole process."""


def _hand_over(consumer: Consumer, topics: Mapping[str, str], take: Take) -> None:
    first = consumer.poll(_WAIT_SECONDS)
    if first is None:
        return
    # To ask for many at once would wait until there are so many.
    stored: dict[tuple[str, int], int] = {}
    for message in (first, *consumer.consume(_COUNT - 1, 0)):
        error = message.error()
        if error is not None:
            _look_at(error)
            continue
        topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        take(_incoming(topics[topic], message))
        stored[topic, partition] = offset + 1
    if stored:
        offsets = [TopicPartition(*place, next_) for place, next_ in stored.items()]
        consumer.commit(offsets=offsets, asynchronous=False)


def _look_at(error: KafkaError) -> None:
    if error.code() not in _ABSENT:
        raise KafkaException(error)
    # The group's other topics must not wait for it.
    logger.warning("Kafka: %s", error.str(), extra={"event": "events_interrupted"})


def _warn(error: KafkaError) -> None:
    logger.warning(
        "Kafka: %s; librdkafka goes on trying",
        redact_text(error.str()),
        extra={"event": "events_interrupted"},
    )


def _incoming(event: str, message: Message) -> Incoming:
    sent_id = dict(message.headers() or ()).get(ID_HEADER)
    own_id = f"{message.topic()}-{message.partition()}-{message.offset()}"
    message_id = sent_id.decode(errors="replace") if isinstance(sent_id, bytes) else sent_id
    value = message.value()
    # A deletion in a compacted topic has no value.
    body = b"null" if value is None else value if isinstance(value, bytes) else str(value).encode()
    return Incoming(event, message_id or own_id, body)
