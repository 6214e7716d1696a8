"""SUB_WORKFLOW: inputs that can't be started from."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workflows.run import rules, run, task_of
from workflows.operator import Failed, Start

TASK = task_of("SUB_WORKFLOW", subWorkflowParam={"name": "${workflow.input.name}"})


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "subWorkflowParam.name is no name of a workflow: null"),
        ({"subWorkflowName": 7}, "subWorkflowParam.name is no name of a workflow: 7"),
        (
            {"subWorkflowName": "a", "subWorkflowVersion": "two"},
            "subWorkflowParam.version is no whole number: 'two'",
        ),
        (
            {"subWorkflowName": "a", "subWorkflowVersion": 1.5},
            "subWorkflowParam.version is no whole number: 1.5",
        ),
        (
            {"subWorkflowName": "a", "subWorkflowVersion": -1},
            "subWorkflowParam.version is no whole number: -1",
        ),
        ({"subWorkflowName": "a", "priority": [1]}, "subWorkflowParam.priority is no whole number: [1]"),
        (
            {"subWorkflowDefinition": "text"},
            "subWorkflowParam.workflowDefinition is no workflow definition: 'text'",
        ),
        ({"subWorkflowName": "a", "workflowInput": [1]}, "subWorkflowParam.workflowInput is no object: [1]"),
        (
            {"subWorkflowName": "a", "subWorkflowTaskToDomain": 1},
            "subWorkflowParam.taskToDomain is no object: 1",
        ),
        ({"subWorkflowName": "a", "idempotencyKey": {}}, "subWorkflowParam.idempotencyKey is no text: {}"),
        (
            {"subWorkflowName": "a", "idempotencyStrategy": ["x"]},
            "subWorkflowParam.idempotencyStrategy is none of FAIL, RETURN_EXISTING, FAIL_ON_RUNNING: ['x']",
        ),
    ],
)
def test_what_can_not_be_started_fails_for_good(given: dict[str, Any], reason: str) -> None:
    assert run(TASK, given) == Failed(reason, terminal=True)


def test_an_empty_input_hands_on_the_whole_task_input() -> None:
    given = {"subWorkflowName": "child", "subWorkflowVersion": 0, "workflowInput": {}}

    assert run(TASK, given) == Start("child", None, given)


def test_a_definition_that_an_expression_yields_is_started() -> None:
    definition = {"name": "made", "tasks": []}

    outcome = run(
        TASK,
        {
            "subWorkflowDefinition": definition,
            "workflowInput": {"a": 1},
            "subWorkflowTaskToDomain": {"x": "y"},
        },
    )

    assert outcome == Start("made", None, {"a": 1}, definition=definition, task_to_domain={"x": "y"})


def test_the_parameters_are_checked() -> None:
    def found(**param: Any) -> list[tuple[str, str, str]]:
        return rules(task_of("SUB_WORKFLOW", subWorkflowParam=param))

    assert found() == [("sub-workflow-name", "subWorkflowParam", "error")]
    assert found(name="a", version=-1) == [("sub-workflow-version", "subWorkflowParam.version", "error")]
    assert found(name="a", idempotencyStrategy="FAIL") == [
        ("idempotency-key", "subWorkflowParam.idempotencyStrategy", "warning")
    ]
    assert found(workflowDefinition={"name": "a", "tasks": [{"name": "b"}]}) == [
        ("sub-workflow-definition", "subWorkflowParam.workflowDefinition.tasks[0].taskReferenceName", "error")
    ]
    assert found(workflowDefinition="${workflow.input.definition}") == []
