"""Timeouts fire although no worker is alive: beat's sweeper looks after them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_celery import CeleryTestSetup, CeleryTestWorker

from tests.e2e.flow import Flow, attempts, statuses, wait_for, waiting
from workflows.builder import Part, simple, wait
from workflows.status import TaskStatus, WorkflowStatus

RELEASE = Path("/nowhere/release")
TWO_SECONDS: dict[str, Any] = {"timeoutSeconds": 2, "responseTimeoutSeconds": 2}
"""Shorter than a lease, or the sweeper would find the dead worker first; long enough to kill it in time."""


def held(flow: Flow, release: Path = RELEASE, **limits: Any) -> Part:
    """A task that hangs, with these limits."""
    policy = {"name": "flow.hold", "retryDelaySeconds": 0, **limits}
    given = {"out": str(flow.out), "release": str(release)}
    return simple("flow.hold", ref="held", input=given, task_definition=policy)


@pytest.fixture
def worker(celery_setup: CeleryTestSetup) -> CeleryTestWorker:
    """The only worker, that is to be killed; the next test finds it running again."""
    return celery_setup.worker


def kill_in_the_middle(flow: Flow, worker: CeleryTestWorker) -> None:
    """Kill the worker as soon as the task has begun."""
    wait_for("the task has begun", lambda: flow.lines() and flow.lines()[0].startswith("held 0 begun"))
    worker.kill()


def test_a_task_timeout_that_retries_makes_the_next_attempt(
    flow: Flow, worker: CeleryTestWorker, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    step = held(flow, release, **TWO_SECONDS, timeoutPolicy="RETRY", retryCount=1)
    execution = flow.start(step, flow.mark("after"))
    kill_in_the_middle(flow, worker)

    wait_for(
        "the first attempt has timed out",
        lambda: attempts(execution, "held") == [TaskStatus.TIMED_OUT, TaskStatus.SCHEDULED],
    )
    assert "Task timed out after" in (execution.tasks[0].reason or "")
    Path(f"{release}1").touch()
    worker.restart()

    assert execution.wait(timeout=30).status is WorkflowStatus.COMPLETED
    assert attempts(execution, "held") == [TaskStatus.TIMED_OUT, TaskStatus.COMPLETED]


def test_a_task_timeout_ends_the_execution_where_its_policy_says_so(
    flow: Flow, worker: CeleryTestWorker
) -> None:
    step = held(flow, RELEASE, **TWO_SECONDS, timeoutPolicy="TIME_OUT_WF", retryCount=3)
    execution = flow.start(step, flow.mark("never"))
    kill_in_the_middle(flow, worker)

    assert execution.wait(timeout=10).status is WorkflowStatus.TIMED_OUT
    assert attempts(execution, "held") == [TaskStatus.TIMED_OUT]


def test_a_task_without_a_sign_of_life_is_retried_by_its_response_timeout(
    flow: Flow, worker: CeleryTestWorker
) -> None:
    execution = flow.start(held(flow, responseTimeoutSeconds=2, retryCount=1))
    kill_in_the_middle(flow, worker)

    wait_for("the first attempt has timed out", lambda: len(attempts(execution, "held")) == 2)
    assert execution.tasks[0].status is TaskStatus.TIMED_OUT
    assert (execution.tasks[0].reason or "").startswith("responseTimeout: 2 exceeded")


def test_the_workflows_timeout_ends_it_and_what_it_waits_for(flow: Flow, worker: CeleryTestWorker) -> None:
    rescue = flow.define(wait(ref="decision"))
    execution = flow.start(
        held(flow), timeout_seconds=2, timeout_policy="TIME_OUT_WF", failure_workflow=rescue
    )
    kill_in_the_middle(flow, worker)

    assert execution.wait(timeout=10).status is WorkflowStatus.TIMED_OUT
    assert statuses(execution) == {"held": TaskStatus.CANCELED}
    assert (execution.reason or "").startswith("Workflow timed out after ")
    other = flow.podium.execution(execution.output["conductor.failure_workflow"])
    wait_for("the failure workflow waits", lambda: waiting(other, "decision"))


def test_a_wait_is_over_although_no_worker_lives(flow: Flow, worker: CeleryTestWorker) -> None:
    worker.kill()
    execution = flow.start(wait(duration="1 seconds"), wait(ref="gate"))

    wait_for("the flow has gone on", lambda: waiting(execution, "gate"))

    execution.complete("gate")
    assert execution.status is WorkflowStatus.COMPLETED
