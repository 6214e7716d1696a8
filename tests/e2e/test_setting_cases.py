"""What each setting of a task, a workflow and a start does on real workers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_celery import CeleryTestNode

from app.client import Execution, Podium
from config.settings import Settings
from tests.e2e.flow import PATIENCE_SECONDS, Flow, attempts, statuses, wait_for, waiting
from tests.e2e.nodes import Nodes, process_spec
from tests.e2e.platforms import EMBEDDED_LIKE, PRODUCTION_LIKE, on
from tests.localcelery.process import LocalProcess
from tests.localcelery.vendors import LocalWorkerContainer
from tests.rest.conftest import serving
from workflows.builder import Part, do_while, fork, simple, task, wait
from workflows.status import TaskStatus, WorkflowStatus

ALERT = {"timeoutSeconds": 1, "responseTimeoutSeconds": 1, "timeoutPolicy": "ALERT_ONLY"}
LATE = {**ALERT, "timeoutPolicy": "RETRY"}


def run(flow: Flow, *tasks: dict[str, Any], given: Any = None, **fields: Any) -> Execution:
    """Run a definition of these tasks to its end."""
    name = f"setting-{len(flow.podium.definitions())}"
    document = {"name": name, "version": 1, "tasks": list(tasks), **fields}
    flow.podium.register(document)
    execution = flow.podium.start(name, given)
    execution.wait(timeout=PATIENCE_SECONDS)
    return execution


def echo(ref: str, value: Any = None, **fields: Any) -> dict[str, Any]:
    given = {} if value is None else {"inputParameters": {"value": value}}
    return {"name": "flow.echo", "taskReferenceName": ref, "type": "SIMPLE", **given, **fields}


# domains


@pytest.fixture
def eu_worker(nodes: Nodes, podium: Podium, default_worker_env: dict[str, str]) -> Iterator[None]:
    """A worker of the domain `eu` alone."""
    command = [
        "celery",
        "-A",
        "app",
        "worker",
        "-n",
        "eu@%h",
        "-c",
        "1",
        "-Q",
        "eu:celery",
        "--without-mingle",
    ]
    node = LocalWorkerContainer(LocalProcess(process_spec(command, default_worker_env), "eu").start())
    wait_for(
        "the worker of the domain is known", lambda: any("eu:celery" in w.queues for w in podium.workers())
    )
    yield
    node._container.remove(force=True)


def test_tasks_of_a_domain_run_on_its_worker_and_on_no_other(flow: Flow, eu_worker: None) -> None:
    name = flow.define(
        flow.mark("near"), simple("flow.echo", ref="far", input={"value": {"n": 1}}), flow.mark("last")
    )

    execution = flow.podium.start(name, task_to_domain={"flow.echo": "eu"})
    execution.wait(timeout=PATIENCE_SECONDS)

    ran_on = {one.ref: (one.worker or "").partition("@")[0] for one in execution.tasks}
    assert ran_on == {"near": "celery_test_worker", "far": "eu", "last": "celery_test_worker"}


def test_a_domain_that_nobody_serves_is_waited_for_and_named(flow: Flow) -> None:
    execution = flow.podium.start(flow.define(flow.mark("far")), task_to_domain={"*": "mars"})

    assert "no worker listens on queue mars:celery" in execution.explain()
    execution.terminate()


# rateLimitConfig


REJECT = {
    "name": "one-at-a-time",
    "version": 1,
    "rateLimitConfig": {
        "rateLimitKey": "${workflow.input.who}",
        "concurrentExecLimit": 1,
        "policy": "REJECT",
    },
    "tasks": [{"name": "gate", "taskReferenceName": "gate", "type": "WAIT"}],
}


@on(EMBEDDED_LIKE)
def test_an_execution_too_many_is_refused_over_rest_and_on_the_command_line(
    flow: Flow, settings: Settings, default_worker_env: dict[str, str]
) -> None:
    flow.podium.register(REJECT)
    first = flow.podium.start("one-at-a-time", {"who": "ada"})

    def by_command() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "app.cli", "start", "one-at-a-time", "--input", '{"who": "ada"}']
        environment = {**os.environ, **default_worker_env}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    with serving(settings) as (_, url):
        body = {"name": "one-at-a-time", "input": {"who": "ada"}}
        refused = httpx.post(f"{url}/api/workflow", json=body)
        other = httpx.post(f"{url}/api/workflow", json={**body, "input": {"who": "grace"}})
        refused_by_command = by_command()
        first.complete("gate")
        accepted = httpx.post(f"{url}/api/workflow", json=body)

    assert (refused.status_code, other.status_code, accepted.status_code) == (409, 200, 200)
    assert "policy REJECT" in refused.json()["message"]
    assert refused_by_command.returncode != 0
    assert "policy REJECT" in refused_by_command.stderr
    assert first.status is WorkflowStatus.COMPLETED
    assert len(flow.podium.executions(name="one-at-a-time")) == 3


# priority


@pytest.fixture
def urgent_worker(nodes: Nodes, podium: Podium, default_worker_env: dict[str, str]) -> Iterator[None]:
    """A worker with one process, on a queue that was declared with priorities."""
    environment = {**default_worker_env, "PODIUM_QUEUE_MAX_PRIORITY": "9"}
    command = ["celery", "-A", "app", "worker", "-n", "urgent@%h", "-c", "1", "-Q", "urgent:celery"]
    node = LocalWorkerContainer(LocalProcess(process_spec(command, environment), "urgent").start())
    wait_for(
        "the worker with priorities is known",
        lambda: any("urgent:celery" in w.queues for w in podium.workers()),
    )
    yield
    node._container.remove(force=True)


@on(EMBEDDED_LIKE, PRODUCTION_LIKE)
def test_what_is_urgent_overtakes_what_came_before_it(
    flow: Flow, settings: Settings, urgent_worker: None, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    hold = simple("flow.hold", ref="hold", input={"out": str(flow.out), "release": str(release)})
    blocking, low, high = flow.define(hold), flow.define(flow.mark("low")), flow.define(flow.mark("high"))
    domain = {"*": "urgent"}
    with Podium(replace(settings, queue_max_priority=9)) as podium:
        first = podium.start(blocking, task_to_domain=domain)
        wait_for("the worker is busy", lambda: flow.lines())
        started = [podium.start(low, task_to_domain=domain) for _ in range(10)]
        started.append(podium.start(high, task_to_domain=domain, priority=99))
        Path(f"{release}0").touch()
        for execution in (first, *started):
            execution.wait(timeout=PATIENCE_SECONDS)

    marks = [line for line in flow.lines() if line in ("low 0", "high 0")]
    # What the worker had fetched before can't be overtaken any more.
    assert len(marks) == 11
    assert marks.index("high 0") <= 4


# timeouts


def test_a_timeout_that_only_alerts_changes_nothing(flow: Flow) -> None:
    gate = wait(duration="2 seconds", task_definition={"name": "WAIT", **ALERT})

    execution = flow.run(gate, flow.mark("last"))

    assert execution.status is WorkflowStatus.COMPLETED
    assert statuses(execution)["wait"] is TaskStatus.COMPLETED


@on(EMBEDDED_LIKE)
def test_a_workers_task_beyond_its_timeout_alerts_once_and_completes(
    flow: Flow, celery_beat: CeleryTestNode, tmp_path: Path
) -> None:
    policy = {"name": "flow.hold", "totalTimeoutSeconds": 1, "timeoutPolicy": "ALERT_ONLY"}
    release = tmp_path / "release"
    given = {"out": str(flow.out), "release": str(release)}
    execution = flow.start(
        simple("flow.hold", ref="held", input=given, task_definition=policy), flow.mark("last")
    )
    alert = f"/{execution.get('held').name} exceeded total timeout of 1 seconds"
    wait_for("its timeout is told of", lambda: alert in celery_beat.logs())

    assert waiting(execution, "held")
    Path(f"{release}0").touch()

    assert execution.wait(timeout=PATIENCE_SECONDS).status is WorkflowStatus.COMPLETED
    assert attempts(execution, "held") == [TaskStatus.COMPLETED]
    assert celery_beat.logs().count(alert) == 1


@on(EMBEDDED_LIKE)
def test_a_task_that_asks_to_be_called_again_is_overdue_from_its_first_call(flow: Flow) -> None:
    policy = {"name": "flow.poll", **ALERT, "timeoutPolicy": "TIME_OUT_WF"}
    given = {"out": str(flow.out), "times": 1_000}

    execution = flow.run(simple("flow.poll", ref="polled", input=given, task_definition=policy))

    assert execution.status is WorkflowStatus.TIMED_OUT
    assert attempts(execution, "polled") == [TaskStatus.TIMED_OUT]
    assert "Task timed out after 1 seconds" in (execution.tasks[0].reason or "")
    assert len(flow.lines()) >= 2


@on(EMBEDDED_LIKE)
def test_an_outside_workers_task_beyond_its_timeout_alerts_once_and_completes(
    flow: Flow, settings: Settings, celery_beat: CeleryTestNode
) -> None:
    execution = flow.start(
        simple("flow.elsewhere", ref="far", task_definition={"name": "flow.elsewhere", **ALERT}),
        flow.mark("last"),
    )
    far = execution.get("far").id
    alert = f"{far}: Task timed out after "
    result = {"taskId": far, "workflowInstanceId": execution.id}
    with serving(settings) as (_, url):
        polled = httpx.get(f"{url}/api/tasks/poll/flow.elsewhere?workerid=me").json()

        def sign_of_life() -> None:
            going_on = {**result, "status": "IN_PROGRESS", "extendLease": True}
            httpx.post(f"{url}/api/tasks", json=going_on).raise_for_status()

        def alerted() -> bool:
            sign_of_life()
            return alert in celery_beat.logs()

        wait_for("its timeout is told of", alerted)
        began = time.monotonic()

        def went_on() -> bool:
            sign_of_life()
            return time.monotonic() - began > 1

        wait_for("it goes on for long", went_on)
        httpx.post(f"{url}/api/tasks", json={**result, "status": "COMPLETED"}).raise_for_status()

    assert polled["taskId"] == far
    assert execution.wait(timeout=PATIENCE_SECONDS).status is WorkflowStatus.COMPLETED
    assert attempts(execution, "far") == [TaskStatus.COMPLETED]
    assert celery_beat.logs().count(alert) == 1


def test_a_task_that_nobody_polls_in_time_ends_the_execution(flow: Flow) -> None:
    policy = {"name": "flow.nowhere", "pollTimeoutSeconds": 1, "timeoutPolicy": "TIME_OUT_WF"}

    execution = flow.run(simple("flow.nowhere", ref="nowhere", task_definition=policy))

    assert execution.status is WorkflowStatus.TIMED_OUT
    assert "Poll timeout configured as 1 seconds" in (execution.tasks[0].reason or "")


def test_the_total_timeout_counts_over_all_attempts(flow: Flow) -> None:
    policy = {"name": "flow.fail", "retryCount": 100, "retryDelaySeconds": 1, "totalTimeoutSeconds": 2}
    failing = simple("flow.fail", ref="failing", input={"out": str(flow.out)}, task_definition=policy)

    execution = flow.run(failing)

    assert execution.status in (WorkflowStatus.FAILED, WorkflowStatus.TIMED_OUT)
    assert 2 <= len(attempts(execution, "failing")) <= 4


@pytest.mark.parametrize("setting", ["optional", "permissive"])
def test_what_a_join_or_a_loop_that_took_too_long_has_left_open_is_cancelled(
    flow: Flow, setting: str
) -> None:
    branches = fork([flow.mark("quick")], [wait(ref="slow"), flow.mark("never")])
    document = flow.podium.definition(
        flow.define(branches, do_while("true", wait(ref="endless"), ref="loop"), flow.mark("last"))
    ).to_json()
    for each in document["tasks"]:
        if each["type"] in ("JOIN", "DO_WHILE"):
            each |= {setting: True, "taskDefinition": {"name": each["name"], **LATE}}
    flow.podium.register({**document, "version": 2})

    execution = flow.podium.start(document["name"])
    execution.wait(timeout=PATIENCE_SECONDS)

    found = statuses(execution)
    assert (found["slow"], found["endless__1"]) == (TaskStatus.CANCELED, TaskStatus.CANCELED)
    assert flow.runs() == flow.once("quick", "last")
    ended = WorkflowStatus.COMPLETED if setting == "optional" else WorkflowStatus.FAILED
    assert execution.status is ended


# inputs


@on(EMBEDDED_LIKE)
def test_templates_give_inputs_that_are_absent_or_null(flow: Flow) -> None:
    definition = {"name": "flow.echo", "inputTemplate": {"value": {"from": "the task's template"}}}
    execution = run(
        flow,
        echo("absent", taskDefinition=definition),
        echo("null", "${workflow.input.nothing}", taskDefinition=definition),
        echo("given", {"from": "the task"}, taskDefinition=definition),
        echo("whole", ["${workflow.input.a}", "${workflow.input.b}"]),
        given={"a": 1},
        inputTemplate={"a": 9, "b": 2},
    )

    outputs = {one.ref: one.output for one in execution.tasks}
    assert outputs == {
        "absent": {"from": "the task's template"},
        "null": {"from": "the task's template"},
        "given": {"from": "the task"},
        "whole": {"result": [1, 2]},
    }


# idempotency of sub-workflows


def keyed(name: str, ref: str, strategy: str) -> Part:
    param = {"name": name, "idempotencyKey": "${workflow.input.key}", "idempotencyStrategy": strategy}
    return task("SUB_WORKFLOW", "sub", ref=ref, sub_workflow_param=param)


@on(EMBEDDED_LIKE)
def test_sub_workflows_of_one_key_are_one_execution_or_refused(flow: Flow) -> None:
    child = flow.define(flow.mark("work"))
    both = fork([keyed(child, "left", "RETURN_EXISTING")], [keyed(child, "right", "RETURN_EXISTING")])

    execution = flow.run(both, input={"key": "k"})
    refused = flow.run(keyed(child, "third", "FAIL"), input={"key": "k"})

    assert execution.status is WorkflowStatus.COMPLETED
    assert execution.get("left").sub_workflow_id == execution.get("right").sub_workflow_id
    assert flow.runs() == flow.once("work")
    assert refused.status is WorkflowStatus.FAILED


# what waits for people, and what starts others


@on(EMBEDDED_LIKE)
def test_a_human_task_ends_with_what_a_person_gives(flow: Flow) -> None:
    name = "human"
    human = {"name": "review", "taskReferenceName": "review", "type": "HUMAN"}
    flow.podium.register(
        {"name": name, "version": 1, "tasks": [human, echo("after", "${review.output.answer}")]}
    )
    execution = flow.podium.start(name)
    wait_for("it waits for a person", lambda: waiting(execution, "review"))

    execution.complete("review", {"answer": "yes"})

    assert execution.wait(timeout=PATIENCE_SECONDS).output == {"result": "yes"}


@on(EMBEDDED_LIKE)
def test_a_workflow_that_is_started_and_left_goes_its_own_way(flow: Flow) -> None:
    other = flow.define(flow.mark("other"), wait(ref="gate"))
    start = {
        "name": "start",
        "taskReferenceName": "start",
        "type": "START_WORKFLOW",
        "inputParameters": {"startWorkflow": {"name": other, "input": {}}},
    }

    execution = run(flow, start, echo("after", "${start.output.workflowId}"))

    assert execution.status is WorkflowStatus.COMPLETED
    started = flow.podium.execution(execution.output["result"])
    wait_for("the other one has come to its gate", lambda: waiting(started, "gate"))
    assert started.state.parent_id is None
    started.complete("gate")
