"""A timeout that only alerts takes nothing from what goes on, and says it once; on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from app.operations import control, outside
from app.operations.outside import ResultStatus, TaskResult
from tests.runtime.harness import Harness
from tests.runtime.test_control import statuses
from workflows.builder import Part, fork, simple, wait, workflow

ALERT = {"timeoutSeconds": 10, "responseTimeoutSeconds": 10, "timeoutPolicy": "ALERT_ONLY"}


def begun(harness: Harness, *parts: Part, policy: dict[str, Any]) -> str:
    document = workflow("flow")(*parts).to_json()
    for task in document["tasks"]:
        if task["type"] in ("WAIT", "JOIN"):
            task["taskDefinition"] = {"name": task["name"], **policy}
    harness.register({"workflows": [document]})
    execution_id = harness.start("flow")
    harness.deliver_all()
    return execution_id


def test_a_wait_is_over_at_its_time_though_its_timeout_has_alerted_before(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    execution_id = begun(harness, wait(duration="30 seconds"), policy=ALERT)

    harness.advance(10_000)
    assert caplog.text.count("Task timed out after 10 seconds") == 1
    assert statuses(harness, execution_id) == {"wait": "IN_PROGRESS"}
    harness.advance(19_000)
    assert statuses(harness, execution_id) == {"wait": "IN_PROGRESS"}
    harness.advance(1_000)

    assert harness.execution(execution_id).status == "COMPLETED"
    assert caplog.text.count("timed out") == 1


def test_both_timeouts_of_a_wait_alert_and_it_still_ends_at_its_time(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    policy = {**ALERT, "totalTimeoutSeconds": 20}
    execution_id = begun(harness, wait(duration="30 seconds"), policy=policy)

    for _ in range(2):
        harness.advance(10_000)
    assert caplog.text.count("Task timed out after 10 seconds") == 1
    assert caplog.text.count("exceeded total timeout of 20 seconds") == 1
    harness.advance(10_000)

    assert harness.execution(execution_id).status == "COMPLETED"


def test_a_wait_that_was_paused_beyond_its_alert_still_ends(harness: Harness) -> None:
    execution_id = begun(harness, wait(duration="30 seconds"), policy=ALERT)
    control.pause(harness.engine, execution_id)
    harness.advance(40_000)
    control.resume(harness.engine, execution_id)

    for _ in range(3):
        harness.advance(10_000)

    assert harness.execution(execution_id).status == "COMPLETED"


def test_a_wait_for_somebody_alerts_and_waits_on(harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
    execution_id = begun(harness, wait(), policy=ALERT)

    for _ in range(4):
        harness.advance(10_000)

    assert caplog.text.count("timed out") == 1
    assert statuses(harness, execution_id) == {"wait": "IN_PROGRESS"}


def test_a_worker_that_gives_signs_of_life_after_an_alert_is_alerted_of_once_and_completes(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    slow = {**ALERT, "totalTimeoutSeconds": 20}
    part = simple("elsewhere", ref="a", task_definition={"name": "elsewhere", **slow})
    execution_id = begun(harness, part, policy={})
    (task,) = outside.hand_out(harness.engine, "elsewhere", "w")

    for _ in range(6):
        harness.advance(5_000)
        outside.update(harness.engine, TaskResult(task.row.id, ResultStatus.IN_PROGRESS, extend_lease=True))
        harness.advance(1_000)

    assert caplog.text.count("Task timed out after") == 1
    assert caplog.text.count("exceeded total timeout of 20 seconds") == 1
    outside.update(harness.engine, TaskResult(task.row.id, ResultStatus.COMPLETED, {}))
    assert harness.execution(execution_id).status == "COMPLETED"


def test_a_join_that_has_alerted_is_still_asked_when_its_message_is_lost(harness: Harness) -> None:
    execution_id = begun(
        harness, fork([simple("elsewhere", ref="a")], [simple("elsewhere", ref="b")]), policy=ALERT
    )
    harness.advance(10_000)

    (join,) = [row for row in harness.rows(execution_id) if row.ref == "fork_join"]
    assert (join.status, join.wake) == ("IN_PROGRESS", "ask")
