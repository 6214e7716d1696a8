"""Static checks of compensations."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workflows.parts import a, found, reads
from workflows.builder import Part, do_while, fork, simple, sub_workflow, switch, task, terminate, workflow
from workflows.model import WorkflowDef
from workflows.validation import validate

PLACE = "tasks[0].compensation"


def undone(*undo: Part, ref: str = "x") -> Part:
    """A worker task with this compensation."""
    return simple("work", ref=ref, compensation=undo)


def test_a_compensation_may_read_its_task_what_ran_before_it_and_its_own_tasks() -> None:
    undo = [reads("undo", "first", "x"), reads("tell", "undo")]

    assert found(a("first"), undone(*undo)) == []


def test_what_may_not_have_run_is_null_then() -> None:
    rule = ("warning", "compensation-may-read-null", f"{PLACE}[0].inputParameters.from_0")

    assert found(undone(reads("undo", "later")), a("later")) == [rule]
    case = switch("${workflow.input.c}", {"yes": [a("y")]})
    assert [f[1] for f in found(case, undone(reads("undo", "y")))] == ["compensation-may-read-null"]


def test_it_can_not_read_what_is_nowhere_or_in_another_compensation() -> None:
    other = undone(a("undo_y"), ref="y")

    findings = validate(workflow("w")(undone(reads("undo", "frist", "undo_y")), a("first"), other))

    assert [(f.rule, f.path) for f in findings] == [
        ("unknown-reference", f"{PLACE}[0].inputParameters.from_0"),
        ("unknown-reference", f"{PLACE}[0].inputParameters.from_1"),
    ]
    assert findings[0].fix.startswith("Did you mean 'first'?")


def test_nobody_else_reads_a_compensation() -> None:
    assert [f[1] for f in found(undone(a("undo")), reads("y", "undo"))] == ["unknown-reference"]


def test_its_tasks_come_one_after_the_other() -> None:
    assert found(undone(reads("one", "two"), a("two"))) == [
        ("error", "reads-later-task", f"{PLACE}[0].inputParameters.from_0")
    ]


@pytest.mark.parametrize(
    "part",
    [
        switch("${workflow.input.c}", {"yes": [a("y")]}),
        do_while("false", a("y")),
        terminate(),
        fork([a("y")]),
    ],
    ids=lambda part: str(part.ref),
)
def test_what_steers_is_neither_undone_nor_undoes(part: Part) -> None:
    steering = part.tasks[0].model_copy(update={"compensation": list(a("undo").tasks)})

    assert ("error", "compensation-of-flow", f"{PLACE}") in found(Part((steering, *part.tasks[1:])))
    assert ("error", "compensation-steers", f"{PLACE}[0].type") in found(undone(part))


def test_a_sub_workflow_undoes_and_is_undone() -> None:
    assert found(sub_workflow("s", compensation=[sub_workflow("undo_s")])) == []


def test_references_are_unique_over_the_whole_definition() -> None:
    findings = found(a("y"), undone(a("y")), undone(a("u"), ref="z"), undone(a("u"), a("v"), a("v"), ref="q"))

    assert findings == [
        ("error", "duplicate-reference", "tasks[1].compensation[0].taskReferenceName"),
        ("error", "duplicate-reference", "tasks[3].compensation[0].taskReferenceName"),
        ("error", "duplicate-reference", "tasks[3].compensation[2].taskReferenceName"),
    ]


def test_what_undoes_is_not_undone() -> None:
    assert found(undone(undone(a("z"), ref="undo"))) == [
        ("error", "compensation-nested", f"{PLACE}[0].compensation")
    ]


def test_a_reference_must_leave_room_for_the_number_of_an_iteration() -> None:
    assert found(undone(a("u~1"))) == [("error", "reference-with-delimiter", f"{PLACE}[0].taskReferenceName")]


@pytest.mark.parametrize("text", ["${${workflow.input.ref}.output}", "${$['u'].output}"])
def test_what_is_read_must_be_known(text: str) -> None:
    findings = found(undone(a("u"), simple("work", ref="v", input={"x": text})))

    assert findings == [("error", "compensation-reads-any", f"{PLACE}[1].inputParameters.x")]


def test_its_tasks_are_checked_as_all_others() -> None:
    unknown = simple("work", ref="u", input={"x": "${ok ? 1 : f(2)}", "y": "${workflow.inpt.y}"})

    assert found(undone(unknown, task("SUB_WORKFLOW", "s"))) == [
        ("error", "malformed-expression", f"{PLACE}[0].inputParameters.x"),
        ("warning", "unknown-field-read", f"{PLACE}[0].inputParameters.y"),
        ("error", "operator-field", f"{PLACE}[1].subWorkflowParam"),
    ]


def test_sub_workflows_that_undo_are_looked_up_and_may_not_start_what_they_undo_without_a_word() -> None:
    own = workflow("w")(undone(sub_workflow("w", ref="again"), sub_workflow("nowhere")))
    registered: dict[str, WorkflowDef] = {}

    def find(name: str, version: Any) -> WorkflowDef | None:
        return registered.get(name)

    findings = validate(own, find_workflow=find)

    assert [(f.severity, f.rule, f.path) for f in findings] == [
        ("warning", "possible-recursion", f"{PLACE}[0].subWorkflowParam.name"),
        ("warning", "unknown-workflow", f"{PLACE}[1].subWorkflowParam.name"),
    ]


def test_a_definition_inside_a_compensation_is_checked_too() -> None:
    inline = {"name": "inner", "tasks": [{"name": "n", "taskReferenceName": "n", "type": "JOIN"}]}
    undo = task("SUB_WORKFLOW", "s", sub_workflow_param={"name": "inner", "workflowDefinition": inline})

    paths = {path for _, _, path in found(undone(undo))}

    assert f"{PLACE}[0].subWorkflowParam.workflowDefinition.tasks[0].joinOn" in paths


def test_only_podium_says_which_execution_a_sub_workflow_undoes() -> None:
    written = task("SUB_WORKFLOW", "s", sub_workflow_param={"name": "s", "compensates": "e-1"})

    assert found(written) == [("error", "sub-workflow-compensates", "tasks[0].subWorkflowParam.compensates")]


def test_what_may_be_undone_is_not_kept() -> None:
    config = {"key": "k", "ttlInSecond": 60}
    task = simple("work", ref="x", compensation=[a("undo")], cache_config=config)

    assert found(task) == [("error", "cached-compensation", "tasks[0].cacheConfig")]
    assert found(fork([undone(a("undo"))], [a("y")]), cache_config=config) == [
        ("error", "cached-compensation", "cacheConfig")
    ]
