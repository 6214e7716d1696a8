"""Inputs and outputs that do not fit their schemas are refused, with where and why; on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import InvalidInput
from app.operations import outside, schemas
from app.operations.outside import ResultStatus, TaskResult
from app.operations.start import start
from tests.runtime.harness import Harness
from tests.runtime.work import TASK_DEFS
from workflows.builder import Part, fork, simple, sub_workflow, workflow
from workflows.model import SchemaDef, TaskDef, WorkflowDef
from workflows.validation import validate

NUMBER = {
    "type": "object",
    "required": ["n"],
    "properties": {"n": {"type": "integer", "minimum": 0}},
}


def schema(data: dict[str, Any] = NUMBER) -> SchemaDef:
    return SchemaDef(name="number", version=1, type="JSON", data=data)


def register(harness: Harness, *definitions: WorkflowDef) -> None:
    harness.register({"workflows": [d.to_json() for d in definitions], "taskDefs": TASK_DEFS})


def checked(ref: str, given: Any, name: str = "work", **schemas: Any) -> Part:
    definition = TaskDef(name=name, enforce_schema=True, retry_count=3, **schemas)
    return simple(name, ref=ref, input=given, task_definition=definition)


def test_a_start_whose_input_does_not_fit_stores_and_sends_nothing(harness: Harness) -> None:
    register(harness, workflow("flow", input_schema=schema())(simple("work", ref="a")))

    with pytest.raises(
        InvalidInput, match=r"the input of flow does not fit its schema at \$\.n: -1 is less than"
    ):
        start(harness.engine, "flow", {"n": -1})
    with pytest.raises(InvalidInput, match="'n' is a required property"):
        start(harness.engine, "flow", {})

    assert harness.executions() == []
    assert not harness.wire.queue
    start(harness.engine, "flow", {"n": 1})


def test_a_schema_that_is_not_enforced_refuses_nothing(harness: Harness) -> None:
    part = simple("work", ref="a", task_definition=TaskDef(name="work", input_schema=schema()))
    register(harness, workflow("flow", input_schema=schema(), enforce_schema=False)(part))

    execution_id = harness.start("flow", {})
    harness.drain()

    assert harness.execution(execution_id).status == "COMPLETED"


def test_a_sub_workflow_whose_input_does_not_fit_fails_its_task_for_good(harness: Harness) -> None:
    register(harness, workflow("inner", input_schema=schema())(simple("work", ref="x")))
    register(harness, workflow("flow")(sub_workflow("inner", ref="sub", input={"n": "text"})))

    execution_id = harness.start("flow", None)
    harness.drain()

    (row,) = harness.rows(execution_id)
    assert row.status == "FAILED_WITH_TERMINAL_ERROR"
    assert "the input of inner does not fit its schema at $.n: 'text' is not of type 'integer'" in (
        row.reason or ""
    )


@pytest.mark.parametrize("place", ["first", "second", "branch"])
def test_a_task_whose_input_does_not_fit_is_not_called(harness: Harness, place: str) -> None:
    bad = checked("a", {"n": "text"}, input_schema=schema())
    before = simple("work", ref="b")
    parts = {"first": [bad, before], "second": [before, bad], "branch": [fork([bad], [before])]}[place]
    register(harness, workflow("flow")(*parts))

    execution_id = harness.start("flow", None)
    harness.drain()

    row = next(row for row in harness.rows(execution_id) if row.ref == "a")
    assert (row.status, row.attempt, row.input) == ("FAILED_WITH_TERMINAL_ERROR", 0, '{"n":"text"}')
    assert row.reason == "the input of a does not fit its schema at $.n: 'text' is not of type 'integer'"
    assert "a" not in [call.attempt.ref for call in harness.calls]


def test_an_output_that_does_not_fit_fails_the_task_for_good(harness: Harness) -> None:
    text = {"type": "object", "properties": {"n": {"type": "string"}}}
    register(harness, workflow("flow")(checked("a", {}, output_schema=schema(text)), simple("work", ref="b")))

    execution_id = harness.start("flow", None)
    harness.drain()

    (row,) = harness.rows(execution_id)
    assert row.status == "FAILED_WITH_TERMINAL_ERROR"
    assert "the output of a does not fit its schema at $.n" in (row.reason or "")


def test_what_an_outside_worker_answers_is_checked_too(harness: Harness) -> None:
    register(harness, workflow("flow")(checked("a", {}, name="elsewhere", output_schema=schema())))
    execution_id = harness.start("flow", None)
    (task,) = outside.hand_out(harness.engine, "elsewhere", "w")

    outside.update(harness.engine, TaskResult(task.row.id, ResultStatus.COMPLETED, {"n": -5}))

    assert harness.rows(execution_id)[0].status == "FAILED_WITH_TERMINAL_ERROR"
    assert harness.execution(execution_id).status == "FAILED"


def test_an_execution_whose_output_does_not_fit_has_failed(harness: Harness) -> None:
    definition = workflow("flow", output={"n": "${workflow.input.n}"}, output_schema=schema())
    register(harness, definition(simple("work", ref="a")))

    good, bad = harness.start("flow", {"n": 3}), harness.start("flow", {"n": -3})
    harness.drain()

    assert harness.execution(good).status == "COMPLETED"
    assert harness.execution(bad).status == "FAILED"
    assert "the output of flow does not fit its schema at $.n" in (harness.execution(bad).reason or "")


def test_a_schema_that_is_none_is_found_at_registration_and_nothing_is_fetched() -> None:
    broken = workflow("broken", input_schema=schema({"type": "nothing"}))(simple("work", ref="a"))
    remote = workflow("remote", input_schema=schema({"$ref": "http://127.0.0.1:1/x.json"}))(
        simple("work", ref="a")
    )
    empty = workflow("empty", input_schema=SchemaDef())(simple("work", ref="a"))

    assert [(f.path, f.rule) for f in validate(broken)] == [("inputSchema.data", "malformed-schema")]
    assert [(f.path, f.rule) for f in validate(empty)] == [("inputSchema", "schema-not-checked")]
    from workflows.program import Program

    check = Program(remote).fits_input
    assert check is not None
    assert "which is not in it" in (check.problem({}) or "")


def test_a_dynamic_task_is_held_against_the_schema_that_its_definition_names(harness: Harness) -> None:
    schemas.save(harness.engine, [{"name": "number", "version": 1, "data": NUMBER}])
    enforced: dict[str, Any] = {"name": "work", "enforceSchema": True}
    made = {
        "name": "work",
        "taskReferenceName": "one",
        "type": "SIMPLE",
        "taskDefinition": enforced | {"inputSchema": {"name": "number", "version": 1}},
    }
    fork = WorkflowDef.model_validate(
        {
            "name": "flow",
            "tasks": [
                {
                    "name": "f",
                    "taskReferenceName": "f",
                    "type": "FORK_JOIN_DYNAMIC",
                    "dynamicForkTasksParam": "tasks",
                    "dynamicForkTasksInputParamName": "inputs",
                    "inputParameters": {
                        "tasks": "${workflow.input.tasks}",
                        "inputs": {"one": {"n": "text"}},
                    },
                },
                {"name": "j", "taskReferenceName": "j", "type": "JOIN"},
            ],
        }
    )
    register(harness, fork)
    held = harness.start("flow", {"tasks": [made]})
    unknown = {**made, "taskDefinition": enforced | {"inputSchema": {"name": "nix"}}}
    lost = harness.start("flow", {"tasks": [unknown]})
    harness.drain()

    reasons = [[row.reason or "" for row in harness.rows(each)] for each in (held, lost)]
    assert any("the input of one does not fit its schema at $.n" in reason for reason in reasons[0])
    assert any("no schema 'nix' version 1 is registered" in reason for reason in reasons[1])
    assert harness.execution(held).status == harness.execution(lost).status == "FAILED"


def test_a_program_has_its_schemas_written_in_and_asks_for_none_when_it_starts(harness: Harness) -> None:
    schemas.save(harness.engine, [{"name": "number", "version": 1, "data": NUMBER}])
    definition = workflow("flow", input_schema=SchemaDef(name="number", version=1))(simple("work", ref="a"))
    register(harness, definition)
    execution_id = harness.start("flow", {"n": 1})
    before = harness.execution(execution_id).program_id

    schemas.save(harness.engine, [{"name": "number", "version": 1, "data": {"type": "object"}}])

    program = harness.engine.programs.get(before)
    assert program.definition.input_schema is not None
    assert program.definition.input_schema.data == NUMBER
    assert harness.execution(execution_id).program_id == before
    start(harness.engine, "flow", {"n": "anything"})
