"""The SET_VARIABLE operator."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
from pydantic import Field

from workflows.model import WorkflowTask
from workflows.operator import Done, Example, Failed, Finding, Json, Operator, Outcome, Spec, Step, register

LIMIT_KILOBYTES = 256
"""Conductor's limit on all variables of one execution together."""


class SetVariableSpec(Spec):
    """The fields of SET_VARIABLE."""

    input_parameters: dict[str, Json] = Field(
        default={}, description="The variables to set, by name. Others keep their values."
    )


_SET = {
    "name": "remember",
    "taskReferenceName": "remember",
    "type": "SET_VARIABLE",
    "inputParameters": {"total": "${sum.output.result}", "currency": "EUR"},
}


@register
class SetVariable(Operator):
    """Set variables of the execution.

    What it does:
        Each input becomes a variable of that name; a variable that was there before is replaced, not merged.
        Later tasks read them as `${workflow.variables.total}`. Tasks that have begun keep the input that they
        were given.

    When to use it:
        To carry a value from one iteration of a loop to the next, or past a SWITCH whose cases each set it.

    Fields:
        All variables of an execution together may have 256 KB as JSON. Beyond that the task fails, and
        nothing is set.

    Output:
        `{}`
    """

    type = "SET_VARIABLE"
    spec = SetVariableSpec
    instant = True
    examples = (
        Example(
            "two variables",
            _SET,
            Done({}, variables={"total": 30, "currency": "EUR"}),
            {"total": 30, "currency": "EUR"},
        ),
    )

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        if not task.input_parameters:
            yield Finding(
                "inputParameters",
                "It sets no variable.",
                "Name the variables and their values.",
                severity="warning",
                rule="no-variable",
            )

    def run(self, step: Step) -> Outcome:
        size = len(orjson.dumps({**step.variables, **step.input}))
        if size > LIMIT_KILOBYTES * 1024:
            return Failed(
                f"The variables payload size: {size} of workflow: {step.execution_id} is greater than the "
                f"permissible limit: {LIMIT_KILOBYTES} kilobytes",
                terminal=True,
            )
        return Done({}, variables=step.input)
