"""Limits and domains through real workers: never more than the limit, and nothing is lost with who has a slot."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from pytest_celery import CeleryTestSetup, CeleryTestWorker

from tests.e2e.flow import Flow, wait_for
from workflows.builder import Part, fork, simple
from workflows.status import TaskStatus, WorkflowStatus

BRANCHES = 6


@pytest.fixture
def worker(celery_setup: CeleryTestSetup) -> CeleryTestWorker:
    """The only worker, that is to be killed; the next test finds it running again."""
    return celery_setup.worker


def held(flow: Flow, ref: str, release: Path) -> Part:
    """A task that begins, waits until it is released, and of which one may run at a time."""
    policy = {"name": "flow.hold", "retryDelaySeconds": 0, "retryCount": 5, "concurrentExecLimit": 1}
    given = {"out": str(flow.out), "release": str(release)}
    return simple("flow.hold", ref=ref, input=given, task_definition=policy)


def test_one_at_a_time_runs_and_a_killed_worker_gives_its_slot_back(
    flow: Flow, worker: CeleryTestWorker, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    execution = flow.start(fork(*[[held(flow, f"b{n}", release)] for n in range(BRANCHES)]))
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
