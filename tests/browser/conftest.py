"""A real Chromium before a running stack: Valkey, worker, beat, events and Flower, as `podium up` starts them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from app.client import Podium
from config.settings import Settings
from tests.e2e.flow import wait_for
from tests.e2e.nodes import REPOSITORY
from tests.localcelery.process import free_port
from tests.servers import ServerMissing

PATIENCE_MS = 30_000
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def chromium() -> str:
    """The browser's program.

    Raises:
        ServerMissing: there is none.
    """
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise ServerMissing("no chromium on this machine; install it (apt-get install chromium)")


@dataclass
class Stack:
    """The running processes, and where they are."""

    podium: Podium
    flower: str
    environment: dict[str, str]


@dataclass
class Tab:
    """A page of the section, and everything that a browser complains about."""

    page: Page
    root: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str = "") -> Page:
        """Go to a page of the section."""
        self.page.goto(f"{self.root}/workflows{path}")
        return self.page

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("console", self._said)
        self.page.on("response", self._answered)

    def _said(self, message: Any) -> None:
        # What an answer was refused with is told below, with its address.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    def _answered(self, response: Any) -> None:
        if response.status >= 400 and not response.url.endswith("/favicon.ico"):
            self.complaints.append(f"{response.status}: {response.request.method} {response.url}")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`podium up` with tasks of these tests; its state is gone afterwards."""
    home = tmp_path_factory.mktemp("browser")
    settings = Settings(
        state_dir=home,
        imports=("tasks", "tests.e2e.flow_tasks"),
        flower_port=free_port(),
        api_port=free_port(),
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PODIUM_", "FLOWER_"))},
        **settings.environment(),
        "PYTHONPATH": str(REPOSITORY),
    }
    command = [sys.executable, "-m", "app.cli", "up", "--json", "--no-api"]
    log = (home / "up.log").open("w")
    process = subprocess.Popen(
        command, env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=log, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, (home / "up.log").read_text()
        with Podium(settings) as podium:
            yield Stack(podium, json.loads(line)["flower"].rstrip("/"), environment)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        process.stdout.close()
        log.close()


@pytest.fixture(scope="session")
def another_flower(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Starts a Flower of the same stack with other options, once for each; its address without the prefix."""
    started: dict[tuple[str, ...], tuple[subprocess.Popen[bytes], str]] = {}

    def start(*options: str) -> str:
        if options not in started:
            port = free_port()
            words = ["-m", "celery", "-A", "app", "flower", "--address=127.0.0.1", f"--port={port}", *options]
            log = tmp_path_factory.mktemp("flower") / "flower.log"
            with log.open("wb") as file:
                process = subprocess.Popen(
                    [sys.executable, *words],
                    env=stack.environment,
                    cwd=REPOSITORY,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                )
            url = f"http://127.0.0.1:{port}"
            started[options] = (process, url)
            prefix = next((f"/{o.partition('=')[2]}" for o in options if o.startswith("--url_prefix=")), "")
            wait_for("Flower answers", lambda: _answers(f"{url}{prefix}/healthcheck"), 60)
        return started[options][1]

    yield start
    for process, _ in started.values():
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield launched
        launched.close()


@pytest.fixture
def new_tab(browser: Browser, stack: Stack) -> Iterator[Callable[..., Tab]]:
    """Opens tabs, each in a browser of its own, and closes them; what they complained about fails the test."""
    opened: list[tuple[Any, Tab]] = []

    def make(root: str | None = None, **options: Any) -> Tab:
        context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
        tab = Tab(context.new_page(), root or stack.flower)
        opened.append((context, tab))
        return tab

    yield make
    for context, _ in opened:
        context.close()
    assert [complaint for _, tab in opened for complaint in tab.complaints] == []


@pytest.fixture
def tab(new_tab: Callable[..., Tab]) -> Tab:
    """A wide, light tab."""
    return new_tab()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """For what worker tasks write."""
    return tmp_path
