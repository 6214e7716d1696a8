"""DO_WHILE: what its condition reads, and what it takes for true."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workflows.run import rules, run, task_of
from workflows.model import WorkflowTask
from workflows.operator import Done, Failed, Repeat, TaskView, operator_of
from workflows.status import TaskStatus


def loop(condition: str | None, **fields: Any) -> WorkflowTask:
    nothing = {"name": "nothing", "type": "NOOP"}
    inner = {
        "name": "pick",
        "taskReferenceName": "pick",
        "type": "SWITCH",
        "evaluatorType": "value-param",
        "expression": "kind",
        "decisionCases": {"a": [{**nothing, "taskReferenceName": "deep"}]},
    }
    body = [{**nothing, "taskReferenceName": "page"}, {**nothing, "taskReferenceName": "next-page"}, inner]
    return task_of("DO_WHILE", loopCondition=condition, loopOver=body, **fields)


@pytest.mark.parametrize(
    ("condition", "needs", "output"),
    [
        ("$.it.iteration < 3", [], False),
        ("$.it['iteration'] < $.limit", [], False),
        ('$.it [ "iteration" ] < 3', [], False),
        ("$['it'].iteration < 3", [], False),
        ("$.page.next != null", ["page"], False),
        ("$['next-page'].more && $.deep.x", ["next-page", "deep"], False),
        ("$.it['1'].page.total < 3", [], True),
        ("$.it.iterations", [], True),
        ("const {page} = $; page.next", ["page", "next-page", "pick", "deep"], True),
        ("$[$.limit]", ["page", "next-page", "pick", "deep"], True),
        (None, [], False),
    ],
)
def test_only_what_the_condition_reads_is_asked_for(
    condition: str | None, needs: list[str], output: bool
) -> None:
    operator, task = operator_of("DO_WHILE"), loop(condition)

    assert list(operator.needs(task)) == needs
    assert operator.needs_output(task) is output


@pytest.mark.parametrize("condition", ["true", "1", "0.5", "$.it.iteration", "$.page.rows.length", "2 > 1"])
def test_true_and_numbers_above_zero_repeat(condition: str) -> None:
    tasks = {"page": TaskView("page", TaskStatus.COMPLETED, {"rows": [1]})}

    assert run(loop(condition), iteration=2, tasks=tasks) == Repeat("loopOver", {"iteration": 3})


@pytest.mark.parametrize(
    "condition", ["false", "0", "-1", "'true'", "null", "({})", "[1]", "undefined", "NaN"]
)
def test_anything_else_ends_the_loop(condition: str) -> None:
    output = {"iteration": 1, "1": {"page": {}}}

    assert run(loop(condition), iteration=2, output=output) == Done({"iteration": 2, "1": {"page": {}}})


def test_the_condition_sees_inputs_the_loops_own_output_and_the_tasks_inside() -> None:
    condition = "$.limit == 5 && $.it['1'].page.x == 7 && $.it.iteration == 1 && $.page.x == 7"

    outcome = run(
        loop(condition),
        {"limit": 5},
        iteration=1,
        output={"1": {"page": {"x": 7}}},
        tasks={"page": TaskView("page", TaskStatus.COMPLETED, {"x": 7})},
    )

    assert outcome == Repeat("loopOver", {"iteration": 2})


def test_a_condition_that_throws_fails_the_loop_for_good() -> None:
    outcome = run(loop("throw new Error('no')"), iteration=1)

    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith(
        "Unable to evaluate condition throw new Error('no'), exception Error: no"
    )
    assert outcome.terminal


def test_a_list_may_be_ended_early_by_the_condition() -> None:
    items = {"_items": [1, 2, 3]}

    assert run(loop("$.it.iteration < 2"), items, iteration=2) == Done(
        {"iteration": 2, "loopIndex": 1, "loopItem": 2}
    )
    assert run(loop(""), items, iteration=2) == Repeat(
        "loopOver", {"iteration": 3, "loopIndex": 2, "loopItem": 3}
    )
    assert run(loop(None), {"_items": "one"}) == Repeat(
        "loopOver", {"iteration": 1, "loopIndex": 0, "loopItem": "one"}
    )


def test_the_condition_is_checked() -> None:
    assert rules(loop("if (${it.output.iteration} < 3) { true; }")) == [
        ("script-syntax", "loopCondition", "error")
    ]
    assert rules(loop(None)) == [("loop-without-condition", "loopCondition", "warning")]
    assert rules(loop(None, inputParameters={"_items": "${workflow.input.rows}"})) == []
    assert rules(loop("true", items="${workflow.input.rows}")) == []
