"""The DECISION operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import Field

from workflows.errors import ScriptError
from workflows.model import WorkflowTask
from workflows.operator import Branch, Example, Failed, Finding, Operator, Outcome, Spec, Step, register
from workflows.scripts import as_case, evaluate, javascript_problem


class DecisionSpec(Spec):
    """The fields of DECISION."""

    case_value_param: str | None = Field(
        default=None, description="The name of an input; its value is the case."
    )
    case_expression: str | None = Field(
        default=None, description="JavaScript that sees the inputs as `$`; its value is the case."
    )
    decision_cases: dict[str, list[WorkflowTask]] = Field(
        min_length=1, description="The tasks to run for each case."
    )
    default_case: list[WorkflowTask] = Field(default=[], description="The tasks to run for any other.")


_TASK = {"name": "nothing", "type": "NOOP"}
_KIND = {
    "name": "by_kind",
    "taskReferenceName": "by_kind",
    "type": "DECISION",
    "caseValueParam": "kind",
    "inputParameters": {"kind": "${workflow.input.kind}"},
    "decisionCases": {"gift": [{**_TASK, "taskReferenceName": "wrap"}], "digital": []},
    "defaultCase": [{**_TASK, "taskReferenceName": "pack"}],
}
_SCRIPT = {
    **{key: value for key, value in _KIND.items() if key != "caseValueParam"},
    "caseExpression": "$.total > 100 ? 'gift' : 'parcel'",
    "inputParameters": {"total": "${workflow.input.total}"},
}


def _answer(label: str, case: str) -> Branch:
    return Branch(label, {"caseOutput": [case]}, input={"case": case, "hasChildren": "true"})


@register
class Decision(Operator):
    """Run one of several lists of tasks: the older form of SWITCH.

    What it does:
        As SWITCH, but for two things: an empty case runs the default case, and the script is always
        JavaScript. A script that fails, fails the DECISION.

    When to use it:
        Not in new definitions: it is deprecated in Conductor, and accepted so that old definitions run.

    Fields:
        Either `caseValueParam` or `caseExpression`.

    Output:
        `{"caseOutput": ["gift"]}`. The recorded input has `case`, and `hasChildren` where there are tasks to run.
    """

    type = "DECISION"
    spec = DecisionSpec
    instant = True
    retried = False
    examples = (
        Example("a case", _KIND, _answer("decisionCases.gift", "gift"), {"kind": "gift"}),
        Example("an empty case", _KIND, _answer("defaultCase", "digital"), {"kind": "digital"}),
        Example("any other", _KIND, _answer("defaultCase", "parcel"), {"kind": "parcel"}),
        Example("a script", _SCRIPT, _answer("decisionCases.gift", "gift"), {"total": 250}),
        Example(
            "a script that fails",
            {**_SCRIPT, "caseExpression": "$.customer.kind"},
            Failed("TypeError: cannot read property 'kind' of undefined (line 1, column 1)"),
            {"total": 20},
        ),
    )

    def is_instant(self, task: WorkflowTask) -> bool:
        return not task.case_expression

    def children(self, task: WorkflowTask) -> Mapping[str, Sequence[WorkflowTask]]:
        cases = {f"decisionCases.{name}": tasks for name, tasks in task.decision_cases.items()}
        return {**cases, "defaultCase": task.default_case}

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        if not task.case_value_param and not task.case_expression:
            yield Finding(
                "caseValueParam",
                "It does not say what to decide on.",
                "Give caseValueParam the name of an input; or, better, make it a SWITCH.",
                rule="decision-on-nothing",
            )
        problem = javascript_problem(task.case_expression) if task.case_expression else None
        if problem:
            yield Finding(
                "caseExpression",
                f"The script can't be parsed: {problem}.",
                "Mend it; inputs are read as $.name.",
                rule="script-syntax",
            )

    def run(self, step: Step) -> Outcome:
        spec = step.spec
        try:
            if spec.case_expression:
                case = as_case(evaluate(spec.case_expression, step.input))
            else:
                case = as_case(step.input.get(spec.case_value_param))
        except ScriptError as exc:
            return Failed(str(exc))
        if spec.decision_cases.get(case):
            return _answer(f"decisionCases.{case}", case)
        if spec.default_case:
            return _answer("defaultCase", case)
        return Branch(None, {"caseOutput": [case]}, input={"case": case})
