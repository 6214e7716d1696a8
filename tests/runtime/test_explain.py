"""Why an execution does not move: who stopped it, when, and what for; on both databases."""

from __future__ import annotations

from app.operations import control
from app.operations.query import explain
from tests.runtime.harness import Harness
from workflows.builder import simple, workflow

HOUR_MS = 3_600_000


def begun(harness: Harness) -> str:
    harness.register(workflow("flow")(simple("work", ref="step")).to_json())
    return harness.start("flow")


def test_who_paused_it_is_named_with_the_reason(harness: Harness) -> None:
    execution_id = begun(harness)
    control.pause(harness.engine, execution_id, actor="ann", reason="the bank is closed")
    harness.now += 3 * HOUR_MS

    assert explain(harness.engine, execution_id) == "paused by ann 3 h 0 min ago: the bank is closed"


def test_without_a_name_and_a_reason_only_the_time_is_said(harness: Harness) -> None:
    execution_id = begun(harness)
    control.pause(harness.engine, execution_id)
    harness.now += 5_000

    assert explain(harness.engine, execution_id) == "paused 5.0 s ago"


def test_who_asks_for_a_pause_that_there_is_already_did_not_pause_it(harness: Harness) -> None:
    execution_id = begun(harness)
    control.pause(harness.engine, execution_id, actor="ann")
    harness.now += 1_000
    control.pause(harness.engine, execution_id, actor="bob")

    assert explain(harness.engine, execution_id) == "paused by ann 1.0 s ago"


def test_a_pause_that_was_ended_is_forgotten(harness: Harness) -> None:
    execution_id = begun(harness)
    control.pause(harness.engine, execution_id, actor="ann")
    control.resume(harness.engine, execution_id, actor="ann")
    harness.now += 1_000
    control.pause(harness.engine, execution_id, actor="bob")

    assert explain(harness.engine, execution_id) == "paused by bob 0 ms ago"


def test_who_terminated_it_is_named(harness: Harness) -> None:
    execution_id = begun(harness)
    harness.now += 2_000
    control.terminate(harness.engine, execution_id, "not wanted any more", actor="ann")

    assert explain(harness.engine, execution_id) == "TERMINATED by ann after 2.0 s: not wanted any more"


def test_an_execution_that_ended_again_by_itself_was_terminated_by_nobody(harness: Harness) -> None:
    harness.register(workflow("flow")(simple("broken", ref="step")).to_json() | {"name": "flow"})
    execution_id = harness.start("flow")
    control.terminate(harness.engine, execution_id, "stop", actor="ann")
    harness.now += 1_000
    control.retry(harness.engine, execution_id)
    harness.drain()

    assert explain(harness.engine, execution_id).startswith("FAILED after ")
