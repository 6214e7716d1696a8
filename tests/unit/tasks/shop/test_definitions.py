"""The shop's definitions fit its tasks: names, task definitions, parameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tasks.shop
import workflows
from app.celery import app
from workflows.loading import load
from workflows.model import WorkflowDef, WorkflowTask
from workflows.operator import Done, Step, operator_of
from workflows.validation import validate

FOLDER = Path(workflows.__file__).parent / "definitions"
WORKFLOWS = ("order_fulfillment", "ship_parcels", "order_cancellation")


def definition(name: str) -> WorkflowDef:
    return load(FOLDER / f"{name}.json").workflow


def every_task(tasks: list[WorkflowTask]) -> Iterator[WorkflowTask]:
    for task in tasks:
        yield task
        inside = (*task.decision_cases.values(), task.default_case, *task.fork_tasks, task.loop_over)
        for below in (*inside, task.compensation):
            yield from every_task(below)


TASK_DEFS = {task_def.name: task_def for task_def in load(FOLDER / "shop_tasks.json").tasks}
WORKER_TASKS = [
    task for name in WORKFLOWS for task in every_task(definition(name).tasks) if task.type == "SIMPLE"
]


@pytest.mark.parametrize("task", WORKER_TASKS, ids=lambda task: task.task_reference_name)
def test_a_worker_task_is_called_with_the_parameters_that_it_takes(task: WorkflowTask) -> None:
    assert tasks.shop.__all__
    signature = inspect.signature(app.tasks[task.name].run)

    signature.bind(**task.input_parameters)


def test_each_worker_task_has_a_task_definition_and_the_other_way_round() -> None:
    registered = {name for name in app.tasks if name.startswith("shop.")}

    assert set(TASK_DEFS) == registered == {task.name for task in WORKER_TASKS}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_definition_has_no_findings(name: str) -> None:
    findings = validate(
        definition(name),
        find_workflow=lambda name, _: definition(name),
        find_task_def=TASK_DEFS.get,
    )

    assert findings == []


def answer(name: str, ref: str, **values: Any) -> Any:
    """What an INLINE or JSON_JQ_TRANSFORM of a definition makes of these values of its inputs."""
    task = next(task for task in every_task(definition(name).tasks) if task.task_reference_name == ref)
    given = {**task.input_parameters, **values}
    operator = operator_of(task.type)
    outcome = operator.run(Step(ref, task, operator.spec.model_validate(task.to_json()), given))
    assert isinstance(outcome, Done), outcome
    return outcome.output["result"]


LINES = [
    {"sku": "beans-1kg", "qty": 2, "unit_cents": 2_400, "warehouse": "north"},
    {"sku": "grinder", "qty": 1, "unit_cents": 24_900, "warehouse": "south"},
    {"sku": "filter-papers", "qty": 3, "unit_cents": 490, "warehouse": "north"},
]


def test_the_total_is_the_goods_and_shipping_up_to_the_free_limit() -> None:
    small = answer("order_fulfillment", "totals", lines=LINES[:1])
    large = answer("order_fulfillment", "totals", lines=LINES)

    assert small == {"goods_cents": 4_800, "shipping_cents": 590, "total_cents": 5_390}
    assert large == {"goods_cents": 31_170, "shipping_cents": 0, "total_cents": 31_170}


def test_goods_of_one_warehouse_go_into_one_parcel() -> None:
    assert answer("order_fulfillment", "parcels", lines=LINES) == [
        {"warehouse": "north", "skus": ["beans-1kg", "filter-papers"]},
        {"warehouse": "south", "skus": ["grinder"]},
    ]


def test_tracking_numbers_are_in_the_order_of_the_parcels() -> None:
    iterations = {str(n): {"hand_over": {"tracking": f"T{n}"}, "label": {}} for n in (10, 2, 1)}

    numbers = answer("ship_parcels", "tracking", parcels={"iteration": 10, "loopIndex": 9, **iterations})

    assert numbers == ["T1", "T2", "T10"]


def test_the_summary_counts_pieces_and_parcels() -> None:
    summary = answer(
        "order_fulfillment", "summary", lines=LINES, totals={"total_cents": 31_170}, tracking=["T1", "T2"]
    )

    assert summary == {"pieces": 6, "parcels": 2, "total": "311.7 EUR"}


def test_the_workflows_that_the_shop_starts_by_name_are_there() -> None:
    tasks = list(every_task(definition("order_fulfillment").tasks))

    started = [task.sub_workflow_param for task in tasks if task.sub_workflow_param is not None]

    wanted = [definition("order_cancellation"), definition("ship_parcels")]
    assert [(param.name, param.version) for param in started] == [(d.name, d.version) for d in wanted]


def test_what_takes_goods_or_money_is_undone() -> None:
    undone = {
        task.task_reference_name: [undo.name for undo in task.compensation]
        for task in every_task(definition("order_fulfillment").tasks)
        if task.compensation
    }

    assert undone == {
        "validate": ["order_cancellation"],
        "reserve": ["shop.release_stock"],
        "charge": ["shop.refund_payment"],
    }
