"""Tasks that become what their input says, when the flow reaches them: DYNAMIC and FORK_JOIN_DYNAMIC."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from app.operations import control
from app.store.tasks import TaskRow
from app.store.unit_of_work import Store
from tests.runtime.harness import Harness, Shape
from workflows import builder
from workflows.builder import Part, do_while, fork, simple, task
from workflows.model import SubWorkflowParams
from workflows.status import TaskStatus, WorkflowStatus

Json = Any
SHAPES = [Shape(), Shape(chords=False, fan_batches=2, segment_length=1), Shape(steps_in_place=0)]


@pytest.fixture(params=SHAPES, ids=["in place", "small", "by messages"])
def harness(store: Store, request: pytest.FixtureRequest) -> Harness:
    return Harness(store, request.param)


def run(
    harness: Harness, *parts: Part, given: Json = None, children: dict[str, list[Part]] | None = None
) -> str:
    """Register a workflow, and run it until nothing goes on; the execution."""
    lists = {**(children or {}), "main": list(parts)}
    documents = [builder.workflow(name)(*some).to_json() for name, some in lists.items()]
    harness.register(
        {"workflows": documents, "taskDefs": [{"name": "broken", "retryCount": 1, "retryDelaySeconds": 0}]}
    )
    execution_id = harness.start("main", given)
    harness.drain(random.Random(7))
    return execution_id


def joined(**fields: Json) -> Part:
    return task("JOIN", "joined", **fields)


def each(**given: Json) -> Part:
    """The same task for each element of the workflow's list."""
    elements = {"forkTaskInputs": "${workflow.input.list}"}
    return task("FORK_JOIN_DYNAMIC", "all", input={"forkTaskName": "work", **elements, **given})


def listed() -> Part:
    """A list of tasks, and their inputs."""
    given = {"tasks": "${workflow.input.tasks}", "inputs": "${workflow.input.inputs}"}
    return task(
        "FORK_JOIN_DYNAMIC",
        "all",
        input=given,
        dynamic_fork_tasks_param="tasks",
        dynamic_fork_tasks_input_param_name="inputs",
    )


def rows(harness: Harness, execution_id: str) -> dict[str, TaskRow]:
    """The latest attempts by reference and path."""
    return {f"{row.ref}{row.path}": row for row in harness.rows(execution_id)}


def inputs(harness: Harness, execution_id: str, *refs: str) -> list[Json]:
    found = rows(harness, execution_id)
    return [orjson.loads(found[ref].input) for ref in refs]


def ended(harness: Harness, execution_id: str) -> str:
    return harness.execution(execution_id).status


def test_each_element_of_a_list_is_a_branch_that_the_join_waits_for(harness: Harness) -> None:
    execution = run(
        harness, each(), joined(), simple("work", ref="after"), given={"list": [{"kg": 3}, "letter", {}]}
    )

    found = rows(harness, execution)
    assert ended(harness, execution) == WorkflowStatus.COMPLETED
    assert inputs(harness, execution, "_work_0", "_work_1", "_work_2") == [
        {"kg": 3, "__index": 0},
        {"input": "letter", "__index": 1},
        {"__index": 2},
    ]
    assert set(orjson.loads(found["joined"].output or "{}")) == {"_work_0", "_work_1", "_work_2"}
    assert found["after"].status == TaskStatus.COMPLETED


def test_an_expression_in_forked_data_is_text(harness: Harness) -> None:
    secret = {"note": "${workflow.input.password}", "deep": ["$${x}", {"y": "${all.input}"}]}

    execution = run(harness, each(), joined(), given={"list": [secret], "password": "hunter2"})

    assert inputs(harness, execution, "_work_0") == [{**secret, "__index": 0}]


