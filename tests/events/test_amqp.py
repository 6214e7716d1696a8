"""Events of a real RabbitMQ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kombu import connection

from app.events.amqp import AmqpProvider
from tests.events.listening import listening
from tests.localcelery.process import LocalProcess
from tests.localcelery.vendors import LocalRabbitMQContainer, wait_ready
from workflows.events import EventName


@pytest.fixture
def provider(amqp_url: str) -> Iterator[AmqpProvider]:
    made = AmqpProvider(amqp_url)
    yield made
    made.close()


@pytest.fixture
def channel(amqp_url: str) -> Iterator[Any]:
    made: Any = connection.Connection  # kombu is typed in part only
    with made(amqp_url) as opened, opened.channel() as channel:
        yield channel


def _publish(provider: AmqpProvider, name: str, body: bytes, message_id: str) -> None:
    provider.publish(EventName.parse(name), body, message_id)


def test_a_message_of_a_queue_has_its_body_and_its_senders_id(provider: AmqpProvider) -> None:
    _publish(provider, "amqp_queue:paid", b'{"order": 1}', "m1")

    with listening(provider, "amqp_queue:paid") as listener:
        first = listener.next()
        _publish(provider, "amqp_queue:paid", b'{"order": 2}', "m2")
        second = listener.next()

    assert (first.event, first.message_id, first.body) == ("amqp_queue:paid", "m1", b'{"order": 1}')
    assert (second.message_id, second.body) == ("m2", b'{"order": 2}')


def test_messages_of_one_exchange_go_where_their_keys_say(provider: AmqpProvider) -> None:
    paid = "amqp_exchange:shop?routingKey=order.paid&bindQueueName=paid_orders"
    every = "amqp_exchange:shop?routingKey=order.%23&bindQueueName=all_orders"

    with listening(provider, paid) as paid_orders, listening(provider, every) as all_orders:
        # The queues are bound once each has got something.
        for key in ("order.paid", "order.packed", "order.paid"):
            _publish(provider, f"amqp_exchange:shop?routingKey={key}", key.encode(), key)
        while paid_orders.empty or all_orders.empty:
            _publish(provider, "amqp_exchange:shop?routingKey=order.paid", b"order.paid", "again")
        assert {paid_orders.next().body} == {b"order.paid"}
        assert all_orders.next().body.startswith(b"order.")


def test_a_queue_that_exists_with_other_arguments_is_used_as_it_is(
    provider: AmqpProvider, channel: Any
) -> None:
    channel.queue_declare("limited", durable=True, auto_delete=False, arguments={"x-max-length": 5})

    _publish(provider, "amqp_queue:limited", b"1", "m1")
    with listening(provider, "amqp_queue:limited") as listener:
        assert listener.next().body == b"1"


def test_what_was_not_stored_is_delivered_again(provider: AmqpProvider) -> None:
    _publish(provider, "amqp_queue:again", b"1", "m1")

    with listening(provider, "amqp_queue:again", failures=2) as listener:
        assert listener.next().message_id == "m1"

    assert listener.failures == 0


def test_what_was_stored_is_acknowledged(provider: AmqpProvider, channel: Any) -> None:
    _publish(provider, "amqp_queue:once", b"1", "m1")
    with listening(provider, "amqp_queue:once") as listener:
        listener.next()

    assert channel.queue_declare("once", passive=True).message_count == 0


def test_publishing_outlasts_a_restart_of_the_broker(provider: AmqpProvider, rabbitmq: LocalProcess) -> None:
    _publish(provider, "amqp_queue:durable", b"1", "m1")
    rabbitmq.restart()
    wait_ready(LocalRabbitMQContainer(rabbitmq))

    _publish(provider, "amqp_queue:durable", b"2", "m2")
    with listening(provider, "amqp_queue:durable") as listener:
        assert [listener.next().message_id for _ in range(2)] == ["m1", "m2"]
