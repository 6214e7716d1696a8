"""What examples can't say of FORK_JOIN, JOIN, INLINE, JSON_JQ_TRANSFORM, SET_VARIABLE and TERMINATE."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workflows.run import rules, run, task_of
from workflows.operator import Done, Failed, Finish, TaskView, Wait
from workflows.operators.inline import Inline
from workflows.sandbox import Limits
from workflows.status import TaskStatus, WorkflowStatus

NOOP = {"name": "nothing", "type": "NOOP"}


class _Hurried(Inline):
    limits = Limits(seconds=0.05)


def view(ref: str, status: TaskStatus, **fields: Any) -> TaskView:
    return TaskView(ref, status, **fields)


def test_a_fork_needs_a_task_in_each_branch() -> None:
    branch = [{**NOOP, "taskReferenceName": "a"}]

    assert rules(task_of("FORK_JOIN", forkTasks=[branch, []])) == [("empty-branch", "forkTasks[1]", "error")]
    assert rules(task_of("FORK_JOIN", forkTasks=[branch])) == [("single-branch", "forkTasks", "warning")]


def test_a_join_says_when_it_waits_for_nothing_or_twice() -> None:
    assert rules(task_of("JOIN")) == []
    assert rules(task_of("JOIN", joinOn=["a", "b", "a"])) == [("join-on-twice", "joinOn[2]", "warning")]
    assert run(task_of("JOIN")) == Done({})


def test_a_join_fails_for_a_permissive_task_once_all_others_have_ended() -> None:
    failed = view("a", TaskStatus.FAILED, reason="no stock", permissive=True)
    join = task_of("JOIN", joinOn=["a", "b"])

    waiting = run(join, tasks={"a": failed, "b": view("b", TaskStatus.SCHEDULED)})
    over = run(
        join, tasks={"a": failed, "b": view("b", TaskStatus.TIMED_OUT, reason="too slow", permissive=True)}
    )

    assert waiting == Wait(reason="waiting for b")
    assert over == Failed("no stock too slow", terminal=True, output={}, status=TaskStatus.FAILED)


def test_a_join_waits_while_a_task_is_tried_again() -> None:
    join = task_of("JOIN", joinOn=["a"])

    assert run(join, tasks={"a": view("a", TaskStatus.SCHEDULED, output={})}) == Wait(reason="waiting for a")


def test_a_join_fails_although_cancelled_tasks_stand_beside_the_one_that_failed() -> None:
    tasks = {"a": view("a", TaskStatus.CANCELED), "b": view("b", TaskStatus.TIMED_OUT, reason="too slow")}

    outcome = run(task_of("JOIN", joinOn=["a", "b"]), tasks=tasks)

    assert outcome == Failed("too slow", terminal=True, output={}, status=TaskStatus.FAILED)


def test_an_inline_script_that_runs_out_of_time_may_be_tried_again() -> None:
    outcome = run(task_of("INLINE", inputParameters={"expression": "while (true) {}"}), operator=_Hurried())

    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("the script did not end within 0.05 s")
    assert outcome.output == {"error": outcome.reason}
    assert not outcome.terminal


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"expression": " "}, "Empty 'expression' in INLINE task's input parameters"),
        ({"expression": None}, "Empty 'expression' in INLINE task's input parameters"),
        ({"expression": "1", "evaluatorType": "python"}, "scripts in Python can't be confined"),
        ({"expression": "'x'.repeat(1e8)"}, "the script needs more memory than its 64 MiB"),
    ],
)
def test_an_inline_task_that_can_not_work_fails_for_good(given: dict[str, Any], reason: str) -> None:
    outcome = run(task_of("INLINE", inputParameters={"expression": "1"}), given)

    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith(reason)
    assert outcome.output == {"error": outcome.reason}
    assert outcome.terminal


def test_scripts_are_checked_where_they_are_known() -> None:
    def inline(**inputs: str) -> list[tuple[str, str, str]]:
        return rules(task_of("INLINE", inputParameters=inputs))

    def jq(program: str) -> list[tuple[str, str, str]]:
        return rules(task_of("JSON_JQ_TRANSFORM", inputParameters={"queryExpression": program}))

    assert inline(expression="1 +") == [("script-syntax", "inputParameters.expression", "error")]
    assert inline(expression="return 1", evaluatorType="python") == [
        ("evaluator", "inputParameters.evaluatorType", "error")
    ]
    assert inline(expression="${workflow.input.script}") == []
    assert inline(expression="any name", evaluatorType="value-param") == []
    assert jq(".a |") == [("script-syntax", "inputParameters.queryExpression", "error")]
    assert jq("${workflow.input.program}") == []


@pytest.mark.parametrize("program", [None, "", 5])
def test_a_transform_without_a_program_says_so(program: Any) -> None:
    task = task_of("JSON_JQ_TRANSFORM", inputParameters={"queryExpression": "."})
    reason = "Missing 'queryExpression' in input parameters"

    assert run(task, {"queryExpression": program}) == Failed(reason, output={"error": reason})


def test_a_jq_program_sees_the_whole_input() -> None:
    outcome = run(task_of("JSON_JQ_TRANSFORM", inputParameters={"a": 1, "queryExpression": "keys"}))

    assert outcome == Done({"result": ["a", "queryExpression"], "resultList": [["a", "queryExpression"]]})


def test_variables_above_256_kb_are_refused_together_with_those_that_are_set_already() -> None:
    task = task_of("SET_VARIABLE", inputParameters={"b": "x" * 200_000})

    outcome = run(task, variables={"a": "x" * 100_000})

    assert run(task) == Done({}, variables=task.input_parameters)
    assert isinstance(outcome, Failed)
    assert outcome.reason == (
        "The variables payload size: 300015 of workflow: execution-1 is greater than the permissible limit: 256 kilobytes"
    )
    assert outcome.terminal
    assert rules(task_of("SET_VARIABLE")) == [("no-variable", "inputParameters", "warning")]


def test_terminate_has_a_reason_of_its_own_and_an_empty_output() -> None:
    outcome = run(task_of("TERMINATE", inputParameters={"terminationStatus": "TERMINATED"}))

    assert outcome == Finish(
        WorkflowStatus.TERMINATED, {}, "Workflow is TERMINATED by TERMINATE task: task-1"
    )


def test_the_fields_of_terminate_are_checked() -> None:
    def found(**fields: Any) -> list[tuple[str, str, str]]:
        return rules(task_of("TERMINATE", **fields))

    assert found(inputParameters={"terminationStatus": "COMPLETED"}, optional=True) == [
        ("terminate-optional", "optional", "error")
    ]
    for status in ("RUNNING", "completed", "${workflow.input.status}"):
        assert found(inputParameters={"terminationStatus": status}) == [
            ("termination-status", "inputParameters.terminationStatus", "error")
        ]
