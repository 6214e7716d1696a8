"""Events of a real RabbitMQ."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kombu import connection

from app.events.amqp import AmqpProvider
from tests.events.contract import *  # noqa: F403  tests for every broker
from tests.events.contract import publish
from tests.events.listening import listening
from tests.localcelery.process import LocalProcess
from tests.localcelery.vendors import LocalRabbitMQContainer, wait_ready


@pytest.fixture
def provider(amqp_url: str) -> Iterator[AmqpProvider]:
    made = AmqpProvider(amqp_url)
    yield made
    made.close()


@pytest.fixture
def address() -> str:
    return f"amqp_queue:paid-{uuid.uuid4().hex}"


@pytest.fixture
def broker_settings(amqp_url: str) -> dict[str, Any]:
    return {"event_amqp_url": amqp_url}


@pytest.fixture
def restart(rabbitmq: LocalProcess) -> Callable[[], None]:
    def work() -> None:
        rabbitmq.restart()
        wait_ready(LocalRabbitMQContainer(rabbitmq))

    return work


@pytest.fixture
def channel(amqp_url: str) -> Iterator[Any]:
    made: Any = connection.Connection  # kombu is typed in part only
    with made(amqp_url) as opened, opened.channel() as channel:
        yield channel


def test_messages_of_one_exchange_go_where_their_keys_say(provider: AmqpProvider) -> None:
    paid = "amqp_exchange:shop?routingKey=order.paid&bindQueueName=paid_orders"
    every = "amqp_exchange:shop?routingKey=order.%23&bindQueueName=all_orders"

    with listening(provider, paid) as paid_orders, listening(provider, every) as all_orders:
        # The queues are bound once each has got something.
        for key in ("order.paid", "order.packed", "order.paid"):
            publish(provider, f"amqp_exchange:shop?routingKey={key}", key.encode(), key)
        while paid_orders.empty or all_orders.empty:
            publish(provider, "amqp_exchange:shop?routingKey=order.paid", b"order.paid", "again")
        assert {paid_orders.next().body} == {b"order.paid"}
        assert all_orders.next().body.startswith(b"order.")


def test_a_queue_that_exists_with_other_arguments_is_used_as_it_is(
    provider: AmqpProvider, channel: Any
) -> None:
    channel.queue_declare("limited", durable=True, auto_delete=False, arguments={"x-max-length": 5})

    publish(provider, "amqp_queue:limited", b"1", "m1")
    with listening(provider, "amqp_queue:limited") as listener:
        assert listener.next().body == b"1"


def test_what_was_stored_is_acknowledged(provider: AmqpProvider, channel: Any) -> None:
    publish(provider, "amqp_queue:once", b"1", "m1")
    with listening(provider, "amqp_queue:once") as listener:
        listener.next()

    assert channel.queue_declare("once", passive=True).message_count == 0


def test_publishing_outlasts_a_restart_of_the_broker(
    provider: AmqpProvider, restart: Callable[[], None]
) -> None:
    publish(provider, "amqp_queue:durable", b"1", "m1")
    restart()

    publish(provider, "amqp_queue:durable", b"2", "m2")
    with listening(provider, "amqp_queue:durable") as listener:
        assert [listener.next().message_id for _ in range(2)] == ["m1", "m2"]
