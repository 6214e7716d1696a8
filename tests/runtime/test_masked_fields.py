"""Masked fields are shown to nobody who reads, and given to everybody who works; on both databases."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.operations import control, outside, query
from app.operations.conductor import get_status, get_task, get_workflow, handed_out_document
from app.operations.diff import diff
from app.operations.lists import tasks_of
from app.operations.outline import get_task as task_detail
from app.operations.search import search, search_tasks
from app.operations.tree import get_tree
from app.store import inbox
from tests.runtime.harness import Harness
from tests.runtime.test_secrets import Worker
from tests.runtime.work import TASK_DEFS
from workflows.builder import Part, simple, workflow
from workflows.masking import Mask

CARD = "4111-1111-1111-1111"
GIVEN = {"customer": {"name": "Ada", "card": CARD}, "cards": [{"card": CARD}]}


def begun(harness: Harness, *parts: Part, **fields: Any) -> str:
    definition = workflow("flow", masked_fields=["card"], output={"all": "${workflow.input}"}, **fields)
    harness.register({"workflows": [definition(*parts).to_json()], "taskDefs": TASK_DEFS})
    return harness.start("flow", GIVEN)


def test_no_reader_is_shown_a_masked_field(harness: Harness) -> None:
    part = simple("work", ref="a", input={"given": "${workflow.input}"})
    execution_id = begun(
        harness,
        part,
        workflow_status_listener_enabled=True,
        workflow_status_listener_sink="conductor:status",
    )
    harness.drain()
    engine = harness.engine
    (task,) = query.get_tasks(engine, execution_id)
    events = harness.store.read(lambda s: inbox.messages_due(s, 2 * harness.now, 10))

    shown = {
        "python": query.get_execution(engine, execution_id),
        "python, tasks": query.get_tasks(engine, execution_id),
        "python, list": query.list_executions(engine, name="flow"),
        "tree": get_tree(engine, execution_id),
        "rest": get_workflow(engine, execution_id),
        "rest, status": get_status(engine, execution_id, True, True),
        "rest, task": get_task(engine, task.id),
        "rest, tasks": tasks_of(engine, execution_id, 0, 10, []),
        "rest, search": search(engine, "", "*", start=0, size=10, sort=""),
        "rest, whole": search(engine, "", "*", start=0, size=10, sort="", whole=True),
        "rest, search of tasks": search_tasks(engine, "", "*", start=0, size=10, sort=""),
        "flower": task_detail(engine, execution_id, task.id),
        "difference": diff(engine, execution_id, execution_id),
        "events": [row.payload for row in events],
    }

    assert [name for name, found in shown.items() if CARD in repr(found)] == []
    assert "'card': '***'" in repr(shown["python"])
    assert task.input == {"given": Mask(["card"])(GIVEN)}
    assert CARD in harness.execution(execution_id).input


def test_workers_get_what_is_masked(harness: Harness) -> None:
    worker = Worker(harness)
    part = simple("work", ref="a", input={"card": "${workflow.input.customer.card}"})
    begun(harness, part, simple("elsewhere", ref="b", input={"card": "${workflow.input.customer.card}"}))
    harness.deliver_all()

    (task,) = outside.hand_out(harness.engine, "elsewhere", "w")

    assert worker.given == [{"card": CARD}]
    assert handed_out_document(harness.engine, task)["inputData"] == {"card": CARD}


@pytest.mark.parametrize("whole", [True, False])
def test_an_input_that_was_shown_masked_and_changed_keeps_its_values(harness: Harness, whole: bool) -> None:
    execution_id = begun(harness, simple("work", ref="a", input=dict(GIVEN)))
    harness.drain()
    shown = Mask(["card"])(GIVEN)
    changed = {**shown, "customer": {**shown["customer"], "name": "Grace"}}

    control.rerun(harness.engine, execution_id, None if whole else "a", input=changed)
    harness.drain()

    wanted = {**GIVEN, "customer": {"name": "Grace", "card": CARD}}
    latest = [row for row in harness.rows(execution_id) if row.ref == "a"][-1]
    found = harness.execution(execution_id).input if whole else latest.input
    assert json.loads(found) == wanted


def test_a_field_is_named_alone_or_with_what_is_around_it() -> None:
    value = {"card": 1, "customer": {"card": 2, "x": [{"card": 3}]}, "shop": {"card": 4}, "none": None}

    assert Mask(["customer.card", "none"])(value) == {
        "card": 1,
        "customer": {"card": "***", "x": [{"card": 3}]},
        "shop": {"card": 4},
        "none": None,
    }
    assert Mask(["card"])(value)["customer"]["x"] == [{"card": "***"}]
