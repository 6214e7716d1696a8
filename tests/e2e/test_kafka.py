"""KAFKA_PUBLISH: from a workflow on real workers to a real Kafka."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, Message

from tests.brokers import kafka_servers
from tests.e2e.flow import PATIENCE_SECONDS, Flow, attempts, statuses, wait_for, waiting
from tests.e2e.platforms import EMBEDDED_LIKE, PRODUCTION_LIKE, on
from tests.localcelery.process import LocalProcess
from workflows.builder import task, workflow_input
from workflows.status import TaskStatus, WorkflowStatus

Read = Callable[[], Message]


@pytest.fixture
def topic() -> str:
    return f"orders-{uuid.uuid4().hex}"


@pytest.fixture
def read(kafka: LocalProcess, topic: str) -> Read:
    """The only message of the topic."""

    def only_one() -> Message:
        consumer = Consumer(
            {
                "bootstrap.servers": kafka_servers(kafka),
                "group.id": uuid.uuid4().hex,
                "auto.offset.reset": "earliest",
            }
        )
        consumer.subscribe([topic])
        try:
            found = consumer.poll(PATIENCE_SECONDS)
            assert found is not None
            assert found.error() is None
            assert consumer.poll(0.5) is None
            return found
        finally:
            consumer.close()

    return only_one


@on(EMBEDDED_LIKE, PRODUCTION_LIKE)
def test_a_message_is_published_with_its_key_and_headers(
    flow: Flow, kafka: LocalProcess, topic: str, read: Read
) -> None:
    request = {
        "bootStrapServers": kafka_servers(kafka),
        "topic": topic,
        "key": workflow_input("order"),
        "keySerializer": "org.apache.kafka.common.serialization.IntegerSerializer",
        "value": {"order": workflow_input("order")},
        "headers": {"source": "shop"},
    }
    publish = task("KAFKA_PUBLISH", "publish", input={"kafka_request": request})

    execution = flow.run(publish, flow.mark("after"), input={"order": 42})

    assert execution.status is WorkflowStatus.COMPLETED
    assert execution.get("publish").output == {}
    assert flow.runs() == flow.once("after")
    message = read()
    value = message.value()
    assert value is not None
    assert json.loads(value) == {"order": 42}
    assert message.key() == (42).to_bytes(4, "big")
    assert message.headers() == [("source", b"shop")]


def test_a_message_that_somebody_else_completes_is_waited_for(
    flow: Flow, kafka: LocalProcess, topic: str, read: Read
) -> None:
    request = {"bootStrapServers": kafka_servers(kafka), "topic": topic, "value": 1}
    inputs = {"kafka_request": request, "asyncComplete": True}

    execution = flow.start(
        task("KAFKA_PUBLISH", "publish", input=inputs), output={"by": "${publish.output.by}"}
    )
    wait_for("the task waits", lambda: waiting(execution, "publish"))
    assert read().value() == b"1"
    execution.complete("publish", {"by": "ann"})
    execution.wait(timeout=PATIENCE_SECONDS)

    assert execution.output == {"by": "ann"}


def test_a_kafka_that_is_not_there_fails_each_attempt_with_a_reason(flow: Flow) -> None:
    request = {
        "bootStrapServers": "127.0.0.1:1",
        "topic": "orders",
        "value": 1,
        "requestTimeoutMs": 300,
        "maxBlockMs": 300,
    }
    policy = {"name": "publish", "retryCount": 1, "retryDelaySeconds": 0}

    execution = flow.run(
        task("KAFKA_PUBLISH", "publish", input={"kafka_request": request}, task_definition=policy)
    )

    assert attempts(execution, "publish") == [TaskStatus.FAILED, TaskStatus.FAILED]
    assert statuses(execution) == {"publish": TaskStatus.FAILED}
    assert "Failed to invoke kafka task due to: _MSG_TIMED_OUT" in (execution.reason or "")
