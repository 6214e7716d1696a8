"""The shop's definitions fit its tasks: names, task definitions, parameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import tasks.shop
import workflows
from app.celery import app
from workflows.loading import load
from workflows.model import WorkflowDef, WorkflowTask

FOLDER = Path(workflows.__file__).parent / "definitions"
WORKFLOWS = ("order_fulfillment", "ship_parcels", "order_compensation")


def definition(name: str) -> WorkflowDef:
    return load(FOLDER / f"{name}.json").workflow


def every_task(tasks: list[WorkflowTask]) -> Iterator[WorkflowTask]:
    for task in tasks:
        yield task
        for below in (*task.decision_cases.values(), task.default_case, *task.fork_tasks, task.loop_over):
            yield from every_task(below)


WORKER_TASKS = [
    pytest.param(task, id=f"{name}:{task.task_reference_name}")
    for name in WORKFLOWS
    for task in every_task(definition(name).tasks)
    if task.type == "SIMPLE"
]


@pytest.mark.parametrize("task", WORKER_TASKS)
def test_a_worker_task_is_called_with_the_parameters_that_it_takes(task: WorkflowTask) -> None:
    assert tasks.shop.__all__
    signature = inspect.signature(app.tasks[task.name].run)

    signature.bind(**task.input_parameters)


def test_each_worker_task_has_a_task_definition_and_the_other_way_round() -> None:
    defined = {task_def.name for task_def in load(FOLDER / "shop_tasks.json").tasks}
    registered = {name for name in app.tasks if name.startswith("shop.")}

    assert defined == registered == {param.values[0].name for param in WORKER_TASKS}


def test_the_workflows_that_the_shop_starts_by_name_are_there() -> None:
    order = definition("order_fulfillment")
    ship = next(task for task in order.tasks if task.task_reference_name == "ship")

    assert order.failure_workflow == definition("order_compensation").name
    assert ship.sub_workflow_param is not None
    assert ship.sub_workflow_param.name == definition("ship_parcels").name
    assert ship.sub_workflow_param.version == definition("ship_parcels").version
