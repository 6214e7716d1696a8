"""Executions are done again and tried again from inside of loops, forks, switches and sub-workflows, on real workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.client import Execution
from tests.e2e.flow import PATIENCE_SECONDS, Flow, attempts, statuses
from workflows.builder import Part, do_while, fork, simple, sub_workflow, switch, workflow_input
from workflows.status import TaskStatus, WorkflowStatus


def again(flow: Flow, execution: Execution, task: str) -> list[str]:
    """What runs when the execution is done again from a task on."""
    before = len(flow.lines())
    flow.podium.rerun(execution.id, task, actor="ann")
    execution.wait(timeout=PATIENCE_SECONDS)
    assert execution.status is WorkflowStatus.COMPLETED
    return [line.split()[0] for line in flow.lines()[before:]]


@pytest.fixture
def mended(tmp_path: Path) -> Path:
    """A file: while it is not there, what needs it fails."""
    return tmp_path / "mended"


def needs(flow: Flow, mended: Path, ref: str = "needs") -> Part:
    return simple("flow.needs", ref=ref, input={"out": str(flow.out), "file": str(mended)}, retry_count=0)


def test_from_inside_a_loop_its_later_iterations_and_what_follows_are_done_again(flow: Flow) -> None:
    loop = do_while("$.loop.iteration < 3", flow.mark("a"), flow.mark("b"), ref="loop")
    execution = flow.run(loop, flow.mark("last"))

    assert again(flow, execution, "b__2") == ["b__2", "a__3", "b__3", "last"]
    assert execution.get("loop").output["iteration"] == 3


def test_from_inside_a_branch_only_that_branch_and_what_follows_are_done_again(flow: Flow) -> None:
    branches = fork([flow.mark("a1"), flow.mark("a2"), flow.mark("a3")], [flow.mark("b")])
    execution = flow.run(branches, flow.mark("last"))

    assert again(flow, execution, "a2") == ["a2", "a3", "last"]


def test_from_inside_a_case_of_a_switch_the_case_goes_on_and_what_follows(flow: Flow) -> None:
    chosen = switch(workflow_input("size"), {"big": [flow.mark("big1"), flow.mark("big2")]})
    execution = flow.run(chosen, flow.mark("last"), input={"size": "big"})

    assert again(flow, execution, "big2") == ["big2", "last"]


def test_from_inside_a_branch_in_a_loop_and_a_switch(flow: Flow) -> None:
    body = switch(
        workflow_input("size"), {"big": [fork([flow.mark("x1"), flow.mark("x2")], [flow.mark("y")])]}
    )
    loop = do_while("$.loop.iteration < 2", body, ref="loop")
    execution = flow.run(loop, flow.mark("last"), input={"size": "big"})

    found = again(flow, execution, "x2__1")

    assert found[0] == "x2__1"
    assert sorted(found[1:4]) == ["x1__2", "x2__2", "y__2"]
    assert found[4:] == ["last"]


def test_from_inside_a_sub_workflow_those_above_run_again_and_end_with_it(flow: Flow, mended: Path) -> None:
    inner = flow.define(flow.mark("first"), needs(flow, mended))
    outer = flow.define(sub_workflow(inner, ref="sub"), flow.mark("between"))
    execution = flow.run(sub_workflow(outer, ref="top"), flow.mark("last"))
    assert execution.status is WorkflowStatus.FAILED
    child = flow.podium.execution(execution.get("top").sub_workflow_id or "")
    grandchild = flow.podium.execution(child.get("sub").sub_workflow_id or "")
    mended.touch()

    flow.podium.rerun(grandchild.id, "needs")
    execution.wait(timeout=PATIENCE_SECONDS)

    assert [e.status for e in (grandchild, child, execution)] == [WorkflowStatus.COMPLETED] * 3
    assert execution.get("top").sub_workflow_id == child.id
    assert flow.lines() == ["first 0", "needs 0 failed", "needs 1", "between 0", "last 0"]


def test_a_retry_with_resume_sub_workflow_tasks_goes_on_in_the_same_child(flow: Flow, mended: Path) -> None:
    inner = flow.define(flow.mark("first"), needs(flow, mended))
    execution = flow.run(sub_workflow(inner, ref="sub"), flow.mark("last"))
    child = execution.get("sub").sub_workflow_id
    mended.touch()

    flow.podium.retry(execution.id, resume_sub_workflows=True)

    assert execution.wait(timeout=PATIENCE_SECONDS).status is WorkflowStatus.COMPLETED
    assert execution.get("sub").sub_workflow_id == child
    assert flow.lines() == ["first 0", "needs 0 failed", "needs 1", "last 0"]


def test_a_retry_without_it_starts_a_new_child(flow: Flow, mended: Path) -> None:
    inner = flow.define(flow.mark("first"), needs(flow, mended))
    execution = flow.run(sub_workflow(inner, ref="sub"), flow.mark("last"))
    mended.touch()

    flow.podium.retry(execution.id)

    assert execution.wait(timeout=PATIENCE_SECONDS).status is WorkflowStatus.COMPLETED
    assert attempts(execution, "sub") == [TaskStatus.FAILED, TaskStatus.COMPLETED]
    assert len({task.sub_workflow_id for task in execution.tasks if task.ref == "sub"}) == 2
    assert flow.lines() == ["first 0", "needs 0 failed", "first 0", "needs 0", "last 0"]


def test_a_retry_in_a_fork_in_a_loop_takes_up_what_failed_and_what_was_cancelled(
    flow: Flow, mended: Path
) -> None:
    body = fork([needs(flow, mended)], [flow.mark("beside")])
    execution = flow.run(do_while("$.loop.iteration < 2", body, ref="loop"), flow.mark("last"))
    assert execution.status is WorkflowStatus.FAILED
    mended.touch()

    flow.podium.retry(execution.id)

    assert execution.wait(timeout=PATIENCE_SECONDS).status is WorkflowStatus.COMPLETED
    assert set(statuses(execution).values()) == {TaskStatus.COMPLETED}
    runs = flow.runs()
    assert (runs["needs__1 1"], runs["needs__2 0"], runs["last 0"]) == (1, 1, 1)
