"""Static checks: each rule finds what it is for, where it is, and nothing in what is right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import workflows
from workflows.builder import (
    Part,
    do_while,
    for_each,
    fork,
    inline,
    noop,
    set_variable,
    simple,
    sub_workflow,
    switch,
    task,
    terminate,
    workflow,
)
from workflows.errors import InvalidDefinition
from workflows.loading import load
from workflows.model import TaskDef, WorkflowDef
from workflows.operator import Finding
from workflows.validation import require_valid, validate

DEFINITIONS = Path(workflows.__file__).parent / "definitions"
AGAIN = "$.loop['iteration'] < 3"


def reads(ref: str, *sources: str, **fields: Any) -> Part:
    """A worker task whose input reads the outputs of other tasks."""
    given = {f"from_{index}": f"${{{source}.output}}" for index, source in enumerate(sources)}
    return simple("work", ref=ref, input=given, **fields)


def a(ref: str) -> Part:
    return simple("work", ref=ref)


def found(*parts: Part, **fields: Any) -> list[tuple[str, str, str]]:
    findings = validate(workflow("w", **fields)(*parts))
    return [(finding.severity, finding.rule, finding.path) for finding in findings]


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
    @pytest.mark.parametrize("type_name", ["FORK_JOIN_DYNAMIC", "KAFKA_PUBLISH", "LAMBDA", "JDBC"])
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


class TestReachability:
    def test_tasks_behind_a_terminate_never_run(self) -> None:
        assert found(terminate(), a("x"), a("y")) == [("warning", "unreachable-task", "tasks[1]")]

    def test_tasks_behind_a_switch_whose_cases_all_terminate_never_run(self) -> None:
        ends = switch("1", {"a": [terminate(ref="t1")]}, default=[noop(), terminate(ref="t2")])

        assert found(ends, switch("1", {"a": [a("x")]}, ref="s2")) == [
            ("warning", "unreachable-task", "tasks[1]")
        ]

    def test_tasks_behind_a_terminate_in_one_case_do_run(self) -> None:
        assert not found(switch("1", {"a": [terminate()]}), a("x"))
        assert not found(for_each("${workflow.input.list}", terminate()), a("x"))

    def test_a_loop_that_always_terminates_is_the_end(self) -> None:
        assert found(do_while(AGAIN, terminate()), a("x")) == [("warning", "unreachable-task", "tasks[1]")]


def fork_of(*branches: list[Part]) -> Part:
    lists = [[t for part in branch for t in part.tasks] for branch in branches]
    return task("FORK_JOIN", "fork", fork_tasks=lists)


def join_of(*refs: str) -> Part:
    return task("JOIN", "join", join_on=list(refs))


class TestJoins:
    def test_a_fork_is_followed_by_a_join(self) -> None:
        two = fork_of([a("x")], [a("y")])

        assert found(two) == [("error", "fork-without-join", "tasks[0]")]
        assert found(two, a("z"), join_of("x", "y")) == [("error", "fork-without-join", "tasks[0]")]
        assert found(do_while(AGAIN, two), join_of()) == [
            ("error", "fork-without-join", "tasks[0].loopOver[0]"),
            ("error", "empty-join", "tasks[1].joinOn"),
        ]
        assert not found(two, join_of("x", "y"))

    def test_a_join_waits_for_something(self) -> None:
        assert found(fork_of([a("x")], [a("y")]), join_of()) == [("error", "empty-join", "tasks[1].joinOn")]

    def test_a_join_on_an_unknown_reference_is_an_error_that_names_the_nearest(self) -> None:
        findings = validate(workflow("w")(fork_of([a("left")], [a("right")]), join_of("left", "rihgt")))

        assert [(f.rule, f.path) for f in findings] == [("unknown-join", "tasks[1].joinOn[1]")]
        assert findings[0].fix.startswith("Did you mean 'right'?")

    @pytest.mark.parametrize("ref", ["later", "join"])
    def test_a_join_on_what_can_only_run_afterwards_is_an_error(self, ref: str) -> None:
        assert found(fork_of([a("x")], [a("y")]), join_of("x", ref), a("later")) == [
            ("error", "join-never-runs", "tasks[1].joinOn[1]")
        ]

    def test_a_join_on_what_runs_in_one_case_only_is_an_error(self) -> None:
        branch = [switch("1", {"a": [a("x")]})]

        assert found(fork_of(branch, [a("y")]), join_of("x", "y")) == [
            ("error", "join-may-hang", "tasks[1].joinOn[0]")
        ]
        assert not found(fork_of(branch, [a("y")]), join_of("switch", "y"))

    def test_a_join_on_a_case_is_fine_where_all_other_cases_end_the_execution(self) -> None:
        branch = [switch("1", {"a": [a("x")]}, default=[terminate()])]

        assert not found(fork_of(branch, [a("y")]), join_of("x", "y"))

    def test_a_join_inside_the_same_case_is_fine(self) -> None:
        assert not found(switch("1", {"a": [fork_of([a("x")], [a("y")]), join_of("x", "y")]}))

    def test_a_join_and_what_it_waits_for_are_in_the_same_loop(self) -> None:
        looping = do_while(AGAIN, a("x"))

        assert found(fork_of([looping], [a("y")]), join_of("x", "y")) == [
            ("error", "join-across-loops", "tasks[1].joinOn[0]")
        ]
        assert not found(fork_of([looping], [a("y")]), join_of("loop", "y"))
        assert found(a("z"), do_while(AGAIN, fork_of([a("x")], [a("y")]), join_of("x", "y", "z"))) == [
            ("error", "join-across-loops", "tasks[1].loopOver[1].joinOn[2]")
        ]

    def test_forks_in_loops_and_loops_in_forks_and_switches_in_branches_are_fine(self) -> None:
        inner = fork(
            [a("x"), switch("1", {"a": [a("s")]})], [do_while(AGAIN, a("y"), ref="deep")], ref="inner"
        )

        assert not found(fork([do_while(AGAIN, inner)], [a("z")]))


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


def test_a_list_of_tasks_may_be_longer_than_the_stack_is_deep() -> None:
    parts = [a("t0"), *[reads(f"t{n}", f"t{n - 1}", "t0") for n in range(1, 3_000)]]

    assert not found(*parts, set_variable(last="${t2999.output.x}"))
