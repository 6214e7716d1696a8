"""Static checks: each rule finds what it is for, where it is, and nothing in what is right."""

from __future__ import annotations

from pathlib import Path

import pytest

import workflows
from tests.unit.workflows.parts import AGAIN, a, found, reads
from workflows.builder import (
    do_while,
    fork,
    inline,
    set_variable,
    simple,
    switch,
    task,
    terminate,
    workflow,
)
from workflows.errors import InvalidDefinition
from workflows.loading import load
from workflows.model import WorkflowDef
from workflows.validation import require_valid, validate

DEFINITIONS = Path(workflows.__file__).parent / "definitions"


def test_a_definition_that_is_right_has_no_findings() -> None:
    assert not found(
        a("first"),
        fork(
            [reads("left", "first"), reads("left_2", "left")],
            [reads("right", "first")],
            ref="both",
            join="join",
        ),
        reads("after", "join", "left", "left_2", "right", "both", "workflow.input.x"),
        switch("${after.output.kind}", {"gift": [reads("wrap", "after")], "none": []}, default=[a("pack")]),
        do_while(AGAIN, reads("body", "first", "loop"), reads("body_2", "body")),
        reads("last", "body_2", "loop", "switch"),
        output={"x": "${last.output.x}", "y": "${workflow.variables.y}", "z": ["${join.output}"]},
    )


@pytest.mark.parametrize("path", sorted(DEFINITIONS.glob("*.json")), ids=lambda path: path.stem)
def test_the_definitions_that_ship_have_no_errors(path: Path) -> None:
    definitions = load(path)

    assert definitions.workflows or definitions.tasks
    for definition in definitions.workflows:
        assert [f for f in validate(definition) if f.severity == "error"] == []


def test_all_findings_are_there_at_once_in_the_order_of_the_document() -> None:
    findings = validate(
        workflow("", nonsense=1)(
            *[a(f"t{n}") for n in range(11)], a("t1"), reads("x__y", "t99"), a("workflow")
        )
    )

    assert [(finding.rule, finding.path) for finding in findings] == [
        ("name-missing", "name"),
        ("unknown-field", "nonsense"),
        ("duplicate-reference", "tasks[11].taskReferenceName"),
        ("unknown-reference", "tasks[12].inputParameters.from_0"),
        ("reference-with-delimiter", "tasks[12].taskReferenceName"),
        ("reserved-reference", "tasks[13].taskReferenceName"),
    ]
    assert all(finding.message and finding.fix for finding in findings)


def test_errors_refuse_a_definition_and_warnings_do_not() -> None:
    warned = workflow("w", nonsense=1)(a("t"))

    assert [finding.rule for finding in require_valid(warned)] == ["unknown-field"]
    with pytest.raises(
        InvalidDefinition, match=r"has 1 error:\n  tasks\[1\]\.taskReferenceName: 't' is already"
    ):
        require_valid(workflow("w", nonsense=1)(a("t"), a("t")))


class TestNames:
    def test_a_workflow_needs_a_name_and_a_task(self) -> None:
        assert [finding.rule for finding in validate(WorkflowDef(name=" "))] == ["name-missing", "no-tasks"]

    def test_a_worker_task_needs_a_name(self) -> None:
        assert found(simple("", ref="x")) == [("error", "task-name-missing", "tasks[0].name")]

    def test_a_reference_occurs_once_in_all_nested_lists(self) -> None:
        findings = validate(workflow("w")(a("x"), switch("1", {"a b": [a("x")]}, default=[a("y")])))

        assert [(finding.rule, finding.path) for finding in findings] == [
            ("duplicate-reference", "tasks[1].decisionCases['a b'][0].taskReferenceName")
        ]
        assert "tasks[0]" in findings[0].message

    @pytest.mark.parametrize(
        ("ref", "severity", "rule"),
        [
            ("  ", "error", "reference-missing"),
            ("workflow", "error", "reserved-reference"),
            ("CPEWF_TASK_ID", "error", "reserved-reference"),
            ("a__1", "error", "reference-with-delimiter"),
            ("a.b", "warning", "unreadable-reference"),
        ],
    )
    def test_a_reference_that_can_not_be_used_is_found(self, ref: str, severity: str, rule: str) -> None:
        assert found(a(ref)) == [(severity, rule, "tasks[0].taskReferenceName")]

    @pytest.mark.parametrize("ref", ["a", "a_b", "a-b", "two words", "Ünï", "a_"])
    def test_other_references_are_fine(self, ref: str) -> None:
        assert not found(a(ref), reads("r", ref))


class TestTypes:
    @pytest.mark.parametrize("type_name", ["CALL_MCP_TOOL", "JDBC"])
    def test_a_task_type_of_conductor_that_is_not_there_is_an_error(self, type_name: str) -> None:
        assert found(task(type_name, "x")) == [("error", "unsupported-type", "tasks[0].type")]

    def test_any_other_type_is_a_worker_task(self) -> None:
        assert not found(task("send_mail", "x"), task("USER_DEFINED", "y"))

    def test_a_type_that_is_nearly_an_operator_is_a_warning(self) -> None:
        findings = validate(workflow("w")(task("SWTICH", "x")))

        assert [(finding.severity, finding.rule) for finding in findings] == [("warning", "unknown-type")]
        assert "'SWITCH'" in findings[0].fix

    def test_each_missing_field_of_an_operator_is_an_error_with_its_path(self) -> None:
        assert found(task("SWITCH", "s")) == [
            ("error", "operator-field", "tasks[0].decisionCases"),
            ("error", "operator-field", "tasks[0].evaluatorType"),
            ("error", "operator-field", "tasks[0].expression"),
        ]

    def test_an_operators_own_checks_are_heard_with_their_place(self) -> None:
        assert found(switch("1", {"a": [inline("1 +", ref="script")]})) == [
            ("error", "script-syntax", "tasks[0].decisionCases.a[0].inputParameters.expression")
        ]

    def test_an_optional_terminate_is_an_error(self) -> None:
        stop = task("TERMINATE", "t", input={"terminationStatus": "COMPLETED"}, optional=True)

        assert found(stop) == [("error", "terminate-optional", "tasks[0].optional")]
        assert not found(terminate())


class TestUnknownFields:
    def test_a_field_that_nobody_knows_is_a_warning_wherever_it_is(self) -> None:
        definition = WorkflowDef.model_validate(
            {
                "name": "w",
                "tasks": [
                    {
                        "name": "s",
                        "taskReferenceName": "s",
                        "type": "SWITCH",
                        "evaluatorType": "value-param",
                        "expression": "k",
                        "inputParameters": {"k": 1, "anything": {"goes": 1}},
                        "decisionCases": {"x": [{"name": "t", "taskReferenceName": "t", "retryCuont": 1}]},
                        "taskDefinition": {"name": "t", "retry_logic": "FIXED", "timeoutSecs": 3},
                    }
                ],
                "output": {},
            }
        )

        findings = validate(definition)

        assert [(finding.severity, finding.rule, finding.path) for finding in findings] == [
            ("warning", "unknown-field", "output"),
            ("warning", "unknown-field", "tasks[0].decisionCases.x[0].retryCuont"),
            ("warning", "unknown-field", "tasks[0].taskDefinition.timeoutSecs"),
        ]
        assert findings[1].fix.startswith("Did you mean 'retryCount'?")


def test_a_list_of_tasks_may_be_longer_than_the_stack_is_deep() -> None:
    parts = [a("t0"), *[reads(f"t{n}", f"t{n - 1}", "t0") for n in range(1, 3_000)]]

    assert not found(*parts, set_variable(last="${t2999.output.x}"))
