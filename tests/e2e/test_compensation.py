"""What an execution that fails had done is undone, by workers of any kind."""

from __future__ import annotations

from app.client import Execution
from tests.e2e.flow import Flow, attempts, statuses, wait_for
from tests.e2e.platforms import everywhere
from workflows.builder import Part, fork, simple, sub_workflow, workflow_input
from workflows.status import TaskStatus, WorkflowStatus

PATIENCE_SECONDS = 30.0


def done(flow: Flow, ref: str) -> Part:
    """A task that marks that it ran, and another one that undoes it."""
    undo = flow.mark(f"undo_{ref}", {"undoes": f"${{{ref}.output.ref}}", "n": workflow_input("n")})
    return flow.mark(ref, compensation=[undo])


def declined(flow: Flow) -> Part:
    """A task that fails for good."""
    return simple("flow.decline", ref="declined", input={"out": str(flow.out)})


def undoing(execution: Execution) -> Execution:
    """The compensation of an execution that has ended."""
    found = execution.compensation
    assert found is not None
    return found


@everywhere
def test_completed_tasks_are_undone_the_last_first_through_sub_workflows_and_branches(flow: Flow) -> None:
    child = flow.define(done(flow, "x"), done(flow, "y"))
    both = fork([done(flow, "b")], [done(flow, "c")])

    execution = flow.run(
        done(flow, "a"),
        both,
        sub_workflow(child, ref="child"),
        declined(flow),
        done(flow, "never"),
        input={"n": 7},
    )

    compensation = undoing(execution)
    assert execution.status is WorkflowStatus.FAILED
    assert execution.output["podium.compensation"] == compensation.id
    assert compensation.wait(timeout=PATIENCE_SECONDS).status is WorkflowStatus.COMPLETED
    lines = [line for line in flow.lines() if line.startswith("undo_")]
    assert lines[:2] == ["undo_y 0", "undo_x 0"]
    assert sorted(lines[2:4]) == ["undo_b 0", "undo_c 0"]
    assert lines[4:] == ["undo_a 0"]
    assert compensation.get("undo_a").output == {"ref": "undo_a", "undoes": "a", "n": 7}


def test_what_fails_in_the_end_waits_for_a_person_and_a_termination_is_undone_too(flow: Flow) -> None:
    once = {"name": "flow.fail", "retryCount": 1, "retryDelaySeconds": 0}
    broken = simple("flow.fail", ref="undo_b", input={"out": str(flow.out)}, task_definition=once)
    outside = simple("elsewhere.scan", ref="scan")
    execution = flow.start(done(flow, "a"), flow.mark("b", compensation=[broken]), outside, input={"n": 1})
    wait_for("b has ended", lambda: "scan" in statuses(execution))

    execution.terminate("the customer has called")
    compensation = undoing(execution)
    wait_for("a person is waited for", lambda: "HUMAN" in [task.type for task in compensation.tasks])

    assert "undo_b waits for a person" in execution.explain()
    compensation.complete("undo_b", {"by": "Ada"}, actor="ada")
    assert compensation.wait(timeout=PATIENCE_SECONDS).status is WorkflowStatus.COMPLETED
    assert attempts(compensation, "undo_b") == [TaskStatus.FAILED, TaskStatus.FAILED, TaskStatus.COMPLETED]
    assert statuses(compensation)["undo_a"] is TaskStatus.COMPLETED
