"""WAIT: a duration, a moment, somebody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.errors import WrongState
from tests.e2e.flow import Flow, wait_for, waiting
from tests.e2e.platforms import everywhere
from workflows.builder import do_while, fork, wait, workflow_input
from workflows.status import WorkflowStatus


@everywhere
def test_a_wait_lasts_its_duration(flow: Flow) -> None:
    execution = flow.run(wait(duration="1 seconds"), flow.mark("after"))

    task = execution.get("wait")
    assert execution.status is WorkflowStatus.COMPLETED
    assert 1_000 <= (task.ended or 0) - task.scheduled < 3_000
    assert flow.runs() == flow.once("after")


def test_a_wait_ends_at_its_moment(flow: Flow) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)

    execution = flow.run(
        wait(until=workflow_input("until")),
        flow.mark("after"),
        input={"until": moment.strftime("%Y-%m-%dT%H:%M:%SZ")},
    )

    late = (execution.get("wait").ended or 0) - moment.timestamp() * 1000
    assert 0 <= late < 2_000


@everywhere
def test_a_wait_for_somebody_ends_with_what_it_is_given(flow: Flow) -> None:
    gate = wait(ref="gate")
    execution = flow.start(gate, flow.mark("after", {"by": gate.output("by")}))
    wait_for("it waits", lambda: waiting(execution, "gate"))
    assert "gate waits for a signal" in execution.explain()

    execution.complete("gate", {"by": "ada"})

    assert execution.wait(timeout=30).output == {"ref": "after", "by": "ada"}
    with pytest.raises(WrongState):
        execution.complete("gate")


def test_a_signal_ends_a_long_wait_early(flow: Flow) -> None:
    execution = flow.start(wait(duration="2 days"), flow.mark("after"))
    wait_for("it waits", lambda: waiting(execution, "wait"))

    execution.complete("wait")

    assert execution.wait(timeout=30).status is WorkflowStatus.COMPLETED
    assert flow.runs() == flow.once("after")


def test_waits_in_branches_are_joined_when_the_last_is_over(flow: Flow) -> None:
    execution = flow.start(fork([wait(ref="one")], [wait(ref="two"), flow.mark("b")]), flow.mark("last"))
    wait_for("both wait", lambda: waiting(execution, "one") and waiting(execution, "two"))

    execution.complete("two")
    wait_for("the branch has ended", lambda: flow.lines() == ["b 0"])
    assert execution.status is WorkflowStatus.RUNNING
    execution.complete("one")

    assert execution.wait(timeout=30).status is WorkflowStatus.COMPLETED
    assert flow.lines() == ["b 0", "last 0"]


def test_a_loop_waits_in_each_iteration(flow: Flow) -> None:
    execution = flow.start(do_while("$.loop.iteration < 2", wait(ref="gate"), flow.mark("work")))

    for iteration in ("gate__1", "gate__2"):
        wait_for(f"{iteration} waits", lambda ref=iteration: waiting(execution, ref))  # type: ignore[misc]
        execution.complete(iteration)

    execution.wait(timeout=30)
    assert flow.runs() == flow.once("work__1", "work__2")
