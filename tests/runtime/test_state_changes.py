"""Tasks that send events when their status changes, on both databases."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.operations import control, outside
from app.operations.outside import ResultStatus, TaskResult
from app.store import inbox
from tests.runtime.harness import Harness
from tests.runtime.work import TASK_DEFS
from tests.unit.workflows.parts import found
from workflows.builder import Part, fork, inline, simple, wait, workflow
from workflows.status import WorkflowStatus

ALL = "onScheduled,onStart,onSuccess,onFailed,onCancelled"
AT_ALL = {ALL: [{"type": "told", "payload": {"order": "${workflow.input.order}"}}]}


def start(harness: Harness, *parts: Part) -> str:
    harness.register({"workflows": [workflow("flow")(*parts).to_json()], "taskDefs": TASK_DEFS})
    return harness.start("flow", {"order": 42})


def events(harness: Harness) -> list[dict[str, Any]]:
    """What was told, in its order."""
    rows = harness.store.read(lambda s: inbox.messages_due(s, 2 * harness.now, 100))
    return [orjson.loads(row.payload) for row in sorted(rows, key=lambda row: row.id)]


def told(harness: Harness) -> list[tuple[str, str]]:
    return [(event["referenceTaskName"], event["stateChange"]) for event in events(harness)]


def test_a_task_tells_of_each_change_once(harness: Harness) -> None:
    execution_id = start(
        harness, simple("work", ref="quiet"), simple("work", ref="a", on_state_change=AT_ALL)
    )
    harness.drain()

    assert told(harness) == [("a", "onScheduled"), ("a", "onStart"), ("a", "onSuccess")]
    last = events(harness)[-1]
    assert (last["order"], last["status"], last["workflowInstanceId"]) == (42, "COMPLETED", execution_id)


def test_it_tells_in_one_message_and_in_many(harness: Harness) -> None:
    start(
        harness, *[simple("far" if n % 2 else "work", ref=f"t{n}", on_state_change=AT_ALL) for n in range(4)]
    )
    harness.drain()

    changes = ("onScheduled", "onStart", "onSuccess")
    assert sorted(told(harness)) == sorted((f"t{n}", change) for n in range(4) for change in changes)


def test_branches_of_a_fork_and_operators_tell_too(harness: Harness) -> None:
    start(
        harness,
        fork([simple("work", ref="a", on_state_change=AT_ALL)], [simple("work", ref="b")]),
        inline("1", ref="i", input={}, on_state_change={"onSuccess": AT_ALL[ALL]}),
    )
    harness.drain()

    assert sorted(told(harness)) == [
        ("a", "onScheduled"),
        ("a", "onStart"),
        ("a", "onSuccess"),
        ("i", "onSuccess"),
    ]


def test_the_payload_sees_what_the_task_has_put_out(harness: Harness) -> None:
    event = {"type": "told", "payload": {"n": "${a.output.n}"}}
    execution_id = start(harness, simple("work", ref="a", on_state_change={"onSuccess": [event]}))
    harness.drain()

    (row,) = harness.rows(execution_id)
    assert events(harness)[0]["n"] == orjson.loads(row.output or "")["n"]


def test_each_attempt_that_fails_tells(harness: Harness) -> None:
    start(harness, simple("broken", ref="a", on_state_change={"onFailed": AT_ALL[ALL]}))
    harness.drain()

    assert told(harness) == [("a", "onFailed"), ("a", "onFailed")]


def test_what_is_cancelled_tells(harness: Harness) -> None:
    execution_id = start(harness, wait(ref="w", on_state_change={"onCancelled": AT_ALL[ALL]}))
    harness.deliver_all()
    control.terminate(harness.engine, execution_id)

    assert harness.execution(execution_id).status == WorkflowStatus.TERMINATED
    assert told(harness) == [("w", "onCancelled")]


def test_tasks_of_outside_workers_tell(harness: Harness) -> None:
    start(harness, simple("elsewhere", ref="a", on_state_change=AT_ALL))
    (handed,) = outside.hand_out(harness.engine, "elsewhere", "me")
    outside.update(harness.engine, TaskResult(handed.row.id, ResultStatus.COMPLETED, {}))

    assert told(harness) == [("a", "onScheduled"), ("a", "onStart"), ("a", "onSuccess")]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"onSucces": [{"type": "x"}]}, "unknown-state-change"),
        ({"onStart, onEnd": [{"type": "x"}]}, "unknown-state-change"),
        ({"onStart": [{"type": "pigeon:x"}]}, "state-change-event"),
        ({"onStart": [{"type": "x", "payload": {"a": "${a.[}"}}]}, "malformed-expression"),
    ],
)
def test_what_can_not_be_sent_is_found_before(changes: Any, rule: str) -> None:
    assert [each[:2] for each in found(simple("work", ref="a", on_state_change=changes))] == [("error", rule)]
