"""Every page as people meet it: themes, widths, keyboard, who may do what, and data that is not friendly."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from app.client import Execution
from app.store.logs import done_to
from tests.browser.conftest import NARROW, WIDE, Stack, Tab
from tests.browser.test_actions import act, badge, failed, flow_of, waiting
from tests.e2e.flow import wait_for
from workflows.builder import do_while, fork, noop, simple, sub_workflow, task, wait

NewTab = Callable[..., Tab]
LOOKS: dict[str, dict[str, Any]] = {
    "light, wide": {"viewport": WIDE},
    "dark, wide": {"viewport": WIDE, "color_scheme": "dark"},
    "light, narrow": {"viewport": NARROW},
    "dark, narrow": {"viewport": NARROW, "color_scheme": "dark"},
}


@pytest.fixture(scope="module")
def shown(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Execution:
    """An execution with a loop, a fork, a sub-workflow, and a task that waits."""
    folder = tmp_path_factory.mktemp("shown")
    flow = flow_of(stack, folder)
    inner = flow.define(flow.mark("inside"), name="shown-inner")
    execution = flow.start(
        do_while("$.loop['iteration'] < 2", flow.mark("again"), ref="loop"),
        fork([flow.mark("left")], [flow.mark("right")]),
        sub_workflow(inner, ref="child"),
        wait(ref="hold"),
        name="shown",
    )
    wait_for("it waits", lambda: any(task.ref == "hold" for task in execution.tasks))
    return execution


def pages(execution: Execution) -> list[str]:
    return ["", f"/execution/{execution.id}", "/definitions", "/definition/shown", "/queues"]


def settled(page: Page) -> Page:
    page.wait_for_load_state("networkidle")
    expect(page.locator("#podium-page h1").first).to_be_visible()
    return page


def hindrances(page: Page) -> list[tuple[str, list[str]]]:
    """What axe calls serious or critical in our part of the page; around it is Flower's own."""
    results = Axe().run(page, context="#podium-page")
    return [
        (violation["id"], [node["html"][:200] for node in violation["nodes"][:3]])
        for violation in results.response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("look", LOOKS)
def test_no_page_keeps_anybody_out_or_overflows(look: str, new_tab: NewTab, shown: Execution) -> None:
    tab = new_tab(**LOOKS[look])
    found: list[tuple[str, str, list[str]]] = []
    for path in pages(shown):
        page = settled(tab.open(path))
        dark = page.evaluate("document.documentElement.dataset.bsTheme")
        assert dark == ("dark" if "dark" in look else "light"), path
        found += [(path, *hindrance) for hindrance in hindrances(page)]
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"):
            found.append((path, "wider than the window", list[str]()))
    assert found == [], "\n".join(map(str, found))


def test_filters_live_in_the_address_and_new_executions_are_seen_without_reload(
    stack: Stack, tab: Tab, folder: Path
) -> None:
    flow = flow_of(stack, folder)
    name = flow.define(wait(ref="hold"), name=f"filtered-{folder.name}")
    page = tab.open()

    page.locator("#filters [name=name]").fill(name)
    expect(page.locator("#empty")).to_have_text("No execution fits these filters.")
    assert f"name={name}" in page.url
    execution = stack.podium.start(name, correlation_id="c-7")
    expect(page.locator("#rows tr")).to_have_count(1)
    page.reload()
    expect(page.locator("#filters [name=name]")).to_have_value(name)
    expect(page.locator("#rows tr")).to_contain_text("c-7")
    page.locator("#statuses button", has_text="completed").click()
    expect(page.locator("#rows tr")).to_have_count(0)
    page.go_back()
    expect(page.locator("#rows tr")).to_have_count(1)
    execution.terminate("the test is over")
    expect(page.locator("#rows .p-badge")).to_contain_text("terminated")


def test_a_loop_shows_the_iteration_that_is_chosen_and_a_sub_workflow_opens_in_place(
    tab: Tab, shown: Execution
) -> None:
    page = tab.open(f"/execution/{shown.id}")
    page.locator('.p-node[data-id="again"]').click()
    expect(page.locator("#panel h2")).to_have_text("again__2")

    page.get_by_role("button", name="The iteration before").click()
    expect(page.locator("#panel h2")).to_have_text("again__1")
    page.get_by_role("button", name="Open sub-workflow shown-inner in place").click()
    expect(page.locator(".p-node", has_text="inside")).to_be_visible()


def test_the_history_says_who_did_what_and_another_run_is_compared(
    stack: Stack, new_tab: NewTab, folder: Path
) -> None:
    execution, other = failed(stack, folder, times=99), failed(stack, folder, times=99)
    stack.podium.retry(execution.id, actor="ann", reason="once more")
    execution.wait(30)
    tab = new_tab()
    page = tab.open(f"/execution/{execution.id}")

    page.locator("#history").click()
    rows = page.locator("#history-rows tbody tr")
    expect(rows.filter(has_text="once more")).to_contain_text("ann")
    expect(rows.filter(has_text="attempt 2").last).to_contain_text("failed")
    page.locator("#compare-with").fill(other.id)
    page.locator("#compare button").click()
    expect(page.locator("#difference tbody tr", has_text="attempts")).to_contain_text("broken")
    expect(page.locator("#difference tbody tr", has_text="attempts")).to_contain_text("2")

    assert hindrances(page) == []


def test_the_diagram_is_walked_with_the_keyboard(tab: Tab, shown: Execution) -> None:
    page = tab.open(f"/execution/{shown.id}")
    expect(page.locator('.p-node[data-id="loop"]')).to_be_visible()

    page.locator('.p-node[tabindex="0"]').first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    focused = page.evaluate("document.activeElement.dataset.id")
    expect(page.locator("#panel h2")).to_contain_text(focused)


def test_five_hundred_tasks_are_drawn_and_change_without_flicker(
    stack: Stack, tab: Tab, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = flow_of(stack, folder)
    execution = flow.start(*(noop(f"n{number}") for number in range(498)), wait(ref="hold"), noop("last"))
    wait_for("it waits", lambda: any(task.ref == "hold" for task in execution.tasks), 60)
    page = tab.open()

    began = time.monotonic()
    tab.open(f"/execution/{execution.id}")
    expect(page.locator(".p-node[role=button]")).to_have_count(500)
    drawn = time.monotonic() - began
    page.evaluate(
        """() => {
            window.gone = 0;
            const watch = (found) => found.forEach((one) => (window.gone += one.removedNodes.length));
            new MutationObserver(watch).observe(document.querySelector('#diagram'), {childList: true});
            new MutationObserver(watch).observe(document.querySelector('#diagram svg'), {childList: true, subtree: false});
        }"""
    )
    execution.complete("hold")
    expect(badge(page)).to_contain_text("completed")
    expect(page.locator('.p-node[data-id="last"]')).to_have_attribute("data-status", "COMPLETED")

    assert page.evaluate("window.gone") == 0
    with capsys.disabled():
        print(f"\n500 tasks were drawn in {drawn:.2f} s")


def test_a_dialog_keeps_the_focus_and_gives_it_back(stack: Stack, tab: Tab, folder: Path) -> None:
    execution = waiting(stack, folder)
    page = tab.open(f"/execution/{execution.id}")
    button = page.locator("button[data-verb=pause]")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_be_visible()
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || document.activeElement.closest('dialog') !== null"
        )
    page.keyboard.press("Escape")

    expect(button).to_be_focused()
    execution.terminate("the test is over")


def test_a_page_asks_no_more_when_nothing_can_change(stack: Stack, tab: Tab, folder: Path) -> None:
    execution = failed(stack, folder)
    page = settled(tab.open(f"/execution/{execution.id}"))
    expect(badge(page)).to_contain_text("failed")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.wait_for_timeout(2_500)

    assert asked == []


def test_a_wide_dynamic_fork_is_one_stack_with_its_counts(stack: Stack, tab: Tab, folder: Path) -> None:
    flow = flow_of(stack, folder)
    given = {"forkTaskName": "flow.echo", "forkTaskInputs": [{"value": number} for number in range(30)]}
    execution = flow.start(
        task("FORK_JOIN_DYNAMIC", "many", input=given),
        task("JOIN", "all"),
        wait(ref="hold"),
        name=folder.name,
    )
    wait_for("it waits", lambda: any(task.ref == "hold" for task in execution.tasks))
    page = tab.open(f"/execution/{execution.id}")

    stacked = page.locator('.p-node[data-shape="stack"]')
    expect(stacked).to_contain_text("30 completed")
    stacked.click()
    expect(page.locator("#panel .p-stack li")).to_have_count(30)
    page.locator("#panel .p-stack button").first.click()
    expect(page.locator("#panel .p-json").first).to_contain_text("value")
    execution.terminate("the test is over")


def test_masked_fields_are_stars_on_every_page(stack: Stack, tab: Tab, folder: Path) -> None:
    flow = flow_of(stack, folder)
    name = flow.define(
        simple("flow.echo", ref="echo", input={"value": {"card": "${workflow.input.card}"}}),
        wait(ref="hold"),
        name=f"masked-{folder.name}",
        masked_fields=["card"],
    )
    execution = stack.podium.start(name, {"card": "4111-1111"})
    wait_for("it waits", lambda: any(task.ref == "hold" for task in execution.tasks))

    page = settled(tab.open(f"/execution/{execution.id}#task=echo"))
    expect(page.locator("#panel .p-json").first).to_contain_text("***")
    expect(page.locator("#payload")).to_contain_text("***")

    assert "4111-1111" not in page.content()
    execution.terminate("the test is over")


def test_what_is_hostile_is_shown_as_it_is_and_does_nothing(stack: Stack, tab: Tab, folder: Path) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>'\"&amp;"
    flow = flow_of(stack, folder)
    broken = simple("flow.echo", ref="echo", input={"value": evil, evil: evil})
    name = flow.define(
        broken, wait(ref="hold"), name=f"hostile-{folder.name}", description=evil, variables={evil: evil}
    )
    execution = stack.podium.start(name, {"text": evil}, correlation_id=evil)
    wait_for("it waits", lambda: len(execution.tasks) > 1 or execution.status.terminal)
    execution.terminate(evil)

    for path in ("", f"/execution/{execution.id}#task=echo", f"/definition/{name}", "/definitions"):
        page = settled(tab.open(path))
        assert page.locator("#podium-page img, #podium-page script").count() == 0
        assert page.evaluate("document.title") != "owned"
    page = tab.open(f"?name={name}")
    expect(page.locator("#rows tr")).to_contain_text(evil)


def test_who_has_authenticated_is_named_in_the_record(
    stack: Stack, another_flower: Callable[..., str], new_tab: NewTab, folder: Path
) -> None:
    url = another_flower("--basic_auth=ann:secret")
    execution = waiting(stack, folder)
    tab = new_tab(url, http_credentials={"username": "ann", "password": "secret"})
    page = tab.open(f"/execution/{execution.id}")

    act(page, "terminate", "by a person")
    expect(badge(page)).to_contain_text("terminated")

    rows = stack.podium.engine.store.read(lambda session: done_to(session, execution.id))
    assert [(row.operation, row.actor) for row in rows] == [("terminate", "ann")]


def test_read_only_shows_everything_and_offers_nothing(
    another_flower: Callable[..., str], new_tab: NewTab, shown: Execution
) -> None:
    tab = new_tab(another_flower("--read_only"))
    page = settled(tab.open(f"/execution/{shown.id}"))
    expect(badge(page)).to_contain_text("running")
    page.locator('.p-node[data-id="hold"]').click()
    expect(page.locator("#panel h2")).to_have_text("hold")

    assert page.locator("[data-verb]").count() == 0
    page = settled(tab.open())
    expect(page.locator("#start")).to_be_hidden()


def test_below_a_prefix_every_link_is_right(
    another_flower: Callable[..., str], new_tab: NewTab, shown: Execution
) -> None:
    tab = new_tab(another_flower("--url_prefix=ops/flower") + "/ops/flower")
    for path in pages(shown):
        page = settled(tab.open(path))
        links = page.eval_on_selector_all(
            "#podium-page a[href]", "links => links.map(link => link.getAttribute('href'))"
        )
        outside = [link for link in links if not link.startswith(("/ops/flower/", "#", "http"))]
        assert outside == [], path
    page.get_by_role("navigation").get_by_text("Executions").click()
    settled(page)
    assert page.url.endswith("/ops/flower/workflows")


def test_the_tab_is_on_flowers_own_pages(tab: Tab) -> None:
    page = tab.page
    page.goto(tab.root + "/workers")

    page.get_by_role("link", name="Workflows").click()

    settled(page)
    assert page.url.endswith("/workflows")
