"""What operators do, each in a browser, and what the executions make of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from app.client import Execution
from app.store.logs import done_to
from tests.browser.conftest import Stack, Tab
from tests.e2e.flow import Flow, wait_for
from workflows.builder import simple, task, wait
from workflows.status import WorkflowStatus

NO_RETRY = {"name": "any", "retryCount": 0}


def flow_of(stack: Stack, folder: Path) -> Flow:
    return Flow(stack.podium, folder)


def waiting(stack: Stack, folder: Path) -> Execution:
    """An execution that waits for a signal at `hold`, with `last` behind it."""
    flow = flow_of(stack, folder)
    execution = flow.start(flow.mark("first"), wait(ref="hold"), flow.mark("last"))
    wait_for("it waits", lambda: any(task.ref == "hold" for task in execution.tasks))
    return execution


def failed(stack: Stack, folder: Path, times: int = 1) -> Execution:
    """An execution whose task `broken` has failed, and does so `times` times."""
    flow = flow_of(stack, folder)
    given = {"out": str(flow.out), "times": times}
    broken = simple("flow.fail", ref="broken", input=given, task_definition=NO_RETRY)
    execution = flow.start(flow.mark("first"), broken, flow.mark("last"))
    assert execution.wait(30).status is WorkflowStatus.FAILED
    return execution


def press(page: Page, verb: str) -> None:
    """Press the button of an action; its dialog opens."""
    page.locator(f"button[data-verb={verb}]").first.click()
    expect(page.locator("dialog")).to_be_visible()


def confirm(page: Page, **values: str) -> None:
    """Fill in the dialog and send it; it closes when the server has done it."""
    for name, value in values.items():
        page.locator(f"dialog [name={name}]").fill(value)
    page.locator("dialog button[type=submit]").click()
    expect(page.locator("dialog")).to_have_count(0)


def act(page: Page, verb: str, reason: str = "a test", **values: str) -> None:
    press(page, verb)
    confirm(page, reason=reason, **values)


def choose(page: Page, ref: str) -> None:
    """Have a task shown in the panel."""
    page.locator(f'.p-node[data-id="{ref}"]').click()
    expect(page.locator("#panel h2")).to_have_text(ref)


def badge(page: Page) -> Any:
    return page.locator("#head .p-badge")


def done(stack: Stack, execution: Execution) -> list[tuple[str, str | None]]:
    rows = stack.podium.engine.store.read(lambda session: done_to(session, execution.id))
    return [(row.operation, row.reason) for row in rows]


def test_an_execution_is_paused_and_resumed_and_its_page_follows(
    stack: Stack, tab: Tab, folder: Path
) -> None:
    execution = waiting(stack, folder)
    page = tab.open(f"/execution/{execution.id}")

    act(page, "pause", "the bank is down")
    expect(badge(page)).to_contain_text("paused")
    expect(page.locator("#explanation")).to_contain_text("paused")
    act(page, "resume", "the bank is back")
    expect(badge(page)).to_contain_text("running")

    assert done(stack, execution) == [("pause", "the bank is down"), ("resume", "the bank is back")]


def test_a_waiting_task_is_completed_with_an_output_and_the_rest_is_seen_without_reload(
    stack: Stack, tab: Tab, folder: Path
) -> None:
    execution = waiting(stack, folder)
    page = tab.open(f"/execution/{execution.id}")
    page.evaluate("window.untouched = true")
    choose(page, "hold")

    press(page, "complete-task")
    confirm(page, output='{"by": "ann"}', reason="the bank has answered")

    expect(badge(page)).to_contain_text("completed")
    expect(page.locator('.p-node[data-id="last"]')).to_have_attribute("data-status", "COMPLETED")
    assert page.evaluate("window.untouched") is True
    assert execution.get("hold").output == {"by": "ann"}
    assert done(stack, execution) == [("complete_task", "the bank has answered")]


def test_a_human_task_is_completed_by_a_form_and_json_that_is_none_is_said_so(
    stack: Stack, tab: Tab, folder: Path
) -> None:
    flow = flow_of(stack, folder)
    execution = flow.start(task("HUMAN", "approve"), flow.mark("last"))
    wait_for("it waits for a person", lambda: any(task.ref == "approve" for task in execution.tasks))
    page = tab.open(f"/execution/{execution.id}")
    choose(page, "approve")

    press(page, "complete-task")
    page.locator("dialog [name=output]").fill("{no json")
    page.locator("dialog button[type=submit]").click()
    expect(page.locator("dialog .p-error")).to_contain_text("Output:")
    confirm(page, output='{"approved": true}')

    expect(badge(page)).to_contain_text("completed")
    assert execution.get("approve").output == {"approved": True}


def test_a_task_is_failed_and_the_cause_is_said_at_the_top(stack: Stack, tab: Tab, folder: Path) -> None:
    execution = waiting(stack, folder)
    page = tab.open(f"/execution/{execution.id}")
    choose(page, "hold")

    press(page, "fail-task")
    page.locator("dialog [name=terminal]").check()
    confirm(page, reason="nobody answers")

    expect(badge(page)).to_contain_text("failed")
    expect(page.locator("#explanation")).to_contain_text("nobody answers")
    page.locator("#banner button").click()
    expect(page.locator("#panel h2")).to_have_text("hold")
    assert execution.status is WorkflowStatus.FAILED


def test_a_failed_execution_is_retried_where_it_failed(stack: Stack, tab: Tab, folder: Path) -> None:
    execution = failed(stack, folder, times=1)
    page = tab.open(f"/execution/{execution.id}")
    expect(page.locator("#panel h2")).to_have_text("broken")

    act(page, "retry")

    expect(badge(page)).to_contain_text("completed")
    assert flow_of(stack, folder).lines() == ["first 0", "broken 0", "broken 1", "last 0"]


def test_a_task_is_rerun_with_an_edited_input(stack: Stack, tab: Tab, folder: Path) -> None:
    execution = failed(stack, folder, times=99)
    page = tab.open(f"/execution/{execution.id}")
    choose(page, "broken")
    expect(page.locator("#panel .p-json").first).to_contain_text("times")

    press(page, "rerun")
    field = page.locator("dialog [name=input]")
    given = json.loads(field.input_value())
    assert given["times"] == 99
    confirm(page, reason="it was a typo", input=json.dumps({**given, "times": 0}))

    expect(badge(page)).to_contain_text("completed")
    assert execution.get("broken").input["times"] == 0


def test_an_execution_is_restarted_with_its_own_and_with_the_latest_definition(
    stack: Stack, tab: Tab, folder: Path
) -> None:
    flow = flow_of(stack, folder)
    name = flow.define(flow.mark("first"), name=f"restarted-{folder.name}")
    execution = stack.podium.start(name)
    execution.wait(30)
    flow.define(flow.mark("second"), name=name, version=2)
    page = tab.open(f"/execution/{execution.id}")

    act(page, "restart")
    expect(page.locator("#facts")).to_contain_text("2")
    expect(badge(page)).to_contain_text("completed")
    press(page, "restart")
    page.locator("dialog [name=latest]").select_option("latest")
    confirm(page, reason="a test")
    expect(page.locator(".p-version").first).to_contain_text("v2")
    expect(badge(page)).to_contain_text("completed")

    assert execution.state.version == 2
    assert flow.lines() == ["first 0", "first 0", "second 0"]


def test_a_task_that_was_not_reached_is_skipped(stack: Stack, tab: Tab, folder: Path) -> None:
    execution = waiting(stack, folder)
    page = tab.open(f"/execution/{execution.id}")
    page.locator('.p-node[data-id="last"]').click()

    act(page, "skip-task", output='{"skipped": 1}')
    expect(page.locator('.p-node[data-id="last"]')).to_have_attribute("data-status", "SKIPPED")
    execution.complete("hold")

    expect(badge(page)).to_contain_text("completed")
    assert flow_of(stack, folder).lines() == ["first 0"]


def test_variables_are_set_and_an_execution_is_terminated(stack: Stack, tab: Tab, folder: Path) -> None:
    execution = waiting(stack, folder)
    page = tab.open(f"/execution/{execution.id}")

    act(page, "update-variables", variables='{"limit": 5}')
    wait_for("it is set", lambda: execution.state.variables == {"limit": 5})
    act(page, "terminate", "enough of it")

    expect(badge(page)).to_contain_text("terminated")
    expect(page.locator("#explanation")).to_contain_text("enough of it")
    assert execution.reason == "enough of it"


def test_a_dialog_that_is_left_does_nothing(stack: Stack, tab: Tab, folder: Path) -> None:
    execution = waiting(stack, folder)
    page = tab.open(f"/execution/{execution.id}")

    press(page, "terminate")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    press(page, "terminate")
    page.locator("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator("dialog")).to_have_count(0)

    assert execution.status is WorkflowStatus.RUNNING
    assert done(stack, execution) == []
    execution.terminate("the test is over")


def test_many_are_changed_at_once_with_their_number_shown(stack: Stack, tab: Tab, folder: Path) -> None:
    flow = flow_of(stack, folder)
    name = flow.define(wait(ref="hold"), name=f"many-{folder.name}")
    started = [stack.podium.start(name) for _ in range(3)]
    page = tab.open(f"?name={name}")
    expect(page.locator("#rows tr")).to_have_count(3)

    page.locator("#all").check()
    expect(page.locator("#bulk")).to_contain_text("3 selected")
    press(page, "pause")
    expect(page.locator("dialog h2")).to_contain_text("3 executions")
    confirm(page, reason="maintenance")
    expect(page.locator("#rows .p-badge", has_text="paused")).to_have_count(3)
    page.locator("#all").check()
    act(page, "terminate", "given up")

    expect(page.locator("#rows .p-badge", has_text="terminated")).to_have_count(3)
    assert {execution.reason for execution in started} == {"given up"}


def test_a_workflow_is_started_with_a_form_of_its_schema_and_like_another(
    stack: Stack, tab: Tab, folder: Path
) -> None:
    flow = flow_of(stack, folder)
    schema = {
        "type": "object",
        "required": ["order"],
        "properties": {"order": {"type": "string", "title": "Order"}, "pieces": {"type": "integer"}},
    }
    name = flow.define(
        flow.mark("first", {"order": "${workflow.input.order}"}),
        name=f"form-{folder.name}",
        input_schema={"name": "order", "version": 1, "type": "JSON", "data": schema},
    )
    page = tab.open(f"/definition/{name}")

    page.get_by_role("button", name="Start", exact=True).click()
    page.locator('dialog [name="input.order"]').fill("o-42")
    page.locator('dialog [name="input.pieces"]').fill("3")
    page.locator("dialog [name=correlationId]").fill("c-42")
    page.locator("dialog button[type=submit]").click()
    page.wait_for_url("**/workflows/execution/*")
    expect(badge(page)).to_contain_text("completed")
    page.get_by_text("Start like this one").click()
    expect(page.locator('dialog [name="input.order"]')).to_have_value("o-42")
    page.keyboard.press("Escape")

    (state,) = stack.podium.executions(name=name)
    assert (state.input, state.correlation_id) == ({"order": "o-42", "pieces": 3}, "c-42")
