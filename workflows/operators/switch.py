"""The SWITCH operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from workflows.errors import ScriptError
from workflows.model import WorkflowTask
from workflows.operator import Branch, Example, Failed, Finding, Operator, Outcome, Spec, Step, register
from workflows.scripts import VALUE_PARAM, as_case, evaluate, evaluator_problem, javascript_problem


class SwitchSpec(Spec):
    """The fields of SWITCH."""

    evaluator_type: str = Field(description="`value-param`, `javascript` or `graaljs` (the same).")
    expression: str = Field(
        min_length=1,
        description="value-param: the name of an input. javascript: a script that sees the inputs as `$`.",
    )
    decision_cases: dict[str, list[WorkflowTask]] = Field(
        min_length=1, description="The tasks to run for each result. A case may be empty."
    )
    default_case: list[WorkflowTask] = Field(default=[], description="The tasks to run for any other result.")


_TASK = {"name": "nothing", "type": "NOOP"}
_KIND = {
    "name": "by_kind",
    "taskReferenceName": "by_kind",
    "type": "SWITCH",
    "evaluatorType": "value-param",
    "expression": "kind",
    "inputParameters": {"kind": "${workflow.input.kind}"},
    "decisionCases": {"gift": [{**_TASK, "taskReferenceName": "wrap"}], "digital": []},
    "defaultCase": [{**_TASK, "taskReferenceName": "pack"}],
}
_SCRIPT = {
    **_KIND,
    "evaluatorType": "javascript",
    "expression": "$.total > 100 ? 'gift' : null",
    "inputParameters": {"total": "${workflow.input.total}"},
}


def _answer(label: str, result: str, tasks: bool = True) -> Branch:
    children = {"hasChildren": "true"} if tasks else {}
    return Branch(
        label, {"evaluationResult": [result], "selectedCase": result}, input={"case": result, **children}
    )


@register
class Switch(Operator):
    """Run one of several lists of tasks, chosen when the flow gets there.

    What it does:
        It evaluates `expression` and runs the tasks of the case whose name is the result, as text; where
        there is no such case, those of `defaultCase`. Then the flow goes on after the SWITCH. A case that is
        there and empty runs nothing; it does not fall through to the default. A script that fails, fails the
        SWITCH, and it is not tried again.

        The text of a result: `true` and `false`, `null` for null and for a missing input, `1` for the
        integer, `1.0` for a fraction in the input that happens to be whole; a JavaScript result of `1.0` is
        `1`. Lists and objects are JSON.

    When to use it:
        To go different ways for different input. Prefer `value-param`: it needs no script, and is the faster
        one.

    Fields:
        With value-param, `expression` is a bare name (`kind`), and `inputParameters` gives it a value.

    Output:
        `{"evaluationResult": ["gift"], "selectedCase": "gift"}`. The recorded input has `case`, and
        `hasChildren` where there are tasks to run.
    """

    type = "SWITCH"
    spec = SwitchSpec
    instant = True
    retried = False
    examples = (
        Example("a case", _KIND, _answer("decisionCases.gift", "gift"), {"kind": "gift"}),
        Example(
            "an empty case is an answer",
            _KIND,
            _answer("decisionCases.digital", "digital", False),
            {"kind": "digital"},
        ),
        Example("any other result", _KIND, _answer("defaultCase", "parcel"), {"kind": "parcel"}),
        Example("a missing input is the text null", _KIND, _answer("defaultCase", "null"), {"kind": None}),
        Example("a script", _SCRIPT, _answer("decisionCases.gift", "gift"), {"total": 250}),
        Example("a script whose result is null", _SCRIPT, _answer("defaultCase", "null"), {"total": 20}),
        Example(
            "a script that fails",
            {**_SCRIPT, "expression": "$.customer.kind"},
            Failed("TypeError: cannot read property 'kind' of undefined (line 1, column 1)"),
            {"total": 20},
        ),
    )

    def is_instant(self, task: WorkflowTask) -> bool:
        return task.evaluator_type == VALUE_PARAM

    def children(self, task: WorkflowTask) -> Mapping[str, Sequence[WorkflowTask]]:
        cases = {f"decisionCases.{name}": tasks for name, tasks in task.decision_cases.items()}
        return {**cases, "defaultCase": task.default_case}

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        evaluator, expression = task.evaluator_type, task.expression
        if evaluator is None or expression is None:
            return
        problem = evaluator_problem(evaluator)
        if problem:
            yield Finding(
                "evaluatorType",
                f"It can't be evaluated: {problem}.",
                "Use value-param or javascript.",
                rule="evaluator",
            )
        elif evaluator == VALUE_PARAM:
            yield from _check_parameter(expression, task.input_parameters)
        else:
            problem = javascript_problem(expression)
            if problem:
                yield Finding(
                    "expression",
                    f"The script can't be parsed: {problem}.",
                    "Mend it; inputs are read as $.name.",
                    rule="script-syntax",
                )

    def run(self, step: Step) -> Outcome:
        spec = step.spec
        problem = evaluator_problem(spec.evaluator_type)
        if problem:
            return Failed(problem, terminal=True)
        try:
            if spec.evaluator_type == VALUE_PARAM:
                result = as_case(step.input.get(spec.expression))
            else:
                result = as_case(evaluate(spec.expression, step.input))
        except ScriptError as exc:
            return Failed(str(exc))
        if result in spec.decision_cases:
            return _answer(f"decisionCases.{result}", result, bool(spec.decision_cases[result]))
        return _answer("defaultCase", result, bool(spec.default_case))


def _check_parameter(expression: str, given: Mapping[str, Any]) -> Iterator[Finding]:
    if "${" in expression or expression.startswith("$"):
        yield Finding(
            "expression",
            "With value-param, expression is the name of an input parameter; this one is never evaluated.",
            f'Write "expression": "value" and "inputParameters": {{"value": "{expression}"}}.',
            rule="value-param-name",
        )
    elif expression not in given:
        # Not an error: a task definition's inputTemplate may give it.
        yield Finding(
            "expression",
            f"There is no input parameter {expression!r}, so the result is always null.",
            f"Add {expression!r} to inputParameters.",
            severity="warning",
            rule="value-param-missing",
        )
