"""Versions of a definition, while executions run."""

from __future__ import annotations

import pytest

from app.errors import DefinitionConflict, WorkflowNotFound
from tests.e2e.flow import Flow, wait_for, waiting
from tests.e2e.platforms import everywhere
from workflows.builder import simple, sub_workflow, wait, workflow


@everywhere
def test_a_running_execution_keeps_the_version_that_it_began_with(flow: Flow) -> None:
    name = flow.define(wait(ref="gate"), flow.mark("old"), version=1)
    execution = flow.podium.start(name)
    wait_for("it waits", lambda: waiting(execution, "gate"))

    flow.define(flow.mark("new"), name=name, version=2)
    execution.complete("gate")

    assert execution.wait(timeout=30).version == 1
    assert flow.lines() == ["old 0"]


def test_a_start_takes_the_latest_version_unless_told_otherwise(flow: Flow) -> None:
    name = flow.define(flow.mark("one"), version=1)
    first = flow.podium.start(name).wait(timeout=30)
    flow.define(flow.mark("two"), name=name, version=2)

    latest = flow.podium.start(name).wait(timeout=30)
    chosen = flow.podium.start(name, version=1).wait(timeout=30)

    assert [state.version for state in (first, latest, chosen)] == [1, 2, 1]
    assert flow.lines() == ["one 0", "two 0", "one 0"]


def test_a_version_is_never_changed(flow: Flow) -> None:
    name = flow.define(flow.mark("one"))

    with pytest.raises(DefinitionConflict):
        flow.define(flow.mark("other"), name=name)

    flow.podium.start(name).wait(timeout=30)
    assert flow.lines() == ["one 0"]


def test_an_unknown_version_is_an_error_and_starts_nothing(flow: Flow) -> None:
    name = flow.define(flow.mark("one"))

    with pytest.raises(WorkflowNotFound, match="7"):
        flow.podium.start(name, version=7)

    assert flow.podium.executions(name=name) == []


def test_a_changed_task_definition_is_for_executions_that_start_from_then_on(flow: Flow) -> None:
    failing = simple("flow.fail", ref="flaky", input={"out": str(flow.out), "times": 1})

    def policy(retries: int) -> None:
        limits = {"retryCount": retries, "retryDelaySeconds": 0}
        flow.podium.register({"taskDefs": [{"name": "flow.fail", **limits}]})

    policy(0)
    name = flow.define(wait(ref="gate"), failing)
    before = flow.podium.start(name)
    wait_for("it waits", lambda: waiting(before, "gate"))
    policy(1)
    after = flow.podium.start(name)
    for execution in (before, after):
        wait_for("it waits", lambda one=execution: waiting(one, "gate"))  # type: ignore[misc]
        execution.complete("gate")

    assert before.wait(timeout=30).status == "FAILED"
    assert after.wait(timeout=30).status == "COMPLETED"


def test_a_sub_workflow_runs_the_version_that_is_asked_for(flow: Flow) -> None:
    child = flow.define(flow.mark("one"), version=1)
    flow.podium.register(workflow(child, version=2)(flow.mark("two")))

    flow.run(sub_workflow(child, version=1, ref="a"), sub_workflow(child, ref="b"))

    assert flow.lines() == ["one 0", "two 0"]
