"""The KAFKA_PUBLISH operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from config.kafka import librdkafka
from workflows.model import WorkflowTask
from workflows.operator import Done, Example, Failed, Finding, Operator, Outcome, Spec, Step, Wait, register

_MOST_SECONDS = 60.0
_SETTINGS = frozenset({"sasl.mechanism", "ssl.ca.location"})
_KEY_BYTES = {"StringSerializer": None, "LongSerializer": 8, "IntegerSerializer": 4}
_FAILED = "Failed to invoke kafka task due to: "
_SEE = "See documentation for KafkaTask for required input parameters"


class KafkaRequest(BaseModel):
    """A message, as the inputs describe it; each of them may be an expression. Unknown keys are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    boot_strap_servers: str | None = Field(
        default=None,
        description="Required. `host:9092,host2:9092`, or an address such as `kafka+ssl://user:password@host:9093`.",
    )
    topic: str | None = Field(default=None, description="Required.")
    value: Any = Field(default=None, description="Required. Sent as JSON.")
    key: Any = Field(default=None, description="Messages of one key stay in order. Not given: none.")
    headers: dict[str, Any] | str | None = Field(default={}, description="Header fields, sent as text.")
    key_serializer: str | None = Field(
        default="StringSerializer",
        description=f"One of {', '.join(_KEY_BYTES)}, with or without Java's package.",
    )
    request_timeout_ms: int | str | None = Field(
        default=3000, description="How long the brokers have for their answer."
    )
    max_block_ms: int | str | None = Field(
        default=3000, description="How much longer a broker and the topic are looked for."
    )


