"""Processes that die or stand still in the middle of a step."""

from __future__ import annotations

from pathlib import Path

from pytest_celery import CeleryTestSetup, CeleryTestWorker

from app.runtime.settle import CHILD_LOST, WORKER_LOST
from tests.chaos.faults import pids, send
from tests.e2e.flow import Flow, attempts, wait_for
from tests.e2e.platforms import EMBEDDED_LIKE, QUICK_POSTGRESQL, on
from workflows.builder import Part, fork, simple
from workflows.status import TaskStatus, WorkflowStatus

TWO_MORE = {"name": "any", "retryCount": 2, "retryDelaySeconds": 0}

both = on(EMBEDDED_LIKE, QUICK_POSTGRESQL)


def held(flow: Flow, release: Path, ref: str = "held") -> Part:
    """A step that goes on when its attempt is released."""
    given = {"out": str(flow.out), "release": str(release)}
    return simple("flow.hold", ref=ref, input=given, task_definition=TWO_MORE)


def let_go(release: Path, attempt: int) -> None:
    """Release an attempt."""
    Path(f"{release}{attempt}").touch()


def begun(flow: Flow, attempt: int, ref: str = "held") -> int:
    """Wait until an attempt has begun; the process that runs it."""

    def pid() -> int:
        found = [line for line in flow.lines() if line.startswith(f"{ref} {attempt} begun ")]
        return int(found[0].split()[-1]) if found else 0

    return int(wait_for(f"attempt {attempt} of {ref} has begun", pid))


def worker_of(setup: CeleryTestSetup, pid: int) -> CeleryTestWorker:
    """The worker that has this process."""
    return next(worker for worker in setup.worker_cluster if pid in pids(worker))


@both
def test_a_task_that_kills_its_process_ends_by_its_retry_policy(flow: Flow) -> None:
    poison = simple("chaos.poison", ref="poison", input={"out": str(flow.out)}, task_definition=TWO_MORE)

    execution = flow.run(flow.mark("before"), poison, flow.mark("never"))

    assert execution.status is WorkflowStatus.FAILED
    assert attempts(execution, "poison") == [TaskStatus.FAILED] * 3
    assert {task.reason for task in execution.tasks if task.ref == "poison"} == {CHILD_LOST}
    assert flow.lines() == ["before 0", "poison 0", "poison 1", "poison 2"]
    assert flow.run(flow.mark("after")).status is WorkflowStatus.COMPLETED


@both
def test_a_killed_pool_process_costs_an_attempt_and_nothing_that_was_completed(
    flow: Flow, celery_setup: CeleryTestSetup, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    execution = flow.start(fork([flow.mark("a"), held(flow, release)], [flow.mark("b")]), flow.mark("last"))
    pid = begun(flow, 0)
    send(worker_of(celery_setup, pid), "KILL", pid)
    begun(flow, 1)
    let_go(release, 1)
    execution.wait(timeout=30)

    assert execution.status is WorkflowStatus.COMPLETED
    assert attempts(execution, "held") == [TaskStatus.FAILED, TaskStatus.COMPLETED]
    marks = [line for line in flow.lines() if not line.startswith("held")]
    assert sorted(marks) == ["a 0", "b 0", "last 0"]


@both
def test_the_late_result_of_a_frozen_worker_is_not_written(
    flow: Flow, celery_setup: CeleryTestSetup, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    step = held(flow, release)
    execution = flow.start(step, flow.mark("after", {"attempt": step.output("attempt")}))
    frozen = worker_of(celery_setup, begun(flow, 0))
    stopped = pids(frozen)
    send(frozen, "STOP", *stopped)
    begun(flow, 1)

    let_go(release, 0)
    send(frozen, "CONT", *stopped)
    wait_for("the frozen worker's task has ended", lambda: "Task flow.hold[" in _ends(frozen))
    first = next(task for task in execution.tasks if task.attempt == 0)
    assert (first.status, first.reason, first.output) == (TaskStatus.FAILED, WORKER_LOST, {})
    assert "after 0" not in flow.lines()

    let_go(release, 1)
    assert execution.wait(timeout=30).output == {"ref": "after", "attempt": 1}
    assert attempts(execution, "held") == [TaskStatus.FAILED, TaskStatus.COMPLETED]
    assert flow.lines().count("after 0") == 1


def _ends(worker: CeleryTestWorker) -> str:
    return "\n".join(line for line in worker.logs().splitlines() if " succeeded in " in line)


@on(QUICK_POSTGRESQL)
def test_a_worker_that_was_frozen_works_again(
    flow: Flow, celery_setup: CeleryTestSetup, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    execution = flow.start(held(flow, release))
    frozen = worker_of(celery_setup, begun(flow, 0))
    stopped = pids(frozen)
    send(frozen, "STOP", *stopped)
    other = worker_of(celery_setup, begun(flow, 1))
    send(frozen, "CONT", *stopped)
    other.kill()
    for attempt in (0, 1, 2):
        let_go(release, attempt)

    assert execution.wait(timeout=60).output == {"attempt": 2}
    first, second, third = (task.worker for task in execution.tasks)
    assert first == third != second
    assert flow.run(flow.mark("after")).get("after").worker == first
