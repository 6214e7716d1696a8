"""The PULL_WORKFLOW_MESSAGES operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from workflows.model import WorkflowTask
from workflows.operator import Example, Failed, Finding, Operator, Outcome, Receive, Spec, Step, register

MOST = 100
"""Messages that one task takes at most, as in Conductor."""


class PullParameters(BaseModel):
    """The inputs of PULL_WORKFLOW_MESSAGES as a definition gives them."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", frozen=True)

    batch_size: int | str = Field(
        default=1,
        description=f"How many messages it takes at most (more than {MOST} is {MOST}), or an expression.",
    )
    blocking: bool | str = Field(
        default=True,
        description="Wait for a message where there is none; false: be done without one. Or an expression.",
    )


class PullSpec(Spec):
    """The fields of PULL_WORKFLOW_MESSAGES."""

    input_parameters: PullParameters = PullParameters()


class _Wanted(BaseModel):
    """The inputs when their expressions are evaluated."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)

    batch_size: int = Field(default=1, ge=1)
    blocking: bool = True


def _with(**inputs: Any) -> dict[str, Any]:
    return {
        "name": "next",
        "taskReferenceName": "next",
        "type": "PULL_WORKFLOW_MESSAGES",
        "inputParameters": inputs,
    }


@register
class PullWorkflowMessages(Operator):
    """Take messages that were sent to the execution.

    What it does:
        It takes the oldest messages of the execution, at most `batchSize` of them; each message is taken once.
        Where there is none it waits for one, without a process or a poll, and goes on in the transaction in which
        the message is sent; with `blocking: false` it is done at once, with none. A task definition of its name may
        set a time limit.

    When to use it:
        To let a running execution be told things, in the order in which they are said: answers of a person in a
        conversation, readings of a device, further items of an order. In a loop it is a mailbox. For a single
        answer WAIT or HUMAN is enough.

    Fields:
        Messages are JSON objects. An execution keeps those that were not taken, up to a limit
        (`PODIUM_MESSAGE_LIMIT`); after that, sending is refused until some are taken.

    Output:
        `{"messages": [{"id": "…", "workflowId": "…", "payload": {…}, "receivedAt": "2026-01-01T12:00:00.000Z"}],
        "count": 1}`
    """

    type = "PULL_WORKFLOW_MESSAGES"
    spec = PullSpec
    instant = True
    ends_segment = True
    examples = (
        Example("the next message", _with(), Receive(1, True)),
        Example("what has come so far", _with(batchSize=50, blocking=False), Receive(50, False)),
        Example("no more than a hundred at once", _with(batchSize=1000), Receive(MOST, True)),
        Example(
            "a size that is none",
            _with(batchSize="${workflow.input.size}"),
            Failed("batchSize: Input should be a valid integer", terminal=True),
            {"batchSize": None},
        ),
    )

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        fixed = {k: v for k, v in task.input_parameters.items() if not (isinstance(v, str) and "${" in v)}
        problem = _read(fixed)
        if isinstance(problem, str):
            yield Finding(
                "inputParameters",
                f"{problem}.",
                "Give a number from 1 to 100, and true or false.",
                rule="pull-input",
            )

    def run(self, step: Step) -> Outcome:
        wanted = _read(step.input)
        if isinstance(wanted, str):
            return Failed(wanted, terminal=True)
        return Receive(min(wanted.batch_size, MOST), wanted.blocking)


def _read(given: Mapping[str, Any]) -> _Wanted | str:
    """The inputs; a text: what is wrong with them."""
    try:
        return _Wanted.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
