"""A JOIN or a loop that ends before what is inside of it: that is cancelled, and the flow goes on once; on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from app.operations import control
from tests.runtime.harness import Harness
from tests.runtime.test_control import statuses
from workflows.builder import Part, do_while, fork, simple, sub_workflow, workflow

LATE = {"timeoutSeconds": 10, "responseTimeoutSeconds": 10, "timeoutPolicy": "RETRY"}
FLOW = [{"optional": True}, {"permissive": True}]


def work(ref: str) -> Part:
    return simple("work", ref=ref)


def elsewhere(ref: str) -> Part:
    return simple("elsewhere", ref=ref)


def begun(harness: Harness, *parts: Part, **fields: Any) -> str:
    """An execution of these; what ends it too late has the fields."""
    document = workflow("flow")(*parts).to_json()
    for task in document["tasks"]:
        if task["type"] in ("JOIN", "DO_WHILE"):
            task |= {**fields, "taskDefinition": {"name": task["name"], **LATE}}
    harness.register({"workflows": [document]})
    execution_id = harness.start("flow")
    harness.deliver_all()
    return execution_id


@pytest.mark.parametrize("fields", FLOW, ids=lambda fields: next(iter(fields)))
def test_what_a_join_waited_for_in_vain_is_cancelled_and_the_flow_goes_on(
    harness: Harness, fields: dict[str, bool]
) -> None:
    parts = fork([work("quick")], [elsewhere("slow"), work("never")]), elsewhere("after")
    execution_id = begun(harness, *parts, **fields)

    harness.advance(11_000)
    harness.deliver_all()

    found = statuses(harness, execution_id)
    ended = "COMPLETED_WITH_ERRORS" if "optional" in fields else "TIMED_OUT"
    assert found == {
        "fork": "COMPLETED",
        "quick": "COMPLETED",
        "slow": "CANCELED",
        "fork_join": ended,
        "after": "SCHEDULED",
    }


@pytest.mark.parametrize("fields", FLOW, ids=lambda fields: next(iter(fields)))
def test_the_body_of_a_loop_that_took_too_long_is_cancelled(
    harness: Harness, fields: dict[str, bool]
) -> None:
    body = work("quick"), fork([elsewhere("left")], [elsewhere("right")]), work("never")
    execution_id = begun(harness, do_while("true", *body, ref="loop"), elsewhere("after"), **fields)

    harness.advance(11_000)
    harness.deliver_all()

    found = statuses(harness, execution_id)
    assert {name: found[name] for name in ("left__1", "right__1", "fork_join__1")} == {
        "left__1": "CANCELED",
        "right__1": "CANCELED",
        "fork_join__1": "CANCELED",
    }
    assert found["after"] == "SCHEDULED"
    assert "never__1" not in found


def test_a_sub_workflow_inside_of_it_is_terminated(harness: Harness) -> None:
    harness.register(workflow("child")(elsewhere("inner")).to_json())
    body = sub_workflow("child", ref="sub")
    execution_id = begun(harness, do_while("true", body, ref="loop"), elsewhere("after"), optional=True)
    (child,) = [row for row in harness.executions() if row.name == "child"]

    harness.advance(11_000)

    assert harness.execution(child.id).status == "TERMINATED"
    assert statuses(harness, execution_id)["after"] == "SCHEDULED"


def test_a_worker_that_comes_back_later_changes_nothing(harness: Harness) -> None:
    body = work("inner")
    document = workflow("flow")(do_while("true", body, ref="loop"), elsewhere("after")).to_json()
    document["tasks"][0] |= {"optional": True, "taskDefinition": {"name": "loop", **LATE}}
    harness.register({"workflows": [document]})
    execution_id = harness.start("flow")

    def late(_call: Any) -> None:
        harness.on_call = None
        harness.advance(11_000)

    harness.on_call = late
    harness.deliver_all()

    found = statuses(harness, execution_id)
    assert found == {"loop": "COMPLETED_WITH_ERRORS", "inner__1": "CANCELED", "after": "SCHEDULED"}
    assert [row.ref for row in harness.rows(execution_id)].count("after") == 1


def test_what_was_cancelled_with_a_join_is_not_tried_again_with_what_failed_later(harness: Harness) -> None:
    parts = fork([work("quick")], [elsewhere("slow")]), simple("fatal", ref="after")
    execution_id = begun(harness, *parts, optional=True)
    harness.advance(11_000)
    harness.deliver_all()
    assert harness.execution(execution_id).status == "FAILED"

    control.retry(harness.engine, execution_id)
    harness.deliver_all()

    refs = [(row.ref, row.status) for row in harness.rows(execution_id)]
    assert refs.count(("slow", "CANCELED")) == 1
    assert [status for ref, status in refs if ref == "after"] == ["FAILED_WITH_TERMINAL_ERROR"] * 2
    assert harness.execution(execution_id).status == "FAILED"


@pytest.mark.parametrize("fields", FLOW, ids=lambda fields: next(iter(fields)))
def test_a_pause_afterwards_finds_nothing_that_has_failed(harness: Harness, fields: dict[str, bool]) -> None:
    parts = fork([work("quick")], [elsewhere("slow"), work("never")]), elsewhere("after")
    execution_id = begun(harness, *parts, **fields)
    harness.advance(11_000)

    control.pause(harness.engine, execution_id)
    control.resume(harness.engine, execution_id)
    harness.deliver_all()

    found = statuses(harness, execution_id)
    assert (found["slow"], found["after"]) == ("CANCELED", "SCHEDULED")
    assert "never" not in found
    assert harness.execution(execution_id).status == "RUNNING"


def test_a_branch_that_the_join_does_not_wait_for_goes_on(harness: Harness) -> None:
    document = workflow("flow")(
        fork([elsewhere("slow")], [elsewhere("beside"), work("last")]), elsewhere("after")
    ).to_json()
    document["tasks"][1] |= {
        "joinOn": ["slow"],
        "optional": True,
        "taskDefinition": {"name": "join", **LATE},
    }
    harness.register({"workflows": [document]})
    execution_id = harness.start("flow")

    harness.advance(11_000)

    found = statuses(harness, execution_id)
    assert (found["slow"], found["beside"], found["after"]) == ("CANCELED", "SCHEDULED", "SCHEDULED")
