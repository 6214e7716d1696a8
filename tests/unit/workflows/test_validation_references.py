"""Static checks of `${...}`: what can have run when it is read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workflows.parts import AGAIN, a, found, reads
from workflows.builder import (
    do_while,
    for_each,
    fork,
    simple,
    switch,
    task,
    terminate,
    workflow,
)
from workflows.model import TaskDef
from workflows.validation import validate


class TestReferences:
    def test_an_unknown_reference_is_an_error_that_names_the_nearest(self) -> None:
        findings = validate(workflow("w")(a("reserve"), reads("x", "resreve")))

        assert [(f.severity, f.rule, f.path) for f in findings] == [
            ("error", "unknown-reference", "tasks[1].inputParameters.from_0")
        ]
        assert findings[0].fix.startswith("Did you mean 'reserve'?")

    def test_a_malformed_expression_is_an_error(self) -> None:
        bad = simple("work", ref="x", input={"a": ["ok", {"b c": "${ok ? 1 : f(2)}"}]})

        assert found(bad) == [("error", "malformed-expression", "tasks[0].inputParameters.a[1]['b c']")]

    def test_text_that_is_escaped_names_nothing(self) -> None:
        assert not found(
            simple("work", ref="x", input={"a": "$${nobody.output}", "b": "${workflow.secrets.K}"})
        )

    def test_a_later_task_can_not_have_run(self) -> None:
        assert found(reads("x", "y"), a("y")) == [
            ("error", "reads-later-task", "tasks[0].inputParameters.from_0")
        ]

    def test_a_task_can_not_read_itself(self) -> None:
        assert found(reads("x", "x")) == [("error", "reads-itself", "tasks[0].inputParameters.from_0")]

    def test_a_switch_can_not_read_its_own_cases(self) -> None:
        assert found(switch("${x.output}", {"a": [a("x")]})) == [
            ("error", "reads-later-task", "tasks[0].inputParameters.value")
        ]

    def test_a_sibling_branch_has_not_been_waited_for(self) -> None:
        rule = "reads-parallel-branch"

        assert found(fork([a("x")], [reads("y", "x")])) == [
            ("error", rule, "tasks[0].forkTasks[1][0].inputParameters.from_0")
        ]
        assert found(fork([reads("y", "x")], [a("x")])) == [
            ("error", rule, "tasks[0].forkTasks[0][0].inputParameters.from_0")
        ]

    def test_a_branch_that_the_join_leaves_out_has_not_been_waited_for(self) -> None:
        parts = [
            task("FORK_JOIN", "f", fork_tasks=[[*a("x").tasks, *a("x2").tasks], list(a("y").tasks)]),
            task("JOIN", "j", join_on=["x"]),
        ]

        assert not found(*parts, reads("z", "x"))
        assert found(*parts, reads("z", "x2")) == [
            ("error", "reads-parallel-branch", "tasks[2].inputParameters.from_0")
        ]
        assert found(*parts, reads("z", "y")) == [
            ("error", "reads-parallel-branch", "tasks[2].inputParameters.from_0")
        ]
        assert not found(*parts, task("JOIN", "j2", join_on=["x2", "y"]), reads("z", "x2", "y"))

    def test_a_branchs_earlier_tasks_are_waited_for_with_its_last(self) -> None:
        inner = fork([a("deep")], [a("deep_2")], ref="inner")

        assert not found(fork([a("x"), inner, a("end")], [a("y")]), reads("z", "x", "deep", "inner", "end"))

    def test_a_case_of_a_switch_may_not_have_run(self) -> None:
        assert found(switch("1", {"a": [a("x")], "b": [a("y")]}), reads("z", "x", "switch")) == [
            ("warning", "reads-exclusive-branch", "tasks[1].inputParameters.from_0")
        ]

    def test_another_case_of_the_same_switch_is_always_null(self) -> None:
        findings = validate(workflow("w")(switch("1", {"a": [a("x")], "b": [reads("y", "x")]})))

        assert [(f.severity, f.rule) for f in findings] == [("warning", "reads-exclusive-branch")]
        assert "always null" in findings[0].message

    def test_the_only_case_that_goes_on_has_always_run(self) -> None:
        assert not found(switch("1", {"a": [a("x")]}, default=[terminate()]), reads("z", "x"))
        assert found(switch("1", {"a": [a("x")]}), reads("z", "x"))

    def test_a_switch_that_a_join_waited_for_has_run_its_case(self) -> None:
        branch = [switch("1", {"a": [a("x")]}, default=[terminate()])]

        assert not found(fork(branch, [a("y")]), reads("z", "x", "y"))

    def test_a_loop_that_a_join_waited_for_has_run_its_body(self) -> None:
        branch = [do_while(AGAIN, a("x"))]

        assert not found(fork(branch, [a("y")]), reads("z", "x", "y"))

    def test_a_later_task_of_the_same_loop_is_the_previous_iterations(self) -> None:
        findings = found(do_while(AGAIN, reads("x", "y", "x"), a("y")))

        assert [(severity, rule) for severity, rule, _ in findings] == [
            ("warning", "reads-previous-iteration"),
            ("warning", "reads-previous-iteration"),
        ]

    def test_a_loop_reads_its_own_body_and_the_body_reads_its_loop(self) -> None:
        assert not found(do_while(AGAIN, reads("x", "loop"), input={"last": "${x.output}"}))

    def test_a_later_task_behind_the_loop_can_not_have_run_in_it(self) -> None:
        assert found(do_while(AGAIN, reads("x", "y")), a("y")) == [
            ("error", "reads-later-task", "tasks[0].loopOver[0].inputParameters.from_0")
        ]

    def test_the_body_of_a_loop_has_run_but_that_of_a_loop_over_items_may_not(self) -> None:
        assert not found(do_while(AGAIN, a("x")), reads("y", "x"))
        assert found(for_each("${workflow.input.list}", a("x")), reads("y", "x")) == [
            ("warning", "reads-exclusive-branch", "tasks[1].inputParameters.from_0")
        ]

    def test_branches_of_a_fork_in_a_loop_see_each_others_previous_iteration(self) -> None:
        findings = found(do_while(AGAIN, fork([a("x")], [reads("y", "x")])))

        assert [(severity, rule) for severity, rule, _ in findings] == [
            ("warning", "reads-previous-iteration")
        ]

    def test_a_field_that_is_always_null_is_a_warning_that_names_the_nearest(self) -> None:
        findings = validate(
            workflow("w")(a("x"), simple("work", ref="y", input={"a": "${x.outputs.z}${workflow.inptu}"}))
        )

        assert [(f.severity, f.rule) for f in findings] == [("warning", "unknown-field-read")] * 2
        assert {f.fix.split("?")[0] for f in findings} == {"Did you mean 'output'", "Did you mean 'input'"}

    @pytest.mark.parametrize(
        ("fields", "path"),
        [
            ({"sub_workflow_param": {"name": "${nobody.output}"}}, "subWorkflowParam.name"),
            (
                {"sub_workflow_param": {"name": "x", "priority": "${nobody.output}"}},
                "subWorkflowParam.priority",
            ),
            (
                {
                    "task_definition": {"name": "x", "inputTemplate": {"a": "${nobody.output}"}},
                    "sub_workflow_param": {"name": "x"},
                },
                "taskDefinition.inputTemplate.a",
            ),
        ],
    )
    def test_expressions_are_checked_wherever_they_are_evaluated(
        self, fields: dict[str, Any], path: str
    ) -> None:
        assert found(task("SUB_WORKFLOW", "s", **fields)) == [
            ("error", "unknown-reference", f"tasks[0].{path}")
        ]

    def test_the_input_template_of_a_registered_task_definition_is_checked_where_it_is_used(self) -> None:
        registered = TaskDef(name="work", input_template={"a": "${nobody.output}", "b": "${nobody.output}"})
        definition = workflow("w")(simple("work", ref="x", input={"b": 1}))

        findings = validate(definition, find_task_def={"work": registered}.get)

        assert [(f.rule, f.path) for f in findings] == [("unknown-reference", "tasks[0].inputParameters.a")]

    def test_an_output_that_may_be_missing_is_a_warning_and_an_unknown_one_an_error(self) -> None:
        maybe = switch("1", {"a": [a("x")]})

        assert found(maybe, output={"o": "${x.output.v}"}) == [
            ("warning", "output-may-be-missing", "outputParameters.o")
        ]
        assert found(maybe, output={"o": ["${nobody.output.v}"]}) == [
            ("error", "unknown-reference", "outputParameters.o[0]")
        ]
