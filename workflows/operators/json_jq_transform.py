"""The JSON_JQ_TRANSFORM operator."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from workflows.errors import ScriptError
from workflows.model import WorkflowTask
from workflows.operator import Done, Example, Failed, Finding, Operator, Outcome, Spec, Step, register
from workflows.scripts import jq_problem, transform


class JqParameters(BaseModel):
    """The inputs of JSON_JQ_TRANSFORM; any further ones are the program's input."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", frozen=True)

    query_expression: str = Field(
        min_length=1, description="The jq program; its input is the object of all inputs."
    )


class JsonJqTransformSpec(Spec):
    """The fields of JSON_JQ_TRANSFORM."""

    input_parameters: JqParameters


def _with(program: str) -> dict[str, object]:
    return {
        "name": "names",
        "taskReferenceName": "names",
        "type": "JSON_JQ_TRANSFORM",
        "inputParameters": {"people": [{"name": "Ada"}, {"name": "Grace"}], "queryExpression": program},
    }


@register
class JsonJqTransform(Operator):
    """Put JSON into another shape with a jq program.

    What it does:
        It runs `queryExpression`, a jq program, on the object of all inputs (`queryExpression` is one of
        them). The program sees nothing else: no files, no environment. It may use 256 MiB, and 4 s or what the settings say.

    When to use it:
        To pick, filter, group and rename. INLINE is for computing.

    Fields:
        A `${…}` in the program is evaluated before the program is compiled; hand values over as further
        inputs instead.

    Output:
        `{"result": <first result>, "resultList": [<all results>]}`; with no result, null and an empty list.
        After a failure: `{"error": "<jq's message>"}`.
    """

    type = "JSON_JQ_TRANSFORM"
    cacheable = True
    spec = JsonJqTransformSpec
    examples = (
        Example(
            "one result",
            _with("[.people[].name]"),
            Done({"result": ["Ada", "Grace"], "resultList": [["Ada", "Grace"]]}),
        ),
        Example(
            "several results",
            _with(".people[].name"),
            Done({"result": "Ada", "resultList": ["Ada", "Grace"]}),
        ),
        Example("no result", _with("empty"), Done({"result": None, "resultList": []})),
        Example(
            "a program that fails",
            _with(".people.name"),
            Failed(
                'Cannot index array with string ("name")',
                output={"error": 'Cannot index array with string ("name")'},
            ),
        ),
    )

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        program = task.input_parameters.get("queryExpression")
        # What a `${…}` puts into the program is not known yet.
        if isinstance(program, str) and "${" not in program:
            problem = jq_problem(program)
            if problem:
                yield Finding(
                    "inputParameters.queryExpression",
                    f"The program can't be compiled: {problem}",
                    "Mend it; inputs are read as .name.",
                    rule="script-syntax",
                )

    def run(self, step: Step) -> Outcome:
        program = step.input.get("queryExpression")
        if not isinstance(program, str) or not program.strip():
            return _failed("Missing 'queryExpression' in input parameters")
        try:
            results = transform(program, step.input)
        except ScriptError as exc:
            return _failed(str(exc))
        return Done({"result": results[0] if results else None, "resultList": results})


def _failed(reason: str) -> Failed:
    return Failed(reason, output={"error": reason})
