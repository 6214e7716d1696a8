"""What each operator does in the cases that Conductor's documentation names, on real workers: all side by side."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.flow import PATIENCE_SECONDS, Flow, wait_for, waiting
from tests.e2e.platforms import EMBEDDED_LIKE, on
from workflows.errors import PodiumError
from workflows.status import WorkflowStatus

Json = Any


def task(ref: str, kind: str = "SIMPLE", name: str = "flow.echo", **fields: Json) -> Json:
    """A task; without a type one that answers with its input `value`."""
    return {"name": name, "taskReferenceName": ref, "type": kind, **fields}


def echo(ref: str, value: Json, **fields: Json) -> Json:
    return task(ref, inputParameters={"value": value}, **fields)


def fork(*branches: list[Json]) -> Json:
    return task("fork", "FORK_JOIN", forkTasks=list(branches))


def join(*on: str) -> Json:
    return task("join", "JOIN", joinOn=list(on))


def choice(expression: str, evaluator: str, given: Json, **cases: list[Json]) -> Json:
    default = cases.pop("default", [])
    fields = {"evaluatorType": evaluator, "expression": expression, "inputParameters": given}
    return task("choice", "SWITCH", **fields, decisionCases=cases, defaultCase=default)


SLOW = task("slow", "WAIT", inputParameters={"duration": "2 seconds"})
INNER = {"name": "inner", "version": 1, "tasks": [echo("in", {"got": "${workflow.input.x}"})]}

CASES: dict[str, tuple[list[Json], Json, Json]] = {
    "loop: the last iterations alone are kept": (
        [
            task(
                "loop",
                "DO_WHILE",
                loopCondition="$.loop['iteration'] < 4",
                inputParameters={"keepLastN": 2},
                loopOver=[echo("body", {"n": "${loop.output.iteration}"})],
            )
        ],
        "${loop.output}",
        {"iteration": 4, "3": {"body": {"n": 3}}, "4": {"body": {"n": 4}}},
    ),
    "messages: none has come, and none is waited for": (
        [task("next", "PULL_WORKFLOW_MESSAGES", inputParameters={"blocking": False})],
        "${next.output}",
        {"messages": [], "count": 0},
    ),
    "cache: the second of two with one key is not run": (
        [
            echo("first", {"n": 1}, cacheConfig={"key": "case", "ttlInSecond": 600}),
            echo("second", {"n": 2}, cacheConfig={"key": "case", "ttlInSecond": 600}),
        ],
        "${second.output.n}",
        1,
    ),
    "dynamic fork: the same task for all": (
        [
            task(
                "fork",
                "FORK_JOIN_DYNAMIC",
                inputParameters={
                    "forkTaskName": "flow.echo",
                    "forkTaskInputs": [{"value": {"n": 1}}, {"value": {"n": 2}}],
                },
            ),
            task("join", "JOIN"),
        ],
        "${join.output}",
        {"_flow.echo_0": {"n": 1}, "_flow.echo_1": {"n": 2}},
    ),
    "dynamic fork: a list of tasks, whose inputs are data": (
        [
            task(
                "fork",
                "FORK_JOIN_DYNAMIC",
                dynamicForkTasksParam="tasks",
                dynamicForkTasksInputParamName="inputs",
                inputParameters={
                    "tasks": [task("one"), task("two")],
                    "inputs": {
                        "one": {"value": {"n": "$" + "{workflow.input.x}"}},
                        "two": {"value": {"n": 2}},
                    },
                },
            ),
            task("join", "JOIN"),
        ],
        "${join.output.two}",
        {"n": 2},
    ),
    "dynamic fork: the older form": (
        [
            task(
                "fork",
                "FORK_JOIN_DYNAMIC",
                dynamicForkJoinTasksParam="both",
                inputParameters={
                    "both": {
                        "dynamicTasks": [
                            {"taskName": "flow.echo", "referenceName": "old", "input": {"value": {"n": 3}}},
                        ]
                    },
                },
            ),
            task("join", "JOIN"),
        ],
        "${join.output}",
        {"old": {"n": 3}},
    ),
    "dynamic fork: branches are sub-workflows": (
        [
            task(
                "fork",
                "FORK_JOIN_DYNAMIC",
                inputParameters={"forkTaskWorkflow": "inner", "forkTaskInputs": [{"x": 1}, {"x": 2}]},
            ),
            task("join", "JOIN"),
        ],
        ["${join.output._inner_0.got}", "${join.output._inner_1.got}"],
        [1, 2],
    ),
    "dynamic fork: nothing to do": (
        [
            task(
                "fork",
                "FORK_JOIN_DYNAMIC",
                inputParameters={"forkTaskName": "flow.echo", "forkTaskInputs": []},
            ),
            task("join", "JOIN"),
            echo("after", {"n": 4}),
        ],
        "${after.output}",
        {"n": 4},
    ),
    "join: a subset goes on before the others": (
        [fork([echo("quick", {"n": 1})], [SLOW]), join("quick"), echo("after", {"n": 9})],
        "${after.output.n}",
        9,
    ),
    "join: a task in the middle of a branch": (
        [fork([echo("middle", {"n": 1}), SLOW], [echo("other", {"n": 2})]), join("middle", "other")],
        "${join.output}",
        {"middle": {"n": 1}, "other": {"n": 2}},
    ),
    "exclusive join: the branch that ran": (
        [
            choice("case", "value-param", {"case": "b"}, a=[echo("a", {"n": 1})], b=[echo("b", {"n": 2})]),
            task("join", "EXCLUSIVE_JOIN", joinOn=["a", "b"]),
        ],
        "${join.output.n}",
        2,
    ),
    "loop over the items of an expression": (
        [
            task(
                "loop",
                "DO_WHILE",
                items="${workflow.input.list}",
                loopOver=[echo("body", {"at": "${loop.output.loopIndex}", "is": "${loop.output.loopItem}"})],
            ),
        ],
        "${loop.output.2.body}",
        {"at": 1, "is": "q"},
    ),
    "loops in loops that read each other": (
        [
            task(
                "outer",
                "DO_WHILE",
                loopCondition="$.outer['iteration'] < 2",
                loopOver=[
                    task(
                        "inner",
                        "DO_WHILE",
                        loopCondition="$.inner['iteration'] < 2",
                        loopOver=[echo("cell", ["${outer.output.iteration}", "${inner.output.iteration}"])],
                    ),
                    echo("row", "${cell.output.result}"),
                ],
            ),
        ],
        "${row.output.result}",
        [2, 2],
    ),
    "graaljs is JavaScript, in INLINE and SWITCH": (
        [
            task(
                "script",
                "INLINE",
                inputParameters={
                    "evaluatorType": "graaljs",
                    "expression": "$.n + 1",
                    "n": 2,
                },
            ),
            choice(
                "$.n > 2 ? 'many' : 'few'",
                "graaljs",
                {"n": "${script.output.result}"},
                many=[echo("chosen", {"n": "many"})],
                few=[],
            ),
        ],
        "${chosen.output.n}",
        "many",
    ),
    "switch: an empty case does not fall through": (
        [
            choice("case", "value-param", {"case": "none"}, none=[], default=[echo("never", {})]),
            echo("after", {"n": 3}),
        ],
        "${after.output.n}",
        3,
    ),
    "switch: null is a case of that name": (
        [choice("case", "value-param", {"case": "${workflow.input.absent}"}, null=[echo("found", {"n": 1})])],
        "${found.output.n}",
        1,
    ),
    "a sub-workflow whose definition is an expression": (
        [
            task(
                "sub",
                "SUB_WORKFLOW",
                inputParameters={"x": 7},
                subWorkflowParam={"name": "inner", "workflowDefinition": "${workflow.input.definition}"},
            ),
        ],
        "${sub.output.got}",
        7,
    ),
    "dynamic: the task that the input names": (
        [
            task(
                "any",
                "DYNAMIC",
                dynamicTaskNameParam="which",
                inputParameters={"which": "flow.echo", "value": {"n": 5}},
            )
        ],
        "${any.output.n}",
        5,
    ),
    "decision and lambda, as older definitions have them": (
        [
            task("old", "LAMBDA", inputParameters={"scriptExpression": "return {n: $.n * 2}", "n": 3}),
            task(
                "case",
                "DECISION",
                caseValueParam="which",
                inputParameters={"which": "a"},
                decisionCases={"a": [echo("chosen", "${old.output.result.n}")]},
            ),
        ],
        "${chosen.output.result}",
        6,
    ),
    "a task that starts later": (
        [echo("late", {"n": 8}, startDelay=1)],
        "${late.output.n}",
        8,
    ),
}
GIVEN = {"list": ["p", "q"], "definition": INNER, "x": "not read"}


@on(EMBEDDED_LIKE)
def test_each_case_ends_as_conductors_documentation_says(flow: Flow) -> None:
    flow.podium.register(INNER)
    started = {}
    for number, (title, (tasks, output, _)) in enumerate(CASES.items()):
        definition = {
            "name": f"case-{number}",
            "version": 1,
            "tasks": tasks,
            "outputParameters": {"is": output},
        }
        flow.podium.register(definition)
        started[title] = flow.podium.start(f"case-{number}", GIVEN)

    states = {title: execution.wait(timeout=PATIENCE_SECONDS) for title, execution in started.items()}

    assert {title: state.reason for title, state in states.items() if state.reason} == {}
    assert {t: s.output["is"] for t, s in states.items()} == {t: case[2] for t, case in CASES.items()}


@on(EMBEDDED_LIKE)
def test_a_task_that_is_completed_from_outside_after_its_work_waits_for_that(flow: Flow) -> None:
    definition = {
        "name": "async",
        "version": 1,
        "tasks": [echo("one", {"n": 1}, asyncComplete=True), echo("two", "${one.output.n}")],
    }
    flow.podium.register(definition)
    execution = flow.podium.start("async")
    wait_for(
        "its work is done", lambda: waiting(execution, "one") and execution.get("one").output == {"n": 1}
    )

    execution.complete("one", {"n": 2})

    assert execution.wait(timeout=PATIENCE_SECONDS).status is WorkflowStatus.COMPLETED
    assert execution.output == {"result": 2}


@on(EMBEDDED_LIKE)
def test_a_message_is_waited_for_and_taken(flow: Flow) -> None:
    pull = task("next", "PULL_WORKFLOW_MESSAGES")
    flow.podium.register(
        {"name": "pull", "version": 1, "tasks": [pull, echo("got", "${next.output.messages}")]}
    )
    execution = flow.podium.start("pull")
    wait_for("it waits", lambda: waiting(execution, "next"))

    flow.podium.send_message(execution.id, {"paid": 42})

    assert execution.wait(timeout=PATIENCE_SECONDS).status is WorkflowStatus.COMPLETED
    (message,) = execution.output["result"]
    assert message["payload"] == {"paid": 42}


@on(EMBEDDED_LIKE)
def test_a_dynamic_task_without_a_name_fails_and_says_why(flow: Flow) -> None:
    unnamed = task(
        "any", "DYNAMIC", dynamicTaskNameParam="which", inputParameters={"which": "${workflow.input.no}"}
    )
    flow.podium.register({"name": "unnamed", "version": 1, "tasks": [unnamed]})

    execution = flow.podium.start("unnamed")

    assert execution.wait(timeout=PATIENCE_SECONDS).status is WorkflowStatus.FAILED
    assert "which" in (execution.reason or "")


@pytest.mark.parametrize("kind", ["INLINE", "SWITCH"])
@on(EMBEDDED_LIKE)
def test_python_as_a_language_of_scripts_is_refused_when_it_is_registered(flow: Flow, kind: str) -> None:
    script = {"evaluatorType": "python", "expression": "return 1"}
    one = (
        task("one", kind, inputParameters=script)
        if kind == "INLINE"
        else task("one", kind, **script, decisionCases={"1": []})
    )

    with pytest.raises(PodiumError, match=r"(?i)python"):
        flow.podium.register({"name": "python", "version": 1, "tasks": [one]})
