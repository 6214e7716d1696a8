"""Limits and domains through real workers: never more than the limit, and nothing is lost with who has a slot."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_celery import CeleryTestSetup, CeleryTestWorker

from app.client import Podium
from tests.e2e.flow import PATIENCE_SECONDS, Flow, wait_for, waiting
from tests.e2e.nodes import process_spec, worker_command
from tests.localcelery.process import LocalProcess
from tests.localcelery.vendors import LocalWorkerContainer, wait_ready
from workflows.builder import Part, fork, simple, wait
from workflows.status import TaskStatus, WorkflowStatus

BRANCHES = 6
LIMIT = 3
"""Less than the processes of both workers, more than those of one."""


@pytest.fixture
def worker(celery_setup: CeleryTestSetup) -> CeleryTestWorker:
    """The only worker, that is to be killed; the next test finds it running again."""
    return celery_setup.worker


@pytest.fixture
def second_worker(podium: Podium, default_worker_env: dict[str, str]) -> Iterator[None]:
    """A worker of the domain `second`: what is sent to it no other one can fetch."""
    command = [*worker_command("second", 2), "-Q", "second:celery"]
    node = LocalWorkerContainer(LocalProcess(process_spec(command, default_worker_env), "second").start())
    wait_ready(node)
    yield
    node._container.remove(force=True)


def held(flow: Flow, ref: str, release: Path, **limit: Any) -> Part:
    """A task that begins, waits until it is released, and is limited."""
    policy = {"name": "flow.hold", "retryDelaySeconds": 0, "retryCount": 5, **limit}
    given = {"out": str(flow.out), "release": str(release)}
    return simple("flow.hold", ref=ref, input=given, task_definition=policy)


def ran_on_both(flow: Flow, release: Path, **limit: Any) -> list[tuple[int, int]]:
    """Run such tasks on both workers by turns; the start and the end of each, in the order of their starts."""
    name = flow.define(held(flow, "held", release, **limit))
    domains = [{}, {"flow.hold": "second"}] * LIMIT
    started = [flow.podium.start(name, task_to_domain=domain) for domain in domains]
    wait_for("as many have begun as may", lambda: len(flow.lines()) >= LIMIT)
    Path(f"{release}0").touch()
    for execution in started:
        assert execution.wait(timeout=PATIENCE_SECONDS).status is WorkflowStatus.COMPLETED
    ran = [execution.get("held") for execution in started]
    hosts = [(task.worker or "").partition("@")[0] for task in ran]
    assert hosts == ["celery_test_worker", "second"] * LIMIT
    return sorted((task.started or 0, task.ended or 0) for task in ran)


def test_no_window_has_more_starts_than_the_rate_allows_over_all_workers(
    flow: Flow, second_worker: None, tmp_path: Path
) -> None:
    rate = {"rateLimitPerFrequency": LIMIT, "rateLimitFrequencyInSeconds": 2}

    ran = ran_on_both(flow, tmp_path / "release", **rate)

    starts = [start for start, _ in ran]
    assert all(later - first >= 2000 for first, later in zip(starts, starts[LIMIT:], strict=False))


def test_as_many_run_at_a_time_as_the_limit_says_over_all_workers(
    flow: Flow, second_worker: None, tmp_path: Path
) -> None:
    ran = ran_on_both(flow, tmp_path / "release", concurrentExecLimit=LIMIT)

    for start, _ in ran:
        assert sum(begun <= start < ended for begun, ended in ran) <= LIMIT


def test_executions_too_many_wait_and_the_one_that_waits_longest_is_next(flow: Flow) -> None:
    config = {"rateLimitKey": "${workflow.input.who}", "concurrentExecLimit": 1, "policy": "QUEUE"}
    name = flow.define(flow.mark("begun"), wait(ref="gate"), rate_limit_config=config)
    first, second, third, fourth = [flow.podium.start(name, {"who": "ada"}) for _ in range(4)]
    other = flow.podium.start(name, {"who": "grace"})
    wait_for("two have begun", lambda: waiting(first, "gate") and waiting(other, "gate"))
    assert second.explain() == "the execution waits for a slot of key 'ada': 1 of 1 run"

    first.complete("gate")
    wait_for("the second has begun", lambda: waiting(second, "gate"))
    third.terminate("nobody waits for it any more")
    assert fourth.tasks == []
    second.terminate("its slot is free then")

    wait_for("the fourth has begun", lambda: waiting(fourth, "gate"))
    for execution in (fourth, other):
        execution.complete("gate")
    ended = [execution.wait(timeout=PATIENCE_SECONDS).status for execution in (first, second, third, fourth)]
    assert [str(status) for status in ended] == ["COMPLETED", "TERMINATED", "TERMINATED", "COMPLETED"]
    assert flow.runs() == flow.runs_of(*["begun 0"] * 4)


def test_one_at_a_time_runs_and_a_killed_worker_gives_its_slot_back(
    flow: Flow, worker: CeleryTestWorker, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    execution = flow.start(
        fork(*[[held(flow, f"b{n}", release, concurrentExecLimit=1)] for n in range(BRANCHES)])
    )
    wait_for("one has begun", lambda: len(flow.lines()) == 1)
    in_line = [task for task in execution.tasks if task.status is TaskStatus.SCHEDULED]
    assert len(in_line) == BRANCHES - 1
    assert "waits for a slot: 1 of 1 run (limit of task flow.hold)" in execution.explain()
    worker.kill()
    for attempt in range(6):
        Path(f"{release}{attempt}").touch()
    worker.restart()

    assert execution.wait(timeout=60).status is WorkflowStatus.COMPLETED
    # The first attempt of the one that was killed begins and never ends.
    begun = [line for line in flow.lines() if " begun " in line]
    assert len(begun) == BRANCHES + 1
    held_for = sorted(
        (task.started, task.ended) for task in execution.tasks if task.name == "flow.hold" and task.started
    )
    assert all(first[1] and first[1] <= second[0] for first, second in itertools.pairwise(held_for))
