"""A sub-workflow with an idempotency key runs once, whoever asks for it, and all who wait for it are told."""

from __future__ import annotations

from typing import Any

import orjson

from app.operations.control import terminate
from app.operations.signal import complete_task
from app.operations.start import start
from app.runtime.starting import start_child
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow
from tests.runtime.harness import Harness
from workflows.builder import simple, sub_workflow, wait, workflow
from workflows.model import WorkflowDef
from workflows.operator import Start


def parent(*parts: Any, name: str = "parent", strategy: str | None = None, **fields: Any) -> WorkflowDef:
    """A workflow that runs `child` under the key of its input."""
    document = workflow(name)(*parts, sub_workflow("child", ref="sub", **fields)).to_json()
    document["tasks"][-1]["subWorkflowParam"] |= {"idempotencyKey": "${workflow.input.key}"} | (
        {"idempotencyStrategy": strategy} if strategy else {}
    )
    return WorkflowDef.model_validate(document)


def child(*parts: Any) -> WorkflowDef:
    return workflow("child")(*parts)


def register(harness: Harness, *definitions: WorkflowDef, tasks: Any = ()) -> None:
    harness.register({"workflows": [d.to_json() for d in definitions], "taskDefs": list(tasks)})


def begin(harness: Harness, name: str = "parent", key: Any = "k") -> str:
    execution_id = harness.start(name, {"key": key})
    harness.deliver_all()
    return execution_id


def children(harness: Harness) -> list[WorkflowRow]:
    return [row for row in harness.executions() if row.name == "child"]


def sub(harness: Harness, execution_id: str) -> TaskRow:
    return [row for row in harness.rows(execution_id) if row.ref == "sub"][-1]


def output(row: TaskRow) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(row.output or "{}")
    return found


def test_a_child_is_started_once_for_all_tasks_of_one_key(harness: Harness) -> None:
    register(harness, parent(), child(wait(ref="paid")))

    first, second, other = begin(harness), begin(harness), begin(harness, key="another")

    assert len(children(harness)) == 2
    assert sub(harness, first).sub_workflow_id == sub(harness, second).sub_workflow_id
    assert sub(harness, other).sub_workflow_id != sub(harness, first).sub_workflow_id
    assert {row.idempotency_key for row in children(harness)} == {"k", "another"}


def test_all_who_wait_for_a_child_are_told_of_its_end(harness: Harness) -> None:
    register(harness, parent(), child(wait(ref="paid")))
    waiting = [begin(harness), begin(harness), begin(harness)]

    complete_task(harness.engine, children(harness)[0].id, "paid", {"sum": 5})
    harness.drain()

    assert [harness.execution(one).status for one in waiting] == ["COMPLETED"] * 3
    assert {output(sub(harness, one))["sum"] for one in waiting} == {5}


def test_a_task_takes_what_an_execution_of_its_key_has_ended_with(harness: Harness) -> None:
    register(harness, parent(), child(simple("work", ref="one")))
    first = begin(harness)
    second = begin(harness)

    assert harness.execution(second).status == "COMPLETED"
    assert output(sub(harness, second)) == output(sub(harness, first))
    assert len(children(harness)) == 1


def test_a_child_may_have_been_started_by_somebody_who_waits_for_nothing(harness: Harness) -> None:
    register(harness, parent(), child(wait(ref="paid")))
    started = start(harness.engine, "child", idempotency_key="k")

    waiting = begin(harness)
    complete_task(harness.engine, started, "paid")
    harness.drain()

    assert output(sub(harness, waiting))["subWorkflowId"] == started
    assert harness.execution(waiting).status == "COMPLETED"


def test_the_end_of_one_who_waits_does_not_end_a_child_that_is_not_its_own(harness: Harness) -> None:
    register(harness, parent(), child(wait(ref="paid")))
    owner, guest = begin(harness), begin(harness)

    terminate(harness.engine, guest, "not needed")
    assert children(harness)[0].status == "RUNNING"
    terminate(harness.engine, owner, "not needed either")

    assert children(harness)[0].status == "TERMINATED"


def test_another_attempt_starts_another_child_where_the_first_did_not_complete(harness: Harness) -> None:
    again = {"name": "child", "retryCount": 1, "retryDelaySeconds": 0}
    register(harness, parent(), child(simple("fatal", ref="one")), tasks=[again])

    execution_id = begin(harness)
    harness.drain()

    assert harness.execution(execution_id).status == "FAILED"
    assert len(children(harness)) == 2
    assert [row.attempt for row in harness.rows(execution_id)] == [0, 1]


def test_the_strategy_fail_refuses_a_key_that_was_used(harness: Harness) -> None:
    register(harness, parent(strategy="FAIL"), child(simple("work", ref="one")))
    begin(harness)

    second = begin(harness)

    failed = sub(harness, second)
    assert failed.status == "FAILED_WITH_TERMINAL_ERROR"
    assert failed.reason is not None
    assert "idempotency key 'k' belongs to execution" in failed.reason


def test_the_strategy_fail_on_running_starts_another_once_the_first_has_ended(harness: Harness) -> None:
    register(harness, parent(strategy="FAIL_ON_RUNNING"), child(wait(ref="paid")))
    begin(harness)
    refused = begin(harness)
    complete_task(harness.engine, children(harness)[0].id, "paid")
    harness.drain()

    taken = begin(harness)

    assert harness.execution(refused).status == "FAILED"
    assert harness.execution(taken).status == "RUNNING"
    assert len(children(harness)) == 2


def test_a_task_does_not_wait_for_an_execution_that_waits_for_it(harness: Harness) -> None:
    ask = {
        "name": "ask",
        "taskReferenceName": "ask",
        "type": "SUB_WORKFLOW",
        "subWorkflowParam": {"name": "${workflow.input.next}", "idempotencyKey": "same"},
    }
    register(harness, WorkflowDef.model_validate({"name": "circle", "tasks": [ask]}))

    execution_id = start(harness.engine, "circle", {"next": "circle"}, idempotency_key="same")
    harness.drain()

    assert harness.execution(execution_id).status == "FAILED"
    assert "waits for this task itself" in (harness.execution(execution_id).reason or "")


def test_a_task_that_does_not_wait_completes_with_the_id_of_what_it_started(harness: Harness) -> None:
    register(harness, parent(), child(wait(ref="paid")))
    execution_id = harness.start("parent", {"key": "k"})
    row = harness.live()[0]

    def work(settlement: Any) -> None:
        execution = harness.engine.execution(settlement.session, execution_id)
        assert execution is not None
        start_child(settlement, execution, row, Start("child", wait=False, correlation_id="c"))

    harness.engine.from_outside(work)

    started = children(harness)[0]
    assert (started.parent_id, started.correlation_id) == (None, "c")
    assert output(sub(harness, execution_id)) == {"workflowId": started.id}
    assert harness.execution(execution_id).status == "COMPLETED"
