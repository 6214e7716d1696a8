"""What handlers do with messages: conditions, actions, once each."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from app.errors import EventNotFound, WrongState
from app.events.publisher import EventPublisher
from app.events.router import Router
from app.operations import events as operations
from app.store import handlers, inbox
from app.store.handlers import EventExecutionRow
from app.store.inbox import MessageRow
from app.store.unit_of_work import Store
from tests.runtime.harness import Harness
from workflows.builder import simple, wait, workflow
from workflows.status import WorkflowStatus

EVENT = "conductor:order_paid"
START = {
    "action": "start_workflow",
    "start_workflow": {"name": "ship", "input": {"order": "${order.id}"}, "correlationId": "${order.id}"},
}


@pytest.fixture
def router(harness: Harness) -> Router:
    ship, waiting = workflow("ship")(simple("work", ref="a")), workflow("pay")(wait(ref="paid"))
    harness.register({"workflows": [ship.to_json(), waiting.to_json()]})
    return Router(harness.engine)


def _handler(harness: Harness, *actions: dict[str, Any], **fields: Any) -> None:
    document = {"name": "h", "event": EVENT, "active": True, "actions": list(actions), **fields}
    operations.add_handler(harness.engine, document)


def _done(store: Store) -> list[EventExecutionRow]:
    return list(reversed(store.read(lambda s: handlers.page(s, operations.LAST, 100))))


def _message(store: Store) -> MessageRow:
    with store.engine.connect() as connection:
        (row,) = connection.exec_driver_sql("SELECT id FROM event_message").all()
    found = store.read(lambda s: inbox.message(s, row[0]))
    assert found is not None
    return found


def _publish(events: EventPublisher, payload: dict[str, Any], message_id: str = "m1") -> None:
    events.publish(EVENT, payload, message_id)


def test_a_message_starts_an_execution_with_what_it_says(
    harness: Harness, router: Router, events: EventPublisher, store: Store
) -> None:
    _handler(harness, START)
    _publish(events, {"order": {"id": 42}})

    assert router.tick() == 1

    (execution,) = harness.executions()
    assert json.loads(execution.input) == {
        "order": 42,
        "conductor.event.messageId": "m1",
        "conductor.event.name": EVENT,
    }
    assert (execution.event, execution.correlation_id) == (EVENT, "42")
    (done,) = _done(store)
    assert (done.status, done.action, done.handler) == ("COMPLETED", "start_workflow", "h")
    assert json.loads(done.output or "") == {"workflowId": execution.id}
    assert _message(store).status == "HANDLED"
    assert router.tick() == 0
    harness.drain()
    assert harness.execution(execution.id).status == WorkflowStatus.COMPLETED


def test_a_message_that_comes_again_acts_once(
    harness: Harness, router: Router, events: EventPublisher, store: Store
) -> None:
    _handler(harness, START)
    for _ in range(3):
        _publish(events, {"order": {"id": 42}})
        router.tick()

    assert len(harness.executions()) == 1


def test_a_process_that_dies_in_the_middle_leaves_the_rest_to_another(
    harness: Harness, router: Router, events: EventPublisher, store: Store
) -> None:
    _handler(harness, START, START, START)
    _publish(events, {"order": {"id": 42}})

    def die(point: str) -> None:
        if point == "after commit" and len(_done_quietly(store)) == 2:
            raise SystemExit

    store.fault = die
    with pytest.raises(SystemExit):
        router.tick()
    store.fault = lambda _point: None
    assert (len(harness.executions()), router.tick()) == (2, 0)

    harness.now += 31_000
    router.tick()

    assert len(harness.executions()) == 3
    assert [done.position for done in _done(store)] == [0, 1, 2]


def _done_quietly(store: Store) -> list[Any]:
    with store.engine.connect() as connection:
        return list(connection.exec_driver_sql("SELECT id FROM event_execution"))


def test_two_routers_at_one_message_act_once(
    harness: Harness, router: Router, events: EventPublisher, store: Store
) -> None:
    _handler(harness, START)
    for n in range(10):
        _publish(events, {"order": {"id": n}}, f"m{n}")
    barrier = threading.Barrier(2)

    def run() -> None:
        barrier.wait()
        router.tick()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(execution.correlation_id or "" for execution in harness.executions()) == [
        str(n) for n in range(10)
    ]


@pytest.mark.parametrize(
    ("condition", "payload", "acts"),
    [
        ("$.amount > 10", {"amount": 11}, True),
        ("$.amount > 10", {"amount": 9}, False),
        ("$.detail.amount > 10", {"detail": '{"amount": 11}'}, True),
        ("$.amount", {"amount": 1}, True),
        ("'yes'", {}, False),
        ("", {}, True),
    ],
)
def test_a_condition_decides_whether_a_handler_acts(
    harness: Harness,
    router: Router,
    events: EventPublisher,
    store: Store,
    condition: str,
    payload: dict[str, Any],
    acts: bool,
) -> None:
    _handler(harness, START, condition=condition)
    _publish(events, payload)

    router.tick()

    assert [done.status for done in _done(store)] == ["COMPLETED" if acts else "SKIPPED"]
    assert len(harness.executions()) == int(acts)


def test_a_condition_that_throws_is_a_failure_that_is_kept(
    harness: Harness, router: Router, events: EventPublisher, store: Store
) -> None:
    _handler(harness, START, condition="$.order.items.length > 0")
    _publish(events, {"order": {}})

    router.tick()

    (done,) = _done(store)
    assert done.status == "FAILED"
    assert "the condition: TypeError" in (done.reason or "")


def test_strings_that_are_json_are_read_where_the_action_asks_for_it(
    harness: Harness, router: Router, events: EventPublisher
) -> None:
    _handler(harness, START | {"expandInlineJSON": True}, START)
    _publish(events, {"order": '{"id": "7"}'})

    router.tick()

    assert [execution.correlation_id for execution in harness.executions()] == ["7", None]


def test_a_message_completes_the_task_that_it_names(
    harness: Harness, router: Router, events: EventPublisher
) -> None:
    complete = {
        "workflowId": "${execution}",
        "taskRefName": "paid",
        "output": {"amount": "${amount}"},
    }
    _handler(harness, {"action": "complete_task", "complete_task": complete})
    execution_id = harness.start("pay")
    _publish(events, {"execution": execution_id, "amount": 7})

    router.tick()
    harness.drain()

    (row,) = harness.rows(execution_id)
    output = json.loads(row.output or "")
    assert row.status == "COMPLETED"
    assert (output["amount"], output["conductor.event.messageId"]) == (7, "m1")
    assert harness.execution(execution_id).status == WorkflowStatus.COMPLETED


def test_a_message_fails_the_task_whose_id_it_has(
    harness: Harness, router: Router, events: EventPublisher
) -> None:
    fail = {"taskId": "${task}", "reasonForIncompletion": "the bank says ${why}"}
    _handler(harness, {"action": "fail_task", "fail_task": fail})
    execution_id = harness.start("pay")
    (row,) = harness.rows(execution_id)
    _publish(events, {"task": row.id, "why": "no"})

    router.tick()

    (row,) = harness.rows(execution_id)
    assert (row.status, row.reason) == ("FAILED", "the bank says no")
    assert harness.execution(execution_id).status == WorkflowStatus.FAILED


def test_a_message_ends_an_execution(harness: Harness, router: Router, events: EventPublisher) -> None:
    terminate = {"workflowId": "${execution}", "terminationReason": "cancelled by ${who}"}
    _handler(harness, {"action": "terminate_workflow", "terminate_workflow": terminate})
    execution_id = harness.start("pay")
    _publish(events, {"execution": execution_id, "who": "the customer"})

    router.tick()

    execution = harness.execution(execution_id)
    assert (execution.status, execution.reason) == (WorkflowStatus.TERMINATED, "cancelled by the customer")


def test_a_message_changes_variables_and_adds_to_lists(
    harness: Harness, router: Router, events: EventPublisher
) -> None:
    change = {"workflowId": "${execution}", "variables": {"seen": "${n}"}}
    add = {"workflowId": "${execution}", "variables": {"all": ["${n}"]}, "appendArray": True}
    _handler(
        harness,
        {"action": "update_workflow_variables", "update_workflow_variables": change},
        {"action": "update_workflow_variables", "update_workflow_variables": add},
    )
    execution_id = harness.start("pay")

    for n in (1, 2):
        _publish(events, {"execution": execution_id, "n": n}, f"m{n}")
        router.tick()

    assert json.loads(harness.execution(execution_id).variables) == {"seen": 2, "all": [1, 2]}


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ({"action": "start_workflow", "start_workflow": {"name": "shp"}}, "Did you mean 'ship'"),
        (
            {"action": "start_workflow", "start_workflow": {"name": "ship", "version": 7}},
            "version 7",
        ),
        (
            {"action": "complete_task", "complete_task": {"workflowId": "${no}", "taskRefName": "paid"}},
            "the message gives no workflowId",
        ),
        (
            {"action": "terminate_workflow", "terminate_workflow": {"workflowId": "unknown"}},
            "no execution has the id",
        ),
    ],
)
def test_an_action_that_can_not_be_done_is_kept_with_its_reason_and_the_others_are_done(
    harness: Harness, router: Router, events: EventPublisher, store: Store, action: dict[str, Any], why: str
) -> None:
    _handler(harness, action, START)
    _publish(events, {"order": {"id": 1}})

    router.tick()

    failed, completed = _done(store)
    assert (failed.status, completed.status) == ("FAILED", "COMPLETED")
    assert why in (failed.reason or "")
    assert [execution.name for execution in harness.executions()] == ["ship"]


def test_a_failure_is_replayed_once_its_cause_is_gone_and_nothing_else_is_done_again(
    harness: Harness, router: Router, events: EventPublisher, store: Store
) -> None:
    _handler(harness, START, {"action": "start_workflow", "start_workflow": {"name": "later"}})
    _publish(events, {"order": {"id": 1}})
    router.tick()
    completed, failed = _done(store)
    harness.register({"workflows": [workflow("later")(simple("work", ref="a")).to_json()]})

    operations.replay(harness.engine, failed.id, actor="anna")
    router.tick()

    assert [done.status for done in _done(store)] == ["COMPLETED", "COMPLETED"]
    assert sorted(execution.name for execution in harness.executions()) == ["later", "ship"]
    with pytest.raises(WrongState, match="only one that has FAILED"):
        operations.replay(harness.engine, completed.id)
    with pytest.raises(EventNotFound):
        operations.replay(harness.engine, failed.id)


def test_a_condition_that_failed_is_asked_again_by_the_handler_as_it_is_now(
    harness: Harness, router: Router, events: EventPublisher, store: Store
) -> None:
    _handler(harness, START, condition="$.order.items.length > 0")
    _publish(events, {"order": {"id": 1}})
    router.tick()
    (failed,) = _done(store)
    better = operations.get_handler(harness.engine, "h").to_json() | {"condition": "$.order.id > 0"}
    operations.change_handler(harness.engine, better)

    operations.replay(harness.engine, failed.id)
    router.tick()

    assert [done.status for done in _done(store)] == ["COMPLETED"]


def test_only_active_handlers_of_the_event_act(
    harness: Harness, router: Router, events: EventPublisher, store: Store
) -> None:
    _handler(harness, START, active=False)
    _handler(harness, START, name="other", event="conductor:order_packed")
    _publish(events, {"order": {"id": 1}})

    router.tick()

    assert (_done(store), harness.executions(), _message(store).status) == ([], [], "HANDLED")


def test_a_message_nested_beyond_reason_is_given_up_and_stops_nobody(
    harness: Harness, router: Router, events: EventPublisher, store: Store
) -> None:
    _handler(harness, START, condition="true")
    deep: Any = 1
    for _ in range(200):
        deep = {"a": json.dumps(deep)} if len(json.dumps(deep)) < 50_000 else {"a": deep}
    _publish(events, {"order": {"id": 1}, "deep": deep})
    _publish(events, {"order": {"id": 2}}, "m2")

    while router.tick():
        pass

    assert "2" in {execution.correlation_id for execution in harness.executions()}
