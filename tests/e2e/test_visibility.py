"""What others see: Flower, Celery's events, followers, and callers of plain Celery."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from celery import Celery
from pytest_celery import CeleryTestSetup

from config.settings import Settings
from tests.e2e.flow import Flow, wait_for
from tests.e2e.nodes import REPOSITORY
from tests.e2e.platforms import everywhere
from workflows.builder import do_while, fork, inline, noop, simple
from workflows.status import TaskStatus, WorkflowStatus

STEPS = 30


class Events:
    """Celery's task events, as a monitor sees them."""

    def __init__(self, app: Celery) -> None:
        self.of_task: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._app = app
        self._ready = threading.Event()
        self._receiver: Any = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Events:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._receiver.should_stop = True
        self._thread.join(30)

    def _run(self) -> None:
        with self._app.connection_for_read() as connection:
            self._receiver = self._app.events.Receiver(connection, handlers={"*": self._take})
            self._receiver.on_consume_ready = lambda *_, **__: self._ready.set()
            for _ in self._receiver.consume(limit=None, safety_interval=0.1):
                pass

    def _take(self, event: dict[str, Any]) -> None:
        if event["type"].startswith("task-"):
            self.of_task[event["uuid"]].append(event)

    def names(self, state: str) -> Counter[str]:
        """How many tasks of each name have come to a state."""
        return Counter(
            next(event["name"] for event in events if event.get("name"))
            for events in list(self.of_task.values())
            if any(event["type"] == f"task-{state}" for event in events)
            and any(event.get("name") for event in events)
        )


@pytest.fixture
def events(celery_setup: CeleryTestSetup, flow: Flow) -> Iterator[Events]:
    """A monitor that listens."""
    with Events(celery_setup.app) as listening:
        yield listening


@everywhere
def test_every_step_sends_celerys_events_under_its_own_name(flow: Flow, events: Events) -> None:
    steps = [simple("flow.add", ref=f"s{number}", input={"a": number}) for number in range(STEPS)]

    flow.run(*steps, inline("1 + 1", input={}), flow.mark("last"))

    wanted = Counter({"flow.add": STEPS, "podium.INLINE": 1, "flow.mark": 1})
    for state in ("received", "started", "succeeded"):
        wait_for(f"{state}: {events.names(state)}", lambda of=state: wanted <= events.names(of))  # type: ignore[misc]
        assert events.names(state) == wanted


def test_a_step_that_fails_in_place_is_seen_to_fail(flow: Flow, events: Events) -> None:
    policy = {"name": "flow.fail", "retryCount": 0}
    broken = simple("flow.fail", ref="broken", input={"out": str(flow.out)}, task_definition=policy)

    flow.run(flow.mark("first"), broken)

    wait_for("the failure is seen", lambda: events.names("failed") == {"flow.fail": 1})


def test_flower_shows_every_step_under_its_own_name(
    flow: Flow, flower_container: Any, flower_port: int
) -> None:
    address = f"http://127.0.0.1:{flower_port}"
    with httpx.Client(base_url=address, timeout=10) as flower:
        wait_for("Flower knows the worker", lambda: flower.get("/api/workers").json())
        body = fork([flow.mark("a"), flow.mark("b")], [simple("flow.echo", ref="c", input={"value": 1})])
        flow.run(do_while("$.loop.iteration < 3", body), inline("1", input={}), noop())

        def seen() -> Counter[str]:
            tasks = flower.get("/api/tasks", params={"limit": 1000}).json()
            return Counter(task["name"] for task in tasks.values() if task["state"] == "SUCCESS")

        wanted = Counter({"flow.mark": 6, "flow.echo": 3, "podium.INLINE": 1, "podium.NOOP": 1})
        wait_for("Flower shows all steps", lambda: wanted <= seen())
        own = {name: count for name, count in seen().items() if name in wanted}
        assert own == wanted


def test_a_follower_sees_each_change_of_each_task(flow: Flow) -> None:
    execution = flow.start(flow.mark("a"), fork([flow.mark("b")], [flow.mark("c")]), flow.mark("d"))

    seen = list(execution.follow(timeout=30))

    ended = [event.task.ref for event in seen if event.task and event.task.status is TaskStatus.COMPLETED]
    assert Counter(ended) == Counter(["a", "fork", "b", "c", "fork_join", "d"])
    assert (seen[-1].task, seen[-1].status) == (None, WorkflowStatus.COMPLETED)


@everywhere
def test_the_same_task_is_still_plain_celery(flow: Flow, settings: Settings) -> None:
    flow.run(simple("flow.add", ref="a", input={"a": 1}))

    program = "from tests.e2e.flow_tasks import add; print(add(40), add.delay(40, b=2).get(timeout=20))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", **settings.environment()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.stdout == "{'sum': 41} {'sum': 42}\n", done.stderr
