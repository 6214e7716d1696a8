"""The INLINE operator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from workflows.errors import ScriptError, ScriptTimeout
from workflows.model import WorkflowTask
from workflows.operator import Done, Example, Failed, Finding, Operator, Outcome, Spec, Step, register
from workflows.sandbox import Limits
from workflows.scripts import VALUE_PARAM, evaluate, evaluator_problem, javascript_problem


class InlineParameters(BaseModel):
    """The inputs of INLINE; any further ones are for the script."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", frozen=True)

    expression: str = Field(
        min_length=1, description="The script; it sees all inputs as `$`. value-param: the name of an input."
    )
    evaluator_type: str = Field(
        default="javascript", description="`javascript`, `graaljs` (the same) or `value-param`."
    )


class InlineSpec(Spec):
    """The fields of INLINE."""

    input_parameters: InlineParameters


_SUM = {
    "name": "total",
    "taskReferenceName": "total",
    "type": "INLINE",
    "inputParameters": {
        "prices": [10, 20.5],
        "evaluatorType": "javascript",
        "expression": "$.prices.reduce((sum, price) => sum + price, 0)",
    },
}


def _with(**inputs: object) -> dict[str, object]:
    return {**_SUM, "inputParameters": {"prices": [10, 20.5], **inputs}}


@register
class Inline(Operator):
    """Compute a value with a few lines of JavaScript.

    What it does:
        It evaluates `expression`, a JavaScript expression, statements (the last value counts) or a function
        that is called at once. The script sees the inputs as `$`, and nothing else: no files, no network, no
        other tasks. It may use 4 s and 64 MiB, or what the settings say. Scripts that fail are not tried again; those that run out of
        time are, where there are retries.

    When to use it:
        To put a value into another shape, to add up, to decide. JSON_JQ_TRANSFORM is shorter for shapes; work
        that takes long, or needs a library, belongs into a worker task.

    Fields:
        A `${…}` in the expression is evaluated before the script is; hand values over as further inputs
        instead. `evaluatorType: python` is refused: Python can't be confined.

    Output:
        `{"result": <value>}`. Whole numbers are integers; `undefined` and NaN are null; a Date is its ISO
        text. A function, a Promise or a cycle is an error. After a failure: `{"error": "<reason>"}`.
    """

    type = "INLINE"
    cacheable = True
    spec = InlineSpec
    limits: ClassVar[Limits | None] = None
    """None: those of the process."""
    examples = (
        Example("an expression", _SUM, Done({"result": 30.5})),
        Example(
            "a function that is called at once",
            _with(expression="(function () { return {count: $.prices.length}; })()"),
            Done({"result": {"count": 2}}),
        ),
        Example(
            "statements: the last value counts",
            _with(expression="if ($.prices.length > 1) { 'several'; } else { 'one'; }"),
            Done({"result": "several"}),
        ),
        Example(
            "value-param",
            _with(evaluatorType="value-param", expression="prices"),
            Done({"result": [10, 20.5]}),
        ),
        Example(
            "a script that throws",
            _with(expression="throw new Error('no prices')"),
            Failed(
                "Error: no prices (line 1, column 11)",
                terminal=True,
                output={"error": "Error: no prices (line 1, column 11)"},
            ),
        ),
    )

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        evaluator = task.input_parameters.get("evaluatorType") or "javascript"
        expression = task.input_parameters.get("expression")
        problem = evaluator_problem(str(evaluator))
        if problem:
            yield Finding(
                "inputParameters.evaluatorType",
                f"It can't be evaluated: {problem}.",
                "Use javascript or value-param.",
                rule="evaluator",
            )
        # What a `${…}` puts into the script is not known yet.
        elif evaluator != VALUE_PARAM and isinstance(expression, str) and "${" not in expression:
            problem = javascript_problem(expression)
            if problem:
                yield Finding(
                    "inputParameters.expression",
                    f"The script can't be parsed: {problem}.",
                    "Mend it; inputs are read as $.name.",
                    rule="script-syntax",
                )

    def run(self, step: Step) -> Outcome:
        evaluator = step.input.get("evaluatorType") or "javascript"
        expression = step.input.get("expression")
        problem = evaluator_problem(str(evaluator))
        if problem:
            return _failed(problem)
        if not isinstance(expression, str) or not expression.strip():
            return _failed("Empty 'expression' in INLINE task's input parameters")
        if evaluator == VALUE_PARAM:
            return Done({"result": step.input.get(expression)})
        try:
            return Done({"result": evaluate(expression, step.input, self.limits)})
        except ScriptTimeout as exc:
            return Failed(str(exc), output={"error": str(exc)})
        except ScriptError as exc:
            return _failed(str(exc))


def _failed(reason: str) -> Failed:
    return Failed(reason, terminal=True, output={"error": reason})
