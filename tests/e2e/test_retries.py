"""Failed attempts: the delay to the next, and what follows the last."""

from __future__ import annotations

import itertools
from typing import Any

from app.client import Execution
from tests.e2e.flow import Flow, attempts, statuses
from tests.e2e.platforms import everywhere
from workflows.builder import Part, do_while, fork, simple, workflow_input
from workflows.status import TaskStatus, WorkflowStatus

LATE_MS = 1_500
"""How much later than due an attempt may begin on a busy machine."""


def failing(flow: Flow, ref: str, times: int, policy: dict[str, Any], **fields: Any) -> Part:
    """A task that fails that often."""
    definition = {"name": "flow.fail", "responseTimeoutSeconds": 60, **policy}
    given = {"out": str(flow.out), "times": times}
    return simple("flow.fail", ref=ref, input=given, task_definition=definition, **fields)


def pauses(execution: Execution, ref: str) -> list[int]:
    """Milliseconds between the end of each attempt and the start of the next."""
    tasks = sorted((task for task in execution.tasks if task.ref == ref), key=lambda task: task.attempt)
    return [(after.started or 0) - (before.ended or 0) for before, after in itertools.pairwise(tasks)]


def test_each_retry_logic_keeps_its_delays(flow: Flow) -> None:
    once = {"retryCount": 3, "retryDelaySeconds": 1}
    logics = {
        "fixed": ({**once, "retryLogic": "FIXED"}, [1_000, 1_000]),
        "linear": ({**once, "retryLogic": "LINEAR_BACKOFF"}, [1_000, 2_000]),
        "doubled": ({**once, "retryLogic": "EXPONENTIAL_BACKOFF"}, [1_000, 2_000]),
        "capped": ({**once, "retryLogic": "EXPONENTIAL_BACKOFF", "maxRetryDelaySeconds": 1}, [1_000, 1_000]),
    }
    branches = [[failing(flow, ref, 2, policy)] for ref, (policy, _) in logics.items()]

    execution = flow.run(fork(*branches))

    assert execution.status is WorkflowStatus.COMPLETED
    for ref, (_, expected) in logics.items():
        assert attempts(execution, ref) == [TaskStatus.FAILED, TaskStatus.FAILED, TaskStatus.COMPLETED]
        for pause, least in zip(pauses(execution, ref), expected, strict=True):
            assert least <= pause < least + LATE_MS, ref


@everywhere
def test_the_flow_goes_on_from_a_retry_that_succeeds(flow: Flow) -> None:
    policy = {"retryCount": 2, "retryDelaySeconds": 0}
    flaky = failing(flow, "flaky", 2, policy)
    branch = failing(flow, "branch", 1, policy)

    execution = flow.run(
        flaky,
        fork([branch, flow.mark("b")], [flow.mark("c")]),
        flow.mark("last", {"n": flaky.output("attempt")}),
    )

    assert execution.output == {"ref": "last", "n": 2}
    assert flow.runs() == flow.once("flaky", "branch", "b", "c", "last") + flow.runs_of(
        "flaky 1", "flaky 2", "branch 1"
    )


def test_a_retry_in_a_loop_stays_in_its_iteration(flow: Flow) -> None:
    flaky = failing(flow, "flaky", 1, {"retryCount": 1, "retryDelaySeconds": 0})

    flow.run(do_while("$.loop.iteration < 2", flaky))

    assert flow.lines() == ["flaky__1 0", "flaky__1 1", "flaky__2 0", "flaky__2 1"]


@everywhere
def test_the_last_failure_ends_the_execution_and_starts_the_failure_workflow(flow: Flow) -> None:
    rescue = flow.define(flow.mark("rescue", {"id": workflow_input("workflowId")}))
    broken = failing(flow, "broken", 9, {"retryCount": 1, "retryDelaySeconds": 0})

    execution = flow.run(flow.mark("before"), broken, flow.mark("never"), failure_workflow=rescue)

    assert execution.status is WorkflowStatus.FAILED
    assert attempts(execution, "broken") == [TaskStatus.FAILED] * 2
    assert "ValueError: attempt 1 fails" in (execution.reason or "")
    assert execution.state.failed_refs == ("broken",)
    other = flow.podium.execution(execution.output["conductor.failure_workflow"])
    assert other.wait(timeout=30).output == {"ref": "rescue", "id": execution.id}
    assert "never 0" not in flow.lines()


def test_an_optional_task_fails_and_the_flow_goes_on(flow: Flow) -> None:
    broken = failing(flow, "broken", 9, {"retryCount": 1, "retryDelaySeconds": 0}, optional=True)

    execution = flow.run(fork([broken, flow.mark("b")], [flow.mark("c")]), flow.mark("last"))

    assert execution.status is WorkflowStatus.COMPLETED
    assert attempts(execution, "broken") == [TaskStatus.FAILED, TaskStatus.COMPLETED_WITH_ERRORS]
    assert "b 0" in flow.lines()


def test_a_permissive_task_fails_the_execution_at_its_end(flow: Flow) -> None:
    broken = failing(flow, "broken", 9, {"retryCount": 0}, permissive=True)

    execution = flow.run(broken, flow.mark("after"))

    assert execution.status is WorkflowStatus.FAILED
    assert statuses(execution) == {"broken": TaskStatus.FAILED, "after": TaskStatus.COMPLETED}
    assert "ValueError: attempt 0 fails" in (execution.reason or "")


def test_a_failed_branch_cancels_what_the_others_wait_for(flow: Flow) -> None:
    broken = failing(flow, "broken", 9, {"retryCount": 0})
    outside = simple("elsewhere.scan", ref="scan")

    execution = flow.run(fork([outside], [broken]))

    assert execution.status is WorkflowStatus.FAILED
    assert statuses(execution)["scan"] is TaskStatus.CANCELED
