"""The LAMBDA operator."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from workflows.errors import ScriptError
from workflows.model import WorkflowTask
from workflows.operator import Done, Example, Failed, Finding, Operator, Outcome, Spec, Step, register
from workflows.scripts import evaluate, javascript_problem


class LambdaParameters(BaseModel):
    """The inputs of LAMBDA; any further ones are for the script."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", frozen=True)

    script_expression: str = Field(
        min_length=1,
        description="The body of a JavaScript function, which returns the result and sees all inputs as `$`.",
    )


class LambdaSpec(Spec):
    """The fields of LAMBDA."""

    input_parameters: LambdaParameters


def _with(script: str) -> dict[str, object]:
    return {
        "name": "total",
        "taskReferenceName": "total",
        "type": "LAMBDA",
        "inputParameters": {"price": 20, "scriptExpression": script},
    }


@register
class Lambda(Operator):
    """Compute a value with the body of a JavaScript function: the older form of INLINE.

    What it does:
        It calls a function with this body. The script sees the inputs as `$`, and nothing else, within the
        limits of INLINE. A script that fails, fails the task.

    When to use it:
        Not in new definitions: it is deprecated in Conductor, and accepted so that old definitions run.

    Fields:
        A `${…}` in the script is evaluated before the script is; hand values over as further inputs instead.

    Output:
        `{"result": <value>}`
    """

    type = "LAMBDA"
    cacheable = True
    spec = LambdaSpec
    examples = (
        Example("a sum", _with("return $.price * 2;"), Done({"result": 40})),
        Example(
            "a condition",
            _with("if ($.price > 10) { return {dear: true} }"),
            Done({"result": {"dear": True}}),
        ),
        Example("no result", _with("$.price;"), Done({"result": None})),
    )

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        script = task.input_parameters.get("scriptExpression")
        # What a `${…}` puts into the script is not known yet.
        if (
            isinstance(script, str)
            and "${" not in script
            and (problem := javascript_problem(_function(script)))
        ):
            yield Finding(
                "inputParameters.scriptExpression",
                f"The script can't be parsed: {problem}.",
                "Mend it; inputs are read as $.name.",
                rule="script-syntax",
            )

    def run(self, step: Step) -> Outcome:
        script = step.input.get("scriptExpression")
        if not isinstance(script, str) or not script.strip():
            return Failed("Empty 'scriptExpression' in LAMBDA task's input parameters", terminal=True)
        try:
            return Done({"result": evaluate(_function(script), step.input)})
        except ScriptError as exc:
            return Failed(str(exc), output={"error": str(exc)})


def _function(body: str) -> str:
    return f"(function () {{{body}\n}})()"
