"""Messages to executions, and the tasks that take them, on both databases."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from app.errors import ExecutionNotFound, InvalidInput, TooManyMessages, WrongState
from app.operations import control, retention
from app.operations.history import history
from app.operations.signal import complete_task, send_message
from app.store import messages
from tests.runtime.harness import Harness
from tests.runtime.work import TASK_DEFS
from workflows.builder import Part, do_while, fork, simple, task, wait, workflow
from workflows.status import TaskStatus, WorkflowStatus


def pull(ref: str = "next", **given: Any) -> Part:
    return task("PULL_WORKFLOW_MESSAGES", ref, input=given)


def start(harness: Harness, *parts: Part, name: str = "flow", task_defs: Any = ()) -> str:
    documents = {"workflows": [workflow(name)(*parts).to_json()], "taskDefs": [*TASK_DEFS, *task_defs]}
    harness.register(documents)
    execution_id = harness.start(name)
    harness.deliver_all()
    return execution_id


def send(harness: Harness, execution_id: str, *payloads: Any) -> list[str]:
    sent = [send_message(harness.engine, execution_id, payload) for payload in payloads]
    harness.deliver_all()
    return sent


def taken(harness: Harness, execution_id: str, ref: str = "next") -> list[Any]:
    """The payloads that a task has put out, of all its iterations."""
    rows = [row for row in harness.rows(execution_id) if row.ref == ref and row.output]
    return [one["payload"] for row in rows for one in orjson.loads(row.output or "{}")["messages"]]


def status(harness: Harness, execution_id: str) -> str:
    return harness.execution(execution_id).status


def test_a_task_waits_for_a_message_and_takes_it(harness: Harness) -> None:
    execution_id = start(
        harness, pull(), simple("work", ref="after", input={"got": "${next.output.messages}"})
    )
    assert status(harness, execution_id) == WorkflowStatus.RUNNING

    (message_id,) = send(harness, execution_id, {"add": "tea"})

    assert status(harness, execution_id) == WorkflowStatus.COMPLETED
    after = next(row for row in harness.rows(execution_id) if row.ref == "after")
    assert orjson.loads(after.input)["got"] == [
        {
            "id": message_id,
            "workflowId": execution_id,
            "payload": {"add": "tea"},
            "receivedAt": "2023-11-14T22:13:20.000Z",
        }
    ]


def test_messages_that_came_before_are_taken_in_their_order_and_once(harness: Harness) -> None:
    execution_id = start(harness, wait(ref="w"), pull("a", batchSize=2), pull("b", batchSize=9))
    send(harness, execution_id, {"n": 1}, {"n": 2}, {"n": 3})

    complete_task(harness.engine, execution_id, "w")
    harness.deliver_all()

    assert status(harness, execution_id) == WorkflowStatus.COMPLETED
    assert taken(harness, execution_id, "a") == [{"n": 1}, {"n": 2}]
    assert taken(harness, execution_id, "b") == [{"n": 3}]


def test_a_task_that_does_not_wait_is_done_with_none(harness: Harness) -> None:
    execution_id = start(harness, pull(blocking=False))

    assert status(harness, execution_id) == WorkflowStatus.COMPLETED
    (row,) = harness.rows(execution_id)
    assert orjson.loads(row.output or "") == {"messages": [], "count": 0}


def test_of_two_tasks_that_wait_the_first_takes_the_first_message(harness: Harness) -> None:
    execution_id = start(harness, fork([pull("one")], [pull("two")]))

    send(harness, execution_id, {"n": 1}, {"n": 2})

    assert status(harness, execution_id) == WorkflowStatus.COMPLETED
    assert taken(harness, execution_id, "one") + taken(harness, execution_id, "two") == [{"n": 1}, {"n": 2}]


def test_a_loop_is_a_mailbox(harness: Harness) -> None:
    until_last = "!$.next.messages[0].payload.last"
    execution_id = start(harness, do_while(until_last, pull(), simple("work", ref="do")))

    for n in range(4):
        send(harness, execution_id, {"n": n, "last": n == 3})

    assert status(harness, execution_id) == WorkflowStatus.COMPLETED
    assert [one["n"] for one in taken(harness, execution_id)] == [0, 1, 2, 3]


def test_messages_that_are_sent_at_one_time_are_each_taken_once(harness: Harness) -> None:
    execution_id = start(harness, *[pull(f"p{n}") for n in range(8)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: send_message(harness.engine, execution_id, {"n": n}), range(8)))
    harness.drain()

    found = [one["n"] for n in range(8) for one in taken(harness, execution_id, f"p{n}")]
    assert sorted(found) == list(range(8))


def test_a_task_that_waits_in_vain_times_out(harness: Harness) -> None:
    definition = {"name": "next", "timeoutSeconds": 60, "responseTimeoutSeconds": 30, "retryCount": 0}
    execution_id = start(harness, pull(), task_defs=[definition])

    harness.drain()

    assert status(harness, execution_id) == WorkflowStatus.TIMED_OUT
    assert harness.rows(execution_id)[0].status == TaskStatus.TIMED_OUT


def test_only_an_execution_that_runs_is_sent_messages(harness: Harness) -> None:
    execution_id = start(harness, pull())
    control.pause(harness.engine, execution_id)
    with pytest.raises(WrongState, match="is PAUSED"):
        send_message(harness.engine, execution_id, {})
    control.terminate(harness.engine, execution_id)
    with pytest.raises(WrongState, match="is TERMINATED"):
        send_message(harness.engine, execution_id, {})
    with pytest.raises(ExecutionNotFound):
        send_message(harness.engine, "none", {})
    with pytest.raises(InvalidInput, match="must be a JSON object"):
        send_message(harness.engine, execution_id, ["no object"])  # type: ignore[arg-type]


def test_an_execution_keeps_no_more_messages_than_it_may(harness: Harness) -> None:
    harness.engine.settings = dataclasses.replace(harness.engine.settings, message_limit=2)
    execution_id = start(harness, wait(ref="w"))
    send(harness, execution_id, {}, {})

    with pytest.raises(TooManyMessages, match="has 2 messages"):
        send_message(harness.engine, execution_id, {})


def test_messages_leave_with_their_execution_and_who_sent_them_is_recorded(harness: Harness) -> None:
    execution_id = start(harness, wait(ref="w"))
    send_message(harness.engine, execution_id, {"n": 1}, actor="ann")
    assert ("send_message", "ann") in [(one.what, one.actor) for one in history(harness.engine, execution_id)]

    control.terminate(harness.engine, execution_id)
    retention.remove(harness.engine, execution_id)

    assert harness.store.read(lambda s: messages.count(s, execution_id, 10)) == 0
