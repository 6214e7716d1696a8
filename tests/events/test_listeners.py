"""Whoever asked for it is told of each change of an execution, once it is committed."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from app.errors import EventNotPublished
from app.events.publisher import EventPublisher
from app.events.webhook import signature
from app.operations import control
from app.store import inbox
from app.store.unit_of_work import Store
from config.settings import Settings
from tests.runtime.harness import Harness
from tests.runtime.work import TASK_DEFS
from workflows.builder import Part, for_each, fork, simple, wait, workflow
from workflows.model import TaskDef

SECRET = "0123456789abcdef"


class Service:
    """An HTTP service that keeps what is posted to it, and answers what it is told to."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.posted: list[tuple[dict[str, str], bytes]] = []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.posted.append((dict(self.headers), body))
                self.send_response(service.answers.pop(0) if service.answers else 200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.sink = f"webhook:http://127.0.0.1:{self._server.server_port}/podium?x=1"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.stop()


def told(harness: Harness, store: Store) -> list[str]:
    found = store.read(lambda s: inbox.messages_due(s, 2 * harness.now, 100))
    return [json.loads(row.payload)["event"] for row in found if row.event == "conductor:status"]


def begun(harness: Harness, *parts: Part, **fields: Any) -> str:
    definition = workflow("flow", workflow_status_listener_enabled=True, **fields)(*parts)
    harness.register({"workflows": [definition.to_json()], "taskDefs": TASK_DEFS})
    return harness.start("flow", {"n": 1})


def test_every_change_of_an_execution_is_told_to_its_sink(store: Store) -> None:
    harness = Harness(store)
    execution_id = begun(harness, wait(ref="hold"), workflow_status_listener_sink="conductor:status")

    control.pause(harness.engine, execution_id)
    control.resume(harness.engine, execution_id)
    control.terminate(harness.engine, execution_id, "enough")
    control.restart(harness.engine, execution_id)
    control.terminate(harness.engine, execution_id, "enough")
    control.retry(harness.engine, execution_id)

    changes = ["STARTED", "PAUSED", "RESUMED", "TERMINATED", "RESTARTED", "TERMINATED", "RETRIED"]
    assert told(harness, store) == changes


def test_the_sink_of_the_settings_is_for_definitions_that_name_none_and_is_told_of_ends(
    store: Store, tmp_path: Any
) -> None:
    harness = Harness(store)
    harness.engine.settings = Settings(state_dir=tmp_path, status_sink="conductor:status")
    begun(harness, simple("work", ref="a"))
    begun(harness, simple("fatal", ref="a"), version=2)
    harness.drain()

    assert sorted(told(harness, store)) == ["COMPLETED", "FAILED", "STARTED", "STARTED"]


def ends(harness: Harness, store: Store) -> list[tuple[str, str, int]]:
    found = store.read(lambda s: inbox.messages_due(s, 2 * harness.now, 100))
    payloads = [json.loads(row.payload) for row in found if row.event == "conductor:tasks"]
    return sorted((each["referenceTaskName"], each["event"], each["retryCount"]) for each in payloads)


def test_the_end_of_each_attempt_is_told_once_where_the_settings_name_a_sink(
    store: Store, tmp_path: Any
) -> None:
    harness = Harness(store)
    harness.engine.settings = Settings(state_dir=tmp_path, task_status_sink="conductor:tasks")
    quiet = TaskDef(name="work", task_status_listener_enabled=False)
    begun(
        harness,
        simple("work", ref="a"),
        fork([simple("work", ref="b")], [simple("work", ref="c", task_definition=quiet)]),
        for_each([1], simple("work", ref="l")),
        simple("broken", ref="d"),
    )
    harness.drain()
    stopped = begun(harness, wait(ref="hold"), version=2)
    control.terminate(harness.engine, stopped, "enough")

    told_of = ends(harness, store)
    assert ("c", "COMPLETED", 0) not in told_of
    assert [one for one in told_of if one[0] in ("a", "b", "d", "hold")] == [
        ("a", "COMPLETED", 0),
        ("b", "COMPLETED", 0),
        ("d", "FAILED", 0),
        ("d", "FAILED", 1),
        ("hold", "CANCELED", 0),
    ]
    assert ("l__1", "COMPLETED", 0) in told_of


def test_nobody_is_told_of_tasks_by_default(store: Store) -> None:
    harness = Harness(store)
    begun(harness, simple("work", ref="a"), simple("work", ref="b"))
    harness.drain()

    assert ends(harness, store) == []


def test_without_a_sink_or_without_asking_nobody_is_told(store: Store) -> None:
    harness = Harness(store)
    begun(harness, simple("work", ref="a"))
    quiet = workflow("quiet", workflow_status_listener_sink="conductor:status")(simple("work", ref="a"))
    harness.register({"workflows": [quiet.to_json()], "taskDefs": TASK_DEFS})
    harness.start("quiet", None)
    harness.drain()

    assert told(harness, store) == []


def test_a_webhook_is_signed_and_has_the_id_of_its_message(
    service: Service, store: Store, tmp_path: Any
) -> None:
    events = EventPublisher(store, Settings(state_dir=tmp_path, webhook_secret=SECRET))

    events.publish(service.sink, {"event": "COMPLETED"}, "m1")
    events.close()

    ((headers, body),) = service.posted
    assert json.loads(body) == {"event": "COMPLETED"}
    assert headers["Podium-Message-Id"] == "m1"
    at = int(headers["Podium-Signature"].split(",")[0].removeprefix("t="))
    assert headers["Podium-Signature"] == signature(SECRET, body, at)
    assert headers["Podium-Signature"] != signature("another secret!!", body, at)


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_service_that_does_not_take_it_is_asked_again(
    service: Service, store: Store, tmp_path: Any, status: int
) -> None:
    service.answers = [status]
    events = EventPublisher(store, Settings(state_dir=tmp_path))

    with pytest.raises(EventNotPublished, match=str(status)):
        events.publish(service.sink, {}, "m1")
    events.publish(service.sink, {}, "m1")
    events.close()

    assert [headers["Podium-Message-Id"] for headers, _ in service.posted] == ["m1", "m1"]
    assert all("Podium-Signature" not in headers for headers, _ in service.posted)


def test_a_worker_task_sees_that_nobody_waits_for_it_any_more(store: Store) -> None:
    harness = Harness(store)
    seen: list[bool] = []
    execution_id = begun(harness, simple("work", ref="a"))

    def looks(call: Any) -> None:
        seen.append(call.attempt.cancelled())
        control.terminate(harness.engine, execution_id, "enough")
        seen.append(call.attempt.cancelled())

    harness.on_call = looks
    harness.drain()

    assert seen == [False, True]
