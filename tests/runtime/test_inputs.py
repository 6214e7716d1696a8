"""What tasks and executions are given: defaults of their templates, and the execution's correlation id."""

from __future__ import annotations

from typing import Any

import orjson

from app.operations.start import start
from tests.runtime.harness import Call, Harness
from workflows.builder import Part, simple, sub_workflow, workflow


def register(harness: Harness, name: str, *parts: Part, tasks: Any = (), **fields: Any) -> None:
    document = workflow(name)(*parts).to_json() | fields
    harness.register({"workflows": [document], "taskDefs": list(tasks)})


def given_to(harness: Harness, execution_id: str, ref: str) -> Any:
    return next(orjson.loads(row.input) for row in harness.rows(execution_id) if row.ref == ref)


DEFAULTS = {"name": "work", "inputTemplate": {"a": 1, "b": "${workflow.input.b}", "c": {"deep": True}}}


def test_a_task_is_given_its_definitions_template_for_keys_that_are_absent_or_null(harness: Harness) -> None:
    task = simple("work", ref="one", input={"a": "${workflow.input.gone}", "c": "own"})
    register(harness, "order", task, tasks=[DEFAULTS])

    execution_id = harness.start("order", {"b": 2})

    assert given_to(harness, execution_id, "one") == {"a": 1, "b": 2, "c": "own"}


def test_a_sub_workflow_is_given_the_template_of_its_task_definition_as_input(harness: Harness) -> None:
    register(harness, "child", simple("work", ref="one", input={"given": "${workflow.input}"}))
    task = sub_workflow("child", ref="sub", input={"a": "${workflow.input.gone}"})
    register(harness, "order", task, tasks=[{"name": "child", "inputTemplate": {"a": 7, "d": "x"}}])

    harness.start("order")
    harness.drain()

    child = next(row for row in harness.executions() if row.name == "child")
    assert orjson.loads(child.input) == {"a": 7, "d": "x"}


def test_an_execution_is_given_its_definitions_template_for_keys_that_are_absent_or_null(
    harness: Harness,
) -> None:
    register(harness, "order", simple("work", ref="one"), inputTemplate={"a": 1, "b": 2})

    execution_id = harness.start("order", {"a": None, "c": None})

    assert orjson.loads(harness.execution(execution_id).input) == {"a": 1, "b": 2, "c": None}


def test_expressions_and_workers_see_the_correlation_id_down_to_sub_workflows(harness: Harness) -> None:
    read = {"own": "${workflow.correlationId}", "task": "${one.correlationId}"}
    register(harness, "child", simple("work", ref="one"), simple("work", ref="two", input=read))
    register(harness, "order", sub_workflow("child", ref="sub"))
    seen: list[str | None] = []

    def note(call: Call) -> None:
        seen.append(call.attempt.correlation_id())

    harness.on_call = note
    start(harness.engine, "order", correlation_id="order-42")
    harness.drain()

    child = next(row for row in harness.executions() if row.name == "child")
    assert given_to(harness, child.id, "two") == {"own": "order-42", "task": "order-42"}
    assert seen == ["order-42", "order-42"]


def test_the_reason_of_a_failed_execution_names_the_task_by_its_reference(harness: Harness) -> None:
    register(harness, "order", simple("fatal", ref="charge"))

    execution_id = harness.start("order")
    harness.drain()

    row = harness.rows(execution_id)[0]
    why = f"Task charge ({row.id}) failed with status: FAILED and reason: 'fatal fails'"
    assert harness.execution(execution_id).reason == why