def test_a_list_of_tasks_is_a_definition_and_their_inputs_are_data(harness: Harness) -> None:
    tasks = [
        {
            "name": "work",
            "taskReferenceName": "one",
            "inputParameters": {"who": "${workflow.input.who}", "kg": 1},
        },
        {"name": "far", "taskReferenceName": "two", "type": "SIMPLE"},
        {
            "name": "sum",
            "taskReferenceName": "three",
            "type": "INLINE",
            "inputParameters": {"expression": "$.a + 1"},
        },
    ]
    given = {"one": {"kg": 2, "note": "${workflow.input.who}"}, "three": {"a": 41}, "nobody": {"x": 1}}

    execution = run(harness, listed(), joined(), given={"tasks": tasks, "inputs": given, "who": "ann"})

    found = rows(harness, execution)
    assert inputs(harness, execution, "one", "two") == [
        {"who": "ann", "kg": 2, "note": "${workflow.input.who}"},
        {},
    ]
    assert orjson.loads(found["three"].output or "") == {"result": 42}
    assert ended(harness, execution) == WorkflowStatus.COMPLETED


def test_the_older_form_names_tasks_and_workflows(harness: Harness) -> None:
    older = task(
        "FORK_JOIN_DYNAMIC",
        "all",
        input={"forks": "${workflow.input}"},
        dynamic_fork_join_tasks_param="forks",
    )
    forks = [
        {"taskName": "work", "referenceName": "one", "input": {"kg": 1}},
        {"workflowName": "child", "referenceName": "two", "input": {"kg": 2}},
    ]

    execution = run(
        harness,
        older,
        joined(),
        given={"dynamicTasks": forks},
        children={"child": [simple("work", ref="inner")]},
    )

    child = next(row for row in harness.executions() if row.name == "child")
    assert inputs(harness, execution, "one") == [{"kg": 1}]
    assert (orjson.loads(child.input), child.status) == ({"kg": 2}, "COMPLETED")
    assert ended(harness, execution) == WorkflowStatus.COMPLETED


def test_branches_may_be_sub_workflows(harness: Harness) -> None:
    whole = task(
        "FORK_JOIN_DYNAMIC",
        "all",
        input={"forkTaskWorkflow": "child", "forkTaskInputs": "${workflow.input.list}"},
    )

    execution = run(
        harness,
        whole,
        joined(),
        given={"list": [{"kg": 1}, {"kg": 2}]},
        children={"child": [simple("work", ref="inner")]},
    )

    children = [orjson.loads(row.input) for row in harness.executions() if row.name == "child"]
    assert sorted(children, key=lambda child: child["kg"]) == [
        {"kg": 1, "__index": 0},
        {"kg": 2, "__index": 1},
    ]
    assert ended(harness, execution) == WorkflowStatus.COMPLETED


def test_an_empty_list_has_no_branches_and_the_flow_goes_on(harness: Harness) -> None:
    execution = run(harness, each(), joined(), simple("work", ref="after"), given={"list": []})

    assert [row.ref for row in harness.rows(execution)] == ["all", "joined", "after"]
    assert ended(harness, execution) == WorkflowStatus.COMPLETED


def test_a_wide_fork_runs_each_branch_once(harness: Harness) -> None:
    execution = run(harness, each(), joined(), given={"list": [{"n": n} for n in range(120)]})

    assert sorted(call.attempt.ref for call in harness.calls) == sorted(f"_work_{n}" for n in range(120))
    assert ended(harness, execution) == WorkflowStatus.COMPLETED


def test_each_iteration_of_a_loop_forks_what_it_finds_then(harness: Harness) -> None:
    body = [
        simple("work", ref="first"),
        task("SWITCH", "which", **_by_iteration([each(), joined()], [simple("work", ref="other")])),
    ]
    loop = do_while("$.loop.iteration < 3", *body, input={"x": 1})

    execution = run(harness, loop, given={"list": [1, 2]})

    found = rows(harness, execution)
    assert {"_work_000000001", "_work_100000001", "_work_000000003"} <= found.keys()
    assert "other00000002" in found
    assert ended(harness, execution) == WorkflowStatus.COMPLETED


