"""SWITCH: the text of a result, and its checks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workflows.run import findings, rules, run, task_of
from workflows.model import WorkflowTask
from workflows.operator import Branch, Failed


def switch(evaluator: str = "value-param", expression: str = "value", **fields: Any) -> WorkflowTask:
    cases = {"decisionCases": {"x": []}, "inputParameters": {"value": "${workflow.input.value}"}}
    return task_of("SWITCH", evaluatorType=evaluator, expression=expression, **(cases | fields))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1, "1"),
        (1.0, "1.0"),
        (1.5, "1.5"),
        ("", ""),
        ({"a": [1]}, '{"a":[1]}'),
    ],
)
def test_the_result_is_compared_as_text(value: Any, text: str) -> None:
    outcome = run(switch(decisionCases={text: []}), {"value": value})

    assert isinstance(outcome, Branch)
    assert outcome.label == f"decisionCases.{text}"
    assert outcome.output == {"evaluationResult": [text], "selectedCase": text}


@pytest.mark.parametrize(
    ("expression", "text"),
    [("1.0", "1"), ("true", "true"), ("undefined", "null"), ("0.1 + 0.2", "0.30000000000000004")],
)
def test_a_script_counts_as_javascript_does(expression: str, text: str) -> None:
    outcome = run(switch("graaljs", expression))

    assert isinstance(outcome, Branch)
    assert outcome.output == {"evaluationResult": [text], "selectedCase": text}


def test_an_unknown_evaluator_fails_the_task() -> None:
    assert run(switch("ruby")) == Failed(
        "there is no evaluator 'ruby'; take one of value-param, javascript, graaljs", terminal=True
    )


def test_the_fields_are_checked() -> None:
    assert rules(switch("python", "return 1")) == [("evaluator", "evaluatorType", "error")]
    assert rules(switch("javascript", "if (")) == [("script-syntax", "expression", "error")]
    assert rules(switch(expression="${workflow.input.kind}")) == [("value-param-name", "expression", "error")]
    assert rules(switch(expression="kind")) == [("value-param-missing", "expression", "warning")]
    assert "line 1, column 5" in findings(switch("javascript", "if ("))[0].message
