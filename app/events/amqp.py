"""Events of RabbitMQ, through kombu: `amqp_queue:<queue>` and `amqp_exchange:<exchange>`.

Options of both: `durable` (true), `autoDelete`, `exclusive` (false). Of an exchange: `exchangeType` (topic),
`routingKey`, `bindQueueName` (the queue that Podium receives from; `podium.<exchange>` unless given).
A queue or exchange that exists is used as it is; one that does not is declared.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from typing import Any

from kombu import connection, entity, messaging

from app.events.provider import Incoming, ProviderMissing, Take
from app.runtime.clock import new_id
from config.celery import CONNECT_SECONDS
from config.settings import Settings
from workflows.events import EventName

# kombu is typed in part only.
Connection: Any = connection.Connection
Consumer: Any = messaging.Consumer
Exchange: Any = entity.Exchange
Queue: Any = entity.Queue

_HEARTBEAT_SECONDS = 20
_WAIT_SECONDS = 0.25
_PREFETCH = 64
_DEFAULT_KEYS = {"topic": "#", "fanout": "", "headers": ""}


def connect(settings: Settings) -> AmqpProvider:
    """The provider for these settings.

    Raises:
        ProviderMissing: there is no RabbitMQ.
    """
    url = settings.resolved_event_amqp_url
    if url is None:
        raise ProviderMissing("there is no RabbitMQ: set PODIUM_EVENT_AMQP_URL to amqp://…")
    return AmqpProvider(url)


class AmqpProvider:
    """One RabbitMQ."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._connection: Any = None
        self._known: set[str] = set()
        described = Connection(url)
        self._errors = (*described.connection_errors, *described.channel_errors)

    def publish(self, name: EventName, body: bytes, message_id: str) -> None:
        with self._lock:
            try:
                self._publish(name, body, message_id)
            except self._errors:
                # The broker may have been restarted since the last event: once more, on a new connection.
                self._drop()
                self._publish(name, body, message_id)

    def _publish(self, name: EventName, body: bytes, message_id: str) -> None:
        if self._connection is None:
            self._connection = self._connect(confirm=True)
        queue = _queue(name)
        if name.text not in self._known:
            if name.provider == "amqp_queue":
                _declare(self._connection, queue)
            else:
                _declare_exchange(self._connection, queue.exchange)
            self._known.add(name.text)
        direct = name.provider == "amqp_queue"
        self._connection.Producer().publish(
            body,
            exchange="" if direct else queue.exchange.name,
            routing_key=name.address if direct else name.options.get("routingKey", ""),
            content_type="application/json",
            content_encoding="utf-8",
            message_id=message_id,
            delivery_mode=2,
        )

    def receive(self, events: Sequence[str], take: Take, stop: threading.Event) -> None:
        with self._connect(confirm=False) as opened:
            consumers = [self._consumer(opened, event, take) for event in events]
            for consumer in consumers:
                consumer.consume()
            checked = time.monotonic()
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    opened.drain_events(timeout=_WAIT_SECONDS)
                if time.monotonic() - checked > _HEARTBEAT_SECONDS / 4:
                    opened.heartbeat_check()
                    checked = time.monotonic()

    def _consumer(self, opened: Any, event: str, take: Take) -> Any:
        queue = _queue(EventName.parse(event))
        _declare(opened, queue)

        def on_message(message: Any) -> None:
            sent_id = message.properties.get("message_id")
            take(Incoming(event, str(sent_id or new_id()), _bytes(message.body)))
            message.ack()

        channel = opened.channel()
        return Consumer(
            channel, [queue(channel)], on_message=on_message, prefetch_count=_PREFETCH, auto_declare=False
        )

    def _connect(self, confirm: bool) -> Any:
        made = Connection(
            self._url,
            connect_timeout=CONNECT_SECONDS,
            heartbeat=0 if confirm else _HEARTBEAT_SECONDS,
            transport_options={"confirm_publish": confirm, "read_timeout": 30, "write_timeout": 30},
        )
        try:
            made.connect()
        except self._errors:
            # A socket may be open already.
            made.collect()
            raise
        return made

    def _drop(self) -> None:
        broken, self._connection = self._connection, None
        self._known.clear()
        if broken is not None:
            broken.collect()

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _queue(name: EventName) -> Any:
    """The queue that an event is received from."""
    options = name.options
    flags = {
        "durable": _flag(options, "durable", True),
        "auto_delete": _flag(options, "autoDelete", False),
    }
    if name.provider == "amqp_queue":
        exclusive = _flag(options, "exclusive", False)
        return Queue(name.address, exchange=None, exclusive=exclusive, **flags)
    kind = options.get("exchangeType", "topic")
    exchange = Exchange(name.address, type=kind, **flags)
    key = options.get("routingKey") or _DEFAULT_KEYS.get(kind, name.address)
    bound = options.get("bindQueueName") or f"podium.{name.address}"
    return Queue(bound, exchange=exchange, routing_key=key, **flags)


def _declare(opened: Any, queue: Any) -> None:
    if queue.exchange is not None and queue.exchange.name:
        _declare_exchange(opened, queue.exchange)
    _unless_there(
        opened,
        lambda channel: queue(channel).queue_declare(passive=True),
        lambda channel: queue(channel).queue_declare(),
    )
    if queue.exchange is not None and queue.exchange.name:
        with opened.channel() as channel:
            queue(channel).queue_bind()


def _declare_exchange(opened: Any, exchange: Any) -> None:
    _unless_there(
        opened,
        lambda channel: exchange(channel).declare(passive=True),
        lambda channel: exchange(channel).declare(),
    )


def _unless_there(opened: Any, look: Any, make: Any) -> None:
    # Declared with other arguments than it has (a quorum queue, a length limit), it would be refused.
    try:
        with opened.channel() as channel:
            look(channel)
    except opened.channel_errors as error:
        if getattr(error, "reply_code", getattr(error, "code", None)) != 404:
            raise
        with opened.channel() as channel:
            make(channel)


def _flag(options: Any, name: str, default: bool) -> bool:
    return str(options.get(name, default)).lower() == "true"


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)
