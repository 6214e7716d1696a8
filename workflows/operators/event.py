"""The EVENT operator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from workflows.events import SINKS, event_problem
from workflows.model import WorkflowTask
from workflows.operator import Example, Failed, Finding, Operator, Outcome, Publish, Spec, Step, register

_OWN = "conductor"


class EventSpec(Spec):
    """The fields of EVENT."""

    sink: str = Field(
        min_length=1,
        description="Where the event goes: `conductor`, `conductor:<name>`, `amqp_queue:<name>`, …; may be an "
        "expression.",
    )
    async_complete: bool = Field(
        default=False, description="Wait, once the event has left, until the task is completed from outside."
    )


def _with(sink: str) -> dict[str, Any]:
    return {
        "name": "tell",
        "taskReferenceName": "tell",
        "type": "EVENT",
        "sink": sink,
        "inputParameters": {"order": "${workflow.input.order}"},
    }


@register
class Event(Operator):
    """Publish an event.

    What it does:
        The event leaves with the transaction that completes the task: it is published if, and only if, that is
        committed. `conductor` means Podium's own event `conductor:<workflow>:<reference>`, and
        `conductor:<name>` means `conductor:<workflow>:<name>`; other sinks are sent by the process that handles
        events, at least once.

    When to use it:
        To tell others what has happened, without waiting for them, and to set off what an event handler waits
        for.

    Fields:
        The payload is the task's input and `workflowInstanceId`, `workflowType`, `workflowVersion`,
        `correlationId`.

    Output:
        The payload, and `event_produced`: the name of the event.
    """

    type = "EVENT"
    spec = EventSpec
    instant = True
    examples = (
        Example(
            "an event of Podium's own",
            _with("conductor:order_paid"),
            Publish("conductor:order_paid", {"order": 42, "sink": "conductor:order_paid"}),
            {"order": 42, "sink": "conductor:order_paid"},
        ),
        Example(
            "a queue of RabbitMQ",
            _with("amqp_queue:orders"),
            Publish("amqp_queue:orders", {"order": 42, "sink": "amqp_queue:orders"}),
            {"order": 42, "sink": "amqp_queue:orders"},
        ),
        Example(
            "an expression that yields no sink",
            _with("${workflow.input.sink}"),
            Failed("sink is no name of an event: null", terminal=True),
            {"order": 42, "sink": None},
        ),
    )

    def source(self, task: WorkflowTask, given: dict[str, Any]) -> dict[str, Any]:
        return {**given, "sink": task.sink}

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        problem = None if task.sink is None or "${" in task.sink else _problem(task.sink)
        if problem:
            yield Finding("sink", f"It is no sink: {problem}.", "Name one that exists.", rule="event-sink")

    def run(self, step: Step) -> Outcome:
        sink = step.input.get("sink")
        if not isinstance(sink, str):
            shown = "null" if sink is None else repr(sink)
            return Failed(f"sink is no name of an event: {shown}", terminal=True)
        problem = _problem(sink)
        return Failed(problem, terminal=True) if problem else Publish(sink, step.input)


def _problem(sink: str) -> str | None:
    return None if sink == _OWN else event_problem(sink, SINKS)
