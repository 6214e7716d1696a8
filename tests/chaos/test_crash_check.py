"""The check that other engines were put through: 40 executions of 5 steps of 50 ms, and something dies after 1 s."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_celery import CeleryTestNode, CeleryTestSetup

from app.client import Execution, Podium
from app.runtime.settle import WORKER_LOST
from tests.chaos.faults import lose
from tests.e2e.flow import wait_for
from tests.e2e.platforms import EMBEDDED_LIKE, QUICK_POSTGRESQL, Platform, on
from workflows.builder import simple, workflow
from workflows.status import TaskStatus, WorkflowStatus

EXECUTIONS = 40
REFS = tuple(f"step{number}" for number in range(1, 6))
LIMIT_SECONDS = 10.0


class Check:
    """The executions of one check, and what their steps wrote down."""

    def __init__(self, podium: Podium, out: Path, report: Callable[[str], None]) -> None:
        self._podium, self._out, self._report = podium, out, report
        self.executions: list[Execution] = []

    def run(self, incident: Callable[[], None]) -> None:
        """Start all, have something happen after a second, wait for all; at most 10 s may pass from then.

        A broker's own start is not counted: RabbitMQ needs some 5 s for it.
        """
        steps = [simple("chaos.step", ref=ref, input={"out": str(self._out)}) for ref in REFS]
        self._podium.register(workflow("crash_check")(*steps))
        began = time.monotonic()
        self.executions = [self._podium.start("crash_check") for _ in range(EXECUTIONS)]
        wait_for("a second has passed", lambda: time.monotonic() - began >= 1)
        struck = time.monotonic()
        open_then = self.open()
        incident()
        down = time.monotonic() - struck
        wait_for("all have ended", lambda: not self.open(), 60)
        took = time.monotonic() - struck
        self._report(
            f"{open_then} of {EXECUTIONS} were open; all ended {took:.1f} s later"
            + (f", the broker was away for {down:.1f} s of them" if down > 0.5 else "")
        )
        assert open_then > 0
        assert took - down < LIMIT_SECONDS

    def open(self) -> int:
        """How many executions have not ended."""
        return len(self._podium.executions(status="RUNNING", limit=EXECUTIONS))

    def begun(self) -> Counter[tuple[str, str, int]]:
        """How often each attempt's work has begun, by (execution, reference, attempt)."""
        rows = [line.split() for line in self._out.read_text().splitlines()]
        return Counter((execution, ref, int(attempt)) for execution, ref, attempt, _pid in rows)

    def reasons(self) -> Counter[str | None]:
        """Why attempts failed."""
        return Counter(task.reason for e in self.executions for task in e.tasks if task.retried)

    def judge(self) -> None:
        """All have completed, and no step that was completed has run again."""
        begun = self.begun()
        assert {count for count in begun.values()} == {1}
        latest: dict[tuple[str, str], int] = {}
        for execution_id, ref, attempt in begun:
            latest[execution_id, ref] = max(attempt, latest.get((execution_id, ref), 0))
        for execution in self.executions:
            assert execution.status is WorkflowStatus.COMPLETED
            completed = [task for task in execution.tasks if task.status is TaskStatus.COMPLETED]
            assert [task.ref for task in completed] == list(REFS)
            assert all(latest[execution.id, task.ref] == task.attempt for task in completed)


@pytest.fixture
def check(
    podium: Podium, tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> Check:
    """The check on this test's cluster; its times are shown."""

    def report(line: str) -> None:
        with capsys.disabled():
            print(f"\n{request.node.name}: {line}")

    return Check(podium, tmp_path / "begun", report)


def test_a_worker_is_killed_and_not_restarted(check: Check, celery_setup: CeleryTestSetup) -> None:
    check.run(celery_setup.worker_cluster[1].kill)

    check.judge()
    assert check.reasons()[WORKER_LOST] > 0


def test_the_broker_is_killed_and_comes_back_empty(
    check: Check, broker: CeleryTestNode, platform: Platform
) -> None:
    check.run(lambda: lose(broker, platform))

    check.judge()


class TestDatabaseThatLosesAnswers:
    """Of each pool process every 20th commit is carried out and answered with an error."""

    @pytest.fixture
    def fault_log(self, tmp_path: Path) -> Path:
        """A line for each commit whose answer was lost."""
        return tmp_path / "lost-answers"

    @pytest.fixture
    def default_worker_env(self, default_worker_env: dict[str, str], fault_log: Path) -> dict[str, str]:
        """Workers with the fault."""
        return {**default_worker_env, "CHAOS_FAULT_EVERY": "20", "CHAOS_FAULT_LOG": str(fault_log)}

    @on(EMBEDDED_LIKE, QUICK_POSTGRESQL)
    def test_a_worker_is_killed_and_not_restarted(
        self, check: Check, celery_setup: CeleryTestSetup, fault_log: Path
    ) -> None:
        check.run(celery_setup.worker_cluster[1].kill)

        check.judge()
        assert len(fault_log.read_text().splitlines()) >= 5
