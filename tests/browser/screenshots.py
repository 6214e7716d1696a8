"""`make screenshots`: the four pages of the Workflows section with a shop at work, into docs/images."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from app.client import Execution, Podium
from app.demo.orders import make_orders
from app.reference import ROOT
from config.settings import Settings
from tests.browser.conftest import NARROW, WIDE, chromium
from tests.e2e.flow import wait_for
from tests.localcelery.process import free_port
from workflows.status import TaskStatus, WorkflowStatus

IMAGES = ROOT / "docs" / "images"
SHOP = ROOT / "workflows" / "definitions"


@contextmanager
def shop() -> Iterator[tuple[Podium, str]]:
    """A stack with orders of every kind; the API and Flower's address."""
    with tempfile.TemporaryDirectory(prefix="podium-pages-") as folder:
        settings = Settings(state_dir=Path(folder), flower_port=free_port(), api_port=free_port())
        environment = {**os.environ, **settings.environment(), "PYTHONPATH": str(ROOT)}
        up = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "up", "--json", "--no-api"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert up.stdout is not None
        up.stdout.readline()
        try:
            with Podium(settings) as podium:
                yield podium, f"http://127.0.0.1:{settings.flower_port}"
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(60)


def work(podium: Podium) -> dict[str, str]:
    """Ten orders, one of which waits for its review; ids of executions worth looking at."""
    for file in ("shop_tasks", "ship_parcels", "order_cancellation", "order_fulfillment"):
        podium.register(SHOP / f"{file}.json")
    orders = make_orders(10, 7)
    started = {
        order.order_id: podium.start("order_fulfillment", order.input, correlation_id=order.order_id)
        for order in orders
    }
    waiting = started["order-04"]
    wait_for("an order waits for its review", lambda: _in_review(waiting), 60)
    for order in orders:
        if order.decision and order.order_id != "order-04":
            execution = started[order.order_id]
            wait_for("its review", partial(_in_review, execution), 60)
            execution.complete("review", order.decision)
    for order_id, execution in started.items():
        if order_id != "order-04":
            execution.wait(60)
    failed = next(e for e in started.values() if e.status is WorkflowStatus.FAILED and len(e.tasks) > 8)
    done = next(e for e in started.values() if e.status is WorkflowStatus.COMPLETED)
    return {"waiting": waiting.id, "failed": failed.id, "completed": done.id}


def _in_review(execution: Execution) -> bool:
    return any(task.ref == "review" and task.status is TaskStatus.IN_PROGRESS for task in execution.tasks)


def _take(page: Page, name: str, full: bool) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)
    page.screenshot(path=IMAGES / f"{name}.png", full_page=full)


def main() -> int:
    """Take them all."""
    IMAGES.mkdir(exist_ok=True)
    with shop() as (podium, url), sync_playwright() as playwright:
        ids = work(podium)
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        pages = {
            "executions": "",
            "execution": f"/execution/{ids['failed']}",
            "definition": "/definition/order_fulfillment",
            "queues": "/queues",
        }
        looks: list[tuple[str, dict[str, Any]]] = [
            ("", {"viewport": WIDE}),
            ("-narrow", {"viewport": NARROW, "is_mobile": True, "has_touch": True}),
        ]
        for suffix, options in looks:
            context = browser.new_context(**options)
            page = context.new_page()
            for name, path in pages.items():
                page.goto(f"{url}/workflows{path}")
                _take(page, name + suffix, full=not suffix and name == "execution")
            context.close()
        dark: dict[str, Any] = {"viewport": WIDE, "color_scheme": "dark"}
        context = browser.new_context(**dark)
        page = context.new_page()
        page.add_init_script(
            "localStorage.setItem('theme', 'dark'); localStorage.setItem('flower-theme', 'dark')"
        )
        page.goto(f"{url}/workflows/execution/{ids['waiting']}")
        _take(page, "execution-dark", full=True)
        browser.close()
    for image in sorted(IMAGES.glob("*.png")):
        print(f"{image.relative_to(ROOT)}  {image.stat().st_size / 1024:.0f} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
