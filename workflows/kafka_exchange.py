"""One message to Kafka, within limits: what the KAFKA_PUBLISH operator and events that go to Kafka stand on.

A module of its own because it needs an extra, `podium[kafka]`; it is imported at the first message.
"""

from __future__ import annotations

import logging
import os
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from confluent_kafka import KafkaError, KafkaException, Message, Producer

logger = logging.getLogger(__name__)

_PRODUCERS = 16
"""So many are kept: each has threads and connections."""
_POLL_SECONDS = 0.1
# Nobody gains by waiting for a second message when each is waited for.
_SENDING: Mapping[str, str | int] = {"linger.ms": 0}
_HOPELESS = frozenset(
    {
        KafkaError._INVALID_ARG,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class Record:
    """What is sent."""

    topic: str
    value: bytes
    key: bytes | None
    headers: Sequence[tuple[str, bytes]]


class NotDelivered(Exception):
    """Kafka did not say that it has the message. `hopeless`: nor would it another time."""

    def __init__(self, problem: str, hopeless: bool) -> None:
        self.hopeless = hopeless
        super().__init__(problem)


def send(
    connection: Mapping[str, str], record: Record, seconds: float, request_seconds: float | None = None
) -> None:
    """Hand a record to Kafka; all replicas that are in sync have it when this returns.

    connection: what `config.kafka` makes of an address. seconds: the longest that it takes. request_seconds: the longest for one request
    to a broker, which may be tried again within `seconds`.

    Raises:
        NotDelivered: no broker, no topic, a timeout; after a timeout Kafka may have it all the same.
    """
    limits = {"message.timeout.ms": int(seconds * 1000)}
    if request_seconds is not None:
        limits["request.timeout.ms"] = int(request_seconds * 1000)
    results: list[KafkaError | None] = []

    def on_delivery(error: KafkaError | None, _: Message) -> None:
        results.append(error)

    try:
        producer = _producer({**connection, **limits})
        producer.produce(
            record.topic, record.value, record.key, headers=list(record.headers), on_delivery=on_delivery
        )
    except KafkaException as error:
        raise _not_delivered(error.args[0]) from error
    except (ValueError, TypeError, BufferError) as error:
        raise NotDelivered(str(error), hopeless=not isinstance(error, BufferError)) from error
    # librdkafka ends each message itself, in its own time; another thread may be told of this one.
    deadline = time.monotonic() + seconds + 5
    while not results and time.monotonic() < deadline:
        producer.poll(_POLL_SECONDS)
    if not results:
        raise NotDelivered(f"no answer within {seconds:g} s", hopeless=False)
    if results[0] is not None:
        raise _not_delivered(results[0])


def _not_delivered(error: KafkaError) -> NotDelivered:
    return NotDelivered(f"{error.name()}: {error.str()}", hopeless=error.code() in _HOPELESS)


_lock = Lock()
_producers: OrderedDict[tuple[tuple[str, object], ...], Producer] = OrderedDict()
_parents: list[object] = []


def _producer(settings: Mapping[str, str | int]) -> Producer:
    """One for each address in each process, so that connections are used again."""
    key = tuple(sorted(settings.items()))
    with _lock:
        found = _producers.get(key)
        if found is None:
            found = _producers[key] = Producer({**_SENDING, **settings}, logger=logger)
            while len(_producers) > _PRODUCERS:
                _producers.popitem(last=False)
        _producers.move_to_end(key)
    return found


def _forget() -> None:
    # After a fork the threads that serve them are the parent's. They are kept, for to delete them would wait for those.
    global _lock, _producers
    _parents.append(_producers)
    _lock, _producers = Lock(), OrderedDict()


os.register_at_fork(after_in_child=_forget)
