"""Events of real workers, received and acted on by a real `podium events`: to an execution and back."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from app.client import Podium
from tests.e2e.flow import PATIENCE_SECONDS, Flow, attempts, wait_for
from tests.e2e.nodes import LocalEvents, Nodes, events_command, process_spec
from tests.e2e.platforms import EMBEDDED_LIKE, PRODUCTION_LIKE
from workflows.builder import simple, task
from workflows.status import TaskStatus, WorkflowStatus

SINKS = [
    (EMBEDDED_LIKE, "conductor"),
    (EMBEDDED_LIKE, "redis"),
    (PRODUCTION_LIKE, "conductor"),
    (PRODUCTION_LIKE, "amqp_queue"),
]
on_each = pytest.mark.parametrize(
    ("platform", "provider"), SINKS, indirect=["platform"], ids=lambda value: str(value)
)
CHANGES = "onScheduled,onStart,onSuccess,onFailed"


@pytest.fixture
def events(nodes: Nodes, podium: Podium, default_worker_env: dict[str, str]) -> None:
    """A process of `podium events`, kept for all tests of the platform."""
    nodes.get("events", lambda: process_spec(events_command(), default_worker_env), LocalEvents, ready=True)


def handled(flow: Flow, event: str, action: dict[str, Any]) -> str:
    """Register a handler that does an action for each message; its name."""
    name = f"handler-{uuid.uuid4()}"
    flow.podium.put_event_handler({"name": name, "event": event, "active": True, "actions": [action]})
    return name


def starting(workflow: str, *fields: str) -> dict[str, Any]:
    """The action that starts a workflow with these fields of the message."""
    given = {field: f"${{{field}}}" for field in fields}
    start = {"name": workflow, "correlationId": "${order}", "input": given}
    return {"action": "start_workflow", "start_workflow": start}


def tell(name: str, sink: str, **fields: Any) -> Any:
    return task("EVENT", "tell", ref=name, input={"order": "${workflow.input.order}"}, sink=sink, **fields)


@on_each
def test_an_event_starts_a_workflow(flow: Flow, events: None, provider: str) -> None:
    name, sink = f"flow-{uuid.uuid4()}", f"{provider}:paid-{uuid.uuid4()}"
    shipping = flow.define(
        flow.mark(
            "shipped", {"order": "${workflow.input.order}", "by": "${workflow.input.workflowInstanceId}"}
        ),
        output={"is": "${shipped.output}"},
    )
    event = f"conductor:{name}:{sink.partition(':')[2]}" if provider == "conductor" else sink
    handler = handled(flow, event, starting(shipping, "order", "workflowInstanceId"))

    execution = flow.run(tell("tell", sink), flow.mark("after"), name=name, input={"order": "42"})
    wait_for("the handler has acted", lambda: flow.podium.event_executions(handler=handler))
    (started,) = flow.podium.executions(name=shipping)
    ended = flow.podium.execution(started.id).wait(timeout=PATIENCE_SECONDS)

    assert execution.status is WorkflowStatus.COMPLETED
    assert execution.get("tell").output["event_produced"] == event
    assert (ended.status, ended.correlation_id) == (WorkflowStatus.COMPLETED, "42")
    assert ended.output["is"]["order"] == "42"
    assert ended.output["is"]["by"] == execution.id
    assert flow.runs() == flow.once("after", "shipped")


@on_each
def test_an_event_that_waits_is_completed_by_who_receives_it(flow: Flow, events: None, provider: str) -> None:
    name, sink = f"flow-{uuid.uuid4()}", f"{provider}:asked-{uuid.uuid4()}"
    event = f"conductor:{name}:{sink.partition(':')[2]}" if provider == "conductor" else sink
    details = {
        "workflowId": "${workflowInstanceId}",
        "taskRefName": "ask",
        "output": {"answer": "yes to ${order}"},
    }
    handled(flow, event, {"action": "complete_task", "complete_task": details})

    execution = flow.run(
        tell("ask", sink, async_complete=True),
        flow.mark("after", {"answer": "${ask.output.answer}"}),
        name=name,
        input={"order": "42"},
    )

    assert execution.status is WorkflowStatus.COMPLETED
    assert execution.get("after").output["answer"] == "yes to 42"


@on_each
def test_each_change_of_a_task_is_told_once_and_starts_a_workflow(
    flow: Flow, events: None, provider: str
) -> None:
    sink = f"{provider}:changed-{uuid.uuid4()}"
    told = flow.define(flow.mark("told"), output={"is": "${workflow.input}"})
    fields = ("order", "stateChange", "status", "referenceTaskName", "workflowInstanceId")
    handler = handled(flow, sink, starting(told, *fields))
    flaky = simple(
        "flow.fail",
        ref="flaky",
        input={"out": str(flow.out), "times": 1},
        task_definition={"name": "flow.fail", "retryCount": 1, "retryDelaySeconds": 0},
        on_state_change={CHANGES: [{"type": sink, "payload": {"order": "${workflow.input.order}"}}]},
    )

    execution = flow.run(flaky, input={"order": "42"})
    wait_for("all is told", lambda: len(flow.podium.event_executions(handler=handler)) == 6)

    assert attempts(execution, "flaky") == [TaskStatus.FAILED, TaskStatus.COMPLETED]
    outputs = [
        flow.podium.execution(state.id).wait(timeout=PATIENCE_SECONDS).output["is"]
        for state in flow.podium.executions(name=told)
    ]
    assert {(one["order"], one["referenceTaskName"], one["workflowInstanceId"]) for one in outputs} == {
        ("42", "flaky", execution.id)
    }
    assert sorted((one["stateChange"], one["status"]) for one in outputs) == [
        ("onFailed", "FAILED"),
        ("onScheduled", "SCHEDULED"),
        ("onScheduled", "SCHEDULED"),
        ("onStart", "IN_PROGRESS"),
        ("onStart", "IN_PROGRESS"),
        ("onSuccess", "COMPLETED"),
    ]