def _by_iteration(odd: list[Part], even: list[Part]) -> dict[str, Json]:
    cases = {"2": [inner for part in even for inner in part.tasks]}
    default = [inner for part in odd for inner in part.tasks]
    return {
        "evaluator_type": "value-param",
        "expression": "n",
        "input": {"n": "${loop.output.iteration}"},
        "decision_cases": cases,
        "default_case": default,
    }


def test_forks_that_are_made_side_by_side_do_not_lose_each_other(harness: Harness) -> None:
    def branch(name: str) -> list[Part]:
        fork_of = task(
            "FORK_JOIN_DYNAMIC",
            f"all_{name}",
            input={"forkTaskName": "work", "forkTaskInputs": "${workflow.input.list}"},
        )
        return [
            simple("work", ref=f"before_{name}"),
            fork_of,
            task("JOIN", f"joined_{name}"),
            simple("far", ref=f"after_{name}"),
        ]

    execution = run(
        harness,
        fork(branch("a"), branch("b"), ref="both"),
        simple("work", ref="end"),
        given={"list": [1, 2, 3]},
    )

    found = rows(harness, execution)
    assert {"_work_0", "_work_2", "_all_b_work_0", "_all_b_work_2", "end"} <= found.keys()
    assert (
        len(orjson.loads(found["joined_a"].output or ""))
        == len(orjson.loads(found["joined_b"].output or ""))
        == 3
    )
    assert ended(harness, execution) == WorkflowStatus.COMPLETED


def test_a_lost_broker_loses_no_branch(harness: Harness) -> None:
    harness.register({"workflows": [builder.workflow("main")(each(), joined()).to_json()], "taskDefs": []})
    execution = harness.start("main", {"list": [1, 2, 3]})

    harness.wire.lose_all()
    harness.drain()

    assert sorted(call.attempt.ref for call in harness.calls) == ["_work_0", "_work_1", "_work_2"]
    assert ended(harness, execution) == WorkflowStatus.COMPLETED


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"tasks": 5, "inputs": {}},
            "Input 'tasks' is invalid. Cannot deserialize a list of Workflow Tasks from '5'",
        ),
        ({"tasks": [{"name": "work"}], "inputs": {}}, "Cannot deserialize a list of Workflow Tasks"),
        ({"tasks": [], "inputs": [1]}, "expecting a map of K,V  but found [1]"),
        (
            {"tasks": [{"name": "work", "taskReferenceName": "joined"}]},
            "the reference 'joined' is that of another task",
        ),
        ({"tasks": [{"name": "w", "taskReferenceName": "it's"}], "inputs": {}}, "has quotes or braces in it"),
        (
            {"tasks": [{"name": "x", "taskReferenceName": "x", "type": "SUB_WORKFLOW"}]},
            "can't become what its input says",
        ),
    ],
)
def test_what_can_not_be_forked_fails_the_task_and_says_why(store: Store, given: Json, words: str) -> None:
    harness = Harness(store)

    execution = run(harness, listed(), joined(), given=given)

    found = rows(harness, execution)["all"]
    assert (found.status, ended(harness, execution)) == ("FAILED_WITH_TERMINAL_ERROR", "FAILED")
    assert words in (found.reason or "")


def dynamic(ref: str = "it", name: Json = "${workflow.input.name}") -> Part:
    return task("DYNAMIC", ref, input={"which": name, "kg": 3}, dynamic_task_name_param="which")


def test_a_dynamic_task_is_a_worker_task_of_the_name_in_its_input(harness: Harness) -> None:
    execution = run(
        harness, simple("work", ref="a"), dynamic(), simple("work", ref="z"), given={"name": "far"}
    )

    found = rows(harness, execution)["it"]
    assert (found.type, found.name, found.status) == ("far", "far", "COMPLETED")
    assert orjson.loads(found.input) == {"which": "far", "kg": 3}
    assert ended(harness, execution) == WorkflowStatus.COMPLETED


