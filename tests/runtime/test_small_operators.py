"""Operators that start, tell and wait: START_WORKFLOW, EVENT, HUMAN, EXCLUSIVE_JOIN, and `asyncComplete`."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.operations.signal import complete_task
from app.store.tasks import TaskRow
from tests.runtime.harness import Harness
from workflows import builder
from workflows.builder import Part, noop, simple, switch, task
from workflows.status import TaskStatus, WorkflowStatus

Json = Any


def start(harness: Harness, *parts: Part, given: Json = None, **more: list[Part]) -> str:
    """Register a workflow and others by their names, and start it."""
    documents = [
        builder.workflow(name)(*some).to_json() for name, some in {**more, "main": list(parts)}.items()
    ]
    harness.register({"workflows": documents, "taskDefs": []})
    return harness.start("main", given)


def row(harness: Harness, execution_id: str, ref: str) -> TaskRow:
    return next(found for found in reversed(harness.rows(execution_id)) if found.ref == ref)


def output(harness: Harness, execution_id: str, ref: str) -> Json:
    return orjson.loads(row(harness, execution_id, ref).output or "null")


def starting(**request: Json) -> Part:
    return task("START_WORKFLOW", "begin", input={"startWorkflow": request})


class TestStartWorkflow:
    def test_another_execution_is_started_and_not_waited_for(self, harness: Harness) -> None:
        execution = start(
            harness,
            starting(name="other", input={"order": "${workflow.input.order}"}),
            simple("work", ref="after"),
            given={"order": 42},
            other=[simple("fatal", ref="inner")],
        )
        harness.drain()

        other = next(found for found in harness.executions() if found.name == "other")
        assert output(harness, execution, "begin") == {"workflowId": other.id}
        assert (orjson.loads(other.input), other.parent_id, other.status) == ({"order": 42}, None, "FAILED")
        assert harness.execution(execution).status == WorkflowStatus.COMPLETED

    def test_of_two_with_one_key_one_is_started(self, harness: Harness) -> None:
        keyed = {"name": "other", "idempotencyKey": "report"}
        first = start(harness, starting(**keyed), other=[noop()])
        second = harness.start("main")
        harness.drain()

        others = [found.id for found in harness.executions() if found.name == "other"]
        assert len(others) == 1
        assert (
            output(harness, first, "begin") == output(harness, second, "begin") == {"workflowId": others[0]}
        )

    def test_a_key_that_must_not_be_taken_fails_the_task(self, harness: Harness) -> None:
        keyed = {"name": "other", "idempotencyKey": "report", "idempotencyStrategy": "FAIL"}
        start(harness, starting(**keyed), other=[noop()])
        second = harness.start("main")
        harness.drain()

        assert "report" in (row(harness, second, "begin").reason or "")
        assert harness.execution(second).status == WorkflowStatus.FAILED

    @pytest.mark.parametrize(
        ("request_", "words"), [({"name": "nobody"}, "nobody"), ({"input": {}}, "'name' -> Field required")]
    )
    def test_what_can_not_be_started_fails_the_task(
        self, harness: Harness, request_: Json, words: str
    ) -> None:
        given = {"startWorkflow": "${workflow.input.request}"}
        execution = start(harness, task("START_WORKFLOW", "begin", input=given), given={"request": request_})
        harness.drain()

        found = row(harness, execution, "begin")
        assert found.status == TaskStatus.FAILED_WITH_TERMINAL_ERROR
        assert words in (found.reason or "")


class TestEvent:
    def test_an_event_of_podiums_own_is_in_the_inbox_when_the_task_has_completed(
        self, harness: Harness
    ) -> None:
        execution = start(
            harness,
            task("EVENT", "tell", sink="conductor:paid", input={"order": "${workflow.input.order}"}),
            given={"order": 42},
        )
        harness.deliver_all()

        (message,) = harness.store.read(lambda s: _inbox(s))
        payload = orjson.loads(message[1])
        assert message[0] == "conductor:main:paid"
        assert (payload["order"], payload["workflowInstanceId"], payload["workflowType"]) == (
            42,
            execution,
            "main",
        )
        assert output(harness, execution, "tell") == payload
        assert payload["event_produced"] == "conductor:main:paid"
        assert harness.execution(execution).status == WorkflowStatus.COMPLETED

    def test_conductor_alone_is_named_after_the_task(self, harness: Harness) -> None:
        start(harness, task("EVENT", "tell", sink="conductor"))
        harness.deliver_all()

        assert [event for event, _ in harness.store.read(lambda s: _inbox(s))] == ["conductor:main:tell"]

    def test_a_sink_that_does_not_exist_fails_the_task(self, harness: Harness) -> None:
        execution = start(
            harness, task("EVENT", "tell", sink="${workflow.input.sink}"), given={"sink": "pigeon:post"}
        )
        harness.deliver_all()

        assert "pigeon" in (row(harness, execution, "tell").reason or "")
        assert harness.execution(execution).status == WorkflowStatus.FAILED

    def test_with_async_complete_it_waits_once_the_event_has_left(self, harness: Harness) -> None:
        execution = start(harness, task("EVENT", "tell", sink="conductor:paid", async_complete=True))
        harness.deliver_all()

        assert row(harness, execution, "tell").status == TaskStatus.IN_PROGRESS
        complete_task(harness.engine, execution, "tell", {"answer": 1})
        harness.drain()

        assert len(harness.store.read(lambda s: _inbox(s))) == 1
        assert output(harness, execution, "tell") == {"answer": 1}
        assert harness.execution(execution).status == WorkflowStatus.COMPLETED


def _inbox(session: Any) -> list[Any]:
    with session.store.engine.connect() as connection:
        return list(connection.exec_driver_sql("SELECT event, payload FROM event_message ORDER BY id"))


def test_a_person_completes_a_human_task_with_what_they_say(harness: Harness) -> None:
    execution = start(harness, task("HUMAN", "review", input={"order": 42}), simple("work", ref="after"))
    harness.deliver_all()
    waits = row(harness, execution, "review")

    complete_task(harness.engine, execution, "review", {"approved": True}, actor="ann")
    harness.drain()

    assert (waits.status, waits.reason, waits.due_at) == (
        TaskStatus.IN_PROGRESS,
        "waiting for a person",
        None,
    )
    assert output(harness, execution, "review") == {"approved": True}
    assert harness.execution(execution).status == WorkflowStatus.COMPLETED


@pytest.mark.parametrize(("kind", "taken"), [("air", "by_air"), ("sea", "by_sea"), ("none", None)])
def test_an_exclusive_join_takes_the_output_of_the_case_that_ran(
    harness: Harness, kind: str, taken: str | None
) -> None:
    cases = {
        "air": [simple("work", ref="by_air", input={"n": 1})],
        "sea": [simple("work", ref="by_sea", input={"n": 2})],
    }
    either = task("EXCLUSIVE_JOIN", "either", join_on=["by_air", "by_sea"])
    execution = start(
        harness,
        switch("${workflow.input.kind}", cases),
        either,
        simple("work", ref="after"),
        given={"kind": kind},
    )
    harness.drain()

    expected = output(harness, execution, taken) if taken else {}
    assert output(harness, execution, "either") == expected
    assert harness.execution(execution).status == WorkflowStatus.COMPLETED


def test_a_worker_task_with_async_complete_waits_after_its_work(harness: Harness) -> None:
    execution = start(harness, simple("work", ref="asked", async_complete=True), simple("work", ref="after"))
    harness.deliver_all()
    waits = row(harness, execution, "asked")

    complete_task(harness.engine, execution, "asked", {"answer": 42})
    harness.drain()

    assert (waits.status, waits.reason) == (TaskStatus.IN_PROGRESS, "waiting to be completed from outside")
    assert output(harness, execution, "asked") == {"answer": 42}
    assert [call.attempt.ref for call in harness.calls] == ["asked", "after"]


def test_a_loop_over_the_items_of_an_expression_runs_once_for_each(harness: Harness) -> None:
    body = [simple("work", ref="inner", input={"item": "${each.output.loopItem}"}).tasks[0]]
    execution = start(
        harness,
        task("DO_WHILE", "each", items="${workflow.input.rows}", loop_over=body),
        given={"rows": ["a", "b"]},
    )
    harness.drain()

    found = [orjson.loads(found.input)["item"] for found in harness.rows(execution) if found.ref == "inner"]
    assert found == ["a", "b"]
    assert output(harness, execution, "each")["iteration"] == 2
