"""Sub-workflows: their output, their failure, their retry, their end with the parent."""

from __future__ import annotations

from tests.e2e.flow import Flow, attempts, statuses, wait_for, waiting
from tests.e2e.platforms import everywhere
from workflows.builder import fork, simple, sub_workflow, terminate, wait, workflow_input
from workflows.status import TaskStatus, WorkflowStatus


@everywhere
def test_the_childs_output_is_the_tasks(flow: Flow) -> None:
    child = flow.define(simple("flow.add", ref="add", input={"a": workflow_input("x"), "b": 2}))
    called = sub_workflow(child, ref="child", input={"x": workflow_input("x")})

    execution = flow.run(called, flow.mark("after", {"sum": called.output("sum")}), input={"x": 40})

    task = execution.get("child")
    assert execution.output == {"ref": "after", "sum": 42}
    assert task.output == {"sum": 42, "subWorkflowId": task.sub_workflow_id}
    assert flow.podium.execution(task.sub_workflow_id or "").state.parent_id == execution.id


@everywhere
def test_children_in_a_fork_are_joined(flow: Flow) -> None:
    child = flow.define(flow.mark("work", {"n": workflow_input("n")}), flow.mark("more"))
    branches = [[sub_workflow(child, ref=f"child{n}", input={"n": n})] for n in range(3)]

    execution = flow.run(fork(*branches), flow.mark("last"))

    assert execution.status is WorkflowStatus.COMPLETED
    assert flow.runs() == {"work 0": 3, "more 0": 3, "last 0": 1}
    assert flow.lines()[-1] == "last 0"


def test_a_child_of_a_child_ends_them_all(flow: Flow) -> None:
    inner = flow.define(flow.mark("inner"))
    middle = flow.define(sub_workflow(inner, ref="down"), flow.mark("middle"))

    execution = flow.run(sub_workflow(middle, ref="down"), flow.mark("outer"))

    assert execution.status is WorkflowStatus.COMPLETED
    assert flow.lines() == ["inner 0", "middle 0", "outer 0"]


@everywhere
def test_a_child_that_fails_fails_its_parent_and_says_why(flow: Flow) -> None:
    child = flow.define(simple("flow.decline", ref="pay", input={"out": str(flow.out)}))

    execution = flow.run(sub_workflow(child, ref="child"), flow.mark("never"))

    assert execution.status is WorkflowStatus.FAILED
    assert "the card was declined" in (execution.reason or "")
    assert statuses(execution) == {"child": TaskStatus.FAILED}
    assert flow.runs() == flow.once("pay")


def test_a_retry_starts_a_new_child(flow: Flow) -> None:
    failing = simple("flow.decline", ref="pay", input={"out": str(flow.out)})
    child = flow.define(failing)
    policy = {"name": child, "retryCount": 2, "retryDelaySeconds": 0}

    execution = flow.run(sub_workflow(child, ref="child", task_definition=policy))

    assert execution.status is WorkflowStatus.FAILED
    assert attempts(execution, "child") == [TaskStatus.FAILED] * 3
    children = {task.sub_workflow_id for task in execution.tasks}
    assert len(children) == 3
    assert flow.runs() == {"pay 0": 3}


def test_a_child_that_was_terminated_cancels_its_task(flow: Flow) -> None:
    child = flow.define(terminate("TERMINATED", reason="not today"))

    execution = flow.run(sub_workflow(child, ref="child"))

    assert execution.status is WorkflowStatus.TERMINATED
    assert statuses(execution) == {"child": TaskStatus.CANCELED}


@everywhere
def test_children_end_with_their_parent(flow: Flow) -> None:
    inner = flow.define(wait(ref="inner_gate"))
    child = flow.define(sub_workflow(inner, ref="inner"), flow.mark("never"))
    execution = flow.start(sub_workflow(child, ref="child"))
    first = wait_for("the child runs", lambda: execution.tasks and execution.tasks[0].sub_workflow_id)
    middle = flow.podium.execution(first)
    second = wait_for("its child runs", lambda: middle.tasks and middle.tasks[0].sub_workflow_id)
    leaf = flow.podium.execution(second)
    wait_for("that one waits", lambda: waiting(leaf, "inner_gate"))

    execution.terminate("no longer wanted")

    for ended in (execution, middle, leaf):
        assert ended.wait(timeout=10).status is WorkflowStatus.TERMINATED
    assert statuses(leaf) == {"inner_gate": TaskStatus.CANCELED}
    assert "no longer wanted" in (leaf.reason or "")
    assert flow.lines() == []


def test_an_unknown_child_fails_the_task_and_is_named(flow: Flow) -> None:
    gone = f"{flow.define(flow.mark('a'))}-gone"
    task = sub_workflow(gone, ref="child")

    execution = flow.run(task)

    assert execution.status is WorkflowStatus.FAILED
    assert gone in (execution.get("child").reason or "")
