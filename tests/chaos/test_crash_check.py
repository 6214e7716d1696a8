"""The crash check that other engines were put through: 40 executions of 5 steps of 50 ms, and something dies.

Temporal needs 25 s for it, DBOS ends 38 of 40, plain Celery 30.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from app.client import Execution
from tests.chaos.stack import Stack, wait_for
from workflows.builder import simple, workflow
from workflows.status import TaskStatus, WorkflowStatus

EXECUTIONS, STEPS = 40, 5
MakeStack = Callable[..., Stack]


def start_all(stack: Stack, out: Path) -> list[Execution]:
    steps = [simple("chaos.step", ref=f"step{n}", input={"out": str(out)}) for n in range(STEPS)]
    stack.podium.register(workflow("five")(*steps))
    return [stack.podium.start("five") for _ in range(EXECUTIONS)]


def assert_all_ended_once(executions: list[Execution], out: Path) -> None:
    """Every execution completed, and no step ran again after it had completed."""
    ran = Counter(tuple(line.split()) for line in out.read_text().splitlines())
    assert max(ran.values()) == 1, "an attempt ran twice"
    for execution in executions:
        assert execution.status is WorkflowStatus.COMPLETED
        rows = execution.tasks
        completed = {row.ref: row.attempt for row in rows if row.status is TaskStatus.COMPLETED}
        assert sorted(completed) == [f"step{n}" for n in range(STEPS)]
        for (execution_id, ref, attempt), _count in ran.items():
            if execution_id == execution.id:
                assert int(attempt) <= completed[ref], "a completed step ran again"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_a_worker_that_is_killed_costs_seconds_and_no_execution(make_stack: MakeStack, out: Path) -> None:
    stack = make_stack("tests.chaos.chaos_tasks")
    stack.beat()
    stack.worker("one")
    stack.worker("two")

    began = time.monotonic()
    executions = start_all(stack, out)
    time.sleep(max(0.0, 1 - (time.monotonic() - began)))
    stack.kill("one")
    killed = time.monotonic()
    left = stack.running()
    wait_for("all executions end", lambda: stack.running() == 0, 60)
    took = time.monotonic() - killed

    print(f"\n{left} were running; all {EXECUTIONS} had ended {took:.1f} s after the kill")
    assert left > 0
    assert took < 10
    assert_all_ended_once(executions, out)


def test_a_broker_that_comes_back_empty_loses_no_execution(make_stack: MakeStack, out: Path) -> None:
    stack = make_stack("tests.chaos.chaos_tasks")
    stack.beat()
    stack.worker("one")
    stack.worker("two")

    executions = start_all(stack, out)
    stack.lose_broker()
    left = stack.running()
    wait_for("all executions end", lambda: stack.running() == 0, 60)

    assert left > 0
    assert_all_ended_once(executions, out)


def test_commits_that_are_carried_out_and_answered_with_an_error_do_no_harm(
    make_stack: MakeStack, out: Path
) -> None:
    stack = make_stack("tests.chaos.chaos_tasks")
    stack.beat()
    lying = {"PODIUM_ENV_LIE_EVERY": "7"}
    stack.worker("one", more=lying)
    stack.worker("two", more=lying)

    executions = start_all(stack, out)
    wait_for("all executions end", lambda: stack.running() == 0, 60)

    assert_all_ended_once(executions, out)


def test_a_task_that_kills_its_process_ends_by_its_retry_policy(make_stack: MakeStack, out: Path) -> None:
    stack = make_stack("tests.chaos.chaos_tasks")
    stack.beat()
    stack.worker("one")
    poisonous = simple("chaos.poison", ref="poison", input={"out": str(out)}, retry_count=2)
    stack.podium.register(workflow("poisoned")(poisonous))

    state = stack.podium.start("poisoned").wait(timeout=60)

    assert state.status is WorkflowStatus.FAILED
    assert "was killed" in (state.reason or "")
    assert out.read_text().splitlines() == ["poison"] * 3