class KafkaParameters(BaseModel):
    """The inputs of KAFKA_PUBLISH."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", frozen=True)

    kafka_request: KafkaRequest | str | None = Field(
        default=None,
        alias="kafka_request",
        description="Required. An object of the fields below, or an expression that yields one.",
    )
    async_complete: bool | str | None = Field(
        default=False,
        description="Wait, once Kafka has the message, until the task is completed from outside.",
    )


class KafkaPublishSpec(Spec):
    """The fields of KAFKA_PUBLISH."""

    input_parameters: KafkaParameters = KafkaParameters()


class _ResolvedRequest(KafkaRequest):
    headers: dict[str, Any] = {}
    key_serializer: str = "StringSerializer"
    request_timeout_ms: int = Field(default=3000, gt=0)
    max_block_ms: int = Field(default=3000, gt=0)


class _Resolved(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)

    kafka_request: _ResolvedRequest = Field(alias="kafka_request")
    async_complete: bool = False


def _with(**request: object) -> dict[str, Any]:
    whole = {"bootStrapServers": "kafka.example:9092", "topic": "orders", "value": {"order": 42}, **request}
    return {
        "name": "publish",
        "taskReferenceName": "publish",
        "type": "KAFKA_PUBLISH",
        "inputParameters": {"kafka_request": whole},
    }


@register
class KafkaPublish(Operator):
    """Publish a message to a topic of Kafka.

    What it does:
        It sends one message and waits until all replicas that are in sync have it; whatever else happens fails
        the task. It needs `podium[kafka]` where the workers run.

        It is tried again only where there are retries (`retryCount` of the task or of its task definition).
        After a crash or a timeout Kafka may have the message and the attempt counts as failed: give the message
        a key or a header by which its receivers know it again.

    When to use it:
        To write to the Kafka of somebody else, with the key and the headers that they ask for. For an event to a
        Kafka of your own, EVENT with the sink `kafka:<topic>` is published if, and only if, the task completes.

    Fields:
        The message's fields stand in `inputParameters.kafka_request`. An address with a user means SASL; it may
        have `?sasl.mechanism=` and `&ssl.ca.location=`. A task may take 60 s.

    Output:
        `{}`
    """

    type = "KAFKA_PUBLISH"
    spec = KafkaPublishSpec
    repeatable = False
    slow = True
    uses_secrets = True
    examples = (
        Example("a message", _with(key="42", headers={"source": "shop"}), Done({})),
        Example("no servers", _with(bootStrapServers=None), Failed("No boot strap servers specified")),
        Example("no value", _with(value=None), Failed(f"Missing Kafka value.  {_SEE}")),
        Example(
            "a key that is no number",
            _with(key="abc", keySerializer="org.apache.kafka.common.serialization.LongSerializer"),
            Failed(f"{_FAILED}the key 'abc' is no number of 8 bytes", terminal=True),
        ),
    )

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        given = task.input_parameters
        template = task.task_definition.input_template if task.task_definition else {}
        request = given.get("kafka_request", template.get("kafka_request"))
        if not request:
            # Not an error: the inputTemplate of a registered task definition may give it.
            yield _missing("inputParameters", "The task has no kafka_request.", "kafka_request")
        elif isinstance(request, Mapping):
            for field in ("bootStrapServers", "topic", "value"):
                if request.get(field) is None:
                    yield _missing("inputParameters.kafka_request", f"The message has no {field}.", field)

    def run(self, step: Step) -> Outcome:
        given = step.input.get("kafka_request")
        if given is None:
            return Failed(
                "Missing Kafka request. Task input MUST have a 'kafka_request' key with KafkaTask.Input as value. "
                + _SEE
            )
        try:
            if isinstance(given, dict):  # an expression that yields nothing counts as not given
                given = {name: value for name, value in given.items() if value is not None}
            wanted = {"asyncComplete": step.input.get("asyncComplete") or False, "kafka_request": given}
            resolved = _Resolved.model_validate(wanted)
        except ValidationError as exc:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
            return Failed(f"The Kafka request is malformed: {problems}", terminal=True)
        request = resolved.kafka_request
        if not request.boot_strap_servers:
            return Failed("No boot strap servers specified")
        if not request.topic:
            return Failed(f"Missing Kafka topic. {_SEE}")
        if request.value is None:
            return Failed(f"Missing Kafka value.  {_SEE}")
        failed = _publish(request, request.boot_strap_servers, request.topic)
        if failed is not None:
            return failed
        if step.task.async_complete or resolved.async_complete:
            return Wait(None, "waiting to be completed from outside", {})
        return Done({})


def _publish(request: _ResolvedRequest, servers: str, topic: str) -> Failed | None:
    # It needs an extra, and most processes send no message.
    try:
        from workflows.kafka_exchange import NotDelivered, Record, send
    except ModuleNotFoundError as exc:
        return Failed(
            f"KAFKA_PUBLISH needs {exc.name}, which is not installed: pip install 'podium[kafka]'",
            terminal=True,
        )
    try:
        connection = librdkafka(servers, _SETTINGS)
        headers = [(name, _text(value).encode()) for name, value in request.headers.items()]
        record = Record(topic, orjson.dumps(request.value), _key(request), headers)
    except ValueError as exc:
        return Failed(f"{_FAILED}{exc}", terminal=True)
    seconds = min((request.max_block_ms + request.request_timeout_ms) / 1000, _MOST_SECONDS)
    try:
        send(connection, record, seconds, min(request.request_timeout_ms / 1000, _MOST_SECONDS))
    except NotDelivered as exc:
        return Failed(f"{_FAILED}{exc}", terminal=exc.hopeless)
    return None


def _key(request: _ResolvedRequest) -> bytes | None:
    """The key as Java's serializers write it."""
    name = request.key_serializer.rpartition(".")[2]
    if name not in _KEY_BYTES:
        raise ValueError(f"there is no keySerializer {name[:80]!r}; take one of {', '.join(_KEY_BYTES)}")
    size = _KEY_BYTES[name]
    if request.key is None:
        return None
    if size is None:
        return _text(request.key).encode()
    try:
        return int(_text(request.key)).to_bytes(size, "big", signed=True)
    except (ValueError, OverflowError):
        raise ValueError(f"the key {_text(request.key)[:80]!r} is no number of {size} bytes") from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _missing(path: str, what: str, field: str) -> Finding:
    return Finding(
        path,
        what,
        f"Add {field}, unless the task definition's inputTemplate has it.",
        severity="warning",
        rule="kafka-request",
    )
