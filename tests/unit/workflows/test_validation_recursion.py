"""Static checks of sub-workflows: those that are not there, and those that never end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.workflows.parts import AGAIN, a, found, reads
from workflows.builder import (
    Part,
    do_while,
    for_each,
    fork,
    sub_workflow,
    switch,
    task,
    terminate,
    workflow,
)
from workflows.model import WorkflowDef
from workflows.operator import Finding
from workflows.validation import validate


def registry(*definitions: WorkflowDef) -> Any:
    known = {(d.name, version): d for d in definitions for version in (d.version, None)}
    return lambda name, version: known.get((name, version))


def recursion(definition: WorkflowDef, *registered: WorkflowDef) -> list[Finding]:
    return validate(definition, find_workflow=registry(*registered))


class TestSubWorkflows:
    def test_a_workflow_that_always_starts_itself_is_an_error(self) -> None:
        findings = recursion(workflow("w")(a("x"), sub_workflow("w")))

        assert [(f.severity, f.rule, f.path) for f in findings] == [
            ("error", "endless-recursion", "tasks[1].subWorkflowParam.name")
        ]
        assert "w starts w" in findings[0].message

    def test_a_circle_through_other_workflows_is_an_error(self) -> None:
        findings = recursion(
            workflow("w")(do_while(AGAIN, fork([sub_workflow("x", ref="s")], [a("y")]))),
            workflow("x")(sub_workflow("y", version=1)),
            workflow("y")(sub_workflow("w")),
        )

        assert [(f.rule, f.path) for f in findings] == [
            ("endless-recursion", "tasks[0].loopOver[0].forkTasks[0][0].subWorkflowParam.name")
        ]
        assert "w starts x starts y starts w" in findings[0].message

    def test_a_circle_of_others_that_this_one_leads_into_is_an_error(self) -> None:
        findings = recursion(
            workflow("w")(sub_workflow("x")),
            workflow("x")(sub_workflow("y")),
            workflow("y")(sub_workflow("x")),
        )

        assert [f.rule for f in findings] == ["endless-recursion"]
        assert "x starts y starts x" in findings[0].message

    @pytest.mark.parametrize(
        "parts",
        [
            [switch("1", {"more": [sub_workflow("w")]})],
            [for_each("${workflow.input.list}", sub_workflow("w"))],
            [switch("1", {"enough": [terminate()]}), sub_workflow("w")],
        ],
    )
    def test_a_recursion_that_can_end_is_a_warning(self, parts: list[Part]) -> None:
        assert [(f.severity, f.rule) for f in recursion(workflow("w")(*parts))] == [
            ("warning", "possible-recursion")
        ]

    def test_a_certain_circle_is_found_behind_an_uncertain_one(self) -> None:
        findings = recursion(
            workflow("w")(sub_workflow("x")),
            workflow("x")(switch("1", {"a": [sub_workflow("w", ref="s1")]}), sub_workflow("w", ref="s2")),
        )

        assert [f.rule for f in findings] == ["endless-recursion"]

    def test_another_version_of_itself_is_no_recursion(self) -> None:
        old = workflow("w", version=1)(a("x"))

        assert not recursion(workflow("w", version=2)(sub_workflow("w", version=1)), old)
        assert [f.rule for f in recursion(workflow("w", version=2)(sub_workflow("w")), old)] == [
            "endless-recursion"
        ]

    def test_a_newer_version_that_is_registered_is_what_the_latest_means(self) -> None:
        newer = workflow("w", version=3)(a("x"))

        assert not recursion(workflow("w", version=2)(sub_workflow("w")), newer)

    def test_what_never_runs_does_not_recurse(self) -> None:
        assert [f.rule for f in recursion(workflow("w")(terminate(), sub_workflow("w")))] == [
            "unreachable-task"
        ]

    def test_a_tree_without_circles_is_fine(self) -> None:
        leaf = workflow("leaf")(a("x"))

        assert not recursion(
            workflow("w")(sub_workflow("mid"), sub_workflow("leaf")),
            workflow("mid")(sub_workflow("leaf")),
            leaf,
        )

    def test_a_workflow_that_is_not_registered_is_a_warning(self) -> None:
        findings = recursion(workflow("w", failure_workflow="undo")(sub_workflow("x", version=2)))

        assert [(f.severity, f.rule, f.path) for f in findings] == [
            ("warning", "unknown-workflow", "failureWorkflow"),
            ("warning", "unknown-workflow", "tasks[0].subWorkflowParam.name"),
        ]

    def test_names_that_come_from_expressions_are_not_followed(self) -> None:
        definition = workflow("w", failure_workflow="$workflow.input.undo")(
            sub_workflow("${workflow.input.x}", ref="s")
        )

        assert not recursion(definition)

    def test_a_workflow_that_is_its_own_failure_workflow_is_a_warning(self) -> None:
        findings = recursion(workflow("w", failure_workflow="w")(a("x")))

        assert [(f.severity, f.path) for f in findings] == [("warning", "failureWorkflow")]

    def test_an_inline_definition_is_checked_with_its_place(self) -> None:
        def of(inner: Mapping[str, Any]) -> Part:
            return task("SUB_WORKFLOW", "s", sub_workflow_param={"workflowDefinition": inner})

        right = workflow("inner")(a("x"), reads("y", "x")).to_json()
        wrong = workflow("inner")(reads("y", "x")).to_json()
        place = "tasks[0].subWorkflowParam.workflowDefinition"

        assert not found(of(right))
        assert found(of(wrong)) == [
            ("error", "unknown-reference", f"{place}.tasks[0].inputParameters.from_0")
        ]
        assert [path for _, _, path in found(of({"name": "inner", "tasks": [{"name": "x"}]}))] == [
            f"{place}.tasks[0].taskReferenceName"
        ]

    def test_a_recursion_through_an_inline_definition_is_found(self) -> None:
        inner = workflow("inner")(sub_workflow("w")).to_json()

        findings = recursion(
            workflow("w")(task("SUB_WORKFLOW", "s", sub_workflow_param={"workflowDefinition": inner}))
        )

        assert [f.rule for f in findings] == ["endless-recursion"]
