"""OpenTelemetry: an execution is one trace, whoever does its tasks."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.processes import commands
from app.store import workers
from config.settings import Settings
from tests.rest.client import Api, simple, workflow
from tests.rest.collector import Collector, collecting
from tests.rest.conftest import serving
from tests.rest.test_signals import below

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def traced(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Api, Collector]]:
    """An API that sends its traces, and the collector."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    with (
        collecting() as collector,
        serving(replace(settings, traces_url=collector.url)) as (process, url),
        Api(url, process) as api,
    ):
        yield api, collector


def attributes(span: Any) -> dict[str, Any]:
    return {a.key: a.value.string_value or a.value.int_value for a in span.attributes}


def test_an_execution_is_one_trace_with_a_span_for_each_attempt(traced: tuple[Api, Collector]) -> None:
    api, collector = traced
    api.post("/metadata/taskdefs", json=[{"name": "scan", "retryCount": 2, "retryDelaySeconds": 0}])
    script = {"evaluatorType": "javascript", "expression": "1 + 1"}
    inline = {"name": "sum", "taskReferenceName": "sum", "type": "INLINE", "inputParameters": script}
    api.register(workflow("order", simple("scan"), inline, simple("pack", "pack_ref")))

    answer = api.post("/workflow", json={"name": "order"}, headers={"traceparent": CALLER})
    execution = answer.text
    first = api.poll("scan", workerid="w1")
    api.update(first, "FAILED", reasonForIncompletion="no light")
    api.update(api.poll("scan", workerid="w2"))
    api.update(api.poll("pack", workerid="w3"))
    names = {"order", "scan", "sum", "pack", "POST /api/workflow"}
    spans = api.until(lambda: found if (found := collector.of(execution)).keys() == names else None)

    root = spans["order"]
    assert root.span_id.hex() == execution.replace("-", "")[-16:]
    assert root.parent_span_id == b""
    assert {spans[name].parent_span_id for name in names - {"order"}} == {root.span_id}
    assert [link.trace_id.hex() for link in spans["POST /api/workflow"].links] == [CALLER[3:35]]
    assert (
        first["traceparent"] == f"00-{execution.replace('-', '')}-{first['taskId'].replace('-', '')[-16:]}-01"
    )
    attempts = [s for s in collector.spans if s.name == "scan"]
    assert sorted(attributes(s)["podium.status"] for s in attempts) == ["COMPLETED", "FAILED"]
    assert [s.status.message for s in attempts if s.status.code == 2] == ["no light"]
    assert attributes(spans["pack"])["podium.ref"] == "pack_ref"
    task = next(t for t in api.execution(execution)["tasks"] if t["referenceTaskName"] == "pack_ref")
    assert spans["pack"].start_time_unix_nano == task["startTime"] * 1_000_000
    assert spans["pack"].end_time_unix_nano == task["endTime"] * 1_000_000


def test_a_sub_workflow_is_part_of_the_trace_of_what_started_it(traced: tuple[Api, Collector]) -> None:
    api, collector = traced
    api.register(workflow("inner", simple("scan")), workflow("outer", below("child", "inner")))
    execution = api.start("outer")

    api.update(api.until(lambda: api.poll("scan")))
    names = {"outer", "child", "inner", "scan", "POST /api/workflow"}
    spans = api.until(lambda: found if (found := collector.of(execution)).keys() == names else None)

    assert spans["child"].parent_span_id == spans["outer"].span_id
    assert spans["inner"].parent_span_id == spans["child"].span_id
    assert spans["scan"].parent_span_id == spans["inner"].span_id


def test_a_collector_that_is_away_stops_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    away = replace(settings, traces_url="http://127.0.0.1:9/v1/traces")
    with serving(away) as (process, url), Api(url, process) as api:
        api.register(workflow("one", simple("scan")))
        execution = api.start("one")
        api.update(api.poll("scan"))

        assert api.execution(execution)["status"] == "COMPLETED"


def test_without_a_collector_nothing_of_it_is_there(api: Api) -> None:
    api.register(workflow("one", simple("scan")))
    api.start("one")

    assert api.process.engine.traces is None
    assert "traceparent" not in api.poll("scan")


@contextmanager
def working(settings: Settings, folder: Path) -> Iterator[None]:
    """A worker of these settings."""
    (command,) = (one for one in commands(settings, 1, beat=False) if one.name == "worker")
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(command.argv, env=dict(command.environment), stdout=log, stderr=log)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(60)


def test_the_steps_of_celery_workers_are_in_it_and_what_they_trace_themselves(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    with collecting() as collector:
        chosen = replace(settings, traces_url=collector.url, imports=("tests.rest.traced_tasks",))
        with working(chosen, tmp_path), serving(chosen) as (process, url), Api(url, process) as api:
            steps = (simple("traced.work", "first"), simple("traced.work", "second"), simple("scan"))
            api.register(workflow("mixed", *steps))
            api.until(lambda: process.engine.store.read(workers.alive), 60)
            execution = api.start("mixed")
            api.update(api.until(lambda: api.poll("scan"), 60))
            names = {"mixed", "traced.work", "scan", "POST /api/workflow"}
            spans = api.until(lambda: found if (found := collector.of(execution)).keys() == names else None)

            ended = {task["referenceTaskName"]: task for task in api.execution(execution)["tasks"]}
    of_celery = {s.span_id.hex() for s in collector.spans if s.name == "traced.work"}
    assert len(of_celery) == 2
    assert {ended[ref]["outputData"]["span"] for ref in ("first", "second")} == of_celery
    assert ended["first"]["outputData"]["trace"] == spans["scan"].trace_id.hex() == execution.replace("-", "")
