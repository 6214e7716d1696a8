"""One row that makes trouble does not hold up the others, and is tried again later; on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.runtime import ending, recovery
from tests.runtime.harness import Harness
from workflows.builder import simple, wait, workflow
from workflows.model import WorkflowTimeoutPolicy


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], list[str]]:
    """Makes a function of the sweeper fail for one execution; who it was called for."""

    def arrange(name: str, execution_id: str) -> list[str]:
        real, seen = getattr(recovery, name), []

        def failing(*args: Any) -> Any:
            found = next(str(getattr(a, "workflow_id", "")) for a in args if hasattr(a, "workflow_id"))
            seen.append(found)
            if found == execution_id:
                raise ValueError("poison")
            return real(*args)

        monkeypatch.setattr(recovery, name, failing)
        return seen

    return arrange


def waits(harness: Harness, count: int) -> list[str]:
    harness.register(workflow("flow")(wait(duration="10 seconds")).to_json())
    ids = [harness.start("flow") for _ in range(count)]
    harness.deliver_all()
    return ids


def test_a_timer_that_fails_lets_the_others_ring_and_is_tried_again_a_minute_later(
    harness: Harness, trouble: Callable[[str, str], list[str]]
) -> None:
    poisoned, *others = waits(harness, 4)
    seen = trouble("_act", poisoned)

    harness.advance(10_000)
    assert [harness.execution(id_).status for id_ in others] == ["COMPLETED"] * 3
    assert harness.execution(poisoned).status == "RUNNING"
    tried = seen.count(poisoned)
    for _ in range(5):
        harness.advance(1_000)
    assert seen.count(poisoned) == tried
    harness.advance(60_000)

    assert seen.count(poisoned) > tried


def test_a_timer_that_fails_once_is_only_late(
    harness: Harness, trouble: Callable[[str, str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (poisoned,) = waits(harness, 1)
    with monkeypatch.context():
        trouble("_act", poisoned)
        harness.advance(10_000)
    monkeypatch.undo()

    harness.advance(61_000)

    assert harness.execution(poisoned).status == "COMPLETED"


def test_an_execution_that_can_not_be_timed_out_does_not_keep_others_from_it(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = WorkflowTimeoutPolicy.TIME_OUT_WF
    harness.register(workflow("flow", timeout_seconds=10, timeout_policy=policy)(wait()).to_json())
    ids = [harness.start("flow") for _ in range(3)]
    harness.deliver_all()
    real, tried = ending.timed_out, []

    def failing(settlement: Any, execution: Any, *args: Any) -> None:
        tried.append(execution.id)
        if execution.id == ids[0]:
            raise ValueError("poison")
        real(settlement, execution, *args)

    monkeypatch.setattr(ending, "timed_out", failing)
    for _ in range(5):
        harness.advance(11_000)

    assert [harness.execution(id_).status for id_ in ids] == ["RUNNING", "TIMED_OUT", "TIMED_OUT"]
    assert tried.count(ids[0]) == 1


def test_a_claim_of_a_dead_worker_that_can_not_be_given_up_does_not_keep_the_others(
    harness: Harness, trouble: Callable[[str, str], list[str]]
) -> None:
    harness.register(workflow("flow")(simple("work", ref="step")).to_json())
    ids = [harness.start("flow") for _ in range(3)]
    dead = harness.new_worker()
    harness.alive.remove(dead)
    messages = [harness.wire.take(0) for _ in ids]

    class Died(BaseException):
        pass

    def die(_call: Any) -> None:
        raise Died

    harness.on_call = die
    for message in messages:
        with pytest.raises(Died):
            harness.deliver(message, dead)
    harness.on_call = None
    trouble("lost", ids[0])
    for _ in range(40):
        harness.advance(1_000)
        harness.deliver_all()

    assert [harness.execution(id_).status for id_ in ids] == ["RUNNING", "COMPLETED", "COMPLETED"]