def test_a_dynamic_task_is_retried_as_the_task_definition_of_that_name_says(harness: Harness) -> None:
    execution = run(harness, dynamic(), given={"name": "broken"})

    attempts = [(row.attempt, row.status) for row in harness.rows(execution)]
    assert attempts == [(0, "FAILED"), (1, "FAILED")]
    assert ended(harness, execution) == WorkflowStatus.FAILED


def test_a_dynamic_task_without_a_name_fails(harness: Harness) -> None:
    execution = run(harness, dynamic(), given={})

    assert "Cannot map a dynamic task" in (rows(harness, execution)["it"].reason or "")
    assert ended(harness, execution) == WorkflowStatus.FAILED


def test_a_dynamic_task_in_a_loop_is_another_one_in_each_iteration(harness: Harness) -> None:
    names = ["work", "far", "work"]
    loop = builder.for_each("${workflow.input.names}", dynamic(name="${loop.output.loopItem}"))

    execution = run(harness, loop, given={"names": names})

    found = [row.type for row in harness.rows(execution) if row.ref == "it"]
    assert found == names
    assert ended(harness, execution) == WorkflowStatus.COMPLETED


def test_what_a_restart_finds_decides_again_what_a_dynamic_task_becomes(harness: Harness) -> None:
    first = task("SET_VARIABLE", "once", input={"name": "${workflow.input.name}"})
    execution = run(harness, first, dynamic(name="${workflow.variables.name}"), given={"name": "fatal"})
    assert ended(harness, execution) == WorkflowStatus.FAILED

    control.restart(harness.engine, execution)
    harness.drain()

    assert [row.type for row in harness.rows(execution) if row.ref == "it"] == ["fatal"]
    assert ended(harness, execution) == WorkflowStatus.FAILED


def test_the_definition_stays_as_it_was_registered(harness: Harness) -> None:
    execution = run(harness, each(), joined(), given={"list": [1]})
    again = harness.start("main", {"list": [1, 2]})
    harness.drain()

    assert ended(harness, execution) == ended(harness, again) == WorkflowStatus.COMPLETED
    assert {"_work_0", "_work_1"} <= rows(harness, again).keys()
    assert "_work_1" not in rows(harness, execution)


def test_executions_that_fork_alike_share_one_program(harness: Harness) -> None:
    one = run(harness, each(), joined(), given={"list": [{"kg": 1}]})
    other = harness.start("main", {"list": [{"kg": 2}]})
    harness.drain()

    assert harness.execution(one).program_id == harness.execution(other).program_id


def test_a_branch_that_is_optional_fails_no_other(harness: Harness) -> None:
    whole = task(
        "FORK_JOIN_DYNAMIC",
        "all",
        input={"forkTaskName": "fatal", "forkTaskInputs": [1, 2]},
        optional=True,
    )

    execution = run(harness, whole, joined())

    found = rows(harness, execution)
    assert found["_fatal_0"].status == found["joined"].status == "COMPLETED_WITH_ERRORS"
    assert ended(harness, execution) == WorkflowStatus.COMPLETED


def test_sub_workflows_of_a_list_keep_their_parameters(harness: Harness) -> None:
    param = SubWorkflowParams(name="child").to_json()
    tasks = [{"name": "x", "taskReferenceName": "x", "type": "SUB_WORKFLOW", "subWorkflowParam": param}]

    execution = run(
        harness,
        listed(),
        joined(),
        given={"tasks": tasks, "inputs": {"x": {"kg": 1}}},
        children={"child": [simple("work", ref="inner")]},
    )

    child = next(row for row in harness.executions() if row.name == "child")
    assert orjson.loads(child.input) == {"kg": 1}
    assert ended(harness, execution) == WorkflowStatus.COMPLETED
