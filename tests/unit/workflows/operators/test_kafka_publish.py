"""KAFKA_PUBLISH: what its examples can't say."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from workflows import kafka_exchange
from workflows.kafka_exchange import Record
from workflows.model import WorkflowTask
from workflows.operator import Done, Failed, Outcome, Step, Wait, operator_of

JAVA = "org.apache.kafka.common.serialization."


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, str], Record, float, float]]:
    """What would go to Kafka."""
    calls: list[Any] = []
    monkeypatch.setattr(kafka_exchange, "send", lambda *call: calls.append(call))
    return calls


def _task(**fields: Any) -> WorkflowTask:
    return WorkflowTask.model_validate(
        {"name": "publish", "taskReferenceName": "publish", "type": "KAFKA_PUBLISH", **fields}
    )


def _run(request: Any, task: WorkflowTask | None = None, **inputs: Any) -> Outcome:
    task, operator = task or _task(), operator_of("KAFKA_PUBLISH")
    given = {"kafka_request": request, **inputs}
    return operator.run(Step(ref="publish", task=task, spec=operator.parse(task), input=given))


def _request(**fields: Any) -> dict[str, Any]:
    return {"bootStrapServers": "h:9092", "topic": "orders", "value": {"n": 1}, **fields}


@pytest.mark.parametrize(
    ("key", "serializer", "expected"),
    [
        (None, "StringSerializer", None),
        ("42", None, b"42"),
        (42, JAVA + "StringSerializer", b"42"),
        ({"a": 1}, JAVA + "StringSerializer", b'{"a":1}'),
        ("42", JAVA + "LongSerializer", b"\0\0\0\0\0\0\0\x2a"),
        (-1, "LongSerializer", b"\xff" * 8),
        (42, "IntegerSerializer", b"\0\0\0\x2a"),
    ],
)
def test_a_key_is_written_as_javas_serializers_do(
    sent: list[Any], key: Any, serializer: str | None, expected: bytes | None
) -> None:
    assert _run(_request(key=key, keySerializer=serializer)) == Done({})
    assert sent[0][1].key == expected


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"key": 2**31, "keySerializer": "IntegerSerializer"}, "no number of 4 bytes"),
        ({"keySerializer": "AvroSerializer"}, "no keySerializer 'AvroSerializer'"),
        ({"requestTimeoutMs": 0}, "greater than 0"),
        ({"headers": "x"}, "headers"),
        ({"bootStrapServers": "amqp://h"}, "begins with kafka://"),
        # It would have librdkafka load code.
        (
            {"bootStrapServers": "kafka://h?plugin.library.paths=/tmp/x"},
            "'plugin.library.paths' can't be set",
        ),
    ],
)
def test_what_can_never_be_sent_is_not_tried_again(sent: list[Any], fields: Any, why: str) -> None:
    outcome = _run(_request(**fields))

    assert isinstance(outcome, Failed)
    assert outcome.terminal
    assert why in outcome.reason
    assert sent == []


def test_the_value_is_json_and_headers_are_text(sent: list[Any]) -> None:
    _run(_request(value="text", headers={"source": "shop", "n": 7}))

    ((_, record, seconds, request_seconds),) = sent
    assert record.value == b'"text"'
    assert record.headers == [("source", b"shop"), ("n", b"7")]
    assert (seconds, request_seconds) == (6, 3)


def test_a_task_takes_a_minute_at_most(sent: list[Any]) -> None:
    _run(_request(requestTimeoutMs="100000", maxBlockMs=100_000))

    assert sent[0][2:] == (60, 60)


def test_it_waits_where_somebody_else_completes_it(sent: list[Any]) -> None:
    waiting = Wait(None, "waiting to be completed from outside", {})

    assert _run(_request(), asyncComplete="true") == waiting
    assert _run(_request(), _task(asyncComplete=True)) == waiting
    assert _run(_request(), asyncComplete=None) == Done({})


@pytest.mark.parametrize("request_", [None, "none", [], 5])
def test_a_request_that_is_none_fails(request_: Any) -> None:
    assert isinstance(_run(request_), Failed)


def test_a_broker_that_does_not_answer_fails_the_task_in_its_time() -> None:
    outcome = _run(_request(bootStrapServers="127.0.0.1:1", requestTimeoutMs=200, maxBlockMs=200))

    assert isinstance(outcome, Failed)
    assert not outcome.terminal
    assert outcome.reason.startswith("Failed to invoke kafka task due to: _MSG_TIMED_OUT")


def test_without_its_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "workflows.kafka_exchange")
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)

    outcome = _run(_request())

    assert isinstance(outcome, Failed)
    assert outcome.reason == (
        "KAFKA_PUBLISH needs confluent_kafka, which is not installed: pip install 'podium[kafka]'"
    )


@pytest.mark.parametrize(
    ("inputs", "missing"),
    [
        ({}, ["kafka_request"]),
        ({"kafka_request": {"topic": "t"}}, ["bootStrapServers", "value"]),
        ({"kafka_request": "${workflow.input.request}"}, []),
    ],
)
def test_a_request_that_lacks_something_is_found(inputs: Any, missing: list[str]) -> None:
    findings = list(operator_of("KAFKA_PUBLISH").check(_task(inputParameters=inputs)))

    assert [finding.message.split()[-1].rstrip(".") for finding in findings] == missing
    assert {finding.rule for finding in findings} <= {"kafka-request"}
